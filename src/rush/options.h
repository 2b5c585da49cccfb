/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the operator asks for: one table of options from which the parser and
 * --help come, and against which the manual page is checked.  Texts are
 * borrowed from argv.  flashgate-rush only.
 */
#ifndef RUSH_OPTIONS_H
#define RUSH_OPTIONS_H

#include "base/attr.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* A number that was not given and has no default of its own. */
#define OPTION_UNSET UINT64_MAX

struct options {
	const char *url;
	const char *unix_socket;
	bool allow_remote;
	const char *sale;
	uint64_t requests;
	uint64_t shoppers;
	uint64_t keys;
	bool no_key;
	uint64_t double_click;
	const char *customer_prefix;
	uint64_t concurrency;
	uint64_t rate; /* OPTION_UNSET: closed loop */
	uint64_t timeout_ms;
	uint64_t retries;
	uint64_t retry_cap_ms;
	uint64_t settle_seconds;
	uint64_t seed;
	const char *token_key;
	const char *token_kid;
	const char *issuer;
	const char *audience;
	const char *remote_user_header;
	const char *history;
	bool json;
	bool quiet;
	uint64_t expect_sold; /* OPTION_UNSET: do not judge */
	bool version;
	bool help;
};

enum option_kind {
	OPTION_TEXT,
	OPTION_NUMBER,
	OPTION_FLAG
};

struct option_row {
	const char *name;
	const char *arg; /* how --help calls it; NULL for a flag */
	enum option_kind kind;
	size_t at; /* offset in struct options */
	uint64_t min, max;
	const char *preset; /* the default as one would type it; NULL: none */
	const char *help;
};

extern const struct option_row option_rows[];
extern const size_t option_count;

/*
 * Reads argv, fills in the defaults, checks that the options go together.
 * With --help or --version nothing else is checked.  False with a reason.
 */
bool options_parse(
    int argc, char **argv, struct options *out, struct err *err) ATTR_MUSTUSE;

void options_help(FILE *out);

#endif
