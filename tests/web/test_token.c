/* SPDX-License-Identifier: Apache-2.0 */
/* web: bearer tokens, made by hand so that every part of them can be wrong. */
#include "config.h"

#include "world.h"

#include "web/base64url.h"

#include <stdio.h>

/* The moment of the checks, and of "exp":2000000600. */
#define NOW_S INT64_C(2000000000)

static const struct wall now = {NOW_S * US_PER_S};

static struct token_keys *keys_new(void)
{
	struct token_keys *keys = calloc(1, sizeof(*keys));
	struct err err = ERR_INIT;

	ck_assert_ptr_nonnull(keys);
	ck_assert(token_key_set(&keys->key[0], STRV("k1"), STRV("HS256"),
	    STRV(WORLD_SECRET), &err));
	ck_assert(token_key_set(&keys->key[1], STRV("k2"), STRV("HS256"),
	    STRV(WORLD_SECRET2), &err));
	keys->n = 2;
	strcpy(keys->issuer, "shop");
	strcpy(keys->audience, "sale");
	return keys;
}

#define HEAD   "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"k1\"}"
#define CLAIMS "\"sub\":\"ann\",\"iss\":\"shop\",\"aud\":\"sale\""
#define EXP    "\"exp\":2000000600"
#define GOOD   "{" CLAIMS "," EXP "}"

