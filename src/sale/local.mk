# sale: the rules.  Knows nothing of sockets, Redis, SQL or HTTP.
noinst_LIBRARIES += libsale.a
libsale_a_CPPFLAGS = $(AM_CPPFLAGS) $(CRYPTO_CFLAGS)
libsale_a_CFLAGS = $(AM_CFLAGS) $(FG_STRICT_CFLAGS)
libsale_a_SOURCES = \
	%reldir%/ids.c %reldir%/ids.h \
	%reldir%/ports.c %reldir%/ports.h \
	%reldir%/sale.c %reldir%/sale.h \
	%reldir%/table.c %reldir%/table.h

# The ports in memory, and the ports that fail on purpose: tests only.
check_LIBRARIES += libsalemem.a
libsalemem_a_CFLAGS = $(AM_CFLAGS) $(FG_STRICT_CFLAGS)
libsalemem_a_SOURCES = \
	%reldir%/fault.h \
	%reldir%/mem.h
EXTRA_DIST += %reldir%/.may_include
