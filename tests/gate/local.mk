# gate: tests
GATE_TEST_CPPFLAGS = $(TEST_CPPFLAGS) $(HIREDIS_CFLAGS)
GATE_TEST_LIBS = libgate.a libsale.a libbase.a $(HIREDIS_LIBS) $(CHECK_LIBS)

unit_tests += %reldir%/test_gate
%canon_reldir%_test_gate_CPPFLAGS = $(GATE_TEST_CPPFLAGS)
%canon_reldir%_test_gate_SOURCES = %reldir%/test_gate.c
%canon_reldir%_test_gate_LDADD = $(GATE_TEST_LIBS)

unit_tests += %reldir%/test_reply
%canon_reldir%_test_reply_CPPFLAGS = $(GATE_TEST_CPPFLAGS)
%canon_reldir%_test_reply_SOURCES = %reldir%/test_reply.c
%canon_reldir%_test_reply_LDADD = $(GATE_TEST_LIBS)

unit_tests += %reldir%/test_conn
%canon_reldir%_test_conn_CPPFLAGS = $(GATE_TEST_CPPFLAGS)
%canon_reldir%_test_conn_SOURCES = %reldir%/test_conn.c %reldir%/calls.h \
	%reldir%/fake.c %reldir%/fake.h
%canon_reldir%_test_conn_LDADD = $(GATE_TEST_LIBS)

unit_tests += %reldir%/test_open
%canon_reldir%_test_open_CPPFLAGS = $(GATE_TEST_CPPFLAGS)
%canon_reldir%_test_open_SOURCES = %reldir%/test_open.c %reldir%/calls.h \
	%reldir%/fake.c %reldir%/fake.h
%canon_reldir%_test_open_LDADD = $(GATE_TEST_LIBS)
