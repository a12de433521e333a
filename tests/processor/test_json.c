/*
 * JSON views: what is refused and in which words, and pointers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <weir/json.h>

#include "tests/harness.h"
#include "tests/processor/fixture.h"

/* ---- a processor that reads its value as JSON, by either way ---- */

struct read_options {
	int64_t limit; /* 0: weir_record_json(); else weir_json_precheck() with it */
	const char *at;
};

static const struct weir_option read_option_rows[] = {
	WEIR_OPT_INT(struct read_options, limit, "0", 0, INT64_MAX, "integers up to"),
	WEIR_OPT_POINTER(struct read_options, at, "", "what to emit"), WEIR_OPT_END};

static enum weir_verdict
read_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	const struct read_options *opts = weir_options(ctx);
	const json_t *json;

	(void)memory;
	if (opts->limit > 0)
		return weir_json_precheck(ctx, record, opts->limit);
	json = weir_record_json(ctx, record);
	if (!json)
		return WEIR_REJECT;
	json = weir_json_at(json, opts->at);
	if (!json)
		return weir_reject(ctx, "nothing there");
	weir_emit_json(ctx, json);
	return WEIR_DONE;
}

static const struct weir_processor reader = {
	WEIR_PROCESSOR_HEADER, .name = "read", .options = read_option_rows,
	.options_size = sizeof(struct read_options), .record = read_record};
static const struct weir_processor *const all[] = {&reader, NULL};

static void
open_with(struct fixture *f, const char *options)
{
	char json[600];

	fixture_init(f, all);
	snprintf(
		json, sizeof(json),
		"{'steps': [{'use': 'read', 'with': {%s}}], 'outputs': {'default': 'o'}}",
		options);
	fixture_open(f, json);
}

/* ---- what is refused ---- */

#define TEXT(t)                                                                          \
	{                                                                                \
		t, sizeof(t) - 1                                                         \
	}
