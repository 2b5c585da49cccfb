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
