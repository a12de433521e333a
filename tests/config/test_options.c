/*
 * Option tables: what fills the struct, what is refused and in which words.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include <config/json_pointer.h>
#include <config/option.h>

#include "tests/harness.h"

struct options {
	const char *table;
	bool keep;
	int64_t count;
	int64_t window;
	int64_t cache;
	int missing;
	struct weir_strings fields;
	const char *id;
	const char *password;
	int64_t any;
};

static const struct weir_option rows[] = {
	WEIR_OPT_STRING_REQUIRED(struct options, table, "table to look up"),
	WEIR_OPT_BOOL(struct options, keep, "true", "keep it"),
	WEIR_OPT_INT(struct options, count, "3", 1, 10, "how many"),
	WEIR_OPT_DURATION(struct options, window, "24h", 1000, 2592000000, "how long"),
	WEIR_OPT_SIZE(struct options, cache, "64MiB", 1024, 1073741824, "how much"),
	WEIR_OPT_CHOICE(struct options, missing, "reject", "keep|drop|reject",
			"if absent"),
	WEIR_OPT_STRINGS(struct options, fields, "which"),
	WEIR_OPT_POINTER(struct options, id, "/id", "where the id is"),
	WEIR_OPT_SECRET(struct options, password, "never shown"),
	WEIR_OPT_INT(struct options, any, NULL, 0, 0, "from 0 up"),
	WEIR_OPT_END,
};
static const struct weir_option_table table = {rows, sizeof(rows[0])};

static int
parse(const char *text, struct options *options, struct weir_arena *arena,
      struct weir_error *error)
{
	json_t *object = json_loads(text, 0, NULL);
	int code;

	ck_assert_msg(object != NULL, "the test's own JSON: %s", text);
	memset(options, 0, sizeof(*options));
	code = weir__options_parse(&table, object, "/steps/0/with", options,
				   sizeof(*options), arena, error);
	json_decref(object);
	return code;
}

START_TEST(absent_keys_take_their_defaults)
{
	struct weir_arena arena = {0};
	struct weir_error error = {0};
	struct options options;

	ck_assert_int_eq(parse("{\"table\": \"t\"}", &options, &arena, &error), 0);
	ck_assert_str_eq(options.table, "t");
	ck_assert(options.keep);
	ck_assert_int_eq(options.count, 3);
	ck_assert_int_eq(options.window, 86400000);
	ck_assert_int_eq(options.cache, 67108864);
	ck_assert_int_eq(options.missing, 2);
	ck_assert_uint_eq(options.fields.count, 0);
	ck_assert_str_eq(options.id, "/id");
	ck_assert_ptr_null(options.password);
	ck_assert_int_eq(options.any, 0);
	weir__arena_fini(&arena);
}
END_TEST

START_TEST(given_keys_fill_the_struct)
{
	struct weir_arena arena = {0};
	struct weir_error error = {0};
	struct options options;

	ck_assert_int_eq(
		parse("{\"table\": \"\", \"keep\": false, \"count\": 10, \"window\": "
		      "\"1s\","
		      " \"cache\": \"1KiB\", \"missing\": \"keep\", \"fields\": [\"a\", "
		      "\"b\"],"
		      " \"id\": \"\", \"password\": \"p\", \"any\": 9223372036854775807}",
		      &options, &arena, &error),
		0);
	ck_assert_str_eq(options.table, "");
	ck_assert(!options.keep);
	ck_assert_int_eq(options.count, 10);
	ck_assert_int_eq(options.window, 1000);
	ck_assert_int_eq(options.cache, 1024);
	ck_assert_int_eq(options.missing, 0);
	ck_assert_uint_eq(options.fields.count, 2);
	ck_assert_str_eq(options.fields.items[1], "b");
	ck_assert_str_eq(options.id, "");
	ck_assert_str_eq(options.password, "p");
	ck_assert_int_eq(options.any, INT64_MAX);
	weir__arena_fini(&arena);
}
END_TEST

START_TEST(a_variable_can_give_numbers_and_truth_and_null_takes_back)
{
	struct weir_arena arena = {0};
	struct weir_error error = {0};
	struct options options;

	ck_assert_int_eq(parse("{\"table\": \"t\", \"keep\": \"false\", \"count\": \"7\","
			       " \"window\": null, \"fields\": \"one\"}",
			       &options, &arena, &error),
			 0);
	ck_assert(!options.keep);
	ck_assert_int_eq(options.count, 7);
	ck_assert_int_eq(options.window, 86400000);
	ck_assert_uint_eq(options.fields.count, 1);
	ck_assert_str_eq(options.fields.items[0], "one");
	weir__arena_fini(&arena);
}
END_TEST

START_TEST(each_fault_names_its_place_and_what_was_expected)
{
	static const struct {
		const char *text;
		const char *message;
	} cases[] = {
		{"{}", "/steps/0/with/table: missing; expected: table to look up"},
		{"{\"table\": null}",
		 "/steps/0/with/table: missing; expected: table to look up"},
		{"{\"table\": 5}", "/steps/0/with/table: expected a string, found 5"},
		{"{\"table\": {}}",
		 "/steps/0/with/table: expected a string, found an object"},
		{"{\"tabel\": \"t\"}",
		 "/steps/0/with/tabel: unknown key; did you mean \"table\"?"},
		{"{\"xyzzy/~\": 1}", "/steps/0/with/xyzzy~1~0: unknown key; known are "
				     "table, keep, count, window, cache, "
				     "missing, fields, id, password, any"},
		{"{\"table\": \"t\", \"keep\": 1}",
		 "/steps/0/with/keep: expected true or false, found 1"},
		{"{\"table\": \"t\", \"keep\": \"yes\"}",
		 "/steps/0/with/keep: expected true or false, found \"yes\""},
		{"{\"table\": \"t\", \"count\": 0}",
		 "/steps/0/with/count: 0 is out of range (1 to 10)"},
		{"{\"table\": \"t\", \"count\": 11}",
		 "/steps/0/with/count: 11 is out of range (1 to 10)"},
		{"{\"table\": \"t\", \"count\": 1.5}",
		 "/steps/0/with/count: expected a whole number, found a number with a "
		 "fraction or "
		 "exponent"},
		{"{\"table\": \"t\", \"count\": \"7x\"}",
		 "/steps/0/with/count: expected a whole number, found \"7x\""},
		{"{\"table\": \"t\", \"count\": \"99999999999999999999\"}",
		 "/steps/0/with/count: expected a whole number, found "
		 "\"99999999999999999999\""},
		{"{\"table\": \"t\", \"any\": -1}",
		 "/steps/0/with/any: -1 is below the least, 0"},
		{"{\"table\": \"t\", \"window\": 5}",
		 "/steps/0/with/window: expected a duration with its unit, like "
		 "\"100ms\" or "
		 "\"24h\", found 5"},
		{"{\"table\": \"t\", \"window\": \"5\"}",
		 "/steps/0/with/window: expected a duration with its unit, like "
		 "\"100ms\" or "
		 "\"24h\", found \"5\""},
		{"{\"table\": \"t\", \"window\": \"31d\"}",
		 "/steps/0/with/window: 31d is out of range (1s to 30d)"},
		{"{\"table\": \"t\", \"cache\": \"64MB\"}",
		 "/steps/0/with/cache: expected a size with its unit, like \"64MiB\", "
		 "found "
		 "\"64MB\""},
		{"{\"table\": \"t\", \"cache\": 0}",
		 "/steps/0/with/cache: 0 is out of range (1KiB to 1GiB)"},
		{"{\"table\": \"t\", \"missing\": \"rejct\"}",
		 "/steps/0/with/missing: expected one of keep|drop|reject, found "
		 "\"rejct\""},
		{"{\"table\": \"t\", \"missing\": \"\"}",
		 "/steps/0/with/missing: expected one of keep|drop|reject, found \"\""},
		{"{\"table\": \"t\", \"missing\": \"keep|drop\"}",
		 "/steps/0/with/missing: expected one of keep|drop|reject, found "
		 "\"keep|drop\""},
		{"{\"table\": \"t\", \"fields\": [\"a\", 2]}",
		 "/steps/0/with/fields/1: expected a string, found 2"},
		{"{\"table\": \"t\", \"fields\": true}",
		 "/steps/0/with/fields: expected a string or a list of strings, found "
		 "true"},
		{"{\"table\": \"t\", \"id\": \"id\"}",
		 "/steps/0/with/id: expected a JSON pointer like \"/order/id\", found "
		 "\"id\""},
		{"{\"table\": \"t\", \"id\": \"/a~2\"}",
		 "/steps/0/with/id: expected a JSON pointer like \"/order/id\", found "
		 "\"/a~2\""},
		{"{\"table\": \"t\", \"password\": 12345}",
		 "/steps/0/with/password: expected a string, found a number"},
		{"[]", "/steps/0/with: expected an object"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_arena arena = {0};
		struct weir_error error = {0};
		struct options options;

		ck_assert_msg(parse(cases[i].text, &options, &arena, &error) ==
				      WEIR_EINVALID,
			      "%s", cases[i].text);
		ck_assert_str_eq(error.message, cases[i].message);
		weir__arena_fini(&arena);
	}
}
END_TEST

START_TEST(a_secret_number_out_of_range_is_not_told)
{
	static const struct weir_option pin_rows[] = {
		WEIR_OPT_ROW(struct options, any, WEIR_OPTION_INT, WEIR_OPTION_SECRET,
			     NULL, 1000, 9999, NULL, "a number to get in"),
		WEIR_OPT_END};
	static const struct weir_option_table pin_table = {pin_rows, sizeof(pin_rows[0])};
	json_t *object = json_pack("{s:i}", "any", 31337);
	struct weir_arena arena = {0};
	struct weir_error error = {0};
	struct options options = {0};

	ck_assert_int_eq(weir__options_parse(&pin_table, object, "/with", &options,
					     sizeof(options), &arena, &error),
			 WEIR_EINVALID);
	ck_assert_str_eq(error.message,
			 "/with/any: the number is out of range (1000 to 9999)");
	json_decref(object);
	weir__arena_fini(&arena);
}
END_TEST

/* A plugin built against headers of another minor version: rows of another size. */
struct longer_row {
	struct weir_option row;
	const char *added;
};

