/* SPDX-License-Identifier: Apache-2.0 */
/* rush: what the operator may ask for, and where the crowd may go. */
#include "config.h"

#include "unit.h"

#include "argv.h"

#include "rush/options.h"
#include "rush/target.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

/* So many rows there are; Check wants to know before it runs. */
#define OPTION_ROWS 28

/* ---- the table ------------------------------------------------------------------------ */

START_TEST(test_defaults)
{
	ck_assert(parse("--url http://127.0.0.1:8080 --sale drop-7"));
	ck_assert_str_eq(options.url, "http://127.0.0.1:8080");
	ck_assert_str_eq(options.sale, "drop-7");
	ck_assert_uint_eq(options.requests, 10000);
	ck_assert_uint_eq(options.shoppers, 10000);
	ck_assert_uint_eq(options.keys, 1);
	ck_assert_uint_eq(options.concurrency, 64);
	ck_assert_uint_eq(options.rate, OPTION_UNSET);
	ck_assert_uint_eq(options.double_click, 0);
	ck_assert_uint_eq(options.retries, 5);
	ck_assert_uint_eq(options.retry_cap_ms, 1000);
	ck_assert_uint_eq(options.settle_seconds, 20);
	ck_assert_uint_eq(options.timeout_ms, 10000);
	ck_assert_uint_eq(options.seed, 1);
	ck_assert_uint_eq(options.expect_sold, OPTION_UNSET);
	ck_assert_str_eq(options.customer_prefix, "rush-");
	ck_assert_ptr_null(options.history);
	ck_assert(!options.json && !options.quiet && !options.allow_remote);
}
END_TEST

START_TEST(test_shoppers_follow_requests)
{
	ck_assert(parse("--url u --sale s --requests 100 --keys 3"));
	ck_assert_uint_eq(options.shoppers, 34);
	ck_assert(parse("--url u --sale s --requests 100 --shoppers 7"));
	ck_assert_uint_eq(options.shoppers, 7);
}
END_TEST

START_TEST(test_every_row_is_parsed_and_told)
{
	const struct option_row *row = &option_rows[_i];
	char line[256], *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	options_help(out);
	fclose(out);
	snprintf(line, sizeof(line), "  --%s%s%s ", row->name,
	    row->arg != NULL ? " " : "", row->arg != NULL ? row->arg : "");
	ck_assert_ptr_nonnull(strstr(text, line));
	ck_assert_ptr_nonnull(strstr(text, row->help));
	free(text);

	/* Its own word, twice: the second time stands. */
	snprintf(line, sizeof(line), "--%s%s", row->name,
	    row->arg != NULL ? " 1" : "");
	(void)!parse(line);
	ck_assert_ptr_null(strstr(err.text, "no such option"));
	if (row->arg == NULL)
		return;
	snprintf(line, sizeof(line), "--url u --sale s --%s", row->name);
	ck_assert(!parse(line));
	ck_assert_ptr_nonnull(strstr(err.text, "wants a value"));
	if (row->kind != OPTION_NUMBER)
		return;
	snprintf(line, sizeof(line), "--url u --sale s --%s 1x", row->name);
	ck_assert(!parse(line));
	ck_assert_ptr_nonnull(strstr(err.text, "whole number"));
}
END_TEST

static const struct {
	const char *line;
	const char *reason; /* part of it; NULL: good */
} lines[] = {
    {"--url u --sale s", NULL},
    {"--sale s", "--url is missing"},
    {"--url u", "--sale is missing"},
    {"--url u --sale S", "slug"},
    {"--url u --sale a/b", "slug"},
    {"--url u --sale s --nonsense", "no such option"},
    {"--url u --sale s stray", "only options"},
    {"--url u --sale s --requests 0", "from 1 to"},
    {"--url u --sale s --requests -1", "whole number"},
    {"--url u --sale s --double-click 101", "from 0 to 100"},
    {"--url u --sale s --concurrency 4097", "from 1 to 4096"},
    {"--url u --sale s --shoppers 10000000 --keys 100", "too many"},
    {"--url u --sale s --keys 2 --no-key", "exclude"},
    {"--url u --sale s --no-key", NULL},
    {"--url u --sale s --customer-prefix a/b", "--customer-prefix"},
    {"--url u --sale s --customer-prefix "
     "1234567890123456789012345678901234567890123456789012345678",
	"--customer-prefix"},
    {"--url u --sale s --customer-prefix you@home:", NULL},
    {"--url u --sale s --token-kid k", "need --token-key"},
    {"--url u --sale s --issuer i", "need --token-key"},
    {"--url u --sale s --audience a", "need --token-key"},
    {"--url u --sale s --token-key f --token-kid k", NULL},
    {"--url u --sale s --token-key f --remote-user-header X", "exclude"},
    {"--url u --sale s --remote-user-header X:y", "header"},
    {"--url u --sale s --seed 9223372036854775807", NULL},
    {"--url u --sale s --seed 9223372036854775808", "whole number"},
    {"--help", NULL},
    {"--version --url", "wants a value"},
};

START_TEST(test_lines)
{
	bool good = parse(lines[_i].line);

	ck_assert_msg(good == (lines[_i].reason == NULL), "%s: %s",
	    lines[_i].line, err.text);
	if (!good)
		ck_assert_msg(strstr(err.text, lines[_i].reason) != NULL,
		    "%s: %s", lines[_i].line, err.text);
}
END_TEST

