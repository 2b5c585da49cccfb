/* SPDX-License-Identifier: Apache-2.0 */
/* base: views, bounded text, numbers, times, encodings, the arena, the log. */
#include "config.h"

#include "unit.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/num.h"
#include "base/flip.h"
#include "base/str.h"

#include <limits.h>
#include <sys/mman.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(test_cut_and_trim)
{
	struct strv rest = STRV("a=b=c");
	struct strv head = strv_cut(&rest, '=');

	ck_assert(strv_eq(head, STRV("a")));
	ck_assert(strv_eq(rest, STRV("b=c")));
	head = strv_cut(&rest, ';');
	ck_assert(strv_eq(head, STRV("b=c")));
	ck_assert_ptr_null(rest.p);
	head = strv_cut(&rest, ';');
	ck_assert_uint_eq(head.n, 0);
	ck_assert(strv_eq(strv_trim(STRV(" \t x y\t")), STRV("x y")));
	ck_assert(strv_eq(strv_trim(STRV("  ")), STRV("")));
}
END_TEST

START_TEST(test_copy_refuses)
{
	char out[4];

	ck_assert(strv_copy(STRV("abc"), out, sizeof(out)));
	ck_assert_str_eq(out, "abc");
	ck_assert(!strv_copy(STRV("abcd"), out, sizeof(out)));
	ck_assert_str_eq(out, "");
	ck_assert(!strv_copy(STRV("a\0b"), out, sizeof(out)));
}
END_TEST

START_TEST(test_buffer_overflow_is_sticky)
{
	char bytes[8];
	struct strbuf buf;

	strbuf_init(&buf, bytes, sizeof(bytes));
	strbuf_puts(&buf, "1234");
	strbuf_printf(&buf, "%d", 567);
	ck_assert(!buf.overflow);
	ck_assert_str_eq(bytes, "1234567");
	strbuf_putc(&buf, '8');
	ck_assert(buf.overflow);
	ck_assert_str_eq(bytes, "1234567");
	strbuf_reset(&buf);
	strbuf_printf(&buf, "%s", "123456789");
	ck_assert(buf.overflow);
	ck_assert_str_eq(bytes, "1234567");
}
END_TEST

START_TEST(test_escape)
{
	char bytes[64];
	struct strbuf buf;

	strbuf_init(&buf, bytes, sizeof(bytes));
	strbuf_put_escaped(&buf, STRV("a\"\\\n\x7f\xc3 z"));
	ck_assert_str_eq(bytes, "a\\x22\\x5c\\x0a\\x7f\\xc3 z");
}
END_TEST

START_TEST(test_numbers)
{
	uint64_t u = 7;
	int64_t i = 7;

	ck_assert(
	    num_parse_u64(STRV("18446744073709551615"), 0, UINT64_MAX, &u));
	ck_assert_uint_eq(u, UINT64_MAX);
	ck_assert(
	    !num_parse_u64(STRV("18446744073709551616"), 0, UINT64_MAX, &u));
	ck_assert(!num_parse_u64(STRV(""), 0, 9, &u));
	ck_assert(!num_parse_u64(STRV("+1"), 0, 9, &u));
	ck_assert(!num_parse_u64(STRV(" 1"), 0, 9, &u));
	ck_assert(!num_parse_u64(STRV("1x"), 0, 9, &u));
	ck_assert(!num_parse_u64(STRV("10"), 0, 9, &u));
	ck_assert(!num_parse_u64(STRV("0"), 1, 9, &u));
	ck_assert(num_parse_i64(STRV("-5"), -5, 5, &i));
	ck_assert_int_eq(i, -5);
	ck_assert(!num_parse_i64(STRV("-6"), -5, 5, &i));
	ck_assert(!num_parse_i64(STRV("-"), -5, 5, &i));
	ck_assert(!num_add_i64(INT64_MAX, 1, &i));
	ck_assert(!num_mul_i64(INT64_MAX, 2, &i));
}
END_TEST

START_TEST(test_times)
{
	char text[WALL_TEXT_MAX];
	struct wall t;

	ck_assert(wall_parse("2026-11-22T20:00:00Z", &t));
	wall_format(t, 0, text);
	ck_assert_str_eq(text, "2026-11-22T20:00:00Z");
	ck_assert(wall_parse("2026-11-22T20:00:00.123456+01:00", &t));
	wall_format(t, 6, text);
	ck_assert_str_eq(text, "2026-11-22T19:00:00.123456Z");
	wall_format(t, 3, text);
	ck_assert_str_eq(text, "2026-11-22T19:00:00.123Z");
	ck_assert(wall_parse("2026-11-22 20:00-00:30", &t));
	wall_format(t, 0, text);
	ck_assert_str_eq(text, "2026-11-22T20:30:00Z");
	ck_assert(wall_parse("2028-02-29T00:00:00Z", &t));
	ck_assert(!wall_parse("2026-02-29T00:00:00Z", &t));
	ck_assert(!wall_parse("2026-11-22T20:00:00", &t));
	ck_assert(!wall_parse("2026-11-22T24:00:00Z", &t));
	ck_assert(!wall_parse("2026-13-22T20:00:00Z", &t));
	ck_assert(!wall_parse("2026-11-22", &t));
	ck_assert(!wall_parse("2026-11-22T20:00:00Zx", &t));
	ck_assert(!wall_parse("1969-11-22T20:00:00Z", &t));
	ck_assert(!wall_parse("", &t));
}
END_TEST

