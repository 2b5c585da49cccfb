/* SPDX-License-Identifier: Apache-2.0 */
/* Names, tokens and the header that carries them. */
#include "config.h"

#include "rush/ident.h"
#include "base/bug.h"
#include "web/token.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct piece {
	size_t at;
	uint32_t n;
};

struct idents {
	const struct options *options;
	struct token_keys keys;
	struct piece *token; /* by customer; NULL without tokens */
	char *text; /* all tokens, one behind the other */
	size_t used;
	size_t size;
};

void ident_customer(
    const struct options *options, uint32_t customer, struct strbuf *out)
{
	strbuf_printf(out, "%s%u", options->customer_prefix, customer + 1);
}

void ident_line(
    const struct idents *idents, uint32_t customer, struct strbuf *out)
{
	const struct options *options = idents->options;

	if (idents->token != NULL) {
		const struct piece *piece = &idents->token[customer];

		strbuf_puts(out, "Authorization: Bearer ");
		strbuf_put(out, strv_from(idents->text + piece->at, piece->n));
	} else if (options->remote_user_header != NULL) {
		strbuf_printf(out, "%s: ", options->remote_user_header);
		ident_customer(options, customer, out);
	}
}

/* ---- the key ------------------------------------------------------------------ */

/* The file's bytes as they are: a newline at the end is token_key_set()'s to
 * drop, here as in the server. */
static bool secret_read(const char *path, char *bytes, size_t size,
    struct strv *out, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	ssize_t got = 0;

	if (fd < 0) {
		err_set_errno(err, "--token-key %s", path);
		return false;
	}
	while (n < size && (got = read(fd, bytes + n, size - n)) > 0)
		n += (size_t)got;
	if (got < 0)
		err_set_errno(err, "--token-key %s", path);
	close(fd);
	if (got < 0)
		return false;
	if (n == size) {
		err_set(err, 0, "--token-key %s: too long for a secret", path);
		return false;
	}
	*out = strv_from(bytes, n);
	return true;
}

static bool option_copy(
    const char *name, const char *text, char *out, size_t size, struct err *err)
{
	if (text == NULL || strv_copy(strv_c(text), out, size))
		return true;
	err_set(err, 0, "%s: too long", name);
	return false;
}

static bool keys_read(struct idents *idents, struct err *err)
{
	const struct options *options = idents->options;
	struct token_keys *keys = &idents->keys;
	char bytes[TOKEN_SECRET_MAX + 2];
	const char *kid = options->token_kid != NULL ? options->token_kid : "";
	struct strv secret;
	bool good;

	good = secret_read(
		   options->token_key, bytes, sizeof(bytes), &secret, err) &&
	       option_copy("--issuer", options->issuer, keys->issuer,
		   sizeof(keys->issuer), err) &&
	       option_copy("--audience", options->audience, keys->audience,
		   sizeof(keys->audience), err) &&
	       token_key_set(
		   &keys->key[0], strv_c(kid), STRV("HS256"), secret, err);
	keys->n = 1;
	explicit_bzero(bytes, sizeof(bytes));
	return good;
}

/* ---- tokens ------------------------------------------------------------------- */

static bool text_room(struct idents *idents, size_t bytes)
{
	size_t size = idents->size;
	char *text;

	if (size - idents->used >= bytes)
		return true;
	while (size - idents->used < bytes)
		size = size == 0 ? 1024 * 1024 : size * 2;
	text = realloc(idents->text, size);
	if (text == NULL)
		return false;
	idents->text = text;
	idents->size = size;
	return true;
}

static bool token_add(
    struct idents *idents, uint32_t customer, struct wall now, struct err *err)
{
	char bytes[CUSTOMER_MAX + 1];
	struct strbuf name;
	size_t n;

	if (!text_room(idents, TOKEN_BYTES_MAX)) {
		err_set(err, ENOMEM, "tokens: out of memory");
		return false;
	}
	strbuf_init(&name, bytes, sizeof(bytes));
	ident_customer(idents->options, customer, &name);
	if (!token_make(&idents->keys, strbuf_view(&name), now,
		IDENT_TOKEN_TTL_S, idents->text + idents->used, TOKEN_BYTES_MAX,
		err)) {
		err_wrap(err, "token of %s", bytes);
		return false;
	}
	n = strlen(idents->text + idents->used);
	idents->token[customer] = (struct piece){idents->used, (uint32_t)n};
	idents->used += n;
	return true;
}

static bool tokens_make(struct idents *idents, const struct plan *plan,
    ident_progress_fn *progress, void *ctx, struct err *err)
{
	uint32_t present = plan_present(plan);
	struct wall now = wall_now();

	if (!keys_read(idents, err))
		return false;
	idents->token = calloc(plan->shoppers, sizeof(*idents->token));
	if (idents->token == NULL) {
		err_set(err, ENOMEM, "tokens: out of memory");
		return false;
	}
	for (uint32_t i = 0; i < present; i++) {
		if (!token_add(idents, plan_shopper(plan, i), now, err))
			return false;
		if (i % 256 == 0 && !progress(ctx, i, present)) {
			err_set(err, EINTR, "interrupted");
			return false;
		}
	}
	return true;
}

struct idents *idents_new(const struct options *options,
    const struct plan *plan, ident_progress_fn *progress, void *ctx,
    struct err *err)
{
	struct idents *idents = calloc(1, sizeof(*idents));

	if (idents == NULL) {
		err_set(err, ENOMEM, "tokens: out of memory");
		return NULL;
	}
	idents->options = options;
	if (options->token_key != NULL &&
	    !tokens_make(idents, plan, progress, ctx, err)) {
		idents_free(&idents);
		return NULL;
	}
	return idents;
}

void idents_free(struct idents **idents)
{
	if (*idents == NULL)
		return;
	explicit_bzero(&(*idents)->keys, sizeof((*idents)->keys));
	free((*idents)->text);
	free((*idents)->token);
	free(*idents);
	*idents = NULL;
}
