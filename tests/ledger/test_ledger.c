/* SPDX-License-Identifier: Apache-2.0 */
/* ledger: what can be judged without a server. */
#include "config.h"

#include "unit.h"

#include "ledger/address.h"
#include "ledger/ledger.h"
#include "ledger/rows.h"
#include "ledger/split.h"
#include "ledger/statements.h"
#include "ledger/version.h"

static const struct address_case {
	const char *text;
	const char *socket, *host;
	unsigned port; /* 0: refused */
} addresses[] = {
    {"/run/mysqld/mysqld.sock", "/run/mysqld/mysqld.sock", "", 1},
    {"unix:/run/m.sock", "/run/m.sock", "", 1},
    {"db.example:3307", "", "db.example", 3307},
    {"db.example", "", "db.example", 3306},
    {"10.0.0.1:1", "", "10.0.0.1", 1},
    {"[::1]:3307", "", "::1", 3307},
    {"[::1]", "", "::1", 3306},
    {"", "", "", 0},
    {"unix:relative", "", "", 0},
    {"unix:", "", "", 0},
    {"::1", "", "", 0},
    {"[::1", "", "", 0},
    {"[::1]3306", "", "", 0},
    {":3306", "", "", 0},
    {"host:", "", "", 0},
    {"host:0", "", "", 0},
    {"host:65536", "", "", 0},
    {"host:33x", "", "", 0},
    {"/0123456789012345678901234567890123456789012345678901234567890123456789"
     "01234567890123456789012345678901234567",
	"", "", 0},
};

START_TEST(test_address)
{
	const struct address_case *c = &addresses[_i];
	struct err err = ERR_INIT;
	struct ledger_address out;
	bool ok = address_parse(c->text, &out, &err);

	ck_assert_msg(ok == (c->port != 0), "\"%s\": %s", c->text, err.text);
	if (!ok) {
		ck_assert_ptr_nonnull(strstr(err.text, "write /path/to.sock"));
		return;
	}
	ck_assert_str_eq(out.socket, c->socket);
	ck_assert_str_eq(out.host, c->host);
	if (c->host[0] != '\0')
		ck_assert_uint_eq(out.port, c->port);
}
END_TEST

START_TEST(test_new_refuses)
{
	static const struct ledger_conf bad[] = {
	    {"::1", "u", "p", "d", 1000, 800},
	    {"/s", "u", "p", "d", 0, 800},
	    {"/s", "u", "p", "d", 1000, 0},
	    {"/s", "u", "p", "d", 1000, 3600001},
	    {"/s", "u", "p",
		"a name of more than sixty-four bytes is no name of a "
		"database at all",
		1000, 800},
	};
	struct err err = ERR_INIT;

	ck_assert_ptr_null(ledger_new(&bad[_i], &err));
	ck_assert_str_ne(err.text, "");
}
END_TEST

START_TEST(test_free_of_one_never_connected)
{
	struct ledger_conf conf = {"/s", "u", "p", "d", 1000, 800};
	struct err err = ERR_INIT;
	struct ledger *ledger = ledger_new(&conf, &err);

	ck_assert_ptr_nonnull(ledger);
	ledger_free(&ledger);
	ck_assert_ptr_null(ledger);
	ledger_free(&ledger);
}
END_TEST

/* ---- splitting ----------------------------------------------------------- */

static const struct split_case {
	const char *sql;
	enum split end;
	const char *statements[4];
} splits[] = {
    {"", SPLIT_END, {NULL}},
    {" \n\t;; ;", SPLIT_END, {NULL}},
    {"-- only\n# comments\n/* ; */", SPLIT_END, {NULL}},
    {"SELECT 1; SELECT 2 ;\n", SPLIT_END, {"SELECT 1", "SELECT 2 "}},
    {"-- a; b\nA; # c; d\nB;", SPLIT_END, {"A", "B"}},
    {"A 'x;y' \"p;q\" `r;s`; B;", SPLIT_END, {"A 'x;y' \"p;q\" `r;s`", "B"}},
    {"A 'it''s;' 'a\\';b' ; B;", SPLIT_END, {"A 'it''s;' 'a\\';b' ", "B"}},
    {"A `back\\`; B;", SPLIT_END, {"A `back\\`", "B"}},
    {"A -- x;\n, 2; B;", SPLIT_END, {"A -- x;\n, 2", "B"}},
    {"A /* ; ' */ 1; B;", SPLIT_END, {"A /* ; ' */ 1", "B"}},
    {"SELECT 1--1; B;", SPLIT_END, {"SELECT 1--1", "B"}},
    {"/*! SET x = ';' */; B;", SPLIT_END, {"/*! SET x = ';' */", "B"}},
    {"A; B", SPLIT_OPEN, {"A"}},
    {"A 'open; B;", SPLIT_OPEN, {NULL}},
    {"A; /* open ; B;", SPLIT_OPEN, {"A"}},
    {"A \"x\\", SPLIT_OPEN, {NULL}},
    {"--", SPLIT_END, {NULL}},
    {"/*/ x */ A;", SPLIT_END, {"A"}},
};

