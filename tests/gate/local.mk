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

unit_tests += %reldir%/test_entry
%canon_reldir%_test_entry_CPPFLAGS = $(GATE_TEST_CPPFLAGS)
%canon_reldir%_test_entry_SOURCES = %reldir%/test_entry.c
%canon_reldir%_test_entry_LDADD = $(GATE_TEST_LIBS)

unit_tests += %reldir%/test_conn
%canon_reldir%_test_conn_CPPFLAGS = $(GATE_TEST_CPPFLAGS)
%canon_reldir%_test_conn_SOURCES = %reldir%/test_conn.c %reldir%/calls.h \
	%reldir%/fake.c %reldir%/fake.h
%canon_reldir%_test_conn_LDADD = $(GATE_TEST_LIBS)

unit_tests += %reldir%/test_durable
%canon_reldir%_test_durable_CPPFLAGS = $(GATE_TEST_CPPFLAGS)
%canon_reldir%_test_durable_SOURCES = %reldir%/test_durable.c \
	%reldir%/calls.h %reldir%/durable_calls.h %reldir%/fake.c %reldir%/fake.h
%canon_reldir%_test_durable_LDADD = $(GATE_TEST_LIBS)

unit_tests += %reldir%/test_hearsay
%canon_reldir%_test_hearsay_CPPFLAGS = $(GATE_TEST_CPPFLAGS)
%canon_reldir%_test_hearsay_SOURCES = %reldir%/test_hearsay.c \
	%reldir%/calls.h %reldir%/durable_calls.h %reldir%/fake.c \
	%reldir%/fake.h
%canon_reldir%_test_hearsay_LDADD = $(GATE_TEST_LIBS)

unit_tests += %reldir%/test_open
%canon_reldir%_test_open_CPPFLAGS = $(GATE_TEST_CPPFLAGS)
%canon_reldir%_test_open_SOURCES = %reldir%/test_open.c %reldir%/calls.h \
	%reldir%/fake.c %reldir%/fake.h
%canon_reldir%_test_open_LDADD = $(GATE_TEST_LIBS)

# On a real Redis.
GATE_RIG = %reldir%/rig.c %reldir%/rig.h
GATE_QUEUE_RIG = $(GATE_RIG) %reldir%/queue_rig.c %reldir%/queue_rig.h

check_PROGRAMS += %reldir%/gate_claims
%canon_reldir%_gate_claims_CPPFLAGS = $(GATE_TEST_CPPFLAGS)
%canon_reldir%_gate_claims_SOURCES = %reldir%/gate_claims.c $(GATE_RIG)
%canon_reldir%_gate_claims_LDADD = $(GATE_TEST_LIBS)
dist_check_SCRIPTS += %reldir%/gate_claims.it
TESTS += %reldir%/gate_claims.it

check_PROGRAMS += %reldir%/gate_keeping
%canon_reldir%_gate_keeping_CPPFLAGS = $(GATE_TEST_CPPFLAGS)
%canon_reldir%_gate_keeping_SOURCES = %reldir%/gate_keeping.c $(GATE_RIG)
%canon_reldir%_gate_keeping_LDADD = $(GATE_TEST_LIBS)
dist_check_SCRIPTS += %reldir%/gate_keeping.it
TESTS += %reldir%/gate_keeping.it

check_PROGRAMS += %reldir%/gate_refusals
%canon_reldir%_gate_refusals_CPPFLAGS = $(GATE_TEST_CPPFLAGS)
%canon_reldir%_gate_refusals_SOURCES = %reldir%/gate_refusals.c $(GATE_RIG)
%canon_reldir%_gate_refusals_LDADD = $(GATE_TEST_LIBS)
dist_check_SCRIPTS += %reldir%/gate_refusals.it
TESTS += %reldir%/gate_refusals.it

check_PROGRAMS += %reldir%/gate_outages
%canon_reldir%_gate_outages_CPPFLAGS = $(GATE_TEST_CPPFLAGS)
%canon_reldir%_gate_outages_SOURCES = %reldir%/gate_outages.c $(GATE_RIG)
%canon_reldir%_gate_outages_LDADD = $(GATE_TEST_LIBS)
dist_check_SCRIPTS += %reldir%/gate_outages.it
TESTS += %reldir%/gate_outages.it

dist_check_SCRIPTS += %reldir%/lua_commands.sh
TESTS += %reldir%/lua_commands.sh

check_PROGRAMS += %reldir%/gate_ends
%canon_reldir%_gate_ends_CPPFLAGS = $(GATE_TEST_CPPFLAGS)
%canon_reldir%_gate_ends_SOURCES = %reldir%/gate_ends.c $(GATE_RIG)
%canon_reldir%_gate_ends_LDADD = $(GATE_TEST_LIBS)
dist_check_SCRIPTS += %reldir%/gate_ends.it
TESTS += %reldir%/gate_ends.it

check_PROGRAMS += %reldir%/gate_rights
%canon_reldir%_gate_rights_CPPFLAGS = $(GATE_TEST_CPPFLAGS)
%canon_reldir%_gate_rights_SOURCES = %reldir%/gate_rights.c $(GATE_QUEUE_RIG)
%canon_reldir%_gate_rights_LDADD = $(GATE_TEST_LIBS)
dist_check_SCRIPTS += %reldir%/gate_rights.it
TESTS += %reldir%/gate_rights.it

