/*
 * The processor enrich in running workers: what is put where, what becomes of records of
 * which the table has nothing, and that every other byte leaves as it came.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <jansson.h>

#include "processors/enrich.h"
#include "tests/harness.h"
#include "tests/run/fleet.h"

#define ROWS(table) (int)(sizeof(table) / sizeof(table[0]))
#define DEAD ", \"dead_letter\": {\"topic\": \"dead\"}"
#define TABLE "\"tables\": {\"people\": {\"topic\": \"people\"}}, "

static struct fleet fleet;
static char text[4096];

static void
setup(void)
{
	fleet_extra_processor = &weir_enrich;
}

static void
teardown(void)
{
	fleet_close(&fleet);
}

/* The step enrich with these options, ' for ", then what else the pipeline has. */
static void
open_with(const char *with, const char *more)
{
	char settings[1024];

	snprintf(settings, sizeof(settings),
	         TABLE "\"steps\": [{\"use\": \"enrich\", \"with\": {\"table\": \"people\", %s}}]%s",
	         with, more);
	for (char *c = settings; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	fleet_open(&fleet, settings);
}

static void
start(void)
{
	fleet_feed(&fleet);
	fleet_start(&fleet, 0);
}

static void
put(const char *key, const char *header, const char *value)
{
	struct weir_header headers = {"who", {header, header ? strlen(header) : 0}};
	struct weir_message message = {
		.key = {key, key ? strlen(key) : 0},
		.value = {value, value ? strlen(value) : 0},
		.headers = &headers,
		.header_count = header != NULL,
		.timestamp_ms = 500000,
		.partition = WEIR_BY_KEY,
	};

	ck_assert_int_eq(weir__memory_append(fleet.memory, "in", 0, &message), 0);
}

#define READ(topic, expected) \
	ck_assert_str_eq(fleet_read(&fleet, topic, text, sizeof(text)), expected)
#define REASON(index) fleet_header(&fleet, "dead", index, "weir.reason")

/* ---- what is looked up ---- */

static const struct {
	const char *on, *key, *header, *value, *looked_up; /* NULL: nothing */
} keys[] = {
	{"key", "k", NULL, "{}", "k"},
	{"key", "", NULL, "{}", ""},
	{"key", NULL, NULL, "{}", NULL},
	{"header:who", "k", "h", "{}", "h"},
	{"header:who", "k", NULL, "{}", NULL},
	{"/n", "k", NULL, "{\"n\":1042}", "1042"},
	{"/n", "k", NULL, "{\"n\": 1.50}", "1.50"},
	{"/n", "k", NULL, "{\"n\":12345678901234567890}", "12345678901234567890"},
	{"/n", "k", NULL, "{\"n\":\"1042\"}", "1042"},
	{"/n", "k", NULL, "{\"n\":\"\"}", ""},
	{"/n", "k", NULL, "{\"n\":\"\\u0041\\n\\\"\"}", "A\n\""},
	{"/n", "k", NULL, "{\"n\":true}", "true"},
	{"/n", "k", NULL, "{\"n\":null}", NULL},
	{"/n", "k", NULL, "{\"n\":{}}", NULL},
	{"/n", "k", NULL, "{\"n\":[1]}", NULL},
	{"/n", "k", NULL, "{}", NULL},
	{"/a/1/b", "k", NULL, "{\"a\":[0,{\"b\":\"x\"}]}", "x"},
	{"/n", "k", NULL, "{\"n\":1,\"n\":2}", "2"},
};

START_TEST(it_looks_up_what_stands_at_the_place)
{
	const char *value = keys[_i].value;
	char with[100], expected[200];

	snprintf(with, sizeof(with), "'on': '%s', 'into': '/info', 'missing': 'keep'", keys[_i].on);
	open_with(with, "");
	fleet_put_table(&fleet, "people", keys[_i].looked_up ? keys[_i].looked_up : "null",
	                "[1.50]");
	start();
	put(keys[_i].key, keys[_i].header, value);
	fleet_run(&fleet, 40);
	snprintf(expected, sizeof(expected), "%.*s%s\"info\":[1.50]}", (int)strlen(value) - 1,
	         value, strlen(value) > 2 ? "," : "");
	READ("out", keys[_i].looked_up ? expected : value);
}
END_TEST

/* ---- what is put in ---- */

#define PERSON "{ \"name\":\"Ann\", \"age\":42.0,\"home\":{\"city\":\"Ulm\",\"a/b\":1e5} }"

static const struct {
	const char *with, *table, *value, *out; /* value: of key k; out: NULL: rejected */
	const char *reason;
} cases[] = {
	{"'into': '/info'", PERSON, "{\"n\":19.990}", "{\"n\":19.990,\"info\":" PERSON "}", NULL},
	{"'into': '/info'", " [1] \n", "{}", "{\"info\":[1]}", NULL},
	{"'into': '/info'", "\"Ann\"", "{}", "{\"info\":\"Ann\"}", NULL},
	{"'into': '/info'", "12345678901234567890", "{}", "{\"info\":12345678901234567890}", NULL},
	{"'into': '/info'", "1", "{\"info\":{\"old\":1},\"n\":2}", "{\"info\":1,\"n\":2}", NULL},
	{"'into': '/a/b'", "1", "{}", "{\"a\":{\"b\":1}}", NULL},
	{"'into': '/a/0'", "1", "{\"a\":[7, 8]}", "{\"a\":[1, 8]}", NULL},
	{"'into': '/info', 'fields': 'name'", PERSON, "{}", "{\"info\":{\"name\":\"Ann\"}}", NULL},
	{"'into': '/info', 'fields': ['age', '/home/city', 'none']", PERSON, "{}",
         "{\"info\":{\"age\":42.0,\"city\":\"Ulm\"}}", NULL},
	{"'into': '/info', 'fields': 'none'", PERSON, "{}", "{\"info\":{}}", NULL},
	{"'into': '/info', 'fields': ['/home/a~1b']", PERSON, "{}", "{\"info\":{\"a/b\":1e5}}", NULL},
	{"'into': '/info', 'fields': ['x~y/z']", "{\"x~y/z\":1}", "{}",
         "{\"info\":{\"x~y/z\":1}}", NULL},
	{"'into': '', 'fields': ['name', 'none', 'age']", PERSON, "{\"age\":1,\"n\":2}",
         "{\"age\":42.0,\"n\":2,\"name\":\"Ann\"}", NULL},
	{"'into': '', 'fields': ['none']", PERSON, "[ 1 ]", "[ 1 ]", NULL},
	{"'into': '', 'fields': ['name']", PERSON, "[ 1 ]", NULL,
         "nothing can be put at \"\": what should hold it is no object, and no array with that "
         "element"},
	{"'into': '/info'", "1", "7", NULL,
         "nothing can be put at \"/info\": what should hold it is no object, and no array with "
         "that element"},
	{"'into': '/a/b'", "1", "{\"a\":null}", NULL,
         "nothing can be put at \"/a/b\": what should hold it is no object, and no array with "
         "that element"},
	{"'into': '/a/2'", "1", "{\"a\":[7,8]}", NULL,
         "nothing can be put at \"/a/2\": what should hold it is no object, and no array with "
         "that element"},
	{"'into': '/info'", "Ann", "{}", NULL,
         "table people, \"k\": value is not JSON: line 1 column 1: expected a value but found A"},
	{"'into': '/info'", "", "{}", NULL, "table people, \"k\": value is empty, not JSON"},
	{"'into': '/info', 'fields': 'name'", "[1]", "{}", NULL,
         "table people, \"k\": value is no object, and has no fields"},
	{"'into': '/info'", "1", "{bro", NULL,
         "value is not JSON: line 1 column 2: expected a member's name but found b"},
	{"'into': '/info'", "1", "", NULL, "value is empty, not JSON"},
};

START_TEST(what_the_table_has_is_put_into_the_value)
{
	char with[200];

	snprintf(with, sizeof(with), "'on': 'key', 'missing': 'keep', %s", cases[_i].with);
	open_with(with, DEAD);
	fleet_put_table(&fleet, "people", "k", cases[_i].table);
	start();
	put("k", NULL, cases[_i].value);
	fleet_run(&fleet, 40);
	READ("out", cases[_i].out ? cases[_i].out : "");
	ck_assert_uint_eq(fleet_count(&fleet, "dead"), cases[_i].out ? 0 : 1);
	if (cases[_i].reason)
		ck_assert_str_eq(REASON(0), cases[_i].reason);
}
END_TEST

START_TEST(key_headers_and_what_follows_stay)
{
	open_with("'on': '/n', 'into': '/info'", "");
	fleet_put_table(&fleet, "people", "1", "true");
	start();
	put("k", "h", "{\"n\":1}");
	fleet_run(&fleet, 40);
	READ("out", "{\"n\":1,\"info\":true}");
	ck_assert_str_eq(fleet_header(&fleet, "out", 0, "who"), "h");
}
END_TEST

START_TEST(the_table_is_followed)
{
	open_with("'on': 'key', 'into': '/i', 'missing': 'drop'", "");
	fleet_put_table(&fleet, "people", "k", "1");
	start();
	put("k", NULL, "{}");
	fleet_run(&fleet, 40);
	fleet_put_table(&fleet, "people", "k", "2");
	fleet_feed(&fleet);
	put("k", NULL, "{}");
	fleet_run(&fleet, 40);
	fleet_put_table(&fleet, "people", "k", NULL);
	fleet_feed(&fleet);
	put("k", NULL, "{}");
	fleet_run(&fleet, 40);
	READ("out", "{\"i\":1} {\"i\":2}");
}
END_TEST

/* ---- what is missing ---- */

static const struct {
	const char *on, *key, *value, *reason;
} missing[] = {
	{"key", "z", "{ }", "table people has no \"z\""},
	{"key", "a\nb", "{ }", "table people has no \"a?b\""},
	{"key", NULL, "{ }", "nothing to look up: the key is missing or null"},
	{"header:who", "k", "{ }", "nothing to look up: the header:who is missing or null"},
	{"/n", "k", "{ }", "nothing to look up: nothing at \"/n\", or null"},
	{"/n", "k", "{\"n\":[]}", "nothing to look up: nothing at \"/n\" that can be a key"},
	{"/n", "k", "{\"n\":{}}", "nothing to look up: nothing at \"/n\" that can be a key"},
	{"/n", "k", NULL, "nothing to enrich: the value is null"},
	{"key", "k", NULL, "nothing to enrich: the value is null"},
};

static void
put_missing(int index, const char *what)
{
	char with[200];

	snprintf(with, sizeof(with), "'on': '%s', 'into': '/info'%s", missing[index].on, what);
	open_with(with, DEAD);
	fleet_put_table(&fleet, "people", "k", "1");
	start();
	put(missing[index].key, NULL, missing[index].value);
	fleet_run(&fleet, 40);
}

START_TEST(what_is_missing_is_rejected)
{
	put_missing(_i, "");
	READ("out", "");
	ck_assert_uint_eq(fleet_count(&fleet, "dead"), 1);
	ck_assert_str_eq(REASON(0), missing[_i].reason);
}
END_TEST

static const struct {
	const char *option;
	int out, other;
} whats[] = {
	{", 'missing': 'keep'", 1, 0},
	{", 'missing': 'drop'", 0, 0},
	{", 'missing': 'output:other'", 0, 1},
	{", 'missing': 'output:unknown'}, 'outputs': {'unknown': 'other'", 0, 1},
};

START_TEST(what_is_missing_does_as_told)
{
	int index = _i % ROWS(missing), what = _i / ROWS(missing);
	const char *value = missing[index].value ? missing[index].value : "null";

	put_missing(index, whats[what].option);
	READ("out", whats[what].out ? value : "");
	READ("other", whats[what].other ? value : "");
	READ("dead", "");
}
END_TEST

START_TEST(a_value_that_is_no_json_is_rejected_whatever_missing_says)
{
	open_with("'on': 'key', 'into': '/info', 'missing': 'keep'", DEAD);
	start();
	put("z", NULL, "{\"a\"");
	fleet_run(&fleet, 40);
	READ("out", "");
	READ("dead", "{\"a\"");
}
END_TEST

/* ---- options ---- */

static const struct {
	const char *with, *error;
} bad[] = {
	{"'on': 'foo', 'into': '/a'",
         "on: \"foo\" is not \"key\", \"header:NAME\" or a JSON pointer, which begins with /"},
	{"'on': '/a~b', 'into': '/a'", "on: \"/a~b\" is no JSON pointer: behind ~ comes 0 or 1"},
	{"'on': 'key', 'into': 'a'", "/steps/0/with/into"},
	{"'on': 'key', 'into': ''",
         "into: \"\" is all of the value, and takes only what `fields` names"},
	{"'on': 'key', 'into': '/a', 'fields': []", "fields: the list is empty"},
	{"'on': 'key', 'into': '/a', 'fields': '/a~2'",
         "fields: \"/a~2\" is no JSON pointer: behind ~ comes 0 or 1"},
	{"'on': 'key', 'into': '/a', 'fields': ['b', '/a/b']",
         "fields: \"/b\" and \"/a/b\" would have one name"},
	{"'on': 'key', 'into': '/a', 'missing': 'pass'",
         "missing: \"pass\" is not reject, keep, drop or output:NAME"},
	{"'on': 'key', 'into': '/a', 'missing': 'output:'",
         "missing: \"output:\" is not reject, keep, drop or output:NAME"},
	{"'on': 'key', 'into': '/a', 'missing': 'other'",
         "missing: \"other\" is not reject, keep, drop or output:NAME"},
	{"'on': 'key'", "into"},
	{"'into': '/a'", "on"},
};

START_TEST(options_that_make_no_sense_are_refused)
{
	struct weir_error error = {0};
	struct weir_pipeline *pipeline;
	struct weir_chain *chain;
	char step[300], json[600];

	open_with("'on': 'key', 'into': '/a'", "");
	snprintf(step, sizeof(step), "{'use': 'enrich', 'with': {'table': 'people', %s}}",
	         bad[_i].with);
	for (char *c = step; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	snprintf(json, sizeof(json),
	         "{\"name\": \"app\", \"kafka\": {\"bootstrap.servers\": \"b\"}, " TABLE
	         "\"inputs\": [\"in\"], \"steps\": [%s], \"outputs\": {\"default\": \"out\"}}",
	         step);
	pipeline = weir__pipeline_parse(json, strlen(json), "test", ".", NULL, 0, &error);
	ck_assert_msg(pipeline != NULL, "%s", error.message);
	chain = weir__chain_new(pipeline, fleet.registry, &fleet.clock.clock, &fleet.logger, &error);
	ck_assert_ptr_null(chain);
	ck_assert_msg(strstr(error.message, bad[_i].error) != NULL, "%s", error.message);
	weir__pipeline_free(pipeline);
}
END_TEST

START_TEST(an_output_that_is_not_there_stops_it)
{
	open_with("'on': 'key', 'into': '/a', 'missing': 'output:nowhere'", "");
	start();
	put("z", NULL, "{}");
	fleet_run(&fleet, 40);
	ck_assert_int_eq(fleet_status(&fleet, 0), WEIR_WORKER_FAILED);
	ck_assert_ptr_nonnull(strstr(weir__worker_error(fleet.workers[0])->message,
	                             "missing: the pipeline has no output \"nowhere\""));
}
END_TEST

/* ---- all of the real data ---- */

struct lines {
	char **lines;
	size_t count;
};

static struct lines
read_lines(const char *path)
{
	FILE *file = fopen(path, "re");
	struct lines lines = {0};
	char *line = NULL;
	size_t capacity = 0;
	ssize_t size;

	ck_assert_msg(file != NULL, "%s", path);
	while ((size = getline(&line, &capacity, file)) > 0) {
		lines.lines = weir__realloc(lines.lines, (lines.count + 1) * sizeof(char *));
		lines.lines[lines.count++] = weir__strndup(line, (size_t)size - 1);
	}
	free(line);
	fclose(file);
	return lines;
}

static void
free_lines(struct lines *lines)
{
	for (size_t index = 0; index < lines->count; index++)
		free(lines->lines[index]);
	free(lines->lines);
}

/* What stands between the quotes behind `name`. */
static char *
member(const char *line, const char *name)
{
	const char *value = strstr(line, name) + strlen(name);

	return weir__strndup(value, strcspn(value, "\""));
}

struct answer {
	const struct lines *records;
	json_t *airports; /* IATA to line */
	size_t next;
};

/* The record without its last brace, then the airport's own line. */
static void
compare(void *opaque, const struct weir_message *message)
{
	struct answer *answer = opaque;
	const char *record = answer->records->lines[answer->next++];
	char *origin = member(record, "\"origin\":\"");
	const char *airport = json_string_value(json_object_get(answer->airports, origin));
	char *expected = airport ? weir__format("%.*s,\"from\":%s}", (int)strlen(record) - 1,
	                                        record, airport)
	                         : weir__strdup(record);

	ck_assert_uint_eq(message->value.size, strlen(expected));
	ck_assert_mem_eq(message->value.data, expected, message->value.size);
	free(expected);
	free(origin);
}

START_TEST(all_flights_get_their_airports_and_no_other_byte_changes)
{
	struct lines airports = read_lines(AIRPORTS), flights = read_lines(FLIGHTS);
	struct answer answer = {&flights, json_object(), 0};

	open_with("'on': '/origin', 'into': '/from', 'missing': 'keep'", "");
	for (size_t index = 0; index < airports.count; index++) {
		char *iata = member(airports.lines[index], "\"iata\":\"");

		fleet_put_table(&fleet, "people", iata, airports.lines[index]);
		json_object_set_new(answer.airports, iata, json_string(airports.lines[index]));
		free(iata);
	}
	start();
	for (size_t index = 0; index < flights.count; index++)
		put(NULL, NULL, flights.lines[index]);
	for (int round = 0; round < 2000 && fleet_count(&fleet, "out") < flights.count; round++)
		fleet_run(&fleet, 1000);
	fleet_each(&fleet, "out", 0, compare, &answer);
	ck_assert_uint_eq(answer.next, 20000);
	json_decref(answer.airports);
	free_lines(&airports);
	free_lines(&flights);
}
END_TEST

START_TEST(all_airports_get_something_and_no_other_byte_changes)
{
	struct lines airports = read_lines(AIRPORTS);
	char *expected = weir__calloc(1, 1 << 20), *all = weir__calloc(1, 1 << 20), *to = expected;

	open_with("'on': '/country', 'into': '/land', 'missing': 'keep'", "");
	fleet_put_table(&fleet, "people", "USA", "{ \"vat\" : 0.00 }");
	start();
	for (size_t index = 0; index < airports.count; index++) {
		const char *line = airports.lines[index];
		bool known = strstr(line, "\"country\":\"USA\"") != NULL;

		put(NULL, NULL, line);
		to += sprintf(to, "%s%.*s%s", index ? " " : "", (int)strlen(line) - known, line,
		              known ? ",\"land\":{ \"vat\" : 0.00 }}" : "");
	}
	for (int round = 0; round < 2000 && fleet_count(&fleet, "out") < airports.count; round++)
		fleet_run(&fleet, 1000);
	ck_assert_uint_eq(fleet_count(&fleet, "out"), 3376);
	ck_assert(strcmp(fleet_read(&fleet, "out", all, 1 << 20), expected) == 0);
	free(expected);
	free(all);
	free_lines(&airports);
}
END_TEST

static Suite *
suite(void)
{
	Suite *made = suite_create("enrich");
	TCase *tests = tcase_create("enrich");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, it_looks_up_what_stands_at_the_place, 0, ROWS(keys));
	tcase_add_loop_test(tests, what_the_table_has_is_put_into_the_value, 0, ROWS(cases));
	tcase_add_test(tests, key_headers_and_what_follows_stay);
	tcase_add_test(tests, the_table_is_followed);
	tcase_add_loop_test(tests, what_is_missing_is_rejected, 0, ROWS(missing));
	tcase_add_loop_test(tests, what_is_missing_does_as_told, 0, ROWS(missing) * ROWS(whats));
	tcase_add_test(tests, a_value_that_is_no_json_is_rejected_whatever_missing_says);
	tcase_add_loop_test(tests, options_that_make_no_sense_are_refused, 0, ROWS(bad));
	tcase_add_test(tests, an_output_that_is_not_there_stops_it);
	tcase_add_test(tests, all_flights_get_their_airports_and_no_other_byte_changes);
	tcase_add_test(tests, all_airports_get_something_and_no_other_byte_changes);
	suite_add_tcase(made, tests);
	return made;
}

int
main(void)
{
	return weir_test_run(suite());
}