START_TEST(test_split)
{
	const struct split_case *c = &splits[_i];
	struct strv rest = strv_c(c->sql), one;
	size_t n = 0;
	enum split found;

	while ((found = sql_split(&rest, &one)) == SPLIT_STATEMENT) {
		ck_assert_uint_lt(n, ARRAY_LEN(c->statements));
		ck_assert_ptr_nonnull(c->statements[n]);
		ck_assert_msg(strv_eq(one, strv_c(c->statements[n])),
		    "%zu of \"%s\": \"" STRV_FMT "\"", n, c->sql,
		    STRV_ARG(one));
		n++;
	}
	ck_assert_int_eq(found, c->end);
	ck_assert_msg(n == ARRAY_LEN(c->statements) || !c->statements[n],
	    "\"%s\" has more", c->sql);
}
END_TEST

/* ---- versions ------------------------------------------------------------ */

static const struct version_case {
	const char *text;
	bool parses, mariadb, enough;
	unsigned major, minor, patch;
} versions[] = {
    {"10.11.19-MariaDB-0+deb12u1", true, true, true, 10, 11, 19},
    {"10.6.0-MariaDB", true, true, true, 10, 6, 0},
    {"10.5.29-MariaDB", true, true, false, 10, 5, 29},
    {"5.5.5-10.6.18-MariaDB-log", true, true, true, 10, 6, 18},
    {"11.4.2-MariaDB", true, true, true, 11, 4, 2},
    {"5.5.68-MariaDB", true, true, false, 5, 5, 68},
    {"8.0.16", true, false, true, 8, 0, 16},
    {"8.0.15-log", true, false, false, 8, 0, 15},
    {"8.4", true, false, true, 8, 4, 0},
    {"9.1.0-commercial", true, false, true, 9, 1, 0},
    {"5.7.44", true, false, false, 5, 7, 44},
    {"", false, false, false, 0, 0, 0},
    {"MariaDB", false, false, false, 0, 0, 0},
    {"8", false, false, false, 0, 0, 0},
    {"8.0.x", false, false, false, 0, 0, 0},
};

START_TEST(test_version)
{
	const struct version_case *c = &versions[_i];
	struct server_version v = {0};

	ck_assert_msg(
	    server_version_parse(c->text, &v) == c->parses, "\"%s\"", c->text);
	if (!c->parses)
		return;
	ck_assert_msg(v.mariadb == c->mariadb && v.major == c->major &&
			  v.minor == c->minor && v.patch == c->patch,
	    "\"%s\"", c->text);
	ck_assert_msg(
	    server_version_enough(&v) == c->enough, "\"%s\"", c->text);
}
END_TEST

/* ---- times --------------------------------------------------------------- */

static const char *const moments[] = {"1970-01-01T00:00:00.000001Z",
    "1999-12-31T23:59:59.999999Z", "2000-02-29T12:00:00Z",
    "2026-11-22T20:00:00.123456Z", "2028-02-29T23:59:59Z",
    "2038-01-19T03:14:08Z", "2100-02-28T23:59:59Z", "2100-03-01T00:00:00Z",
    "2199-12-31T23:59:59Z"};

START_TEST(test_times_there_and_back)
{
	MYSQL_TIME time;
	struct wall when, back;

	ck_assert(wall_parse(moments[_i], &when));
	wall_to_mysql(when, &time);
	ck_assert(wall_from_mysql(&time, &back));
	ck_assert_int_eq(back.us, when.us);
}
END_TEST

