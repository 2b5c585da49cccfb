/* SPDX-License-Identifier: Apache-2.0 */
/* Binding of parameters and results, and what the bound bytes mean. */
#include "config.h"

#include "ledger/rows.h"

#include "base/bug.h"

#include <time.h>

static void bind_is(MYSQL_BIND *bind, enum enum_field_types type)
{
	memset(bind, 0, sizeof(*bind));
	bind->buffer_type = type;
}

/*
 * The client library does not write to a parameter, but its type has no const.
 * `length` points into the bind itself: the library reads it when it sends.
 */
static void param_at(
    MYSQL_BIND *bind, enum enum_field_types type, const void *p, size_t n)
{
	if (p == NULL) {
		bind_is(bind, MYSQL_TYPE_NULL);
		return;
	}
	bind_is(bind, type);
	bind->buffer = (void *)(uintptr_t)p;
	bind->buffer_length = (unsigned long)n;
	bind->length = &bind->buffer_length;
}

void param_bytes(MYSQL_BIND *bind, const void *p, size_t n)
{
	param_at(bind, MYSQL_TYPE_BLOB, p, n);
}

void param_text(MYSQL_BIND *bind, struct strv text)
{
	param_at(bind, MYSQL_TYPE_STRING, text.p, text.n);
}

void param_u32(MYSQL_BIND *bind, const uint32_t *value)
{
	param_at(bind, MYSQL_TYPE_LONG, value, sizeof(*value));
	bind->is_unsigned = 1;
}

void param_u64(MYSQL_BIND *bind, const uint64_t *value)
{
	param_at(bind, MYSQL_TYPE_LONGLONG, value, sizeof(*value));
	bind->is_unsigned = 1;
}

void param_i64(MYSQL_BIND *bind, const int64_t *value)
{
	param_at(bind, MYSQL_TYPE_LONGLONG, value, sizeof(*value));
}

void param_double(MYSQL_BIND *bind, const double *value)
{
	param_at(bind, MYSQL_TYPE_DOUBLE, value, sizeof(*value));
}

void param_customer(MYSQL_BIND *bind, const struct customer *who)
{
	param_bytes(bind, who->n > 0 ? who->text : NULL, who->n);
}

void param_claim(MYSQL_BIND *bind, const struct claim_id *claim)
{
	param_bytes(bind, claim->b, sizeof(claim->b));
}

void param_ref(MYSQL_BIND *bind, const char ref[ORDER_REF_MAX + 1])
{
	size_t n = strnlen(ref, ORDER_REF_MAX + 1);

	param_bytes(bind, n > 0 ? ref : NULL, n);
}

void param_void(MYSQL_BIND *params, const struct order *claim)
{
	param_claim(&params[0], &claim->claim);
	param_customer(&params[1], &claim->customer);
}

void param_void_guard(MYSQL_BIND *params, const struct gate_ref *ref)
{
	param_u32(&params[0], &ref->sale.v);
	param_u32(&params[1], &ref->epoch);
}

void param_null(MYSQL_BIND *bind)
{
	bind_is(bind, MYSQL_TYPE_NULL);
}

void param_wall(MYSQL_BIND *bind, struct wall when, MYSQL_TIME *room)
{
	if (when.us == 0) {
		bind_is(bind, MYSQL_TYPE_NULL);
		return;
	}
	wall_to_mysql(when, room);
	param_at(bind, MYSQL_TYPE_DATETIME, room, sizeof(*room));
}

void result_i64(MYSQL_BIND *bind, int64_t *value)
{
	bind_is(bind, MYSQL_TYPE_LONGLONG);
	bind->buffer = value;
	bind->buffer_length = sizeof(*value);
}

void result_text(MYSQL_BIND *bind, char *p, size_t size, unsigned long *n)
{
	bind_is(bind, MYSQL_TYPE_STRING);
	bind->buffer = p;
	bind->buffer_length = (unsigned long)(size - 1);
	bind->length = n;
}

/* One column of a row: where its value, its length and its NULL go. */
struct column {
	enum enum_field_types type;
	void *buffer;
	size_t size;
};