static const struct {
	struct weir_bytes value;
	const char *reason; /* NULL: it is JSON */
} values[] = {
	{{NULL, 0}, "value is null"},
	{TEXT(""), "value is empty, not JSON"},
	{TEXT("\0\0\0\0\x2a{\"a\":1}"), "value begins with Schema Registry framing "
					"(schema id 42), not with JSON: it must be "
					"decoded first, or produced as plain JSON"},
	{TEXT("\0\0"),
	 "value is not JSON: line 1 column 1: expected a value but found byte 0x00"},
	{TEXT("{\"a\":}"),
	 "value is not JSON: line 1 column 6: expected a value but found }"},
	{TEXT("{\"a\" 1}"), "value is not JSON: line 1 column 6: expected : but found 1"},
	{TEXT("{\n \"a\": 1,\n}"),
	 "value is not JSON: line 3 column 1: expected a member's name but found }"},
	{TEXT("{\"a\":1"),
	 "value is not JSON: line 1 column 7: expected , or } but the value ends"},
	{TEXT("[1,"),
	 "value is not JSON: line 1 column 4: expected a value but the value ends"},
	{TEXT("[1 2]"),
	 "value is not JSON: line 1 column 4: expected , or ] but found 2"},
	{TEXT("[1}"), "value is not JSON: line 1 column 3: expected , or ] but found }"},
	{TEXT("{}x"),
	 "value is not JSON: line 1 column 3: expected nothing more but found x"},
	{TEXT("hello"),
	 "value is not JSON: line 1 column 1: expected a value but found h"},
	{TEXT("nan"), "value is not JSON: line 1 column 1: expected a value but found n"},
	{TEXT("01"),
	 "value is not JSON: line 1 column 2: expected nothing more but found 1"},
	{TEXT("[-]"),
	 "value is not JSON: line 1 column 2: expected a number but found -"},
	{TEXT("[6\0]"),
	 "value is not JSON: line 1 column 3: expected , or ] but found byte 0x00"},
	{TEXT("true\0"), "value is not JSON: line 1 column 5: expected nothing more but "
			 "found byte 0x00"},
	{TEXT("1."), "value is not JSON: line 1 column 1: expected a number but found 1"},
	{TEXT("1e"), "value is not JSON: line 1 column 1: expected a number but found 1"},
	{TEXT("\"a\tb\""), "value is not JSON: line 1 column 3: a control character in a "
			   "string (byte 0x09)"},
	{TEXT("\"\xc3\xa9\xff\""),
	 "value is not JSON: line 1 column 3: invalid UTF-8 (byte 0xff)"},
	{TEXT("\"\xc0\xaf\""),
	 "value is not JSON: line 1 column 2: invalid UTF-8 (byte 0xc0)"},
	{TEXT("\"\xed\xa0\x80\""),
	 "value is not JSON: line 1 column 2: invalid UTF-8 (byte 0xed)"},
	{TEXT("\"\xf4\x90\x80\x80\""),
	 "value is not JSON: line 1 column 2: invalid UTF-8 (byte 0xf4)"},
	{TEXT("\"\xe2\x82"),
	 "value is not JSON: line 1 column 2: invalid UTF-8 (byte 0xe2)"},
	{TEXT("\"\\ud800\""),
	 "value is not JSON: line 1 column 2: half of a surrogate pair"},
	{TEXT("\"\\ude00\""),
	 "value is not JSON: line 1 column 2: half of a surrogate pair"},
	{TEXT("\"\\u12g4\""),
	 "value is not JSON: line 1 column 2: \\u needs four hex digits"},
	{TEXT("\"\\x\""),
	 "value is not JSON: line 1 column 2: an escape that JSON does not have"},
	{TEXT("\"abc"), "value is not JSON: line 1 column 5: expected the rest of a "
			"string but the value ends"},
	{TEXT("{\"a\":{\"b\":123456789012345678901}}"),
	 "number at /a/b is beyond 64 bits: 123456789012345678901"},
	{TEXT("[{\"x\":[1,2]},[0,{\"a/b~c\\u00e9\":-9223372036854775809}]]"),
	 "number at /1/1/a~1b~0c\xc3\xa9 is beyond 64 bits: -9223372036854775809"},
	{TEXT("9223372036854775808"), "number is beyond 64 bits: 9223372036854775808"},
	{TEXT("{\"a\":[1e400]}"), "number at /a/0 is beyond a double: 1e400"},
	{TEXT("[0,-1e309]"), "number at /1 is beyond a double: -1e309"},
	{TEXT("[1e-400]"), "number at /0 is too small for a double: 1e-400"},
	{TEXT("[0.01E-323]"), "number at /0 is too small for a double: 0.01E-323"},
	{TEXT("[1e99999999999999999999]"),
	 "number at /0 is beyond a double: 1e99999999999999999999"},
	{TEXT("[9223372036854775807,-9223372036854775808,1.7976931348623157e308,5e-324,"
	      "0e-999]"),
	 NULL},
	{TEXT(" \t\r\n{ \"a\" : [ ] , \"b\" : { } } \n"), NULL},
	{TEXT("\"\\u0000\\uD83D\\uDE00\\/\xf0\x9f\x98\x80\x7f\""), NULL},
	{TEXT("true"), NULL},
	{TEXT("{\"a\":1,\"a\":2}"), NULL},
};

static void
check_value(struct fixture *f, int i)
{
	enum weir_verdict verdict = fixture_push_bytes(f, values[i].value);

	if (values[i].reason) {
		ck_assert_int_eq(verdict, WEIR_REJECT);
		ck_assert_str_eq(f->reason.text, values[i].reason);
	} else {
		ck_assert_msg(verdict == WEIR_DONE, "%s", f->reason.text);
	}
	fixture_fini(f);
}

START_TEST(what_is_no_json_is_refused_with_place_and_reason)
{
	struct fixture f;

	open_with(&f, "");
	check_value(&f, _i);
}
END_TEST

START_TEST(the_check_before_other_libraries_says_the_same)
{
	struct fixture f;

	open_with(&f, "'limit': 9223372036854775807");
	check_value(&f, _i);
}
END_TEST

