# pool: master and children.  Knows nothing of FastCGI, HTTP or sales.
noinst_LIBRARIES += libpool.a
libpool_a_CFLAGS = $(AM_CFLAGS) $(FG_STRICT_CFLAGS)
libpool_a_SOURCES = \
	%reldir%/board.c %reldir%/board.h \
	%reldir%/breaker.c %reldir%/breaker.h \
	%reldir%/child.c %reldir%/child.h \
	%reldir%/conns.c %reldir%/conns.h \
	%reldir%/drain.c \
	%reldir%/handover.c %reldir%/handover.h \
	%reldir%/ident.c %reldir%/ident.h \
	%reldir%/inherit.c %reldir%/inherit.h \
	%reldir%/legacy.c %reldir%/legacy.h \
	%reldir%/listen.c \
	%reldir%/loop.c %reldir%/loop.h \
	%reldir%/manage.c \
	%reldir%/manager.c %reldir%/manager.h \
	%reldir%/master.c %reldir%/master.h \
	%reldir%/notify.c %reldir%/notify.h \
	%reldir%/overdue.c %reldir%/overdue.h \
	%reldir%/peers.c %reldir%/peers.h \
	%reldir%/pidfile.c %reldir%/pidfile.h \
	%reldir%/policy.c %reldir%/policy.h \
	%reldir%/pool.h \
	%reldir%/prepare.c \
	%reldir%/queue.c %reldir%/queue.h \
	%reldir%/recycle.c %reldir%/recycle.h \
	%reldir%/reload.c %reldir%/reload.h \
	%reldir%/renew.c \
	%reldir%/report.c %reldir%/report.h \
	%reldir%/retire.c \
	%reldir%/rights.c %reldir%/rights.h \
	%reldir%/serve.c \
	%reldir%/signals.c %reldir%/signals.h \
	%reldir%/single.c \
	%reldir%/spawn.c \
	%reldir%/status.c %reldir%/status.h \
	%reldir%/statusfile.c %reldir%/statusfile.h \
	%reldir%/stop.c %reldir%/stop.h \
	%reldir%/turns.c %reldir%/turns.h \
	%reldir%/upgrade.c %reldir%/upgrade.h \
	%reldir%/wear.c %reldir%/wear.h
EXTRA_DIST += %reldir%/.may_include