static void columns_bind(const struct column *columns, size_t n,
    MYSQL_BIND *bind, unsigned long *len, sql_bool *null)
{
	for (size_t i = 0; i < n; i++) {
		bind_is(&bind[i], columns[i].type);
		bind[i].buffer = columns[i].buffer;
		bind[i].buffer_length = (unsigned long)columns[i].size;
		bind[i].is_unsigned = columns[i].type == MYSQL_TYPE_LONG;
		bind[i].length = &len[i];
		bind[i].is_null = &null[i];
	}
}

enum order_column {
	O_CLAIM,
	O_SALE,
	O_EPOCH,
	O_STATUS,
	O_UNIT,
	O_SLOT,
	O_CUSTOMER,
	O_HASH,
	O_REF,
	O_CREATED,
	O_COUNT
};
_Static_assert(O_COUNT == ORDER_COLUMN_COUNT, "as in statements.c");

void order_row_bind(struct order_row *row)
{
	const struct column columns[O_COUNT] = {
	    [O_CLAIM] = {MYSQL_TYPE_BLOB, row->claim, sizeof(row->claim)},
	    [O_SALE] = {MYSQL_TYPE_LONG, &row->sale, sizeof(row->sale)},
	    [O_EPOCH] = {MYSQL_TYPE_LONG, &row->epoch, sizeof(row->epoch)},
	    [O_STATUS] = {MYSQL_TYPE_STRING, row->status, sizeof(row->status)},
	    [O_UNIT] = {MYSQL_TYPE_LONG, &row->unit, sizeof(row->unit)},
	    [O_SLOT] = {MYSQL_TYPE_LONG, &row->slot, sizeof(row->slot)},
	    [O_CUSTOMER] = {MYSQL_TYPE_BLOB, row->customer,
		sizeof(row->customer)},
	    [O_HASH] = {MYSQL_TYPE_BLOB, row->payload_hash,
		sizeof(row->payload_hash)},
	    [O_REF] = {MYSQL_TYPE_BLOB, row->ref, sizeof(row->ref)},
	    [O_CREATED] = {MYSQL_TYPE_DATETIME, &row->created,
		sizeof(row->created)},
	};

	columns_bind(columns, O_COUNT, row->bind, row->len, row->null);
}

static bool row_bad(struct err *err, const char *what, const char *column)
{
	err_set(err, 0, "a row of %s has a bad %s: was it written by hand?",
	    what, column);
	return false;
}

/* A text of the server; NULL is the absent view. */
static struct strv view(const char *p, unsigned long len, sql_bool null)
{
	return null ? (struct strv){NULL, 0} : strv_from(p, len);
}

bool order_row_read(
    const struct order_row *row, struct order *out, struct err *err)
{
	struct strv customer, ref;
	struct order order = {0};

	memcpy(order.claim.b, row->claim, CLAIM_BYTES);
	order.sale.v = row->sale;
	order.epoch = row->epoch;
	order.unit = row->null[O_UNIT] ? 0 : row->unit;
	order.slot = row->null[O_SLOT] ? 0 : row->slot;
	if (row->len[O_CLAIM] != CLAIM_BYTES)
		return row_bad(err, "orders", "claim");
	if (!order_status_parse(
		view(row->status, row->len[O_STATUS], row->null[O_STATUS]),
		&order.status))
		return row_bad(err, "orders", "status");
	customer =
	    view(row->customer, row->len[O_CUSTOMER], row->null[O_CUSTOMER]);
	if (customer.p != NULL && !customer_parse(customer, &order.customer))
		return row_bad(err, "orders", "customer");
	if (!row->null[O_HASH] && row->len[O_HASH] != PAYLOAD_HASH_BYTES)
		return row_bad(err, "orders", "payload_hash");
	if (!row->null[O_HASH])
		memcpy(
		    order.payload_hash, row->payload_hash, PAYLOAD_HASH_BYTES);
	ref = view(row->ref, row->len[O_REF], row->null[O_REF]);
	if (!strv_copy(ref, order.ref, sizeof(order.ref)))
		return row_bad(err, "orders", "ref");
	if (!wall_from_mysql(&row->created, &order.created))
		return row_bad(err, "orders", "created");
	*out = order;
	return true;
}

