# Whole-system tests: the real programs before real Redis, MariaDB and nginx,
# each in a private stack (scripts/stack).
it_tests = \
	%reldir%/api.it \
	%reldir%/ctl.it \
	%reldir%/kill.it \
	%reldir%/reload.it \
	%reldir%/roundtrips.it \
	%reldir%/rush.it \
	%reldir%/startup.it \
	%reldir%/stuffed.it
dist_check_SCRIPTS += $(it_tests)
TESTS += $(it_tests)
EXTRA_DIST += %reldir%/lib.sh
EXTRA_DIST += scripts/stack scripts/prepare.sh scripts/check-history
tests/it/api.log tests/it/ctl.log tests/it/kill.log tests/it/reload.log \
tests/it/roundtrips.log tests/it/rush.log tests/it/startup.log \
tests/it/stuffed.log: \
	flashgate flashgatectl flashgate-rush
