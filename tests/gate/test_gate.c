/* SPDX-License-Identifier: Apache-2.0 */
/* gate: addresses, keys, commands, the library, error classes, INFO. */
#include "config.h"

#include "unit.h"

#include "gate/address.h"
#include "gate/command.h"
#include "gate/errors.h"
#include "gate/gate_priv.h"
#include "gate/info.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

/* ---- addresses ----------------------------------------------------------- */

START_TEST(test_address_unix)
{
	static const char *const texts[] = {
	    "/run/redis.sock", "unix:/run/redis.sock"};
	struct gate_address address;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		const struct sockaddr_un *un = (void *)&address.addr;

		ck_assert(gate_address_parse(texts[i], &address, &err));
		ck_assert_int_eq(address.addr.ss_family, AF_UNIX);
		ck_assert_str_eq(un->sun_path, "/run/redis.sock");
	}
}
END_TEST

START_TEST(test_address_inet)
{
	struct gate_address address;
	const struct sockaddr_in *in4 = (void *)&address.addr;
	const struct sockaddr_in6 *in6 = (void *)&address.addr;
	struct err err = ERR_INIT;

	ck_assert(gate_address_parse("127.0.0.1:6379", &address, &err));
	ck_assert_int_eq(address.addr.ss_family, AF_INET);
	ck_assert_uint_eq(ntohs(in4->sin_port), 6379);
	ck_assert_uint_eq(ntohl(in4->sin_addr.s_addr), INADDR_LOOPBACK);
	ck_assert(gate_address_parse("[::1]:65535", &address, &err));
	ck_assert_int_eq(address.addr.ss_family, AF_INET6);
	ck_assert_uint_eq(ntohs(in6->sin6_port), 65535);
	ck_assert(IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr));
}
END_TEST

static const char *const bad_addresses[] = {
    NULL,
    "",
    "redis.sock",
    "unix:",
    "unix:redis.sock",
    "unix:127.0.0.1:6379",
    "localhost:6379",
    "127.0.0.1",
    "127.0.0.1:",
    "127.0.0.1:0",
    "127.0.0.1:65536",
    "127.0.0.1:6379x",
    "127.0.0.1:63:79",
    "127.0.0.256:6379",
    ":6379",
    "::1:6379",
    "[::1]",
    "[::1]6379",
    "[::1:6379",
    "[127.0.0.1]:6379",
    "[]:6379",
    "/a-path-that-is-much-too-long-for-a-unix-socket-because-only-about-a-"
    "hundred-bytes-of-it-would-fit-into-the-address",
};

START_TEST(test_address_refused)
{
	struct gate_address address;
	struct err err = ERR_INIT;

	ck_assert(!gate_address_parse(bad_addresses[_i], &address, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "redis address "));
}
END_TEST

START_TEST(test_new_refuses)
{
	struct gate_conf conf = {.address = "/s",
	    .connect_timeout_ms = 1,
	    .timeout_ms = 1,
	    .lease_ms = 1};
	struct err err = ERR_INIT;
	struct gate *gate = gate_new(&conf, &err);

	ck_assert_ptr_nonnull(gate);
	gate_free(&gate);
	ck_assert_ptr_null(gate);
	gate_free(&gate);
	conf.lease_ms = 0;
	ck_assert_ptr_null(gate_new(&conf, &err));
	conf.lease_ms = 1;
	conf.address = "localhost:6379";
	ck_assert_ptr_null(gate_new(&conf, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "localhost:6379"));
}
END_TEST

/* ---- keys and commands --------------------------------------------------- */

START_TEST(test_keys)
{
	struct gate_ref ref = {{7}, 3}, most = {{UINT32_MAX}, UINT32_MAX};
	struct gate_keys keys;

	gate_keys_make(ref, &keys);
	ck_assert_str_eq(keys.name[0], "{fg:7}:meta");
	ck_assert_str_eq(keys.name[1], "{fg:7}:3:free");
	ck_assert_str_eq(keys.name[2], "{fg:7}:3:lease");
	ck_assert_str_eq(keys.name[3], "{fg:7}:3:rec");
	ck_assert_str_eq(keys.name[4], "{fg:7}:3:slot");
	ck_assert_str_eq(keys.name[5], "{fg:7}:3:queue");
	ck_assert_str_eq(keys.name[6], "{fg:7}:3:void");
	gate_keys_make(most, &keys);
	ck_assert_str_eq(keys.name[2], "{fg:4294967295}:4294967295:lease");
	ck_assert_uint_eq(keys.len[2], strlen(keys.name[2]));
}
END_TEST

START_TEST(test_command_is_binary_safe)
{
	static struct command cmd;
	struct claim_id claim = {{'a', 0, '\r', '\n', '"', ' ', 0xff}};
	struct wire_out out = {0};

	command_start(&cmd, "X");
	command_claim(&cmd, &claim);
	command_number(&cmd, UINT64_MAX);
	command_number(&cmd, 0);
	ck_assert(wire_put(&out, &cmd));
	ck_assert(strv_eq(strv_from(out.p, out.n),
	    STRV("*4\r\n$1\r\nX\r\n$16\r\na\0\r\n\" \xff"
		 "\0\0\0\0\0\0\0\0\0\r\n$20\r\n18446744073709551615\r\n"
		 "$1\r\n0\r\n")));
	wire_out_free(&out);
}
END_TEST

