/* SPDX-License-Identifier: Apache-2.0 */
/* The world of the web tests; see world.h. */
#include "config.h"

#include "world.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

static struct world *current; /* sale_buy() has no context of its own */

static int64_t clock_mono_ns(void *ctx)
{
	return 7 * NS_PER_S + ((struct world *)ctx)->later_ns;
}

/* ---- the purchase ---- */

/* In the place of the real one, which is not linked. */
void sale_buy(const struct buyer *buyer, const struct purchase *purchase,
    struct purchase_result *result)
{
	struct world *w = current;

	ck_assert_ptr_eq(buyer, &w->buyer);
	w->buys++;
	w->bought = *purchase;
	w->bought_with_key = purchase->key.p != NULL;
	ck_assert(
	    strv_copy(purchase->key, w->bought_key, sizeof(w->bought_key)));
	*result = w->answer;
}

/* ---- the ledger ---- */

static enum outcome ledger_says(enum outcome says, struct err *err)
{
	if (says != OUT_DONE)
		err_set(err, 2013, "ledger: lost connection");
	return says;
}

static enum outcome ledger_find(void *ctx, const struct claim_id *claims,
    size_t n, int64_t deadline_ns, struct order *out, size_t *found,
    struct err *err)
{
	struct world *w = ctx;

	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(deadline_ns, clock_mono_ns(w) + 800 * NS_PER_MS);
	w->finds++;
	if (ledger_says(w->ledger_says, err) != OUT_DONE)
		return w->ledger_says;
	*found = 0;
	for (size_t i = 0; i < w->nrows; i++)
		if (claim_eq(&w->rows[i].claim, &claims[0]))
			out[(*found)++] = w->rows[i];
	if (w->late.customer.n > 0)
		w->rows[w->nrows++] = w->late;
	w->late.customer.n = 0;
	return OUT_DONE;
}

static enum outcome ledger_find_customer(void *ctx, struct sale_id sale,
    const struct customer *who, int64_t deadline_ns, struct order *out,
    size_t max, size_t *n, struct err *err)
{
	struct world *w = ctx;

	(void)deadline_ns;
	if (ledger_says(w->ledger_says, err) != OUT_DONE)
		return w->ledger_says;
	*n = 0;
	for (size_t i = 0; i < w->nrows && *n < max; i++)
		if (w->rows[i].sale.v == sale.v &&
		    w->rows[i].status == ORDER_SOLD &&
		    customer_eq(&w->rows[i].customer, who))
			out[(*n)++] = w->rows[i];
	return OUT_DONE;
}

static enum outcome ledger_sale(void *ctx, struct sale_id id,
    int64_t deadline_ns, struct sale *out, bool *found, struct wall *now,
    struct err *err)
{
	struct world *w = ctx;

	(void)deadline_ns;
	if (ledger_says(w->sale_says, err) != OUT_DONE)
		return w->sale_says;
	*found = w->hidden.id.v != 0 && w->hidden.id.v == id.v;
	if (*found)
		*out = w->hidden;
	now->us = WORLD_NOW_S * US_PER_S;
	return OUT_DONE;
}

static enum outcome ledger_sales(void *ctx, int64_t deadline_ns,
    struct sale *out, size_t max, size_t *n, struct wall *now, struct err *err)
{
	struct world *w = ctx;

	(void)deadline_ns;
	(void)err;
	ck_assert_uint_le(w->nsales, max);
	memcpy(out, w->sales, w->nsales * sizeof(*out));
	*n = w->nsales;
	now->us = WORLD_NOW_S * US_PER_S;
	return OUT_DONE;
}

/* ---- the gate ---- */

static enum outcome gate_pending(void *ctx, struct gate_ref ref,
    const struct customer *who, int64_t deadline_ns, struct order *out,
    size_t max, size_t *n, bool *known, struct err *err)
{
	struct world *w = ctx;

	ck_assert_uint_eq(ref.epoch, 3);
	ck_assert_int_eq(deadline_ns, clock_mono_ns(w) + 100 * NS_PER_MS);
	w->asks++;
	if (w->gate_says != OUT_DONE) {
		err_set(err, 111, "gate: connection refused");
		return w->gate_says;
	}
	*known = !w->gate_lost;
	*n = 0;
	for (size_t i = 0; *known && i < w->nwaiting && *n < max; i++)
		if (w->waiting[i].sale.v == ref.sale.v &&
		    customer_eq(&w->waiting[i].customer, who))
			out[(*n)++] = w->waiting[i];
	return OUT_DONE;
}

