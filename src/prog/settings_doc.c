/* SPDX-License-Identifier: Apache-2.0 */
/* The table of settings as text: -tt, conf/flashgate.conf, flashgate.conf(5). */
#include "config.h"

#include "prog/settings.h"
#include "base/bug.h"

#include <string.h>

#define WIDTH 78

static const struct {
	const char *section, *about;
} sections[] = {
    {"global", "The master process."},
    {"www", "The workers, and the socket that the web server talks to."},
    {"redis", "The gate: who gets in."},
    {"mysql", "The ledger: what is true."},
    {"identity", "How the server knows who the customer is."},
    {"limits", "What a request may cost."},
    {"keeper", "The process that decides what workers left undecided."},
    {"queue", "Sales in mode queue or sweep: what a 202 is worth."},
    {"settler", "The processes that write orders of modes queue and sweep."},
};

const char *settings_section_about(const char *section)
{
	for (size_t i = 0; i < ARRAY_LEN(sections); i++)
		if (strcmp(sections[i].section, section) == 0)
			return sections[i].about;
	BUG("a section without a description");
}

/* ---- -tt ------------------------------------------------------------------------- */

/* The shortest exact form: 86400000 is 1d, 1500 is 1500ms. */
static const char *duration_text(int64_t ms, char *out, size_t size)
{
	static const struct {
		int64_t ms;
		const char *suffix;
	} units[] = {
	    {86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}};

	snprintf(out, size, "%lldms", (long long)ms);
	for (size_t i = ARRAY_LEN(units); i-- > 0 && ms > 0;)
		if (ms % units[i].ms == 0)
			snprintf(out, size, "%lld%s",
			    (long long)(ms / units[i].ms), units[i].suffix);
	return out;
}

static void choice_print(unsigned index, const char *choices, FILE *out)
{
	struct strv rest = strv_c(choices), word = {NULL, 0};

	for (unsigned i = 0; i <= index; i++)
		word = strv_cut(&rest, ' ');
	fprintf(out, STRV_FMT, STRV_ARG(word));
}

static void value_print(
    const struct settings *settings, const struct setting *s, FILE *out)
{
	const void *field = (const char *)settings + s->offset;
	char text[32];

	switch (s->type) {
	case SETTING_TEXT:
		fputs(field, out);
		break;
	case SETTING_SECRET:
		fputs(*(const char *)field != '\0' ? "(set)" : "", out);
		break;
	case SETTING_BOOL:
		fputs(*(const bool *)field ? "yes" : "no", out);
		break;
	case SETTING_NUMBER:
	case SETTING_SIZE:
		fprintf(out, "%lld", (long long)*(const int64_t *)field);
		break;
	case SETTING_DURATION:
		fputs(
		    duration_text(*(const int64_t *)field, text, sizeof(text)),
		    out);
		break;
	case SETTING_MODE:
		fprintf(out, "%04o", *(const unsigned *)field);
		break;
	case SETTING_CHOICE:
		choice_print(*(const unsigned *)field, s->choices, out);
		break;
	}
}

/* Does row `i` begin a section? */
static bool section_begins(size_t i)
{
	return i == 0 || strcmp(settings_table[i - 1].section,
			     settings_table[i].section) != 0;
}

void settings_dump(const struct settings *settings, FILE *out)
{
	for (size_t i = 0; i < settings_table_n; i++) {
		const struct setting *s = &settings_table[i];

		if (section_begins(i))
			fprintf(
			    out, "%s[%s]\n", i == 0 ? "" : "\n", s->section);
		fprintf(out, "%s = ", s->key);
		value_print(settings, s, out);
		fputc('\n', out);
	}
}

/* ---- conf/flashgate.conf --------------------------------------------------------- */

/* A paragraph behind "; ", broken at blanks. */
static void comment_print(const char *text, FILE *out)
{
	while (*text != '\0') {
		size_t n = strlen(text);

		if (n > WIDTH - 2) {
			n = WIDTH - 2;
			while (n > 0 && text[n] != ' ')
				n--;
			BUG_ON(n == 0);
		}
		fprintf(out, "; %.*s\n", (int)n, text);
		text += n;
		while (*text == ' ')
			text++;
	}
}

