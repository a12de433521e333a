/*
 * The processor dedup in running workers: which records pass, which do not, and that what it
 * remembers is what was committed.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "processors/dedup.h"
#include "tests/harness.h"
#include "tests/run/fleet.h"

#define ROWS(table) (int)(sizeof(table) / sizeof(table[0]))
#define DEAD ", \"dead_letter\": {\"topic\": \"dead\"}"
#define NOON 500000 /* a record time that the clock has passed */
#define CHANGELOG "app.dedup.ids.changelog.in"

static struct fleet fleet;
static char text[4096];

static void
setup(void)
{
	fleet_extra_processor = &weir_dedup;
}

static void
teardown(void)
{
	fleet_close(&fleet);
}

/* The step dedup with these options, ' for ", then what else the pipeline has. */
static void
open_with(const char *with, const char *more)
{
	char settings[1024];

	snprintf(settings, sizeof(settings),
	         "\"steps\": [{\"use\": \"dedup\", \"with\": {%s}}]%s", with, more);
	for (char *c = settings; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	fleet_open(&fleet, settings);
	fleet_start(&fleet, 0);
}

struct given {
	const char *key, *header, *value; /* NULL: null, none, null */
	int64_t time_ms;                  /* 0: NOON */
};

static void
put(const struct given *given)
{
	struct weir_header header = {"id", {given->header, given->header
	                                                           ? strlen(given->header)
	                                                           : 0}};
	struct weir_message message = {
		.key = {given->key, given->key ? strlen(given->key) : 0},
		.value = {given->value, given->value ? strlen(given->value) : 0},
		.headers = &header,
		.header_count = given->header != NULL,
		.timestamp_ms = given->time_ms ? given->time_ms : NOON,
		.partition = WEIR_BY_KEY,
	};

	ck_assert_int_eq(weir__memory_append(fleet.memory, "in", 0, &message), 0);
}

/* "KEY:VALUE KEY:VALUE" of NOON. */
static void
put_all(const char *records)
{
	char copy[256], *rest = copy, *record;

	strcpy(copy, records);
	while ((record = strsep(&rest, " "))) {
		char *value = strchr(record, ':');

		*value++ = '\0';
		put(&(struct given){.key = record, .value = value});
	}
}

#define READ(topic, expected) \
	ck_assert_str_eq(fleet_read(&fleet, topic, text, sizeof(text)), expected)
#define REASON(index) fleet_header(&fleet, "dead", index, "weir.reason")

static void
count_changes(void *opaque, const struct weir_message *message)
{
	int *counts = opaque;

	counts[message->value.data == NULL]++;
	ck_assert_uint_eq(message->value.size, 0);
}

/* ids remembered, ids forgotten: as many records has the changelog. */
#define CHANGES(puts, deletes)                                                \
	do {                                                                  \
		int counts[2] = {0, 0};                                       \
		fleet_each(&fleet, CHANGELOG, 0, count_changes, counts);      \
		ck_assert_int_eq(counts[0], puts);                            \
		ck_assert_int_eq(counts[1], deletes);                         \
	} while (0)

static const char *const guarantees[] = {
	"",
	", \"guarantee\": \"at-least-once\"",
	", \"guarantee\": \"at-most-once\"",
};

START_TEST(the_first_record_of_an_id_passes)
{
	open_with("'id': 'key'", guarantees[_i]);
	put_all("a:1 b:2 a:3 a:4 c:5");
	fleet_run(&fleet, 40);
	put_all("b:6 d:7");
	fleet_run(&fleet, 40);
	READ("out", "1 2 5 7");
	READ("other", "");
	CHANGES(4, 0);
}
END_TEST

START_TEST(a_record_goes_on_as_it_came)
{
	open_with("'id': '/n'", "");
	put(&(struct given){"k", "h", "{ \"n\" : 1.50 }", NOON});
	fleet_run(&fleet, 40);
	READ("out", "{ \"n\" : 1.50 }");
	ck_assert_str_eq(fleet_header(&fleet, "out", 0, "id"), "h");
}
END_TEST

START_TEST(duplicates_go_to_their_output_where_there_is_one)
{
	open_with("'id': 'key'}, 'outputs': {'duplicates': 'other'", "");
	put_all("a:1 b:2 a:3 a:4");
	fleet_run(&fleet, 40);
	READ("out", "1 2");
	READ("other", "3 4");
}
END_TEST

START_TEST(an_id_is_remembered_for_the_window_by_record_time)
{
	open_with("'id': 'key', 'window': '10s'", "");
	put(&(struct given){"a", NULL, "first", NOON});
	put(&(struct given){"a", NULL, "within", NOON + 9999});
	put(&(struct given){"a", NULL, "after", NOON + 10000}); /* remembered anew */
	put(&(struct given){"a", NULL, "within", NOON + 19999});
	fleet_run(&fleet, 40);
	READ("out", "first after");
}
END_TEST

START_TEST(ids_older_than_the_window_leave_the_store)
{
	open_with("'id': 'key', 'window': '10s'", "");
	put_all("a:1 b:2");
	fleet_run(&fleet, 40);
	put(&(struct given){"c", NULL, "3", NOON + 10000});
	fleet_run(&fleet, 40);
	CHANGES(3, 2);
}
END_TEST

static const struct {
	const char *late;
	const char *out;
	int dead;
} lates[] = {
	{"pass", "old now late near", 0},
	{"drop", "old now near", 0},
	{"reject", "old now near", 1},
};

START_TEST(what_is_later_than_the_window_does_as_told)
{
	char with[100];

	snprintf(with, sizeof(with), "'id': 'key', 'window': '10s', 'late': '%s'",
	         lates[_i].late);
	open_with(with, DEAD);
	put(&(struct given){"o", NULL, "old", NOON});
	put(&(struct given){"n", NULL, "now", NOON + 10000});
	put(&(struct given){"l", NULL, "late", NOON});
	put(&(struct given){"n", NULL, "known", NOON});
	put(&(struct given){"e", NULL, "near", NOON + 1});
	fleet_run(&fleet, 40);
	READ("out", lates[_i].out);
	ck_assert_uint_eq(fleet_count(&fleet, "dead"), lates[_i].dead);
	if (lates[_i].dead)
		ck_assert_str_eq(REASON(0), "late by 10000 ms, and window is 10000 ms: "
		                            "its id may be forgotten");
}
END_TEST

static const struct {
	const char *id;
	struct given given;
	const char *reason;
} without_id[] = {
	{"key", {.value = "{}"}, "no id: the key is missing or null"},
	{"header:id", {.key = "k", .value = "{}"}, "no id: the header:id is missing or null"},
	{"/a", {.key = "k", .value = "{\"b\":1}"}, "no id: nothing at \"/a\", or null"},
	{"/a", {.key = "k", .value = "{\"a\":null}"}, "no id: nothing at \"/a\", or null"},
	{"/a", {.key = "k", .value = "7"}, "no id: nothing at \"/a\", or null"},
	{"/a", {.key = "k"}, "no id: the value is null"},
};

START_TEST(a_record_without_id_is_rejected)
{
	char with[100];

	snprintf(with, sizeof(with), "'id': ['%s', 'key']", without_id[_i].id);
	open_with(with, DEAD);
	put(&without_id[_i].given);
	fleet_run(&fleet, 40);
	ck_assert_uint_eq(fleet_count(&fleet, "out"), 0);
	ck_assert_uint_eq(fleet_count(&fleet, "dead"), 1);
	ck_assert_str_eq(REASON(0), without_id[_i].reason);
	CHANGES(0, 0);
}
END_TEST

START_TEST(a_record_without_id_passes_or_is_dropped_when_asked)
{
	char with[100];

	snprintf(with, sizeof(with), "'id': '%s', 'missing': '%s'", without_id[_i / 2].id,
	         _i % 2 ? "pass" : "drop");
	open_with(with, DEAD);
	put(&without_id[_i / 2].given);
	put(&without_id[_i / 2].given);
	fleet_run(&fleet, 40);
	ck_assert_uint_eq(fleet_count(&fleet, "out"), _i % 2 ? 2 : 0);
	ck_assert_uint_eq(fleet_count(&fleet, "dead"), 0);
	CHANGES(0, 0);
}
END_TEST

#define SAME true
static const struct {
	const char *id; /* JSON, ' for " */
	struct given first, second;
	bool same;
} pairs[] = {
	{"'header:id'", {"k", "x", "1"}, {"l", "x", "2"}, SAME},
	{"'header:id'", {"k", "x", "1"}, {"k", "y", "1"}, !SAME},
	{"'header:id'", {"k", "", "1"}, {"k", "", "1"}, SAME},
	{"'key'", {"", NULL, "1"}, {"", NULL, "2"}, SAME},
	{"'/a'", {"k", "x", "{\"a\":1}"}, {"l", "y", "{\"b\":2,\"a\":1}"}, SAME},
	{"'/a'", {"k", "x", "{\"a\":1}"}, {"k", "x", "{\"a\":\"1\"}"}, !SAME},
	{"'/a'", {"k", "x", "{\"a\":1}"}, {"k", "x", "{\"a\":1.0}"}, !SAME},
	{"'/a'", {"k", "x", "{\"a\":1.0}"}, {"k", "x", "{\"a\":1.00}"}, SAME},
	{"'/a'", {"k", "x", "{\"a\":true}"}, {"k", "x", "{\"a\":\"true\"}"}, !SAME},
	{"'/a'", {"k", "x", "{\"a\":\"\"}"}, {"k", "x", "{\"a\":\"\"}"}, SAME},
	{"'/a'", {"k", "x", "{\"a\":\"A\"}"}, {"k", "x", "{\"a\":\"\\u0041\"}"}, SAME},
	{"'/a'", {"k", "x", "{\"a\":\"x\\u0000y\"}"}, {"k", "x", "{\"a\":\"x\\u0000z\"}"},
	 !SAME},
	{"'/a'", {"k", "x", "{\"a\":{\"b\":1,\"c\":[2]}}"},
	 {"k", "x", "{\"a\":{ \"c\":[2], \"b\":1}}"}, SAME},
	{"'/a'", {"k", "x", "{\"a\":[1,2]}"}, {"k", "x", "{\"a\":[2,1]}"}, !SAME},
	{"'/a/1/b~1c'", {"k", "x", "{\"a\":[0,{\"b/c\":5}]}"},
	 {"k", "x", "{\"a\":[1,{\"b/c\":5}]}"}, SAME},
	{"['/a', '/b']", {"k", "x", "{\"a\":\"a\",\"b\":\"bc\"}"},
	 {"k", "x", "{\"a\":\"ab\",\"b\":\"c\"}"}, !SAME},
	{"['/a', '/b']", {"k", "x", "{\"a\":\"a\",\"b\":\"b\"}"},
	 {"k", "x", "{\"a\":\"b\",\"b\":\"a\"}"}, !SAME},
	{"['/a', '/b']", {"k", "x", "{\"a\":1,\"b\":2,\"c\":3}"},
	 {"k", "x", "{\"a\":1,\"b\":2,\"c\":4}"}, SAME},
	{"['key', 'header:id']", {"a", "bc", "1"}, {"ab", "c", "1"}, !SAME},
	{"['key', 'header:id']", {"", "a", "1"}, {"a", "", "1"}, !SAME},
	{"['key', 'header:id', '/a']", {"k", "x", "{\"a\":1}"}, {"k", "x", "{\"a\":1}"}, SAME},
};

START_TEST(equal_ids_are_the_same_and_others_are_not)
{
	char with[200];

	snprintf(with, sizeof(with), "'id': %s", pairs[_i].id);
	open_with(with, DEAD);
	put(&pairs[_i].first);
	put(&pairs[_i].second);
	fleet_run(&fleet, 40);
	ck_assert_uint_eq(fleet_count(&fleet, "dead"), 0);
	ck_assert_uint_eq(fleet_count(&fleet, "out"), pairs[_i].same ? 1 : 2);
}
END_TEST

START_TEST(a_value_that_is_no_json_is_rejected_with_the_reason)
{
	open_with("'id': '/a', 'missing': 'pass'", DEAD);
	put(&(struct given){.key = "k", .value = "{\"a\""});
	fleet_run(&fleet, 40);
	ck_assert_uint_eq(fleet_count(&fleet, "out"), 0);
	ck_assert_ptr_nonnull(strstr(REASON(0), "value is not JSON: line 1 column 5"));
}
END_TEST

START_TEST(an_id_that_no_store_takes_is_rejected)
{
	char *key = calloc(1, WEIR_STORE_KEY_MAX + 2);

	open_with("'id': 'key'", DEAD);
	weir__memory_set_max_message(fleet.memory, "dead", 4 << 20);
	weir__memory_set_max_message(fleet.memory, CHANGELOG, 4 << 20);
	weir__memory_set_max_message(fleet.memory, "out", 4 << 20);
	memset(key, 'x', WEIR_STORE_KEY_MAX + 1);
	put(&(struct given){.key = key, .value = "1"});
	key[WEIR_STORE_KEY_MAX] = '\0';
	put(&(struct given){.key = key, .value = "2"});
	put(&(struct given){.key = key, .value = "3"});
	free(key);
	fleet_run(&fleet, 60);
	READ("out", "2");
	ck_assert_uint_eq(fleet_count(&fleet, "dead"), 1);
	ck_assert_str_eq(REASON(0), "the id has 1048577 bytes, more than 1048576");
}
END_TEST

START_TEST(the_id_of_a_record_that_a_later_step_rejects_is_not_remembered)
{
	open_with("'id': 'key'}}, {'use': 'probe', 'with': {", DEAD);
	put_all("a:reject a:1 a:2");
	fleet_run(&fleet, 40);
	READ("out", "1");
	READ("dead", "reject");
	CHANGES(1, 0);
}
END_TEST

START_TEST(after_a_crash_in_a_batch_each_id_has_passed_once)
{
	open_with("'id': 'key'", "");
	put_all("a:1 b:2");
	fleet_run(&fleet, 40);
	put_all("c:3 a:4 c:5 d:6");
	fleet_run(&fleet, 3); /* polled and sent, not committed */
	fleet_crash(&fleet, 0);
	put_all("d:7 b:8 e:9");
	fleet_start(&fleet, 0);
	fleet_run(&fleet, 200);
	READ("out", "1 2 3 6 9");
	CHANGES(5, 0);
}
END_TEST

START_TEST(after_a_crash_at_least_once_loses_no_id)
{
	open_with("'id': 'key'", guarantees[1]);
	put_all("a:1 b:2");
	fleet_run(&fleet, 40);
	put_all("c:3 a:4");
	fleet_run(&fleet, 3);
	fleet_crash(&fleet, 0);
	fleet_start(&fleet, 0);
	put_all("c:5 d:6");
	fleet_run(&fleet, 200);
	fleet_read(&fleet, "out", text, sizeof(text));
	ck_assert_msg(!strcmp(text, "1 2 3 6") || !strcmp(text, "1 2 3 3 6"), "%s", text);
}
END_TEST

START_TEST(ids_are_of_one_partition)
{
	struct weir_message message = {
		.key = {"a", 1}, .value = {"2", 1}, .timestamp_ms = NOON, .partition = WEIR_BY_KEY,
	};

	open_with("'id': 'key'", "");
	put_all("a:1");
	ck_assert_int_eq(weir__memory_append(fleet.memory, "in", 1, &message), 0);
	fleet_run(&fleet, 40);
	ck_assert_uint_eq(fleet_count(&fleet, "out"), 2);
}
END_TEST

static Suite *
suite(void)
{
	Suite *made = suite_create("dedup");
	TCase *tests = tcase_create("dedup");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, the_first_record_of_an_id_passes, 0, 3);
	tcase_add_test(tests, a_record_goes_on_as_it_came);
	tcase_add_test(tests, duplicates_go_to_their_output_where_there_is_one);
	tcase_add_test(tests, an_id_is_remembered_for_the_window_by_record_time);
	tcase_add_test(tests, ids_older_than_the_window_leave_the_store);
	tcase_add_loop_test(tests, what_is_later_than_the_window_does_as_told, 0, ROWS(lates));
	tcase_add_loop_test(tests, a_record_without_id_is_rejected, 0, ROWS(without_id));
	tcase_add_loop_test(tests, a_record_without_id_passes_or_is_dropped_when_asked, 0,
	                    2 * ROWS(without_id));
	tcase_add_loop_test(tests, equal_ids_are_the_same_and_others_are_not, 0, ROWS(pairs));
	tcase_add_test(tests, a_value_that_is_no_json_is_rejected_with_the_reason);
	tcase_add_test(tests, an_id_that_no_store_takes_is_rejected);
	tcase_add_test(tests, the_id_of_a_record_that_a_later_step_rejects_is_not_remembered);
	tcase_add_test(tests, after_a_crash_in_a_batch_each_id_has_passed_once);
	tcase_add_test(tests, after_a_crash_at_least_once_loses_no_id);
	tcase_add_test(tests, ids_are_of_one_partition);
	suite_add_tcase(made, tests);
	return made;
}

int
main(void)
{
	return weir_test_run(suite());
}