START_TEST(rows_of_another_size_are_stepped_by_theirs)
{
	static const struct longer_row longer[] = {
		{WEIR_OPT_STRING(struct options, table, NULL, "a"), "x"},
		{WEIR_OPT_INT(struct options, count, "4", 1, 10, "b"), "y"},
		{WEIR_OPT_END, NULL},
	};
	struct weir_option_table of_longer = {(const struct weir_option *)longer,
					      sizeof(longer[0])};
	struct weir_option_table too_short = {rows, offsetof(struct weir_option, help)};
	struct weir_error error = {0};
	struct weir_arena arena = {0};
	struct options options = {0};
	struct weir_option row;

	ck_assert_int_eq(weir__options_check_table(&of_longer, sizeof(options), &error),
			 0);
	ck_assert_int_eq(weir__options_parse(&of_longer, NULL, "", &options,
					     sizeof(options), &arena, &error),
			 0);
	ck_assert_int_eq(options.count, 4);
	ck_assert(weir__option_row(&of_longer, 1, &row));
	ck_assert_str_eq(row.name, "count");
	ck_assert(!weir__option_row(&of_longer, 2, &row));
	ck_assert_int_ne(weir__options_check_table(&too_short, sizeof(options), &error),
			 0);
	ck_assert_ptr_nonnull(strstr(error.message, " bytes are too short"));
	weir__arena_fini(&arena);
}
END_TEST

