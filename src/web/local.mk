# web: HTTP's meaning.
noinst_LIBRARIES += libweb.a
libweb_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(JWT_CFLAGS) $(CRYPTO_CFLAGS)
libweb_a_SOURCES = \
	%reldir%/token.h \
	%reldir%/web.h
EXTRA_DIST += %reldir%/.may_include
