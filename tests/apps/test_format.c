/*
 * Records as lines and back: byte for byte in JSON, and what the plain forms make of
 * nulls, separators and keys; and the marks of sources, which are text too.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/weir/format.h"
#include "apps/weir/position.h"
#include "tests/harness.h"

#define BYTES(text) ((struct weir_bytes){text, sizeof(text) - 1})
#define NULL_BYTES ((struct weir_bytes){NULL, 0})

static const struct weir_offset place = {"flights", 3, 42, NULL};

static bool
same(struct weir_bytes a, struct weir_bytes b)
{
	return (a.data == NULL) == (b.data == NULL) && a.size == b.size &&
	       (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static void
check_same(const struct weir_message *a, const struct weir_message *b, const char *line)
{
	size_t i;

	ck_assert_msg(same(a->key, b->key), "key differs: %s", line);
	ck_assert_msg(same(a->value, b->value), "value differs: %s", line);
	ck_assert_int_eq(a->timestamp_ms, b->timestamp_ms);
	ck_assert_uint_eq(a->header_count, b->header_count);
	for (i = 0; i < a->header_count; i++) {
		ck_assert_str_eq(a->headers[i].name, b->headers[i].name);
		ck_assert_msg(same(a->headers[i].value, b->headers[i].value),
			      "header differs: %s", line);
	}
}

/* Write as JSON, read back, compare. */
static void
round_trip(const struct weir_message *message)
{
	const struct weir_line_format json = {.kind = WEIR_FORMAT_JSON};
	struct weir_buffer line = {0};
	struct weir_arena arena = {0};
	struct weir_error error = {0};
	struct weir_message back;

	weir__line_write(&json, &place, message, &line);
	ck_assert(weir__utf8_valid(line.data, line.size));
	ck_assert(memchr(line.data, '\n', line.size) == line.data + line.size - 1);
	ck_assert_msg(weir__line_read(&json,
				      (struct weir_bytes){line.data, line.size - 1},
				      &arena, &back, &error) == 0,
		      "%s: %s", error.message, line.data);
	check_same(message, &back, line.data);
	ck_assert_int_eq(back.partition, WEIR_BY_KEY);
	weir__buffer_fini(&line);
	weir__arena_fini(&arena);
}

START_TEST(json_keeps_special_records)
{
	static const struct weir_header headers[] = {
		{"a", {"1", 1}},        {"a", {"2", 1}},     {"", {"", 0}},
		{"null", {NULL, 0}},    {"\xff", {"\0", 1}}, {"base64", {"\xfe\0", 2}},
		{"quote\"", {"\\", 1}},
	};
	static const struct weir_message messages[] = {
		{.timestamp_ms = -1},
		{.key = {"", 0}, .value = {"", 0}, .timestamp_ms = 1},
		{.key = {"\0", 1}, .value = {"a\0b", 3}, .timestamp_ms = INT64_MAX},
		{.value = {"\x80", 1}, .timestamp_ms = 5},
		{.key = {"\xed\xa0\x80", 3}, .value = {"\xf4\x90\x80\x80", 4}},
		{.key = {"\xef\xbf\xbf", 3}, .value = {"\xf4\x8f\xbf\xbf", 4}},
		{.key = {"\xc0\x80", 2}, .value = {"{\"a\": [1, \"\\n\"]}", 16}},
		{.value = {"\n\r\t\x1f\x7f\xe2\x80\xa8", 8},
		 .headers = headers,
		 .header_count = sizeof(headers) / sizeof(headers[0])},
	};

	round_trip(&messages[_i]);
}
END_TEST

START_TEST(json_prints_the_documented_form)
{
	static const struct weir_header headers[] = {{"n", {"v", 1}}, {"n", {NULL, 0}}};
	const struct weir_message message = {.value = {"\xff", 1},
					     .headers = headers,
					     .header_count = 2,
					     .timestamp_ms = 1700000000000};
	struct weir_buffer line = {0};

	weir__line_write_json(&place, &message, &line);
	ck_assert_str_eq(
		line.data,
		"{\"topic\":\"flights\",\"partition\":3,\"offset\":42,\"timestamp\":"
		"1700000000000,\"key\":null,\"headers\":[[\"n\",\"v\"],[\"n\",null]],"
		"\"value_base64\":\"/w==\"}\n");
	weir__buffer_fini(&line);
}
END_TEST

