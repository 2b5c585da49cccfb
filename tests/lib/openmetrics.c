/* SPDX-License-Identifier: Apache-2.0 */
/* Line by line: heads open families, samples belong to the open one. */
#include "config.h"

#include "lib/openmetrics.h"

#include <math.h>
#include <stdlib.h>

#define SEEN_MAX   20000
#define LABELS_MAX 16

enum kind {
	KIND_GAUGE,
	KIND_COUNTER,
	KIND_HISTOGRAM,
	KIND_INFO,
	KIND_UNKNOWN,
	KIND_COUNT
};

static const struct {
	const char *word;
	const char *suffixes[4]; /* of its samples */
} kinds[KIND_COUNT] = {
    [KIND_GAUGE] = {"gauge", {""}},
    [KIND_COUNTER] = {"counter", {"_total"}},
    [KIND_HISTOGRAM] = {"histogram", {"_bucket", "_count", "_sum"}},
    [KIND_INFO] = {"info", {"_info"}},
    [KIND_UNKNOWN] = {"unknown", {""}},
};

struct label {
	struct strv name, value; /* value as written */
};

struct sample {
	struct strv name;
	struct label labels[LABELS_MAX];
	size_t nlabels;
	double value;
};

struct reading {
	struct err *err;
	unsigned line;
	struct strv family;
	enum kind kind;
	bool has_type, has_unit, has_help, has_samples;
	double bucket_le, bucket_n; /* of the histogram under way */
	bool in_buckets;
	struct strv families[SEEN_MAX / 20];
	size_t nfamilies;
	struct strv samples[SEEN_MAX]; /* name and labels, as written */
	size_t nsamples;
};

static bool wrong(struct reading *r, const char *what)
{
	err_set(r->err, 0, "line %u: %s", r->line, what);
	return false;
}

static bool name_good(struct strv name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		bool letter = (c >= 'a' && c <= 'z') ||
			      (c >= 'A' && c <= 'Z') || c == '_';

		if (!letter && (i == 0 || c < '0' || c > '9'))
			return false;
	}
	return name.n > 0;
}

static bool seen(const struct strv *all, size_t n, struct strv one)
{
	for (size_t i = 0; i < n; i++)
		if (strv_eq(all[i], one))
			return true;
	return false;
}

/* ---- heads ---------------------------------------------------------------- */

static bool family_open(struct reading *r, struct strv name)
{
	if (!name_good(name))
		return wrong(r, "no such name of a family");
	if (seen(r->families, r->nfamilies, name))
		return wrong(r, "a family comes twice");
	if (r->nfamilies == ARRAY_LEN(r->families))
		return wrong(r, "too many families for this test");
	if (r->in_buckets)
		return wrong(r, "the histogram before has no +Inf");
	r->families[r->nfamilies++] = name;
	r->family = name;
	r->kind = KIND_UNKNOWN;
	r->has_type = r->has_unit = r->has_help = r->has_samples = false;
	return true;
}

static bool unit_fits(struct strv family, struct strv unit)
{
	return unit.n > 0 && family.n > unit.n + 1 &&
	       family.p[family.n - unit.n - 1] == '_' &&
	       strv_eq(strv_from(family.p + family.n - unit.n, unit.n), unit);
}

static bool escapes_good(struct strv text)
{
	for (size_t i = 0; i < text.n; i++) {
		if ((unsigned char)text.p[i] < 0x20)
			return false;
		if (text.p[i] != '\\')
			continue;
		if (++i == text.n || strchr("\\\"n", text.p[i]) == NULL)
			return false;
	}
	return true;
}

static bool head_take(struct reading *r, struct strv rest)
{
	struct strv what = strv_cut(&rest, ' ');
	struct strv name = strv_cut(&rest, ' ');

	if (r->family.p == NULL || !strv_eq(name, r->family)) {
		if (!family_open(r, name))
			return false;
	} else if (r->has_samples) {
		return wrong(r, "a head behind its samples");
	}
	if (strv_eq(what, STRV("TYPE")) && !r->has_type) {
		r->has_type = true;
		for (int i = 0; i < KIND_COUNT; i++)
			if (strv_eq(rest, strv_c(kinds[i].word))) {
				r->kind = (enum kind)i;
				return true;
			}
		return wrong(r, "no such type");
	}
	if (strv_eq(what, STRV("UNIT")) && !r->has_unit) {
		r->has_unit = true;
		return unit_fits(name, rest) ||
		       wrong(r, "the name does not end in its unit");
	}
	if (strv_eq(what, STRV("HELP")) && !r->has_help) {
		r->has_help = true;
		return escapes_good(rest) || wrong(r, "a bad escape in HELP");
	}
	return wrong(r, "neither TYPE, UNIT nor HELP, or one of them twice");
}

/* ---- samples -------------------------------------------------------------- */

