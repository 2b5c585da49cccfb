# rush: the rehearsal crowd, a client of ours like any other.
noinst_LIBRARIES += librush.a
librush_a_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CFLAGS) $(JANSSON_CFLAGS)
librush_a_CFLAGS = $(AM_CFLAGS) $(FG_STRICT_CFLAGS)
librush_a_SOURCES = \
	%reldir%/answer.c %reldir%/answer.h \
	%reldir%/crowd.c %reldir%/crowd.h \
	%reldir%/dice.c %reldir%/dice.h \
	%reldir%/errands.c %reldir%/errands.h \
	%reldir%/history.c %reldir%/history.h \
	%reldir%/ident.c %reldir%/ident.h \
	%reldir%/latency.c %reldir%/latency.h \
	%reldir%/options.c %reldir%/options.h \
	%reldir%/plan.c %reldir%/plan.h \
	%reldir%/progress.c %reldir%/progress.h \
	%reldir%/report.c %reldir%/report.h \
	%reldir%/run.c %reldir%/run.h \
	%reldir%/tally.c %reldir%/tally.h \
	%reldir%/target.c %reldir%/target.h \
	%reldir%/watch.c %reldir%/watch.h \
	%reldir%/wire.c %reldir%/wire.h

bin_PROGRAMS += flashgate-rush
flashgate_rush_SOURCES = %reldir%/main.c
flashgate_rush_LDADD = librush.a libweb.a libsale.a libbase.a \
	$(JWT_LIBS) $(JANSSON_LIBS) $(CRYPTO_LIBS) $(CURL_LIBS)
EXTRA_DIST += %reldir%/.may_include
