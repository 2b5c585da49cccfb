/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors through a socket pair: one message, one connection. */
#include "config.h"

#include "pool/handover.h"
#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

union ancillary {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

bool pool_handover_open(struct handover *channel, struct err *err)
{
	int fds[2];

	/* Messages with borders, in order, never lost once sent. */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, fds) != 0) {
		err_set_errno(err, "socketpair");
		return false;
	}
	*channel = (struct handover){.give_fd = fds[0], .take_fd = fds[1]};
	return true;
}

void pool_handover_close(const struct handover *channel)
{
	if (channel->give_fd >= 0)
		close(channel->give_fd);
	if (channel->take_fd >= 0)
		close(channel->take_fd);
}

bool pool_handover_give(
    const struct handover *channel, int fd, int64_t deadline_ns)
{
	struct iovec part = {
	    .iov_base = &deadline_ns, .iov_len = sizeof(deadline_ns)};
	union ancillary room;
	struct msghdr message = {.msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = room.bytes,
	    .msg_controllen = sizeof(room.bytes)};
	struct cmsghdr *control = &room.align;
	ssize_t n;

	memset(&room, 0, sizeof(room));
	control->cmsg_level = SOL_SOCKET;
	control->cmsg_type = SCM_RIGHTS;
	control->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(control), &fd, sizeof(fd));
	do
		n = sendmsg(channel->give_fd, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(deadline_ns);
}

int pool_handover_take(const struct handover *channel, int64_t *deadline_ns)
{
	static struct log_rate rate;
	struct iovec part = {
	    .iov_base = deadline_ns, .iov_len = sizeof(*deadline_ns)};
	union ancillary room;
	struct msghdr message = {.msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = room.bytes,
	    .msg_controllen = sizeof(room.bytes)};
	const struct cmsghdr *control;
	ssize_t n;
	int fd;

	memset(&room, 0, sizeof(room));
	do
		n = recvmsg(channel->take_fd, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(*deadline_ns))
		return -1;
	control = CMSG_FIRSTHDR(&message);
	if (control == NULL || control->cmsg_type != SCM_RIGHTS) {
		/* The kernel has closed it: no descriptor was left for it. */
		log_limited(&rate, LOG_LEVEL_ERROR,
		    "a connection that was handed over is lost: too many open "
		    "files");
		return -1;
	}
	memcpy(&fd, CMSG_DATA(control), sizeof(fd));
	return fd;
}

unsigned pool_handover_surplus(unsigned held, unsigned others, unsigned idle)
{
	unsigned work = held + others;
	unsigned more = work > 0 ? work - 1 : 0;

	if (more > held)
		more = held;
	return more < idle ? more : idle;
}
