# prog: settings, and documentation that must not drift from its tables
unit_tests += %reldir%/test_settings
%canon_reldir%_test_settings_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_settings_SOURCES = %reldir%/test_settings.c
%canon_reldir%_test_settings_LDADD = libprog.a libbase.a $(CHECK_LIBS) $(INIH_LIBS)

unit_tests += %reldir%/test_access
%canon_reldir%_test_access_CPPFLAGS = $(TEST_CPPFLAGS) $(JANSSON_CFLAGS)
%canon_reldir%_test_access_SOURCES = %reldir%/test_access.c
%canon_reldir%_test_access_LDADD = $(CHECK_LIBS) $(FLASHGATE_LIBS)

unit_tests += %reldir%/test_stats
%canon_reldir%_test_stats_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_stats_SOURCES = %reldir%/test_stats.c
%canon_reldir%_test_stats_LDADD = $(CHECK_LIBS) $(FLASHGATE_LIBS)

# Gate and ledger in memory, as the rules' own tests have them.
unit_tests += %reldir%/test_accepted
%canon_reldir%_test_accepted_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_accepted_SOURCES = %reldir%/test_accepted.c \
	tests/sale/world.c tests/sale/world.h
%canon_reldir%_test_accepted_LDADD = libprog.a libsale.a libsalemem.a \
	$(CHECK_LIBS) $(FLASHGATE_LIBS)

openmetrics_reader = tests/lib/openmetrics.c tests/lib/openmetrics.h
unit_tests += %reldir%/test_openmetrics
%canon_reldir%_test_openmetrics_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_openmetrics_SOURCES = %reldir%/test_openmetrics.c \
	$(openmetrics_reader)
%canon_reldir%_test_openmetrics_LDADD = libbase.a $(CHECK_LIBS)

unit_tests += %reldir%/test_status
%canon_reldir%_test_status_CPPFLAGS = $(TEST_CPPFLAGS) $(JANSSON_CFLAGS)
%canon_reldir%_test_status_SOURCES = %reldir%/test_status.c \
	$(openmetrics_reader)
%canon_reldir%_test_status_LDADD = $(CHECK_LIBS) $(FLASHGATE_LIBS)

unit_tests += %reldir%/test_snapshot
%canon_reldir%_test_snapshot_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_snapshot_SOURCES = %reldir%/test_snapshot.c
%canon_reldir%_test_snapshot_LDADD = $(CHECK_LIBS) $(FLASHGATE_LIBS)

check_PROGRAMS += tests/lib/om-check
tests_lib_om_check_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_lib_om_check_SOURCES = tests/lib/om-check.c $(openmetrics_reader)
tests_lib_om_check_LDADD = libbase.a

dist_check_SCRIPTS += %reldir%/docs.sh
TESTS += %reldir%/docs.sh
tests/prog/docs.log: flashgate flashgatectl settings-doc

dist_check_SCRIPTS += %reldir%/scenarios.sh
TESTS += %reldir%/scenarios.sh

dist_check_SCRIPTS += %reldir%/units.sh
TESTS += %reldir%/units.sh
