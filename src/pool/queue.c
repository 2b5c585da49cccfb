/* SPDX-License-Identifier: Apache-2.0 */
/* The length of an accept queue, by netlink and by TCP_INFO. */
#include "config.h"

#include "pool/queue.h"
#include "base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* linux/tcp.h has it, and cannot be included beside netinet/tcp.h. */
#define TCP_LISTENS 10

void pool_queue_open(struct pool_queue_probe *probe, int listen_fd)
{
	int family = 0;
	socklen_t size = sizeof(family);
	struct stat st;

	*probe =
	    (struct pool_queue_probe){.listen_fd = listen_fd, .netlink_fd = -1};
	if (listen_fd < 0 ||
	    getsockopt(listen_fd, SOL_SOCKET, SO_DOMAIN, &family, &size) != 0 ||
	    family != AF_UNIX || fstat(listen_fd, &st) != 0)
		return;
	probe->inode = (uint32_t)st.st_ino;
	probe->netlink_fd = socket(AF_NETLINK,
	    SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
}

void pool_queue_close(struct pool_queue_probe *probe)
{
	if (probe->netlink_fd >= 0)
		close(probe->netlink_fd);
	probe->netlink_fd = -1;
	probe->listen_fd = -1;
}

/* ---- TCP ----------------------------------------------------------------- */

/* Of a listening socket the kernel reports the queue in these two fields
 * (tcp_get_info() in net/ipv4/tcp.c). */
static struct pool_queue tcp_read(int fd)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);

	if (fd < 0 ||
	    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
	    info.tcpi_state != TCP_LISTENS)
		return (struct pool_queue){0};
	return (struct pool_queue){
	    .known = true,
	    .depth = info.tcpi_unacked,
	    .limit = info.tcpi_sacked,
	};
}

/* ---- Unix ---------------------------------------------------------------- */

static bool unix_ask(struct pool_queue_probe *probe)
{
	struct {
		struct nlmsghdr head;
		struct unix_diag_req ask;
	} request = {
	    .head =
		{
		    .nlmsg_len = sizeof(request),
		    .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		    .nlmsg_flags = NLM_F_REQUEST,
		    .nlmsg_seq = ++probe->serial,
		},
	    .ask =
		{
		    .sdiag_family = AF_UNIX,
		    .udiag_states = UINT32_MAX,
		    .udiag_ino = probe->inode,
		    .udiag_show = UDIAG_SHOW_RQLEN,
		    /* Any: we know the inode alone. */
		    .udiag_cookie = {UINT32_MAX, UINT32_MAX},
		},
	};

	return send(probe->netlink_fd, &request, sizeof(request), 0) ==
	       (ssize_t)sizeof(request);
}

/* By hand: RTA_NEXT() mixes signs. */
static struct pool_queue attributes_find(const char *p, size_t n)
{
	struct rtattr attr;
	struct unix_diag_rqlen lengths;

	while (n >= sizeof(attr)) {
		memcpy(&attr, p, sizeof(attr));
		if (attr.rta_len < sizeof(attr) || attr.rta_len > n)
			break;
		if (attr.rta_type == UNIX_DIAG_RQLEN &&
		    attr.rta_len >= sizeof(attr) + sizeof(lengths)) {
			memcpy(&lengths, p + sizeof(attr), sizeof(lengths));
			return (struct pool_queue){
			    .known = true,
			    .depth = lengths.udiag_rqueue,
			    .limit = lengths.udiag_wqueue,
			};
		}
		if (RTA_ALIGN((size_t)attr.rta_len) >= n)
			break;
		p += RTA_ALIGN((size_t)attr.rta_len);
		n -= RTA_ALIGN((size_t)attr.rta_len);
	}
	return (struct pool_queue){0};
}

static struct pool_queue unix_parse(
    const struct pool_queue_probe *probe, struct nlmsghdr *head)
{
	const struct unix_diag_msg *msg = NLMSG_DATA(head);
	const size_t fixed = NLMSG_LENGTH(sizeof(*msg));

	if (head->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    head->nlmsg_len < fixed || msg->udiag_ino != probe->inode)
		return (struct pool_queue){0};
	return attributes_find(
	    (const char *)(msg + 1), head->nlmsg_len - fixed);
}

static struct pool_queue unix_read(struct pool_queue_probe *probe)
{
	union {
		struct nlmsghdr head;
		char bytes[1024];
	} answer;
	ssize_t n;

	if (probe->netlink_fd < 0 || !unix_ask(probe))
		return (struct pool_queue){0};
	/* The kernel answers within send(); an answer to an older question is
	 * one that we gave up on. */
	for (;;) {
		n = recv(probe->netlink_fd, &answer, sizeof(answer), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < (ssize_t)sizeof(answer.head) ||
		    !NLMSG_OK(&answer.head, (uint32_t)n))
			return (struct pool_queue){0};
		if (answer.head.nlmsg_seq == probe->serial)
			return unix_parse(probe, &answer.head);
	}
}

struct pool_queue pool_queue_read(struct pool_queue_probe *probe)
{
	return probe->inode != 0 ? unix_read(probe)
				 : tcp_read(probe->listen_fd);
}

/* ---- the limit ----------------------------------------------------------- */

unsigned pool_queue_somaxconn(void)
{
	char text[32];
	uint64_t value = 0;
	int fd = open("/proc/sys/net/core/somaxconn", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text));
	close(fd);
	if (n <= 0 || !num_parse_u64(strv_trim(strv_from(text,
					 (size_t)n - (text[n - 1] == '\n'))),
			  1, UINT32_MAX, &value))
		return 0;
	return (unsigned)value;
}

bool pool_queue_is_clipped(int backlog, unsigned somaxconn)
{
	return backlog >= 0 && somaxconn != 0 && (unsigned)backlog > somaxconn;
}
