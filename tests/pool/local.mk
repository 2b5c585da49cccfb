# pool: tests
unit_tests += %reldir%/test_policy
%canon_reldir%_test_policy_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_policy_SOURCES = %reldir%/test_policy.c
%canon_reldir%_test_policy_LDADD = libpool.a libbase.a $(CHECK_LIBS)

unit_tests += %reldir%/test_manager
%canon_reldir%_test_manager_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_manager_SOURCES = %reldir%/test_manager.c
%canon_reldir%_test_manager_LDADD = libpool.a libbase.a $(CHECK_LIBS)

unit_tests += %reldir%/test_stop
%canon_reldir%_test_stop_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_stop_SOURCES = %reldir%/test_stop.c
%canon_reldir%_test_stop_LDADD = libpool.a libbase.a $(CHECK_LIBS)

unit_tests += %reldir%/test_parts
%canon_reldir%_test_parts_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_parts_SOURCES = %reldir%/test_parts.c
%canon_reldir%_test_parts_LDADD = libpool.a libbase.a $(CHECK_LIBS)

unit_tests += %reldir%/test_board
%canon_reldir%_test_board_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_board_SOURCES = %reldir%/test_board.c
%canon_reldir%_test_board_LDADD = libpool.a libbase.a $(CHECK_LIBS)

unit_tests += %reldir%/test_listen
%canon_reldir%_test_listen_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_listen_SOURCES = %reldir%/test_listen.c
%canon_reldir%_test_listen_LDADD = libpool.a libbase.a $(CHECK_LIBS)

unit_tests += %reldir%/test_listen_tcp
%canon_reldir%_test_listen_tcp_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_listen_tcp_SOURCES = %reldir%/test_listen_tcp.c
%canon_reldir%_test_listen_tcp_LDADD = libpool.a libbase.a $(CHECK_LIBS)

pool_rig = %reldir%/rig.c %reldir%/rig.h %reldir%/rig_app.c \
	%reldir%/rig_helper.c %reldir%/rig_reload.c
unit_tests += %reldir%/test_serving
%canon_reldir%_test_serving_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_serving_SOURCES = %reldir%/test_serving.c $(pool_rig)
%canon_reldir%_test_serving_LDADD = libpool.a libbase.a $(CHECK_LIBS)

unit_tests += %reldir%/test_sharing
%canon_reldir%_test_sharing_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_sharing_SOURCES = %reldir%/test_sharing.c $(pool_rig)
%canon_reldir%_test_sharing_LDADD = libpool.a libbase.a $(CHECK_LIBS)

unit_tests += %reldir%/test_births
%canon_reldir%_test_births_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_births_SOURCES = %reldir%/test_births.c $(pool_rig)
%canon_reldir%_test_births_LDADD = libpool.a libbase.a $(CHECK_LIBS)

unit_tests += %reldir%/test_leaving
%canon_reldir%_test_leaving_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_leaving_SOURCES = %reldir%/test_leaving.c $(pool_rig)
%canon_reldir%_test_leaving_LDADD = libpool.a libbase.a $(CHECK_LIBS)

unit_tests += %reldir%/test_inherit
%canon_reldir%_test_inherit_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_inherit_SOURCES = %reldir%/test_inherit.c
%canon_reldir%_test_inherit_LDADD = libpool.a libbase.a $(CHECK_LIBS)

unit_tests += %reldir%/test_peers
%canon_reldir%_test_peers_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_peers_SOURCES = %reldir%/test_peers.c $(pool_rig)
%canon_reldir%_test_peers_LDADD = libpool.a libbase.a $(CHECK_LIBS)

unit_tests += %reldir%/test_notify
%canon_reldir%_test_notify_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_notify_SOURCES = %reldir%/test_notify.c $(pool_rig)
%canon_reldir%_test_notify_LDADD = libpool.a libbase.a $(CHECK_LIBS)

unit_tests += %reldir%/test_rights
%canon_reldir%_test_rights_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_rights_SOURCES = %reldir%/test_rights.c $(pool_rig)
%canon_reldir%_test_rights_LDADD = libpool.a libbase.a $(CHECK_LIBS)

unit_tests += %reldir%/test_queue
%canon_reldir%_test_queue_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_queue_SOURCES = %reldir%/test_queue.c
%canon_reldir%_test_queue_LDADD = libpool.a libbase.a $(CHECK_LIBS)
unit_tests += %reldir%/test_reload
%canon_reldir%_test_reload_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_reload_SOURCES = %reldir%/test_reload.c
%canon_reldir%_test_reload_LDADD = libpool.a libbase.a $(CHECK_LIBS)

unit_tests += %reldir%/test_renew
%canon_reldir%_test_renew_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_renew_SOURCES = %reldir%/test_renew.c $(pool_rig)
%canon_reldir%_test_renew_LDADD = libpool.a libbase.a $(CHECK_LIBS)

unit_tests += %reldir%/test_heir
%canon_reldir%_test_heir_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_heir_SOURCES = %reldir%/test_heir.c $(pool_rig)
%canon_reldir%_test_heir_LDADD = libpool.a libbase.a $(CHECK_LIBS)

timed_tests += %reldir%/test_storm
%canon_reldir%_test_storm_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_storm_SOURCES = %reldir%/test_storm.c $(pool_rig)
%canon_reldir%_test_storm_LDADD = libpool.a libbase.a $(CHECK_LIBS)

unit_tests += %reldir%/test_turnover
%canon_reldir%_test_turnover_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_turnover_SOURCES = %reldir%/test_turnover.c
%canon_reldir%_test_turnover_LDADD = libpool.a libbase.a $(CHECK_LIBS)

unit_tests += %reldir%/test_recycle
%canon_reldir%_test_recycle_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_recycle_SOURCES = %reldir%/test_recycle.c $(pool_rig)
%canon_reldir%_test_recycle_LDADD = libpool.a libbase.a $(CHECK_LIBS)

unit_tests += %reldir%/test_sizes
%canon_reldir%_test_sizes_CPPFLAGS = $(TEST_CPPFLAGS)
%canon_reldir%_test_sizes_SOURCES = %reldir%/test_sizes.c $(pool_rig)
%canon_reldir%_test_sizes_LDADD = libpool.a libbase.a $(CHECK_LIBS)
