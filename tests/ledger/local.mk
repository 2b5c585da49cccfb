# ledger: tests
ledger_test_cppflags = $(TEST_CPPFLAGS) -I$(top_srcdir)/tests/ledger \
	$(MYSQL_CFLAGS)
ledger_test_libs = libledger.a libsale.a libbase.a $(MYSQL_LIBS) $(CHECK_LIBS)

unit_tests += %reldir%/test_errors %reldir%/test_ledger
%canon_reldir%_test_errors_CPPFLAGS = $(ledger_test_cppflags)
%canon_reldir%_test_errors_SOURCES = %reldir%/test_errors.c \
	%reldir%/error_rows.h
%canon_reldir%_test_errors_LDADD = $(ledger_test_libs)
%canon_reldir%_test_ledger_CPPFLAGS = $(ledger_test_cppflags)
%canon_reldir%_test_ledger_SOURCES = %reldir%/test_ledger.c
%canon_reldir%_test_ledger_LDADD = $(ledger_test_libs)

# Against a private MariaDB.
check_PROGRAMS += %reldir%/it_ledger
%canon_reldir%_it_ledger_CPPFLAGS = $(ledger_test_cppflags)
%canon_reldir%_it_ledger_SOURCES = %reldir%/error_rows.h \
	%reldir%/it.c %reldir%/it.h \
	%reldir%/it_admin.c \
	%reldir%/it_batch.c \
	%reldir%/it_batch_fault.c \
	%reldir%/it_batch_wait.c \
	%reldir%/it_check.c \
	%reldir%/it_cost.c \
	%reldir%/it_durable.c \
	%reldir%/it_fault.c \
	%reldir%/it_fence.c \
	%reldir%/it_grants.c \
	%reldir%/it_letters.c \
	%reldir%/it_letters_admin.c \
	%reldir%/it_port.c \
	%reldir%/it_server.c \
	%reldir%/it_wait.c \
	%reldir%/proxy.c %reldir%/proxy.h
%canon_reldir%_it_ledger_LDADD = $(ledger_test_libs)
tests/ledger/ledger.log: $(libheld)
dist_check_SCRIPTS += %reldir%/ledger.it
TESTS += %reldir%/ledger.it

# Not SQL to be installed and run by a program, so not in sql_DATA.
EXTRA_DIST += sql/README sql/users.sql.example
