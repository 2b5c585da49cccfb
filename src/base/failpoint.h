/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named places at which a test build lets itself be killed, stopped, delayed or
 * failed: ./configure --enable-failpoints.  In any other build the macros below
 * are nothing: no code, no name, no symbol (tests/base/faults_absent.sh).
 *
 *	FLASHGATE_FAILPOINTS=after_claim=kill@3,before_insert=stop@p0.01x5
 *	FLASHGATE_FAILPOINT_FILE=/some/file   the table, shared with a test that
 *	    changes it while we run (tests/lib/failpoint)
 *	FLASHGATE_FAILPOINT_SEED=7            of the probabilities
 *
 *	PLACE=ACTION[@N|@pP][xM]
 *	ACTION  kill, stop, exit, abort, delay:MS; err where a call can fail
 *	@N      at the N-th hit of a process since it was armed, and no other
 *	@pP     with probability P (0 to 1) at each hit; neither: at each hit
 *	xM      M times at most, over all processes of the table
 *
 * Every process: children share the table of the one that opened it, so an
 * environment that was cleared makes no difference.
 */
#ifndef BASE_FAILPOINT_H
#define BASE_FAILPOINT_H

#ifdef FG_FAILPOINTS

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* The one table: name, and whether a call there can be made to fail (err). */
#define FAILPOINTS(X)                                                \
	/* a worker and its request */                               \
	X(after_accept, false)                                       \
	X(after_params, false)                                       \
	X(after_auth, false)                                         \
	X(before_claim, true) /* err: not sent, and nobody knows */  \
	X(after_claim, true) /* err: done, the answer lost */        \
	X(before_insert, true) /* err: not sent, and nobody knows */ \
	X(at_insert_send, false) /* all looks at clocks are over */  \
	X(after_insert, true) /* err: done, the answer lost */       \
	X(after_commit, false)                                       \
	X(before_confirm, false)                                     \
	X(after_confirm, false)                                      \
	X(before_reply, false)                                       \
	X(mid_reply, false)                                          \
	/* an accepted order, and its settler */                     \
	X(before_enqueue, true) /* err: not sent, nobody knows */    \
	X(after_enqueue, true) /* err: done, the answer lost */      \
	X(after_take, true) /* err: given out, the answer lost */    \
	X(before_settled, true) /* err: not sent, nobody knows */    \
	X(after_settled, true) /* err: done, the answer lost */      \
	/* the keeper */                                             \
	X(tick_begin, false)                                         \
	X(reap_after_list, false)                                    \
	X(reap_after_void, false)                                    \
	X(reap_after_read, false)                                    \
	X(reap_before_release, true) /* err: as if it had failed */  \
	X(reap_after_release, false)                                 \
	/* a settler */                                              \
	X(settler_tick, false)                                       \
	X(settle_after_take, false)                                  \
	X(settle_after_commit, false)                                \
	X(settle_before_told, false)                                 \
	/* a settler and the ledger */                               \
	X(before_batch, true) /* err: not sent, and nobody knows */  \
	X(at_batch_send, false) /* all looks at clocks are over */   \
	X(after_batch, true) /* err: done, the answer lost */        \
	X(bury_before_commit, false)                                 \
	/* a gate is made */                                         \
	X(rebuild_after_bump, false)                                 \
	X(rebuild_mid_push, false)                                   \
	X(rebuild_mid_carry, false)                                  \
	X(rebuild_before_publish, false)                             \
	X(rebuild_after_publish, false)                              \
	X(rebuild_after_open, false)                                 \
	/* the operator's commands */                                \
	X(sale_open_begin, false)                                    \
	X(sale_state_set, false)                                     \
	X(stock_after_ledger, false)                                 \
	X(stock_mid_gate, false)                                     \
	/* master and children */                                    \
	X(master_after_fork, false)                                  \
	X(child_before_ready, false)                                 \
	X(handover_mid, false)                                       \
	X(reload_mid, false)                                         \
	X(upgrade_mid, false)

enum failpoint {
#define FAILPOINT_ENUM(name, fails) FAILPOINT_##name,
	FAILPOINTS(FAILPOINT_ENUM)
#undef FAILPOINT_ENUM
	FAILPOINT_COUNT
};

struct failpoint_counts {
	uint64_t hits; /* of all processes, ever */
	uint64_t fired;
};

/* Reads the environment.  Nonsense ends the process: a test that arms nothing
 * must not pass. */
void failpoint_open(void);
/* Maps the table in the file at `path`, which is made if there is none. */
bool failpoint_map(const char *path, struct err *err) ATTR_MUSTUSE;
/* Arms what `spec` names; the rest stays as it is.  Refused as a whole. */
bool failpoint_arm(struct strv spec, struct err *err) ATTR_MUSTUSE;
void failpoint_disarm(void);
struct failpoint_counts failpoint_count(enum failpoint place);
const char *failpoint_name(enum failpoint place);
bool failpoint_armed(enum failpoint place);
/* True when the call at `place` is to fail. */
bool failpoint_hit(enum failpoint place);
/* The same, and says so in `err`. */
bool failpoint_fails(enum failpoint place, struct err *err);

#define FAILPOINTS_OPEN() failpoint_open()
#define FAILPOINT(place)  ((void)failpoint_hit(FAILPOINT_##place))
/* True: the caller returns the outcome of a call that failed here. */
#define FAILPOINT_ERR(place, err) failpoint_fails(FAILPOINT_##place, (err))
#define FAILPOINT_ARMED(place)    failpoint_armed(FAILPOINT_##place)

#else

#define FAILPOINTS_OPEN()         ((void)0)
#define FAILPOINT(place)          ((void)0)
#define FAILPOINT_ERR(place, err) 0
#define FAILPOINT_ARMED(place)    0

#endif
#endif
