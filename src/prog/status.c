/* SPDX-License-Identifier: Apache-2.0 */
/* Two tables of fields, and the formats that walk them. */
#include "config.h"

#include "prog/status.h"
#include "prog/openmetrics.h"
#include "prog/status_fields.h"
#include "web/html.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define AT(member) offsetof(struct status, member)
#define OF(member) offsetof(struct status_process, member)

/* clang-format off */
const struct status_field status_fields[] = {
    {"pool", FIELD_WORD, AT(pool), NULL, NULL},
    {"process manager", FIELD_WORD, AT(manager), NULL, NULL},
    {"start time", FIELD_TIME, AT(start_time), NULL, NULL},
    {"start since", FIELD_NUMBER, AT(start_since), "start_since",
	"Seconds since the pool has started."},
    {"accepted conn", FIELD_NUMBER, AT(accepted), "accepted_connections",
	"Requests begun so far."},
    {"listen queue", FIELD_NUMBER, AT(queue), "listen_queue",
	"Connections that wait to be accepted."},
    {"max listen queue", FIELD_NUMBER, AT(queue_peak), "max_listen_queue",
	"The most that ever waited."},
    {"listen queue len", FIELD_NUMBER, AT(queue_limit), "listen_queue_length",
	"How many may wait."},
    {"idle processes", FIELD_NUMBER, AT(idle), "idle_processes",
	"Workers that wait for a request."},
    {"active processes", FIELD_NUMBER, AT(active), "active_processes",
	"Workers that serve one."},
    {"total processes", FIELD_NUMBER, AT(total), "total_processes",
	"Both."},
    {"max active processes", FIELD_NUMBER, AT(active_peak),
	"max_active_processes", "The most that ever were active at once."},
    {"max children reached", FIELD_NUMBER, AT(full), "max_children_reached",
	"How often pm.max_children workers came to be active at once."},
    {"slow requests", FIELD_NUMBER, AT(slow), "slow_requests",
	"Requests that took longer than request_slowlog_timeout."},
    {"memory peak", FIELD_NUMBER, AT(memory_peak), "memory_peak",
	"The most bytes that a worker ever had resident."},
    {"generation", FIELD_NUMBER, AT(generation), "generation",
	"Of the configuration that serves; 1 since the start."},
    {"reloads", FIELD_NUMBER, AT(reloads), "reloads",
	"Reloads so far, taken or refused."},
    {"reloads failed", FIELD_NUMBER, AT(reloads_failed), "reloads_failed",
	"Reloads that were refused."},
    {"last reload", FIELD_WORD, AT(last_reload), NULL, NULL},
    {"waiting orders", FIELD_NUMBER, AT(waiting), NULL, NULL},
    {"oldest waiting", FIELD_NUMBER, AT(oldest), NULL, NULL},
    {"lost orders", FIELD_NUMBER, AT(lost), NULL, NULL},
    {"durability", FIELD_WORD, AT(durability), NULL, NULL},
};
const size_t status_nfields = ARRAY_LEN(status_fields);

const struct status_field status_process_fields[] = {
    {"pid", FIELD_NUMBER, OF(pid), NULL, NULL},
    {"state", FIELD_WORD, OF(state), NULL, NULL},
    {"start time", FIELD_TIME, OF(start_time), NULL, NULL},
    {"start since", FIELD_NUMBER, OF(start_since), "process_start_since",
	"Seconds since this worker was born."},
    {"requests", FIELD_NUMBER, OF(requests), "process_requests",
	"Requests that this worker has begun."},
    {"request duration", FIELD_NUMBER, OF(duration_us),
	"process_request_duration",
	"Microseconds of its request at hand, or of its last one."},
    {"request method", FIELD_ARRAY, OF(method), NULL, NULL},
    {"request URI", FIELD_ARRAY, OF(uri), NULL, NULL},
    {"content length", FIELD_NUMBER, OF(content_length), NULL, NULL},
    {"user", FIELD_ARRAY, OF(user), NULL, NULL},
    {"script", FIELD_WORD, OF(script), NULL, NULL},
    {"last request cpu", FIELD_NUMBER, OF(cpu), NULL, NULL},
    {"last request memory", FIELD_NUMBER, OF(memory), NULL, NULL},
    {"phase", FIELD_WORD, OF(phase), NULL, NULL},
    {"phase duration", FIELD_NUMBER, OF(phase_us), NULL, NULL},
    {"claim", FIELD_ARRAY, OF(claim), NULL, NULL},
    {"generation", FIELD_NUMBER, OF(generation), NULL, NULL},
};
const size_t status_nprocess_fields = ARRAY_LEN(status_process_fields);
/* clang-format on */

/* ---- one value ------------------------------------------------------------------- */

const char *status_field_text(
    const struct status_field *field, const void *record)
{
	const char *at = (const char *)record + field->offset;

	return field->kind == FIELD_ARRAY
		   ? at
		   : *(const char *const *)(const void *)at;
}

