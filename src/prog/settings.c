/* SPDX-License-Identifier: Apache-2.0 */
/* Reads settings by their one table, settings_table.c. */
#include "config.h"

#include "prog/settings.h"
#include "prog/access_format.h"
#include "base/bug.h"
#include "base/num.h"
#include "pool/pool.h"

#include <errno.h>
#include <ini.h>
#include <string.h>
#include <sys/stat.h>

#define MS_PER_S   INT64_C(1000)
#define MS_PER_DAY (INT64_C(86400) * MS_PER_S)

/* ---- one value ------------------------------------------------------------------- */

static void *field_of(struct settings *settings, const struct setting *setting)
{
	return (char *)settings + setting->offset;
}

struct unit {
	const char *suffix;
	int64_t factor;
};

static const struct unit duration_units[] = {
    {"ms", 1},
    {"s", MS_PER_S},
    {"m", 60 * MS_PER_S},
    {"h", 3600 * MS_PER_S},
    {"d", MS_PER_DAY},
    {"", MS_PER_S},
};
static const struct unit size_units[] = {
    {"k", 1024},
    {"K", 1024},
    {"m", 1048576},
    {"M", 1048576},
    {"", 1},
};

static bool number_with_unit(
    struct strv text, const struct unit *units, size_t n, int64_t *out)
{
	struct strv digits = text;
	struct strv suffix;
	int64_t number;

	while (digits.n > 0 &&
	       (digits.p[digits.n - 1] < '0' || digits.p[digits.n - 1] > '9'))
		digits.n--;
	suffix = strv_from(text.p + digits.n, text.n - digits.n);
	if (!num_parse_i64(digits, 0, INT64_MAX, &number))
		return false;
	for (size_t i = 0; i < n; i++)
		if (strv_eq(suffix, strv_c(units[i].suffix)))
			return num_mul_i64(number, units[i].factor, out);
	return false;
}

static bool choice_index(struct strv text, const char *choices, unsigned *out)
{
	struct strv rest = strv_c(choices);

	for (unsigned i = 0; rest.n > 0; i++)
		if (strv_eq(strv_cut(&rest, ' '), text)) {
			*out = i;
			return true;
		}
	return false;
}

static bool octal_parse(struct strv text, unsigned *out)
{
	unsigned value = 0;

	if (text.n == 0 || text.n > 5)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '7')
			return false;
		value = value * 8 + (unsigned)(text.p[i] - '0');
	}
	*out = value;
	return value <= 0777;
}

static bool number_in_range(
    const struct setting *s, bool parsed, int64_t value, struct err *err)
{
	if (!parsed) {
		err_set(err, 0, "%s",
		    s->type == SETTING_DURATION
			? "not a duration: write 500ms, 2s, 5m, 1h or 1d"
		    : s->type == SETTING_SIZE
			? "not a size: write bytes, 16k or 1m"
			: "not a whole number");
		return false;
	}
	if (value < s->min || value > s->max) {
		err_set(err, 0, "must be %lld to %lld%s", (long long)s->min,
		    (long long)s->max,
		    s->type == SETTING_DURATION ? " ms"
		    : s->type == SETTING_SIZE   ? " bytes"
						: "");
		return false;
	}
	return true;
}

static bool value_set(struct settings *settings, const struct setting *s,
    struct strv text, struct err *err)
{
	void *field = field_of(settings, s);
	int64_t number = 0;
	bool parsed;

