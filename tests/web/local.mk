# web: tests.  sale_buy() is the test's own (world.c): libsale's stays out.
web_test_ldadd = libweb.a libsale.a libbase.a $(JWT_LIBS) $(JANSSON_LIBS) \
	$(CRYPTO_LIBS) $(CHECK_LIBS)
web_test_cppflags = $(TEST_CPPFLAGS) $(JANSSON_CFLAGS) $(JWT_CFLAGS) \
	$(CRYPTO_CFLAGS)
web_test_world = %reldir%/world.c %reldir%/world.h

unit_tests += %reldir%/test_form
%canon_reldir%_test_form_CPPFLAGS = $(web_test_cppflags)
%canon_reldir%_test_form_SOURCES = %reldir%/test_form.c $(web_test_world)
%canon_reldir%_test_form_LDADD = $(web_test_ldadd)

unit_tests += %reldir%/test_identity
%canon_reldir%_test_identity_CPPFLAGS = $(web_test_cppflags)
%canon_reldir%_test_identity_SOURCES = %reldir%/test_identity.c $(web_test_world)
%canon_reldir%_test_identity_LDADD = $(web_test_ldadd)

unit_tests += %reldir%/test_memory
%canon_reldir%_test_memory_CPPFLAGS = $(web_test_cppflags)
%canon_reldir%_test_memory_SOURCES = %reldir%/test_memory.c $(web_test_world)
%canon_reldir%_test_memory_LDADD = $(web_test_ldadd)

unit_tests += %reldir%/test_orders
%canon_reldir%_test_orders_CPPFLAGS = $(web_test_cppflags)
%canon_reldir%_test_orders_SOURCES = %reldir%/test_orders.c $(web_test_world)
%canon_reldir%_test_orders_LDADD = $(web_test_ldadd)

unit_tests += %reldir%/test_pending
%canon_reldir%_test_pending_CPPFLAGS = $(web_test_cppflags)
%canon_reldir%_test_pending_SOURCES = %reldir%/test_pending.c $(web_test_world)
%canon_reldir%_test_pending_LDADD = $(web_test_ldadd)

unit_tests += %reldir%/test_purchase
%canon_reldir%_test_purchase_CPPFLAGS = $(web_test_cppflags)
%canon_reldir%_test_purchase_SOURCES = %reldir%/test_purchase.c $(web_test_world)
%canon_reldir%_test_purchase_LDADD = $(web_test_ldadd)

unit_tests += %reldir%/test_routes
%canon_reldir%_test_routes_CPPFLAGS = $(web_test_cppflags)
%canon_reldir%_test_routes_SOURCES = %reldir%/test_routes.c $(web_test_world)
%canon_reldir%_test_routes_LDADD = $(web_test_ldadd)

unit_tests += %reldir%/test_sales
%canon_reldir%_test_sales_CPPFLAGS = $(web_test_cppflags)
%canon_reldir%_test_sales_SOURCES = %reldir%/test_sales.c $(web_test_world)
%canon_reldir%_test_sales_LDADD = $(web_test_ldadd)

unit_tests += %reldir%/test_token
%canon_reldir%_test_token_CPPFLAGS = $(web_test_cppflags)
%canon_reldir%_test_token_SOURCES = %reldir%/test_token.c $(web_test_world)
%canon_reldir%_test_token_LDADD = $(web_test_ldadd)

unit_tests += %reldir%/test_token_key
%canon_reldir%_test_token_key_CPPFLAGS = $(web_test_cppflags)
%canon_reldir%_test_token_key_SOURCES = %reldir%/test_token_key.c $(web_test_world)
%canon_reldir%_test_token_key_LDADD = $(web_test_ldadd)

unit_tests += %reldir%/test_verdicts
%canon_reldir%_test_verdicts_CPPFLAGS = $(web_test_cppflags)
%canon_reldir%_test_verdicts_SOURCES = %reldir%/test_verdicts.c $(web_test_world)
%canon_reldir%_test_verdicts_LDADD = $(web_test_ldadd)
