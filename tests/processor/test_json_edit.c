/*
 * JSON texts that are changed in one place: what is put where, and that no other byte moves.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <config/json_pointer.h>
#include <processor/json_text.h>

#include "tests/harness.h"

#define ROWS(table) (int)(sizeof(table) / sizeof(table[0]))

static struct weir_bytes
bytes(const char *text)
{
	return (struct weir_bytes){text, strlen(text)};
}

/* ---- cases ---- */

static const struct {
	const char *text, *pointer, *result; /* NULL: it has no place there */
} sets[] = {
	{"{}", "/a", "{\"a\":7}"},
	{" { } ", "/a", " {\"a\":7 } "},
	{"{\"b\":1}", "/a", "{\"b\":1,\"a\":7}"},
	{"{\"b\" : 19.990 \n}\n", "/a", "{\"b\" : 19.990,\"a\":7 \n}\n"},
	{"{\"a\":1,\"b\":[ 1e5 ]}", "/a", "{\"a\":7,\"b\":[ 1e5 ]}"},
	{"{\"b\":\"a\"}", "/a", "{\"b\":\"a\",\"a\":7}"},
	{"{\"b\":{\"a\":1}} ", "/a", "{\"b\":{\"a\":1},\"a\":7} "},
	{"{\"b\":\"\\\\\"}", "/a", "{\"b\":\"\\\\\",\"a\":7}"},
	{"{\"b\":1}\n ", "/a/b", "{\"b\":1,\"a\":{\"b\":7}}\n "},
	{"{ \"a\" : { \"x\":[] } , \"b\":2}", "/a", "{ \"a\" : 7 , \"b\":2}"},
	{"{\"a\":12345678901234567890,\"b\":1e999}", "/c",
         "{\"a\":12345678901234567890,\"b\":1e999,\"c\":7}"},
	{"{\"a\":1,\"b\":2,\"a\":3}", "/a", "{\"a\":1,\"b\":2,\"a\":7}"},
	{"{\"a\":{\"x\":1},\"a\":{}}", "/a/x", "{\"a\":{\"x\":1},\"a\":{\"x\":7}}"},
	{"{}", "/a/b/c", "{\"a\":{\"b\":{\"c\":7}}}"},
	{"{\"a\":{\"x\":1}}", "/a/b/c", "{\"a\":{\"x\":1,\"b\":{\"c\":7}}}"},
	{"{\"a\":null}", "/a", "{\"a\":7}"},
	{"{\"a\":null}", "/a/b", NULL},
	{"{\"a\":\"{}\"}", "/a/b", NULL},
	{"{\"a\":[{\"b\":1},{}]}", "/a/1/b", "{\"a\":[{\"b\":1},{\"b\":7}]}"},
	{"{\"a\":[1,[2],{\"]\":3},4]}", "/a/3", "{\"a\":[1,[2],{\"]\":3},7]}"},
	{"[1]", "/1", NULL},
	{"[1]", "/-", NULL},
	{"[1]", "/00", NULL},
	{"[]", "/0", NULL},
	{"[ ]", "/0/a", NULL},
	{"7.0", "/a", NULL},
	{" 1 ", "", " 7 "},
	{"{\"a/b\":1,\"m~n\":2}", "/a~1b", "{\"a/b\":7,\"m~n\":2}"},
	{"{\"a/b\":1,\"m~n\":2}", "/m~0n", "{\"a/b\":1,\"m~n\":7}"},
	{"{}", "/a~1\"\n", "{\"a/\\\"\\n\":7}"},
	{"{\"\\u0061\":1}", "/a", "{\"\\u0061\":7}"},
	{"{\"\\\"\":1,\"\\\\\":\"\\\\\"}", "/\"", "{\"\\\"\":7,\"\\\\\":\"\\\\\"}"},
	{"{\"\":1}", "/", "{\"\":7}"},
	{"{\"a\":\"}\\\"{,\",\"b\":1}", "/b", "{\"a\":\"}\\\"{,\",\"b\":7}"},
	{"{\"ab\":1}", "/a", "{\"ab\":1,\"a\":7}"},
	{"{\"a\\u0000\":1}", "/a", "{\"a\\u0000\":1,\"a\":7}"},
};

START_TEST(a_value_is_put_where_it_belongs)
{
	size_t size = 0;
	char *result = weir_json_set(bytes(sets[_i].text), sets[_i].pointer, bytes("7"), &size);

	if (!sets[_i].result) {
		ck_assert_ptr_null(result);
		return;
	}
	ck_assert_ptr_nonnull(result);
	ck_assert_str_eq(result, sets[_i].result);
	ck_assert_uint_eq(size, strlen(result));
	free(result);
}
END_TEST