START_TEST(no_rows_take_no_keys)
{
	struct weir_option_table none = {NULL, 0};
	struct weir_error error = {0};
	struct weir_arena arena = {0};
	json_t *object = json_pack("{s:i}", "x", 1);

	ck_assert_int_eq(weir__options_check_table(&none, 0, &error), 0);
	ck_assert_int_eq(weir__options_parse(&none, NULL, "/w", NULL, 0, &arena, &error),
			 0);
	ck_assert_int_ne(
		weir__options_parse(&none, object, "/w", NULL, 0, &arena, &error), 0);
	ck_assert_str_eq(error.message, "/w/x: unknown key; there are no options here");
	json_decref(object);
}
END_TEST

START_TEST(unsound_tables_are_refused)
{
	static const struct {
		struct weir_option row;
		const char *message;
	} cases[] = {
		{{"a", 99, 0, 0, NULL, 0, 0, NULL, "h"},
		 "option 0, \"a\", is of a type that this weir does not know"},
		{{"a", WEIR_OPTION_INT, 0, sizeof(struct options), NULL, 0, 0, NULL, "h"},
		 "option 0, \"a\", lies outside its struct"},
		{{"a", WEIR_OPTION_INT, 0, (size_t)-4, NULL, 0, 0, NULL, "h"},
		 "option 0, \"a\", lies outside its struct"},
		{{"a", WEIR_OPTION_INT, 0, 3, NULL, 0, 0, NULL, "h"},
		 "option 0, \"a\", is not aligned in its struct"},
		{{"a", WEIR_OPTION_CHOICE, 0, 0, NULL, 0, 0, NULL, "h"},
		 "option 0, \"a\", has no choices"},
		{{"a", WEIR_OPTION_INT, 0, 0, NULL, 5, 1, NULL, "h"},
		 "option 0, \"a\", has a least value above its greatest"},
		{{"a", WEIR_OPTION_STRING, WEIR_OPTION_REQUIRED, 0, "x", 0, 0, NULL, "h"},
		 "option 0, \"a\", is required and has a default"},
		{{"a", WEIR_OPTION_STRING, 0, 0, NULL, 0, 0, NULL, NULL},
		 "option 0, \"a\", has no help text"},
		{{"", WEIR_OPTION_STRING, 0, 0, NULL, 0, 0, NULL, "h"},
		 "option 0, \"\", has an empty name"},
		{{"a", WEIR_OPTION_INT, 0, 0, "12", 1, 10, NULL, "h"},
		 "option a: its default does not fit: a: 12 is out of range (1 to 10)"},
		{{"a", WEIR_OPTION_STRINGS, 0, 0, "[1", 0, 0, NULL, "h"},
		 "option a: its default does not fit: a: not JSON"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_option unsound[] = {cases[i].row, WEIR_OPT_END};
		struct weir_option_table unsound_table = {unsound, sizeof(unsound[0])};
		struct weir_error error = {0};

		ck_assert_int_eq(weir__options_check_table(
					 &unsound_table, sizeof(struct options), &error),
				 WEIR_EINVALID);
		ck_assert_str_eq(error.message, cases[i].message);
	}
}
END_TEST

START_TEST(a_name_twice_is_refused)
{
	struct weir_option twice[] = {rows[0], rows[1], rows[0], WEIR_OPT_END};
	struct weir_option_table twice_table = {twice, sizeof(twice[0])};
	struct weir_error error = {0};

	ck_assert_int_ne(
		weir__options_check_table(&twice_table, sizeof(struct options), &error),
		0);
	ck_assert_str_eq(error.message, "option 2, \"table\", is there twice");
}
END_TEST

START_TEST(help_shows_type_default_and_range)
{
	struct weir_buffer help = {0};

	weir__options_help(&table, &help);
	ck_assert_ptr_nonnull(
		strstr(help.data, "  table  string, required\n      table to look up\n"));
	ck_assert_ptr_nonnull(strstr(help.data, "  keep  true|false, default true\n"));
	ck_assert_ptr_nonnull(
		strstr(help.data, "  window  duration, default 24h, 1s to 30d\n"));
	ck_assert_ptr_nonnull(
		strstr(help.data, "  cache  size, default 64MiB, 1KiB to 1GiB\n"));
	ck_assert_ptr_nonnull(
		strstr(help.data, "  missing  keep|drop|reject, default reject\n"));
	ck_assert_ptr_nonnull(strstr(help.data, "  password  string, secret\n"));
	weir__buffer_fini(&help);
}
END_TEST

START_TEST(json_has_what_a_schema_needs)
{
	json_t *list = weir__options_json(&table);
	json_t *missing = json_array_get(list, 5);
	json_t *window = json_array_get(list, 3);

	ck_assert_uint_eq(json_array_size(list), 10);
	ck_assert(json_is_true(json_object_get(json_array_get(list, 0), "required")));
	ck_assert_str_eq(json_string_value(json_object_get(missing, "type")), "choice");
	ck_assert_uint_eq(json_array_size(json_object_get(missing, "choices")), 3);
	ck_assert_str_eq(json_string_value(json_object_get(window, "default")), "24h");
	ck_assert_int_eq(json_integer_value(json_object_get(window, "max")), 2592000000);
	ck_assert(json_is_true(json_object_get(json_array_get(list, 8), "secret")));
	ck_assert_ptr_null(json_object_get(json_array_get(list, 9), "min"));
	json_decref(list);
}
END_TEST

START_TEST(pointers_are_taken_apart_and_built)
{
	const char *rest = "/a~1b/~0/";
	struct weir_buffer built = {0};
	static const char *const tokens[] = {"a/b", "~", ""};

	for (size_t i = 0; i < 3; i++) {
		char *token = weir__json_pointer_next(&rest);

		ck_assert_str_eq(token, tokens[i]);
		weir__json_pointer_add(&built, token);
		free(token);
	}
	ck_assert_ptr_null(weir__json_pointer_next(&rest));
	ck_assert_str_eq(built.data, "/a~1b/~0/");
	weir__buffer_fini(&built);
	ck_assert(weir__json_pointer_valid(""));
	ck_assert(weir__json_pointer_valid("/"));
	ck_assert(!weir__json_pointer_valid("a"));
	ck_assert(!weir__json_pointer_valid("/~"));
	ck_assert(!weir__json_pointer_valid("/~2"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("options");
	TCase *tcase = tcase_create("options");

	tcase_add_test(tcase, absent_keys_take_their_defaults);
	tcase_add_test(tcase, given_keys_fill_the_struct);
	tcase_add_test(tcase, a_variable_can_give_numbers_and_truth_and_null_takes_back);
	tcase_add_test(tcase, each_fault_names_its_place_and_what_was_expected);
	tcase_add_test(tcase, a_secret_number_out_of_range_is_not_told);
	tcase_add_test(tcase, rows_of_another_size_are_stepped_by_theirs);
	tcase_add_test(tcase, no_rows_take_no_keys);
	tcase_add_test(tcase, unsound_tables_are_refused);
	tcase_add_test(tcase, a_name_twice_is_refused);
	tcase_add_test(tcase, help_shows_type_default_and_range);
	tcase_add_test(tcase, json_has_what_a_schema_needs);
	tcase_add_test(tcase, pointers_are_taken_apart_and_built);
	suite_add_tcase(suite, tcase);
	return weir_test_run(suite);
}
