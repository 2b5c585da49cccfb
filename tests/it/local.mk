# SPDX-License-Identifier: Apache-2.0
# Whole systems: every program, real stores, a real web server.
it_tests = \
	%reldir%/api.it \
	%reldir%/ctl.it \
	%reldir%/exits.it \
	%reldir%/fronts.it \
	%reldir%/hostile.it \
	%reldir%/kill.it \
	%reldir%/logs.it \
	%reldir%/manager.it \
	%reldir%/modes.it \
	%reldir%/monitor.it \
	%reldir%/params.it \
	%reldir%/recycle.it \
	%reldir%/reload.it \
	%reldir%/roundtrips.it \
	%reldir%/rush.it \
	%reldir%/scenarios.it \
	%reldir%/sockets.it \
	%reldir%/startup.it \
	%reldir%/stuffed.it \
	%reldir%/upgrade.it
dist_check_SCRIPTS += $(it_tests)
TESTS += $(it_tests)
EXTRA_DIST += %reldir%/lib.sh
EXTRA_DIST += scripts/stack scripts/fronts.sh scripts/prepare.sh scripts/check-history
check_PROGRAMS += tests/lib/as-systemd
tests_lib_as_systemd_SOURCES = tests/lib/as-systemd.c
$(it_tests:.it=.log): \
	flashgate flashgatectl flashgate-rush \
	tests/lib/as-systemd tests/lib/fcgi-get tests/lib/fcgi-hostile \
	tests/lib/om-check
