/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both ends of one connection in one process: the client writes what it likes,
 * then the layer reads it.  Nothing runs beside it, so a test says what it
 * sends and what must come out, and waits for nothing.  What is sent must fit
 * the socket's buffer (200 KB); what needs two at once is in echo.h.
 */
#ifndef TESTS_FCGI_RIG_H
#define TESTS_FCGI_RIG_H

#include "unit.h"
#include "lib/fcgi_client.h"

#include "base/clock.h"
#include "fcgi/fcgi.h"

#define RIG_BODY_MAX   1000
#define RIG_PARAMS_MAX 4000

/* Long enough for the slowest machine; only a hang meets it. */
#define RIG_PATIENCE_MS 20000

struct rig {
	struct fcgi *fcgi;
	int client;
	int server; /* -1 once the layer has closed it */
	struct fcc_peer peer;
	struct fcc_bytes request; /* being built */
	struct err err;
};

/*
 * `type` is SOCK_STREAM, or SOCK_SEQPACKET to see each write(2) by itself.  The
 * server's end has SO_RCVTIMEO and SO_SNDTIMEO, as the pool sets them.
 */
void rig_open(struct rig *rig, int type);
void rig_close(struct rig *rig);
/* Another connection to the same process; the old one is closed. */
void rig_reconnect(struct rig *rig, int type);
void rig_timeout_ms(struct rig *rig, int ms);

/* Sends rig->request, or the first `n` bytes of it, and forgets it. */
void rig_send(struct rig *rig);
void rig_send_first(struct rig *rig, size_t n);

enum fcgi_read rig_read(struct rig *rig);
/* Sends and reads. */
enum fcgi_read rig_exchange(struct rig *rig);
bool rig_finish(struct rig *rig, struct strv response, bool keep);
/* The answer to request `id` that lies on the client's end. */
enum fcc_recv rig_answer(
    struct rig *rig, unsigned id, struct fcc_answer *answer);

/* A small response that is not one of the refusals. */
#define RIG_OK STRV("Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nfine\n")

#define ck_assert_strv(have, want)                              \
	do {                                                    \
		struct strv ck_have = (have);                   \
		struct strv ck_want = (want);                   \
		ck_assert_msg(strv_eq(ck_have, ck_want),        \
		    "\"%.*s\" for \"%.*s\"", STRV_ARG(ck_have), \
		    STRV_ARG(ck_want));                         \
	} while (0)

#endif