static const struct {
	const char *pointer, *found; /* NULL: nothing */
} finds[] = {
	{"", "{ \"n\" : 1.50 , \"s\":\"\\u0041\", \"o\":{\"a\":[ 0,{ } , 1e5]}, \"n\": 2.0}"},
	{"/n", "2.0"},
	{"/s", "\"\\u0041\""},
	{"/o", "{\"a\":[ 0,{ } , 1e5]}"},
	{"/o/a/1", "{ }"},
	{"/o/a/2", "1e5"},
	{"/o/a/3", NULL},
	{"/o/a/-", NULL},
	{"/o/a/01", NULL},
	{"/n/x", NULL},
	{"/s/0", NULL},
	{"/", NULL},
	{"/x", NULL},
};

START_TEST(a_value_is_found_as_it_is_written)
{
	struct weir_bytes found = {"untouched", 9};
	char text[200];
	int code;

	snprintf(text, sizeof(text), "\t%s\n", finds[0].found);
	code = weir_json_find(bytes(text), finds[_i].pointer, &found);
	ck_assert_int_eq(code, finds[_i].found ? 0 : WEIR_ENOTFOUND);
	ck_assert_uint_eq(found.size, strlen(finds[_i].found ? finds[_i].found : "untouched"));
	ck_assert_mem_eq(found.data, finds[_i].found ? finds[_i].found : "untouched", found.size);
}
END_TEST

static const struct {
	const char *text, *reason; /* NULL: it is JSON */
} checks[] = {
	{"{\"a\":[12345678901234567890,1e999,1e-999]}", NULL},
	{"", "value is empty, not JSON"},
	{"{\"a\":01}", "value is not JSON: line 1 column 7: expected , or } but found 1"},
	{"{\"a\":1.}", "value is not JSON: line 1 column 6: expected a number but found 1"},
	{"[NaN]", "value is not JSON: line 1 column 2: expected a value but found N"},
	{"{} {}", "value is not JSON: line 1 column 4: expected nothing more but found {"},
};

START_TEST(a_text_is_checked_and_its_numbers_are_not)
{
	struct weir_error error = {0};
	int code = weir_json_check(bytes(checks[_i].text), &error);

	ck_assert_int_eq(code, checks[_i].reason ? WEIR_EJSON : 0);
	ck_assert_str_eq(error.message, checks[_i].reason ? checks[_i].reason : "");
}
END_TEST

START_TEST(null_is_no_text)
{
	struct weir_error error = {0};

	ck_assert_int_eq(weir_json_check((struct weir_bytes){NULL, 0}, &error), WEIR_EJSON);
	ck_assert_str_eq(error.message, "value is null, not JSON");
}
END_TEST

/* ---- random documents and pointers, beside jansson ---- */

static const char *const names[] = {"a", "b", "a/b", "m~n", "", "\"", "\n", "0", "1", "\xc3\xa9"};
/* the same, as they may stand in a text */
static const char *const written[][2] = {
	{"\"a\"", "\"\\u0061\""},         {"\"b\"", "\"b\""},
	{"\"a/b\"", "\"a\\/b\""},         {"\"m~n\"", "\"m\\u007en\""},
	{"\"\"", "\"\""},                 {"\"\\\"\"", "\"\\u0022\""},
	{"\"\\n\"", "\"\\u000A\""},       {"\"0\"", "\"\\u0030\""},
	{"\"1\"", "\"1\""},               {"\"\xc3\xa9\"", "\"\\u00e9\""},
};
static const char *const scalars[] = {
	"null", "true", "19.990", "1e5", "-0", "\"\"", "\"}],{\\\"\\\\\"", "9007199254740993",
};

static size_t
any(size_t count)
{
	return (size_t)random() % count;
}

static void
add_blank(struct weir_buffer *out)
{
	static const char *const blanks[] = {"", "", "", " ", "\n\t", "  \r\n"};

	weir__buffer_add_text(out, blanks[any(ROWS(blanks))]);
}

static void
add_random(struct weir_buffer *out, int depth)
{
	size_t kind = depth > 0 ? any(3) : 2, count = any(4);

	add_blank(out);
	if (kind == 2) {
		weir__buffer_add_text(out, scalars[any(ROWS(scalars))]);
		add_blank(out);
		return;
	}
	weir__buffer_add_text(out, kind ? "[" : "{");
	add_blank(out);
	for (size_t index = 0; index < count; index++) {
		if (index)
			weir__buffer_add_text(out, ",");
		if (kind == 0) {
			add_blank(out);
			weir__buffer_add_text(out, written[any(ROWS(written))][any(2)]);
			add_blank(out);
			weir__buffer_add_text(out, ":");
		}
		add_random(out, depth - 1);
	}
	weir__buffer_add_text(out, kind ? "]" : "}");
	add_blank(out);
}