/* Bytes that are likely to be near UTF-8, JSON syntax or control bytes. */
static struct weir_bytes
random_bytes(struct weir_arena *arena)
{
	static const unsigned char likely[] =
		"\"\\\n{}[]:,\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";
	size_t size = (size_t)random() % 40;
	unsigned char *data;
	int kind = (int)(random() % 4);
	size_t i;

	if (random() % 8 == 0)
		return NULL_BYTES;
	data = weir__arena_alloc(arena, size);
	for (i = 0; i < size; i++)
		data[i] = kind == 0   ? (unsigned char)random()
			  : kind == 1 ? (unsigned char)(random() % 128)
			  : kind == 2 ? likely[random() % (long)(sizeof(likely) - 1)]
				      : 'x';
	return (struct weir_bytes){data, size};
}

static const char *
random_name(struct weir_arena *arena)
{
	struct weir_bytes bytes = random_bytes(arena);
	char *name = weir__arena_alloc(arena, bytes.size + 1);
	size_t i;

	for (i = 0; i < bytes.size; i++)
		name[i] = ((const char *)bytes.data)[i] ? ((const char *)bytes.data)[i]
							: '0';
	name[bytes.size] = '\0';
	return name;
}

START_TEST(json_keeps_random_records)
{
	const char *given = getenv("WEIR_SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)getpid();
	struct weir_arena arena = {0};
	int i;

	fprintf(stderr, "# WEIR_SEED=%u\n", seed);
	srandom(seed);
	for (i = 0; i < 20000; i++) {
		struct weir_header headers[5];
		struct weir_message message = {.headers = headers,
					       .header_count = (size_t)random() % 5};
		size_t header;

		weir__arena_reset(&arena);
		message.key = random_bytes(&arena);
		message.value = random_bytes(&arena);
		message.timestamp_ms = random() % 3 ? random() : -1;
		for (header = 0; header < message.header_count; header++)
			headers[header] = (struct weir_header){random_name(&arena),
							       random_bytes(&arena)};
		round_trip(&message);
	}
	weir__arena_fini(&arena);
}
END_TEST

static const struct {
	const char *line;
	const char *reason; /* a part of it */
} bad_json[] = {
	{"", "not JSON"},
	{"nonsense", "not JSON"},
	{"[1]", "expected an object"},
	{"{}", "no value"},
	{"{\"vaule\":\"x\"}", "did you mean value"},
	{"{\"value\":1}", "value is a number"},
	{"{\"value\":{\"a\":1}}", "value is an object"},
	{"{\"value\":\"x\",\"value\":\"y\"}", "duplicate"},
	{"{\"value\":\"x\",\"value_base64\":\"eA==\"}", "both value and value_base64"},
	{"{\"value_base64\":\"eA=\"}", "not base64"},
	{"{\"value_base64\":\"eB==\"}", "not base64"},
	{"{\"value_base64\":\"e A=\"}", "not base64"},
	{"{\"value_base64\":\"====\"}", "not base64"},
	{"{\"value_base64\":\"eA==eA==\"}", "not base64"},
	{"{\"value_base64\":null}", "value_base64 is null"},
	{"{\"value\":null,\"key\":true}", "key is a boolean"},
	{"{\"value\":null,\"timestamp\":\"x\"}", "timestamp"},
	{"{\"value\":null,\"timestamp\":1.5}", "timestamp"},
	{"{\"value\":null,\"timestamp\":-1}", "timestamp"},
	{"{\"value\":null,\"headers\":{}}", "headers is an object"},
	{"{\"value\":null,\"headers\":[\"a\"]}", "headers[0] is no pair"},
	{"{\"value\":null,\"headers\":[[\"a\",\"b\"],[null,\"b\"]]}",
	 "headers[1] has no name"},
	{"{\"value\":null,\"headers\":[[\"a\\u0000\",\"b\"]]}", "U+0000"},
	{"{\"value\":null,\"headers\":[[\"a\",1]]}", "headers[0] holds a number"},
	{"{\"value\":\"\xff\"}", "not JSON"},
};

START_TEST(json_that_is_no_record_is_refused)
{
	struct weir_bytes line = {bad_json[_i].line, strlen(bad_json[_i].line)};
	struct weir_arena arena = {0};
	struct weir_error error = {0};
	struct weir_message message;

	ck_assert_int_ne(weir__line_read_json(line, &arena, &message, &error), 0);
	ck_assert_msg(strstr(error.message, bad_json[_i].reason) != NULL, "%s: \"%s\"",
		      bad_json[_i].line, error.message);
	weir__arena_fini(&arena);
}
END_TEST

START_TEST(a_zero_byte_is_no_json_wherever_it_stands)
{
	static const char text[] = "{\"value\":\"x\",\"timestamp\":6\0}";
	static const struct weir_line_format formats[] = {
		{.kind = WEIR_FORMAT_JSON},
		{.kind = WEIR_FORMAT_VALUE, .key_pointer = "/timestamp"},
	};
	struct weir_arena arena = {0};
	struct weir_error error = {0};
	struct weir_message message;

	ck_assert_int_eq(
		weir__line_read(&formats[_i], BYTES(text), &arena, &message, &error),
		WEIR_EJSON);
	ck_assert_msg(strstr(error.message, "a zero byte, column 27") != NULL, "%s",
		      error.message);
	weir__arena_fini(&arena);
}
END_TEST

START_TEST(a_mark_is_taken_as_it_was_written_only)
{
	static const char *const texts[] = {
		"weir1 4 0000000000000001 00000000000000ff", /* the right one */
		"weir1  4 0000000000000001 00000000000000ff",
		"weir1 +4 0000000000000001 00000000000000ff",
		"weir1 4 1 ff",
		"weir1 4 0000000000000001 00000000000000FF",
		"weir1 4 0000000000000001 -000000000000001",
		"weir1 4 0000000000000001 00000000000000ff ",
		"weir1 65537 0000000000000001 00000000000000ff",
		"weir1 -1 0000000000000001 00000000000000ff",
	};
	struct weir_source_mark mark;

	ck_assert_int_eq(weir__source_mark_parse(texts[_i], &mark),
			 _i ? WEIR_EINVALID : 0);
	if (_i == 0)
		ck_assert(mark.fingerprint.size == 4 && mark.fingerprint.hash == 1 &&
			  mark.run == 255);
}
END_TEST

#define LINES(...)                                                                       \
	{                                                                                \
		.kind = WEIR_FORMAT_VALUE, __VA_ARGS__                                   \
	}
#define KEYED(...)                                                                       \
	{                                                                                \
		.kind = WEIR_FORMAT_KEY_VALUE, .separator = ": ", __VA_ARGS__            \
	}

static const struct {
	struct weir_line_format format;
	const char *line;
	struct weir_bytes key;
	struct weir_bytes value;
	const char *reason; /* NULL: it is read */
} lines[] = {
	{LINES(), "a b", {NULL, 0}, {"a b", 3}, NULL},
	{LINES(), "", {NULL, 0}, {"", 0}, NULL},
	{LINES(.null = true), "", {NULL, 0}, {NULL, 0}, NULL},
	{LINES(), "a\r", {NULL, 0}, {"a\r", 2}, NULL},
	{KEYED(), "k: v: w", {"k", 1}, {"v: w", 4}, NULL},
	{KEYED(), ": v", {"", 0}, {"v", 1}, NULL},
	{KEYED(.null = true), ": ", {NULL, 0}, {NULL, 0}, NULL},
	{KEYED(), "k: ", {"k", 1}, {"", 0}, NULL},
	{KEYED(), "k", {NULL, 0}, {NULL, 0}, "no key separator"},
	{KEYED(), "", {NULL, 0}, {NULL, 0}, "no key separator"},
	{LINES(.key_pointer = "/a"),
	 "{\"a\":\"x\"}",
	 {"x", 1},
	 {"{\"a\":\"x\"}", 9},
	 NULL},
	{LINES(.key_pointer = "/a"), "{\"a\":17}", {"17", 2}, {"{\"a\":17}", 8}, NULL},
	{LINES(.key_pointer = "/a"),
	 "{\"a\":true}",
	 {"true", 4},
	 {"{\"a\":true}", 10},
	 NULL},
	{LINES(.key_pointer = "/a"),
	 "{\"a\":null}",
	 {NULL, 0},
	 {"{\"a\":null}", 10},
	 NULL},
	{LINES(.key_pointer = "/a"),
	 "{\"a\":1.5}",
	 {NULL, 0},
	 {NULL, 0},
	 "cannot be the key"},
	{LINES(.key_pointer = "/a"),
	 "{\"a\":[]}",
	 {NULL, 0},
	 {NULL, 0},
	 "cannot be the key"},
	{LINES(.key_pointer = "/a"), "{\"b\":1}", {NULL, 0}, {NULL, 0}, "nothing at /a"},
	{LINES(.key_pointer = "/a"), "x", {NULL, 0}, {NULL, 0}, "not JSON"},
	{LINES(.key_pointer = "/a"), "", {NULL, 0}, {NULL, 0}, "not JSON"},
};

START_TEST(a_line_is_read_as_the_format_says)
{
	struct weir_bytes line = {lines[_i].line, strlen(lines[_i].line)};
	struct weir_arena arena = {0};
	struct weir_error error = {0};
	struct weir_message message;
	int code = weir__line_read(&lines[_i].format, line, &arena, &message, &error);

	if (lines[_i].reason) {
		ck_assert_int_ne(code, 0);
		ck_assert_msg(strstr(error.message, lines[_i].reason) != NULL, "%s",
			      error.message);
	} else {
		ck_assert_msg(code == 0, "%s", error.message);
		ck_assert(same(message.key, lines[_i].key));
		ck_assert(same(message.value, lines[_i].value));
		ck_assert_int_eq(message.timestamp_ms, -1);
	}
	weir__arena_fini(&arena);
}
END_TEST

START_TEST(headers_of_the_command_come_behind_the_records_own)
{
	static const struct weir_header given[] = {{"b", {NULL, 0}}, {"c", {"3", 1}}};
	const struct weir_line_format format = {
		.kind = WEIR_FORMAT_JSON, .headers = given, .header_count = 2};
	struct weir_bytes line = BYTES("{\"headers\":[[\"a\",\"1\"]],\"value\":\"x\"}");
	struct weir_arena arena = {0};
	struct weir_message message;

	ck_assert_int_eq(weir__line_read(&format, line, &arena, &message, NULL), 0);
	ck_assert_uint_eq(message.header_count, 3);
	ck_assert_str_eq(message.headers[0].name, "a");
	ck_assert_str_eq(message.headers[1].name, "b");
	ck_assert(message.headers[1].value.data == NULL);
	ck_assert(same(message.headers[2].value, BYTES("3")));
	weir__arena_fini(&arena);
}
END_TEST

START_TEST(null_is_printed_as_asked_for)
{
	static const struct {
		struct weir_line_format format;
		const char *text;
	} rows[] = {
		{{.kind = WEIR_FORMAT_VALUE}, "\n"},
		{{.kind = WEIR_FORMAT_VALUE, .null = true}, "NULL\n"},
		{{.kind = WEIR_FORMAT_KEY_VALUE, .separator = "|"}, "k|\n"},
		{{.kind = WEIR_FORMAT_KEY_VALUE, .separator = "|", .null = true},
		 "k|NULL\n"},
	};
	const struct weir_message message = {.key = {"k", 1}, .timestamp_ms = -1};
	struct weir_buffer line = {0};

	weir__line_write(&rows[_i].format, &place, &message, &line);
	ck_assert_str_eq(line.data, rows[_i].text);
	weir__buffer_fini(&line);
}
END_TEST

static Suite *
suite(void)
{
	Suite *all = suite_create("format");
	TCase *json = tcase_create("json");
	TCase *plain = tcase_create("plain");

	tcase_set_timeout(json, 60);
	tcase_add_loop_test(json, json_keeps_special_records, 0, 8);
	tcase_add_test(json, json_prints_the_documented_form);
	tcase_add_test(json, json_keeps_random_records);
	tcase_add_loop_test(json, json_that_is_no_record_is_refused, 0,
			    (int)(sizeof(bad_json) / sizeof(bad_json[0])));
	tcase_add_loop_test(json, a_zero_byte_is_no_json_wherever_it_stands, 0, 2);
	tcase_add_loop_test(plain, a_mark_is_taken_as_it_was_written_only, 0, 9);
	tcase_add_loop_test(plain, a_line_is_read_as_the_format_says, 0,
			    (int)(sizeof(lines) / sizeof(lines[0])));
	tcase_add_test(plain, headers_of_the_command_come_behind_the_records_own);
	tcase_add_loop_test(plain, null_is_printed_as_asked_for, 0, 4);
	suite_add_tcase(all, json);
	suite_add_tcase(all, plain);
	return all;
}

int
main(void)
{
	return weir_test_run(suite());
}
