# base: tests
unit_tests += %reldir%/test_base
%canon_reldir%_test_base_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_base_SOURCES = %reldir%/test_base.c
%canon_reldir%_test_base_LDADD = libbase.a $(CHECK_LIBS)

# Looks at the programs, whatever they are built with.
dist_check_SCRIPTS += %reldir%/faults_absent.sh
TESTS += %reldir%/faults_absent.sh
%reldir%/faults_absent.log: flashgate flashgatectl flashgate-rush

if FG_FAILPOINTS
unit_tests += %reldir%/test_failpoint
%canon_reldir%_test_failpoint_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_failpoint_SOURCES = %reldir%/test_failpoint.c
%canon_reldir%_test_failpoint_LDADD = libbase.a $(CHECK_LIBS)
endif
