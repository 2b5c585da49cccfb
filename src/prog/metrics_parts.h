/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of prog/metrics share; nobody else includes it.
 */
#ifndef PROG_METRICS_PARTS_H
#define PROG_METRICS_PARTS_H

#include "prog/metrics.h"
#include "prog/openmetrics.h"

#define FAMILY(text, ...) \
	((struct om_family){.prefix = "flashgate_", .name = text, __VA_ARGS__})
#define COUNTER(text, words) FAMILY(text, .type = OM_COUNTER, .help = words)
#define GAUGE(text, ...)     FAMILY(text, .type = OM_GAUGE, .help = __VA_ARGS__)
#define SECONDS(text, kind, words) \
	FAMILY(text, .type = kind, .unit = "seconds", .help = words)

int64_t metrics_counted(uint64_t n);
/* A family of one sample; none when the number is not known. */
void metrics_single(
    struct strbuf *out, const struct om_family *family, int64_t value);

/* metrics_sales.c */
void metrics_keeper_put(const struct keeper_stats *keeper, struct strbuf *out);
void metrics_settlers_put(const struct metrics *metrics, struct strbuf *out);
void metrics_sales_put(const struct metrics *metrics, struct strbuf *out);

#endif