static void range_describe(const struct setting *s, char *out, size_t size)
{
	char low[32], high[32];

	out[0] = '\0';
	switch (s->type) {
	case SETTING_BOOL:
		snprintf(out, size, "yes or no");
		break;
	case SETTING_CHOICE:
		snprintf(out, size, "one of: %s", s->choices);
		break;
	case SETTING_NUMBER:
		snprintf(out, size, "%lld to %lld", (long long)s->min,
		    (long long)s->max);
		break;
	case SETTING_DURATION:
		snprintf(out, size, "%s to %s",
		    duration_text(s->min, low, sizeof(low)),
		    duration_text(s->max, high, sizeof(high)));
		break;
	case SETTING_SIZE:
		snprintf(out, size, "%lld to %lld bytes", (long long)s->min,
		    (long long)s->max);
		break;
	case SETTING_MODE:
		snprintf(out, size, "octal, 0 to 0777");
		break;
	case SETTING_TEXT:
	case SETTING_SECRET:
		break;
	}
}

void settings_write_conf(FILE *out)
{
	char range[128];

	fputs("; flashgate.conf: every setting, with its default.  Made from "
	      "the table in\n; src/prog/settings_table.c; see "
	      "flashgate.conf(5).  "
	      "Durations: 500ms, 2s, 5m, 1h,\n; 1d; a bare number is seconds.  "
	      "An unknown key is an error.\n",
	    out);
	for (size_t i = 0; i < settings_table_n; i++) {
		const struct setting *s = &settings_table[i];

		if (section_begins(i)) {
			fputc('\n', out);
			comment_print(settings_section_about(s->section), out);
			fprintf(out, "[%s]\n", s->section);
		}
		fputc('\n', out);
		comment_print(s->description, out);
		range_describe(s, range, sizeof(range));
		if (range[0] != '\0')
			fprintf(out, "; Range: %s.\n", range);
		if (!s->reloadable)
			fputs("; Takes effect at a restart.\n", out);
		fprintf(out, ";%s =%s%s\n", s->key,
		    s->fallback[0] != '\0' ? " " : "", s->fallback);
	}
}

/* ---- flashgate.conf(5) --------------------------------------------------------------- */

/* mdoc takes a leading dot or quote for a macro, and wants a new sentence on a
 * new line. */
static void mdoc_print(const char *text, FILE *out)
{
	for (const char *at = text; *at != '\0'; at++) {
		bool first = at == text || at[-1] == '\n';

		if (first && (*at == '.' || *at == '\''))
			fputs("\\&", out);
		if (*at == '.' && at[1] == ' ') {
			fputs(".\n", out);
			at++;
		} else if (*at == '-') {
			fputs("\\-", out);
		} else {
			fputc(*at, out);
		}
	}
	fputc('\n', out);
}

/* As the arguments of a macro: %R is one by itself, and a quote would open an
 * argument with blanks. */
static void mdoc_quote(const char *text, FILE *out)
{
	for (const char *at = text; *at != '\0'; at++) {
		if (*at == '%' && (at == text || at[-1] == ' '))
			fputs("\\&", out);
		if (*at == '"')
			fputs("\\(dq", out);
		else
			fputc(*at, out);
	}
}

void settings_write_mdoc(FILE *out)
{
	char range[128];

	for (size_t i = 0; i < settings_table_n; i++) {
		const struct setting *s = &settings_table[i];

		if (section_begins(i)) {
			if (i > 0)
				fputs(".El\n", out);
			fprintf(out, ".Ss Section %s\n", s->section);
			mdoc_print(settings_section_about(s->section), out);
			fputs(".Bl -tag -width Ds\n", out);
		}
		fprintf(out, ".It Ic %s\n", s->key);
		mdoc_print(s->description, out);
		range_describe(s, range, sizeof(range));
		if (range[0] != '\0') {
			fputs("Range: ", out);
			mdoc_print(range, out);
		}
		if (s->fallback[0] != '\0') {
			fputs("Default:\n.Ql ", out);
			mdoc_quote(s->fallback, out);
			fputs(" .\n", out);
		} else {
			fputs("Default: empty.\n", out);
		}
		if (!s->reloadable)
			fputs("Takes effect at a restart.\n", out);
	}
	fputs(".El\n", out);
}
