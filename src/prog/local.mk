# prog: the programs; reads settings, wires everything, runs.
noinst_LIBRARIES += libprog.a
libprog_a_CPPFLAGS = $(AM_CPPFLAGS) $(INIH_CFLAGS) $(JANSSON_CFLAGS)
libprog_a_SOURCES = \
	%reldir%/access.c %reldir%/access.h \
	%reldir%/accepted.c %reldir%/accepted.h \
	%reldir%/access_format.c %reldir%/access_format.h \
	%reldir%/crew.c %reldir%/crew.h \
	%reldir%/daemon.c %reldir%/daemon.h \
	%reldir%/front.c %reldir%/front.h \
	%reldir%/judge.c %reldir%/judge.h \
	%reldir%/keeper.c %reldir%/keeper.h \
	%reldir%/lost.c %reldir%/lost.h \
	%reldir%/mending.c %reldir%/mending.h \
	%reldir%/metrics.c %reldir%/metrics.h %reldir%/metrics_parts.h \
	%reldir%/metrics_sales.c \
	%reldir%/monitor.c %reldir%/monitor.h \
	%reldir%/openmetrics.c %reldir%/openmetrics.h \
	%reldir%/own_table.c %reldir%/own_table.h \
	%reldir%/ready.c %reldir%/ready.h \
	%reldir%/renewal.c %reldir%/renewal.h \
	%reldir%/settings.c %reldir%/settings.h %reldir%/settings_doc.c \
	%reldir%/settings_hold.c %reldir%/settings_table.c \
	%reldir%/server.c %reldir%/server.h \
	%reldir%/settler.c %reldir%/settler.h \
	%reldir%/single.c %reldir%/single.h \
	%reldir%/snapshot.c %reldir%/snapshot.h %reldir%/snapshot_parts.h \
	%reldir%/snapshot_orders.c %reldir%/snapshot_sample.c \
	%reldir%/stats.c %reldir%/stats.h \
	%reldir%/status.c %reldir%/status.h %reldir%/status_fields.h \
	%reldir%/status_json.c \
	%reldir%/timed.c %reldir%/timed.h \
	%reldir%/wire.c %reldir%/wire.h \
	%reldir%/worker.c %reldir%/worker.h

FLASHGATE_LIBS = libprog.a libweb.a libgate.a libledger.a libpool.a \
	libfcgi_layer.a libsale.a libbase.a \
	$(INIH_LIBS) $(JWT_LIBS) $(JANSSON_LIBS) $(HIREDIS_LIBS) $(MYSQL_LIBS) \
	$(FCGI_LIBS) $(CRYPTO_LIBS)

sbin_PROGRAMS += flashgate
flashgate_SOURCES = %reldir%/flashgate.c
flashgate_LDADD = $(FLASHGATE_LIBS)

sbin_PROGRAMS += flashgatectl
flashgatectl_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
flashgatectl_SOURCES = \
	%reldir%/ctl.c %reldir%/ctl.h \
	%reldir%/ctl_commands.c \
	%reldir%/ctl_dead.c \
	%reldir%/ctl_doctor.c \
	%reldir%/ctl_mode.c \
	%reldir%/ctl_orders.c \
	%reldir%/ctl_out.c \
	%reldir%/ctl_reconcile.c \
	%reldir%/ctl_reload.c \
	%reldir%/ctl_sale.c \
	%reldir%/ctl_schema.c \
	%reldir%/ctl_sweep.c \
	%reldir%/ctl_terms.c \
	%reldir%/ctl_state.c
flashgatectl_LDADD = $(FLASHGATE_LIBS)

# Prints what the settings table says, for conf/ and man/.
noinst_PROGRAMS += settings-doc
settings_doc_SOURCES = %reldir%/settings-doc.c
settings_doc_LDADD = libprog.a libbase.a $(INIH_LIBS)
EXTRA_DIST += %reldir%/.may_include
