/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the error table must say, row by row, written down a second time: from
 * notes/reliability-and-security.md 2.10.  For tests only.
 */
#ifndef TESTS_LEDGER_ERROR_ROWS_H
#define TESTS_LEDGER_ERROR_ROWS_H

#include "ledger/errors.h"

struct error_expected {
	unsigned code;
	enum error_phase phase;
	enum outcome outcome;
	enum conn_fate fate;
};

#define CONNECT(code, fate)                                    \
	{                                                      \
		code, PHASE_CONNECT, OUT_NOT_DONE, FATE_##fate \
	}
#define PREPARE(code, fate)                                    \
	{                                                      \
		code, PHASE_PREPARE, OUT_NOT_DONE, FATE_##fate \
	}
#define REFUSED(code, fate)                                    \
	{                                                      \
		code, PHASE_EXECUTE, OUT_NOT_DONE, FATE_##fate \
	}
#define UNSURE(code, fate)                                    \
	{                                                     \
		code, PHASE_EXECUTE, OUT_UNKNOWN, FATE_##fate \
	}

static const struct error_expected error_expected[] = {
    CONNECT(1040, PAUSE),
    CONNECT(1044, PAUSE),
    CONNECT(1045, PAUSE),
    CONNECT(1049, PAUSE),
    CONNECT(1053, PAUSE),
    CONNECT(1129, PAUSE),
    CONNECT(1130, PAUSE),
    CONNECT(1193, PAUSE),
    CONNECT(1203, PAUSE),
    CONNECT(1226, PAUSE),
    CONNECT(1251, PAUSE),
    CONNECT(1317, CLOSE),
    CONNECT(1461, PAUSE),
    CONNECT(1698, PAUSE),
    CONNECT(1820, PAUSE),
    CONNECT(1862, PAUSE),
    CONNECT(1927, CLOSE),
    CONNECT(2001, PAUSE),
    CONNECT(2002, PAUSE),
    CONNECT(2003, PAUSE),
    CONNECT(2005, PAUSE),
    CONNECT(2006, CLOSE),
    CONNECT(2012, PAUSE),
    CONNECT(2013, CLOSE),
    CONNECT(2026, CLOSE),
    CONNECT(2027, CLOSE),
    CONNECT(2059, PAUSE),
    CONNECT(2061, PAUSE),

    PREPARE(1053, PAUSE),
    PREPARE(1054, KEEP),
    PREPARE(1064, KEEP),
    PREPARE(1142, KEEP),
    PREPARE(1143, KEEP),
    PREPARE(1146, KEEP),
    PREPARE(1205, KEEP),
    PREPARE(1213, KEEP),
    PREPARE(1226, PAUSE),
    PREPARE(1290, PAUSE),
    PREPARE(1317, CLOSE),
    PREPARE(1461, PAUSE),
    PREPARE(1792, PAUSE),
    PREPARE(1820, PAUSE),
    PREPARE(1836, PAUSE),
    PREPARE(1927, CLOSE),
    PREPARE(1969, KEEP),
    PREPARE(2006, CLOSE),
    PREPARE(2013, CLOSE),
    PREPARE(2026, CLOSE),
    PREPARE(2027, CLOSE),
    PREPARE(3024, KEEP),

    REFUSED(1021, KEEP),
    REFUSED(1030, KEEP),
    REFUSED(1048, KEEP),
    REFUSED(1054, KEEP),
    REFUSED(1062, KEEP),
    REFUSED(1064, KEEP),
    REFUSED(1114, KEEP),
    REFUSED(1142, KEEP),
    REFUSED(1143, KEEP),
    REFUSED(1146, KEEP),
    REFUSED(1205, KEEP),
    REFUSED(1213, KEEP),
    REFUSED(1226, PAUSE),
    REFUSED(1243, CLOSE),
    REFUSED(1264, KEEP),
    REFUSED(1265, KEEP),
    REFUSED(1290, PAUSE),
    REFUSED(1292, KEEP),
    REFUSED(1364, KEEP),
    REFUSED(1366, KEEP),
    REFUSED(1406, KEEP),
    REFUSED(1615, CLOSE),
    REFUSED(1690, KEEP),
    REFUSED(1792, PAUSE),
    REFUSED(1836, PAUSE),
    REFUSED(1969, KEEP),
    REFUSED(3024, KEEP),
    REFUSED(3819, KEEP),
    REFUSED(4025, KEEP),

    UNSURE(1053, PAUSE),
    UNSURE(1180, CLOSE),
    UNSURE(1317, CLOSE),
    UNSURE(1598, CLOSE),
    UNSURE(1927, CLOSE),
    UNSURE(2006, CLOSE),
    UNSURE(2008, CLOSE),
    UNSURE(2013, CLOSE),
    UNSURE(2014, CLOSE),
    UNSURE(2026, CLOSE),
    UNSURE(2027, CLOSE),
    UNSURE(2056, CLOSE),
    UNSURE(2057, CLOSE),

    /* Not in the table: what is said of any code nobody has thought of. */
    CONNECT(1999, PAUSE),
    PREPARE(1999, CLOSE),
    UNSURE(1999, CLOSE),
    UNSURE(1105, CLOSE),
    UNSURE(5014, CLOSE),
    UNSURE(1047, CLOSE),
};

/* Of these, the ones that say that the row itself is at fault. */
static const unsigned row_refusals[] = {
    1048, 1264, 1265, 1292, 1366, 1406, 1690, 3819, 4025};

static inline bool row_refusal(unsigned code)
{
	for (size_t i = 0; i < ARRAY_LEN(row_refusals); i++)
		if (row_refusals[i] == code)
			return true;
	return false;
}

#endif
