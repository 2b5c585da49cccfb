/* SPDX-License-Identifier: Apache-2.0 */
/* Where a server is: Unix socket or host and port. */
#include "config.h"

#include "ledger/address.h"

#include "base/num.h"
#include "base/str.h"

static bool refuse(struct err *err, const char *text, const char *why)
{
	err_set(err, 0,
	    "mysql address \"%.100s\": %s; write /path/to.sock, host:port or "
	    "[v6]:port",
	    text, why);
	return false;
}

/* "[v6]" or "[v6]:port" or "host" or "host:port" into its two parts. */
static bool host_split(struct strv text, struct strv *host, struct strv *port)
{
	if (strv_starts(text, STRV("["))) {
		*port = strv_from(text.p + 1, text.n - 1);
		*host = strv_cut(port, ']');
		if (port->p == NULL)
			return false;
		if (port->n == 0)
			*port = (struct strv){NULL, 0};
		else if (!strv_starts(*port, STRV(":")))
			return false;
		else
			*port = strv_from(port->p + 1, port->n - 1);
		return true;
	}
	*port = text;
	*host = strv_cut(port, ':');
	/* A second colon: an IPv6 number that should stand in brackets. */
	return port->p == NULL || memchr(port->p, ':', port->n) == NULL;
}

bool address_parse(
    const char *text, struct ledger_address *out, struct err *err)
{
	struct strv rest = strv_c(text), host, port;
	uint64_t number = LEDGER_PORT_DEFAULT;

	*out = (struct ledger_address){0};
	if (rest.n == 0)
		return refuse(err, "", "is empty");
	if (strv_starts(rest, STRV("unix:")))
		rest = strv_from(rest.p + 5, rest.n - 5);
	if (strv_starts(rest, STRV("/"))) {
		if (!strv_copy(rest, out->socket, sizeof(out->socket)))
			return refuse(err, text, "path too long for a socket");
		return true;
	}
	if (rest.p != text)
		return refuse(err, text, "the path is not absolute");
	if (!host_split(rest, &host, &port))
		return refuse(err, text, "host and port cannot be told apart");
	if (host.n == 0 || !strv_copy(host, out->host, sizeof(out->host)))
		return refuse(err, text, "host is empty or too long");
	if (port.p != NULL && !num_parse_u64(port, 1, 65535, &number))
		return refuse(err, text, "port is not 1..65535");
	out->port = (unsigned)number;
	return true;
}
