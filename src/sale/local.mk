# sale: the rules.  Knows nothing of sockets, Redis, SQL or HTTP.
noinst_LIBRARIES += libsale.a
libsale_a_CPPFLAGS = $(AM_CPPFLAGS) $(CRYPTO_CFLAGS)
libsale_a_CFLAGS = $(AM_CFLAGS) $(FG_STRICT_CFLAGS)
libsale_a_SOURCES = \
	%reldir%/audit.c %reldir%/audit.h \
	%reldir%/audit_int.h %reldir%/audit_read.c \
	%reldir%/buy.c %reldir%/buy.h \
	%reldir%/buy_accept.c %reldir%/buy_clash.c %reldir%/buy_int.h \
	%reldir%/buy_look.c \
	%reldir%/claim.c \
	%reldir%/ids.c %reldir%/ids.h \
	%reldir%/mend.c %reldir%/mend.h \
	%reldir%/ports.c %reldir%/ports.h \
	%reldir%/reap.c %reldir%/reap.h \
	%reldir%/rebuild.c %reldir%/rebuild.h \
	%reldir%/rebuild_carry.c %reldir%/rebuild_int.h \
	%reldir%/sale.c %reldir%/sale.h \
	%reldir%/settle.c %reldir%/settle.h \
	%reldir%/settle_int.h %reldir%/settle_one.c \
	%reldir%/sweep.c %reldir%/sweep.h \
	%reldir%/table.c %reldir%/table.h \
	%reldir%/terms.c %reldir%/terms.h

# The ports in memory, and the ports that fail on purpose: tests only.
check_LIBRARIES += libsalemem.a
libsalemem_a_CFLAGS = $(AM_CFLAGS) $(FG_STRICT_CFLAGS)
libsalemem_a_SOURCES = \
	%reldir%/fault.c %reldir%/fault.h \
	%reldir%/mem.h %reldir%/mem_gate.c %reldir%/mem_gate_build.c \
	%reldir%/mem_gate_int.h %reldir%/mem_gate_queue.c \
	%reldir%/mem_ledger.c
EXTRA_DIST += %reldir%/.may_include