START_TEST(test_command_holds_the_largest_batch)
{
	static struct command cmd;
	struct gate_ref ref = {{1}, UINT32_MAX};
	struct customer who;
	struct gate_keys keys;

	ck_assert(customer_parse(STRV("c"), &who));
	gate_keys_make(ref, &keys);
	command_fcall(&cmd, GATE_FN("own"), &keys);
	command_number(&cmd, ref.epoch);
	for (size_t i = 0; i < GATE_BATCH_MAX; i++) {
		command_number(&cmd, UINT32_MAX);
		command_customer(&cmd, &who);
		command_bytes(&cmd, "x", 1);
	}
	ck_assert_int_eq(cmd.argc, 11 + 3 * GATE_BATCH_MAX);
}
END_TEST

START_TEST(test_library_names_itself)
{
	static const char head[] = "#!lua name=" GATE_LIBRARY "\n";

	ck_assert_uint_eq(gate_lua_bytes, strlen(gate_lua));
	ck_assert_mem_eq(gate_lua, head, sizeof(head) - 1);
	ck_assert_ptr_nonnull(strstr(gate_lua, "'fg_' .. name .. '_v2'"));
	/* Quotes and backslashes went through sed unharmed. */
	ck_assert_ptr_nonnull(
	    strstr(gate_lua, "'^(%d+)|(%d%d?)|([^|]+)(.*)$'"));
	ck_assert_ptr_nonnull(strstr(gate_lua, "\"unit|slot|customer\""));
}
END_TEST

/* ---- error classes ------------------------------------------------------- */

static const struct {
	const char *reply;
	enum outcome outcome;
	enum gate_remedy remedy;
} errors[] = {
    {"NOAUTH Authentication required.", OUT_NOT_DONE, GATE_REMEDY_RECONNECT},
    {"WRONGPASS invalid username-password pair or user is disabled.",
	OUT_NOT_DONE, GATE_REMEDY_RECONNECT},
    {"NOPERM this user has no permissions to run the 'fcall' command",
	OUT_NOT_DONE, GATE_REMEDY_NONE},
    {"DENIED Redis is running in protected mode because ...", OUT_NOT_DONE,
	GATE_REMEDY_RECONNECT},
    {"LOADING Redis is loading the dataset in memory", OUT_NOT_DONE,
	GATE_REMEDY_NONE},
    {"READONLY You can't write against a read only replica.", OUT_NOT_DONE,
	GATE_REMEDY_RECONNECT},
    {"OOM command not allowed when used memory > 'maxmemory'.", OUT_NOT_DONE,
	GATE_REMEDY_NONE},
    {"MISCONF Redis is configured to save RDB snapshots, but ...", OUT_NOT_DONE,
	GATE_REMEDY_NONE},
    {"NOREPLICAS Not enough good replicas to write.", OUT_NOT_DONE,
	GATE_REMEDY_NONE},
    {"MASTERDOWN Link with MASTER is down and ...", OUT_NOT_DONE,
	GATE_REMEDY_RECONNECT},
    {"BUSY Redis is busy running a script. You can only call ...", OUT_NOT_DONE,
	GATE_REMEDY_NONE},
    {"CLUSTERDOWN The cluster is down", OUT_NOT_DONE, GATE_REMEDY_RECONNECT},
    {"MOVED 3999 127.0.0.1:6381", OUT_NOT_DONE, GATE_REMEDY_RECONNECT},
    {"ASK 3999 127.0.0.1:6381", OUT_NOT_DONE, GATE_REMEDY_NONE},
    {"TRYAGAIN Multiple keys request during rehashing of slot", OUT_NOT_DONE,
	GATE_REMEDY_NONE},
    {"CROSSSLOT Keys in request don't hash to the same slot", OUT_NOT_DONE,
	GATE_REMEDY_NONE},
    {"ERR Function not found", OUT_NOT_DONE, GATE_REMEDY_LOAD},
    {"ERR unknown command 'FCALL', with args beginning with: 'fg'",
	OUT_NOT_DONE, GATE_REMEDY_NONE},
    {"ERR max number of clients reached", OUT_NOT_DONE, GATE_REMEDY_RECONNECT},
    {"ERR damaged record", OUT_UNKNOWN, GATE_REMEDY_NONE},
    {"WRONGTYPE Operation against a key holding the wrong kind of value",
	OUT_UNKNOWN, GATE_REMEDY_NONE},
};

START_TEST(test_error_rows)
{
	const struct gate_error *row = gate_error_of(strv_c(errors[_i].reply));

	ck_assert_int_eq(row->outcome, errors[_i].outcome);
	ck_assert_int_eq(row->remedy, errors[_i].remedy);
}
END_TEST

