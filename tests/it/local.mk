# SPDX-License-Identifier: Apache-2.0
# Whole systems: every program, real stores, a real web server.
it_tests = \
	%reldir%/api.it \
	%reldir%/audit.it \
	%reldir%/ctl.it \
	%reldir%/cutoff.it \
	%reldir%/exits.it \
	%reldir%/fronts.it \
	%reldir%/heal.it \
	%reldir%/held.it \
	%reldir%/hostile.it \
	%reldir%/kill.it \
	%reldir%/logs.it \
	%reldir%/manager.it \
	%reldir%/modes.it \
	%reldir%/monitor.it \
	%reldir%/params.it \
	%reldir%/queue.it \
	%reldir%/recycle.it \
	%reldir%/reload.it \
	%reldir%/roundtrips.it \
	%reldir%/rush.it \
	%reldir%/scenarios.it \
	%reldir%/settle.it \
	%reldir%/sockets.it \
	%reldir%/startup.it \
	%reldir%/stuffed.it \
	%reldir%/swallow.it \
	%reldir%/terms.it \
	%reldir%/upgrade.it
# In builds with failpoints only, ./check has one.
failpoint_tests = \
	%reldir%/attack.it \
	%reldir%/failpoints.it
if FG_FAILPOINTS
it_tests += $(failpoint_tests)
check_PROGRAMS += tests/lib/failpoint
tests_lib_failpoint_SOURCES = tests/lib/failpoint.c
tests_lib_failpoint_LDADD = libbase.a
$(failpoint_tests:.it=.log): tests/lib/failpoint $(libheld)
endif
# Longer than a test may take: the issue's own numbers.
.PHONY: check-kills check-mutants
check-kills: flashgate flashgatectl flashgate-rush
	@test '$(FAILPOINTS)' != no || \
	    { echo 'configure --enable-failpoints first' >&2; exit 1; }
	$(MAKE) $(AM_MAKEFLAGS) tests/lib/failpoint
	$(AM_TESTS_ENVIRONMENT) sh '$(srcdir)/%reldir%/kills.it'
# Scripted attacks, and then the campaign; both in one build folder.
check-mutants:
	'$(srcdir)/scripts/mutants' --build mutants.build
	'$(srcdir)/scripts/mutants' --build mutants.build --campaign
EXTRA_DIST += %reldir%/kills.it scripts/mutants
EXTRA_DIST += $(failpoint_tests) tests/lib/failpoint.c tests/base/test_failpoint.c
dist_check_SCRIPTS += $(it_tests)
TESTS += $(it_tests)
EXTRA_DIST += %reldir%/lib.sh %reldir%/net.sh %reldir%/failpoints.sh %reldir%/attack.sh \
	%reldir%/settle.sh
EXTRA_DIST += scripts/stack scripts/fronts.sh scripts/prepare.sh scripts/check-history
check_PROGRAMS += tests/lib/as-systemd
tests_lib_as_systemd_SOURCES = tests/lib/as-systemd.c
$(it_tests:.it=.log): \
	flashgate flashgatectl flashgate-rush \
	tests/lib/as-systemd tests/lib/fcgi-get tests/lib/fcgi-hostile \
	tests/lib/om-check

tests/it/settle.log: tests/chaos/check-history
tests/it/cutoff.log tests/it/held.log tests/it/swallow.log: tests/chaos/faultd \
	tests/chaos/check-history

# The issue's own numbers: 200 commits whose acknowledgement is swallowed, 100
# held inserts.
.PHONY: check-acks
check-acks: all tests/chaos/faultd tests/chaos/check-history tests/lib/fcgi-get
	ACKS=200 HELD=100 LEASE=4 $(MAKE) $(AM_MAKEFLAGS) check \
	    TESTS='tests/it/swallow.it tests/it/held.it'

# Fifty losses of Redis and twenty kills of MariaDB under load: minutes.
check-heal: all tests/lib/fcgi-get
	HEAL_ROUNDS=13 HEAL_KILLS=20 HEAL_P99=2 \
	    $(MAKE) $(AM_MAKEFLAGS) check TESTS=tests/it/heal.it

# Issue 5's own numbers, a quarter of an hour: settle.it says what they are.
.PHONY: check-settle
check-settle: all tests/lib/fcgi-get tests/chaos/check-history
	RATE=400 CRASHES=20 CRASH_PAUSE=2 LOSSES=10 LOSS_ORDERS=1000 READS=100 \
	    MODE_PAUSE=5 RUSH_SECONDS=60 UNITS=100000 KILLS=200 KILL_PAUSE=1 AWAY=60 \
	    SWEPT=20000 SWEEP_KILLS=20 SWEEP_BATCH=64 \
	    $(MAKE) $(AM_MAKEFLAGS) check TESTS=tests/it/settle.it