int64_t status_field_number(
    const struct status_field *field, const void *record)
{
	return *(const int64_t *)(const void *)((const char *)record +
						field->offset);
}

/* 22/Nov/2026:20:00:00 +0000, as php-fpm writes it for people. */
static void time_put(struct strbuf *out, int64_t seconds)
{
	time_t when = (time_t)seconds;
	char text[48] = "";
	struct tm tm;

	if (localtime_r(&when, &tm) != NULL)
		strftime(text, sizeof(text), "%d/%b/%Y:%H:%M:%S %z", &tm);
	strbuf_puts(out, text);
}

static void value_put(struct strbuf *out, const struct status_field *field,
    const void *record, bool escape)
{
	const char *text;
	int64_t number;

	switch (field->kind) {
	case FIELD_WORD:
	case FIELD_ARRAY:
		text = status_field_text(field, record);
		if (escape)
			html_escape(out, strv_c(text));
		else
			strbuf_puts(out, text);
		return;
	case FIELD_TIME:
		time_put(out, status_field_number(field, record));
		return;
	case FIELD_NUMBER:
		number = status_field_number(field, record);
		if (number == STATUS_NA)
			strbuf_puts(out, "n/a");
		else
			strbuf_printf(out, "%" PRId64, number);
		return;
	}
}

/* ---- text ------------------------------------------------------------------------- */

static void text_lines(struct strbuf *out, const struct status_field *fields,
    size_t n, const void *record)
{
	for (size_t i = 0; i < n; i++) {
		strbuf_printf(out, "%s:%*s", fields[i].name,
		    (int)(21 - strlen(fields[i].name)), "");
		value_put(out, &fields[i], record, false);
		strbuf_putc(out, '\n');
	}
}

static void text_write(
    const struct status *status, bool full, struct strbuf *out)
{
	text_lines(out, status_fields, status_nfields, status);
	for (size_t i = 0; full && i < status->nprocesses; i++) {
		strbuf_puts(out, "\n************************\n");
		text_lines(out, status_process_fields, status_nprocess_fields,
		    &status->processes[i]);
	}
}

/* ---- HTML ------------------------------------------------------------------------- */

static void html_cell(struct strbuf *out, const char *tag,
    const struct status_field *field, const void *record)
{
	strbuf_printf(out, "<%s>", tag);
	if (record == NULL)
		html_escape(out, strv_c(field->name));
	else
		value_put(out, field, record, true);
	strbuf_printf(out, "</%s>", tag);
}

static void html_processes(const struct status *status, struct strbuf *out)
{
	strbuf_puts(out, "<table>\n<tr>");
	for (size_t i = 0; i < status_nprocess_fields; i++)
		html_cell(out, "th", &status_process_fields[i], NULL);
	strbuf_puts(out, "</tr>\n");
	for (size_t i = 0; i < status->nprocesses; i++) {
		strbuf_puts(out, "<tr>");
		for (size_t k = 0; k < status_nprocess_fields; k++)
			html_cell(out, "td", &status_process_fields[k],
			    &status->processes[i]);
		strbuf_puts(out, "</tr>\n");
	}
	strbuf_puts(out, "</table>\n");
}

static void html_write(
    const struct status *status, bool full, struct strbuf *out)
{
	/* XHTML, as php-fpm's: an XML parser takes it, too. */
	strbuf_puts(out,
	    "<!DOCTYPE html>\n"
	    "<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n"
	    "<head><meta charset=\"utf-8\"/><title>Status</title></head>\n"
	    "<body>\n<table>\n");
	for (size_t i = 0; i < status_nfields; i++) {
		strbuf_puts(out, "<tr>");
		html_cell(out, "th", &status_fields[i], NULL);
		html_cell(out, "td", &status_fields[i], status);
		strbuf_puts(out, "</tr>\n");
	}
	strbuf_puts(out, "</table>\n");
	if (full)
		html_processes(status, out);
	strbuf_puts(out, "</body>\n</html>\n");
}

/* ---- XML -------------------------------------------------------------------------- */

void status_name_put(struct strbuf *out, const char *name, char blank)
{
	for (; *name != '\0'; name++)
		strbuf_putc(out, *name == ' ' ? blank
				 : *name >= 'A' && *name <= 'Z'
				     ? (char)(*name + 32)
				     : *name);
}

static void xml_elements(struct strbuf *out, const struct status_field *fields,
    size_t n, const void *record)
{
	for (size_t i = 0; i < n; i++) {
		strbuf_putc(out, '<');
		status_name_put(out, fields[i].name, '-');
		strbuf_putc(out, '>');
		if (fields[i].kind == FIELD_TIME)
			strbuf_printf(out, "%" PRId64,
			    status_field_number(&fields[i], record));
		else
			value_put(out, &fields[i], record, true);
		strbuf_puts(out, "</");
		status_name_put(out, fields[i].name, '-');
		strbuf_puts(out, ">\n");
	}
}