/* ---- where to --------------------------------------------------------------------------- */

static const struct {
	const char *url;
	bool remote; /* is --allow-remote needed? */
	const char *route; /* NULL: not with --allow-remote either */
} urls[] = {
    {"http://127.0.0.1:8080", false, "http://127.0.0.1:8080/v1/sales/s/orders"},
    {"http://127.0.0.1:8080/", false,
	"http://127.0.0.1:8080/v1/sales/s/orders"},
    {"http://127.9.9.9", false, "http://127.9.9.9/v1/sales/s/orders"},
    {"http://localhost", false, "http://localhost/v1/sales/s/orders"},
    {"http://LocalHost", false, NULL},
    {"http://shop.localhost", false, "http://shop.localhost/v1/sales/s/orders"},
    {"http://[::1]:81", false, "http://[::1]:81/v1/sales/s/orders"},
    {"https://127.0.0.1", false, "https://127.0.0.1/v1/sales/s/orders"},
    {"http://127.0.0.1/eu//?x=1#y", false,
	"http://127.0.0.1/eu/v1/sales/s/orders"},
    /* The same address in other spellings is what it is. */
    {"http://2130706433", false, NULL},
    {"http://0x7f.1", false, NULL},
    {"http://example.org", true, "http://example.org/v1/sales/s/orders"},
    {"http://10.0.0.1", true, "http://10.0.0.1/v1/sales/s/orders"},
    {"http://0.0.0.0", true, "http://0.0.0.0/v1/sales/s/orders"},
    {"http://127.0.0.1.example.org", true,
	"http://127.0.0.1.example.org/v1/sales/s/orders"},
    {"http://127.0.0.1@example.org", true, NULL},
    {"http://localhost.example.org", true, NULL},
    {"http://notlocalhost", true, NULL},
    {"http://[::2]", true, NULL},
    {"http://[::ffff:10.0.0.1]", true, NULL},
};

START_TEST(test_where_the_crowd_may_go)
{
	struct target_ask ask = {.url = urls[_i].url, .sale = "s"};
	char out[TARGET_URL_MAX];

	ck_assert_msg(target_make(&ask, out, &err) == !urls[_i].remote, "%s",
	    urls[_i].url);
	if (urls[_i].remote)
		ck_assert_ptr_nonnull(strstr(err.text, "--allow-remote"));
	ask.may_be_remote = true;
	ck_assert(target_make(&ask, out, &err));
	if (urls[_i].route != NULL)
		ck_assert_str_eq(out, urls[_i].route);
}
END_TEST

static const char *const bad_urls[] = {
    "ftp://127.0.0.1", "127.0.0.1:8080", "unix:/run/shop", "", "http://"};

START_TEST(test_what_is_no_url)
{
	struct target_ask ask = {
	    .url = bad_urls[_i], .sale = "s", .may_be_remote = true};
	char out[TARGET_URL_MAX];

	ck_assert(!target_make(&ask, out, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "--url"));
}
END_TEST

START_TEST(test_a_long_url_is_refused)
{
	char url[2 * TARGET_URL_MAX] = "http://127.0.0.1/", out[TARGET_URL_MAX];
	struct target_ask ask = {.url = url, .sale = "s"};

	memset(url + strlen(url), 'a', TARGET_URL_MAX - 20);
	ck_assert(!target_make(&ask, out, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "too long"));
}
END_TEST

static const struct {
	int family;
	const char *address;
	bool here;
} addresses[] = {
    {AF_INET, "127.0.0.1", true},
    {AF_INET, "127.255.0.1", true},
    {AF_INET, "128.0.0.1", false},
    {AF_INET, "0.0.0.0", false},
    {AF_INET6, "::1", true},
    {AF_INET6, "::", false},
    {AF_INET6, "fe80::1", false},
};

START_TEST(test_addresses)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	bool here;

	if (addresses[_i].family == AF_INET) {
		ck_assert_int_eq(
		    inet_pton(AF_INET, addresses[_i].address, &in.sin_addr), 1);
		here = target_address_is_here((struct sockaddr *)&in);
	} else {
		ck_assert_int_eq(
		    inet_pton(AF_INET6, addresses[_i].address, &in6.sin6_addr),
		    1);
		here = target_address_is_here((struct sockaddr *)&in6);
	}
	ck_assert_int_eq(here, addresses[_i].here);
	ck_assert(target_address_is_here((struct sockaddr *)&un));
}
END_TEST

START_TEST(test_rows_are_all_tested)
{
	ck_assert_uint_eq(option_count, OPTION_ROWS);
}
END_TEST

TESTS_MAIN("rush options", UNIT("defaults", test_defaults),
    UNIT("shoppers follow requests", test_shoppers_follow_requests),
    UNIT("all rows are tested", test_rows_are_all_tested),
    UNIT_TABLE("rows", test_every_row_is_parsed_and_told, OPTION_ROWS),
    UNIT_TABLE("lines", test_lines, (int)ARRAY_LEN(lines)),
    UNIT_TABLE("targets", test_where_the_crowd_may_go, (int)ARRAY_LEN(urls)),
    UNIT_TABLE("no URLs", test_what_is_no_url, (int)ARRAY_LEN(bad_urls)),
    UNIT("long URL", test_a_long_url_is_refused),
    UNIT_TABLE("addresses", test_addresses, (int)ARRAY_LEN(addresses)))
