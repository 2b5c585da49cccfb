/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of the port against a scripted server, and what is said of them.  For
 * test_conn and test_open.
 */
#ifndef TESTS_GATE_CALLS_H
#define TESTS_GATE_CALLS_H

#include "unit.h"

#include "fake.h"

#include "base/clock.h"
#include "gate/gate_priv.h"

#define TAKEN "*5\r\n$5\r\nTAKEN\r\n:1\r\n:1\r\n:0\r\n:0\r\n"
#define GAUGE_REST                             \
	":0\r\n:0\r\n:0\r\n:0\r\n:0\r\n:0\r\n" \
	":0\r\n:0\r\n:0\r\n:0\r\n"
#define GAUGE "*16\r\n$2\r\nOK\r\n:1\r\n:9\r\n:1\r\n:8\r\n:1\r\n" GAUGE_REST
/* A gauge that no test expects: were it taken for an answer, it would show. */
#define LATE     "*16\r\n$2\r\nOK\r\n:1\r\n:9\r\n:1\r\n:77\r\n:77\r\n" GAUGE_REST

#define LONG_MS  20000 /* for what must happen */
#define SHORT_MS 150 /* for what must not */

static const struct gate_ref ref = {{5}, 1};

static inline struct gate *gate_at(const char *address, int64_t timeout_ms)
{
	struct gate_conf conf = {.address = address,
	    .connect_timeout_ms = timeout_ms,
	    .timeout_ms = timeout_ms,
	    .lease_ms = 10000};
	struct err err = ERR_INIT;
	struct gate *gate = gate_new(&conf, &err);

	ck_assert_msg(gate != NULL, "%s", err.text);
	return gate;
}

static inline enum outcome gauge(struct gate *gate, struct err *err)
{
	struct gate_port port = gate_port(gate);
	struct gate_gauge got;
	enum outcome out =
	    port.gauge(port.ctx, ref.sale, deadline_in_ms(LONG_MS), &got, err);

	if (out == OUT_DONE)
		ck_assert_uint_eq(got.free, 8);
	return out;
}

static inline enum outcome claim(struct gate *gate, struct err *err)
{
	struct gate_port port = gate_port(gate);
	struct claim_chain chain = {.id = {{"\r\n\0claim"}}, .n = 1};
	struct customer who;
	struct gate_ticket got;
	enum outcome out;

	ck_assert(customer_parse(STRV("c"), &who));
	out = port.claim(
	    port.ctx, ref, &chain, &who, deadline_in_ms(LONG_MS), &got, err);
	if (out == OUT_DONE)
		ck_assert_int_eq(got.answer, GATE_TAKEN);
	return out;
}

static inline void confirm(struct gate *gate)
{
	struct gate_port port = gate_port(gate);
	struct claim_id id = {"\r\n\0claim"};

	port.confirm(port.ctx, ref, &id, 1);
}

static inline void flush(struct gate *gate)
{
	struct gate_port port = gate_port(gate);

	port.flush(port.ctx);
}

#define START(steps) fake_start(steps, ARRAY_LEN(steps))

static inline void stop(struct fake *fake, struct gate *gate)
{
	gate_free(&gate);
	fake_finish(fake);
	fake_stop(&fake);
}

#define ASSERT_DONE(call)                                                     \
	do {                                                                  \
		struct err err_ = ERR_INIT;                                   \
		enum outcome out_ = call(gate, &err_);                        \
		ck_assert_msg(out_ == OUT_DONE, "%s: %s", outcome_name(out_), \
		    err_.text);                                               \
	} while (0)
#define ASSERT_NOT(call, want, says)                                          \
	do {                                                                  \
		struct err err_ = ERR_INIT;                                   \
		enum outcome out_ = call(gate, &err_);                        \
		ck_assert_msg(                                                \
		    out_ == (want), "%s: %s", outcome_name(out_), err_.text); \
		ck_assert_msg(                                                \
		    strstr(err_.text, says) != NULL, "%s", err_.text);        \
	} while (0)

#endif
