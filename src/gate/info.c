/* SPDX-License-Identifier: Apache-2.0 */
/* Version, role, eviction. */
#include "config.h"

#include "gate/info.h"
#include "base/num.h"

#include <stdio.h>

struct strv gate_info_field(struct strv info, const char *name)
{
	while (info.n > 0) {
		struct strv line = strv_cut(&info, '\n');
		struct strv key = strv_cut(&line, ':');

		if (strv_eq(key, strv_c(name)) && line.p != NULL) {
			if (line.n > 0 && line.p[line.n - 1] == '\r')
				line.n--;
			return line;
		}
	}
	return (struct strv){NULL, 0};
}

/* Valkey calls itself Redis 7.2.4 for old clients, and its own name beside. */
static void version_write(struct strv info, char version[32])
{
	struct strv valkey = gate_info_field(info, "valkey_version");
	struct strv redis = gate_info_field(info, "redis_version");
	struct strv number = valkey.n > 0 ? valkey : redis;

	version[0] = '\0';
	if (number.n > 0 && number.n <= 20)
		snprintf(version, 32, "%s " STRV_FMT,
		    valkey.n > 0 ? "Valkey" : "Redis", STRV_ARG(number));
}

bool gate_info_judge(struct strv info, char version[32], struct err *err)
{
	struct strv number = gate_info_field(info, "redis_version");
	struct strv role = gate_info_field(info, "role");
	struct strv policy = gate_info_field(info, "maxmemory_policy");
	struct strv major = strv_cut(&number, '.');
	uint64_t value;

	version_write(info, version);
	if (!num_parse_u64(major, 0, 1000, &value)) {
		err_set(err, 0, "INFO names no redis_version: is this Redis?");
		return false;
	}
	if (value < 7) {
		err_set(err, 0,
		    "%s is too old: Redis 7 or Valkey is needed "
		    "(functions)",
		    version);
		return false;
	}
	if (role.p != NULL && !strv_eq(role, STRV("master"))) {
		err_set(err, 0,
		    "this server is a replica (role " STRV_FMT
		    "): point [redis] to the master",
		    STRV_ARG(role));
		return false;
	}
	if (policy.p != NULL && !strv_eq(policy, STRV("noeviction"))) {
		err_set(err, 0,
		    "\"never lied to\": maxmemory-policy is " STRV_FMT
		    ", and an evicted list looks sold out: CONFIG SET "
		    "maxmemory-policy noeviction",
		    STRV_ARG(policy));
		return false;
	}
	return true;
}
