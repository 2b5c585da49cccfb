/* SPDX-License-Identifier: Apache-2.0 */
/* JSON or form, into a payload and its hash. */
#include "config.h"

#include "web/body.h"
#include "web/form.h"
#include "web/utf8.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stdlib.h>

static bool type_is(struct strv content_type, struct strv want)
{
	return strv_eq_nocase(strv_trim(strv_cut(&content_type, ';')), want);
}

bool body_type_is_form(struct strv content_type)
{
	return type_is(content_type, STRV("application/x-www-form-urlencoded"));
}

enum body_kind body_kind_of(struct strv content_type, struct strv body)
{
	if (body_type_is_form(content_type))
		return BODY_FORM;
	if (type_is(content_type, STRV("application/json")))
		return BODY_JSON;
	return strv_trim(content_type).n == 0 && body.n == 0 ? BODY_NONE
							     : BODY_OTHER;
}

/* `name` is the sender's: it is cut, never at half a character, and left out
 * when it is nothing to show. */
static bool flaw_at(struct body_flaw *flaw, struct strv name, const char *what)
{
	struct strbuf detail;
	struct strv head;

	if (!utf8_printable(name))
		name = STRV("?");
	head = utf8_head(name, sizeof(flaw->field) - 1);
	memset(flaw, 0, sizeof(*flaw));
	if (head.n > 0)
		memcpy(flaw->field, head.p, head.n);
	strbuf_init(&detail, flaw->detail, sizeof(flaw->detail));
	if (name.p != NULL) {
		strbuf_puts(&detail, "The member \"");
		strbuf_put(&detail, head);
		strbuf_puts(&detail, head.n < name.n ? "...\" " : "\" ");
	}
	strbuf_puts(&detail, what);
	return false;
}

static bool flaw_whole(struct body_flaw *flaw, const char *what)
{
	return flaw_at(flaw, (struct strv){NULL, 0}, what);
}

static bool flaw_ours(struct body_flaw *flaw)
{
	flaw_whole(flaw, "There is no memory to read it.");
	flaw->ours = true;
	return false;
}

/* ---- members ---- */

/* A member's value, from JSON or a form. */
struct value {
	enum {
		VALUE_INTEGER, /* JSON */
		VALUE_TEXT, /* JSON */
		VALUE_FORM,
		VALUE_OTHER /* JSON: null, true, 1.0, [], {} */
	} is;
	json_int_t integer;
	struct strv text;
};

static bool quantity_take(struct payload *out, const struct value *value)
{
	out->has_quantity = true;
	return (value->is == VALUE_INTEGER && value->integer == 1) ||
	       (value->is == VALUE_FORM && strv_eq(value->text, STRV("1")));
}

static bool ref_take(struct payload *out, const struct value *value)
{
	out->has_ref = true;
	return (value->is == VALUE_TEXT || value->is == VALUE_FORM) &&
	       utf8_printable(value->text) &&
	       strv_copy(value->text, out->ref, sizeof(out->ref));
}

static bool key_take(struct payload *out, const struct value *value)
{
	out->has_key = true;
	return strv_copy(value->text, out->key, sizeof(out->key));
}

static const struct member {
	struct strv name;
	bool form_only;
	size_t seen; /* offset of its has_ flag */
	bool (*take)(struct payload *out, const struct value *value);
	const char *wants;
} members[] = {
    {{"quantity", 8}, false, offsetof(struct payload, has_quantity),
	quantity_take, "must be the integer 1: one order is one unit."},
    {{"ref", 3}, false, offsetof(struct payload, has_ref), ref_take,
	"must be text of at most 64 bytes without control characters."},
    {{"idempotency_key", 15}, true, offsetof(struct payload, has_key), key_take,
	"must be 1 to 255 printable ASCII characters."},
};
_Static_assert(ORDER_REF_MAX == 64, "the text above names the limit");
_Static_assert(IDEMPOTENCY_KEY_MAX == 255, "the text above names the limit");

static bool member_take(struct payload *out, struct strv name,
    const struct value *value, struct body_flaw *flaw)
{
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const struct member *m = &members[i];

		if (!strv_eq(name, m->name) ||
		    (m->form_only && value->is != VALUE_FORM))
			continue;
		if (*((const bool *)((const char *)out + m->seen)))
			return flaw_at(flaw, name, "is there twice.");
		return m->take(out, value) || flaw_at(flaw, name, m->wants);
	}
	return flaw_at(flaw, name, "is not known here.");
}