START_TEST(a_lower_limit_is_named)
{
	struct fixture f;

	open_with(&f, "'limit': 9007199254740992");
	ck_assert_int_eq(fixture_push(&f, "k", "[9007199254740992, -9007199254740992]"),
			 WEIR_DONE);
	ck_assert_int_eq(fixture_push(&f, "k", "[0, {\"id\": 9007199254740993}]"),
			 WEIR_REJECT);
	ck_assert_str_eq(f.reason.text,
			 "number at /1/id is beyond 2^53: 9007199254740993");
	fixture_fini(&f);
	open_with(&f, "'limit': 10");
	ck_assert_int_eq(fixture_push(&f, "k", "-11"), WEIR_REJECT);
	ck_assert_str_eq(f.reason.text, "number is beyond 10: -11");
	fixture_fini(&f);
}
END_TEST

static void
nest(struct weir_buffer *text, int depth)
{
	for (int i = 0; i < depth; i++)
		weir__buffer_add_text(text, i % 2 ? "[" : "{\"a\":");
	weir__buffer_add_text(text, "1");
	while (depth-- > 0)
		weir__buffer_add_text(text, depth % 2 ? "]" : "}");
}

START_TEST(nesting_is_bounded)
{
	static const char *const options[] = {"", "'limit': 9223372036854775807"};
	struct weir_buffer deep = {0}, deeper = {0};
	struct fixture f;

	nest(&deep, 2040);
	nest(&deeper, 100000);
	open_with(&f, options[_i]);
	ck_assert_int_eq(fixture_push(&f, "k", deep.data), WEIR_DONE);
	ck_assert_int_eq(fixture_push(&f, "k", deeper.data), WEIR_REJECT);
	ck_assert_ptr_nonnull(strstr(f.reason.text, "nested deeper than 2048 levels"));
	fixture_fini(&f);
	weir__buffer_fini(&deep);
	weir__buffer_fini(&deeper);
}
END_TEST

START_TEST(an_object_key_with_a_nul_is_refused)
{
	struct fixture f;

	open_with(&f, "");
	ck_assert_int_eq(fixture_push(&f, "k", "{\"a\\u0000b\":1}"), WEIR_REJECT);
	ck_assert_ptr_nonnull(strstr(f.reason.text, "NUL byte in object key"));
	fixture_fini(&f);
}
END_TEST

START_TEST(a_reason_is_one_line_whatever_names_it_quotes)
{
	struct fixture f;

	open_with(&f, "");
	ck_assert_int_eq(fixture_push(&f, "k", "{\"a\\nb\":99999999999999999999}"),
			 WEIR_REJECT);
	ck_assert_str_eq(f.reason.text,
			 "number at /a?b is beyond 64 bits: 99999999999999999999");
	fixture_fini(&f);
}
END_TEST

START_TEST(a_mebibyte_of_noise_is_refused)
{
	unsigned seed = (unsigned)time(NULL) + (unsigned)_i;
	size_t size = 1 << 20;
	unsigned char *noise = malloc(size);
	struct fixture f;

	printf("# seed %u\n", seed);
	srandom(seed);
	for (size_t i = 0; i < size; i++)
		noise[i] = (unsigned char)(random() >> 8);
	noise[0] = 'x';
	open_with(&f, _i % 2 ? "" : "'limit': 1");
	ck_assert_int_eq(fixture_push_bytes(&f, (struct weir_bytes){noise, size}),
			 WEIR_REJECT);
	fixture_fini(&f);
	free(noise);
}
END_TEST

