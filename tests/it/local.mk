# Whole-system tests: the real programs before real Redis, MariaDB and nginx,
# each in a private stack (scripts/stack).
it_tests = \
	%reldir%/api.it \
	%reldir%/ctl.it \
	%reldir%/fronts.it \
	%reldir%/kill.it \
	%reldir%/logs.it \
	%reldir%/modes.it \
	%reldir%/monitor.it \
	%reldir%/params.it \
	%reldir%/reload.it \
	%reldir%/roundtrips.it \
	%reldir%/rush.it \
	%reldir%/sockets.it \
	%reldir%/startup.it \
	%reldir%/stuffed.it \
	%reldir%/upgrade.it
dist_check_SCRIPTS += $(it_tests)
TESTS += $(it_tests)
EXTRA_DIST += %reldir%/lib.sh
EXTRA_DIST += scripts/stack scripts/fronts.sh scripts/prepare.sh scripts/check-history
tests/it/api.log tests/it/ctl.log tests/it/fronts.log tests/it/kill.log \
tests/it/modes.log tests/it/params.log tests/it/reload.log \
tests/it/roundtrips.log tests/it/rush.log tests/it/sockets.log \
tests/it/startup.log tests/it/stuffed.log tests/it/upgrade.log: \
	flashgate flashgatectl flashgate-rush
tests/it/modes.log: tests/lib/as-systemd
tests/it/params.log tests/it/sockets.log tests/it/upgrade.log: tests/lib/fcgi-get
check_PROGRAMS += tests/lib/as-systemd
tests_lib_as_systemd_SOURCES = tests/lib/as-systemd.c
tests/it/logs.log tests/it/monitor.log: flashgate flashgatectl flashgate-rush
tests/it/logs.log tests/it/monitor.log: tests/lib/fcgi-get tests/lib/om-check