/* ---- forms ---- */

/* However long the form is: a field that is unknown or there twice ends it. */
static bool form_read(
    struct strv body, struct payload *out, struct body_flaw *flaw)
{
	struct form_pair pair;

	for (;;) {
		struct value value;

		switch (form_next(&body, &pair)) {
		case FORM_END:
			return true;
		case FORM_BAD:
			return flaw_whole(flaw,
			    "The form holds a bad escape, no UTF-8, or a "
			    "field that is too long.");
		case FORM_PAIR:
			break;
		}
		value = (struct value){VALUE_FORM, 0, pair.value};
		if (!member_take(out, pair.name, &value, flaw))
			return false;
	}
}

/* ---- JSON ---- */

/*
 * Bounds what the parser will be given: nesting, and members by their colons.
 * jansson alone would follow 2048 levels and build any number of members.
 */
static bool json_bounded(struct strv body)
{
	size_t depth = 0, members_seen = 0;
	bool quoted = false;

	for (size_t i = 0; i < body.n; i++) {
		char c = body.p[i];

		if (quoted) {
			if (c == '\\')
				i++;
			else if (c == '"')
				quoted = false;
		} else if (c == '"') {
			quoted = true;
		} else if (c == '{' || c == '[') {
			if (++depth > BODY_DEPTH_MAX)
				return false;
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		} else if (c == ':' && ++members_seen > BODY_MEMBERS_MAX) {
			return false;
		}
	}
	return true;
}

static struct value value_of(const json_t *json)
{
	if (json_is_integer(json))
		return (struct value){
		    .is = VALUE_INTEGER, .integer = json_integer_value(json)};
	if (json_is_string(json))
		return (struct value){.is = VALUE_TEXT,
		    .text = strv_from(
			json_string_value(json), json_string_length(json))};
	return (struct value){.is = VALUE_OTHER};
}

static bool object_read(
    json_t *object, struct payload *out, struct body_flaw *flaw)
{
	const char *name;
	json_t *json;

	if (!json_is_object(object))
		return flaw_whole(flaw, "The body must be a JSON object.");
	json_object_foreach(object, name, json)
	{
		struct value value = value_of(json);

		if (!member_take(out, strv_c(name), &value, flaw))
			return false;
	}
	return true;
}

/* jansson 2.14 has a code for "no memory" and does not use it: what it cannot
 * explain is mostly that. */
static bool json_refused(const json_error_t *why, struct body_flaw *flaw)
{
	enum json_error_code code = json_error_code(why);

	if (code == json_error_unknown || code == json_error_out_of_memory ||
	    why->text[0] == '\0')
		return flaw_ours(flaw);
	if (code == json_error_duplicate_key)
		return flaw_whole(flaw, "The JSON names a member twice.");
	return flaw_whole(flaw, "The body is not valid JSON.");
}

static bool json_read(
    struct strv body, struct payload *out, struct body_flaw *flaw)
{
	json_error_t why;
	json_t *json;
	bool ok;

	if (body.n == 0)
		return true;
	if (!json_bounded(body))
		return flaw_whole(flaw, "The JSON is nested too deep or has "
					"too many members.");
	json = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, &why);
	if (json == NULL)
		return json_refused(&why, flaw);
	ok = object_read(json, out, flaw);
	json_decref(json);
	return ok;
}

/* ---- the hash ---- */

static bool payload_hash(struct payload *payload)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	json_t *canonical = json_object();
	char *text = NULL;
	bool ok = canonical != NULL;

	if (ok && payload->ref[0] != '\0')
		ok = json_object_set_new(
			 canonical, "ref", json_string(payload->ref)) == 0;
	if (ok)
		text = json_dumps(canonical, JSON_COMPACT | JSON_SORT_KEYS);
	ok = text != NULL && EVP_Digest(text, strlen(text), digest, NULL,
				 EVP_sha256(), NULL) == 1;
	if (ok)
		memcpy(payload->hash, digest, PAYLOAD_HASH_BYTES);
	free(text);
	json_decref(canonical);
	return ok;
}

bool body_read(enum body_kind kind, struct strv body, struct payload *out,
    struct body_flaw *flaw)
{
	bool ok = true;

	memset(out, 0, sizeof(*out));
	if (kind == BODY_FORM)
		ok = form_read(body, out, flaw);
	else if (kind == BODY_JSON)
		ok = json_read(body, out, flaw);
	return ok && (payload_hash(out) || flaw_ours(flaw));
}
