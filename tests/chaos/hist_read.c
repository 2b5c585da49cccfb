/* SPDX-License-Identifier: Apache-2.0 */
/* JSON lines become a history; keys and rows find each other. */
#include "config.h"

#include "chaos/hist.h"
#include "base/clock.h"
#include "base/encode.h"
#include "sale/buy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

void *hist_grow(void *at, size_t *n, size_t *room, size_t bytes)
{
	if (*n < *room)
		return at;
	*room = *room == 0 ? 64 : *room * 2;
	at = reallocarray(at, *room, bytes);
	if (at == NULL)
		abort();
	return at;
}

/* ---- names -------------------------------------------------------------------------- */

static uint64_t hash_of(const char *text)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (; *text != '\0'; text++)
		h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
	return h ^ (h >> 29);
}

/* Where it is, or where it would go. */
static uint32_t *names_at(const struct names *names, const char *text)
{
	uint32_t mask = names->nslots - 1, i = (uint32_t)hash_of(text) & mask;

	while (names->slot[i] != NONE &&
	       strcmp(names->text[names->slot[i]], text) != 0)
		i = (i + 1) & mask;
	return &names->slot[i];
}

static void names_widen(struct names *names)
{
	free(names->slot);
	names->nslots = names->nslots == 0 ? 256 : names->nslots * 2;
	names->slot = malloc(names->nslots * sizeof(names->slot[0]));
	if (names->slot == NULL)
		abort();
	memset(names->slot, 0xff, names->nslots * sizeof(names->slot[0]));
	for (uint32_t i = 0; i < names->n; i++)
		*names_at(names, names->text[i]) = i;
}

uint32_t names_put(struct names *names, const char *text)
{
	size_t n, room = names->room;
	uint32_t *at;

	if (names->n * 2 >= names->nslots)
		names_widen(names);
	at = names_at(names, text);
	if (*at != NONE)
		return *at;
	n = names->n;
	names->text = hist_grow(names->text, &n, &room, sizeof(names->text[0]));
	names->room = (uint32_t)room;
	names->text[n] = strdup(text);
	if (names->text[n] == NULL)
		abort();
	return *at = names->n++;
}

uint32_t names_find(const struct names *names, const char *text)
{
	return names->nslots == 0 ? NONE : *names_at(names, text);
}

static void names_free(struct names *names)
{
	for (uint32_t i = 0; i < names->n; i++)
		free(names->text[i]);
	free(names->text);
	free(names->slot);
}

/* ---- members ---------------------------------------------------------------------- */

static const char *text_of(const json_t *line, const char *name)
{
	return json_string_value(json_object_get(line, name));
}

static double number_of(const json_t *line, const char *name, double preset)
{
	const json_t *value = json_object_get(line, name);

	return json_is_number(value) ? json_number_value(value) : preset;
}

static uint32_t count_of(const json_t *line, const char *name)
{
	double value = number_of(line, name, 0);

	return value >= 0 && value < 4294967295.0 ? (uint32_t)value : 0;
}

static bool has(const json_t *line, const char *name)
{
	return json_object_get(line, name) != NULL;
}

/* A number of seconds, or RFC 3339. */
static bool time_of(const json_t *line, const char *name, double *out)
{
	const char *text = text_of(line, name);
	struct wall wall;

	if (text != NULL) {
		if (!wall_parse(text, &wall))
			return false;
		*out = (double)wall.us / (double)US_PER_S;
		return true;
	}
	*out = number_of(line, name, -1);
	return *out >= 0;
}

static uint32_t order_of(
    struct hist *hist, const json_t *line, const char *name)
{
	const char *text = text_of(line, name);
	char number[ORDER_TEXT_LEN + 1];
	struct claim_id claim;

	if (text == NULL)
		return NONE;
	/* The gate's claims are bytes: whoever dumps it writes them in hex. */
	if (hex_decode(strv_c(text), claim.b, sizeof(claim.b))) {
		claim_format(&claim, number);
		text = number;
	}
	return names_put(&hist->orders, text);
}