/* ---- clock and hooks ---- */

static struct wall clock_wall(void *ctx)
{
	(void)ctx;
	return (struct wall){(WORLD_NOW_S - WORLD_SKEW_S) * US_PER_S};
}

static bool peer_gone(void *ctx)
{
	struct world *w = ctx;

	return w->gone;
}

static void accepted(void *ctx, const struct order *order)
{
	struct world *w = ctx;

	w->accepted++;
	w->accepted_order = *order;
}

static bool may_lose(void *ctx)
{
	return ((struct world *)ctx)->may_lose;
}

static bool too_many(void *ctx, const struct customer *who)
{
	struct world *w = ctx;

	ck_assert_uint_gt(who->n, 0);
	return w->limited;
}

static enum outcome sale_miss(void *ctx, struct strv slug, int64_t deadline_ns,
    struct sale_entry *out, bool *found, struct err *err)
{
	struct world *w = ctx;

	ck_assert_int_eq(deadline_ns, clock_mono_ns(w) + 800 * NS_PER_MS);
	w->misses++;
	if (w->miss_says != OUT_DONE) {
		err_set(err, 2002, "ledger: cannot connect");
		return w->miss_says;
	}
	*found = strv_eq(slug, strv_c(w->missed.sale.slug));
	if (*found)
		*out = w->missed;
	return OUT_DONE;
}

/* ---- the world ---- */

struct sale world_sale(uint32_t id, const char *slug)
{
	struct sale sale = {
	    .id = {id},
	    .title = "The drop",
	    .price = {19900, "EUR"},
	    .stock = 100,
	    .per_customer = 1,
	    .opens = {WORLD_OPENS_S * US_PER_S},
	    .closes = {(WORLD_NOW_S + 3600) * US_PER_S},
	    .state = SALE_STATE_OPEN,
	    .epoch = 3,
	};

	ck_assert(strv_copy(strv_c(slug), sale.slug, sizeof(sale.slug)));
	return sale;
}

struct order world_order(uint8_t n, const char *customer, uint32_t unit)
{
	struct order order = {
	    .sale = {1},
	    .epoch = 3,
	    .status = ORDER_SOLD,
	    .unit = unit,
	    .slot = 1,
	    .created = {WORLD_NOW_S * US_PER_S + 123456},
	};

	memset(order.claim.b, n, CLAIM_BYTES);
	ck_assert(customer_parse(strv_c(customer), &order.customer));
	return order;
}

const char *world_number(uint8_t n)
{
	static char text[ORDER_TEXT_LEN + 1];
	struct claim_id claim;

	memset(claim.b, n, CLAIM_BYTES);
	claim_format(&claim, text);
	return text;
}

void world_refresh(struct world *w)
{
	struct err err = ERR_INIT;

	ck_assert_int_eq(sale_table_refresh(
			     w->table, &w->ledger, &w->clock, INT64_MAX, &err),
	    OUT_DONE);
}

void world_gauge(struct world *w, uint32_t sale, struct gate_gauge gauge)
{
	sale_table_gauge(w->table, (struct sale_id){sale}, &gauge, true);
}

struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err err = ERR_INIT;

	ck_assert_ptr_nonnull(w);
	w->table = calloc(1, sale_table_bytes());
	w->bytes = malloc(WEB_RESPONSE_MAX);
	ck_assert(w->table != NULL && w->bytes != NULL);
	sale_table_init(w->table);
	strbuf_init(&w->response, w->bytes, WEB_RESPONSE_MAX);
	w->clock = (struct clock){clock_mono_ns, clock_wall, w};
	w->ledger = (struct ledger_port){.find = ledger_find,
	    .find_customer = ledger_find_customer,
	    .sale = ledger_sale,
	    .sales = ledger_sales,
	    .ctx = w};
	w->gate = (struct gate_port){.pending = gate_pending, .ctx = w};
	w->buyer = (struct buyer){.gate = &w->gate,
	    .ledger = &w->ledger,
	    .gate_timeout_ms = 100,
	    .lease_ms = 30000,
	    .clock = &w->clock};
	w->keys.n = 1;
	ck_assert(token_key_set(&w->keys.key[0], STRV("k1"), STRV("HS256"),
	    STRV(WORLD_SECRET), &err));
	w->conf = (struct web_conf){.keys = &w->keys,
	    .request_deadline_ms = 800,
	    .problem_base = "https://shop.example/problems/",
	    .sweep_interval_ms = 60000};
	w->web = (struct web){.conf = &w->conf,
	    .buyer = &w->buyer,
	    .table = w->table,
	    .sale_miss = sale_miss,
	    .too_many = too_many,
	    .peer_gone = peer_gone,
	    .accepted = accepted,
	    .may_lose = may_lose,
	    .ctx = w};
	w->sales[w->nsales++] = world_sale(1, "drop");
	world_refresh(w);
	w->answer.verdict = VERDICT_CREATED;
	w->answer.order = world_order(7, "ann", 42);
	current = w;
	return w;
}

void world_free(struct world *w)
{
	current = NULL;
	free(w->table);
	free(w->bytes);
	free(w);
}

/* ---- asking ---- */

struct web_request world_get(struct world *w, const char *uri)
{
	static char bearer[TOKEN_BYTES_MAX + 8];
	char token[TOKEN_BYTES_MAX];
	struct err err = ERR_INIT;

	ck_assert(token_make(&w->keys, STRV("ann"), clock_wall(NULL), 600,
	    token, sizeof(token), &err));
	snprintf(bearer, sizeof(bearer), "Bearer %s", token);
	return (struct web_request){.method = STRV("GET"),
	    .uri = strv_c(uri),
	    .authorization = strv_c(bearer),
	    .host = STRV("shop.example")};
}

struct web_request world_post(struct world *w, const char *uri)
{
	struct web_request request = world_get(w, uri);

	request.method = STRV("POST");
	return request;
}

/*
 * What must hold for every response: Status comes first, each header is one
 * line of printable ASCII, none comes twice, the length is the body's, and the
 * type may not be guessed.
 */
static void response_check(struct world *w, bool head)
{
	struct strv rest = strbuf_view(&w->response);
	size_t headers = 0;
	int status = 0;
	char claimed[32];

	ck_assert(!w->response.overflow);
	ck_assert(strv_starts(rest, STRV("Status: ")));
	ck_assert_int_eq(sscanf(rest.p, "Status: %d", &status), 1);
	ck_assert_int_eq(status, w->outcome.status);
	for (;;) {
		struct strv line = strv_cut(&rest, '\n');

		ck_assert(rest.p != NULL);
		ck_assert_uint_ge(line.n, 1);
		ck_assert_int_eq(line.p[line.n - 1], '\r');
		line.n--;
		if (line.n == 0)
			break;
		headers++;
		for (size_t i = 0; i < line.n; i++)
			ck_assert(line.p[i] >= 0x20 && line.p[i] < 0x7f);
		ck_assert_ptr_nonnull(memchr(line.p, ':', line.n));
	}
	ck_assert_uint_ge(headers, 3);
	w->body = rest;
	ck_assert_str_eq(world_header(w, "X-Content-Type-Options"), "nosniff");
	ck_assert_ptr_nonnull(world_header(w, "Cache-Control"));
	if (status == 304) {
		ck_assert_uint_eq(rest.n, 0);
		ck_assert_ptr_null(world_header(w, "Content-Length"));
		return;
	}
	snprintf(claimed, sizeof(claimed), "%zu", rest.n);
	if (head)
		ck_assert_uint_eq(rest.n, 0);
	else
		ck_assert_str_eq(world_header(w, "Content-Length"), claimed);
	ck_assert_ptr_nonnull(world_header(w, "Content-Type"));
}

int world_ask(struct world *w, const struct web_request *request)
{
	web_handle(&w->web, request, &w->response, &w->outcome);
	ck_assert_ptr_nonnull(w->outcome.route);
	ck_assert_ptr_nonnull(w->outcome.code);
	if (w->outcome.status != 0)
		response_check(w, strv_eq(request->method, STRV("HEAD")));
	else
		ck_assert_uint_eq(w->response.n, 0);
	return w->outcome.status;
}

