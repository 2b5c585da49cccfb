/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a scripted server says about durability, and a gate that asks for some.  For
 * test_durable and test_hearsay.
 */
#ifndef TESTS_GATE_DURABLE_CALLS_H
#define TESTS_GATE_DURABLE_CALLS_H

#include "calls.h"

#define BULK(n, text) "$" #n "\r\n" text "\r\n"
#define SETTINGS(file, when_n, when, lazy_n, lazy)                   \
	"*6\r\n" BULK(11, "appendfsync") BULK(when_n, when)          \
	    BULK(25, "no-appendfsync-on-rewrite") BULK(lazy_n, lazy) \
		BULK(10, "appendonly") file
#define ALWAYS   SETTINGS(BULK(3, "yes"), 6, "always", 2, "no")
#define EVERYSEC SETTINGS(BULK(3, "yes"), 8, "everysec", 2, "no")
#define KERNEL   SETTINGS(BULK(3, "yes"), 2, "no", 2, "no")
#define LAZY     SETTINGS(BULK(3, "yes"), 6, "always", 3, "yes")
#define NO_FILE  SETTINGS(BULK(2, "no"), 6, "always", 2, "no")
#define RUN      "0123456789abcdef0123456789abcdef01234567"
#define RUN_2    "0123456789abcdef0123456789abcdef01234568"
#define DENIED   "-NOPERM this user has no permissions to run it\r\n"
#define ABSENT   "-ERR unknown command 'WAITAOF', with args\r\n"
#define FILE_OFF                                                           \
	"-ERR WAITAOF cannot be used when numlocal is set but appendonly " \
	"is disabled.\r\n"
#define SYNCED     "*2\r\n:1\r\n:0\r\n"
#define NOT_SYNCED "*2\r\n:0\r\n:0\r\n"
#define QUEUED                                                                 \
	"*3\r\n$6\r\nQUEUED\r\n:0\r\n*2\r\n$3\r\n1-1\r\n*14\r\n" BULK(5,       \
	    "claim") BULK(16, "claim 0 of eight") BULK(4, "unit") BULK(1, "1") \
	    BULK(4, "slot") BULK(1, "1") BULK(8, "customer") BULK(1, "c")      \
		BULK(12, "payload_hash") BULK(8, "01234567") BULK(3, "ref")    \
		    BULK(1, "r") BULK(7, "created") BULK(2, "10")

static inline struct gate *durable(
    const struct fake *fake, enum gate_durable durability)
{
	struct gate_conf conf = {.address = fake_address(fake),
	    .connect_timeout_ms = LONG_MS,
	    .timeout_ms = LONG_MS,
	    .lease_ms = 10000,
	    .durability = durability};
	struct err err = ERR_INIT;
	struct gate *gate = gate_new(&conf, &err);

	ck_assert_msg(gate != NULL, "%s", err.text);
	return gate;
}

#endif
