# rush: tests
RUSH_TEST_CPPFLAGS = $(TEST_CPPFLAGS) $(CURL_CFLAGS) $(JANSSON_CFLAGS)
RUSH_TEST_LIBS = librush.a libweb.a libsale.a libbase.a $(CHECK_LIBS) \
	$(CURL_LIBS) $(JWT_LIBS) $(JANSSON_LIBS) $(CRYPTO_LIBS)

if HAVE_CHECK
unit_tests += %reldir%/test_rush_plan %reldir%/test_rush_answer \
	%reldir%/test_rush_tally %reldir%/test_rush_options \
	%reldir%/test_rush_report %reldir%/test_rush_wire \
	%reldir%/test_rush_crowd

%canon_reldir%_test_rush_plan_CPPFLAGS = $(RUSH_TEST_CPPFLAGS)
%canon_reldir%_test_rush_plan_SOURCES = %reldir%/test_rush_plan.c
%canon_reldir%_test_rush_plan_LDADD = $(RUSH_TEST_LIBS)

%canon_reldir%_test_rush_answer_CPPFLAGS = $(RUSH_TEST_CPPFLAGS)
%canon_reldir%_test_rush_answer_SOURCES = %reldir%/test_rush_answer.c
%canon_reldir%_test_rush_answer_LDADD = $(RUSH_TEST_LIBS)

%canon_reldir%_test_rush_tally_CPPFLAGS = $(RUSH_TEST_CPPFLAGS)
%canon_reldir%_test_rush_tally_SOURCES = %reldir%/test_rush_tally.c
%canon_reldir%_test_rush_tally_LDADD = $(RUSH_TEST_LIBS)

%canon_reldir%_test_rush_options_CPPFLAGS = $(RUSH_TEST_CPPFLAGS)
%canon_reldir%_test_rush_options_SOURCES = %reldir%/test_rush_options.c \
	%reldir%/argv.h
%canon_reldir%_test_rush_options_LDADD = $(RUSH_TEST_LIBS)

%canon_reldir%_test_rush_wire_CPPFLAGS = $(RUSH_TEST_CPPFLAGS)
%canon_reldir%_test_rush_wire_SOURCES = %reldir%/test_rush_wire.c
%canon_reldir%_test_rush_wire_LDADD = $(RUSH_TEST_LIBS)

%canon_reldir%_test_rush_report_CPPFLAGS = $(RUSH_TEST_CPPFLAGS)
%canon_reldir%_test_rush_report_SOURCES = %reldir%/test_rush_report.c \
	%reldir%/argv.h
%canon_reldir%_test_rush_report_LDADD = $(RUSH_TEST_LIBS)

%canon_reldir%_test_rush_crowd_CPPFLAGS = $(RUSH_TEST_CPPFLAGS)
%canon_reldir%_test_rush_crowd_SOURCES = %reldir%/test_rush_crowd.c \
	%reldir%/shop.c %reldir%/shop.h
%canon_reldir%_test_rush_crowd_LDADD = $(RUSH_TEST_LIBS)
endif

dist_check_SCRIPTS += %reldir%/man.sh %reldir%/rush.it
TESTS += %reldir%/man.sh %reldir%/rush.it
