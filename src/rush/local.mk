# rush: the rehearsal crowd, a client of ours like any other.
noinst_LIBRARIES += librush.a
librush_a_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CFLAGS) $(JANSSON_CFLAGS)
librush_a_CFLAGS = $(AM_CFLAGS) $(FG_STRICT_CFLAGS)
librush_a_SOURCES = \
	%reldir%/answer.c %reldir%/answer.h \
	%reldir%/dice.c %reldir%/dice.h \
	%reldir%/errands.c %reldir%/errands.h \
	%reldir%/history.c %reldir%/history.h \
	%reldir%/latency.c %reldir%/latency.h \
	%reldir%/plan.c %reldir%/plan.h \
	%reldir%/tally.c %reldir%/tally.h
EXTRA_DIST += %reldir%/.may_include
