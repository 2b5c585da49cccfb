/* SPDX-License-Identifier: Apache-2.0 */
/* The strict reader itself: it must bite before it may praise. */
#include "config.h"

#include "unit.h"

#include "lib/openmetrics.h"

static const struct {
	const char *text;
	const char *why; /* NULL: good */
} rows[] = {
    {"# EOF\n", NULL},
    {"# TYPE a gauge\na 1\n# EOF\n", NULL},
    {"# TYPE a gauge\n# HELP a x\\\\y\\n\na{b=\"c\\\"\",d=\"}\"} NaN\n# EOF\n",
	NULL},
    {"# TYPE a_s counter\n# UNIT a_s s\na_s_total 1.5e3\n# EOF\n", NULL},
    {"# TYPE h histogram\nh_bucket{le=\"0.1\"} 1\nh_bucket{le=\"+Inf\"} 2\n"
     "h_count 2\nh_sum 0.3\n# EOF\n",
	NULL},
    {"", "no end"},
    {"# EOF", "no end"},
    {"# TYPE a gauge\na 1\n", "no # EOF"},
    {"# EOF\n\n", "behind # EOF"},
    {"a 1\n# EOF\n", "outside its family"},
    {"# TYPE a gauge\nb 1\n# EOF\n", "outside its family"},
    {"# TYPE a counter\na 1\n# EOF\n", "outside its family"},
    {"# TYPE a gauge\n# TYPE b gauge\na 1\n# EOF\n", "outside its family"},
    {"# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\n# HELP a x\n# EOF\n",
	"comes twice"},
    {"# TYPE a gauge\na 1\n# HELP a x\n# EOF\n", "behind its samples"},
    {"# TYPE a gauge\n# TYPE a gauge\n# EOF\n", "twice"},
    {"# TYPE a meter\n# EOF\n", "no such type"},
    {"# TYPE 1a gauge\n# EOF\n", "name of a family"},
    {"# TYPE a gauge\n# UNIT a seconds\n# EOF\n", "its unit"},
    {"# TYPE a gauge\n# HELP a \\x\n# EOF\n", "escape"},
    {"# TYPE a gauge\na 1\na 2\n# EOF\n", "sample comes twice"},
    {"# TYPE a gauge\na{b=\"1\",b=\"2\"} 1\n# EOF\n", "label comes twice"},
    {"# TYPE a gauge\na{b=\"\\q\"} 1\n# EOF\n", "escape"},
    {"# TYPE a gauge\na{b=\"\"\"} 1\n# EOF\n", "comma"},
    {"# TYPE a gauge\na{b=1} 1\n# EOF\n", "label="},
    {"# TYPE a gauge\na{b=\"1} 1\n# EOF\n", "without its end"},
    {"# TYPE a gauge\na{b=\"1\"\n# EOF\n", "comma"},
    {"# TYPE a gauge\na  1\n# EOF\n", "number"},
    {"# TYPE a gauge\na x\n# EOF\n", "number"},
    {"# TYPE a gauge\na 1 2\n# EOF\n", "number"},
    {"# TYPE a counter\na_total -1\n# EOF\n", "below 0"},
    {"# TYPE a info\na_info 2\n# EOF\n", "not 1"},
    {"# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_count 1\n# EOF\n", "+Inf"},
    {"# TYPE h histogram\nh_bucket{le=\"1\"} 1\n# EOF\n", "+Inf"},
    {"# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\n# "
     "EOF\n",
	"cumulative"},
    {"# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_count 2\n# EOF\n",
	"not that of"},
};

START_TEST(test_row)
{
	struct err err = ERR_INIT;
	bool good = openmetrics_check(strv_c(rows[_i].text), &err);

	ck_assert_msg(
	    good == (rows[_i].why == NULL), "%s: %s", rows[_i].text, err.text);
	if (!good)
		ck_assert_msg(strstr(err.text, rows[_i].why) != NULL, "%s: %s",
		    rows[_i].text, err.text);
}
END_TEST

TESTS_MAIN("openmetrics", UNIT_TABLE("rows", test_row, (int)ARRAY_LEN(rows)))
