/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors through a socket pair; how many of them. */
#include "config.h"

#include "pool/pass.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool pool_pass_open(struct pass *pass, struct err *err)
{
	int fds[2];

	/* Not SOCK_DGRAM: net.unix.max_dgram_qlen may be 10. */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, fds) != 0) {
		err_set_errno(err, "socketpair");
		return false;
	}
	*pass = (struct pass){fds[0], fds[1]};
	return true;
}

void pool_pass_close(struct pass *pass)
{
	if (pass->give_fd >= 0) {
		close(pass->give_fd);
		close(pass->take_fd);
	}
	*pass = PASS_NONE;
}

/* Room for one descriptor, aligned as CMSG_DATA() wants it. */
union pass_control {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int))];
};

bool pool_pass_give(const struct pass *pass, int fd, int64_t deadline_ns)
{
	union pass_control control = {.bytes = {0}};
	struct iovec text = {
	    .iov_base = &deadline_ns, .iov_len = sizeof(deadline_ns)};
	struct msghdr message = {.msg_iov = &text,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	if (pass->give_fd < 0)
		return false;
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	return sendmsg(pass->give_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) ==
	       (ssize_t)sizeof(deadline_ns);
}

int pool_pass_take(const struct pass *pass, int64_t *deadline_ns)
{
	union pass_control control = {.bytes = {0}};
	struct iovec text = {
	    .iov_base = deadline_ns, .iov_len = sizeof(*deadline_ns)};
	struct msghdr message = {.msg_iov = &text,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control)};
	const struct cmsghdr *head;
	int fd = -1;

	errno = EAGAIN;
	if (pass->take_fd < 0 ||
	    recvmsg(pass->take_fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) !=
		(ssize_t)sizeof(*deadline_ns))
		return -1;
	/* Absent when the kernel had no descriptor for it; then it is closed. */
	head = CMSG_FIRSTHDR(&message);
	if (head == NULL || head->cmsg_type != SCM_RIGHTS) {
		errno = EMFILE;
		return -1;
	}
	memcpy(&fd, CMSG_DATA(head), sizeof(fd));
	return fd;
}

unsigned pool_pass_surplus(unsigned kept, unsigned others, unsigned idle)
{
	unsigned work = kept + others;
	unsigned more = work > 0 ? work - 1 : 0;

	if (more > kept)
		more = kept;
	return more < idle ? more : idle;
}