/* A unit separator: no customer's name has one (flashgate's are checked). */
static uint32_t key_put(
    struct hist *hist, const char *customer, const char *key)
{
	char both[1024];
	uint32_t n;

	if (key == NULL)
		snprintf(both, sizeof(both), "%s", customer);
	else
		snprintf(both, sizeof(both), "%s\x1f%s", customer, key);
	n = names_put(&hist->keys, both);
	if (n == hist->key.n)
		*LIST_ADD(&hist->key) = (struct key){
		    .customer = names_put(&hist->customers, customer),
		    .sold = NONE};
	return n;
}

/* ---- lines ---------------------------------------------------------------------------- */

static bool take_sale(struct hist *hist, const json_t *line)
{
	const char *key = text_of(line, "claim_key");

	hist->have_sale = true;
	hist->sale_id = count_of(line, "id");
	hist->stock = count_of(line, "stock");
	hist->per_customer = count_of(line, "per_customer");
	hist->epoch = count_of(line, "epoch");
	hist->always_open = json_is_true(json_object_get(line, "always_open"));
	hist->stock_changed =
	    json_is_true(json_object_get(line, "stock_changed"));
	hist->have_claim_key = key != NULL;
	return key == NULL || hex_decode(strv_c(key), hist->claim_key,
				  sizeof(hist->claim_key));
}

static bool take_attempt(struct hist *hist, const json_t *line)
{
	const char *customer = text_of(line, "customer");
	const char *code = text_of(line, "code"), *op = text_of(line, "op");
	struct attempt a = {.order = order_of(hist, line, "order"),
	    .start = number_of(line, "start", -1),
	    .end = number_of(line, "end", -1),
	    .status = (int)number_of(line, "status", 0),
	    .unit = count_of(line, "unit"),
	    .code = names_put(&hist->codes, code != NULL ? code : "")};

	if (customer == NULL || a.start < 0 || a.end < a.start)
		return false;
	a.start_wall = number_of(line, "start_wall", a.start);
	a.get = op != NULL && strcmp(op, "get") == 0;
	a.key = key_put(hist, customer, text_of(line, "key"));
	*LIST_ADD(&hist->attempt) = a;
	return true;
}

static bool take_row(struct hist *hist, const json_t *line)
{
	const char *customer = text_of(line, "customer");
	const char *status = text_of(line, "status"),
		   *key = text_of(line, "key");
	struct row row = {.order = order_of(hist, line, "order"),
	    .customer = names_put(&hist->customers, customer ? customer : ""),
	    .key = NONE,
	    .unit = count_of(line, "unit"),
	    .slot = count_of(line, "slot")};

	if (strcmp(status, "sold") == 0)
		row.status = ROW_SOLD;
	else if (strcmp(status, "void") == 0)
		row.status = ROW_VOID;
	else if (strcmp(status, "cancelled") == 0)
		row.status = ROW_CANCELLED;
	else
		return false;
	if (!time_of(line, "created", &row.created) || row.order == NONE)
		return false;
	if (key != NULL)
		row.key = key_put(hist, customer, key);
	*LIST_ADD(&hist->row) = row;
	return true;
}

static bool take_slot(struct hist *hist, const json_t *line)
{
	const char *customer = text_of(line, "customer");

	if (customer == NULL)
		return false;
	*LIST_ADD(&hist->slot) = (struct slot){.slot = count_of(line, "slot"),
	    .customer = names_put(&hist->customers, customer),
	    .order = order_of(hist, line, "claim")};
	return true;
}

static bool take_counter(struct hist *hist, const json_t *line)
{
	struct counter *counter = LIST_ADD(&hist->counter);

	counter->value = number_of(line, "value", 0);
	return strv_copy(strv_c(text_of(line, "counter")), counter->name,
	    sizeof(counter->name));
}

