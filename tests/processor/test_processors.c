/*
 * The processors that come with weir: jq and route, as plugins.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/harness.h"
#include "tests/processor/fixture.h"

#define PLUGINS "processors/.libs/"

/* Build and open {'steps': [{'use': ..., 'with': {...}}]}; false with f->error. */
static bool
open_step(struct fixture *f, const char *use, const char *with)
{
	struct weir_buffer json = {0};
	char path[100];
	bool built;

	fixture_init(f, NULL);
	snprintf(path, sizeof(path), PLUGINS "%s.so", use);
	ck_assert_msg(weir__registry_load(f->registry, path, &f->error) == 0, "%s",
		      f->error.message);
	weir__buffer_printf(
		&json,
		"{'steps': [{'use': '%s', 'with': {%s}}],"
		"'outputs': {'default': 'd', 'a': 'ta', 'true': 'tt', '7': 't7',"
		"'1-5': 't15'}}",
		use, with);
	built = fixture_build(f, json.data);
	weir__buffer_fini(&json);
	if (built)
		f->task = weir__chain_open(f->chain, "in", 3, NULL, NULL, &f->error);
	return f->task != NULL;
}

static void
must_open(struct fixture *f, const char *use, const char *with)
{
	bool opened = open_step(f, use, with);

	ck_assert_msg(opened, "%s", f->error.message);
}

#ifdef HAVE_JQ

/* ---- jq ---- */

static const struct {
	const char *program; /* in the pipeline file: ' for " */
	const char *value;
	const char *held; /* NULL: rejected */
	const char *reason;
} runs[] = {
	{".", " { \"a\" : 1.50 } ", " { \"a\" : 1.50 } \n", NULL},
	{".b = 1", "{\"z\":1,\"a\":19.99}", "{\"z\":1,\"a\":19.99,\"b\":1}\n", NULL},
	{"{a}", " { \"a\" : 1.50 } ", " { \"a\" : 1.50 } \n", NULL},
	{"empty", "{}", "", NULL},
	{"select(.a > 1)", "{\"a\":1}", "", NULL},
	{".[]", "[1,\"x\",null,{\"a\":[]}]", "1\n\"x\"\nnull\n{\"a\":[]}\n", NULL},
	{"null", "1", "null\n", NULL},
	{".a", "{}", "null\n", NULL},
	{".", "\"\\u00e9\\u0000\"", "\"\\u00e9\\u0000\"\n", NULL},
	{"[.]", "\"\\u00e9\\u0000\"", "[\"\xc3\xa9\\u0000\"]\n", NULL},
	{"[$key, $topic, $partition, $offset, $timestamp, $headers]", "1",
	 "[\"k\",\"in\",3,1042,1000,{}]\n", NULL},
	{"def f: $key; f # a comment", "1", "\"k\"\n", NULL},
	{"$__loc__.line", "1", "1\n", NULL},
	{"1, halt, 2", "{}", "1\n", NULL},
	{"limit(3; repeat(7))", "1", "7\n7\n7\n", NULL},
	{"debug", "1", "1\n", NULL},
	{"[.a * 1e10, -.a * 1e10, .b]", "{\"a\":12345678901,\"b\":\"12345678901234567890\"}",
	 "[123456789010000000000.0,-123456789010000000000.0,"
	 "\"12345678901234567890\"]\n",
	 NULL},
	{". * 1e8", "-12345678901", "-1234567890100000000\n", NULL},
	{".a.b", "{\"a\":5}", NULL,
	 "the program failed: Cannot index number with string \"b\"|"
	 "the program failed: Cannot index number with \"b\""},
	{"error({x: 1})", "{}", NULL, "the program failed: {\"x\":1}"},
	{"1, error(.)", "\"two\\nlines\"", NULL, "the program failed: two lines"},
	{"halt_error", "\"no more\"", NULL, "the program halted: no more"},
	{"input", "1", NULL,
	 "the program failed: input: a program sees one record at a time"},
	{"nan", "1", NULL, "the program's result has a number that is not finite"},
	{"{a: [infinite]}", "1", NULL,
	 "the program's result has a number that is not finite"},
	{"[1e308 * 10]", "1", NULL,
	 "the program's result has a number that is not finite"},
	{"repeat(.)", "1", NULL,
	 "emits more than 1048576 bytes for one record (commit.bytes)"},
	{"range(infinite)", "1", NULL,
	 "emits more than 1048576 bytes for one record (commit.bytes)"},
	{".", NULL, NULL,
	 "value is null (option \"null\" can pass or drop such records)"},
	{".", "", NULL, "value is empty, not JSON"},
	{".", "nan", NULL,
	 "value is not JSON: line 1 column 1: expected a value but found n"},
	{".", "[01]", NULL,
	 "value is not JSON: line 1 column 3: expected , or ] but found 1"},
	{".", "\"\xff\"", NULL,
	 "value is not JSON: line 1 column 2: invalid UTF-8 (byte 0xff)"},
	{".", "[1e999]", NULL, "number at /0 is beyond a double: 1e999"},
	{".", "{\"a\":[123456789012345678901]}", NULL,
	 "number at /a/0 is beyond 2^53: 123456789012345678901|"
	 "number at /a/0 is beyond 64 bits: 123456789012345678901"},
};

