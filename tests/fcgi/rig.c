/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends of one connection in one process. */
#include "config.h"

#include "fcgi/rig.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void rig_timeout_ms(struct rig *rig, int ms)
{
	struct timeval wait = {ms / 1000, ms % 1000 * 1000};

	ck_assert_int_eq(setsockopt(rig->server, SOL_SOCKET, SO_RCVTIMEO, &wait,
			     sizeof(wait)),
	    0);
	ck_assert_int_eq(setsockopt(rig->server, SOL_SOCKET, SO_SNDTIMEO, &wait,
			     sizeof(wait)),
	    0);
}

void rig_reconnect(struct rig *rig, int type)
{
	int pair[2];

	close_one(&rig->client);
	close_one(&rig->server);
	fcc_peer_free(&rig->peer);
	ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair), 0);
	rig->client = pair[0];
	rig->server = pair[1];
	rig->peer.fd = rig->client;
	rig_timeout_ms(rig, 2000);
}

void rig_open(struct rig *rig, int type)
{
	const struct fcgi_limits limits = {RIG_BODY_MAX, RIG_PARAMS_MAX};

	*rig = (struct rig){.client = -1, .server = -1};
	rig->fcgi = fcgi_new(&limits, &rig->err);
	ck_assert_msg(rig->fcgi != NULL, "%s", rig->err.text);
	rig_reconnect(rig, type);
}

void rig_close(struct rig *rig)
{
	close_one(&rig->client);
	close_one(&rig->server);
	fcc_peer_free(&rig->peer);
	fcc_bytes_free(&rig->request);
	fcgi_free(&rig->fcgi);
}

void rig_send_first(struct rig *rig, size_t n)
{
	ck_assert_uint_le(n, rig->request.n);
	ck_assert(fcc_send(
	    rig->client, rig->request.p, n, deadline_in_ms(RIG_PATIENCE_MS)));
	rig->request.n = 0;
}

void rig_send(struct rig *rig)
{
	rig_send_first(rig, rig->request.n);
}

enum fcgi_read rig_read(struct rig *rig)
{
	enum fcgi_read result;

	result = fcgi_read(rig->fcgi, rig->server, &rig->err);
	if (result == FCGI_READ_GONE)
		rig->server = -1;
	return result;
}

enum fcgi_read rig_exchange(struct rig *rig)
{
	rig_send(rig);
	return rig_read(rig);
}

bool rig_finish(struct rig *rig, struct strv response, bool keep)
{
	bool stands = fcgi_finish(rig->fcgi, response, keep);

	if (!stands)
		rig->server = -1;
	return stands;
}

enum fcc_recv rig_answer(
    struct rig *rig, unsigned id, struct fcc_answer *answer)
{
	return fcc_recv_answer(
	    &rig->peer, id, answer, deadline_in_ms(RIG_PATIENCE_MS));
}