	switch (s->type) {
	case SETTING_TEXT:
	case SETTING_SECRET:
		if (strv_copy(text, field, SETTINGS_TEXT_MAX))
			return true;
		err_set(err, 0, "longer than %d bytes", SETTINGS_TEXT_MAX - 1);
		return false;
	case SETTING_BOOL:
		*(bool *)field = strv_eq(text, STRV("yes"));
		if (*(bool *)field || strv_eq(text, STRV("no")))
			return true;
		err_set(err, 0, "must be yes or no");
		return false;
	case SETTING_CHOICE:
		if (choice_index(text, s->choices, field))
			return true;
		err_set(err, 0, "must be one of: %s", s->choices);
		return false;
	case SETTING_MODE:
		if (octal_parse(text, field))
			return true;
		err_set(err, 0, "not an octal mode such as 0660");
		return false;
	case SETTING_NUMBER:
		parsed = num_parse_i64(text, INT64_MIN + 1, INT64_MAX, &number);
		break;
	case SETTING_DURATION:
		parsed = number_with_unit(
		    text, duration_units, ARRAY_LEN(duration_units), &number);
		break;
	case SETTING_SIZE:
		parsed = number_with_unit(
		    text, size_units, ARRAY_LEN(size_units), &number);
		break;
	default:
		BUG("no such type of setting");
	}
	if (!number_in_range(s, parsed, number, err))
		return false;
	*(int64_t *)field = number;
	return true;
}

void settings_defaults(struct settings *out)
{
	struct err err;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < settings_table_n; i++)
		BUG_ON(!value_set(out, &settings_table[i],
		    strv_c(settings_table[i].fallback), &err));
}

/* ---- a file ------------------------------------------------------------------------ */

struct loading {
	const char *path;
	FILE *file;
	int line;
	bool long_line;
	bool secrets; /* a password stands in the file */
	struct settings *settings;
	int seen[128]; /* line of each row of the table, 0: not set */
	struct err *err;
	bool failed;
};

static void load_fail(struct loading *load, const char *section,
    const char *key, const char *text)
{
	if (load->failed)
		return;
	load->failed = true;
	if (key[0] != '\0')
		err_set(load->err, 0, "%s:%d: [%s] %s: %s", load->path,
		    load->line, section, key, text);
	else
		err_set(
		    load->err, 0, "%s:%d: %s", load->path, load->line, text);
}

/* fgets() that counts lines: Debian's inih tells its handler no line number. */
static char *line_read(char *out, int size, void *ctx)
{
	struct loading *load = ctx;
	size_t n;

	if (load->failed || fgets(out, size, load->file) == NULL)
		return NULL;
	load->line++;
	n = strlen(out);
	if (n + 1 == (size_t)size && out[n - 1] != '\n')
		load_fail(load, "", "", "this line is too long");
	return out;
}

static const struct setting *setting_find(
    const char *section, const char *key, bool *section_known)
{
	*section_known = false;
	for (size_t i = 0; i < settings_table_n; i++) {
		if (strcmp(settings_table[i].section, section) != 0)
			continue;
		*section_known = true;
		if (strcmp(settings_table[i].key, key) == 0)
			return &settings_table[i];
	}
	return NULL;
}

static int key_take(
    void *ctx, const char *section, const char *key, const char *value)
{
	struct loading *load = ctx;
	const struct setting *setting;
	struct err why = ERR_INIT;
	bool section_known;
	size_t row;

	if (load->failed)
		return 0;
	setting = setting_find(section, key, &section_known);
	if (setting == NULL) {
		load_fail(load, section, key,
		    section_known        ? "no such setting in this section"
		    : section[0] == '\0' ? "stands before any [section]"
					 : "no such section");
		return 0;
	}
	row = (size_t)(setting - settings_table);
	BUG_ON(row >= ARRAY_LEN(load->seen));
	if (load->seen[row] != 0) {
		err_set(
		    &why, 0, "set twice, first in line %d", load->seen[row]);
		load_fail(load, section, key, why.text);
		return 0;
	}
	load->seen[row] = load->line;
	if (setting->type == SETTING_SECRET && value[0] != '\0')
		load->secrets = true;
	if (!value_set(load->settings, setting, strv_c(value), &why)) {
		load_fail(load, section, key, why.text);
		return 0;
	}
	return 1;
}

/* As php-fpm asks it of a path; empty is none. */
static bool path_is_plain(const char *path)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789"
				    "/_.~-";

	return path[0] == '\0' ||
	       (path[0] == '/' && path[strspn(path, plain)] == '\0');
}

