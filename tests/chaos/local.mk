# chaos: the instruments, and the campaign that plays them (doc: README.md here)
check_PROGRAMS += %reldir%/faultd
%canon_reldir%_faultd_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
%canon_reldir%_faultd_SOURCES = %reldir%/faultd.c %reldir%/front.c \
	%reldir%/front.h %reldir%/link.c %reldir%/link.h
%canon_reldir%_faultd_LDADD = libbase.a

if HAVE_CHECK
unit_tests += %reldir%/test_faultd
%canon_reldir%_test_faultd_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_faultd_SOURCES = %reldir%/test_faultd.c
%canon_reldir%_test_faultd_LDADD = libbase.a $(CHECK_LIBS)
check-unit check-valgrind tests/chaos/test_faultd.log: tests/chaos/faultd
endif

check_PROGRAMS += %reldir%/check-history
%canon_reldir%_check_history_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests \
	$(JANSSON_CFLAGS)
%canon_reldir%_check_history_SOURCES = %reldir%/check-history.c \
	%reldir%/hist.h %reldir%/hist_read.c %reldir%/hist_complete.c \
	%reldir%/hist_rules.c \
	%reldir%/hist_told.c %reldir%/hist_waits.c %reldir%/hist_judge.h \
	%reldir%/hist_figures.c
%canon_reldir%_check_history_LDADD = libsale.a libbase.a $(JANSSON_LIBS) \
	$(CRYPTO_LIBS)
dist_check_SCRIPTS += %reldir%/histories.sh %reldir%/holes.sh
TESTS += %reldir%/histories.sh %reldir%/holes.sh
EXTRA_DIST += %reldir%/histories
tests/chaos/histories.log tests/chaos/holes.log: tests/chaos/check-history

# Not linked to anything: preloaded.  No sanitizers, which must come first.
libflaky = tests/chaos/libflaky.so
$(libflaky): %reldir%/flaky.c
	@$(MKDIR_P) tests/chaos
	$(AM_V_CC)$(CC) -O2 -g -Wall -Wextra -fPIC -shared -o $@ \
	    $(srcdir)/%reldir%/flaky.c -ldl
CLEANFILES += $(libflaky)
dist_check_SCRIPTS += %reldir%/flaky.sh %reldir%/chaos.it
TESTS += %reldir%/flaky.sh %reldir%/chaos.it
EXTRA_DIST += %reldir%/flaky.c %reldir%/nemesis.sh %reldir%/faults.sh \
	%reldir%/dump.sh %reldir%/verdict.sh %reldir%/run %reldir%/decks \
	%reldir%/campaign %reldir%/README.md
chaos_programs = tests/chaos/faultd tests/chaos/check-history \
	tests/lib/fcgi-get $(libflaky)
tests/chaos/flaky.log: flashgate flashgatectl $(libflaky)
tests/chaos/chaos.log: flashgate flashgatectl flashgate-rush $(chaos_programs)

# make check-chaos SEED=1 RUNS=20 MODE=direct|queue|sweep|mixed BUILD=DIR FAULTS='redis-kill ..'
.PHONY: check-chaos
check-chaos: all $(chaos_programs)
	top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' \
	    SEED='$(SEED)' RUNS='$(RUNS)' $(if $(MODE),MODE='$(MODE)') \
	    $(if $(BUILD),BUILD='$(BUILD)') $(if $(FAULTS),FAULTS='$(FAULTS)') \
	    $(SHELL) '$(abs_top_srcdir)/%reldir%/campaign'
