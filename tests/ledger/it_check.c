/* SPDX-License-Identifier: Apache-2.0 */
/* ledger: installing the schema, judging what is there, and who may do what. */
#include "config.h"

#include "it.h"

#include <glob.h>
#include <stdio.h>
#include <unistd.h>

static MYSQL *root;
static char version[64];

/* A database of its own, which the test may spoil. */
static char database[64];

static struct ledger *as_root(void)
{
	return it_ledger_with((struct it_conf){
	    .user = "root", .password = "", .database = database});
}

/* Every numbered file, as `schema install` and `schema upgrade` do; how many. */
static size_t schema_apply(struct ledger *ledger)
{
	char pattern[512];
	glob_t files;
	size_t n;

	snprintf(pattern, sizeof(pattern), "%s/sql/[0-9][0-9][0-9]-*.sql",
	    getenv("top_srcdir"));
	ck_assert_int_eq(glob(pattern, 0, NULL, &files), 0);
	n = files.gl_pathc;
	for (size_t i = 0; i < n; i++)
		ck_done(ledger_schema_apply(ledger, files.gl_pathv[i], &why));
	globfree(&files);
	return n;
}

static struct ledger *begin(bool schema)
{
	struct ledger *ledger;

	root = it_root();
	snprintf(database, sizeof(database), "fg_%d", (int)getpid());
	it_sql(root, "CREATE DATABASE %s", database);
	it_sql(root, "USE %s", database);
	ledger = as_root();
	if (schema)
		schema_apply(ledger);
	return ledger;
}

static void end(struct ledger *ledger)
{
	ledger_free(&ledger);
	it_sql(root, "DROP DATABASE %s", database);
	mysql_close(root);
}

/* ---- schema -------------------------------------------------------------- */

START_TEST(test_install_again_and_again)
{
	struct ledger *ledger = begin(false);
	unsigned have = 7;
	size_t files = 0;

	ck_done(ledger_schema_version(ledger, &have, &why));
	ck_assert_uint_eq(have, 0);
	ck_refused(OUT_NOT_DONE, "flashgatectl schema install",
	    ledger_check(ledger, SOON, version, &why));
	for (int i = 0; i < 3; i++) {
		files = schema_apply(ledger);
		ck_done(ledger_schema_version(ledger, &have, &why));
		ck_assert_uint_eq(have, LEDGER_SCHEMA_VERSION);
	}
	ck_done(ledger_check(ledger, SOON, version, &why));
	ck_assert_ptr_nonnull(strstr(version, "MariaDB"));
	ck_assert_int_eq(it_number(root, "SELECT COUNT(*) FROM schema_version"),
	    (int64_t)files);
	ck_assert_int_eq(
	    it_number(root, "SELECT COUNT(*) FROM barrier"), BARRIER_ROWS);
	end(ledger);
}
END_TEST

/* An interrupted installation is finished by the next one. */
START_TEST(test_install_finishes_what_was_begun)
{
	struct ledger *ledger = begin(true);
	unsigned have;

	it_sql(root, "DROP TABLE schema_version");
	it_sql(root, "DROP TABLE orders");
	it_sql(root, "DROP TABLE dead_letters");
	it_sql(root, "DELETE FROM barrier WHERE id > 7");
	ck_done(ledger_schema_version(ledger, &have, &why));
	ck_assert_uint_eq(have, 0);
	schema_apply(ledger);
	ck_assert_int_eq(
	    it_number(root, "SELECT COUNT(*) FROM barrier"), BARRIER_ROWS);
	ck_done(ledger_check(ledger, SOON, version, &why));
	end(ledger);
}
END_TEST

/* A database of version 1 that has sold: it is told what to do, and loses nothing
 * by doing it. */
START_TEST(test_upgrade)
{
	struct ledger *ledger = begin(false);
	char path[512];

	snprintf(
	    path, sizeof(path), "%s/sql/001-schema.sql", getenv("top_srcdir"));
	ck_done(ledger_schema_apply(ledger, path, &why));
	it_sql(root, "INSERT INTO orders (claim, sale_id, epoch, status) "
		     "VALUES ('0123456789abcdef', 1, 1, 'void')");
	ck_refused(OUT_NOT_DONE, "flashgatectl schema upgrade",
	    ledger_check(ledger, SOON, version, &why));
	schema_apply(ledger);
	ck_done(ledger_check(ledger, SOON, version, &why));
	ck_assert_int_eq(it_number(root, "SELECT COUNT(*) FROM orders"), 1);
	end(ledger);
}
END_TEST

