/* SPDX-License-Identifier: Apache-2.0 */
/* The table of options, its parser and its help. */
#include "config.h"

#include "rush/options.h"
#include "base/bug.h"
#include "base/num.h"
#include "base/str.h"
#include "rush/plan.h"
#include "sale/ids.h"

#include <getopt.h>
#include <stddef.h>
#include <string.h>

#define AT(member) offsetof(struct options, member)
#define TEXT(name, member, arg, preset, help)                          \
	{                                                              \
		name, arg, OPTION_TEXT, AT(member), 0, 0, preset, help \
	}
#define NUMBER(name, member, arg, min, max, preset, help)                    \
	{                                                                    \
		name, arg, OPTION_NUMBER, AT(member), min, max, preset, help \
	}
#define FLAG(name, member, help)                                      \
	{                                                             \
		name, NULL, OPTION_FLAG, AT(member), 0, 0, NULL, help \
	}

#define HOUR_MS 3600000

const struct option_row option_rows[] = {
    TEXT("url", url, "URL", NULL, "where the shop is: http://127.0.0.1:8080"),
    TEXT("unix-socket", unix_socket, "PATH", NULL,
	"connect to this socket instead of the URL's host"),
    FLAG("allow-remote", allow_remote, "let the host be another machine"),
    TEXT("sale", sale, "SLUG", NULL, "which sale"),
    NUMBER("requests", requests, "N", 1, 100000000, "10000",
	"first clicks in all"),
    NUMBER("shoppers", shoppers, "N", 1, PLAN_PURCHASES_MAX, NULL,
	"distinct customers; default: requests divided by keys"),
    NUMBER("keys", keys, "N", 1, 10000, "1",
	"Idempotency-Keys that each customer tries"),
    FLAG("no-key", no_key, "send no Idempotency-Key"),
    NUMBER("double-click", double_click, "PCT", 0, 100, "0",
	"percentage of the clicks sent twice at once"),
    TEXT("customer-prefix", customer_prefix, "TEXT", "rush-",
	"customers are TEXT1, TEXT2, ..."),
    NUMBER("concurrency", concurrency, "N", 1, 4096, "64", "open connections"),
    NUMBER("rate", rate, "N", 1, 1000000, NULL,
	"clicks a second, whatever the answers; default: as fast as answered"),
    NUMBER("timeout-ms", timeout_ms, "N", 1, HOUR_MS, "10000",
	"patience with one attempt"),
    NUMBER("retries", retries, "N", 0, 1000, "5",
	"how often a click is repeated after a doubtful answer"),
    NUMBER("retry-cap-ms", retry_cap_ms, "N", 0, HOUR_MS, "1000",
	"longest Retry-After that is honoured"),
    NUMBER("settle-seconds", settle_seconds, "N", 0, 86400, "20",
	"how long to ask, at the end, for answers that are missing"),
    NUMBER("seed", seed, "N", 0, INT64_MAX, "1",
	"the same seed makes the same crowd"),
    TEXT("token-key", token_key, "FILE", NULL,
	"HS256 secret; each customer gets a bearer token signed with it"),
    TEXT("token-kid", token_kid, "KID", NULL, "name of that key"),
    TEXT("issuer", issuer, "TEXT", NULL, "iss of the tokens"),
    TEXT("audience", audience, "TEXT", NULL, "aud of the tokens"),
    TEXT("remote-user-header", remote_user_header, "NAME", NULL,
	"send the customer in this header instead of a token"),
    TEXT("history", history, "FILE", NULL, "one JSON line for each attempt"),
    FLAG("json", json, "report as JSON"),
    FLAG("quiet", quiet, "no progress on standard error"),
    NUMBER("expect-sold", expect_sold, "N", 0, PLAN_PURCHASES_MAX, NULL,
	"fail unless exactly N orders were confirmed"),
    FLAG("version", version, "print the version"),
    FLAG("help", help, "print this"),
};
const size_t option_count = ARRAY_LEN(option_rows);

static bool row_set(const struct option_row *row, const char *text,
    struct options *out, struct err *err)
{
	char *member = (char *)out + row->at;
	uint64_t number;

	switch (row->kind) {
	case OPTION_FLAG:
		*(bool *)member = true;
		return true;
	case OPTION_TEXT:
		*(const char **)member = text;
		return true;
	case OPTION_NUMBER:
		if (num_parse_u64(strv_c(text), row->min, row->max, &number)) {
			*(uint64_t *)member = number;
			return true;
		}
		err_set(err, 0,
		    "--%s %s: wants a whole number from %llu to %llu",
		    row->name, text, (unsigned long long)row->min,
		    (unsigned long long)row->max);
		return false;
	}
	BUG("an option of no kind");
}