static const struct {
	const char *head, *body, *secret;
	const char *why; /* NULL for a good token; else part of the reason */
} tokens[] = {
    {HEAD, GOOD, WORLD_SECRET, NULL},
    {"{\"alg\":\"HS256\",\"kid\":\"k2\"}", GOOD, WORLD_SECRET2, NULL},
    {HEAD, "{" CLAIMS ",\"exp\":2000000001}", WORLD_SECRET, NULL},
    {HEAD, "{" CLAIMS ",\"exp\":2000000001.75}", WORLD_SECRET, NULL},
    {HEAD, "{" CLAIMS "," EXP ",\"nbf\":2000000060}", WORLD_SECRET, NULL},
    {HEAD, "{" CLAIMS "," EXP ",\"iat\":2000000060}", WORLD_SECRET, NULL},
    {HEAD,
	"{\"sub\":\"ann\",\"iss\":\"shop\",\"aud\":[\"x\",\"sale\"]," EXP
	",\"extra\":{\"a\":[1,null]}}",
	WORLD_SECRET, NULL},
    /* the algorithm is the key's, never the token's */
    {"{\"alg\":\"none\",\"kid\":\"k1\"}", GOOD, WORLD_SECRET, "alg"},
    {"{\"alg\":\"None\",\"kid\":\"k1\"}", GOOD, WORLD_SECRET, "alg"},
    {"{\"alg\":\"none\"}", GOOD, WORLD_SECRET, "kid"},
    {"{\"alg\":\"HS384\",\"kid\":\"k1\"}", GOOD, WORLD_SECRET, "alg"},
    {"{\"alg\":\"HS512\",\"kid\":\"k1\"}", GOOD, WORLD_SECRET, "alg"},
    {"{\"alg\":\"RS256\",\"kid\":\"k1\"}", GOOD, WORLD_SECRET, "alg"},
    {"{\"alg\":\"ES256\",\"kid\":\"k1\"}", GOOD, WORLD_SECRET, "alg"},
    {"{\"alg\":\"hs256\",\"kid\":\"k1\"}", GOOD, WORLD_SECRET, "alg"},
    {"{\"alg\":1,\"kid\":\"k1\"}", GOOD, WORLD_SECRET, "alg"},
    {"{\"alg\":\"\",\"kid\":\"k1\"}", GOOD, WORLD_SECRET, "alg"},
    {"{\"kid\":\"k1\"}", GOOD, WORLD_SECRET, "alg"},
    /* the key is one of ours, by kid */
    {"{\"alg\":\"HS256\",\"kid\":\"k3\"}", GOOD, WORLD_SECRET, "kid \"k3\""},
    {"{\"alg\":\"HS256\",\"kid\":\"K1\"}", GOOD, WORLD_SECRET, "kid"},
    {"{\"alg\":\"HS256\",\"kid\":\"\"}", GOOD, WORLD_SECRET, "kid is empty"},
    {"{\"alg\":\"HS256\",\"kid\":1}", GOOD, WORLD_SECRET, "kid is not"},
    {"{\"alg\":\"HS256\",\"kid\":[\"k1\"]}", GOOD, WORLD_SECRET, "kid is not"},
    {"{\"alg\":\"HS256\",\"kid\":\"../../dev/null\"}", GOOD, "", "kid"},
    {"{\"alg\":\"HS256\",\"kid\":\"a\\nb\"}", GOOD, WORLD_SECRET, "a\\x0ab"},
    {"{\"alg\":\"HS256\"}", GOOD, WORLD_SECRET, "kid \"\""},
    {"{\"alg\":\"HS256\",\"kid\":\"k2\"}", GOOD, WORLD_SECRET, "signature"},
    {HEAD, GOOD, WORLD_SECRET2, "signature"},
    {HEAD, GOOD, "", "signature"},
    {"{\"alg\":\"HS256\",\"kid\":\"k1\",\"kid\":\"k2\"}", GOOD, WORLD_SECRET2,
	"header"},
    {"{\"alg\":\"HS256\",\"kid\":\"k1\",\"crit\":[\"exp\"]}", GOOD,
	WORLD_SECRET, "critical"},
    {"{\"alg\":\"HS256\",\"kid\":\"k1\",\"crit\":null}", GOOD, WORLD_SECRET,
	"critical"},
    {"[\"HS256\"]", GOOD, WORLD_SECRET, "header"},
    {"HS256", GOOD, WORLD_SECRET, "header"},
    /* times */
    {HEAD, "{" CLAIMS "}", WORLD_SECRET, "no exp"},
    {HEAD, "{" CLAIMS ",\"exp\":null}", WORLD_SECRET, "not a time"},
    {HEAD, "{" CLAIMS ",\"exp\":\"2000000600\"}", WORLD_SECRET, "not a time"},
    {HEAD, "{" CLAIMS ",\"exp\":true}", WORLD_SECRET, "not a time"},
    {HEAD, "{" CLAIMS ",\"exp\":-1}", WORLD_SECRET, "not a time"},
    {HEAD, "{" CLAIMS ",\"exp\":1e300}", WORLD_SECRET, "not a time"},
    {HEAD, "{" CLAIMS ",\"exp\":2000000000}", WORLD_SECRET, "expired"},
    {HEAD, "{" CLAIMS ",\"exp\":1999999999}", WORLD_SECRET, "expired"},
    {HEAD, "{" CLAIMS ",\"exp\":2000000000.9}", WORLD_SECRET, "expired"},
    {HEAD, "{" CLAIMS ",\"exp\":0}", WORLD_SECRET, "expired"},
    {HEAD, "{" CLAIMS "," EXP ",\"nbf\":2000000061}", WORLD_SECRET, "nbf"},
    {HEAD, "{" CLAIMS "," EXP ",\"nbf\":\"x\"}", WORLD_SECRET, "not a time"},
    {HEAD, "{" CLAIMS "," EXP ",\"iat\":2000000061}", WORLD_SECRET, "iat"},
    /* from whom, for whom, about whom */
    {HEAD, "{\"sub\":\"ann\",\"aud\":\"sale\"," EXP "}", WORLD_SECRET, "iss"},
    {HEAD, "{\"sub\":\"ann\",\"iss\":\"shop2\",\"aud\":\"sale\"," EXP "}",
	WORLD_SECRET, "iss"},
    {HEAD, "{\"sub\":\"ann\",\"iss\":[\"shop\"],\"aud\":\"sale\"," EXP "}",
	WORLD_SECRET, "iss"},
    {HEAD, "{\"sub\":\"ann\",\"iss\":\"shop\"," EXP "}", WORLD_SECRET, "aud"},
    {HEAD, "{\"sub\":\"ann\",\"iss\":\"shop\",\"aud\":\"sales\"," EXP "}",
	WORLD_SECRET, "aud"},
    {HEAD, "{\"sub\":\"ann\",\"iss\":\"shop\",\"aud\":[]," EXP "}",
	WORLD_SECRET, "aud"},
    {HEAD, "{\"sub\":\"ann\",\"iss\":\"shop\",\"aud\":[1,{}]," EXP "}",
	WORLD_SECRET, "aud"},
    {HEAD, "{\"sub\":\"ann\",\"iss\":\"shop\",\"aud\":{\"sale\":1}," EXP "}",
	WORLD_SECRET, "aud"},
    {HEAD, "{\"iss\":\"shop\",\"aud\":\"sale\"," EXP "}", WORLD_SECRET, "sub"},
    {HEAD, "{\"sub\":\"\",\"iss\":\"shop\",\"aud\":\"sale\"," EXP "}",
	WORLD_SECRET, "sub"},
    {HEAD, "{\"sub\":7,\"iss\":\"shop\",\"aud\":\"sale\"," EXP "}",
	WORLD_SECRET, "sub"},
    {HEAD, "{\"sub\":\"a b\",\"iss\":\"shop\",\"aud\":\"sale\"," EXP "}",
	WORLD_SECRET, "sub"},
    {HEAD, "{\"sub\":\"a'--\",\"iss\":\"shop\",\"aud\":\"sale\"," EXP "}",
	WORLD_SECRET, "sub"},
    {HEAD,
	"{\"sub\":\"ann\\u0000x\",\"iss\":\"shop\",\"aud\":\"sale\"," EXP "}",
	WORLD_SECRET, ""},
    {HEAD,
	"{\"sub\":\"ann\",\"sub\":\"bob\",\"iss\":\"shop\","
	"\"aud\":\"sale\"," EXP "}",
	WORLD_SECRET, "payload"},
    {HEAD, "[]", WORLD_SECRET, ""},
    {HEAD, "not json", WORLD_SECRET, ""},
};

