/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gate on the private Redis of tests/with-servers, and an administrator's
 * connection beside it, which sees and spoils what the gate has written.
 */
#ifndef TESTS_GATE_RIG_H
#define TESTS_GATE_RIG_H

#include "unit.h"

#include "base/clock.h"
#include "base/log.h"
#include "gate/gate.h"

#include <hiredis/hiredis.h>
#include <sys/types.h>

#define LONG_MS  60000 /* for what must happen, on a slow machine too */
#define LEASE_MS 60000

struct rig {
	struct gate *gate;
	struct gate_port port;
	redisContext *admin;
};

/* Sale 5, epoch 1: what most tests are about. */
extern const struct gate_ref ref;

/* An empty Redis (functions and users stay), a new gate. */
void rig_open(struct rig *rig);
void rig_close(struct rig *rig);
/* Another gate on the same Redis; both accept orders whatever Redis keeps. */
struct gate *rig_gate(int64_t timeout_ms, int64_t lease_ms);
struct gate *rig_gate_as(const struct gate_conf *conf);
/* The gate's connection and the administrator's, after a restart. */
void rig_readmit(struct rig *rig);

pid_t rig_server_pid(void);

/* One command of the administrator: must not fail.  Integer, or 0. */
long long rig_do(struct rig *rig, const char *fmt, ...);
/* The same for a text; lives until the next call. */
const char *rig_text(struct rig *rig, const char *fmt, ...);
/* How often the server has changed anything. */
long rig_changes(struct rig *rig);
/* The error that it must give. */
void rig_must_fail(struct rig *rig, const char *says, const char *fmt, ...);

/* Units 1..units, published. */
void rig_sale(
    struct rig *rig, struct gate_ref of, uint32_t units, uint32_t limit);

/* 16 bytes with NUL, CR, LF and everything else that text would break at. */
struct claim_id rig_id(unsigned n);
struct customer rig_who(const char *name);

/* A claim whatever comes of it. */
enum outcome rig_try(struct rig *rig, const char *who, unsigned id,
    struct gate_ticket *ticket, struct err *err);

/* Calls that must be DONE. */
struct gate_ticket rig_claim(struct rig *rig, const char *who, unsigned id);
struct gate_ticket rig_claim_chain(
    struct rig *rig, const char *who, const struct claim_chain *chain);
void rig_confirm(struct rig *rig, unsigned id); /* and waits for it */
void rig_release(
    struct rig *rig, const char *who, unsigned id, enum gate_release why);
struct gate_ticket rig_rekey(
    struct rig *rig, const char *who, unsigned from, unsigned to);
struct gate_gauge rig_gauge(struct rig *rig);

/* free, leased, records, slots of `ref`. */
void rig_assert_counts(struct rig *rig, long long free_n, long long leased,
    long long records, long long slots);
/* The free list, as "3 4 1". */
void rig_assert_free(struct rig *rig, const char *want);
/* The claim that a slot names: 0 is nobody. */
void rig_assert_slot(
    struct rig *rig, unsigned slot, const char *who, unsigned id);

/* A log_sink_fn: keeps the newest line in a char[RIG_LINE]. */
#define RIG_LINE 300
void rig_line_keep(enum log_level level, const char *line, void *ctx);

#define ASSERT_OUT(call, want)                                  \
	do {                                                    \
		enum outcome out_ = (call);                     \
		ck_assert_msg(out_ == (want), #call ": %s: %s", \
		    outcome_name(out_), err.text);              \
	} while (0)
#define ASSERT_SAYS(says) \
	ck_assert_msg(strstr(err.text, says) != NULL, "%s", err.text)

#define ASSERT_TICKET(ticket, want_answer, want_unit, want_slot) \
	do {                                                     \
		struct gate_ticket t_ = (ticket);                \
		ck_assert_str_eq(gate_answer_name(t_.answer),    \
		    gate_answer_name(want_answer));              \
		ck_assert_uint_eq(t_.unit, want_unit);           \
		ck_assert_uint_eq(t_.slot, want_slot);           \
	} while (0)
#define ASSERT_ANSWER(ticket, want_answer) \
	ASSERT_TICKET(ticket, want_answer, 0, 0)

#define SOON deadline_in_ms(LONG_MS)

#endif