/* Is `text` one of the alternatives, which | divides? */
static bool
is_one_of(const char *text, const char *alternatives)
{
	size_t size = strlen(text);

	for (const char *at = alternatives; at;
	     at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
		if (strncmp(at, text, size) == 0 && (at[size] == '\0' || at[size] == '|'))
			return true;
	return false;
}

static void
open_program(struct fixture *f, const char *program)
{
	char with[400];

	snprintf(with, sizeof(with), "'program': '%s'", program);
	must_open(f, "jq", with);
}

START_TEST(a_program_makes_records_or_a_reason)
{
	struct fixture f;
	enum weir_verdict verdict;

	open_program(&f, runs[_i].program);
	for (int round = 0; round < 2;
	     round++) { /* nothing is left over from record to record */
		verdict = fixture_push(&f, "k", runs[_i].value);
		if (runs[_i].held) {
			ck_assert_msg(verdict == WEIR_DONE, "%s", f.reason.text);
			ck_assert_str_eq(fixture_held(&f), runs[_i].held);
		} else {
			ck_assert_int_eq(verdict, WEIR_REJECT);
			ck_assert_msg(is_one_of(f.reason.text, runs[_i].reason), "%s",
				      f.reason.text);
		}
	}
	fixture_fini(&f);
}
END_TEST

static const struct {
	const char *with;
	const char *message;
} bad_options[] = {
	{"", "p.json: /steps/0/with/program: "},
	{"'program': '.a = ('", "p.json: /steps/0/with: program: syntax error"},
	{"'program': 'nosuch(1)'",
	 "p.json: /steps/0/with: program: nosuch/1 is not defined at line 1"},
	{"'program': '1 |\\n2 |\\n$nosuch'",
	 "p.json: /steps/0/with: program: $nosuch is not defined at line 3"},
	{"'program': '$key | nosuch'",
	 "p.json: /steps/0/with: program: nosuch/0 is not defined at line 1"},
	{"'program': 'import \\'m\\' as m; .'", "p.json: /steps/0/with: program: "},
	{"'program': '.', 'null': 'keep'", "p.json: /steps/0/with/null: "},
};

START_TEST(a_program_that_does_not_compile_is_refused_in_libjqs_words)
{
	struct fixture f;

	ck_assert(!open_step(&f, "jq", bad_options[_i].with));
	ck_assert_msg(strncmp(f.error.message, bad_options[_i].message,
			      strlen(bad_options[_i].message)) == 0,
		      "%s", f.error.message);
	ck_assert_ptr_null(strchr(f.error.message, '\n'));
	ck_assert_ptr_null(strstr(f.error.message, "shell"));
	fixture_fini(&f);
}
END_TEST

START_TEST(null_values_are_passed_or_dropped_when_asked)
{
	struct fixture f;

	must_open(&f, "jq", "'program': '.a', 'null': 'pass'");
	ck_assert_int_eq(fixture_push(&f, "k", NULL), WEIR_DONE);
	ck_assert_str_eq(fixture_held(&f), "<null>\n");
	fixture_fini(&f);
	must_open(&f, "jq", "'program': '.a', 'null': 'drop'");
	ck_assert_int_eq(fixture_push(&f, "k", NULL), WEIR_DONE);
	ck_assert_str_eq(fixture_held(&f), "");
	fixture_fini(&f);
}
END_TEST

START_TEST(headers_are_seen_and_must_be_utf8)
{
	struct weir_header headers[] = {
		{"h", {"first", 5}}, {"h", {"last", 4}}, {"n", {NULL, 0}}};
	const struct weir_message message = {.value = {"1", 1},
					     .headers = headers,
					     .header_count = 3,
					     .timestamp_ms = -1,
					     .partition = WEIR_BY_KEY};
	struct fixture f;

	open_program(&f, "[$headers, $key, $timestamp]");
	ck_assert_int_eq(weir__chain_record(f.task, &message, 1, &f.held, &f.reason),
			 WEIR_DONE);
	ck_assert_str_eq(fixture_held(&f), "[{\"h\":\"last\",\"n\":null},null,null]\n");
	headers[1].value = (struct weir_bytes){"\xff", 1};
	ck_assert_int_eq(weir__chain_record(f.task, &message, 1, &f.held, &f.reason),
			 WEIR_REJECT);
	ck_assert_str_eq(f.reason.text, "header h is not UTF-8, which $headers needs");
	fixture_fini(&f);
}
END_TEST

START_TEST(a_deep_result_is_refused_where_libjq_would_cut_it)
{
	struct fixture f;

	open_program(
		&f,
		"reduce range(300) as $i (1; if $i % 2 == 0 then [.] else {a:.} end)");
	ck_assert_int_eq(fixture_push(&f, "k", "1"), WEIR_REJECT);
	ck_assert_str_eq(f.reason.text,
			 "the program's result is nested too deep for libjq");
	fixture_fini(&f);
	open_program(&f, "reduce range(250) as $i (1; [.])");
	ck_assert_int_eq(fixture_push(&f, "k", "1"), WEIR_DONE);
	ck_assert_uint_eq(f.held.items[0].message.value.size, 501);
	fixture_fini(&f);
}
END_TEST

START_TEST(words_of_libjq_in_a_string_are_no_fault)
{
	struct fixture f;

	open_program(&f, "[., null]");
	ck_assert_int_eq(
		fixture_push(&f, "k", "\"[<skipped: too deep> 1.7976931348623157\""),
		WEIR_DONE);
	ck_assert_str_eq(fixture_held(&f),
			 "[\"[<skipped: too deep> 1.7976931348623157\",null]\n");
	fixture_fini(&f);
}
END_TEST

START_TEST(large_integers_are_kept_to_the_digit_or_refused)
{
	struct fixture f;

	open_program(&f, ".b = 1");
	if (fixture_push(&f, "k", "{\"id\":9007199254740993}") == WEIR_DONE) /* 1.7 */
		ck_assert_str_eq(fixture_held(&f), "{\"id\":9007199254740993,\"b\":1}\n");
	else
		ck_assert_str_eq(f.reason.text,
				 "number at /id is beyond 2^53: 9007199254740993");
	fixture_fini(&f);
}
END_TEST

START_TEST(a_rolled_back_program_goes_on)
{
	struct fixture f;

	open_program(&f, ".+1");
	ck_assert_int_eq(fixture_push(&f, "k", "1"), WEIR_DONE);
	ck_assert_int_eq(weir__chain_rollback(f.task, &f.error), 0);
	ck_assert_int_eq(fixture_push(&f, "k", "2"), WEIR_DONE);
	ck_assert_str_eq(fixture_held(&f), "3\n");
	fixture_fini(&f);
}
END_TEST

START_TEST(deep_values_are_refused_by_libjq_in_its_words)
{
	struct weir_buffer text = {0};
	struct fixture f;

	for (int i = 0; i < 2000; i++)
		weir__buffer_add_text(&text, "[");
	for (int i = 0; i < 2000; i++)
		weir__buffer_add_text(&text, "]");
	open_program(&f, "[.]");
	ck_assert_int_eq(fixture_push(&f, "k", text.data), WEIR_REJECT);
	ck_assert_msg(strstr(f.reason.text, "depth") || strstr(f.reason.text, "too deep"),
		      "%s", f.reason.text);
	fixture_fini(&f);
	weir__buffer_fini(&text);
}
END_TEST

/* What the program does to a flight, computed from the text alone. */
static void
expect_flight(const char *line, struct weir_buffer *expected)
{
	const char *delay = strstr(line, "\"delay\":");

	weir__buffer_printf(expected, "%.*s,\"late\":%s}\n", (int)strlen(line) - 1, line,
			    atoi(delay + 8) > 15 ? "true" : "false");
}

START_TEST(all_flights_get_the_right_flag_and_keep_the_rest)
{
	const char *path = FLIGHTS;
	FILE *file = fopen(path, "r");
	char line[1024];
	int count = 0, late = 0;
	struct fixture f;

	ck_assert_msg(file, "%s is missing", path);
	open_program(&f, ".late = (.delay > 15)");
	while (fgets(line, sizeof(line), file)) {
		struct weir_buffer expected = {0};

		line[strcspn(line, "\n")] = '\0';
		expect_flight(line, &expected);
		ck_assert_int_eq(fixture_push(&f, NULL, line), WEIR_DONE);
		ck_assert_str_eq(fixture_held(&f), expected.data);
		late += strstr(expected.data, "\"late\":true") != NULL;
		count++;
		weir__buffer_fini(&expected);
	}
	fclose(file);
	ck_assert_int_eq(count, 20000);
	ck_assert_int_gt(late, 0);
	fixture_fini(&f);
}
END_TEST

#endif

/* ---- route ---- */

static const struct {
	const char *unknown;
	const char *value;
	int output; /* -1: rejected; -2: dropped */
	const char *reason;
} routes[] = {
	{"reject", "{\"to\":\"a\"}", 1, NULL},
	{"reject", " {\"to\" : true}", 2, NULL},
	{"reject", "{\"to\":7}", 3, NULL},
	{"reject", "{\"to\":\"1-5\"}", 4, NULL},
	{"reject", "{\"to\":\"b\"}", -1, "no output is named \"b\" (at /to)"},
	{"reject", "{\"to\":7.0}", -1, "no output is named \"7.0\" (at /to)"},
	{"reject", "{\"to\":null}", -1, "the value at \"/to\" names no output"},
	{"reject", "{\"to\":\"a\\u0000\"}", -1, "the value at \"/to\" names no output"},
	{"reject", "{\"to\":{\"a\":1}}", -1, "the value at \"/to\" names no output"},
	{"reject", "{}", -1, "nothing at \"/to\" to choose the output by"},
	{"reject", "[]", -1, "nothing at \"/to\" to choose the output by"},
	{"reject", "{", -1,
	 "value is not JSON: line 1 column 2: expected a member's name but "
	 "the value ends"},
	{"reject", NULL, -1, "value is null"},
	{"default", "{\"to\":\"b\"}", 0, NULL},
	{"default", "{}", 0, NULL},
	{"default", "{", -1,
	 "value is not JSON: line 1 column 2: expected a member's name but "
	 "the value ends"},
	{"drop", "{\"to\":\"b\"}", -2, NULL},
	{"drop", "{}", -2, NULL},
	{"drop", "{\"to\":\"a\"}", 1, NULL},
};

START_TEST(a_record_goes_where_its_value_says)
{
	char with[100];
	struct fixture f;
	enum weir_verdict verdict;

	snprintf(with, sizeof(with), "'by': '/to', 'unknown': '%s'", routes[_i].unknown);
	must_open(&f, "route", with);
	verdict = fixture_push(&f, "k", routes[_i].value);
	if (routes[_i].output == -1) {
		ck_assert_int_eq(verdict, WEIR_REJECT);
		ck_assert_str_eq(f.reason.text, routes[_i].reason);
	} else if (routes[_i].output == -2) {
		ck_assert_int_eq(verdict, WEIR_DONE);
		ck_assert_uint_eq(f.held.count, 0);
	} else {
		ck_assert_int_eq(verdict, WEIR_DONE);
		ck_assert_uint_eq(f.held.count, 1);
		ck_assert_int_eq(f.held.items[0].output, routes[_i].output);
		ck_assert_uint_eq(f.held.arena.used_bytes, 0); /* the original bytes */
	}
	fixture_fini(&f);
}
END_TEST

START_TEST(unknown_to_default_needs_a_default)
{
	struct fixture f;

	fixture_init(&f, NULL);
	ck_assert_int_eq(weir__registry_load(f.registry, PLUGINS "route.so", &f.error),
			 0);
	ck_assert(fixture_build(&f, "{'steps': [{'use': 'route', 'with': {'by': '/to',"
				    "'unknown': 'default'}}], 'outputs': {'a': 'ta'}}"));
	ck_assert_ptr_null(weir__chain_open(f.chain, "in", 0, NULL, NULL, &f.error));
	ck_assert_str_eq(
		f.error.message,
		"step route: unknown: \"default\" needs an output named \"default\"");
	fixture_fini(&f);
}
END_TEST

START_TEST(the_environment_offers_them)
{
	struct fixture f;

	fixture_init(&f, NULL);
	setenv("WEIR_PLUGIN_PATH", PLUGINS, 1);
	weir__registry_load_standard(f.registry);
	ck_assert_ptr_nonnull(weir__registry_find(f.registry, "route"));
	fixture_fini(&f);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof(table[0]))

int
main(void)
{
	Suite *suite = suite_create("processors");
	TCase *cases = tcase_create("processors");

	tcase_set_timeout(cases, 60);
#ifdef HAVE_JQ
	tcase_add_loop_test(cases, a_program_makes_records_or_a_reason, 0, ROWS(runs));
	tcase_add_loop_test(cases,
			    a_program_that_does_not_compile_is_refused_in_libjqs_words, 0,
			    ROWS(bad_options));
	tcase_add_test(cases, null_values_are_passed_or_dropped_when_asked);
	tcase_add_test(cases, headers_are_seen_and_must_be_utf8);
	tcase_add_test(cases, a_deep_result_is_refused_where_libjq_would_cut_it);
	tcase_add_test(cases, words_of_libjq_in_a_string_are_no_fault);
	tcase_add_test(cases, large_integers_are_kept_to_the_digit_or_refused);
	tcase_add_test(cases, a_rolled_back_program_goes_on);
	tcase_add_test(cases, deep_values_are_refused_by_libjq_in_its_words);
	tcase_add_test(cases, all_flights_get_the_right_flag_and_keep_the_rest);
#endif
	tcase_add_loop_test(cases, a_record_goes_where_its_value_says, 0, ROWS(routes));
	tcase_add_test(cases, unknown_to_default_needs_a_default);
	tcase_add_test(cases, the_environment_offers_them);
	suite_add_tcase(suite, cases);
	return weir_test_run(suite);
}