static bool fault_of(struct hist *hist, const json_t *line, const char *name,
    struct fault *fault)
{
	fault->kind = names_put(&hist->kinds, text_of(line, name));
	return time_of(line, "begin", &fault->begin) &&
	       time_of(line, "end", &fault->end);
}

static bool take_fault(struct hist *hist, const json_t *line)
{
	struct fault fault;

	if (!fault_of(hist, line, "fault", &fault))
		return false;
	*LIST_ADD(&hist->fault) = fault;
	return true;
}

static bool take_loss(struct hist *hist, const json_t *line)
{
	struct fault loss;

	if (!fault_of(hist, line, "loss", &loss))
		return false;
	*LIST_ADD(&hist->loss) = loss;
	return true;
}

static bool take_waiting(struct hist *hist, const json_t *line)
{
	*LIST_ADD(&hist->waiting) =
	    (struct waiting){.order = order_of(hist, line, "waiting"),
		.unit = count_of(line, "unit")};
	return true;
}

static bool take_held(struct hist *hist, const json_t *line)
{
	const char *by = text_of(line, "by");

	if (by == NULL)
		return false;
	*LIST_ADD(&hist->held) = names_put(&hist->customers, by);
	return true;
}

static bool take_count(
    const json_t *line, const char *name, bool *have, uint32_t *sum)
{
	if (!json_is_integer(json_object_get(line, name)))
		return false;
	*have = true;
	*sum += count_of(line, name);
	return true;
}

static bool take_gate(struct hist *hist, const json_t *line)
{
	hist->have_gate = true;
	hist->gate_epoch = count_of(line, "gate_epoch");
	return true;
}

static bool take(struct hist *hist, const json_t *line)
{
	if (has(line, "rows"))
		return take_count(
		    line, "rows", &hist->have_rows, &hist->rows_told);
	if (has(line, "attempts"))
		return take_count(line, "attempts", &hist->have_attempts,
		    &hist->attempts_told);
	if (has(line, "gate_end"))
		return take_count(
		    line, "gate_end", &hist->have_gate_end, &hist->gate_told);
	if (has(line, "start"))
		return take_attempt(hist, line);
	if (has(line, "stock"))
		return take_sale(hist, line);
	if (text_of(line, "fault") != NULL)
		return take_fault(hist, line);
	if (text_of(line, "loss") != NULL)
		return take_loss(hist, line);
	if (text_of(line, "counter") != NULL)
		return take_counter(hist, line);
	if (has(line, "undecided_ms")) {
		hist->undecided_s = number_of(line, "undecided_ms", 0) / 1000;
		return true;
	}
	if (has(line, "about"))
		return true;
	if (text_of(line, "status") != NULL)
		return take_row(hist, line);
	if (has(line, "gate_epoch"))
		return take_gate(hist, line);
	if (has(line, "free"))
		*LIST_ADD(&hist->free) = count_of(line, "free");
	else if (has(line, "waiting"))
		return take_waiting(hist, line);
	else if (has(line, "held"))
		return take_held(hist, line);
	else if (has(line, "lease"))
		*LIST_ADD(&hist->lease) = order_of(hist, line, "lease");
	else if (has(line, "slot"))
		return take_slot(hist, line);
	else
		return false;
	return true;
}

bool hist_read(struct hist *hist, const char *path, struct err *err)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char *text = NULL;
	size_t room = 0, number = 0;
	bool good = true;
	ssize_t n;

	if (file == NULL) {
		err_set_errno(err, "%s", path);
		return false;
	}
	while (good && (n = getline(&text, &room, file)) > 0) {
		json_error_t why;
		json_t *line = json_loadb(text, (size_t)n, 0, &why);

		number++;
		good = json_is_object(line) && take(hist, line);
		if (!good)
			err_set(err, 0, "%s, line %zu: %s", path, number,
			    line == NULL ? why.text : "of no known kind");
		json_decref(line);
	}
	free(text);
	/* What cannot be read is not the end of it. */
	if (good && ferror(file)) {
		err_set_errno(err, "%s, line %zu", path, number + 1);
		good = false;
	}
	if (file != stdin)
		fclose(file);
	return good;
}