/* A later version adds: this program goes on, as long as what it stands on is
 * there. */
START_TEST(test_newer)
{
	struct ledger *ledger = begin(true);
	unsigned have;

	it_sql(root, "ALTER TABLE sales ADD COLUMN colour INT NULL");
	it_sql(root, "CREATE TABLE later (id INT PRIMARY KEY)");
	it_sql(root, "INSERT INTO schema_version (version) VALUES (99)");
	ck_done(ledger_check(ledger, SOON, version, &why));
	schema_apply(ledger);
	ck_done(ledger_schema_version(ledger, &have, &why));
	ck_assert_uint_eq(have, 99);
	it_sql(root, "ALTER TABLE orders DROP KEY orders_unit");
	ck_refused(OUT_NOT_DONE, "UNIQUE (sale_id, unit_no)",
	    ledger_check(ledger, SOON, version, &why));
	end(ledger);
}
END_TEST

static const struct file_case {
	const char *name;
	const char *text; /* NULL: there is no file */
	const char *says;
	enum outcome out;
	int64_t left; /* rows of t afterwards; -1: no such table */
} files[] = {
    {"999-more.sql", NULL, "No such file", OUT_NOT_DONE, -1},
    {"more.sql", "SELECT;", "NNN-what.sql", OUT_NOT_DONE, -1},
    {"0-more.sql", "SELECT;", "NNN-what.sql", OUT_NOT_DONE, -1},
    {"999-more.sql", "CREATE TABLE t (a INT);\nINSERT t VALUES (1)",
	"999-more.sql:2: no semicolon", OUT_NOT_DONE, 0},
    {"999-more.sql", "CREATE TABLE t (a INT);\n\nINSRT t VALUES (1);",
	"999-more.sql:3: syntax error", OUT_NOT_DONE, 0},
    {"999-more.sql", "CREATE TABLE t (a INT);\nINSERT t VALUES (1);",
	"did not record its number", OUT_NOT_DONE, 1},
    {"999-more.sql",
	"-- It's a; test\nCREATE TABLE t (a TEXT); # ;\n"
	"INSERT t VALUES (';'), ('it''s;') /* ; */;\n"
	"INSERT IGNORE INTO schema_version (version) VALUES (999);\n",
	"", OUT_DONE, 2},
    {"999-more.sql", "SELECT 1;", "commands out of sync", OUT_UNKNOWN, -1},
};

START_TEST(test_schema_files)
{
	const struct file_case *c = &files[_i];
	struct ledger *ledger = begin(true);
	struct err err = ERR_INIT;
	enum outcome out;
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", it_dir(), c->name);
	if (c->text != NULL) {
		file = fopen(path, "w");
		ck_assert_ptr_nonnull(file);
		fputs(c->text, file);
		ck_assert_int_eq(fclose(file), 0);
	}
	out = ledger_schema_apply(ledger, path, &err);
	ck_assert_msg(out == c->out, "%s: %s", outcome_name(out), err.text);
	ck_assert_msg(
	    strstr(err.text, c->says) != NULL, "says \"%s\"", err.text);
	if (c->left < 0)
		ck_assert_uint_eq(
		    it_sql_code(root, "DO (SELECT 1 FROM t)"), 1146);
	else
		ck_assert_int_eq(
		    it_number(root, "SELECT COUNT(*) FROM t"), c->left);
	unlink(path);
	end(ledger);
}
END_TEST

/* ---- check --------------------------------------------------------------- */