check_PROGRAMS += %reldir%/gate_building
%canon_reldir%_gate_building_CPPFLAGS = $(GATE_TEST_CPPFLAGS)
%canon_reldir%_gate_building_SOURCES = %reldir%/gate_building.c $(GATE_RIG) \
	tests/sale/gate_scene.c tests/sale/gate_scene.h
%canon_reldir%_gate_building_LDADD = $(GATE_TEST_LIBS)
dist_check_SCRIPTS += %reldir%/gate_building.it
TESTS += %reldir%/gate_building.it

# Accepted orders.

check_PROGRAMS += %reldir%/gate_queue
%canon_reldir%_gate_queue_CPPFLAGS = $(GATE_TEST_CPPFLAGS)
%canon_reldir%_gate_queue_SOURCES = %reldir%/gate_queue.c $(GATE_QUEUE_RIG)
%canon_reldir%_gate_queue_LDADD = $(GATE_TEST_LIBS)
dist_check_SCRIPTS += %reldir%/gate_queue.it
TESTS += %reldir%/gate_queue.it

check_PROGRAMS += %reldir%/gate_settle
%canon_reldir%_gate_settle_CPPFLAGS = $(GATE_TEST_CPPFLAGS)
%canon_reldir%_gate_settle_SOURCES = %reldir%/gate_settle.c $(GATE_QUEUE_RIG)
%canon_reldir%_gate_settle_LDADD = $(GATE_TEST_LIBS)
dist_check_SCRIPTS += %reldir%/gate_settle.it
TESTS += %reldir%/gate_settle.it

check_PROGRAMS += %reldir%/gate_carry
%canon_reldir%_gate_carry_CPPFLAGS = $(GATE_TEST_CPPFLAGS)
%canon_reldir%_gate_carry_SOURCES = %reldir%/gate_carry.c $(GATE_QUEUE_RIG) \
	tests/sale/gate_wait_scene.c tests/sale/gate_wait_scene.h \
	tests/sale/gate_wait_list.h
%canon_reldir%_gate_carry_LDADD = $(GATE_TEST_LIBS)
dist_check_SCRIPTS += %reldir%/gate_carry.it
TESTS += %reldir%/gate_carry.it

check_PROGRAMS += %reldir%/gate_durable
%canon_reldir%_gate_durable_CPPFLAGS = $(GATE_TEST_CPPFLAGS)
%canon_reldir%_gate_durable_SOURCES = %reldir%/gate_durable.c $(GATE_QUEUE_RIG)
%canon_reldir%_gate_durable_LDADD = $(GATE_TEST_LIBS)
dist_check_SCRIPTS += %reldir%/gate_durable.it
TESTS += %reldir%/gate_durable.it

check_PROGRAMS += %reldir%/gate_load
%canon_reldir%_gate_load_CPPFLAGS = $(GATE_TEST_CPPFLAGS)
%canon_reldir%_gate_load_SOURCES = %reldir%/gate_load.c $(GATE_QUEUE_RIG)
%canon_reldir%_gate_load_LDADD = $(GATE_TEST_LIBS)
dist_check_SCRIPTS += %reldir%/gate_load.it
TESTS += %reldir%/gate_load.it

check_PROGRAMS += %reldir%/gate_spoiled
%canon_reldir%_gate_spoiled_CPPFLAGS = $(GATE_TEST_CPPFLAGS)
%canon_reldir%_gate_spoiled_SOURCES = %reldir%/gate_spoiled.c $(GATE_QUEUE_RIG)
%canon_reldir%_gate_spoiled_LDADD = $(GATE_TEST_LIBS)
dist_check_SCRIPTS += %reldir%/gate_spoiled.it
TESTS += %reldir%/gate_spoiled.it

check_PROGRAMS += %reldir%/gate_twins
%canon_reldir%_gate_twins_CPPFLAGS = $(GATE_TEST_CPPFLAGS)
%canon_reldir%_gate_twins_SOURCES = %reldir%/gate_twins.c $(GATE_QUEUE_RIG)
%canon_reldir%_gate_twins_LDADD = libgate.a libsalemem.a libsale.a libbase.a \
	$(HIREDIS_LIBS) $(CHECK_LIBS)
dist_check_SCRIPTS += %reldir%/gate_twins.it
TESTS += %reldir%/gate_twins.it

# In builds with failpoints only; distributed in any.
if FG_FAILPOINTS
check_PROGRAMS += %reldir%/gate_failpoints
%canon_reldir%_gate_failpoints_CPPFLAGS = $(GATE_TEST_CPPFLAGS)
%canon_reldir%_gate_failpoints_SOURCES = %reldir%/gate_failpoints.c $(GATE_QUEUE_RIG)
%canon_reldir%_gate_failpoints_LDADD = $(GATE_TEST_LIBS)
TESTS += %reldir%/gate_failpoints.it
endif
EXTRA_DIST += %reldir%/gate_failpoints.c %reldir%/gate_failpoints.it
