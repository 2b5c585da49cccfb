# fcgi: tests, and a FastCGI client of our own that other tests link, too.
check_LIBRARIES += libtestfcgi.a
libtestfcgi_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
libtestfcgi_a_SOURCES = \
	tests/lib/fcgi_client.c tests/lib/fcgi_client.h \
	tests/lib/fcgi_response.c

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
