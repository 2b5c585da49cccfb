# prog: settings, and documentation that must not drift from its tables
unit_tests += %reldir%/test_settings
%canon_reldir%_test_settings_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_settings_SOURCES = %reldir%/test_settings.c
%canon_reldir%_test_settings_LDADD = libprog.a libbase.a $(CHECK_LIBS) $(INIH_LIBS)

dist_check_SCRIPTS += %reldir%/docs.sh
TESTS += %reldir%/docs.sh
tests/prog/docs.log: flashgate flashgatectl settings-doc

dist_check_SCRIPTS += %reldir%/units.sh
TESTS += %reldir%/units.sh
