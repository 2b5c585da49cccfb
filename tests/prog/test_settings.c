/* SPDX-License-Identifier: Apache-2.0 */
/* The settings file: what is taken, and how what is not is told. */
#include "config.h"

#include "unit.h"

#include "pool/pool.h"
#include "prog/settings.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[64];

static void file_write(const char *text, mode_t mode)
{
	FILE *file;
	int fd;

	snprintf(path, sizeof(path), "/tmp/fg-settings-XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	file = fdopen(fd, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

/* Loads `text` as a file; `err` has the file's name cut off. */
static bool load(const char *text, struct settings *settings, char err[300])
{
	struct err why = ERR_INIT;
	bool good;

	file_write(text, 0600);
	good = settings_load(path, settings, &why);
	snprintf(err, 300, "%s",
	    strncmp(why.text, path, strlen(path)) == 0 ? why.text + strlen(path)
						       : why.text);
	unlink(path);
	return good;
}

START_TEST(test_good)
{
	struct settings s;
	char err[300];

	ck_assert_msg(load("; comment\n[global]\nlog_level = debug\n"
			   "process_control_timeout = 5\n"
			   "[www]\nlisten = /run/x.sock\nlisten.mode = 0600\n"
			   "pm.max_children = 7\nrequest_io_timeout=250ms\n"
			   "[limits]\nbody_max = 2k\n"
			   "[identity]\nremote_user = yes\n"
			   "[keeper]\nlease = 1m\n"
			   "[queue]\ndurability = waitaof\naccept_loss = yes\n"
			   "[settler]\nprocesses = 0\nbatch = 1\n"
			   "sweep_interval = 5m\nsweep_pause = 0\n",
			  &s, err),
	    "%s", err);
	ck_assert_uint_eq(s.global.log_level, LOG_LEVEL_DEBUG);
	ck_assert_int_eq(s.global.process_control_timeout_ms, 5000);
	ck_assert_str_eq(s.www.listen, "/run/x.sock");
	ck_assert_uint_eq(s.www.listen_mode, 0600);
	ck_assert_int_eq(s.www.max_children, 7);
	ck_assert_int_eq(s.www.io_timeout_ms, 250);
	ck_assert_int_eq(s.limits.body_max_bytes, 2048);
	ck_assert(s.identity.remote_user);
	ck_assert_int_eq(s.keeper.lease_ms, 60000);
	ck_assert_uint_eq(s.queue.durability, QUEUE_WAITAOF);
	ck_assert(s.queue.accept_loss);
	ck_assert_int_eq(s.settler.processes, 0);
	ck_assert_int_eq(s.settler.batch, 1);
	ck_assert_int_eq(s.settler.sweep_interval_ms, 300000);
	ck_assert_int_eq(s.settler.sweep_pause_ms, 0);
	/* And defaults. */
	ck_assert_int_eq(s.settler.idle_ms, 30000);
	ck_assert_int_eq(s.www.listen_backlog, -1);
	ck_assert_int_eq(s.limits.request_deadline_ms, 2000);
}
END_TEST

#define DYNAMIC "[www]\nlisten = x\npm.max_children = 16\npm = dynamic\n"

/* A php-fpm operator's file, as it is. */
START_TEST(test_sizes)
{
	struct settings s;
	char err[300];

	ck_assert_msg(load(DYNAMIC "pm.min_spare_servers = 4\n"
				   "pm.max_spare_servers = 9\n"
				   "pm.max_spawn_rate = 32\n",
			  &s, err),
	    "%s", err);
	ck_assert_uint_eq(s.www.pm, POOL_DYNAMIC);
	ck_assert_int_eq(s.www.start_servers, 6);
	ck_assert_int_eq(s.www.spawn_rate, 32);
	ck_assert_int_eq(s.www.idle_timeout_ms, 10000);
	ck_assert_msg(load(DYNAMIC "pm.min_spare_servers = 16\n"
				   "pm.max_spare_servers = 16\n"
				   "pm.start_servers = 16\n",
			  &s, err),
	    "%s", err);
	ck_assert_int_eq(s.www.start_servers, 16);
	ck_assert_msg(load("[www]\nlisten = x\npm = ondemand\n"
			   "pm.process_idle_timeout = 30\n",
			  &s, err),
	    "%s", err);
	ck_assert_uint_eq(s.www.pm, POOL_ONDEMAND);
	ck_assert_int_eq(s.www.idle_timeout_ms, 30000);
	/* They say nothing where pm does not ask for them. */
	ck_assert_msg(
	    load("[www]\nlisten = x\npm.min_spare_servers = 99\n", &s, err),
	    "%s", err);
}
END_TEST

static const struct {
	const char *text, *err;
} bad[] = {
    {"", ": [www] listen is required: a Unix socket or a port"},
    {"[www]\nlisten = x\nlisen = y\n",
	":3: [www] lisen: no such setting in this section"},
    {"[wwww]\nlisten = x\n", ":2: [wwww] listen: no such section"},
    {"listen = x\n", ":1: [] listen: stands before any [section]"},
    {"[www]\nlisten = x\nlisten = y\n",
	":3: [www] listen: set twice, first in line 2"},
    {"[www]\nlisten = x\nnonsense\n", ":3: neither [section] nor key = value"},
    {"[www]\nlisten = x\npm.max_children = many\n",
	":3: [www] pm.max_children: not a whole number"},
    {"[www]\nlisten = x\npm.max_children = 0\n",
	":3: [www] pm.max_children: must be 1 to 4096"},
    {"[www]\nlisten = x\npm.max_children = 99999999999999999999\n",
	":3: [www] pm.max_children: not a whole number"},
    {"[www]\nlisten = x\npm = dynamik\n",
	":3: [www] pm: must be one of: static dynamic ondemand"},
    {"[www]\nlisten = x\npm = dynamic\npm.max_spare_servers = 8\n",
	": [www] pm.min_spare_servers: is required and above 0 with pm = "
	"dynamic"},
    {"[www]\nlisten = x\npm = dynamic\npm.min_spare_servers = 4\n",
	": [www] pm.max_spare_servers: is required and above 0 with pm = "
	"dynamic"},
    {DYNAMIC "pm.min_spare_servers = 17\npm.max_spare_servers = 17\n",
	": [www] pm.min_spare_servers: is more than pm.max_children"},
    {DYNAMIC "pm.min_spare_servers = 4\npm.max_spare_servers = 17\n",
	": [www] pm.max_spare_servers: is more than pm.max_children"},
    {DYNAMIC "pm.min_spare_servers = 4\npm.max_spare_servers = 3\n",
	": [www] pm.max_spare_servers: is less than pm.min_spare_servers"},
    {DYNAMIC "pm.min_spare_servers = 4\npm.max_spare_servers = 8\n"
	     "pm.start_servers = 3\n",
	": [www] pm.start_servers: is not between pm.min_spare_servers and "
	"pm.max_spare_servers"},
    {DYNAMIC "pm.min_spare_servers = 4\npm.max_spare_servers = 8\n"
	     "pm.start_servers = 9\n",
	": [www] pm.start_servers: is not between pm.min_spare_servers and "
	"pm.max_spare_servers"},
    {"[www]\nlisten = x\npm = ondemand\npm.process_idle_timeout = 0\n",
	":4: [www] pm.process_idle_timeout: must be 100 to 86400000 ms"},
    {"[www]\nlisten = x\nlisten.mode = 0999\n",
	":3: [www] listen.mode: not an octal mode such as 0660"},
    {"[www]\nlisten = x\nrequest_io_timeout = 5 parsecs\n",
	":3: [www] request_io_timeout: not a duration: write 500ms, 2s, 5m, "
	"1h or 1d"},
    {"[www]\nlisten = x\nrequest_io_timeout = 1ms\n",
	":3: [www] request_io_timeout: must be 10 to 86400000 ms"},
    {"[www]\nlisten = x\n[limits]\nbody_max = 16q\n",
	":4: [limits] body_max: not a size: write bytes, 16k or 1m"},
    {"[www]\nlisten = x\n[identity]\nremote_user = maybe\n",
	":4: [identity] remote_user: must be yes or no"},
    {"[www]\nlisten = x\n[keeper]\nlease = 3s\n",
	": [keeper] lease must be at least twice the [limits] "
	"request_deadline (2000 ms), or claims of running requests would be "
	"given up"},
    {"[www]\nlisten = x\nrequest_terminate_timeout = 2s\n",
	": [www] request_terminate_timeout must be above the [limits] "
	"request_deadline (2000 ms), or workers would be killed that are about "
	"to answer"},
    {"[www]\nlisten = x\npm.max_rss = 64q\n",
	":3: [www] pm.max_rss: not a size: write bytes, 16k or 1m"},
    {"[global]\nemergency_restart_threshold = 129\n[www]\nlisten = x\n",
	":2: [global] emergency_restart_threshold: must be 0 to 128"},
};

START_TEST(test_bad)
{
	struct settings s;
	char err[300];

	ck_assert(!load(bad[_i].text, &s, err));
	ck_assert_str_eq(err, bad[_i].err);
}
END_TEST

START_TEST(test_long_lines)
{
	struct settings s;
	char text[1000] = "[www]\nlisten = ", err[300];

	memset(text + strlen(text), 'x', 150);
	ck_assert_msg(load(text, &s, err), "%s", err);
	memset(text + strlen(text), 'x', 300);
	ck_assert(!load(text, &s, err));
	ck_assert_str_eq(err, ":2: this line is too long");
}
END_TEST

START_TEST(test_secrets)
{
	static const char text[] =
	    "[www]\nlisten = x\n[mysql]\npassword = hunter2\n";
	struct settings s;
	struct err err = ERR_INIT;
	char dump[8192] = "";
	FILE *out;

	file_write(text, 0644);
	ck_assert(!settings_load(path, &s, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "chmod o-r"));
	ck_assert_int_eq(chmod(path, 0640), 0);
	ck_assert_msg(settings_load(path, &s, &err), "%s", err.text);
	unlink(path);
	ck_assert_str_eq(s.mysql.password, "hunter2");
	out = fmemopen(dump, sizeof(dump), "w");
	settings_dump(&s, out);
	fclose(out);
	ck_assert_ptr_null(strstr(dump, "hunter2"));
	ck_assert_ptr_nonnull(strstr(dump, "password = (set)\n"));
}
END_TEST

/* What -tt prints can be read again, and means the same. */
START_TEST(test_dump_round_trip)
{
	struct settings s, again;
	char err[300], dump[8192] = "";
	FILE *out;

	ck_assert(load("[www]\nlisten = [::1]:9000\nlisten.mode = 0640\n"
		       "request_io_timeout = 1500ms\n[limits]\nbody_max = 3k\n"
		       "[keeper]\nlease = 2m\n",
	    &s, err));
	out = fmemopen(dump, sizeof(dump), "w");
	settings_dump(&s, out);
	fclose(out);
	ck_assert_msg(load(dump, &again, err), "%s in:\n%s", err, dump);
	ck_assert_mem_eq(&s, &again, sizeof(s));
}
END_TEST

START_TEST(test_missing_file)
{
	struct settings s;
	struct err err = ERR_INIT;

	ck_assert(!settings_load("/nonexistent/flashgate.conf", &s, &err));
	ck_assert_ptr_nonnull(strstr(err.text,
	    "/nonexistent/flashgate.conf: No such file or directory"));
}
END_TEST

struct held {
	unsigned n;
	char names[300];
};

static void held_note(void *ctx, const struct setting *setting)
{
	struct held *held = ctx;
	size_t used = strlen(held->names);

	held->n++;
	snprintf(held->names + used, sizeof(held->names) - used, "[%s] %s ",
	    setting->section, setting->key);
}

START_TEST(test_what_takes_a_restart_is_held)
{
	struct settings in_force, next, before;
	struct held held = {0, ""};
	char err[300];

	ck_assert(load("[www]\nlisten = /run/a\nlisten.mode = 0600\n"
		       "pm.max_children = 3\n[redis]\naddress = /run/r\n",
	    &in_force, err));
	ck_assert(load("[global]\npid = /run/p\n[www]\nlisten = /run/longer\n"
		       "listen.mode = 0666\nlisten.backlog = 77\n"
		       "pm.max_children = 9\n[redis]\naddress = /run/q\n",
	    &next, err));
	settings_hold(&next, &in_force, held_note, &held);
	ck_assert_str_eq(held.names, "[global] pid [www] listen [www] "
				     "listen.backlog [www] listen.mode ");
	ck_assert_str_eq(next.www.listen, "/run/a");
	ck_assert_str_eq(next.global.pid, "");
	ck_assert_uint_eq(next.www.listen_mode, 0600);
	ck_assert_int_eq(next.www.listen_backlog, -1);
	/* The rest is new. */
	ck_assert_int_eq(next.www.max_children, 9);
	ck_assert_str_eq(next.redis.address, "/run/q");
	/* Nothing changed, nothing to tell. */
	before = next;
	settings_hold(&next, &in_force, held_note, &held);
	ck_assert_uint_eq(held.n, 4);
	ck_assert_mem_eq(&next, &before, sizeof(next));
}
END_TEST

/* Every row that is held is held whole, whatever its type. */
START_TEST(test_every_restart_row_is_held)
{
	struct settings in_force, next;
	struct held held = {0, ""};
	unsigned rows = 0;

	settings_defaults(&in_force);
	settings_defaults(&next);
	for (size_t i = 0; i < settings_table_n; i++) {
		const struct setting *s = &settings_table[i];

		if (s->reloadable)
			continue;
		rows++;
		/* A text becomes another one, a number another one. */
		*((char *)&next + s->offset) ^= 1;
	}
	settings_hold(&next, &in_force, held_note, &held);
	ck_assert_uint_eq(held.n, rows);
	ck_assert_mem_eq(&next, &in_force, sizeof(next));
}
END_TEST

TESTS_MAIN("settings", UNIT("good", test_good), UNIT("sizes", test_sizes),
    UNIT_TABLE("bad", test_bad, ARRAY_LEN(bad)),
    UNIT("long-lines", test_long_lines), UNIT("secrets", test_secrets),
    UNIT("round-trip", test_dump_round_trip),
    UNIT("missing", test_missing_file),
    UNIT("hold", test_what_takes_a_restart_is_held),
    UNIT("hold-all", test_every_restart_row_is_held))
