/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings: one table (settings_table.c) of name, type, range, unit, default,
 * reloadable and description, from which the parser, -tt, the commented
 * conf/flashgate.conf and the manual page all come.  Plain values; read once,
 * before anything is forked.  Any process.
 */
#ifndef PROG_SETTINGS_H
#define PROG_SETTINGS_H

#include "base/attr.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define SETTINGS_TEXT_MAX 180 /* inih reads lines of at most 200 bytes */

typedef char settings_text[SETTINGS_TEXT_MAX];

struct settings {
	struct {
		settings_text pid;
		settings_text error_log;
		unsigned log_level; /* enum log_level */
		unsigned log_format; /* enum log_format */
		int64_t process_control_timeout_ms;
		int64_t crash_threshold, crash_interval_ms;
	} global;
	struct {
		settings_text listen;
		int64_t listen_backlog;
		settings_text listen_owner, listen_group;
		unsigned listen_mode;
		settings_text allowed_clients, allowed_uids;
		settings_text user, group;
		int64_t priority;
		bool dumpable;
		int64_t rlimit_files, rlimit_core;
		bool clear_env;
		unsigned pm; /* enum pool_manager */
		int64_t max_children;
		int64_t start_servers; /* 0: between the spares */
		int64_t min_spare, max_spare;
		int64_t idle_timeout_ms;
		int64_t spawn_rate;
		int64_t max_requests, max_rss_bytes, max_lifetime_ms;
		int64_t io_timeout_ms;
		int64_t keep_connections;
		settings_text status_listen, status_path;
		settings_text ping_path, ping_response;
		int64_t ready_queue_max;
		int64_t slowlog_timeout_ms, terminate_timeout_ms;
		settings_text access_log, access_format, access_suppress_path;
		settings_text problem_base;
	} www;
	struct {
		settings_text address, user, password;
		int64_t database;
		int64_t connect_timeout_ms, timeout_ms;
	} redis;
	struct {
		settings_text address, database;
		settings_text user, password;
		settings_text keeper_user, keeper_password;
		settings_text admin_user, admin_password;
		int64_t connect_timeout_ms, statement_timeout_ms;
	} mysql;
	struct {
		bool remote_user;
		settings_text token_keys;
		settings_text issuer, audience;
	} identity;
	struct {
		int64_t request_deadline_ms;
		int64_t body_max_bytes;
		int64_t params_max_bytes;
	} limits;
	struct {
		int64_t lease_ms;
		int64_t tick_ms;
		int64_t refresh_ms;
		int64_t audit_ms; /* 0: never by itself */
	} keeper;
	struct {
		unsigned durability; /* enum queue_durability */
		bool accept_loss;
	} queue;
	struct {
		int64_t processes;
		int64_t batch; /* 1..SETTLE_BATCH */
		int64_t idle_ms;
		int64_t max_deliveries;
		int64_t sweep_interval_ms; /* 0: by flashgatectl sweep only */
		int64_t sweep_pause_ms;
	} settler;
};

/* In the order of the setting's choices. */
enum queue_durability {
	QUEUE_ALWAYS,
	QUEUE_WAITAOF
};

enum setting_type {
	SETTING_TEXT,
	SETTING_SECRET, /* text that is never shown */
	SETTING_BOOL, /* yes, no */
	SETTING_NUMBER,
	SETTING_DURATION, /* 500ms, 2s, 5m, 1h, 1d; a bare number is seconds */
	SETTING_SIZE, /* bytes; 16k, 1m */
	SETTING_MODE, /* octal */
	SETTING_CHOICE /* one of `choices` */
};

struct setting {
	const char *section, *key;
	enum setting_type type;
	size_t offset; /* into struct settings */
	const char *fallback; /* the default, as one would write it */
	int64_t min, max; /* numbers, ms, bytes */
	const char *choices; /* "a b c" */
	bool reloadable;
	const char *description; /* sentences, one paragraph */
};

extern const struct setting settings_table[];
extern const size_t settings_table_n;
/* What a section is for, in one sentence. */
const char *settings_section_about(const char *section);

/* Every default. */
void settings_defaults(struct settings *out);

/*
 * Reads a file over the defaults.  The first thing that is wrong ends it:
 * `err` names file, line, section and key, and says what would be right.
 */
bool settings_load(
    const char *path, struct settings *out, struct err *err) ATTR_MUSTUSE;

/*
 * Gives `next` the values of `in_force` wherever a change takes a restart, and
 * tells which of them had changed.
 */
void settings_hold(struct settings *next, const struct settings *in_force,
    void (*tell)(void *ctx, const struct setting *setting), void *ctx);

/* The effective settings as a file (-tt); secrets as "(set)" or empty. */
void settings_dump(const struct settings *settings, FILE *out);

/* conf/flashgate.conf: every key, commented, with its default. */
void settings_write_conf(FILE *out);
/* The list of keys of flashgate.conf(5), in mdoc. */
void settings_write_mdoc(FILE *out);

#endif
