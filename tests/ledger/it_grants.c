/* SPDX-License-Identifier: Apache-2.0 */
/* ledger: what the accounts of sql/users.sql.example may do, and may not. */
#include "config.h"

#include "it.h"

#include <stdio.h>

static MYSQL *root;

static MYSQL *raw(const char *user, const char *password)
{
	MYSQL *conn = mysql_init(NULL);
	unsigned socket = MYSQL_PROTOCOL_SOCKET;

	mysql_options(conn, MYSQL_OPT_PROTOCOL, &socket);
	ck_assert_msg(mysql_real_connect(conn, NULL, user, password,
			  "flashgate", 0, it_socket(), 0) != NULL,
	    "%s: %s", user, mysql_error(conn));
	return conn;
}

static const struct grant_case {
	const char *user, *password;
	const char *sql;
} denied[] = {
    {"fg_app", "change-me-1", "UPDATE orders SET status = 'cancelled'"},
    {"fg_app", "change-me-1", "DELETE FROM orders"},
    {"fg_app", "change-me-1", "DELETE FROM barrier"},
    {"fg_app", "change-me-1", "UPDATE barrier SET id = 70"},
    {"fg_app", "change-me-1", "UPDATE sales SET stock = 1"},
    {"fg_app", "change-me-1", "UPDATE sales SET state = 'open'"},
    {"fg_app", "change-me-1", "INSERT INTO audit VALUES ()"},
    {"fg_app", "change-me-1", "SELECT * FROM audit"},
    {"fg_app", "change-me-1", "DELETE FROM dead_letters"},
    {"fg_app", "change-me-1", "UPDATE dead_letters SET state = 'retried'"},
    {"fg_app", "change-me-1", "DROP TABLE orders"},
    {"fg_app", "change-me-1", "TRUNCATE orders"},
    {"fg_app", "change-me-1", "ALTER TABLE orders DROP KEY orders_unit"},
    {"fg_app", "change-me-1", "INSERT INTO schema_version VALUES ()"},
    {"fg_keeper", "change-me-2", "UPDATE orders SET status = 'cancelled'"},
    {"fg_keeper", "change-me-2", "DELETE FROM orders"},
    {"fg_keeper", "change-me-2", "DELETE FROM dead_letters"},
    {"fg_keeper", "change-me-2", "UPDATE dead_letters SET reason = ''"},
    {"fg_keeper", "change-me-2", "UPDATE sales SET stock = 1"},
    {"fg_keeper", "change-me-2", "UPDATE sales SET claim_key = ''"},
    {"fg_admin", "change-me-3", "UPDATE orders SET status = 'cancelled'"},
    {"fg_admin", "change-me-3", "DELETE FROM orders"},
    {"fg_admin", "change-me-3", "UPDATE audit SET actor = 'nobody'"},
    {"fg_admin", "change-me-3", "DELETE FROM audit"},
    {"fg_admin", "change-me-3", "DROP TABLE audit"},
    {"fg_admin", "change-me-3", "UPDATE dead_letters SET reason = ''"},
    {"fg_admin", "change-me-3", "DROP TABLE dead_letters"},
};

START_TEST(test_denied)
{
	const struct grant_case *c = &denied[_i];
	MYSQL *conn = raw(c->user, c->password);
	unsigned code = it_sql_code(conn, "%s", c->sql);

	/* 1142 the table, 1143 a column. */
	ck_assert_msg(
	    code == 1142 || code == 1143, "%s: %s: %u", c->user, c->sql, code);
	mysql_close(conn);
}
END_TEST

/* The keeper's calls need the keeper's grants, and say so without them. */
START_TEST(test_rebuild_needs_the_keeper)
{
	struct ledger *app = it_ledger();
	struct ledger *keeper = it_ledger_with(
	    (struct it_conf){.user = "fg_keeper", .password = "change-me-2"});
	struct ledger_port port = ledger_port(app);
	struct sale sale;
	bool won = false;

	root = it_root();
	sale = it_sale(root);
	ck_refused(OUT_NOT_DONE, "grant",
	    port.epoch_begin(port.ctx, it_seen(&sale, 1), SALE_STATE_REBUILD,
		SOON, &won, &why));
	ck_refused(OUT_NOT_DONE, "grant",
	    port.epoch_end(
		port.ctx, sale.id, 1, SALE_STATE_OPEN, SOON, &won, &why));
	/* A missing grant does not cost the connection. */
	ck_assert_ptr_nonnull(app->conn.mysql);
	port = ledger_port(keeper);
	ck_done(port.epoch_begin(
	    port.ctx, it_seen(&sale, 1), SALE_STATE_REBUILD, SOON, &won, &why));
	ck_assert(won);
	ck_done(port.epoch_end(
	    port.ctx, sale.id, 2, SALE_STATE_OPEN, SOON, &won, &why));
	ck_assert(won);
	ledger_free(&keeper);
	ledger_free(&app);
	mysql_close(root);
}
END_TEST

/* Settlers run as the keeper or as the application: either may bury, and is told
 * what is missing when it may not. */
START_TEST(test_settler_needs_its_rights)
{
	static const char *const tables[] = {"orders", "dead_letters"};
	char grant[100];
	struct ledger *app = it_ledger();
	struct ledger *keeper = it_ledger_with(
	    (struct it_conf){.user = "fg_keeper", .password = "change-me-2"});

	ck_done(ledger_check_settler(app, SOON, &why));
	ck_done(ledger_check_settler(keeper, SOON, &why));
	root = it_root();
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		it_sql(root, "REVOKE INSERT ON %s FROM fg_app@localhost",
		    tables[i]);
		conn_close(&app->conn);
		snprintf(grant, sizeof(grant), "GRANT SELECT, INSERT ON %s)",
		    tables[i]);
		ck_refused(
		    OUT_NOT_DONE, grant, ledger_check_settler(app, SOON, &why));
		it_sql(
		    root, "GRANT INSERT ON %s TO fg_app@localhost", tables[i]);
	}
	conn_close(&app->conn);
	ck_done(ledger_check_settler(app, SOON, &why));
	mysql_close(root);
	ledger_free(&keeper);
	ledger_free(&app);
}
END_TEST

/* An account that could make a letter disappear is one that is told of. */
START_TEST(test_wide_grants_are_counted)
{
	struct ledger *app = it_ledger();
	uint32_t before = 7, after = 7;

	root = it_root();
	ck_done(ledger_wide_grants(app, SOON, &before, &why));
	ck_assert_uint_eq(before, 0);
	it_sql(root, "GRANT DELETE ON dead_letters TO fg_app@localhost");
	ck_done(ledger_wide_grants(app, SOON, &after, &why));
	it_sql(root, "REVOKE DELETE ON dead_letters FROM fg_app@localhost");
	ck_assert_uint_eq(after, 1);
	mysql_close(root);
	ledger_free(&app);
}
END_TEST

IT_PART(part_grants, UNIT_TABLE("denied", test_denied, ARRAY_LEN(denied)),
    UNIT("rebuild-grants", test_rebuild_needs_the_keeper),
    UNIT("settler-grants", test_settler_needs_its_rights),
    UNIT("wide-grants", test_wide_grants_are_counted))
