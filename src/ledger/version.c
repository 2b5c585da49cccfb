/* SPDX-License-Identifier: Apache-2.0 */
/* Version texts of MariaDB and MySQL. */
#include "config.h"

#include "ledger/version.h"

#include "base/num.h"
#include "base/str.h"

/* Digits at the front of `*rest`, and what stands behind them. */
static bool number_read(struct strv *rest, unsigned *out)
{
	struct strv digits = {rest->p, 0};
	uint64_t value;

	while (digits.n < rest->n && rest->p[digits.n] >= '0' &&
	       rest->p[digits.n] <= '9')
		digits.n++;
	if (!num_parse_u64(digits, 0, 1000000, &value))
		return false;
	*rest = strv_from(rest->p + digits.n, rest->n - digits.n);
	*out = (unsigned)value;
	return true;
}

static bool dot_read(struct strv *rest)
{
	if (!strv_starts(*rest, STRV(".")))
		return false;
	*rest = strv_from(rest->p + 1, rest->n - 1);
	return true;
}

bool server_version_parse(const char *text, struct server_version *out)
{
	static const struct strv old_client = STRV("5.5.5-");
	struct server_version v = {.mariadb = strstr(text, "MariaDB") != NULL};
	struct strv rest = strv_c(text);

	if (v.mariadb && strv_starts(rest, old_client))
		rest = strv_from(rest.p + old_client.n, rest.n - old_client.n);
	if (!number_read(&rest, &v.major) || !dot_read(&rest) ||
	    !number_read(&rest, &v.minor))
		return false;
	if (dot_read(&rest) && !number_read(&rest, &v.patch))
		return false;
	*out = v;
	return true;
}

bool server_version_enough(const struct server_version *v)
{
	unsigned need[3] = {8, 0, 16};

	if (v->mariadb) {
		need[0] = 10;
		need[1] = 6;
		need[2] = 0;
	}
	if (v->major != need[0])
		return v->major > need[0];
	if (v->minor != need[1])
		return v->minor > need[1];
	return v->patch >= need[2];
}
