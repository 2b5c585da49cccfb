/* SPDX-License-Identifier: Apache-2.0 */
/* Unix paths, IPv4 and IPv6 with a port. */
#include "config.h"

#include "gate/address.h"
#include "base/num.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

static bool unix_parse(
    struct strv path, struct gate_address *out, struct err *err)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	if (!strv_copy(path, un.sun_path, sizeof(un.sun_path))) {
		err_set(err, 0, "socket path has more than %zu bytes",
		    sizeof(un.sun_path) - 1);
		return false;
	}
	memcpy(&out->addr, &un, sizeof(un));
	out->len = sizeof(un);
	return true;
}

/* Cuts "host:port" or "[host]:port"; a bare IPv6 host is ambiguous. */
static bool host_cut(struct strv text, struct strv *host, struct strv *port)
{
	bool bracketed = strv_starts(text, STRV("["));
	struct strv rest = text;

	if (bracketed) {
		rest = strv_from(text.p + 1, text.n - 1);
		*host = strv_cut(&rest, ']');
		if (!strv_starts(rest, STRV(":")))
			return false;
		*port = strv_from(rest.p + 1, rest.n - 1);
		return memchr(host->p, ':', host->n) != NULL;
	}
	*host = strv_cut(&rest, ':');
	*port = rest;
	return port->n > 0 && memchr(port->p, ':', port->n) == NULL;
}

static bool inet_parse(
    struct strv host, in_port_t port_be, struct gate_address *out)
{
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = port_be};
	struct sockaddr_in6 in6 = {
	    .sin6_family = AF_INET6, .sin6_port = port_be};
	char text[INET6_ADDRSTRLEN];

	if (!strv_copy(host, text, sizeof(text)))
		return false;
	if (inet_pton(AF_INET, text, &in4.sin_addr) == 1) {
		memcpy(&out->addr, &in4, sizeof(in4));
		out->len = sizeof(in4);
		return true;
	}
	if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1) {
		memcpy(&out->addr, &in6, sizeof(in6));
		out->len = sizeof(in6);
		return true;
	}
	return false;
}

bool gate_address_parse(
    const char *text, struct gate_address *out, struct err *err)
{
	struct strv all = strv_c(text), host, port;
	uint64_t number;

	memset(out, 0, sizeof(*out));
	if (strv_starts(all, STRV("unix:")))
		all = strv_from(all.p + 5, all.n - 5);
	if (strv_starts(all, STRV("/"))) {
		if (unix_parse(all, out, err))
			return true;
		err_wrap(err, "redis address %s", text);
		return false;
	}
	if (all.p != text || !host_cut(all, &host, &port) ||
	    !num_parse_u64(port, 1, 65535, &number) ||
	    !inet_parse(host, htons((uint16_t)number), out)) {
		err_set(err, 0,
		    "redis address %s: give /path, unix:/path, "
		    "a.b.c.d:port or [v6]:port (a number, not a name)",
		    text != NULL ? text : "(none)");
		return false;
	}
	return true;
}
