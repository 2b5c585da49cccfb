# ledger: MySQL behind the sale's ledger port.  The only folder that sees it.
noinst_LIBRARIES += libledger.a
libledger_a_CPPFLAGS = $(AM_CPPFLAGS) $(MYSQL_CFLAGS)
libledger_a_CFLAGS = $(AM_CFLAGS) $(FG_STRICT_CFLAGS)
libledger_a_SOURCES = \
	%reldir%/address.c %reldir%/address.h \
	%reldir%/admin.c \
	%reldir%/batch.c \
	%reldir%/check.c \
	%reldir%/compat.h \
	%reldir%/conn.c %reldir%/conn.h \
	%reldir%/durable.c %reldir%/durable.h \
	%reldir%/errors.c %reldir%/errors.h \
	%reldir%/exec.c %reldir%/exec.h \
	%reldir%/impl.h \
	%reldir%/ledger.c %reldir%/ledger.h \
	%reldir%/letters.c \
	%reldir%/port.c \
	%reldir%/rows.c %reldir%/rows.h \
	%reldir%/schema.c \
	%reldir%/variables.c \
	%reldir%/split.c %reldir%/split.h \
	%reldir%/statements.c %reldir%/statements.h \
	%reldir%/tx.c \
	%reldir%/version.c %reldir%/version.h
EXTRA_DIST += %reldir%/.may_include
