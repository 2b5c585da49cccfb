# fcgi: tests, and a FastCGI client of our own that other tests link, too.
check_LIBRARIES += libtestfcgi.a
libtestfcgi_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
libtestfcgi_a_SOURCES = \
	tests/lib/fcgi_client.c tests/lib/fcgi_client.h \
	tests/lib/fcgi_response.c

unit_tests += %reldir%/test_fcgi_client
%canon_reldir%_test_fcgi_client_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_fcgi_client_SOURCES = %reldir%/test_fcgi_client.c
%canon_reldir%_test_fcgi_client_LDADD = libtestfcgi.a libbase.a $(CHECK_LIBS)

fcgi_rig = %reldir%/rig.c %reldir%/rig.h
fcgi_test_libs = libtestfcgi.a libfcgi_layer.a libbase.a \
	$(FCGI_LIBS) $(CHECK_LIBS)

unit_tests += %reldir%/test_fcgi_params
%canon_reldir%_test_fcgi_params_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_fcgi_params_SOURCES = %reldir%/test_fcgi_params.c $(fcgi_rig)
%canon_reldir%_test_fcgi_params_LDADD = $(fcgi_test_libs)

unit_tests += %reldir%/test_fcgi_request
%canon_reldir%_test_fcgi_request_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_fcgi_request_SOURCES = %reldir%/test_fcgi_request.c $(fcgi_rig)
%canon_reldir%_test_fcgi_request_LDADD = $(fcgi_test_libs)

unit_tests += %reldir%/test_fcgi_broken
%canon_reldir%_test_fcgi_broken_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_fcgi_broken_SOURCES = %reldir%/test_fcgi_broken.c $(fcgi_rig)
%canon_reldir%_test_fcgi_broken_LDADD = $(fcgi_test_libs)

unit_tests += %reldir%/test_fcgi_records
%canon_reldir%_test_fcgi_records_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_fcgi_records_SOURCES = %reldir%/test_fcgi_records.c $(fcgi_rig)
%canon_reldir%_test_fcgi_records_LDADD = $(fcgi_test_libs)

unit_tests += %reldir%/test_fcgi_answer
%canon_reldir%_test_fcgi_answer_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_fcgi_answer_SOURCES = %reldir%/test_fcgi_answer.c $(fcgi_rig)
%canon_reldir%_test_fcgi_answer_LDADD = $(fcgi_test_libs)

fcgi_echo = %reldir%/echo.c %reldir%/echo.h
unit_tests += %reldir%/test_fcgi_serve
%canon_reldir%_test_fcgi_serve_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_fcgi_serve_SOURCES = %reldir%/test_fcgi_serve.c \
	%reldir%/echo_child.c %reldir%/rig.h $(fcgi_echo)
%canon_reldir%_test_fcgi_serve_LDADD = $(fcgi_test_libs)

# Tools that other tests and people use: a request by hand, something to send
# it to.
check_PROGRAMS += tests/lib/fcgi-get tests/lib/fcgi-hostile %reldir%/fcgi-echo
tests_lib_fcgi_hostile_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_lib_fcgi_hostile_SOURCES = tests/lib/fcgi-hostile.c
tests_lib_fcgi_hostile_LDADD = libtestfcgi.a libbase.a
tests_lib_fcgi_get_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_lib_fcgi_get_SOURCES = tests/lib/fcgi-get.c
tests_lib_fcgi_get_LDADD = libtestfcgi.a libbase.a
%canon_reldir%_fcgi_echo_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
%canon_reldir%_fcgi_echo_SOURCES = %reldir%/fcgi-echo.c $(fcgi_echo)
%canon_reldir%_fcgi_echo_LDADD = libfcgi_layer.a libbase.a $(FCGI_LIBS)

dist_check_SCRIPTS += %reldir%/fcgi_get.sh
TESTS += %reldir%/fcgi_get.sh
