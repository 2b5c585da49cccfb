/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and users that may connect. */
#include "config.h"

#include "pool/ident.h"
#include "pool/peers.h"
#include "base/num.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#define V4_OFFSET      12 /* of the four bytes in a mapped address */
#define V4_PREFIX_BITS (8 * V4_OFFSET)

/* As IPv6: a socket of both families shows v4 peers as ::ffff:a.b.c.d, and one
 * of v4 alone does not. */
static struct in6_addr mapped(struct in_addr v4)
{
	struct in6_addr all = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	memcpy(&all.s6_addr[V4_OFFSET], &v4, sizeof(v4));
	return all;
}

static bool address_parse(
    struct strv text, struct pool_peer_net *net, struct err *err)
{
	char word[INET6_ADDRSTRLEN];
	struct strv whole = text;
	struct strv host = strv_cut(&text, '/');
	struct in_addr v4;
	uint64_t bits = 128;
	bool good = strv_copy(host, word, sizeof(word));
	bool is_v4 = good && inet_pton(AF_INET, word, &v4) == 1;

	if (is_v4)
		net->address = mapped(v4);
	else
		good = good && inet_pton(AF_INET6, word, &net->address) == 1;
	if (good && text.p != NULL) {
		good = num_parse_u64(text, 0, is_v4 ? 32 : 128, &bits);
		bits += is_v4 ? V4_PREFIX_BITS : 0;
	}
	net->bits = (unsigned)bits;
	if (!good)
		err_set(err, EINVAL,
		    "\"" STRV_FMT "\" is not an IPv4 or IPv6 address, or "
		    "address/bits",
		    STRV_ARG(whole));
	return good;
}

static bool uid_parse(struct strv text, uid_t *uid, struct err *err)
{
	char word[64];

	if (strv_copy(text, word, sizeof(word)))
		return pool_ident_uid(word, uid, err);
	err_set(err, EINVAL, "\"" STRV_FMT "\" is too long for a user",
	    STRV_ARG(text));
	return false;
}

static bool room(size_t n, struct err *err)
{
	if (n < POOL_PEERS_MAX)
		return true;
	err_set(err, 0, "more than %d entries", POOL_PEERS_MAX);
	return false;
}

/* The next word of a list separated by commas; false at its end. */
static bool word_next(struct strv *rest, struct strv *word)
{
	if (rest->n == 0)
		return false;
	*word = strv_trim(strv_cut(rest, ','));
	return true;
}

bool pool_peers_parse(const char *clients, const char *uids,
    struct pool_peers *out, struct err *err)
{
	struct strv rest = strv_c(clients);
	struct strv word;

	*out = (struct pool_peers){0};
	while (word_next(&rest, &word)) {
		if (!room(out->nnets, err) ||
		    !address_parse(word, &out->nets[out->nnets], err)) {
			err_wrap(err, "listen.allowed_clients");
			return false;
		}
		out->nnets++;
	}
	rest = strv_c(uids);
	while (word_next(&rest, &word)) {
		if (!room(out->nuids, err) ||
		    !uid_parse(word, &out->uids[out->nuids], err)) {
			err_wrap(err, "listen.allowed_uids");
			return false;
		}
		out->nuids++;
	}
	return true;
}

/* ---- the judgement ------------------------------------------------------- */

static bool net_has(
    const struct pool_peer_net *net, const struct in6_addr *address)
{
	unsigned whole = net->bits / 8, rest = net->bits % 8;
	unsigned char mask = (unsigned char)(0xff00 >> rest);

	return memcmp(net->address.s6_addr, address->s6_addr, whole) == 0 &&
	       (rest == 0 ||
		   ((net->address.s6_addr[whole] ^ address->s6_addr[whole]) &
		       mask) == 0);
}

static bool address_allowed(
    const struct pool_peers *peers, const struct in6_addr *address)
{
	for (size_t i = 0; i < peers->nnets; i++)
		if (net_has(&peers->nets[i], address))
			return true;
	return peers->nnets == 0;
}

static bool user_allowed(const struct pool_peers *peers, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (peers->nuids == 0)
		return true;
	/* Of the moment when he called connect(2). */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return false;
	for (size_t i = 0; i < peers->nuids; i++)
		if (peers->uids[i] == cred.uid)
			return true;
	return false;
}

bool pool_peers_allow(
    const struct pool_peers *peers, int fd, const struct sockaddr_storage *from)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (peers == NULL)
		return true;
	switch (from->ss_family) {
	case AF_UNIX:
		return user_allowed(peers, fd);
	case AF_INET:
		memcpy(&v4, from, sizeof(v4));
		v6.sin6_addr = mapped(v4.sin_addr);
		return address_allowed(peers, &v6.sin6_addr);
	case AF_INET6:
		memcpy(&v6, from, sizeof(v6));
		return address_allowed(peers, &v6.sin6_addr);
	default:
		return false;
	}
}
