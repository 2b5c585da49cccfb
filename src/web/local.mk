# web: HTTP's meaning.
noinst_LIBRARIES += libweb.a
libweb_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(JWT_CFLAGS) $(CRYPTO_CFLAGS)
libweb_a_CFLAGS = $(AM_CFLAGS) $(FG_STRICT_CFLAGS)
libweb_a_SOURCES = \
	%reldir%/base64url.c %reldir%/base64url.h \
	%reldir%/body.c %reldir%/body.h \
	%reldir%/etag.c %reldir%/etag.h \
	%reldir%/exchange.h \
	%reldir%/form.c %reldir%/form.h \
	%reldir%/handlers.h \
	%reldir%/html.c %reldir%/html.h \
	%reldir%/identity.c %reldir%/identity.h \
	%reldir%/key.c %reldir%/key.h \
	%reldir%/orders.c \
	%reldir%/origin.c %reldir%/origin.h \
	%reldir%/pending.c %reldir%/pending.h \
	%reldir%/problem.c %reldir%/problem.h \
	%reldir%/purchase.c \
	%reldir%/reply.c %reldir%/reply.h \
	%reldir%/retry.c %reldir%/retry.h \
	%reldir%/routes.c %reldir%/routes.h \
	%reldir%/sales.c %reldir%/sales.h \
	%reldir%/token.c %reldir%/token.h \
	%reldir%/token_alg.c %reldir%/token_alg.h \
	%reldir%/token_key.c \
	%reldir%/token_make.c \
	%reldir%/uri.c %reldir%/uri.h \
	%reldir%/utf8.c %reldir%/utf8.h \
	%reldir%/verdicts.c %reldir%/verdicts.h \
	%reldir%/view.c %reldir%/view.h \
	%reldir%/web.c %reldir%/web.h \
	%reldir%/words.c %reldir%/words.h
EXTRA_DIST += %reldir%/.may_include
