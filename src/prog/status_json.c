/* SPDX-License-Identifier: Apache-2.0 */
/* The status page as JSON. */
#include "config.h"

#include "prog/status_fields.h"

#include <jansson.h>

static json_t *value_of(const struct status_field *field, const void *record)
{
	int64_t number;

	switch (field->kind) {
	case FIELD_WORD:
	case FIELD_ARRAY:
		return json_string(status_field_text(field, record));
	case FIELD_NUMBER:
	case FIELD_TIME:
		break;
	}
	number = status_field_number(field, record);
	return number == STATUS_NA ? json_null() : json_integer(number);
}

/* NULL when memory is out. */
static json_t *object_of(
    const struct status_field *fields, size_t n, const void *record)
{
	json_t *object = json_object();

	for (size_t i = 0; i < n && object != NULL; i++) {
		char bytes[32];
		struct strbuf name;

		strbuf_init(&name, bytes, sizeof(bytes));
		status_name_put(&name, fields[i].name, ' ');
		if (json_object_set_new(
			object, name.p, value_of(&fields[i], record)) == 0)
			continue;
		json_decref(object);
		return NULL;
	}
	return object;
}

static bool processes_add(json_t *object, const struct status *status)
{
	json_t *list = json_array();

	for (size_t i = 0; i < status->nprocesses; i++)
		if (json_array_append_new(list,
			object_of(status_process_fields, status_nprocess_fields,
			    &status->processes[i])) != 0) {
			json_decref(list);
			return false;
		}
	return json_object_set_new(object, "processes", list) == 0;
}

bool status_json_write(
    const struct status *status, bool full, struct strbuf *out)
{
	json_t *object = object_of(status_fields, status_nfields, status);
	size_t room = out->size - 1 - out->n, n;
	bool whole = object != NULL && (!full || processes_add(object, status));

	if (whole) {
		n = json_dumpb(object, out->p + out->n, room, JSON_COMPACT);
		whole = n != 0;
		out->overflow = out->overflow || n > room;
		if (n <= room)
			out->n += n;
		out->p[out->n] = '\0';
	}
	json_decref(object);
	return whole;
}