START_TEST(test_token)
{
	struct token_keys *keys = keys_new();
	struct customer who = {0};
	struct err err = ERR_INIT;
	const char *token =
	    world_token(tokens[_i].head, tokens[_i].body, tokens[_i].secret);
	bool ok = token_verify(keys, strv_c(token), now, &who, &err);

	ck_assert_msg(ok == (tokens[_i].why == NULL), "%s", err.text);
	if (ok) {
		ck_assert(strv_eq(customer_view(&who), STRV("ann")));
	} else {
		ck_assert_uint_eq(who.n, 0);
		ck_assert_ptr_nonnull(strstr(err.text, tokens[_i].why));
		ck_assert_uint_gt(strlen(err.text), 0);
	}
	free(keys);
}
END_TEST

/* Tokens that are wrong as text; 1, 2 and 3 are a good one's parts. */
static const char *const shapes[] = {"", ".", "..", "...", "a", "a.b", "a.b.c",
    "1", "1.2", "1.2.", ".2.3", "1..3", "1.2.3.", "1.2.3.x", "1.2.3=", "1=.2.3",
    "1.2=.3", " 1.2.3", "1.2.3 ", "1.2.3\n", "1.2.3A", "1.2.A3", "!!!!.2.3",
    "1.!!!!.3", "1.2.!!!!", "1.3.2", "2.1.3", "1A.2.3", "1.2A.3",
    "Bearer 1.2.3", "1,2,3"};

static void shape_fill(struct strbuf *out, const char *shape, struct strv good)
{
	struct strv part[3];

	for (size_t i = 0; i < 3; i++)
		part[i] = strv_cut(&good, '.');
	for (; *shape != '\0'; shape++)
		if (*shape >= '1' && *shape <= '3')
			strbuf_put(out, part[*shape - '1']);
		else
			strbuf_putc(out, *shape);
	ck_assert(!out->overflow);
}

START_TEST(test_shape)
{
	struct token_keys *keys = keys_new();
	struct strv good = strv_c(world_token(HEAD, GOOD, WORLD_SECRET));
	char bytes[1024];
	struct strbuf text;
	struct customer who = {0};
	struct err err = ERR_INIT;

	strbuf_init(&text, bytes, sizeof(bytes));
	shape_fill(&text, shapes[_i], good);
	ck_assert(!token_verify(keys, strbuf_view(&text), now, &who, &err));
	ck_assert_uint_gt(strlen(err.text), 0);
	ck_assert_uint_eq(who.n, 0);
	strbuf_reset(&text);
	shape_fill(&text, "1.2.3", good);
	ck_assert(token_verify(keys, strbuf_view(&text), now, &who, &err));
	free(keys);
}
END_TEST

/* Any one bit of a good token, flipped, makes a bad one. */
START_TEST(test_each_bit_counts)
{
	struct token_keys *keys = keys_new();
	struct strv good = strv_c(world_token(HEAD, GOOD, WORLD_SECRET));
	char text[1024];
	struct customer who;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < good.n; i++)
		for (int bit = 0; bit < 8; bit++) {
			memcpy(text, good.p, good.n);
			text[i] = (char)(text[i] ^ 1 << bit);
			ck_assert_msg(
			    !token_verify(
				keys, strv_from(text, good.n), now, &who, &err),
			    "byte %zu, bit %d", i, bit);
		}
	free(keys);
}
END_TEST

