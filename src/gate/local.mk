# gate: Redis behind the sale's gate port.  The only folder that sees hiredis.
noinst_LIBRARIES += libgate.a
libgate_a_CPPFLAGS = $(AM_CPPFLAGS) $(HIREDIS_CFLAGS)
libgate_a_SOURCES = \
	%reldir%/gate.h
EXTRA_DIST += %reldir%/.may_include
