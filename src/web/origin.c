/* SPDX-License-Identifier: Apache-2.0 */
/* Sec-Fetch-Site, and Origin against Host. */
#include "config.h"

#include "web/origin.h"

/* ":443" says nothing that "https" has not said. */
static struct strv without_port(struct strv host, struct strv port)
{
	if (host.n > port.n &&
	    strv_eq(strv_from(host.p + host.n - port.n, port.n), port))
		host.n -= port.n;
	return host;
}

static bool origin_matches(struct strv origin, struct strv host)
{
	static const struct {
		struct strv scheme;
		struct strv port;
	} schemes[] = {
	    {{"https://", 8}, {":443", 4}},
	    {{"http://", 7}, {":80", 3}},
	};

	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		struct strv scheme = schemes[i].scheme;

		if (!strv_starts_nocase(origin, scheme))
			continue;
		origin = strv_from(origin.p + scheme.n, origin.n - scheme.n);
		return host.n > 0 &&
		       strv_eq_nocase(without_port(origin, schemes[i].port),
			   without_port(host, schemes[i].port));
	}
	return false; /* "null", and what is no origin of a web page */
}

bool origin_is_own(const struct web_request *request)
{
	struct strv site = strv_trim(request->sec_fetch_site);
	struct strv origin = strv_trim(request->origin);

	if (site.n > 0 && !strv_eq_nocase(site, STRV("same-origin")) &&
	    !strv_eq_nocase(site, STRV("none")))
		return false;
	return origin.n == 0 ||
	       origin_matches(origin, strv_trim(request->host));
}
