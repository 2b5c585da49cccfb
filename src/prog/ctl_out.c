/* SPDX-License-Identifier: Apache-2.0 */
/* flashgatectl: times, money, JSON, the progress bar; and the token. */
#include "config.h"

#include "prog/ctl.h"
#include "base/bug.h"
#include "base/clock.h"
#include "base/num.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define BAR_WIDTH 40

void ctl_json(json_t *value)
{
	BUG_ON(value == NULL);
	json_dumpf(value, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(value);
}

const char *ctl_time(struct wall when, char out[WALL_TEXT_MAX])
{
	if (when.us == 0)
		memcpy(out, "-", 2);
	else
		wall_format(when, when.us % US_PER_S == 0 ? 0 : 3, out);
	return out;
}

void ctl_money(const struct money *price, char *out, size_t size)
{
	snprintf(
	    out, size, "%lld %s", (long long)price->minor, price->currency);
}

const char *ctl_carried(
    const struct rebuild_result *result, char out[CTL_CARRIED_MAX])
{
	out[0] = '\0';
	if (result->waiting + result->voided > 0)
		snprintf(out, CTL_CARRIED_MAX,
		    ", %u waiting to be written, %u void", result->waiting,
		    result->voided);
	return out;
}

static json_t *time_json(struct wall when)
{
	char text[WALL_TEXT_MAX];

	return when.us == 0 ? json_null() : json_string(ctl_time(when, text));
}

json_t *ctl_sale_json(const struct sale *sale)
{
	return json_pack("{s:i, s:s, s:s, s:s, s:s, s:I, s:s, s:i, s:i, s:o, "
			 "s:o, s:i}",
	    "id", (int)sale->id.v, "slug", sale->slug, "title", sale->title,
	    "state", sale_state_name(sale->state), "mode",
	    sale_mode_name(sale->mode), "price_minor",
	    (json_int_t)sale->price.minor, "currency", sale->price.currency,
	    "stock", (int)sale->stock, "per_customer", (int)sale->per_customer,
	    "opens", time_json(sale->opens), "closes", time_json(sale->closes),
	    "epoch", (int)sale->epoch);
}

void ctl_progress(const char *what, uint64_t done, uint64_t total)
{
	int filled = total > 0 ? (int)(done * BAR_WIDTH / total) : BAR_WIDTH;

	if (isatty(STDERR_FILENO) == 0)
		return;
	fprintf(stderr, "\r%s [%.*s%*s] %llu/%llu", what, filled,
	    "########################################", BAR_WIDTH - filled, "",
	    (unsigned long long)done, (unsigned long long)total);
	if (done >= total)
		fputc('\n', stderr);
	fflush(stderr);
}

int ctl_token(struct ctl *ctl)
{
	const char *ttl_text = ctl_option(ctl, "ttl");
	char text[TOKEN_BYTES_MAX];
	struct token_keys keys;
	struct customer who;
	struct err err = ERR_INIT;
	int64_t ttl_s = 3600;
	bool good;

	if (ttl_text != NULL &&
	    !num_parse_i64(strv_c(ttl_text), 1, 365 * 86400, &ttl_s))
		return ctl_fail(
		    EX_USAGE, "--ttl %s: 1 to 31536000 seconds", ttl_text);
	if (!customer_parse(strv_c(ctl_operand(ctl, 0)), &who))
		return ctl_fail(EX_USAGE,
		    "%s: a customer is 1 to %d of A-Z a-z 0-9 _ . @ : + -",
		    ctl_operand(ctl, 0), CUSTOMER_MAX);
	if (!wire_token_keys(&ctl->settings, &keys, &err))
		return ctl_fail(EX_CONFIG, "%s", err.text);
	good = token_make(&keys, customer_view(&who), wall_now(), ttl_s, text,
	    sizeof(text), &err);
	explicit_bzero(&keys, sizeof(keys));
	if (!good)
		return ctl_fail(EX_CONFIG, "%s", err.text);
	puts(text);
	return 0;
}