/* Texts of JSON's own letters in random order: our reader and jansson's must agree. */
START_TEST(the_strict_reader_agrees_with_jansson)
{
	static const char *const pieces[] = {"{",       "}",     "[",     "]",  ",",
					     ":",       "\"a\"", "\"b\"", "1",  "-0",
					     "2.5",     "true",  "null",  " ",  "1e5",
					     "\"\\n\"", "0",     "-",     "\"", "e"};
	unsigned seed = (unsigned)time(NULL) + (unsigned)_i;
	struct fixture strict, lenient;
	int good = 0;

	printf("# seed %u\n", seed);
	srandom(seed);
	open_with(&strict, "'limit': 9223372036854775807");
	open_with(&lenient, "");
	for (int round = 0; round < 20000; round++) {
		struct weir_buffer text = {0};
		enum weir_verdict a, b;

		for (long i = random() % 8; i >= 0; i--)
			weir__buffer_add_text(&text,
					      pieces[(size_t)random() %
						     (sizeof(pieces) / sizeof(*pieces))]);
		a = fixture_push(&strict, "k", text.data);
		b = fixture_push(&lenient, "k", text.data);
		ck_assert_msg(a == b, "%s: %d %s, %d %s", text.data, a,
			      strict.reason.text, b, lenient.reason.text);
		good += a == WEIR_DONE;
		weir__buffer_fini(&text);
	}
	ck_assert_int_gt(good, 100);
	fixture_fini(&strict);
	fixture_fini(&lenient);
}
END_TEST

/* ---- pointers ---- */

static const struct {
	const char *pointer;
	const char *json; /* NULL: nothing there */
} pointers[] = {
	{"", "{\"foo\":[\"bar\",{\"x\":1}],\"\":0,\"a/b\":1,\"m~n\":8,\" \":7,\"~1\":9}"},
	{"/foo", "[\"bar\",{\"x\":1}]"},
	{"/foo/0", "\"bar\""},
	{"/foo/1/x", "1"},
	{"/", "0"},
	{"/a~1b", "1"},
	{"/m~0n", "8"},
	{"/ ", "7"},
	{"/~01", "9"},
	{"/foo/2", NULL},
	{"/foo/-", NULL},
	{"/foo/00", NULL},
	{"/foo/01", NULL},
	{"/foo/ 0", NULL},
	{"/foo/99999999999999999999", NULL},
	{"/foo/", NULL},
	{"/foo/0/x", NULL},
	{"/fo", NULL},
	{"/fooo", NULL},
	{"foo", NULL},
};

START_TEST(a_pointer_names_what_rfc_6901_says)
{
	json_t *json = json_loads(pointers[0].json, 0, NULL);
	const json_t *found = weir_json_at(json, pointers[_i].pointer);

	if (pointers[_i].json) {
		size_t size;
		char *text = weir_json_print(found, &size);

		ck_assert_str_eq(text, pointers[_i].json);
		free(text);
	} else {
		ck_assert_ptr_null(found);
	}
	json_decref(json);
}
END_TEST

START_TEST(a_part_that_is_emitted_is_printed)
{
	struct fixture f;

	open_with(&f, "'at': '/a'");
	ck_assert_int_eq(fixture_push(&f, "k", "{\"a\": [true, {\"b\": 1.50}]}"),
			 WEIR_DONE);
	ck_assert_str_eq(fixture_held(&f), "[true,{\"b\":1.5}]\n");
	fixture_fini(&f);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof(table[0]))

int
main(void)
{
	Suite *suite = suite_create("json");
	TCase *cases = tcase_create("json");

	tcase_set_timeout(cases, 60);
	tcase_add_loop_test(cases, what_is_no_json_is_refused_with_place_and_reason, 0,
			    ROWS(values));
	tcase_add_loop_test(cases, the_check_before_other_libraries_says_the_same, 0,
			    ROWS(values));
	tcase_add_test(cases, a_lower_limit_is_named);
	tcase_add_loop_test(cases, nesting_is_bounded, 0, 2);
	tcase_add_test(cases, an_object_key_with_a_nul_is_refused);
	tcase_add_test(cases, a_reason_is_one_line_whatever_names_it_quotes);
	tcase_add_loop_test(cases, a_mebibyte_of_noise_is_refused, 0, 2);
	tcase_add_loop_test(cases, the_strict_reader_agrees_with_jansson, 0, 2);
	tcase_add_loop_test(cases, a_pointer_names_what_rfc_6901_says, 0, ROWS(pointers));
	tcase_add_test(cases, a_part_that_is_emitted_is_printed);
	suite_add_tcase(suite, cases);
	return weir_test_run(suite);
}