/* Behind '{'. */
static bool labels_take(
    struct reading *r, struct sample *sample, const char **p, const char *end)
{
	while (*p < end && **p != '}') {
		struct label *label = &sample->labels[sample->nlabels];
		const char *from = *p;

		if (sample->nlabels == LABELS_MAX)
			return wrong(r, "too many labels for this test");
		while (*p < end && **p != '=')
			(*p)++;
		label->name = strv_from(from, (size_t)(*p - from));
		if (!name_good(label->name) || end - *p < 2 || (*p)[1] != '"')
			return wrong(r, "no label=\"value\"");
		for (size_t i = 0; i < sample->nlabels; i++)
			if (strv_eq(sample->labels[i].name, label->name))
				return wrong(r, "a label comes twice");
		from = *p += 2;
		while (*p < end && **p != '"')
			*p += **p == '\\' ? 2 : 1;
		if (*p >= end)
			return wrong(r, "a label's value without its end");
		label->value = strv_from(from, (size_t)(*p - from));
		if (!escapes_good(label->value))
			return wrong(r, "a bad escape or control character");
		sample->nlabels++;
		(*p)++;
		if (*p < end && **p == ',' && (*p)[1] != '}')
			(*p)++;
		else if (*p >= end || **p != '}')
			return wrong(r, "labels are not separated by a comma");
	}
	if (*p >= end)
		return wrong(r, "labels without their end");
	(*p)++;
	return true;
}

static bool value_parse(struct strv text, double *out)
{
	char bytes[64];
	char *end;

	if (!strv_copy(text, bytes, sizeof(bytes)) || text.n == 0 ||
	    strspn(bytes, "+-.0123456789eEInfNa") != text.n)
		return false;
	*out = strtod(bytes, &end);
	return *end == '\0';
}

static bool sample_parse(
    struct reading *r, struct strv line, struct sample *sample)
{
	const char *p = line.p, *end = line.p + line.n;

	*sample = (struct sample){0};
	while (p < end && *p != '{' && *p != ' ')
		p++;
	sample->name = strv_from(line.p, (size_t)(p - line.p));
	if (!name_good(sample->name))
		return wrong(r, "no such name of a sample");
	if (p < end && *p == '{') {
		p++;
		if (!labels_take(r, sample, &p, end))
			return false;
	}
	if (seen(r->samples, r->nsamples,
		strv_from(line.p, (size_t)(p - line.p))))
		return wrong(r, "a sample comes twice");
	if (r->nsamples == SEEN_MAX)
		return wrong(r, "too many samples for this test");
	r->samples[r->nsamples++] = strv_from(line.p, (size_t)(p - line.p));
	if (p >= end || *p++ != ' ' ||
	    !value_parse(strv_from(p, (size_t)(end - p)), &sample->value))
		return wrong(r, "no number behind one blank");
	return true;
}

static bool suffix_good(const struct reading *r, struct strv name)
{
	struct strv rest;

	if (!strv_starts(name, r->family))
		return false;
	rest = strv_from(name.p + r->family.n, name.n - r->family.n);
	for (size_t i = 0; i < ARRAY_LEN(kinds[0].suffixes); i++)
		if (kinds[r->kind].suffixes[i] != NULL &&
		    strv_eq(rest, strv_c(kinds[r->kind].suffixes[i])))
			return true;
	return false;
}

/* Histograms of these tests have no label but le. */
static bool bucket_good(struct reading *r, const struct sample *sample)
{
	bool first = !r->in_buckets;
	double le;

	if (sample->nlabels != 1 ||
	    !strv_eq(sample->labels[0].name, STRV("le")) ||
	    !value_parse(sample->labels[0].value, &le))
		return wrong(r, "a bucket without le");
	if (!first && (le <= r->bucket_le || sample->value < r->bucket_n))
		return wrong(r, "buckets are not cumulative");
	r->bucket_le = le;
	r->bucket_n = sample->value;
	r->in_buckets = !isinf(le);
	return true;
}

static bool sample_take(struct reading *r, struct strv line)
{
	struct sample sample;
	char last;

	if (!sample_parse(r, line, &sample))
		return false;
	if (r->family.p == NULL || !r->has_type || !suffix_good(r, sample.name))
		return wrong(r, "a sample outside its family");
	r->has_samples = true;
	if (r->kind != KIND_GAUGE && r->kind != KIND_UNKNOWN &&
	    !(sample.value >= 0))
		return wrong(r, "a counter below 0");
	if (r->kind == KIND_INFO && sample.value != 1)
		return wrong(r, "an info that is not 1");
	if (r->kind != KIND_HISTOGRAM)
		return true;
	last = sample.name.p[sample.name.n - 1];
	if (last == 't' &&
	    strv_eq(strv_from(sample.name.p + r->family.n, 2), STRV("_b")))
		return bucket_good(r, &sample);
	if (r->in_buckets)
		return wrong(r, "no bucket +Inf");
	if (last == 't' && sample.value != r->bucket_n)
		return wrong(r, "the count is not that of +Inf");
	return true;
}

bool openmetrics_check(struct strv text, struct err *err)
{
	static struct reading reading; /* too large for a stack */
	struct reading *r = &reading;

	*r = (struct reading){.err = err};
	if (text.n == 0 || text.p[text.n - 1] != '\n')
		return wrong(r, "the last line has no end");
	text.n--;
	while (text.p != NULL) {
		struct strv line = strv_cut(&text, '\n');

		r->line++;
		if (strv_eq(line, STRV("# EOF"))) {
			if (text.p != NULL)
				return wrong(r, "something behind # EOF");
			return !r->in_buckets ||
			       wrong(r, "the last histogram has no +Inf");
		}
		if (strv_starts(line, STRV("# "))) {
			if (!head_take(r, strv_from(line.p + 2, line.n - 2)))
				return false;
		} else if (!sample_take(r, line)) {
			return false;
		}
	}
	return wrong(r, "no # EOF");
}