/* A row that is added to the table without a test of its own fails here. */
START_TEST(test_error_rows_all_tested)
{
	size_t n;
	const struct gate_error *table = gate_error_table(&n);

	ck_assert_uint_eq(n, ARRAY_LEN(errors));
	for (size_t i = 0; i < n; i++) {
		size_t hits = 0;

		for (size_t k = 0; k < n; k++)
			hits +=
			    gate_error_of(strv_c(errors[k].reply)) == &table[i];
		ck_assert_msg(hits == 1, "row %s", table[i].prefix);
	}
}
END_TEST

static const char *const unknown_errors[] = {
    "",
    "ERR",
    "ERR Function not foundling",
    "NOSUCHCLASS whatever",
    "BUSYGROUP Consumer Group name already exists",
    "OOMPH",
    "oom command not allowed",
    /* A class that is NOT_DONE, but raised by a command inside a function
     * that had already popped: measured with an ACL that lacks ZADD. */
    "ERR The user executing the script can't run this command or subcommand "
    "script: fg_claim_v2, on @user_function:151.",
    "NOPERM this user has no permissions to run the 'zadd' command script: "
    "fg_claim_v2, on @user_function:151.",
    "OOM command not allowed when used memory > 'maxmemory'. script: "
    "fg_claim_v2, on @user_function:151.",
};

START_TEST(test_error_unknown)
{
	const struct gate_error *row =
	    gate_error_of(strv_c(unknown_errors[_i]));

	ck_assert_int_eq(row->outcome, OUT_UNKNOWN);
	ck_assert_int_eq(row->remedy, GATE_REMEDY_NONE);
}
END_TEST

START_TEST(test_error_text)
{
	struct err err = ERR_INIT;
	char many[1000];

	gate_error_describe(STRV("OOM \r\n\x01 x"), "fg_claim_v2", &err);
	ck_assert_str_eq(err.text,
	    "fg_claim_v2: OOM \\x0d\\x0a\\x01 x; raise maxmemory of Redis, "
	    "policy noeviction");
	memset(many, 'x', sizeof(many));
	memcpy(many, "OOM ", 4);
	gate_error_describe(strv_from(many, sizeof(many)), "f", &err);
	ck_assert_ptr_nonnull(strstr(err.text, "; raise maxmemory"));
}
END_TEST

/* ---- INFO ---------------------------------------------------------------- */

#define INFO(version, role, policy)                                        \
	"# Server\r\n" version "redis_mode:standalone\r\n\r\n# Memory\r\n" \
	"maxmemory_policy:" policy "\r\n# Replication\r\nrole:" role "\r\n"
#define REDIS7 "redis_version:7.0.15\r\n"

static const struct {
	const char *info;
	bool good;
	const char *version;
	const char *says; /* in the error */
} infos[] = {
    {INFO(REDIS7, "master", "noeviction"), true, "Redis 7.0.15", ""},
    {INFO("redis_version:7.2.4\r\nserver_name:valkey\r\n"
	  "valkey_version:8.0.1\r\n",
	 "master", "noeviction"),
	true, "Valkey 8.0.1", ""},
    {"redis_version:10.0\n", true, "Redis 10.0", ""},
    {INFO("redis_version:6.2.14\r\n", "master", "noeviction"), false,
	"Redis 6.2.14", "too old"},
    {INFO(REDIS7, "slave", "noeviction"), false, "Redis 7.0.15", "replica"},
    {INFO(REDIS7, "master", "allkeys-lru"), false, "Redis 7.0.15",
	"maxmemory-policy is allkeys-lru"},
    {INFO(REDIS7, "master", "volatile-ttl"), false, "Redis 7.0.15",
	"CONFIG SET maxmemory-policy noeviction"},
    {"", false, "", "redis_version"},
    {"redis_version\r\n", false, "", "redis_version"},
    {"redis_version:seven\r\n", false, "Redis seven", "redis_version"},
    {"redis_version:7777777777777777777777777777777777.1\r\n", false, "",
	"redis_version"},
};

START_TEST(test_info)
{
	char version[32];
	struct err err = ERR_INIT;
	bool good = gate_info_judge(strv_c(infos[_i].info), version, &err);

	ck_assert_int_eq(good, infos[_i].good);
	ck_assert_str_eq(version, infos[_i].version);
	ck_assert_ptr_nonnull(strstr(err.text, infos[_i].says));
}
END_TEST

TESTS_MAIN("gate", UNIT("address-unix", test_address_unix),
    UNIT("address-inet", test_address_inet),
    UNIT_TABLE(
	"address-refused", test_address_refused, ARRAY_LEN(bad_addresses)),
    UNIT("new-refuses", test_new_refuses), UNIT("keys", test_keys),
    UNIT("command-binary", test_command_is_binary_safe),
    UNIT("command-batch", test_command_holds_the_largest_batch),
    UNIT("library", test_library_names_itself),
    UNIT_TABLE("error-rows", test_error_rows, ARRAY_LEN(errors)),
    UNIT("error-all-tested", test_error_rows_all_tested),
    UNIT_TABLE("error-unknown", test_error_unknown, ARRAY_LEN(unknown_errors)),
    UNIT("error-text", test_error_text),
    UNIT_TABLE("info", test_info, ARRAY_LEN(infos)))