/* ---- joining ---------------------------------------------------------------------------- */

static int by_key_and_start(const void *pa, const void *pb)
{
	const struct attempt *a = pa, *b = pb;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	return a->start < b->start ? -1 : a->start > b->start;
}

static void keys_index(struct hist *hist)
{
	if (hist->attempt.n > 0)
		qsort(hist->attempt.at, hist->attempt.n,
		    sizeof(*hist->attempt.at), by_key_and_start);
	for (size_t i = 0; i < hist->attempt.n; i++) {
		struct key *key = &hist->key.at[hist->attempt.at[i].key];

		if (key->n++ == 0)
			key->first = (uint32_t)i;
	}
}

/* The rows of a key, by what the engine itself makes of it. */
static bool key_claims(struct hist *hist, uint32_t k)
{
	const char *both = hist->keys.text[k], *cut = strchr(both, '\x1f');
	size_t n = cut != NULL ? (size_t)(cut - both) : strlen(both);
	struct sale sale = {.id = {hist->sale_id}};
	struct customer who = {.n = (uint8_t)n};

	if (n > CUSTOMER_MAX)
		return false;
	memcpy(who.text, both, n);
	memcpy(sale.claim_key, hist->claim_key, SALE_KEY_BYTES);
	for (size_t i = 0; i < CLAIM_ATTEMPTS; i++) {
		struct claim_id claim = claim_id_make(
		    &sale, &who, strv_c(cut != NULL ? cut + 1 : NULL), i);
		char text[ORDER_TEXT_LEN + 1];
		uint32_t order;

		claim_format(&claim, text);
		order = names_find(&hist->orders, text);
		if (order != NONE && hist->row_of.at[order] != NONE)
			hist->row.at[hist->row_of.at[order]].key = k;
	}
	return true;
}

/* Was something cut off? */
static bool counts_agree(const struct hist *hist, struct err *err)
{
	const struct {
		const char *what;
		bool told;
		size_t count, read;
	} parts[] = {
	    {"rows", hist->have_rows, hist->rows_told, hist->row.n},
	    {"attempts", hist->have_attempts, hist->attempts_told,
		hist->attempt.n},
	    {"lines of the gate", hist->have_gate_end, hist->gate_told,
		hist->free.n + hist->lease.n + hist->slot.n + hist->waiting.n +
		    hist->held.n},
	};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (parts[i].told && parts[i].count != parts[i].read) {
			err_set(err, 0, "%zu %s are here, there were %zu",
			    parts[i].read, parts[i].what, parts[i].count);
			return false;
		}
	return true;
}

bool hist_join(struct hist *hist, struct err *err)
{
	if (!hist->have_sale) {
		err_set(err, 0, "no line tells of the sale");
		return false;
	}
	if (!counts_agree(hist, err))
		return false;
	keys_index(hist);
	while (hist->row_of.n < hist->orders.n)
		*LIST_ADD(&hist->row_of) = NONE;
	for (size_t i = 0; i < hist->row.n; i++)
		hist->row_of.at[hist->row.at[i].order] = (uint32_t)i;
	if (hist->have_claim_key)
		for (uint32_t k = 0; k < hist->keys.n; k++)
			if (!key_claims(hist, k)) {
				err_set(
				    err, 0, "a customer's name is too long");
				return false;
			}
	return true;
}

void hist_free(struct hist *hist)
{
	names_free(&hist->customers);
	names_free(&hist->keys);
	names_free(&hist->orders);
	names_free(&hist->codes);
	names_free(&hist->kinds);
	free(hist->attempt.at);
	free(hist->row.at);
	free(hist->key.at);
	free(hist->row_of.at);
	free(hist->free.at);
	free(hist->lease.at);
	free(hist->slot.at);
	free(hist->waiting.at);
	free(hist->held.at);
	free(hist->fault.at);
	free(hist->loss.at);
	free(hist->counter.at);
}