static void presets(struct options *out)
{
	struct err err = ERR_INIT;

	*out = (struct options){0};
	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_rows[i];

		if (row->preset != NULL)
			BUG_ON(!row_set(row, row->preset, out, &err));
		else if (row->kind == OPTION_NUMBER)
			*(uint64_t *)((char *)out + row->at) = OPTION_UNSET;
	}
}

/* ---- what goes together ------------------------------------------------------- */

static bool slug_valid(const char *slug)
{
	return slug[0] != '\0' && strlen(slug) <= 63 &&
	       strspn(slug, "abcdefghijklmnopqrstuvwxyz0123456789-") ==
		   strlen(slug);
}

/* RFC 9110 5.6.2. */
static bool header_name_valid(const char *name)
{
	return name[0] != '\0' && strlen(name) <= 64 &&
	       strspn(name,
		   "abcdefghijklmnopqrstuvwxyz"
		   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == strlen(name);
}

/* The longest name of this crowd must still be a customer. */
static bool prefix_valid(const char *prefix)
{
	char name[CUSTOMER_MAX + 1];
	struct customer customer;
	struct strbuf text;

	strbuf_init(&text, name, sizeof(name));
	strbuf_printf(&text, "%s%u", prefix, PLAN_PURCHASES_MAX);
	return !text.overflow && customer_parse(strbuf_view(&text), &customer);
}

static bool crowd_fits(struct options *out, struct err *err)
{
	if (out->shoppers == OPTION_UNSET)
		out->shoppers = (out->requests + out->keys - 1) / out->keys;
	if (out->shoppers * out->keys <= PLAN_PURCHASES_MAX)
		return true;
	err_set(err, 0,
	    "%llu shoppers with %llu keys are too many: at most %u "
	    "customers times keys (see --shoppers)",
	    (unsigned long long)out->shoppers, (unsigned long long)out->keys,
	    PLAN_PURCHASES_MAX);
	return false;
}

static bool checked(struct options *out, struct err *err)
{
	const struct {
		bool wrong;
		const char *text;
	} checks[] = {
	    {out->url == NULL, "--url is missing: where is the shop?"},
	    {out->sale == NULL, "--sale is missing: which sale?"},
	    {out->sale != NULL && !slug_valid(out->sale),
		"--sale: a slug is 1 to 63 of a-z, 0-9 and -"},
	    {!prefix_valid(out->customer_prefix),
		"--customer-prefix: at most 56 of A-Z a-z 0-9 _ . @ : + -"},
	    {out->no_key && out->keys > 1,
		"--no-key and --keys exclude each other"},
	    {out->token_key != NULL && out->remote_user_header != NULL,
		"--token-key and --remote-user-header exclude each other"},
	    {out->token_key == NULL &&
		    (out->token_kid != NULL || out->issuer != NULL ||
			out->audience != NULL),
		"--token-kid, --issuer and --audience need --token-key"},
	    {out->remote_user_header != NULL &&
		    !header_name_valid(out->remote_user_header),
		"--remote-user-header: not the name of a header"},
	};

	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		if (checks[i].wrong) {
			err_set(err, 0, "%s", checks[i].text);
			return false;
		}
	}
	return crowd_fits(out, err);
}

/* ---- argv --------------------------------------------------------------------- */

bool options_parse(int argc, char **argv, struct options *out, struct err *err)
{
	struct option longs[ARRAY_LEN(option_rows) + 1] = {0};
	int row;

	for (size_t i = 0; i < option_count; i++) {
		longs[i].name = option_rows[i].name;
		longs[i].has_arg = option_rows[i].arg != NULL
				       ? required_argument
				       : no_argument;
		longs[i].val = (int)i;
	}
	presets(out);
	opterr = 0;
	optind = 0; /* glibc: start over, for tests that parse twice */
	/* ':' in front tells a missing argument from an unknown option. */
	while ((row = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		if (row == ':' || row == '?') {
			err_set(err, 0, "%s: %s (try --help)", argv[optind - 1],
			    row == ':' ? "wants a value" : "no such option");
			return false;
		}
		if (!row_set(&option_rows[row], optarg, out, err))
			return false;
	}
	if (out->help || out->version)
		return true;
	if (optind < argc) {
		err_set(err, 0, "%s: there are only options (try --help)",
		    argv[optind]);
		return false;
	}
	return checked(out, err);
}

void options_help(FILE *out)
{
	fputs("usage: flashgate-rush --url URL --sale SLUG [options]\n\n"
	      "A crowd of shoppers for a rehearsal.\n\n",
	    out);
	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_rows[i];
		char left[64];
		struct strbuf text;

		strbuf_init(&text, left, sizeof(left));
		strbuf_printf(&text, "--%s%s%s", row->name,
		    row->arg != NULL ? " " : "",
		    row->arg != NULL ? row->arg : "");
		fprintf(out, "  %-26s %s", left, row->help);
		if (row->preset != NULL)
			fprintf(out, " [%s]", row->preset);
		fputc('\n', out);
	}
}
