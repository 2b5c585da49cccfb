/* SPDX-License-Identifier: Apache-2.0 */
/* What may be asked of a sale without any store; names of its words. */
#include "config.h"

#include "sale/sale.h"

static const char *const mode_names[] = {
    [SALE_MODE_DIRECT] = "direct",
    [SALE_MODE_QUEUE] = "queue",
    [SALE_MODE_SWEEP] = "sweep",
};
_Static_assert(ARRAY_LEN(mode_names) == SALE_MODE_COUNT, "a name for each");

static const char *const state_names[] = {
    [SALE_STATE_DRAFT] = "draft",
    [SALE_STATE_OPEN] = "open",
    [SALE_STATE_PAUSED] = "paused",
    [SALE_STATE_REBUILD] = "rebuild",
    [SALE_STATE_CLOSED] = "closed",
};
_Static_assert(ARRAY_LEN(state_names) == SALE_STATE_COUNT, "a name for each");

static const char *const status_names[] = {
    [ORDER_SOLD] = "sold",
    [ORDER_VOID] = "void",
    [ORDER_CANCELLED] = "cancelled",
};
_Static_assert(
    ARRAY_LEN(status_names) == ORDER_STATUS_COUNT, "a name for each");

/* Index of `text` among the names, or -1. */
static int name_find(struct strv text, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strv_eq(text, strv_c(names[i])))
			return (int)i;
	return -1;
}

const char *sale_mode_name(enum sale_mode mode)
{
	return mode_names[mode];
}

bool sale_mode_parse(struct strv text, enum sale_mode *out)
{
	int i = name_find(text, mode_names, ARRAY_LEN(mode_names));

	if (i >= 0)
		*out = (enum sale_mode)i;
	return i >= 0;
}

const char *sale_state_name(enum sale_state state)
{
	return state_names[state];
}

bool sale_state_parse(struct strv text, enum sale_state *out)
{
	int i = name_find(text, state_names, ARRAY_LEN(state_names));

	if (i >= 0)
		*out = (enum sale_state)i;
	return i >= 0;
}

const char *order_status_name(enum order_status status)
{
	return status_names[status];
}

bool order_status_parse(struct strv text, enum order_status *out)
{
	int i = name_find(text, status_names, ARRAY_LEN(status_names));

	if (i >= 0)
		*out = (enum order_status)i;
	return i >= 0;
}

bool sale_slug_valid(struct strv slug)
{
	if (slug.n == 0 || slug.n > SALE_SLUG_MAX)
		return false;
	if (slug.p[0] == '-' || slug.p[slug.n - 1] == '-')
		return false;
	for (size_t i = 0; i < slug.n; i++) {
		char c = slug.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
		    c != '-')
			return false;
	}
	return true;
}

enum sale_phase sale_phase_at(const struct sale *sale, struct wall now)
{
	if (sale->state == SALE_STATE_CLOSED)
		return SALE_PHASE_ENDED;
	if (sale->closes.us != 0 && now.us >= sale->closes.us)
		return SALE_PHASE_ENDED;
	if (sale->state == SALE_STATE_DRAFT)
		return SALE_PHASE_NOT_OPEN;
	if (sale->opens.us != 0 && now.us < sale->opens.us)
		return SALE_PHASE_NOT_OPEN;
	if (sale->state == SALE_STATE_PAUSED)
		return SALE_PHASE_PAUSED;
	if (sale->state == SALE_STATE_REBUILD)
		return SALE_PHASE_REBUILDING;
	return SALE_PHASE_SELLING;
}
