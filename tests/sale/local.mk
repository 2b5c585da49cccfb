# sale: the purchase against memory and failing ports, and what it is made of
SALE_TEST_LIBS = libsale.a libsalemem.a libsale.a libbase.a \
	$(CHECK_LIBS) $(CRYPTO_LIBS)

unit_tests += %reldir%/test_sale %reldir%/test_reap %reldir%/test_rebuild \
	%reldir%/test_buy %reldir%/test_buy_stories %reldir%/test_mend
%canon_reldir%_test_reap_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_reap_SOURCES = %reldir%/test_reap.c %reldir%/world.c %reldir%/world.h
%canon_reldir%_test_reap_LDADD = $(SALE_TEST_LIBS)
%canon_reldir%_test_rebuild_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_rebuild_SOURCES = %reldir%/test_rebuild.c %reldir%/world.c %reldir%/world.h
%canon_reldir%_test_rebuild_LDADD = $(SALE_TEST_LIBS)
%canon_reldir%_test_buy_stories_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_buy_stories_SOURCES = %reldir%/test_buy_stories.c \
	%reldir%/buy_scenes.c %reldir%/buy_scenes.h %reldir%/world.c %reldir%/world.h
%canon_reldir%_test_buy_stories_LDADD = $(SALE_TEST_LIBS)
%canon_reldir%_test_sale_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_sale_SOURCES = %reldir%/test_sale.c %reldir%/world.c %reldir%/world.h
%canon_reldir%_test_sale_LDADD = $(SALE_TEST_LIBS)
%canon_reldir%_test_buy_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_buy_SOURCES = %reldir%/test_buy.c \
	%reldir%/buy_scenes.c %reldir%/buy_scenes.h %reldir%/world.c %reldir%/world.h
%canon_reldir%_test_buy_LDADD = $(SALE_TEST_LIBS)

unit_tests += %reldir%/test_twins
%canon_reldir%_test_twins_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_twins_SOURCES = %reldir%/test_twins.c %reldir%/world.c %reldir%/world.h
%canon_reldir%_test_twins_LDADD = $(SALE_TEST_LIBS)
%canon_reldir%_test_mend_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_mend_SOURCES = %reldir%/test_mend.c %reldir%/world.c %reldir%/world.h
%canon_reldir%_test_mend_LDADD = $(SALE_TEST_LIBS)

unit_tests += %reldir%/test_audit
%canon_reldir%_test_audit_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_audit_SOURCES = %reldir%/test_audit.c %reldir%/world.c %reldir%/world.h
%canon_reldir%_test_audit_LDADD = $(SALE_TEST_LIBS)

unit_tests += %reldir%/test_mem_gate
%canon_reldir%_test_mem_gate_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_mem_gate_SOURCES = %reldir%/test_mem_gate.c \
	%reldir%/gate_scene.c %reldir%/gate_scene.h \
	%reldir%/gate_wait_scene.c %reldir%/gate_wait_scene.h \
	%reldir%/gate_wait_list.h
%canon_reldir%_test_mem_gate_LDADD = $(SALE_TEST_LIBS)

# Accepted orders: written, accepted, carried over, and all of it at once.
unit_tests += %reldir%/test_settle %reldir%/test_accept %reldir%/test_carry \
	%reldir%/test_carry_dies %reldir%/test_carry_twice %reldir%/test_fence \
	%reldir%/test_settle_late %reldir%/test_settle_poison \
	%reldir%/test_audit_wait %reldir%/test_storm
%canon_reldir%_test_settle_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_settle_SOURCES = %reldir%/test_settle.c \
	%reldir%/settle_rig.c %reldir%/settle_rig.h %reldir%/world.c %reldir%/world.h
%canon_reldir%_test_settle_LDADD = $(SALE_TEST_LIBS)
%canon_reldir%_test_accept_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_accept_SOURCES = %reldir%/test_accept.c \
	%reldir%/accept_scenes.c %reldir%/accept_scenes.h %reldir%/world.c %reldir%/world.h
%canon_reldir%_test_accept_LDADD = $(SALE_TEST_LIBS)
%canon_reldir%_test_carry_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_carry_SOURCES = %reldir%/test_carry.c %reldir%/world.c %reldir%/world.h
%canon_reldir%_test_carry_LDADD = $(SALE_TEST_LIBS)
%canon_reldir%_test_carry_dies_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_carry_dies_SOURCES = %reldir%/test_carry_dies.c %reldir%/world.c %reldir%/world.h
%canon_reldir%_test_carry_dies_LDADD = $(SALE_TEST_LIBS)
%canon_reldir%_test_carry_twice_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_carry_twice_SOURCES = %reldir%/test_carry_twice.c %reldir%/world.c %reldir%/world.h
%canon_reldir%_test_carry_twice_LDADD = $(SALE_TEST_LIBS)
%canon_reldir%_test_settle_poison_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_settle_poison_SOURCES = %reldir%/test_settle_poison.c \
	%reldir%/settle_rig.c %reldir%/settle_rig.h %reldir%/world.c %reldir%/world.h
%canon_reldir%_test_settle_poison_LDADD = $(SALE_TEST_LIBS)
%canon_reldir%_test_settle_late_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_settle_late_SOURCES = %reldir%/test_settle_late.c %reldir%/world.c %reldir%/world.h
%canon_reldir%_test_settle_late_LDADD = $(SALE_TEST_LIBS)
%canon_reldir%_test_fence_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_fence_SOURCES = %reldir%/test_fence.c %reldir%/world.c %reldir%/world.h
%canon_reldir%_test_fence_LDADD = $(SALE_TEST_LIBS)
%canon_reldir%_test_audit_wait_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_audit_wait_SOURCES = %reldir%/test_audit_wait.c %reldir%/world.c %reldir%/world.h
%canon_reldir%_test_audit_wait_LDADD = $(SALE_TEST_LIBS)
%canon_reldir%_test_storm_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_storm_SOURCES = %reldir%/test_storm.c \
	%reldir%/storm.c %reldir%/storm.h %reldir%/storm_deeds.c %reldir%/world.c %reldir%/world.h
%canon_reldir%_test_storm_LDADD = $(SALE_TEST_LIBS)

# The table of sales, where orders wait.
unit_tests += %reldir%/test_table
%canon_reldir%_test_table_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_table_SOURCES = %reldir%/test_table.c %reldir%/world.c %reldir%/world.h
%canon_reldir%_test_table_LDADD = $(SALE_TEST_LIBS)

# When a gate accepts orders.
unit_tests += %reldir%/test_terms
%canon_reldir%_test_terms_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_terms_SOURCES = %reldir%/test_terms.c %reldir%/world.c %reldir%/world.h
%canon_reldir%_test_terms_LDADD = $(SALE_TEST_LIBS)