/* Sizes that contradict each other; as php-fpm judges them. */
static bool sizes_agree(struct loading *load)
{
	struct settings *s = load->settings;
	int64_t min = s->www.min_spare, max = s->www.max_spare;
	const char *text = NULL;

	if (s->www.pm != POOL_DYNAMIC)
		return true;
	if (min == 0 || max == 0)
		text = min == 0 ? "pm.min_spare_servers: is required and above "
				  "0 with pm = dynamic"
				: "pm.max_spare_servers: is required and above "
				  "0 with pm = dynamic";
	else if (min > s->www.max_children)
		text = "pm.min_spare_servers: is more than pm.max_children";
	else if (max > s->www.max_children)
		text = "pm.max_spare_servers: is more than pm.max_children";
	else if (max < min)
		text =
		    "pm.max_spare_servers: is less than pm.min_spare_servers";
	else if (s->www.start_servers == 0)
		s->www.start_servers = min + (max - min) / 2;
	else if (s->www.start_servers < min || s->www.start_servers > max)
		text = "pm.start_servers: is not between pm.min_spare_servers "
		       "and pm.max_spare_servers";
	if (text != NULL)
		err_set(load->err, 0, "%s: [www] %s", load->path, text);
	return text == NULL;
}

/* What no single key can say. */
static bool settings_agree(struct loading *load)
{
	const struct settings *s = load->settings;
	struct err why = ERR_INIT;
	struct stat st;

	if (s->www.listen[0] == '\0')
		err_set(load->err, 0,
		    "%s: [www] listen is required: a Unix socket or a port",
		    load->path);
	else if (s->keeper.lease_ms < 2 * s->limits.request_deadline_ms)
		err_set(load->err, 0,
		    "%s: [keeper] lease must be at least twice the [limits] "
		    "request_deadline (%lld ms), or claims of running requests "
		    "would be given up",
		    load->path, (long long)s->limits.request_deadline_ms);
	else if (s->www.terminate_timeout_ms != 0 &&
		 s->www.terminate_timeout_ms <= s->limits.request_deadline_ms)
		err_set(load->err, 0,
		    "%s: [www] request_terminate_timeout must be above the "
		    "[limits] request_deadline (%lld ms), or workers would be "
		    "killed that are about to answer",
		    load->path, (long long)s->limits.request_deadline_ms);
	else if (!access_format_check(s->www.access_format, &why))
		err_set(load->err, 0, "%s: [www] access.format: %s", load->path,
		    why.text);
	else if (strcmp(s->www.listen, s->www.status_listen) == 0)
		err_set(load->err, 0,
		    "%s: [www] pm.status_listen must not be listen itself: "
		    "the status would wait behind the traffic",
		    load->path);
	else if (!path_is_plain(s->www.status_path) ||
		 !path_is_plain(s->www.ping_path))
		err_set(load->err, 0,
		    "%s: [www] pm.status_path and ping.path begin with / and "
		    "hold letters, digits and /_.~- only",
		    load->path);
	else if (load->secrets && fstat(fileno(load->file), &st) == 0 &&
		 (st.st_mode & S_IROTH) != 0)
		err_set(load->err, 0,
		    "%s holds a password and everybody may read it: chmod o-r",
		    load->path);
	else
		return sizes_agree(load);
	return false;
}

bool settings_load(const char *path, struct settings *out, struct err *err)
{
	struct loading load = {.path = path, .settings = out, .err = err};
	bool good;
	int bad_line;

	settings_defaults(out);
	load.file = fopen(path, "re");
	if (load.file == NULL) {
		err_set_errno(err, "cannot read %s", path);
		return false;
	}
	bad_line = ini_parse_stream(line_read, &load, key_take, &load);
	if (!load.failed && ferror(load.file) != 0) {
		load.failed = true;
		err_set_errno(err, "cannot read %s", path);
	}
	if (!load.failed && bad_line != 0) {
		load.line = bad_line;
		load_fail(&load, "", "", "neither [section] nor key = value");
	}
	good = !load.failed && settings_agree(&load);
	fclose(load.file);
	return good;
}
