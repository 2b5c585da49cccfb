/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What children tell the master over one pipe: records of fixed size, so that
 * one write is atomic and nothing is parsed.  The reader treats them as gossip:
 * a record whose slot, pid and serial are not those of a living child is
 * from somebody who is gone, or wrong, and counts for nothing.
 */
#ifndef POOL_REPORT_H
#define POOL_REPORT_H

#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>

enum report_kind {
	REPORT_READY = 1, /* open() succeeded */
	REPORT_LEAVING, /* no new work; ends when what it has is done */
	REPORT_WORN /* would like to go, for the reason `cause` */
};

struct report {
	uint32_t kind; /* enum report_kind, or nonsense */
	uint32_t slot;
	uint32_t serial; /* of its birth */
	int32_t pid;
	uint32_t cause; /* enum board_cause, or nonsense */
};

/* Child.  Waits a bounded time for room; false, with errno, when in vain. */
bool pool_report_send(int fd, const struct report *report) ATTR_MUSTUSE;
/* Master.  False when there is no more for now. */
bool pool_report_receive(int fd, struct report *report) ATTR_MUSTUSE;

#endif
