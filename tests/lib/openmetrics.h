/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strict reader of the OpenMetrics text format (1.0), for tests: it takes what
 * the specification lets pass, without time stamps and exemplars, and nothing
 * else.
 */
#ifndef TESTS_LIB_OPENMETRICS_H
#define TESTS_LIB_OPENMETRICS_H

#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

/* False with the line and what is wrong with it. */
bool openmetrics_check(struct strv text, struct err *err) ATTR_MUSTUSE;

#endif
