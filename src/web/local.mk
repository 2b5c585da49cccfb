# web: HTTP's meaning.
noinst_LIBRARIES += libweb.a
libweb_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(JWT_CFLAGS) $(CRYPTO_CFLAGS)
libweb_a_CFLAGS = $(AM_CFLAGS) $(FG_STRICT_CFLAGS)
libweb_a_SOURCES = \
	%reldir%/base64url.c %reldir%/base64url.h \
	%reldir%/body.c %reldir%/body.h \
	%reldir%/form.c %reldir%/form.h \
	%reldir%/identity.c %reldir%/identity.h \
	%reldir%/key.c %reldir%/key.h \
	%reldir%/origin.c %reldir%/origin.h \
	%reldir%/token.c %reldir%/token.h \
	%reldir%/token_alg.c %reldir%/token_alg.h \
	%reldir%/token_key.c \
	%reldir%/token_make.c \
	%reldir%/uri.c %reldir%/uri.h \
	%reldir%/utf8.c %reldir%/utf8.h \
	%reldir%/web.h
EXTRA_DIST += %reldir%/.may_include