START_TEST(test_every_day_of_two_centuries)
{
	for (int64_t day = 0; day < 83000; day++) {
		struct wall when = {day * 86400 * US_PER_S + 1}, back;
		MYSQL_TIME time;

		wall_to_mysql(when, &time);
		ck_assert(wall_from_mysql(&time, &back));
		ck_assert_int_eq(back.us, when.us);
	}
}
END_TEST

static const MYSQL_TIME no_times[] = {
    {.year = 0, .month = 0, .day = 0},
    {.year = 2026, .month = 2, .day = 29},
    {.year = 2100, .month = 2, .day = 29},
    {.year = 2026, .month = 13, .day = 1},
    {.year = 2026, .month = 0, .day = 1},
    {.year = 2026, .month = 4, .day = 31},
    {.year = 2026, .month = 1, .day = 1, .hour = 24},
    {.year = 2026, .month = 1, .day = 1, .minute = 60},
    {.year = 2026, .month = 1, .day = 1, .second = 60},
    {.year = 2026, .month = 1, .day = 1, .second_part = 1000000},
    {.year = 2026, .month = 1, .day = 1, .neg = 1},
};

START_TEST(test_no_times)
{
	struct wall out;

	ck_assert(!wall_from_mysql(&no_times[_i], &out));
}
END_TEST

/* ---- statements ---------------------------------------------------------- */

START_TEST(test_statement_is_what_the_table_says)
{
	const struct statement *st = statement_get((enum statement_id)_i);
	char text[STATEMENT_TEXT_MAX];
	unsigned marks = 0;
	struct strbuf buf;

	strbuf_init(&buf, text, sizeof(text));
	statement_text((enum statement_id)_i, &buf);
	for (const char *p = text; *p != '\0'; p++)
		marks += *p == '?';
	ck_assert_msg(marks == st->params, "%s: %u of %u placeholders",
	    st->name, marks, st->params);
	ck_assert_msg(strchr(text, ';') == NULL && strchr(text, '"') == NULL,
	    "%s", st->name);
	ck_assert_msg(
	    strstr(text, "DUPLICATE KEY") == NULL &&
		strstr(text, "REPLACE") == NULL &&
		(strstr(text, "DELETE") == NULL ||
		    strstr(text, "DELETE FROM dead_letters ") == text),
	    "%s: would undo an outcome", st->name);
}
END_TEST

START_TEST(test_batches)
{
	static const size_t sizes[][2] = {
	    {1, 1}, {2, 10}, {10, 10}, {11, 100}, {100, 100}};

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct statement_batch find = statement_find(sizes[i][0]);
		struct statement_batch voids = statement_void(sizes[i][0]);

		ck_assert_uint_eq(find.rows, sizes[i][1]);
		ck_assert_uint_eq(voids.rows, sizes[i][1]);
		ck_assert_uint_eq(statement_get(find.id)->params, find.rows);
		ck_assert_uint_eq(statement_get(voids.id)->params,
		    voids.rows * VOID_PARAM_COUNT + VOID_GUARD_COUNT);
	}
}
END_TEST

START_TEST(test_record_batches)
{
	for (size_t n = 1; n <= RECORD_BATCH_MAX; n++) {
		struct statement_batch batch = statement_record(n);

		ck_assert_uint_ge(batch.rows, n);
		/* What is left over is not sent for nothing: less than 3 of 4. */
		ck_assert_uint_lt(batch.rows, n * 4);
		ck_assert_uint_eq(statement_get(batch.id)->params,
		    batch.rows * RECORD_PARAM_COUNT + GUARD_PARAM_COUNT);
	}
}
END_TEST

TESTS_MAIN("ledger", UNIT_TABLE("address", test_address, ARRAY_LEN(addresses)),
    UNIT_TABLE("new-refuses", test_new_refuses, 5),
    UNIT("free", test_free_of_one_never_connected),
    UNIT_TABLE("split", test_split, ARRAY_LEN(splits)),
    UNIT_TABLE("version", test_version, ARRAY_LEN(versions)),
    UNIT_TABLE("times", test_times_there_and_back, ARRAY_LEN(moments)),
    UNIT("days", test_every_day_of_two_centuries),
    UNIT_TABLE("no-times", test_no_times, ARRAY_LEN(no_times)),
    UNIT_TABLE("statements", test_statement_is_what_the_table_says, STMT_COUNT),
    UNIT("batches", test_batches), UNIT("record-batches", test_record_batches))