START_TEST(test_deadlines)
{
	ck_assert_int_eq(deadline_left_ms(mono_ns() - 1), 0);
	ck_assert_int_ge(deadline_left_ms(deadline_in_ms(50)), 1);
	ck_assert_int_le(deadline_left_ms(deadline_in_ms(50)), 50);
	ck_assert_int_eq(deadline_left_ms(INT64_MAX), INT_MAX);
}
END_TEST

START_TEST(test_base32)
{
	char text[BASE32_16_LEN + 1];
	uint8_t in[16], out[16];

	for (unsigned round = 0; round < 1000; round++) {
		for (size_t i = 0; i < sizeof(in); i++)
			in[i] =
			    (uint8_t)((round * 2654435761u >> (i % 24)) + i);
		base32_encode16(in, text);
		ck_assert(base32_decode16(strv_c(text), out));
		ck_assert_mem_eq(in, out, sizeof(in));
	}
	memset(in, 0xff, sizeof(in));
	base32_encode16(in, text);
	ck_assert_str_eq(text, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
	ck_assert(base32_decode16(STRV("olOLi1iLoO00000000000000zz"), out));
	ck_assert(!base32_decode16(STRV("80000000000000000000000000"), out));
	ck_assert(!base32_decode16(STRV("0000000000000000000000000U"), out));
	ck_assert(!base32_decode16(STRV("000"), out));
}
END_TEST

START_TEST(test_hex)
{
	uint8_t bytes[3] = {0x00, 0xa5, 0xff}, back[3];
	char text[7];

	hex_encode(bytes, 3, text);
	ck_assert_str_eq(text, "00a5ff");
	ck_assert(hex_decode(STRV("00A5fF"), back, 3));
	ck_assert_mem_eq(bytes, back, 3);
	ck_assert(!hex_decode(STRV("00a5f"), back, 3));
	ck_assert(!hex_decode(STRV("00a5fg"), back, 3));
}
END_TEST

START_TEST(test_arena)
{
	struct arena *arena = arena_new(128);
	char *a, *b;

	ck_assert_ptr_nonnull(arena);
	a = arena_strdup(arena, STRV("hello"));
	b = arena_alloc(arena, 64);
	ck_assert_str_eq(a, "hello");
	ck_assert_ptr_nonnull(b);
	ck_assert_ptr_null(arena_alloc(arena, 64));
	ck_assert(arena_overflowed(arena));
	arena_reset(arena);
	ck_assert(!arena_overflowed(arena));
	ck_assert_ptr_nonnull(arena_alloc(arena, 128));
	ck_assert_ptr_null(arena_alloc(arena, SIZE_MAX));
	arena_free(&arena);
	ck_assert_ptr_null(arena);
}
END_TEST

struct pair {
	uint64_t a, b[40];
};

struct shared_pair {
	struct flip flip;
	struct pair twins[2];
	int stop;
};

START_TEST(test_flip_never_tears)
{
	struct shared_pair *shared = mmap(NULL, sizeof(*shared),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct pair got;
	pid_t writer;
	int read = 0;

	ck_assert_ptr_ne(shared, MAP_FAILED);
	writer = fork();
	if (writer == 0) {
		struct pair value;

		for (uint64_t i = 0;
		     __atomic_load_n(&shared->stop, __ATOMIC_RELAXED) == 0;
		     i++) {
			value.a = i;
			for (size_t k = 0; k < ARRAY_LEN(value.b); k++)
				value.b[k] = i;
			flip_write(&shared->flip, shared->twins, &value,
			    sizeof(value));
		}
		_exit(0);
	}
	for (int i = 0; i < 10000; i++) {
		if (!flip_read(&shared->flip, shared->twins, &got, sizeof(got)))
			continue;
		read++;
		for (size_t k = 0; k < ARRAY_LEN(got.b); k++)
			ck_assert_uint_eq(got.a, got.b[k]);
	}
	__atomic_store_n(&shared->stop, 1, __ATOMIC_RELAXED);
	ck_assert_int_eq(waitpid(writer, NULL, 0), writer);
	ck_assert_int_gt(read, 0);
	munmap(shared, sizeof(*shared));
}
END_TEST

/* A writer that dies while it writes has spoilt the copy that nobody reads. */
START_TEST(test_flip_survives_its_writer)
{
	struct shared_pair *shared = mmap(NULL, sizeof(*shared),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct pair got, value = {.a = 7};

	ck_assert_ptr_ne(shared, MAP_FAILED);
	flip_write(&shared->flip, shared->twins, &value, sizeof(value));
	memset(&shared->twins[(shared->flip.turn + 1) & 1u], 0xee, 100);
	ck_assert(flip_read(&shared->flip, shared->twins, &got, sizeof(got)));
	ck_assert_uint_eq(got.a, 7);
	value.a = 8;
	flip_write(&shared->flip, shared->twins, &value, sizeof(value));
	ck_assert(flip_read(&shared->flip, shared->twins, &got, sizeof(got)));
	ck_assert_mem_eq(&got, &value, sizeof(got));
	munmap(shared, sizeof(*shared));
}
END_TEST

START_TEST(test_log_file_one_line_each)
{
	char path[] = "/tmp/fg-log-XXXXXX", text[512];
	int fd = mkstemp(path);
	struct err err = ERR_INIT;
	ssize_t n;

	ck_assert_int_ge(fd, 0);
	ck_assert(log_open(path, LOG_LEVEL_NOTICE, &err));
	log_set_role("test");
	log_notice("first\nline");
	log_debug("not seen");
	ck_assert(log_reopen(&err));
	log_error("second");
	n = read(fd, text, sizeof(text) - 1);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	ck_assert_ptr_nonnull(strstr(text, "Z notice test["));
	ck_assert_ptr_nonnull(strstr(text, "]: first?line\n"));
	ck_assert_ptr_nonnull(strstr(text, "]: second\n"));
	ck_assert_ptr_null(strstr(text, "not seen"));
	ck_assert(!log_open("/nonexistent/dir/x", LOG_LEVEL_NOTICE, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "/nonexistent/dir/x"));
	ck_assert(log_open(NULL, LOG_LEVEL_NOTICE, &err));
	close(fd);
	unlink(path);
}
END_TEST

START_TEST(test_log_json_whatever_the_bytes)
{
	char path[] = "/tmp/fg-log.XXXXXX", bytes[8192] = "", end[64];
	struct err err = ERR_INIT;
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert(log_open(path, LOG_LEVEL_NOTICE, &err));
	log_set_format(LOG_FORMAT_JSON);
	log_set_role("test");
	log_notice("say \"%s\"\n\xff\\", "hello");
	log_set_format(LOG_FORMAT_TEXT);
	ck_assert(log_open(NULL, LOG_LEVEL_NOTICE, &err));
	ck_assert_int_gt(read(fd, bytes, sizeof(bytes) - 1), 0);
	close(fd);
	unlink(path);
	ck_assert_str_eq(strstr(bytes, ",\"message\""),
	    ",\"message\":\"say \\\"hello\\\"\\\\x0a\\\\xff\\\\\"}\n");
	ck_assert_int_eq(strncmp(bytes, "{\"time\":\"", 9), 0);
	snprintf(end, sizeof(end),
	    ",\"level\":\"notice\",\"role\":\"test\",\"pid\":%ld,",
	    (long)getpid());
	ck_assert_ptr_nonnull(strstr(bytes, end));
}
END_TEST

static void line_count(enum log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)line;
	++*(int *)ctx;
}

START_TEST(test_log_limited)
{
	struct log_rate rate = {0, 0};
	int lines = 0;

	log_set_sink(line_count, &lines);
	for (int i = 0; i < 100; i++)
		log_limited(&rate, LOG_LEVEL_ERROR, "again %d", i);
	ck_assert_int_ge(lines, 1);
	ck_assert_int_le(lines, 3);
	log_set_sink(NULL, NULL);
}
END_TEST

START_TEST(test_err_wrap)
{
	struct err err = ERR_INIT;

	err_set(&err, 7, "lost %s", "connection");
	err_wrap(&err, "order %d", 42);
	ck_assert_str_eq(err.text, "order 42: lost connection");
	ck_assert_int_eq(err.code, 7);
}
END_TEST

TESTS_MAIN("base", UNIT("cut", test_cut_and_trim),
    UNIT("copy", test_copy_refuses),
    UNIT("buffer", test_buffer_overflow_is_sticky), UNIT("escape", test_escape),
    UNIT("numbers", test_numbers), UNIT("times", test_times),
    UNIT("deadlines", test_deadlines), UNIT("base32", test_base32),
    UNIT("hex", test_hex), UNIT("arena", test_arena),
    UNIT_SLOW("flip", test_flip_never_tears, 30),
    UNIT("flip-dead-writer", test_flip_survives_its_writer),
    UNIT("log", test_log_file_one_line_each),
    UNIT("log-json", test_log_json_whatever_the_bytes),
    UNIT("log-limited", test_log_limited), UNIT("err", test_err_wrap))
