# ledger: MySQL behind the sale's ledger port.  The only folder that sees it.
noinst_LIBRARIES += libledger.a
libledger_a_CPPFLAGS = $(AM_CPPFLAGS) $(MYSQL_CFLAGS)
libledger_a_SOURCES = \
	%reldir%/ledger.h
EXTRA_DIST += %reldir%/.may_include
