/* SPDX-License-Identifier: Apache-2.0 */
/* om-check: is standard input OpenMetrics?  Exit 0, or 1 and the reason. */
#include "config.h"

#include "lib/openmetrics.h"

#include <stdio.h>

#define INPUT_MAX (16 * 1024 * 1024)

int main(void)
{
	static char text[INPUT_MAX];
	struct err err = ERR_INIT;
	size_t n = fread(text, 1, sizeof(text), stdin);

	if (openmetrics_check(strv_from(text, n), &err))
		return 0;
	fprintf(stderr, "om-check: %s\n", err.text);
	return 1;
}
