/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over libfcgi's parameters.  A list scanned by length beats a hash
 * here: a request has about 25 names and is asked for about 15 of them.
 */
#include "config.h"

#include "fcgi/params.h"

#include <string.h>

enum fcgi_params_verdict fcgi_params_index(
    struct fcgi_params *params, char *const *envp, size_t max_bytes)
{
	size_t left = max_bytes;

	params->n = 0;
	for (; *envp != NULL; envp++) {
		const char *text = *envp;
		const char *equals = strchr(text, '=');
		size_t name_n;
		size_t value_n;

		if (equals == NULL)
			return FCGI_PARAMS_BROKEN;
		name_n = (size_t)(equals - text);
		value_n = strlen(equals + 1);
		if (params->n == FCGI_PARAMS_COUNT_MAX || name_n > left ||
		    value_n > left - name_n)
			return FCGI_PARAMS_TOO_LARGE;
		left -= name_n + value_n;
		params->all[params->n].name = strv_from(text, name_n);
		params->all[params->n].value = strv_from(equals + 1, value_n);
		params->n++;
	}
	return FCGI_PARAMS_OK;
}

struct strv fcgi_params_find(const struct fcgi_params *params, struct strv name)
{
	for (size_t i = 0; i < params->n; i++)
		if (strv_eq(params->all[i].name, name))
			return params->all[i].value;
	return (struct strv){NULL, 0};
}

size_t fcgi_params_count(const struct fcgi_params *params, struct strv name)
{
	size_t count = 0;

	for (size_t i = 0; i < params->n; i++)
		if (strv_eq(params->all[i].name, name))
			count++;
	return count;
}
