/* SPDX-License-Identifier: Apache-2.0 */
/* The table of SQL texts. */
#include "config.h"

#include "ledger/statements.h"

#include "base/bug.h"
#include "base/mutant.h"

#define ORDER_COLUMNS                                              \
	"claim, sale_id, epoch, status, unit_no, slot, customer, " \
	"payload_hash, ref, created"
#define SELECT_ORDERS "SELECT " ORDER_COLUMNS " FROM orders "

#define SALE_COLUMNS                                                    \
	"s.id, s.slug, s.title, s.price_minor, s.currency, s.stock, "   \
	"s.per_customer, s.opens, s.closes, s.mode, s.state, s.epoch, " \
	"s.claim_key"
/* Joined to one row that is always there, so that the ledger's clock comes back
 * even when no sale does. */
#define SELECT_SALES                             \
	"SELECT UTC_TIMESTAMP(6), " SALE_COLUMNS \
	" FROM (SELECT 1 AS one) AS o "          \
	"LEFT JOIN "
#define SELECT_SALE_LIST(where, order)                  \
	SELECT_SALES                                    \
	"(SELECT * FROM sales " where "ORDER BY " order \
	"id DESC LIMIT ?) AS s ON 1 = 1 ORDER BY s.id DESC"

/*
 * The guard.  The shared lock on the sale's row is held until the commit: an
 * epoch bump waits for it, and a later insert reads the new epoch.  The casts
 * tell servers that fix a placeholder's type when it is prepared (MySQL from
 * 8.0.22 on) that these are bytes, not text.
 */
#define RECORD_TEXT(epoch_is)                                              \
	"INSERT INTO orders (claim, sale_id, epoch, status, unit_no, "     \
	"customer, slot, payload_hash, ref, created) "                     \
	"SELECT CAST(? AS BINARY), s.id, s.epoch, 'sold', "                \
	"CAST(? AS UNSIGNED), CAST(? AS BINARY), CAST(? AS UNSIGNED), "    \
	"CAST(? AS BINARY), CAST(? AS BINARY), "                           \
	"COALESCE(CAST(? AS DATETIME(6)), UTC_TIMESTAMP(6)) FROM sales s " \
	"WHERE s.id = ? AND s.epoch " epoch_is " ? AND s.state = 'open' "  \
	"AND ? BETWEEN 1 AND s.stock AND ? BETWEEN 1 AND s.per_customer "  \
	"AND (s.opens IS NULL OR UTC_TIMESTAMP(6) >= s.opens) "            \
	"AND (s.closes IS NULL OR UTC_TIMESTAMP(6) < s.closes) "           \
	"LOCK IN SHARE MODE"

/*
 * The guard again, joined with rows of parameters: the sale's row is locked
 * before the first of them is inserted, and with no such sale there is no row.
 * Highest unit and highest slot stand for all (CHECKs have the lowest).  Each
 * row has its casts: a UNION's column is of all its rows' types.
 */
#define RECORD_BATCH_HEAD                                                \
	"INSERT INTO orders (claim, sale_id, epoch, status, unit_no, "   \
	"customer, slot, payload_hash, ref, created) "                   \
	"SELECT v.claim, s.id, s.epoch, 'sold', v.unit_no, v.customer, " \
	"v.slot, v.payload_hash, v.ref, v.created FROM sales s JOIN ("
#define RECORD_BATCH_ROW                                                      \
	"SELECT CAST(? AS BINARY) AS claim, CAST(? AS UNSIGNED) AS unit_no, " \
	"CAST(? AS BINARY) AS customer, CAST(? AS UNSIGNED) AS slot, "        \
	"CAST(? AS BINARY) AS payload_hash, CAST(? AS BINARY) AS ref, "       \
	"CAST(? AS DATETIME(6)) AS created"
#define RECORD_BATCH_TAIL(epoch_is)                    \
	") AS v WHERE v.claim IS NOT NULL "            \
	"AND s.id = ? AND s.epoch " epoch_is " ? "     \
	"AND s.state IN ('open', 'paused', 'closed') " \
	"AND s.stock >= ? AND s.per_customer >= ? LOCK IN SHARE MODE"

/*
 * IGNORE: a claim that has its row already keeps it.  The values are of fixed
 * shape, so that there is nothing else for IGNORE to swallow.  Guarded like the
 * others: a rebuild waits for it, and behind a rebuild it does nothing.
 */
