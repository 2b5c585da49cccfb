# fcgi: requests, through libfcgi.  The only folder that sees libfcgi.
noinst_LIBRARIES += libfcgi_layer.a
libfcgi_layer_a_CPPFLAGS = $(AM_CPPFLAGS) $(FCGI_CFLAGS)
libfcgi_layer_a_CFLAGS = $(AM_CFLAGS) $(FG_STRICT_CFLAGS)
libfcgi_layer_a_SOURCES = \
	%reldir%/fcgi.h
EXTRA_DIST += %reldir%/.may_include