enum sale_column {
	S_NOW,
	S_ID,
	S_SLUG,
	S_TITLE,
	S_PRICE,
	S_CURRENCY,
	S_STOCK,
	S_PER_CUSTOMER,
	S_OPENS,
	S_CLOSES,
	S_MODE,
	S_STATE,
	S_EPOCH,
	S_KEY,
	S_COUNT
};
_Static_assert(S_COUNT == SALE_COLUMN_COUNT, "as in statements.c");

void sale_row_bind(struct sale_row *row)
{
	const struct column columns[S_COUNT] = {
	    [S_NOW] = {MYSQL_TYPE_DATETIME, &row->now, sizeof(row->now)},
	    [S_ID] = {MYSQL_TYPE_LONG, &row->id, sizeof(row->id)},
	    [S_SLUG] = {MYSQL_TYPE_STRING, row->slug, sizeof(row->slug)},
	    [S_TITLE] = {MYSQL_TYPE_STRING, row->title, sizeof(row->title)},
	    [S_PRICE] = {MYSQL_TYPE_LONGLONG, &row->price_minor,
		sizeof(row->price_minor)},
	    [S_CURRENCY] = {MYSQL_TYPE_STRING, row->currency,
		sizeof(row->currency)},
	    [S_STOCK] = {MYSQL_TYPE_LONG, &row->stock, sizeof(row->stock)},
	    [S_PER_CUSTOMER] = {MYSQL_TYPE_LONG, &row->per_customer,
		sizeof(row->per_customer)},
	    [S_OPENS] = {MYSQL_TYPE_DATETIME, &row->opens, sizeof(row->opens)},
	    [S_CLOSES] = {MYSQL_TYPE_DATETIME, &row->closes,
		sizeof(row->closes)},
	    [S_MODE] = {MYSQL_TYPE_STRING, row->mode, sizeof(row->mode)},
	    [S_STATE] = {MYSQL_TYPE_STRING, row->state, sizeof(row->state)},
	    [S_EPOCH] = {MYSQL_TYPE_LONG, &row->epoch, sizeof(row->epoch)},
	    [S_KEY] = {MYSQL_TYPE_BLOB, row->claim_key, sizeof(row->claim_key)},
	};

	columns_bind(columns, S_COUNT, row->bind, row->len, row->null);
}

/* An unset time stays 0. */
static bool optional_time(
    const MYSQL_TIME *from, sql_bool null, struct wall *out)
{
	return null || wall_from_mysql(from, out);
}

bool sale_row_read(const struct sale_row *row, struct sale *out, bool *found,
    struct wall *now, struct err *err)
{
	struct sale sale = {0};

	if (!wall_from_mysql(&row->now, now))
		return row_bad(err, "the server", "clock");
	*found = !row->null[S_ID];
	if (!*found)
		return true;
	sale.id.v = row->id;
	sale.price.minor = row->price_minor;
	sale.stock = row->stock;
	sale.per_customer = row->per_customer;
	sale.epoch = row->epoch;
	if (!strv_copy(view(row->slug, row->len[S_SLUG], 0), sale.slug,
		sizeof(sale.slug)))
		return row_bad(err, "sales", "slug");
	if (!strv_copy(view(row->title, row->len[S_TITLE], 0), sale.title,
		sizeof(sale.title)))
		return row_bad(err, "sales", "title: more than 200 bytes");
	if (!strv_copy(view(row->currency, row->len[S_CURRENCY], 0),
		sale.price.currency, sizeof(sale.price.currency)))
		return row_bad(err, "sales", "currency");
	if (!optional_time(&row->opens, row->null[S_OPENS], &sale.opens) ||
	    !optional_time(&row->closes, row->null[S_CLOSES], &sale.closes))
		return row_bad(err, "sales", "window");
	if (!sale_mode_parse(view(row->mode, row->len[S_MODE], 0), &sale.mode))
		return row_bad(err, "sales", "mode");
	if (!sale_state_parse(
		view(row->state, row->len[S_STATE], 0), &sale.state))
		return row_bad(err, "sales", "state");
	if (row->len[S_KEY] != SALE_KEY_BYTES)
		return row_bad(err, "sales", "claim_key");
	memcpy(sale.claim_key, row->claim_key, SALE_KEY_BYTES);
	*out = sale;
	return true;
}

