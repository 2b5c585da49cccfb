# bench: figures, by hand and never in `make check`.
EXTRA_PROGRAMS += %reldir%/fcgi-load
CLEANFILES += %reldir%/fcgi-load$(EXEEXT)
%canon_reldir%_fcgi_load_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
%canon_reldir%_fcgi_load_SOURCES = %reldir%/fcgi-load.c
%canon_reldir%_fcgi_load_LDADD = libtestfcgi.a libbase.a
EXTRA_DIST += %reldir%/README.md %reldir%/kept.sh

.PHONY: bench-kept
bench-kept: all %reldir%/fcgi-load$(EXEEXT)
	top_srcdir='$(top_srcdir)' top_builddir='$(top_builddir)' \
	    sh '$(srcdir)/%reldir%/kept.sh'

# What it costs to make sure of a row before it is told.
EXTRA_PROGRAMS += %reldir%/replay
CLEANFILES += %reldir%/replay$(EXEEXT)
%canon_reldir%_replay_SOURCES = %reldir%/replay.c
%canon_reldir%_replay_LDADD = libledger.a libsale.a libbase.a $(MYSQL_LIBS)
EXTRA_DIST += %reldir%/replay.sh

.PHONY: bench-replay
bench-replay: %reldir%/replay$(EXEEXT)
	top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' \
	    sh '$(srcdir)/%reldir%/replay.sh'

EXTRA_DIST += %reldir%/grow
grow_programs = %reldir%/grow-pool %reldir%/grow-load
EXTRA_PROGRAMS += $(grow_programs)
CLEANFILES += $(grow_programs)
%canon_reldir%_grow_pool_SOURCES = %reldir%/grow-pool.c
%canon_reldir%_grow_pool_LDADD = libpool.a libfcgi_layer.a libbase.a $(FCGI_LIBS)
%canon_reldir%_grow_load_SOURCES = %reldir%/grow-load.c
%canon_reldir%_grow_load_LDADD = libbase.a

.PHONY: bench-programs
bench-programs: $(grow_programs)

EXTRA_PROGRAMS += %reldir%/ledger-batch
CLEANFILES += %reldir%/ledger-batch$(EXEEXT)
%canon_reldir%_ledger_batch_SOURCES = %reldir%/ledger-batch.c
%canon_reldir%_ledger_batch_LDADD = libledger.a libsale.a libbase.a $(MYSQL_LIBS)
EXTRA_DIST += %reldir%/batch.sh

.PHONY: bench-batch
bench-batch: %reldir%/ledger-batch$(EXEEXT)
	top_srcdir='$(top_srcdir)' top_builddir='$(top_builddir)' \
	    sh '$(srcdir)/%reldir%/batch.sh'

# The three modes side by side.
EXTRA_DIST += %reldir%/modes.sh

.PHONY: bench-modes
bench-modes: all
	top_srcdir='$(top_srcdir)' top_builddir='$(top_builddir)' \
	    sh '$(srcdir)/%reldir%/modes.sh'
