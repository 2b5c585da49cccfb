# base: words every layer may use.  Knows nothing of ours.
noinst_LIBRARIES += libbase.a
libbase_a_CFLAGS = $(AM_CFLAGS) $(FG_STRICT_CFLAGS)
libbase_a_SOURCES = \
	%reldir%/arena.c %reldir%/arena.h \
	%reldir%/attr.h \
	%reldir%/bug.c %reldir%/bug.h \
	%reldir%/clock.c %reldir%/clock.h \
	%reldir%/encode.c %reldir%/encode.h \
	%reldir%/err.c %reldir%/err.h \
	%reldir%/flip.h \
	%reldir%/failpoint.h %reldir%/mutant.h \
	%reldir%/log.c %reldir%/log.h \
	%reldir%/num.c %reldir%/num.h \
	%reldir%/str.c %reldir%/str.h
# Only in builds for tests (--enable-failpoints).
if FG_FAILPOINTS
libbase_a_SOURCES += %reldir%/failpoint.c
endif
EXTRA_DIST += %reldir%/.may_include