static const struct spoiled_case {
	const char *sql;
	const char *says;
} spoiled[] = {
    {"ALTER TABLE orders DROP KEY orders_unit",
	"UNIQUE (sale_id, unit_no): units could be sold twice"},
    {"ALTER TABLE orders DROP KEY orders_slot",
	"UNIQUE (sale_id, customer, slot)"},
    {"ALTER TABLE orders DROP PRIMARY KEY", "PRIMARY KEY (claim)"},
    {"ALTER TABLE orders DROP KEY orders_unit, "
     "ADD KEY orders_unit (sale_id, unit_no)",
	"UNIQUE (sale_id, unit_no)"},
    {"ALTER TABLE orders DROP KEY orders_unit, "
     "ADD UNIQUE KEY orders_unit (sale_id, unit_no, epoch)",
	"UNIQUE (sale_id, unit_no)"},
    {"ALTER TABLE orders DROP KEY orders_slot, "
     "ADD UNIQUE KEY orders_slot (sale_id, customer(10), slot)",
	"UNIQUE (sale_id, customer, slot)"},
    {"ALTER TABLE orders ENGINE=MyISAM", "orders is not InnoDB"},
    {"ALTER TABLE sales ENGINE=Aria", "sales is not InnoDB"},
    {"ALTER TABLE barrier ENGINE=MEMORY", "barrier is not InnoDB"},
    {"DELETE FROM schema_version WHERE version > 1",
	"flashgatectl schema upgrade"},
    {"ALTER TABLE orders MODIFY customer VARCHAR(64) NULL",
	"orders.customer is not VARBINARY"},
    {"ALTER TABLE dead_letters ENGINE=Aria", "dead_letters is not InnoDB"},
    {"ALTER TABLE dead_letters DROP KEY dead_letters_entry", "buried twice"},
    {"ALTER TABLE dead_letters MODIFY claim VARCHAR(16)", "dead_letters.claim"},
    {"ALTER TABLE dead_letters MODIFY customer VARCHAR(64)",
	"dead_letters.customer"},
    {"ALTER TABLE dead_letters MODIFY ref TEXT", "dead_letters.ref"},
    {"DROP TABLE dead_letters", "dead_letters is not InnoDB"},
    {"DELETE FROM schema_version", "flashgatectl schema install"},
    {"DROP TABLE schema_version", "flashgatectl schema install"},
    {"DROP TABLE orders", "orders is not InnoDB"},
};

START_TEST(test_check_tells_what_is_missing)
{
	struct ledger *ledger = begin(true);

	it_sql(root, "%s", spoiled[_i].sql);
	ck_refused(OUT_NOT_DONE, spoiled[_i].says,
	    ledger_check(ledger, SOON, version, &why));
	end(ledger);
}
END_TEST

/* A key under another name is as good. */
START_TEST(test_check_goes_by_columns)
{
	struct ledger *ledger = begin(true);

	it_sql(root, "ALTER TABLE orders RENAME KEY orders_unit TO uniq1");
	ck_done(ledger_check(ledger, SOON, version, &why));
	end(ledger);
}
END_TEST

START_TEST(test_check_as_application)
{
	struct ledger *ledger = it_ledger();

	ck_done(ledger_check(ledger, SOON, version, &why));
	ledger_free(&ledger);
}
END_TEST

START_TEST(test_session_is_set_up)
{
	static const char *const want[] = {
	    "SELECT @@SESSION.tx_isolation = 'READ-COMMITTED'",
	    "SELECT @@SESSION.innodb_lock_wait_timeout = 1",
	    "SELECT @@SESSION.lock_wait_timeout = 1",
	    "SELECT @@SESSION.max_statement_time = 0.75",
	    "SELECT @@SESSION.sql_mode LIKE '%STRICT_ALL_TABLES%'",
	    "SELECT @@SESSION.time_zone = '+00:00'",
	    "SELECT @@SESSION.unique_checks",
	    "SELECT @@SESSION.autocommit",
	    "SELECT @@SESSION.character_set_client = 'utf8mb4'",
	    "SELECT @@SESSION.character_set_connection = 'utf8mb4'",
	};
	struct ledger *ledger =
	    it_ledger_with((struct it_conf){.statement_timeout_ms = 750});

	ck_done(conn_ensure(&ledger->conn, SOON, &why));
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		ck_assert_msg(it_number(ledger->conn.mysql, "%s", want[i]) == 1,
		    "%s", want[i]);
	/* One text is one statement: nothing can ride behind a semicolon. */
	ck_assert_uint_eq(it_sql_code(ledger->conn.mysql, "DO 1; DO 2"), 1064);
	ledger_free(&ledger);
}
END_TEST

