/* SPDX-License-Identifier: Apache-2.0 */
/* OpenMetrics, as its specification has it (openmetrics.io, version 1.0). */
#include "config.h"

#include "prog/openmetrics.h"

#include <inttypes.h>
#include <stdio.h>

static const struct {
	const char *word, *suffix;
} types[] = {
    [OM_GAUGE] = {"gauge", ""},
    [OM_COUNTER] = {"counter", "_total"},
    [OM_HISTOGRAM] = {"histogram", ""},
    [OM_INFO] = {"info", "_info"},
};

/* The same three characters in a label's value and in a HELP. */
static void escaped_put(struct strbuf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\\' || *text == '"' || *text == '\n')
			strbuf_putc(out, '\\');
		strbuf_putc(out, *text == '\n' ? 'n' : *text);
	}
}

static void name_put(struct strbuf *out, const struct om_family *family)
{
	strbuf_puts(out, family->prefix);
	strbuf_puts(out, family->name);
}

static void head_line(struct strbuf *out, const char *what,
    const struct om_family *family, const char *text)
{
	strbuf_printf(out, "# %s ", what);
	name_put(out, family);
	strbuf_putc(out, ' ');
	escaped_put(out, text);
	strbuf_putc(out, '\n');
}

void om_head(struct strbuf *out, const struct om_family *family)
{
	head_line(out, "TYPE", family, types[family->type].word);
	if (family->unit != NULL)
		head_line(out, "UNIT", family, family->unit);
	head_line(out, "HELP", family, family->help);
}

static void labels_put(
    struct strbuf *out, const struct om_label *labels, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		strbuf_puts(out, i == 0 ? "{" : ",");
		strbuf_puts(out, labels[i].name);
		strbuf_puts(out, "=\"");
		escaped_put(out, labels[i].value);
		strbuf_putc(out, '"');
	}
	if (n > 0)
		strbuf_putc(out, '}');
	strbuf_putc(out, ' ');
}

static void sample_begin(struct strbuf *out, const struct om_family *family,
    const char *suffix, const struct om_label *labels, size_t n)
{
	name_put(out, family);
	strbuf_puts(out, suffix);
	labels_put(out, labels, n);
}

/* Exact, and without a zero more than it needs. */
static void seconds_put(struct strbuf *out, uint64_t ns)
{
	char digits[16];
	size_t n;

	strbuf_printf(out, "%" PRIu64, ns / (uint64_t)NS_PER_S);
	snprintf(
	    digits, sizeof(digits), ".%09" PRIu64, ns % (uint64_t)NS_PER_S);
	for (n = strlen(digits); n > 2 && digits[n - 1] == '0'; n--)
		;
	strbuf_put(out, strv_from(digits, n));
}

void om_int(struct strbuf *out, const struct om_family *family,
    const struct om_label *labels, size_t n, int64_t value)
{
	sample_begin(out, family, types[family->type].suffix, labels, n);
	strbuf_printf(out, "%" PRId64 "\n", value);
}

void om_seconds(struct strbuf *out, const struct om_family *family,
    const struct om_label *labels, size_t n, int64_t ns)
{
	sample_begin(out, family, types[family->type].suffix, labels, n);
	seconds_put(out, ns > 0 ? (uint64_t)ns : 0);
	strbuf_putc(out, '\n');
}

static void scaled_put(
    struct strbuf *out, const struct stats_scale *scale, uint64_t value)
{
	if (scale->is_time)
		seconds_put(out, value);
	else
		strbuf_printf(out, "%" PRIu64 ".0", value);
}

void om_histogram(struct strbuf *out, const struct om_family *family,
    const struct stats_scale *scale, const struct stats_histogram *histogram)
{
	uint64_t sum = 0;

	for (size_t i = 0; i <= STATS_BUCKETS; i++) {
		char bytes[32];
		struct strbuf bound;
		struct om_label le = {"le", bytes};

		strbuf_init(&bound, bytes, sizeof(bytes));
		if (i == STATS_BUCKETS)
			strbuf_puts(&bound, "+Inf");
		else
			scaled_put(&bound, scale, (uint64_t)scale->bound[i]);
		sum += histogram->bucket[i];
		sample_begin(out, family, "_bucket", &le, 1);
		strbuf_printf(out, "%" PRIu64 "\n", sum);
	}
	/* The count is that of the buckets: it may not differ from +Inf. */
	sample_begin(out, family, "_count", NULL, 0);
	strbuf_printf(out, "%" PRIu64 "\n", sum);
	sample_begin(out, family, "_sum", NULL, 0);
	scaled_put(out, scale, histogram->sum);
	strbuf_putc(out, '\n');
}

void om_end(struct strbuf *out)
{
	strbuf_puts(out, "# EOF\n");
}