/* What jansson makes of it; false: it has no place there. */
static bool
set_parsed(json_t **root, const char *pointer, json_t *value)
{
	char *token = weir__json_pointer_next(&pointer);
	size_t index;
	bool is_set = false;
	json_t *child;

	if (!token) {
		json_decref(*root);
		*root = json_incref(value);
		return true;
	}
	if (json_is_object(*root)) {
		child = json_object_get(*root, token);
		child = child ? json_incref(child) : *pointer ? json_object() : json_null();
		is_set = set_parsed(&child, pointer, value);
		json_object_set_new(*root, token, child);
	} else if (json_is_array(*root) &&
	           weir__json_token_index(token, strlen(token), &index) &&
	           index < json_array_size(*root)) {
		child = json_incref(json_array_get(*root, index));
		is_set = set_parsed(&child, pointer, value);
		json_array_set_new(*root, index, child);
	}
	free(token);
	return is_set;
}

/* All of `text` is there still, around one place. */
static bool
surrounds(struct weir_bytes text, struct weir_bytes gone, struct weir_bytes result)
{
	const char *from = text.data, *to = result.data;
	size_t before = 0, behind = 0;

	if (gone.data) {
		before = (size_t)((const char *)gone.data - from);
		behind = text.size - before - gone.size;
		return before + behind <= result.size && memcmp(from, to, before) == 0 &&
		       memcmp(from + text.size - behind, to + result.size - behind, behind) == 0;
	}
	while (before < text.size && before < result.size && from[before] == to[before])
		before++;
	while (behind < text.size && behind < result.size &&
	       from[text.size - behind - 1] == to[result.size - behind - 1])
		behind++;
	return before + behind >= text.size;
}

static void
check_set(struct weir_buffer *text, const char *pointer, const char *value, int *done)
{
	struct weir_bytes before = {text->data, text->size}, gone = {NULL, 0}, again;
	json_t *json = json_loadb(text->data, text->size, JSON_DECODE_ANY, NULL);
	json_t *json_value = json_loads(value, JSON_DECODE_ANY, NULL), *read;
	bool is_set = set_parsed(&json, pointer, json_value);
	size_t size;
	char *result = weir_json_set(before, pointer, bytes(value), &size);

	ck_assert_msg(is_set == (result != NULL), "%s in %s", pointer, text->data);
	weir_json_find(before, pointer, &gone);
	if (result) {
		read = json_loadb(result, size, JSON_DECODE_ANY, NULL);
		ck_assert_msg(json_equal(read, json), "%s in %s: %s", pointer, text->data,
		              result);
		ck_assert_msg(surrounds(before, gone, (struct weir_bytes){result, size}),
		              "%s in %s: %s", pointer, text->data, result);
		ck_assert_int_eq(weir_json_find((struct weir_bytes){result, size}, pointer,
		                                &again), 0);
		ck_assert_uint_eq(again.size, strlen(value));
		ck_assert_mem_eq(again.data, value, again.size);
		json_decref(read);
		(*done)++;
	}
	free(result);
	json_decref(json_value);
	json_decref(json);
}

START_TEST(it_is_what_jansson_makes_of_it_and_no_other_byte_moves)
{
	static const char *const values[] = {"{ \"x\":1.50 }", "[]", "\"\\u0041\"", "1e5"};
	unsigned seed = (unsigned)time(NULL) + (unsigned)_i;
	int done = 0, rounds = 20000;

	printf("# seed %u\n", seed);
	srandom(seed);
	for (int round = 0; round < rounds; round++) {
		struct weir_buffer text = {0}, pointer = {0};

		add_random(&text, 4);
		weir__buffer_add_text(&pointer, "");
		for (size_t steps = any(4); steps > 0; steps--)
			weir__json_pointer_add(&pointer, names[any(ROWS(names))]);
		check_set(&text, pointer.data, values[any(ROWS(values))], &done);
		weir__buffer_fini(&text);
		weir__buffer_fini(&pointer);
	}
	ck_assert_int_gt(done, rounds / 10);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("json_edit");
	TCase *cases = tcase_create("json_edit");

	tcase_set_timeout(cases, 60);
	tcase_add_loop_test(cases, a_value_is_put_where_it_belongs, 0, ROWS(sets));
	tcase_add_loop_test(cases, a_value_is_found_as_it_is_written, 0, ROWS(finds));
	tcase_add_loop_test(cases, a_text_is_checked_and_its_numbers_are_not, 0, ROWS(checks));
	tcase_add_test(cases, null_is_no_text);
	tcase_add_loop_test(cases, it_is_what_jansson_makes_of_it_and_no_other_byte_moves, 0, 2);
	suite_add_tcase(suite, cases);
	return weir_test_run(suite);
}
