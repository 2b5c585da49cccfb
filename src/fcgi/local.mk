# fcgi: requests, through libfcgi.  The only folder that sees libfcgi.
noinst_LIBRARIES += libfcgi_layer.a
libfcgi_layer_a_CPPFLAGS = $(AM_CPPFLAGS) $(FCGI_CFLAGS)
libfcgi_layer_a_CFLAGS = $(AM_CFLAGS) $(FG_STRICT_CFLAGS)
libfcgi_layer_a_SOURCES = \
	%reldir%/fcgi.c %reldir%/fcgi.h \
	%reldir%/intake.c %reldir%/intake.h \
	%reldir%/params.c %reldir%/params.h \
	%reldir%/records.c %reldir%/records.h
EXTRA_DIST += %reldir%/.may_include
