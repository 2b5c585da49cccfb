/* SPDX-License-Identifier: Apache-2.0 */
/* The URL of the buy route, and whether it stays on this machine. */
#include "config.h"

#include "rush/target.h"
#include "base/bug.h"

#include <errno.h>
#include <arpa/inet.h>
#include <netinet/in.h>

#include <curl/curl.h>

bool target_address_is_here(const struct sockaddr *address)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	switch (address->sa_family) {
	case AF_UNIX:
		return true;
	case AF_INET:
		memcpy(&in, address, sizeof(in));
		return ntohl(in.sin_addr.s_addr) >> 24 == 127;
	case AF_INET6:
		memcpy(&in6, address, sizeof(in6));
		return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
	default:
		return false;
	}
}

bool target_host_is_here(const char *host)
{
	static const char *const names[] = {"localhost", ".localhost"};
	struct strv text = strv_c(host);
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	char plain[INET6_ADDRSTRLEN];

	if (strv_eq_nocase(text, strv_c(names[0])))
		return true;
	if (text.n > strlen(names[1]) &&
	    strv_eq_nocase(
		strv_from(text.p + text.n - strlen(names[1]), strlen(names[1])),
		strv_c(names[1])))
		return true;
	/* "127.0.0.1.example.org" is a name, not an address: inet_pton()
	 * wants the whole text. */
	if (inet_pton(AF_INET, host, &in.sin_addr) == 1)
		return target_address_is_here((struct sockaddr *)&in);
	if (text.n > 2 && text.p[0] == '[' && text.p[text.n - 1] == ']' &&
	    strv_copy(
		strv_from(text.p + 1, text.n - 2), plain, sizeof(plain)) &&
	    inet_pton(AF_INET6, plain, &in6.sin6_addr) == 1)
		return target_address_is_here((struct sockaddr *)&in6);
	return false;
}

static bool part_get(CURLU *url, CURLUPart part, char *out, size_t size)
{
	char *text = NULL;
	bool good;

	if (curl_url_get(url, part, &text, 0) != CURLUE_OK)
		return false;
	good = strv_copy(strv_c(text), out, size);
	curl_free(text);
	return good;
}

static bool part_set(CURLU *url, CURLUPart part, const char *text)
{
	return curl_url_set(url, part, text, 0) == CURLUE_OK;
}

/* The base may have a path ("http://shop.test/eu/"): ours is put behind. */
static bool route_add(
    CURLU *url, const struct target_ask *ask, char *out, struct err *err)
{
	char base[TARGET_URL_MAX], route[TARGET_URL_MAX];
	struct strbuf path;
	size_t n;

	strbuf_init(&path, route, sizeof(route));
	if (part_get(url, CURLUPART_PATH, base, sizeof(base))) {
		for (n = strlen(base); n > 0 && base[n - 1] == '/'; n--)
			continue;
		strbuf_put(&path, strv_from(base, n));
		strbuf_printf(&path, "/v1/sales/%s/orders", ask->sale);
		if (!path.overflow && part_set(url, CURLUPART_PATH, route) &&
		    part_set(url, CURLUPART_QUERY, NULL) &&
		    part_set(url, CURLUPART_FRAGMENT, NULL) &&
		    part_get(url, CURLUPART_URL, out, TARGET_URL_MAX))
			return true;
	}
	err_set(err, 0, "--url %.80s: too long", ask->url);
	return false;
}

static bool scheme_and_host_valid(
    CURLU *url, const struct target_ask *ask, struct err *err)
{
	char scheme[16], host[256];

	if (!part_get(url, CURLUPART_SCHEME, scheme, sizeof(scheme)) ||
	    (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)) {
		err_set(
		    err, 0, "--url %.80s: neither http nor https", ask->url);
		return false;
	}
	if (!part_get(url, CURLUPART_HOST, host, sizeof(host))) {
		err_set(err, 0, "--url %.80s: no host", ask->url);
		return false;
	}
	if (!ask->may_be_remote && !target_host_is_here(host)) {
		err_set(err, 0,
		    "--url: %.80s is not this machine; a crowd on somebody "
		    "else's is an attack.  --allow-remote if it is yours",
		    host);
		return false;
	}
	return true;
}

bool target_make(const struct target_ask *ask, char *out, struct err *err)
{
	CURLU *url = curl_url();
	bool good;

	if (url == NULL) {
		err_set(err, ENOMEM, "--url: out of memory");
		return false;
	}
	if (!part_set(url, CURLUPART_URL, ask->url)) {
		err_set(err, 0, "--url %.80s: not a URL", ask->url);
		good = false;
	} else {
		good = scheme_and_host_valid(url, ask, err) &&
		       route_add(url, ask, out, err);
	}
	curl_url_cleanup(url);
	return good;
}
