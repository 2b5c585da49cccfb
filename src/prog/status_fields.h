/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields of the status page, in php-fpm's order; inside the files of
 * prog/status alone.
 */
#ifndef PROG_STATUS_FIELDS_H
#define PROG_STATUS_FIELDS_H

#include "prog/status.h"

enum status_field_kind {
	FIELD_WORD, /* const char * */
	FIELD_ARRAY, /* char [] */
	FIELD_NUMBER, /* int64_t, or STATUS_NA */
	FIELD_TIME /* int64_t, seconds since 1970 */
};

struct status_field {
	const char *name;
	enum status_field_kind kind;
	size_t offset; /* into the record */
	const char *metric; /* behind "phpfpm_"; NULL: none */
	const char *help;
};

extern const struct status_field status_fields[]; /* of struct status */
extern const size_t status_nfields;
extern const struct status_field status_process_fields[];
extern const size_t status_nprocess_fields;

const char *status_field_text(
    const struct status_field *field, const void *record);
int64_t status_field_number(
    const struct status_field *field, const void *record);
/* In lower case, blanks replaced. */
void status_name_put(struct strbuf *out, const char *name, char blank);

bool status_json_write(
    const struct status *status, bool full, struct strbuf *out) ATTR_MUSTUSE;

#endif
