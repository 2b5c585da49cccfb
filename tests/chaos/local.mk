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
