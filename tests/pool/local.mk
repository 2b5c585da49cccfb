# pool: tests
unit_tests += %reldir%/test_policy
%canon_reldir%_test_policy_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_policy_SOURCES = %reldir%/test_policy.c
%canon_reldir%_test_policy_LDADD = libpool.a libbase.a $(CHECK_LIBS)

unit_tests += %reldir%/test_stop
%canon_reldir%_test_stop_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_stop_SOURCES = %reldir%/test_stop.c
%canon_reldir%_test_stop_LDADD = libpool.a libbase.a $(CHECK_LIBS)

unit_tests += %reldir%/test_parts
%canon_reldir%_test_parts_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_parts_SOURCES = %reldir%/test_parts.c
%canon_reldir%_test_parts_LDADD = libpool.a libbase.a $(CHECK_LIBS)
