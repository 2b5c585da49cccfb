/* SPDX-License-Identifier: Apache-2.0 */
/* THE table of settings: parser, help, configuration and manual live off it. */
#include "config.h"

#include "prog/settings.h"

#include <stddef.h>

#define AT(field)  offsetof(struct settings, field)
#define MS_PER_S   INT64_C(1000)
#define MS_PER_DAY (INT64_C(86400) * MS_PER_S)

/* Names are php-fpm's where it has one.  Kept by section, in reading order. */
const struct setting settings_table[] = {
    {"global", "pid", SETTING_TEXT, AT(global.pid), "", 0, 0, NULL, false,
	"File that the master writes its process id to. Empty: none."},
    {"global", "error_log", SETTING_TEXT, AT(global.error_log), "", 0, 0, NULL,
	true, "Log file, opened for appending. Empty: standard error."},
    {"global", "log_level", SETTING_CHOICE, AT(global.log_level), "notice", 0,
	0, "alert error warning notice debug", true,
	"Least urgent level that is written."},
    {"global", "log_format", SETTING_CHOICE, AT(global.log_format), "text", 0,
	0, "text json", true,
	"text, or json: an object a line with time, level, role, pid and "
	"message."},
    {"global", "process_control_timeout", SETTING_DURATION,
	AT(global.process_control_timeout_ms), "30s", 0, MS_PER_DAY, NULL, true,
	"Time that children have to finish running requests when the server "
	"stops, or when a reload replaces them. Then they are killed."},

    {"global", "emergency_restart_threshold", SETTING_NUMBER,
	AT(global.crash_threshold), "10", 0, 128, NULL, true,
	"Children of a kind that die by themselves, by any signal or failure, "
	"within emergency_restart_interval, and so are a crash loop: said in "
	"the log, in systemd's status and in /metrics until it is over. Unlike "
	"php-fpm, nothing is restarted for it: births are held back in any "
	"case, and what serves goes on. 0: never."},
    {"global", "emergency_restart_interval", SETTING_DURATION,
	AT(global.crash_interval_ms), "1m", 1000, MS_PER_DAY, NULL, true,
	"See emergency_restart_threshold."},

    {"www", "listen", SETTING_TEXT, AT(www.listen), "", 0, 0, NULL, false,
	"Where the web server finds the pool: /path of a Unix socket, @name of "
	"an abstract one, address:port, [v6 address]:port, or a port; or a "
	"socket that somebody else made: fd:0 (spawn-fcgi, mod_fcgid, "
	"lighttpd, h2o), fd:N, systemd:NAME, or systemd: for systemd's first. "
	"A listening socket on descriptor 0 is used whatever stands here. "
	"Required."},
    {"www", "listen.backlog", SETTING_NUMBER, AT(www.listen_backlog), "-1", -1,
	65535, NULL, false,
	"Connections that may wait to be accepted. -1: the system's maximum "
	"(net.core.somaxconn)."},
    {"www", "listen.owner", SETTING_TEXT, AT(www.listen_owner), "", 0, 0, NULL,
	false,
	"Owner of the Unix socket, name or number. Empty: who starts us."},
    {"www", "listen.group", SETTING_TEXT, AT(www.listen_group), "", 0, 0, NULL,
	false,
	"Group of the Unix socket, name or number; the web server's, so that "
	"it may connect. Empty: of who starts us."},
    {"www", "listen.mode", SETTING_MODE, AT(www.listen_mode), "0660", 0, 0777,
	NULL, false,
	"Permissions of the Unix socket. Whoever may connect may claim to be "
	"any customer: give it to the web server alone."},
    {"www", "listen.allowed_clients", SETTING_TEXT, AT(www.allowed_clients), "",
	0, 0, NULL, true,
	"Addresses that may connect over TCP, separated by commas: IPv4, "
	"IPv6, or address/bits. Others are dropped before a byte is read. "
	"Empty: everybody."},
    {"www", "listen.allowed_uids", SETTING_TEXT, AT(www.allowed_uids), "", 0, 0,
	NULL, true,
	"Users, name or number, separated by commas, whose processes may "
	"connect over a Unix socket; for an abstract one, which has no "
	"permissions, the only guard. Empty: everybody who can."},
    {"www", "user", SETTING_TEXT, AT(www.user), "", 0, 0, NULL, false,
	"User that children run as when the master is root, who must name "
	"one: root itself only if that is what you mean."},
    {"www", "group", SETTING_TEXT, AT(www.group), "", 0, 0, NULL, false,
	"Group that children run as when the master is root. Empty: the "
	"user's."},
    {"www", "process.priority", SETTING_NUMBER, AT(www.priority), "0", -20, 19,
	NULL, true,
	"Nice value of children; below 0 only where the master is root. 0: "
	"the master's."},
    {"www", "process.dumpable", SETTING_BOOL, AT(www.dumpable), "no", 0, 0,
	NULL, true,
	"Children may leave a core dump and be traced by their own user. Both "
	"would show passwords and keys."},
    {"www", "rlimit_files", SETTING_NUMBER, AT(www.rlimit_files), "-1", -1,
	1048576, NULL, true,
	"Descriptors that a child may have open (RLIMIT_NOFILE); "
	"keep_connections "
	"and 64 more are needed. -1: as the master's."},
    {"www", "rlimit_core", SETTING_NUMBER, AT(www.rlimit_core), "-1", -1,
	INT64_C(1) << 40, NULL, true,
	"Bytes of a core dump (RLIMIT_CORE). -1: as the master's."},
    {"www", "clear_env", SETTING_BOOL, AT(www.clear_env), "yes", 0, 0, NULL,
	true,
	"Children keep nothing of the environment but PATH and LIBFCGI_*."},
    {"www", "pm", SETTING_CHOICE, AT(www.pm), "static", 0, 0,
	"static dynamic ondemand", true,
	"How many workers there are. static: always pm.max_children. dynamic: "
	"as many as are in use, and between pm.min_spare_servers and "
	"pm.max_spare_servers more. ondemand: as many as are in use, from "
	"none. In use are those at work and those that connections wait for; "
	"it is looked at ten times a second, and all that is missing is "
	"started at once. For a sale take static: the workers are there "
	"before the shoppers."},
    {"www", "pm.max_children", SETTING_NUMBER, AT(www.max_children), "16", 1,
	4096, NULL, true,
	"Workers. Each serves one request at a time and holds one connection "
	"to Redis and one to MySQL: max_connections must allow for twice as "
	"many, since at a reload two generations run beside each other. A "
	"reload may raise it to twice what the server was started with, and "
	"always to 64; more takes a restart."},
    {"www", "pm.start_servers", SETTING_NUMBER, AT(www.start_servers), "0", 0,
	4096, NULL, true,
	"dynamic: workers at the start. 0: halfway between the two spares."},
    {"www", "pm.min_spare_servers", SETTING_NUMBER, AT(www.min_spare), "0", 0,
	4096, NULL, true,
	"dynamic: workers beyond those in use, at least. Required there."},
    {"www", "pm.max_spare_servers", SETTING_NUMBER, AT(www.max_spare), "0", 0,
	4096, NULL, true,
	"dynamic: workers beyond those that were in use at once within the "
	"last pm.process_idle_timeout, at most. Required there."},
    {"www", "pm.process_idle_timeout", SETTING_DURATION,
	AT(www.idle_timeout_ms), "10s", 100, MS_PER_DAY, NULL, true,
	"dynamic and ondemand: workers that the busiest moment of this time "
	"had no use for are let go. The connections that they hold pass to "
	"the others; the last worker under ondemand goes when it holds none."},
    {"www", "pm.max_spawn_rate", SETTING_NUMBER, AT(www.spawn_rate), "0", 0,
	4096, NULL, true,
	"dynamic and ondemand: workers that are started in a tenth of a "
	"second, at most. 0: all that are missing. (php-fpm's bounds a second, "
	"and doubles up to it.)"},
    {"www", "pm.max_requests", SETTING_NUMBER, AT(www.max_requests), "0", 0,
	INT64_C(1) << 40, NULL, true,
	"Requests after which a worker is replaced: about so many, spread by "
	"10 "
	"percent so that not all go at once, and more while its replacement is "
	"not ready. No more than a tenth of the workers are replaced at a "
	"time. 0: never."},
    {"www", "pm.max_rss", SETTING_SIZE, AT(www.max_rss_bytes), "0", 0,
	INT64_C(1) << 40, NULL, true,
	"Resident memory above which a worker is replaced, in the same manner; "
	"looked at between requests. A limit below what a worker begins with "
	"is not kept. 0: never."},
    {"www", "pm.max_lifetime", SETTING_DURATION, AT(www.max_lifetime_ms), "0",
	0, 365 * MS_PER_DAY, NULL, true,
	"Age at which a worker is replaced, in the same manner, spread by 10 "
	"percent. 0: never."},
    {"www", "request_io_timeout", SETTING_DURATION, AT(www.io_timeout_ms), "5s",
	10, MS_PER_DAY, NULL, true,
	"How long the reading of a request, from its first byte to its last, "
	"or one write of an answer may take before the connection is "
	"dropped."},
    {"www", "keep_connections", SETTING_NUMBER, AT(www.keep_connections), "256",
	0, 65535, NULL, true,
	"Idle connections of the web server that one worker keeps open "
	"(fastcgi_keep_conn). 0: none."},
    {"www", "request_slowlog_timeout", SETTING_DURATION,
	AT(www.slowlog_timeout_ms), "0", 0, MS_PER_DAY, NULL, true,
	"A request that takes longer is told in the log while it still runs, "
	"with the phase that it is in, for how long, and its claim; and is "
	"counted. Needs pm.status_listen. 0: never."},
    {"www", "request_terminate_timeout", SETTING_DURATION,
	AT(www.terminate_timeout_ms), "30s", 0, MS_PER_DAY, NULL, true,
	"Who has been at one request for so long hangs, since every wait of a "
	"worker has a shorter limit of its own: it is told to leave, killed a "
	"second later, and replaced. The log has phase and claim, which the "
	"keeper decides. Must be above the [limits] request_deadline. 0: "
	"never."},
    {"www", "pm.status_listen", SETTING_TEXT, AT(www.status_listen), "", 0, 0,
	NULL, false,
	"Where status, ping, /metrics, /livez and /readyz are asked for, by "
	"FastCGI: an address like that of listen, with its owner, group and "
	"mode. A process of its own answers, never a worker. Empty: nobody "
	"does."},
    {"www", "pm.status_path", SETTING_TEXT, AT(www.status_path), "/status", 0,
	0, NULL, true,
	"Path of the status page, as php-fpm's, with ?json, ?xml, ?html or "
	"?openmetrics, and ?full for every worker. Empty: none."},
    {"www", "ping.path", SETTING_TEXT, AT(www.ping_path), "/ping", 0, 0, NULL,
	true, "Path that answers with ping.response. Empty: none."},
    {"www", "ping.response", SETTING_TEXT, AT(www.ping_response), "pong", 0, 0,
	NULL, true, "What ping.path answers."},
    {"www", "access.log", SETTING_TEXT, AT(www.access_log), "", 0, 0, NULL,
	true, "File with a line for each request. Empty: none."},
    {"www", "access.format", SETTING_TEXT, AT(www.access_format),
	"%R - %u %t \"%m %r%Q%q\" %s %{outcome}x %{seconds}d", 0, 0, NULL, true,
	"What such a line says: the word json, for an object with all of it, "
	"or text with php-fpm's tokens: %% percent, %{NAME}e a FastCGI "
	"parameter, %d duration (%{milliseconds}d, %{microseconds}d), %l "
	"length of the body, %m method, %n pool, %p pid, %P pid of the master, "
	"%q query, %Q a ? if there is one, %r path, %R address of the client, "
	"%s status, %t when it was received (%{FORMAT}t of strftime), %T when "
	"it was logged, %u customer. Ours: %{queue}x seconds from the web "
	"server to a worker (see FG_T), %{claim}x of waiting for Redis, "
	"%{insert}x for MySQL, %{id}x the parameter REQUEST_ID, %{outcome}x "
	"code of the answer, %{route}x, %{sent}x bytes sent. Foreign bytes are "
	"escaped; what is not known is a dash."},
    {"www", "access.suppress_path", SETTING_TEXT, AT(www.access_suppress_path),
	"", 0, 0, NULL, true,
	"Paths, separated by blanks, that are not logged when they are asked "
	"for by GET or HEAD, without query or body, and answered 2xx."},
    {"www", "ready.queue_max", SETTING_NUMBER, AT(www.ready_queue_max), "0", 0,
	65535, NULL, true,
	"Connections waiting to be accepted from which on /readyz says no. 0: "
	"half of what may wait."},
    {"www", "problem_base", SETTING_TEXT, AT(www.problem_base),
	"urn:flashgate:problem:", 0, 0, NULL, true,
	"What stands before the code in the type member of a problem "
	"(RFC 9457)."},

    {"redis", "address", SETTING_TEXT, AT(redis.address), "127.0.0.1:6379", 0,
	0, NULL, true,
	"Redis 7 or later, or Valkey: /path of a Unix socket or numeric "
	"address:port."},
    {"redis", "user", SETTING_TEXT, AT(redis.user), "", 0, 0, NULL, true,
	"ACL user. Empty: the default user."},
    {"redis", "password", SETTING_SECRET, AT(redis.password), "", 0, 0, NULL,
	true, "Password. The file must then not be readable for others."},
    {"redis", "database", SETTING_NUMBER, AT(redis.database), "0", 0, 65535,
	NULL, true, "Number of the database."},
    {"redis", "connect_timeout", SETTING_DURATION, AT(redis.connect_timeout_ms),
	"200ms", 1, 60000, NULL, true, "Limit of one attempt to connect."},
    {"redis", "timeout", SETTING_DURATION, AT(redis.timeout_ms), "250ms", 1,
	60000, NULL, true,
	"Limit of one call. What is not answered by then counts as unknown and "
	"is asked again, never as undone."},

    {"mysql", "address", SETTING_TEXT, AT(mysql.address), "127.0.0.1:3306", 0,
	0, NULL, true,
	"MySQL 8 or MariaDB 10.6, or later: /path of a Unix socket or "
	"host:port."},
    {"mysql", "database", SETTING_TEXT, AT(mysql.database), "flashgate", 0, 0,
	NULL, true, "Name of the database (schema)."},
    {"mysql", "user", SETTING_TEXT, AT(mysql.user), "flashgate", 0, 0, NULL,
	true,
	"Account of the server. It needs SELECT on sales and schema_version, "
	"SELECT and INSERT on orders and dead_letters, SELECT and UPDATE (n) "
	"on barrier, and no more."},
    {"mysql", "password", SETTING_SECRET, AT(mysql.password), "", 0, 0, NULL,
	true, "Its password. The file must then not be readable for others."},
    {"mysql", "keeper_user", SETTING_TEXT, AT(mysql.keeper_user), "", 0, 0,
	NULL, true,
	"Account of the settlers, and of the keeper, which makes a lost gate "
	"anew: it also needs UPDATE of (epoch, state) on sales and INSERT on "
	"audit. Empty: the same as user, which then needs them."},
    {"mysql", "keeper_password", SETTING_SECRET, AT(mysql.keeper_password), "",
	0, 0, NULL, true, "Its password."},
    {"mysql", "admin_user", SETTING_TEXT, AT(mysql.admin_user), "", 0, 0, NULL,
	true,
	"Account of flashgatectl, which also changes sales and installs the "
	"schema. Empty: the same as user."},
    {"mysql", "admin_password", SETTING_SECRET, AT(mysql.admin_password), "", 0,
	0, NULL, true, "Its password."},
    {"mysql", "connect_timeout", SETTING_DURATION, AT(mysql.connect_timeout_ms),
	"1s", 1, 60000, NULL, true,
	"Limit of one attempt to connect; the client library rounds it up to "
	"whole seconds."},
    {"mysql", "statement_timeout", SETTING_DURATION,
	AT(mysql.statement_timeout_ms), "800ms", 10, 60000, NULL, true,
	"Limit of one statement, kept by the database server "
	"(max_statement_time)."},

    {"identity", "remote_user", SETTING_BOOL, AT(identity.remote_user), "no", 0,
	0, NULL, true,
	"Take the customer from REMOTE_USER, as the web server sets it after "
	"it has checked who it is. No header of the shopper is ever an "
	"identity."},
    {"identity", "token_keys", SETTING_TEXT, AT(identity.token_keys), "", 0, 0,
	NULL, true,
	"Keys of bearer tokens (JWT), up to four, separated by blanks, each "
	"kid:algorithm:/path/of/key. Algorithms: HS256 (a secret of at least "
	"32 "
	"bytes), RS256, ES256 (a public key in PEM). Tokens are checked with "
	"the key that their kid names, and with its algorithm only."},
    {"identity", "issuer", SETTING_TEXT, AT(identity.issuer), "", 0, 0, NULL,
	true, "Required iss of a token. Empty: any."},
    {"identity", "audience", SETTING_TEXT, AT(identity.audience), "", 0, 0,
	NULL, true, "Required aud of a token. Empty: any."},

    {"limits", "request_deadline", SETTING_DURATION,
	AT(limits.request_deadline_ms), "2s", 50, 60000, NULL, true,
	"Time that one purchase may take in all; beyond it the shopper hears "
	"503 and asks again with the same key."},
    {"limits", "body_max", SETTING_SIZE, AT(limits.body_max_bytes), "16k", 0,
	1048576, NULL, true, "Largest request body."},
    {"limits", "params_max", SETTING_SIZE, AT(limits.params_max_bytes), "64k",
	1024, 1048576, NULL, true,
	"Largest sum of all FastCGI parameters of a request."},

    {"keeper", "lease", SETTING_DURATION, AT(keeper.lease_ms), "10s", 500,
	600000, NULL, true,
	"How long a claim may stay undecided before the keeper decides it. At "
	"least twice the request_deadline."},
    {"keeper", "tick", SETTING_DURATION, AT(keeper.tick_ms), "500ms", 50, 60000,
	NULL, true, "Pause between two looks for expired claims."},
    {"keeper", "refresh", SETTING_DURATION, AT(keeper.refresh_ms), "200ms", 20,
	60000, NULL, true,
	"Pause between two readings of the sales for the workers' table, and "
	"the longest that a lost gate goes unnoticed."},
    {"keeper", "audit", SETTING_DURATION, AT(keeper.audit_ms), "60s", 0,
	86400000, NULL, true,
	"Pause between two audits, which count where every unit of an open "
	"sale is. What has no home, or two, for longer than a claim may stay "
	"undecided is counted, and the gate is made anew. 0: none but those of "
	"flashgatectl reconcile."},

    {"queue", "durability", SETTING_CHOICE, AT(queue.durability), "always", 0,
	0, "always waitaof", true,
	"When a purchase in mode queue or sweep counts as accepted. always: "
	"Redis must run with appendonly yes and appendfsync always, which is "
	"read back at each connection; switched on while it runs, nothing is "
	"accepted before its first file is there. waitaof: each purchase waits "
	"until Redis says that it is in its file (WAITAOF, Redis 7.2 or "
	"Valkey), with appendfsync everysec or always: with no it never says "
	"so, and that is refused."},
    {"queue", "accept_loss", SETTING_BOOL, AT(queue.accept_loss), "no", 0, 0,
	NULL, true,
	"Accept purchases even if Redis keeps them less well than durability "
	"asks: a crash of Redis may then lose some that a shopper was told of "
	"(202). Answers, status page and doctor say so, the lost ones are "
	"counted, and whoever asks for one hears 404. Nothing is waited for "
	"then. no: such purchases are refused with 503, and a sale in these "
	"modes is refused at a start."},

    {"settler", "processes", SETTING_NUMBER, AT(settler.processes), "1", 0, 64,
	NULL, true,
	"Settlers on this host, beside any number on others. One writes more "
	"rows a second than most shops sell; a second one covers for it while "
	"it is replaced. A reload may raise it to twice what the server was "
	"started with, and always to 8. 0: none here."},
    {"settler", "batch", SETTING_NUMBER, AT(settler.batch), "64", 1, 64, NULL,
	true,
	"Rows that go into one statement at most. Less is slower and saves "
	"nothing; 1 is for comparison."},
    {"settler", "idle", SETTING_DURATION, AT(settler.idle_ms), "30s", 1000,
	3600000, NULL, true,
	"Orders that another settler has taken and not written for so long are "
	"taken over: it has died for good, or its host has."},
    {"settler", "max_deliveries", SETTING_NUMBER, AT(settler.max_deliveries),
	"5", 1, 1000, NULL, true,
	"An order that was taken more often goes by itself, and becomes a dead "
	"letter if MySQL refuses it for what it says (flashgatectl dead). "
	"Never because a store is away."},
    {"settler", "sweep_interval", SETTING_DURATION,
	AT(settler.sweep_interval_ms), "60s", 0, MS_PER_DAY, NULL, true,
	"Pause between two runs for sales in mode sweep. Runs begin at "
	"multiples of it since 1970 by MySQL's clock, on all hosts at once, so "
	"that an answer can say when the next one is. 0: none but those of "
	"flashgatectl sweep."},
    {"settler", "sweep_pause", SETTING_DURATION, AT(settler.sweep_pause_ms),
	"5ms", 0, 60000, NULL, true,
	"Pause between two batches of such a run, so that others come "
	"between."},
};
const size_t settings_table_n = ARRAY_LEN(settings_table);