START_TEST(test_nul)
{
	struct token_keys *keys = keys_new();
	struct strv good = strv_c(world_token(HEAD, GOOD, WORLD_SECRET));
	char text[1024];
	struct customer who;
	struct err err = ERR_INIT;

	/* In each place in turn: a library that works on C strings would see
	 * the front part only. */
	for (size_t i = 0; i < good.n; i++) {
		memcpy(text, good.p, good.n);
		text[i] = '\0';
		ck_assert(!token_verify(
		    keys, strv_from(text, good.n), now, &who, &err));
	}
	/* Nor is anything behind it passed over. */
	memcpy(text, good.p, good.n + 1);
	ck_assert(
	    !token_verify(keys, strv_from(text, good.n + 1), now, &who, &err));
	free(keys);
}
END_TEST

START_TEST(test_too_long)
{
	struct token_keys *keys = keys_new();
	char body[TOKEN_BYTES_MAX];
	struct customer who;
	struct err err = ERR_INIT;
	struct strv token;

	/* As long as it may be: good. */
	snprintf(
	    body, sizeof(body), "{" CLAIMS "," EXP ",\"pad\":\"%02900d\"}", 0);
	token = strv_c(world_token(HEAD, body, WORLD_SECRET));
	ck_assert_uint_le(token.n, TOKEN_BYTES_MAX);
	ck_assert_msg(
	    token_verify(keys, token, now, &who, &err), "%s", err.text);
	snprintf(
	    body, sizeof(body), "{" CLAIMS "," EXP ",\"pad\":\"%03000d\"}", 0);
	token = strv_c(world_token(HEAD, body, WORLD_SECRET));
	ck_assert_uint_gt(token.n, TOKEN_BYTES_MAX);
	ck_assert(!token_verify(keys, token, now, &who, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "too long"));
	free(keys);
}
END_TEST

/* A key without kid is for tokens without kid, and for no other. */
START_TEST(test_key_without_kid)
{
	struct token_keys *keys = keys_new();
	struct customer who;
	struct err err = ERR_INIT;

	ck_assert(token_key_set(
	    &keys->key[0], STRV(""), STRV("HS256"), STRV(WORLD_SECRET), &err));
	ck_assert(token_verify(keys,
	    strv_c(world_token("{\"alg\":\"HS256\"}", GOOD, WORLD_SECRET)), now,
	    &who, &err));
	ck_assert(!token_verify(keys,
	    strv_c(world_token(HEAD, GOOD, WORLD_SECRET)), now, &who, &err));
	ck_assert(!token_verify(keys,
	    strv_c(world_token(
		"{\"alg\":\"HS256\",\"kid\":\"\"}", GOOD, WORLD_SECRET)),
	    now, &who, &err));
	free(keys);
}
END_TEST

START_TEST(test_no_keys)
{
	static const struct token_keys none;
	struct customer who;
	struct err err = ERR_INIT;

	ck_assert(!token_verify(&none,
	    strv_c(world_token("{\"alg\":\"none\"}", GOOD, "")), now, &who,
	    &err));
}
END_TEST

/* Issuer and audience are only asked for where the settings name them. */
START_TEST(test_any_issuer_and_audience)
{
	struct token_keys *keys = keys_new();
	struct customer who;
	struct err err = ERR_INIT;

	keys->issuer[0] = keys->audience[0] = '\0';
	ck_assert(token_verify(keys,
	    strv_c(
		world_token(HEAD, "{\"sub\":\"ann\"," EXP "}", WORLD_SECRET)),
	    now, &who, &err));
	free(keys);
}
END_TEST

/* Rotation: the new key signs, both verify; the old one goes, its tokens go
 * with it, and no other. */
START_TEST(test_rotation)
{
	struct token_keys *keys = keys_new();
	char old[TOKEN_BYTES_MAX], young[TOKEN_BYTES_MAX];
	struct token_key first = keys->key[0];
	struct customer who;
	struct err err = ERR_INIT;

	ck_assert(
	    token_make(keys, STRV("ann"), now, 600, old, sizeof(old), &err));
	keys->key[0] = keys->key[1];
	keys->key[1] = first;
	ck_assert(token_make(
	    keys, STRV("bob"), now, 600, young, sizeof(young), &err));
	ck_assert(token_verify(keys, strv_c(old), now, &who, &err));
	ck_assert(strv_eq(customer_view(&who), STRV("ann")));
	ck_assert(token_verify(keys, strv_c(young), now, &who, &err));
	ck_assert(strv_eq(customer_view(&who), STRV("bob")));
	keys->n = 1;
	ck_assert(token_verify(keys, strv_c(young), now, &who, &err));
	ck_assert(!token_verify(keys, strv_c(old), now, &who, &err));
	free(keys);
}
END_TEST

