/* SPDX-License-Identifier: Apache-2.0 */
/* What the ledger says, carried to the gate without ever going back in time. */
#include "config.h"

#include "sale/terms.h"

/* Each time that somebody else was first, he has read the ledger as well. */
#define TRIES 5

struct gate_terms sale_terms(const struct sale *sale, uint32_t epoch)
{
	bool sells = sale->state == SALE_STATE_OPEN ||
		     /* Nobody has read yet that it sells by this gate. */
		     sale->state == SALE_STATE_REBUILD;

	/* Of another epoch: a later gate is made, and this one takes no more. */
	if (!sells || sale->mode == SALE_MODE_DIRECT || sale->epoch != epoch)
		return (struct gate_terms){.shut = true};
	return (struct gate_terms){
	    .opens = sale->opens, .closes = sale->closes};
}

/* A ledger that was set back knows less than the gate. */
static bool may_tell(const struct sale *sale, const struct gate_gauge *gauge)
{
	return gauge->known && gauge->epoch <= sale->epoch;
}

bool sale_terms_differ(const struct sale *sale, const struct gate_gauge *gauge)
{
	struct gate_terms terms = sale_terms(sale, gauge->epoch);

	if (!may_tell(sale, gauge))
		return false;
	return terms.shut != gauge->terms.shut ||
	       terms.opens.us != gauge->terms.opens.us ||
	       terms.closes.us != gauge->terms.closes.us;
}

enum outcome sale_terms_follow(const struct gate_port *gate,
    const struct ledger_port *ledger, struct sale_id id, int64_t deadline_ns,
    struct err *err)
{
	for (int tries = 0; tries < TRIES; tries++) {
		struct gate_gauge gauge;
		struct gate_terms terms;
		struct sale sale;
		struct wall now;
		enum outcome out;
		bool found, done = false;

		/* In this order: what is read of the ledger is then younger than
		 * anything that the gate was told so far. */
		out = gate->gauge(gate->ctx, id, deadline_ns, &gauge, err);
		if (out != OUT_DONE)
			return out;
		out = ledger->sale(
		    ledger->ctx, id, deadline_ns, &sale, &found, &now, err);
		if (out != OUT_DONE)
			return out;
		if (!found || !may_tell(&sale, &gauge))
			return OUT_DONE;
		/* Also what it goes by already: somebody may have read what was
		 * so before, and sleep, and would be believed (the model found
		 * it). */
		terms = sale_terms(&sale, gauge.epoch);
		out = gate->tell(gate->ctx, (struct gate_ref){id, gauge.epoch},
		    &terms, gauge.told, deadline_ns, &done, err);
		if (out != OUT_DONE || done)
			return out;
	}
	err_set(err, 0, "others keep telling the gate something else");
	return OUT_NOT_DONE;
}