enum letter_column {
	L_ID,
	L_AT,
	L_SALE,
	L_EPOCH,
	L_MS,
	L_SEQ,
	L_DELIVERIES,
	L_REASON,
	L_CLAIM,
	L_CUSTOMER,
	L_UNIT,
	L_SLOT,
	L_HASH,
	L_REF,
	L_CREATED,
	L_STATE,
	L_RETRIED_AS,
	L_COUNT
};
_Static_assert(L_COUNT == LETTER_COLUMN_COUNT, "as in statements.c");

void letter_row_bind(struct letter_row *row)
{
	const struct column columns[L_COUNT] = {
	    [L_ID] = {MYSQL_TYPE_LONGLONG, &row->id, sizeof(row->id)},
	    [L_AT] = {MYSQL_TYPE_DATETIME, &row->at, sizeof(row->at)},
	    [L_SALE] = {MYSQL_TYPE_LONG, &row->sale, sizeof(row->sale)},
	    [L_EPOCH] = {MYSQL_TYPE_LONG, &row->epoch, sizeof(row->epoch)},
	    [L_MS] = {MYSQL_TYPE_LONGLONG, &row->entry_ms,
		sizeof(row->entry_ms)},
	    [L_SEQ] = {MYSQL_TYPE_LONGLONG, &row->entry_seq,
		sizeof(row->entry_seq)},
	    [L_DELIVERIES] = {MYSQL_TYPE_LONG, &row->deliveries,
		sizeof(row->deliveries)},
	    [L_REASON] = {MYSQL_TYPE_STRING, row->reason, sizeof(row->reason)},
	    [L_CLAIM] = {MYSQL_TYPE_BLOB, row->claim, sizeof(row->claim)},
	    [L_CUSTOMER] = {MYSQL_TYPE_BLOB, row->customer,
		sizeof(row->customer)},
	    [L_UNIT] = {MYSQL_TYPE_LONG, &row->unit, sizeof(row->unit)},
	    [L_SLOT] = {MYSQL_TYPE_LONG, &row->slot, sizeof(row->slot)},
	    [L_HASH] = {MYSQL_TYPE_BLOB, row->payload_hash,
		sizeof(row->payload_hash)},
	    [L_REF] = {MYSQL_TYPE_BLOB, row->ref, sizeof(row->ref)},
	    [L_CREATED] = {MYSQL_TYPE_DATETIME, &row->created,
		sizeof(row->created)},
	    [L_STATE] = {MYSQL_TYPE_STRING, row->state, sizeof(row->state)},
	    [L_RETRIED_AS] = {MYSQL_TYPE_BLOB, row->retried_as,
		sizeof(row->retried_as)},
	};

	columns_bind(columns, L_COUNT, row->bind, row->len, row->null);
	row->bind[L_ID].is_unsigned = 1;
	row->bind[L_MS].is_unsigned = 1;
	row->bind[L_SEQ].is_unsigned = 1;
}

/* What was read of the entry, as it is. */
static bool letter_order_read(
    const struct letter_row *row, struct order *order, struct err *err)
{
	order->sale.v = row->sale;
	order->epoch = row->epoch;
	order->status = ORDER_SOLD;
	order->unit = row->unit;
	order->slot = row->slot;
	if (!row->null[L_CLAIM])
		memcpy(order->claim.b, row->claim, CLAIM_BYTES);
	if (!row->null[L_CUSTOMER]) {
		order->customer.n = (uint8_t)row->len[L_CUSTOMER];
		memcpy(order->customer.text, row->customer, order->customer.n);
	}
	memcpy(order->payload_hash, row->payload_hash, PAYLOAD_HASH_BYTES);
	strv_copy_cut(view(row->ref, row->len[L_REF], row->null[L_REF]),
	    order->ref, sizeof(order->ref));
	if (!optional_time(
		&row->created, row->null[L_CREATED], &order->created))
		return row_bad(err, "dead_letters", "created");
	return true;
}