START_TEST(test_settings_are_read)
{
	struct ledger *ledger = it_ledger();
	char value[LEDGER_VALUE_MAX];
	bool found = false;
	uint32_t wide = 0;

	root = it_root();
	for (int safe = 0; safe <= 1; safe++) {
		it_sql(root, "SET GLOBAL innodb_flush_log_at_trx_commit = %d",
		    safe);
		ck_done(
		    ledger_variable(ledger, "innodb_flush_log_at_trx_commit",
			false, SOON, value, &found, &why));
		ck_assert(found);
		ck_assert_str_eq(value, safe ? "1" : "0");
	}
	ck_done(ledger_variable(
	    ledger, "sql_mode", true, SOON, value, &found, &why));
	ck_assert(found);
	ck_assert_msg(strstr(value, "STRICT_ALL_TABLES") != NULL, "%s", value);
	ck_done(ledger_variable(
	    ledger, "no_such_setting", false, SOON, value, &found, &why));
	ck_assert(!found);
	ck_done(ledger_wide_grants(ledger, SOON, &wide, &why));
	mysql_close(root);
	ledger_free(&ledger);
}
END_TEST

/* ---- rows that are none of ours ---------------------------------------------- */

static const struct foreign_case {
	const char *alter; /* the table, so that it takes the row */
	const char *column, *value;
	const char *says;
} foreign[] = {
    {"MODIFY ref VARBINARY(200)", "ref", "REPEAT('r', 65)", "longer than"},
    {"MODIFY ref VARBINARY(200)", "ref", "CONCAT('a', X'00')", "bad ref"},
    {"COMMENT ''", "customer", "'with blank'", "bad customer"},
    {"MODIFY status VARCHAR(9)", "status", "'gone'", "bad status"},
    {"MODIFY payload_hash VARBINARY(8)", "payload_hash", "'short'",
	"bad payload_hash"},
    {"MODIFY created DATETIME(6) NOT NULL", "created", "'0000-00-00'",
	"bad created"},
};

/* What cannot be an order is said, not guessed; and the connection goes on. */
START_TEST(test_foreign_row)
{
	const struct foreign_case *c = &foreign[_i];
	struct ledger *ledger = begin(true);
	struct ledger_port port = ledger_port(ledger);
	struct claim_id claim = {"0123456789abcdef"};
	struct order got;
	size_t n = 7;

	it_sql(root, "SET sql_mode = '', check_constraint_checks = 0");
	it_sql(root, "ALTER TABLE orders %s", c->alter);
	it_sql(root, "INSERT INTO orders (claim, sale_id, epoch, status) "
		     "VALUES ('0123456789abcdef', 1, 1, 'void')");
	it_sql(root, "UPDATE orders SET %s = %s", c->column, c->value);
	ck_refused(OUT_NOT_DONE, c->says,
	    port.find(port.ctx, &claim, 1, SOON, &got, &n, &why));
	ck_assert_uint_eq(n, 7);
	it_sql(root, "DELETE FROM orders");
	ck_done(port.find(port.ctx, &claim, 1, SOON, &got, &n, &why));
	ck_assert_uint_eq(n, 0);
	end(ledger);
}
END_TEST

/* ---- grants -------------------------------------------------------------- */

START_TEST(test_admin_may_install)
{
	struct ledger *admin = it_admin();

	schema_apply(admin);
	ck_done(ledger_check(admin, SOON, version, &why));
	ledger_free(&admin);
}
END_TEST

IT_PART(part_check, UNIT("install", test_install_again_and_again),
    UNIT("upgrade", test_upgrade), UNIT("newer", test_newer),
    UNIT("install-rest", test_install_finishes_what_was_begun),
    UNIT_TABLE("files", test_schema_files, ARRAY_LEN(files)),
    UNIT_TABLE("check", test_check_tells_what_is_missing, ARRAY_LEN(spoiled)),
    UNIT("check-columns", test_check_goes_by_columns),
    UNIT("check-app", test_check_as_application),
    UNIT("session", test_session_is_set_up),
    UNIT("settings", test_settings_are_read),
    UNIT_TABLE("foreign-row", test_foreign_row, ARRAY_LEN(foreign)),
    UNIT("admin-grants", test_admin_may_install))