#define VOID_HEAD                                                              \
	"INSERT IGNORE INTO orders (claim, sale_id, epoch, status, customer) " \
	"SELECT v.claim, s.id, s.epoch, 'void', v.customer FROM sales s JOIN " \
	"("
#define VOID_ROW                              \
	"SELECT CAST(? AS BINARY) AS claim, " \
	"CAST(? AS BINARY) AS customer"
#define VOID_TAIL ") AS v WHERE s.id = ? AND s.epoch = ? LOCK IN SHARE MODE"

#define FIND_HEAD SELECT_ORDERS "WHERE claim IN ("

/* Of one sale, or of all (0); dead ones, or all. */
#define LETTERS_WANTED "(? = 0 OR sale_id = ?) AND (state = 'dead' OR ? <> 0) "
#define SELECT_LETTERS                                                     \
	"SELECT id, at, sale_id, epoch, entry_ms, entry_seq, deliveries, " \
	"reason, claim, customer, unit_no, slot, payload_hash, ref, "      \
	"created, state, retried_as FROM dead_letters "

/* By claim, over the primary key: an index that starts with the sale would cost
 * every insert of every sale; an export can afford to skip other sales' rows. */
#define PAGE_TEXT(status)                                             \
	"SELECT " ORDER_COLUMNS " FROM orders FORCE INDEX (PRIMARY) " \
	"WHERE claim > ? AND sale_id = ? " status "ORDER BY claim LIMIT ?"

#define STRICT_MODE                                       \
	"STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE," \
	"ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,ONLY_FULL_GROUP_BY"

#define TEXT(name, text, params, columns)                  \
	{                                                  \
		name, text, "", "", "", 0, params, columns \
	}
#define BATCH(name, head, row, tail, times, each, columns)                   \
	{                                                                    \
		name, head, row, ",", tail, times, (times) * (each), columns \
	}
#define VOID_BATCH(name, times)                                             \
	{                                                                   \
		name, VOID_HEAD, VOID_ROW, " UNION ALL ", VOID_TAIL, times, \
		    (times)*VOID_PARAM_COUNT + VOID_GUARD_COUNT, 0          \
	}
#define RECORD_BATCH(times)                                                  \
	{                                                                    \
		"insert orders", RECORD_BATCH_HEAD, RECORD_BATCH_ROW,        \
		    " UNION ALL ",                                           \
		    MUTANT(no_epoch_guard) ? RECORD_BATCH_TAIL(">=")         \
					   : RECORD_BATCH_TAIL("="),         \
		    times, (times)*RECORD_PARAM_COUNT + GUARD_PARAM_COUNT, 0 \
	}