START_TEST(test_make_and_time)
{
	struct token_keys *keys = keys_new();
	char token[TOKEN_BYTES_MAX];
	struct customer who;
	struct err err = ERR_INIT;
	struct wall when = now;

	ck_assert(token_make(
	    keys, STRV("a.b_c@d:e+f-9"), now, 2, token, sizeof(token), &err));
	ck_assert_ptr_null(strchr(token, '\n'));
	ck_assert(token_verify(keys, strv_c(token), when, &who, &err));
	ck_assert(strv_eq(customer_view(&who), STRV("a.b_c@d:e+f-9")));
	when.us = now.us + 2 * US_PER_S - 1;
	ck_assert(token_verify(keys, strv_c(token), when, &who, &err));
	when.us = now.us + 2 * US_PER_S;
	ck_assert(!token_verify(keys, strv_c(token), when, &who, &err));
	/* iat: another host's clock may be behind, but not by much. */
	when.us = now.us - TOKEN_LEEWAY_S * US_PER_S;
	ck_assert(token_verify(keys, strv_c(token), when, &who, &err));
	when.us -= US_PER_S;
	ck_assert(!token_verify(keys, strv_c(token), when, &who, &err));
	free(keys);
}
END_TEST

START_TEST(test_make_refuses)
{
	struct token_keys *keys = keys_new();
	char token[TOKEN_BYTES_MAX];
	struct err err = ERR_INIT;

	ck_assert(!token_make(
	    keys, STRV("a b"), now, 60, token, sizeof(token), &err));
	ck_assert_ptr_nonnull(strstr(err.text, "customer"));
	ck_assert(
	    !token_make(keys, STRV(""), now, 60, token, sizeof(token), &err));
	ck_assert(
	    !token_make(keys, STRV("ann"), now, 0, token, sizeof(token), &err));
	ck_assert(!token_make(
	    keys, STRV("ann"), now, INT64_MAX, token, sizeof(token), &err));
	ck_assert(!token_make(keys, STRV("ann"), now, 60, token, 20, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "room"));
	ck_assert_str_eq(token, "");
	keys->n = 0;
	ck_assert(!token_make(
	    keys, STRV("ann"), now, 60, token, sizeof(token), &err));
	ck_assert_ptr_nonnull(strstr(err.text, "HS256"));
	free(keys);
}
END_TEST

START_TEST(test_base64url)
{
	static const struct {
		const char *text;
		const char *bytes; /* NULL: refused */
	} rows[] = {{"", ""}, {"Zg", "f"}, {"Zm8", "fo"}, {"Zm9v", "foo"},
	    {"Zm9vYg", "foob"}, {"-_-_", "\xfb\xff\xbf"}, {"Z", NULL},
	    {"Zm9vY", NULL}, {"Zh", NULL}, {"Zm9", NULL}, {"Zg==", NULL},
	    {"Z g", NULL}, {"+/+/", NULL}, {"Zm9v\n", NULL}};
	char bytes[32];
	struct strbuf out;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		strbuf_init(&out, bytes, sizeof(bytes));
		ck_assert_int_eq(base64url_decode(strv_c(rows[i].text), &out),
		    rows[i].bytes != NULL);
		if (rows[i].bytes != NULL)
			ck_assert_str_eq(bytes, rows[i].bytes);
	}
}
END_TEST

TESTS_MAIN("web_token", UNIT_TABLE("token", test_token, ARRAY_LEN(tokens)),
    UNIT_TABLE("shape", test_shape, ARRAY_LEN(shapes)),
    UNIT_SLOW("each bit counts", test_each_bit_counts, 30),
    UNIT("NUL", test_nul), UNIT("too long", test_too_long),
    UNIT("key without kid", test_key_without_kid),
    UNIT("no keys", test_no_keys),
    UNIT("any issuer and audience", test_any_issuer_and_audience),
    UNIT("rotation", test_rotation), UNIT("make, and time", test_make_and_time),
    UNIT("make refuses", test_make_refuses), UNIT("base64url", test_base64url))