bool letter_row_read(
    const struct letter_row *row, struct ledger_letter *out, struct err *err)
{
	struct ledger_letter letter = {.id = row->id};
	struct dead_letter *dead = &letter.dead;

	if (!wall_from_mysql(&row->at, &letter.at))
		return row_bad(err, "dead_letters", "at");
	dead->entry.ms = row->entry_ms;
	dead->entry.seq = row->entry_seq;
	dead->deliveries = row->deliveries;
	strv_copy_cut(view(row->reason, row->len[L_REASON], 0), dead->reason,
	    sizeof(dead->reason));
	if (!letter_order_read(row, &dead->order, err))
		return false;
	if (!letter_state_parse(
		view(row->state, row->len[L_STATE], 0), &letter.state))
		return row_bad(err, "dead_letters", "state");
	if (!row->null[L_RETRIED_AS])
		memcpy(letter.retried_as.b, row->retried_as, CLAIM_BYTES);
	*out = letter;
	return true;
}

/* Leap days in the years 1..y of the calendar that MySQL keeps. */
static int64_t leap_days(int64_t y)
{
	return y / 4 - y / 100 + y / 400;
}

/*
 * Days from 1970-01-01 to a date, or false for what is no date.  Not timegm():
 * that reads /etc/localtime, in the middle of the first purchase.
 */
static bool days_from_date(unsigned y, unsigned m, unsigned d, int64_t *days)
{
	static const unsigned char len[] = {
	    31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);

	if (y < 1 || y > 9999 || m < 1 || m > 12 || d < 1 ||
	    d > len[m - 1] + (m == 2 && leap ? 1u : 0u))
		return false;
	*days = 365 * ((int64_t)y - 1970) + leap_days((int64_t)y - 1) -
		leap_days(1969) + (int64_t)d - 1;
	for (unsigned i = 0; i + 1 < m; i++)
		*days += len[i];
	if (m > 2 && leap)
		*days += 1;
	return true;
}

bool wall_from_mysql(const MYSQL_TIME *from, struct wall *out)
{
	int64_t days;

	if (from->neg || from->hour > 23 || from->minute > 59 ||
	    from->second > 59 || from->second_part >= US_PER_S ||
	    !days_from_date(from->year, from->month, from->day, &days))
		return false;
	out->us = (((days * 24 + from->hour) * 60 + from->minute) * 60 +
		      from->second) *
		      US_PER_S +
		  (int64_t)from->second_part;
	return true;
}

bool wall_fits_mysql(struct wall when)
{
	/* 0001-01-01 and 10000-01-01 */
	return when.us >= -62135596800 * US_PER_S &&
	       when.us < 253402300800 * US_PER_S;
}

void wall_to_mysql(struct wall when, MYSQL_TIME *out)
{
	int64_t us = when.us % US_PER_S;
	time_t seconds = (time_t)(when.us / US_PER_S);
	struct tm tm;

	if (us < 0) {
		us += US_PER_S;
		seconds--;
	}
	BUG_ON(gmtime_r(&seconds, &tm) == NULL);
	memset(out, 0, sizeof(*out));
	out->year = (unsigned)tm.tm_year + 1900;
	out->month = (unsigned)tm.tm_mon + 1;
	out->day = (unsigned)tm.tm_mday;
	out->hour = (unsigned)tm.tm_hour;
	out->minute = (unsigned)tm.tm_min;
	out->second = (unsigned)tm.tm_sec;
	out->second_part = (unsigned long)us;
	out->time_type = MYSQL_TIMESTAMP_DATETIME;
}