const char *world_header(struct world *w, const char *name)
{
	struct strv rest = strbuf_view(&w->response);
	const char *found = NULL;

	while (rest.n > 0) {
		struct strv line = strv_cut(&rest, '\n');
		struct strv field;

		line.n -= line.n > 0;
		if (line.n == 0)
			break;
		field = strv_cut(&line, ':');
		if (!strv_eq_nocase(field, strv_c(name)))
			continue;
		ck_assert_msg(found == NULL, "header %s twice", name);
		ck_assert(
		    strv_copy(strv_trim(line), w->header, sizeof(w->header)));
		found = w->header;
	}
	return found;
}

json_t *world_json(struct world *w)
{
	json_error_t why;
	json_t *json =
	    json_loadb(w->body.p, w->body.n, JSON_REJECT_DUPLICATES, &why);

	ck_assert_msg(
	    json != NULL, "no JSON: %s: %.*s", why.text, STRV_ARG(w->body));
	return json;
}

void world_refused(struct world *w, const struct web_request *request,
    int status, const char *code)
{
	unsigned buys = w->buys;
	char type[160];
	json_t *json;

	ck_assert_int_eq(world_ask(w, request), status);
	ck_assert_str_eq(w->outcome.code, code);
	ck_assert_uint_eq(w->buys, buys);
	ck_assert_str_eq(world_header(w, "Cache-Control"), "no-store");
	ck_assert_str_eq(world_header(w, "Content-Type"),
	    "application/problem+json; charset=utf-8");
	if (strv_eq(request->method, STRV("HEAD")))
		return;
	json = world_json(w);
	snprintf(type, sizeof(type), "https://shop.example/problems/%s", code);
	ck_assert_str_eq(
	    json_string_value(json_object_get(json, "type")), type);
	ck_assert_str_eq(
	    json_string_value(json_object_get(json, "code")), code);
	ck_assert_int_eq(
	    json_integer_value(json_object_get(json, "status")), status);
	ck_assert_uint_gt(
	    json_string_length(json_object_get(json, "title")), 0);
	ck_assert_uint_gt(
	    json_string_length(json_object_get(json, "detail")), 0);
	json_decref(json);
}

const char *world_text(const json_t *json, const char *name)
{
	const char *text = json_string_value(json_object_get(json, name));

	return text != NULL ? text : "(none)";
}

json_t *world_get_json(struct world *w, const char *uri)
{
	struct web_request request = world_get(w, uri);

	ck_assert_int_eq(world_ask(w, &request), 200);
	ck_assert_str_eq(
	    world_header(w, "Content-Type"), "application/json; charset=utf-8");
	return world_json(w);
}

/* ---- tokens ---- */

const char *world_base64url(const void *bytes, size_t n)
{
	static char text[2 * TOKEN_BYTES_MAX + 8];
	size_t len;

	ck_assert_uint_le(n, TOKEN_BYTES_MAX);
	len = (size_t)EVP_EncodeBlock((unsigned char *)text, bytes, (int)n);
	while (len > 0 && text[len - 1] == '=')
		len--;
	text[len] = '\0';
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '+')
			text[i] = '-';
		if (text[i] == '/')
			text[i] = '_';
	}
	return text;
}

const char *world_token(const char *head, const char *body, const char *secret)
{
	static char token[6 * TOKEN_BYTES_MAX];
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned maclen = 0;
	struct strbuf out;

	strbuf_init(&out, token, sizeof(token));
	strbuf_puts(&out, world_base64url(head, strlen(head)));
	strbuf_putc(&out, '.');
	strbuf_puts(&out, world_base64url(body, strlen(body)));
	ck_assert_ptr_nonnull(HMAC(EVP_sha256(), secret, (int)strlen(secret),
	    (const unsigned char *)out.p, out.n, mac, &maclen));
	strbuf_putc(&out, '.');
	strbuf_puts(&out, world_base64url(mac, maclen));
	ck_assert(!out.overflow);
	return token;
}

const char *world_bearer(const char *token)
{
	static char text[6 * TOKEN_BYTES_MAX + 8];

	snprintf(text, sizeof(text), "Bearer %s", token);
	return text;
}