static const struct statement table[] = {
    [STMT_RECORD] = TEXT("insert order",
	MUTANT(no_epoch_guard) ? RECORD_TEXT(">=") : RECORD_TEXT("="), 11, 0),
    [STMT_FIND_1] =
	BATCH("find order", FIND_HEAD, "?", ")", 1, 1, ORDER_COLUMN_COUNT),
    [STMT_FIND_UNIT] =
	TEXT("find unit", SELECT_ORDERS "WHERE sale_id = ? AND unit_no = ?", 2,
	    ORDER_COLUMN_COUNT),
    [STMT_FIND_CUSTOMER] = TEXT("find customer's orders",
	SELECT_ORDERS "WHERE sale_id = ? AND customer = ? AND slot >= 1 "
		      "ORDER BY slot LIMIT ?",
	3, ORDER_COLUMN_COUNT),
    [STMT_SALE] = TEXT("read sale", SELECT_SALES "sales AS s ON s.id = ?", 1,
	SALE_COLUMN_COUNT),

    [STMT_FIND_10] =
	BATCH("find orders", FIND_HEAD, "?", ")", 10, 1, ORDER_COLUMN_COUNT),
    [STMT_FIND_100] =
	BATCH("find orders", FIND_HEAD, "?", ")", 100, 1, ORDER_COLUMN_COUNT),
    [STMT_VOID_1] = VOID_BATCH("void claim", 1),
    [STMT_VOID_10] = VOID_BATCH("void claims", 10),
    [STMT_VOID_100] = VOID_BATCH("void claims", 100),
    [STMT_RECORD_1] = RECORD_BATCH(1),
    [STMT_RECORD_4] = RECORD_BATCH(4),
    [STMT_RECORD_16] = RECORD_BATCH(16),
    [STMT_RECORD_64] = RECORD_BATCH(RECORD_BATCH_MAX),
    [STMT_SALES] = TEXT("read sales",
	/* An open sale is not crowded out by newer ones that are over. */
	SELECT_SALE_LIST("WHERE state <> 'draft' ", "state = 'closed', "), 1,
	SALE_COLUMN_COUNT),
    [STMT_SOLD_AFTER] = TEXT("read sold units",
	SELECT_ORDERS "WHERE sale_id = ? AND unit_no > ? "
		      "ORDER BY unit_no LIMIT ?",
	3, ORDER_COLUMN_COUNT),
    [STMT_EPOCH_BEGIN] = TEXT("begin epoch",
	"UPDATE sales SET epoch = epoch + 1, state = ? "
	"WHERE id = ? AND epoch = ? AND state = ?",
	4, 0),
    [STMT_EPOCH_END] = TEXT("end rebuild",
	"UPDATE sales SET state = ? "
	"WHERE id = ? AND epoch = ? AND state = 'rebuild'",
	3, 0),
    /* A commit that changes nothing writes nothing: hence a counter. */
    [STMT_BARRIER] = TEXT("wait for the redo log",
	"UPDATE barrier SET n = n + 1 WHERE id = ?", 1, 0),

    /* The guard, where the values' own statement cannot have it. */
    [STMT_EPOCH_HOLD] = TEXT("hold epoch",
	"SELECT CAST(epoch AS SIGNED) FROM sales WHERE id = ? "
	"LOCK IN SHARE MODE",
	1, 1),
    /* Without IGNORE, which would swallow more than a duplicate. */
    [STMT_LETTER_ADD] = TEXT("bury order",
	"INSERT INTO dead_letters (sale_id, epoch, entry_ms, entry_seq, "
	"deliveries, reason, claim, customer, unit_no, slot, payload_hash, "
	"ref, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	13, 0),
    [STMT_LETTERS_COUNT] = TEXT("count dead letters",
	"SELECT COUNT(*) FROM dead_letters WHERE " LETTERS_WANTED, 3, 1),

    [STMT_SCHEMA_VERSION] = TEXT("read schema version",
	"SELECT CAST(COALESCE(MAX(version), 0) AS SIGNED) FROM schema_version",
	0, 1),
    [STMT_SALE_CREATE] = TEXT("create sale",
	"INSERT INTO sales (slug, title, price_minor, currency, stock, "
	"per_customer, opens, closes, mode, state, claim_key) "
	"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'draft', ?)",
	10, 0),
    [STMT_SALE_BY_SLUG] = TEXT("find sale",
	SELECT_SALES "sales AS s ON s.slug = ?", 1, SALE_COLUMN_COUNT),
    [STMT_SALE_LIST] =
	TEXT("list sales", SELECT_SALE_LIST("", ""), 1, SALE_COLUMN_COUNT),
    [STMT_SET_STATE] = TEXT("set state",
	"UPDATE sales SET state = ? WHERE id = ? AND state = ?", 3, 0),
    [STMT_SET_MODE] = TEXT("set mode",
	"UPDATE sales SET mode = ? WHERE id = ? AND mode = ?", 3, 0),
    [STMT_STOCK_LOCK] = TEXT("lock sale",
	"SELECT CAST(stock AS SIGNED) FROM sales WHERE id = ? FOR UPDATE", 1,
	1),
    [STMT_STOCK_ABOVE] = TEXT("count units above",
	"SELECT COUNT(*) FROM orders WHERE sale_id = ? AND unit_no > ?", 2, 1),
    [STMT_SET_STOCK] = TEXT("set stock",
	"UPDATE sales SET stock = ? WHERE id = ? AND stock = ?", 3, 0),
    [STMT_SLOTS_ABOVE] = TEXT("count customers above",
	"SELECT COUNT(*) FROM orders WHERE sale_id = ? AND slot > ?", 2, 1),
    [STMT_SET_LIMIT] = TEXT("set limit",
	"UPDATE sales SET per_customer = ? WHERE id = ? AND per_customer = ?",
	3, 0),
    [STMT_SET_WINDOW] = TEXT("set window",
	"UPDATE sales SET opens = ?, closes = ? "
	"WHERE id = ? AND opens <=> ? AND closes <=> ?",
	5, 0),
    [STMT_AUDIT] = TEXT("append to audit",
	"INSERT INTO audit (sale_id, actor, what, detail) VALUES (?, ?, ?, ?)",
	4, 0),
    [STMT_ORDERS_PAGE] = TEXT("read orders", PAGE_TEXT("AND status = 'sold' "),
	3, ORDER_COLUMN_COUNT),
    [STMT_ORDERS_PAGE_ALL] =
	TEXT("read orders", PAGE_TEXT(""), 3, ORDER_COLUMN_COUNT),
    [STMT_LETTERS_PAGE] = TEXT("read dead letters",
	SELECT_LETTERS "WHERE id > ? AND " LETTERS_WANTED "ORDER BY id LIMIT ?",
	5, LETTER_COLUMN_COUNT),
    [STMT_LETTER_FIND] = TEXT("find dead letter", SELECT_LETTERS "WHERE id = ?",
	1, LETTER_COLUMN_COUNT),
    [STMT_LETTER_DROP] =
	TEXT("drop dead letter", "DELETE FROM dead_letters WHERE id = ?", 1, 0),
    [STMT_LETTERS_DROP] = TEXT("drop dead letters",
	"DELETE FROM dead_letters WHERE sale_id = ? ORDER BY id LIMIT ?", 2, 0),
    [STMT_LETTER_RETRIED] = TEXT("mark dead letter",
	"UPDATE dead_letters SET state = 'retried', retried_as = ? "
	"WHERE id = ? AND state = 'dead'",
	2, 0),

    /* MySQL has no time limit for writes: there the lock waits bound them. */
    [STMT_LIMITS_MARIADB] = TEXT("set time limits",
	/* Who is stopped amid a transaction holds a sale's row no longer
	 * than that (MySQL has no such limit). */
	"SET SESSION innodb_lock_wait_timeout = ?, lock_wait_timeout = ?, "
	"max_statement_time = ?, idle_transaction_timeout = 10",
	3, 0),
    [STMT_LIMITS_MYSQL] = TEXT("set time limits",
	"SET SESSION innodb_lock_wait_timeout = ?, lock_wait_timeout = ?, "
	"max_execution_time = ?",
	3, 0),
    [STMT_SESSION_SANE] = TEXT("check session",
	"SELECT @@SESSION.autocommit = 1 AND @@SESSION.unique_checks = 1 "
	"AND @@SESSION.time_zone = '+00:00' "
	"AND @@SESSION.sql_mode LIKE '%STRICT_ALL_TABLES%'",
	0, 1),
    [STMT_FACT_ENGINE] = TEXT("check engine",
	"SELECT COUNT(*) FROM information_schema.tables "
	"WHERE table_schema = DATABASE() AND engine = 'InnoDB' "
	"AND table_name = ?",
	1, 1),
    [STMT_FACT_UNIQUE] = TEXT("check keys",
	"SELECT COUNT(*) FROM (SELECT index_name "
	"FROM information_schema.statistics "
	"WHERE table_schema = DATABASE() AND table_name = ? "
	"AND non_unique = 0 GROUP BY index_name "
	"HAVING MAX(sub_part) IS NULL AND GROUP_CONCAT(column_name "
	"ORDER BY seq_in_index SEPARATOR ',') = ?) AS k",
	2, 1),
    [STMT_FACT_BINARY] = TEXT("check columns",
	"SELECT COUNT(*) FROM information_schema.columns "
	"WHERE table_schema = DATABASE() AND table_name = ? "
	"AND data_type IN ('binary', 'varbinary') AND column_name = ?",
	2, 1),
    [STMT_VARIABLE] = TEXT(
	"read setting", "SHOW GLOBAL VARIABLES WHERE Variable_name = ?", 1, 2),

    [STMT_VARIABLE_SESSION] = TEXT("read session setting",
	"SHOW SESSION VARIABLES WHERE Variable_name = ?", 1, 2),
    [STMT_WIDE_GRANTS] = TEXT("look at grants",
	"SELECT COUNT(*) FROM ("
	"SELECT grantee, privilege_type FROM "
	"information_schema.user_privileges "
	"UNION ALL SELECT grantee, privilege_type "
	"FROM information_schema.schema_privileges "
	"WHERE table_schema = DATABASE() "
	"UNION ALL SELECT grantee, privilege_type "
	"FROM information_schema.table_privileges "
	"WHERE table_schema = DATABASE() AND table_name IN "
	"('orders', 'audit', 'dead_letters')"
	") AS p WHERE privilege_type NOT IN "
	"('USAGE', 'SELECT', 'INSERT') AND grantee = CONCAT("
	"QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', 1)), '@', "
	"QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)))",
	0, 1),
    [STMT_MAY_FENCE] = TEXT("look at the right to start an epoch",
	"UPDATE sales SET epoch = epoch, state = state WHERE id = 0", 0, 0),
    [STMT_MAY_NOTE] = TEXT("look at the right to note",
	"INSERT INTO audit (sale_id, actor, what, detail) "
	"SELECT 0, '', '', '' FROM sales WHERE id = 0",
	0, 0),

    [STMT_MAY_BURY] = TEXT("look at the right to bury",
	"INSERT INTO dead_letters (sale_id, epoch, entry_ms, entry_seq, "
	"deliveries, reason, unit_no, slot, payload_hash) "
	"SELECT sale_id, epoch, entry_ms, entry_seq, deliveries, reason, "
	"unit_no, slot, payload_hash FROM dead_letters WHERE id = 0",
	0, 0),
    [STMT_MAY_RECORD] = TEXT("look at the right to record",
	"INSERT INTO orders (claim, sale_id, epoch, status) "
	"SELECT claim, sale_id, epoch, status FROM orders "
	"WHERE sale_id = 0 AND unit_no = 0",
	0, 0),

    [STMT_SESSION_SET] = TEXT("set up session",
	"SET SESSION autocommit = 1, unique_checks = 1, "
	"time_zone = '+00:00', sql_mode = '" STRICT_MODE "'",
	0, 0),
    [STMT_ISOLATION] = TEXT("set isolation",
	"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", 0, 0),
    [STMT_BEGIN] = TEXT("begin", "START TRANSACTION", 0, 0),
    [STMT_COMMIT] = TEXT("commit", "COMMIT", 0, 0),
    [STMT_ROLLBACK] = TEXT("roll back", "ROLLBACK", 0, 0),
};
_Static_assert(ARRAY_LEN(table) == STMT_COUNT, "a text for each");

const struct statement *statement_get(enum statement_id id)
{
	BUG_ON((unsigned)id >= STMT_COUNT);
	return &table[id];
}

void statement_text(enum statement_id id, struct strbuf *out)
{
	const struct statement *st = statement_get(id);

	strbuf_puts(out, st->head);
	for (unsigned i = 0; i < st->times; i++) {
		if (i > 0)
			strbuf_puts(out, st->between);
		strbuf_puts(out, st->repeat);
	}
	strbuf_puts(out, st->tail);
	BUG_ON(out->overflow);
}

static struct statement_batch smallest(
    const struct statement_batch *sizes, size_t nsizes, size_t n)
{
	BUG_ON(n == 0 || n > STATEMENT_BATCH_MAX);
	for (size_t i = 0; i < nsizes; i++)
		if (n <= sizes[i].rows)
			return sizes[i];
	BUG("no statement for so many rows");
}

struct statement_batch statement_find(size_t n)
{
	static const struct statement_batch sizes[] = {
	    {STMT_FIND_1, 1}, {STMT_FIND_10, 10}, {STMT_FIND_100, 100}};

	return smallest(sizes, ARRAY_LEN(sizes), n);
}

struct statement_batch statement_void(size_t n)
{
	static const struct statement_batch sizes[] = {
	    {STMT_VOID_1, 1}, {STMT_VOID_10, 10}, {STMT_VOID_100, 100}};

	return smallest(sizes, ARRAY_LEN(sizes), n);
}

struct statement_batch statement_record(size_t n)
{
	static const struct statement_batch sizes[] = {{STMT_RECORD_1, 1},
	    {STMT_RECORD_4, 4}, {STMT_RECORD_16, 16},
	    {STMT_RECORD_64, RECORD_BATCH_MAX}};

	return smallest(sizes, ARRAY_LEN(sizes), n);
}