static void xml_write(
    const struct status *status, bool full, struct strbuf *out)
{
	strbuf_puts(
	    out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<status>\n");
	xml_elements(out, status_fields, status_nfields, status);
	if (full)
		strbuf_puts(out, "<processes>\n");
	for (size_t i = 0; full && i < status->nprocesses; i++) {
		strbuf_puts(out, "<process>\n");
		xml_elements(out, status_process_fields, status_nprocess_fields,
		    &status->processes[i]);
		strbuf_puts(out, "</process>\n");
	}
	if (full)
		strbuf_puts(out, "</processes>\n");
	strbuf_puts(out, "</status>\n");
}

/* ---- OpenMetrics, under php-fpm's names ----------------------------------------- */

/* php-fpm calls what only grows a counter, without the suffix that a counter
 * must have.  The names are what exporters know, so the type gives way. */
static struct om_family family_of(const struct status_field *field)
{
	return (struct om_family){
	    .prefix = "phpfpm_",
	    .name = field->metric,
	    .type = OM_GAUGE,
	    .help = field->help,
	};
}

static void metrics_processes(const struct status *status,
    const struct status_field *field, struct strbuf *out)
{
	const struct om_family family = family_of(field);

	om_head(out, &family);
	for (size_t i = 0; i < status->nprocesses; i++) {
		char pid[24];
		const struct om_label labels[] = {
		    {"pool", status->pool}, {"pid", pid}};

		snprintf(
		    pid, sizeof(pid), "%" PRId64, status->processes[i].pid);
		om_int(out, &family, labels, ARRAY_LEN(labels),
		    status_field_number(field, &status->processes[i]));
	}
}

/* A text is a label's value. */
static void metrics_reload(const struct status *status, struct strbuf *out)
{
	const struct om_family family = {.prefix = "phpfpm_",
	    .name = "last_reload",
	    .type = OM_INFO,
	    .help = "What became of the last reload."};
	const struct om_label labels[] = {
	    {"pool", status->pool}, {"verdict", status->last_reload}};

	om_head(out, &family);
	om_int(out, &family, labels, ARRAY_LEN(labels), 1);
}

static void metrics_write(
    const struct status *status, bool full, struct strbuf *out)
{
	const struct om_label pool[] = {{"pool", status->pool}};
	const struct om_family up = {.prefix = "phpfpm_",
	    .name = "up",
	    .type = OM_GAUGE,
	    .help = "Does the pool answer?"};

	om_head(out, &up);
	om_int(out, &up, pool, 1, 1);
	for (size_t i = 0; i < status_nfields; i++) {
		const struct om_family family = family_of(&status_fields[i]);
		int64_t number;

		if (family.name == NULL)
			continue;
		number = status_field_number(&status_fields[i], status);
		om_head(out, &family);
		if (number != STATUS_NA)
			om_int(out, &family, pool, 1, number);
	}
	metrics_reload(status, out);
	for (size_t i = 0; full && i < status_nprocess_fields; i++)
		if (status_process_fields[i].metric != NULL)
			metrics_processes(
			    status, &status_process_fields[i], out);
	om_end(out);
}

/* ---- which ------------------------------------------------------------------------- */

static const struct {
	const char *key, *type;
} formats[] = {
    [STATUS_TEXT] = {"text", "text/plain; charset=utf-8"},
    [STATUS_HTML] = {"html", "text/html; charset=utf-8"},
    [STATUS_XML] = {"xml", "text/xml; charset=utf-8"},
    [STATUS_JSON] = {"json", "application/json"},
    [STATUS_OPENMETRICS] = {"openmetrics", OM_CONTENT_TYPE},
};
_Static_assert(ARRAY_LEN(formats) == STATUS_FORMAT_COUNT, "a row for each");

enum status_format status_format_of(struct strv query, bool *full)
{
	enum status_format format = STATUS_TEXT;

	*full = false;
	while (query.n > 0) {
		struct strv key = strv_cut(&query, '&');

		if (strv_eq(key, STRV("full")))
			*full = true;
		for (size_t i = 0; i < ARRAY_LEN(formats); i++)
			if (format == STATUS_TEXT &&
			    strv_eq(key, strv_c(formats[i].key)))
				format = (enum status_format)i;
	}
	return format;
}

const char *status_content_type(enum status_format format)
{
	return formats[format].type;
}

bool status_write(const struct status *status, enum status_format format,
    bool full, struct strbuf *out)
{
	switch (format) {
	case STATUS_HTML:
		html_write(status, full, out);
		return true;
	case STATUS_XML:
		xml_write(status, full, out);
		return true;
	case STATUS_JSON:
		return status_json_write(status, full, out);
	case STATUS_OPENMETRICS:
		metrics_write(status, full, out);
		return true;
	case STATUS_TEXT:
	case STATUS_FORMAT_COUNT:
		break;
	}
	text_write(status, full, out);
	return true;
}
