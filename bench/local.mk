# Benchmarks: not part of `make check`; see bench/README.md.
EXTRA_DIST += %reldir%/README.md %reldir%/grow
grow_programs = %reldir%/grow-pool %reldir%/grow-load
EXTRA_PROGRAMS += $(grow_programs)
CLEANFILES += $(grow_programs)
%canon_reldir%_grow_pool_SOURCES = %reldir%/grow-pool.c
%canon_reldir%_grow_pool_LDADD = libpool.a libfcgi_layer.a libbase.a $(FCGI_LIBS)
%canon_reldir%_grow_load_SOURCES = %reldir%/grow-load.c
%canon_reldir%_grow_load_LDADD = libbase.a

.PHONY: bench-programs
bench-programs: $(grow_programs)
