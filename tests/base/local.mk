# base: tests
unit_tests += %reldir%/test_base
%canon_reldir%_test_base_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_base_SOURCES = %reldir%/test_base.c
%canon_reldir%_test_base_LDADD = libbase.a $(CHECK_LIBS)
