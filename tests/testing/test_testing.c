/*
 * <weir/testing.h>: records in and out, partitions, time, stores and tables, and what it says
 * when something is not as expected.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/harness.h"
#include "tests/testing/subjects.h"

/* ---- records ---- */

START_TEST(what_is_fed_comes_out)
{
	struct weir_test *test = subject_test(NULL);

	OK(weir_test_feed_text(test, WEIR_TEST_INPUT, "k", "a"));
	OK(weir_test_feed_text(test, "in", "k", "a"));
	IS(weir_test_expect(test, "out", "[{\"key\": \"k\", \"value\": \"a=1\"}, {\"value\": \"a=2\"}]"));
	IS(weir_test_expect(test, "out", "[]"));
	IS(weir_test_expect_no_more(test));
	weir_test_free(test);
}
END_TEST

START_TEST(records_are_read_whole)
{
	struct weir_test *test = weir_test_new();
	const struct weir_header headers[] = {{"h", {"1", 1}}, {"null", {NULL, 0}}};
	struct weir_test_record record = {.size = sizeof(record), .key = {"\0k", 2},
	                                  .value = {"v", 1}, .headers = headers,
	                                  .header_count = 2, .timestamp_ms = 42};
	const struct weir_test_record *read;

	OK(weir_test_load_text(test, "{\"name\": \"copy\", \"inputs\": [\"in\"], \"steps\": [], "
	                             "\"outputs\": {\"default\": \"out\"}}", "copy", NULL));
	OK(weir_test_feed(test, &record));
	read = weir_test_read(test, "out");
	ck_assert_msg(read != NULL, "%s", weir_test_message(test));
	ck_assert_mem_eq(read->key.data, "\0k", 2);
	ck_assert_int_eq(read->timestamp_ms, 42);
	ck_assert_uint_eq(read->header_count, 2);
	ck_assert_str_eq(read->headers[1].name, "null");
	ck_assert_ptr_null(read->headers[1].value.data);
	ck_assert_ptr_null(weir_test_read(test, "out"));
	ck_assert_str_eq(weir_test_message(test), "");
	weir_test_free(test);
}
END_TEST

START_TEST(json_records_have_all_members)
{
	struct weir_test *test = weir_test_new();
	const char *json = "[{\"key\": {\"id\": 1}, \"value\": [1.50, null], \"headers\": "
			   "[[\"a\", \"b\"], [\"raw\", {\"base64\": \"/w==\"}]], \"timestamp\": 7, "
			   "\"partition\": 1}, {\"key\": null, \"value_base64\": \"/wA=\", \"headers\": [], "
			   "\"timestamp\": 8, \"partition\": 1}]";

	weir_test_set_partitions(test, NULL, 3);
	OK(weir_test_load_text(test, "{\"name\": \"copy\", \"inputs\": [\"in\"], \"steps\": [], "
	                             "\"outputs\": {\"default\": \"out\"}}", "copy", NULL));
	OK(weir_test_feed_json(test, NULL, json));
	ck_assert(!weir_test_expect(test, "out", "[]"));
	ck_assert_str_eq(weir_test_got(test),
	                 "[\n  {\"partition\": 0, \"key\": {\"id\": 1}, \"headers\": [[\"a\", \"b\"], "
	                 "[\"raw\", {\"base64\": \"/w==\"}]], \"value\": [1.5, null]},\n"
	                 "  {\"partition\": 0, \"key\": null, \"headers\": [], \"value_base64\": "
	                 "\"/wA=\"}\n]");
	weir_test_free(test);
}
END_TEST

START_TEST(dead_letters_have_reasons)
{
	struct weir_test *test = subject_test(NULL);

	OK(weir_test_feed_json(test, "in", "{\"value\": \"reject too bad\", \"headers\": [[\"a\", \"b\"]]}"));
	IS(weir_test_expect(test, WEIR_TEST_DEAD_LETTERS,
	                    "[{\"value\": \"reject too bad\", \"reason\": \"too bad\", \"step\": "
	                    "\"subject\", \"headers\": [[\"a\", \"b\"]]}]"));
	IS(weir_test_expect(test, "out", "[]"));
	weir_test_free(test);
}
END_TEST

/* found by fuzzing: they were shown as JSON, which no expectation takes there */
START_TEST(reasons_are_text)
{
	struct weir_test *test = subject_test(NULL);

	OK(weir_test_feed_text(test, "in", NULL, "reject {\"a\": 1}"));
	ck_assert(!weir_test_expect(test, WEIR_TEST_DEAD_LETTERS, "[]"));
	ck_assert_str_eq(weir_test_got(test),
	                 "[\n  {\"value\": \"reject {\\\"a\\\": 1}\", \"step\": \"subject\", "
	                 "\"reason\": \"{\\\"a\\\": 1}\"}\n]");
	weir_test_free(test);
}
END_TEST

START_TEST(stores_and_tables_are_shown)
{
	struct weir_test *test = subject_pipeline("", 2);
	struct weir_bytes value;

	OK(weir_test_feed_text(test, "names", "1", "Ann"));
	OK(weir_test_feed_text(test, "names", "2", "Bob"));
	OK(weir_test_feed_text(test, "in", "x", "look 1"));
	OK(weir_test_feed_json(test, "in", "[{\"partition\": 1, \"value\": \"a\"}, "
	                                   "{\"partition\": 0, \"value\": \"a\"}, "
	                                   "{\"partition\": 0, \"value\": \"a\"}]"));
	IS(weir_test_expect_store(test, "subject.counts",
	                          "[{\"partition\": 0, \"key\": \"a\", \"value\": \"2\"}, "
	                          "{\"partition\": 1, \"key\": \"a\", \"value\": \"1\"}]"));
	/* read as it is fed, also after it has started */
	OK(weir_test_feed_json(test, "names", "{\"key\": \"1\", \"value\": null}"));
	OK(weir_test_feed_text(test, "in", "x", "look 1"));
	OK(weir_test_feed_text(test, "in", "x", "look 2"));
	IS(weir_test_expect_table(test, "names", "[{\"key\": \"2\", \"value\": \"Bob\"}]"));
	IS(weir_test_table_get(test, "names", (struct weir_bytes){"2", 1}, &value) == 0);
	ck_assert_mem_eq(value.data, "Bob", 3);
	IS(weir_test_store_get(test, "subject.counts", (struct weir_bytes){"a", 1}, &value) == 0);
	ck_assert_mem_eq(value.data, "2", 1);
	ck_assert_int_eq(weir_test_store_get(test, "subject.counts", (struct weir_bytes){"b", 1},
	                                     &value), WEIR_ENOTFOUND);
	weir_test_free(test);
}
END_TEST

START_TEST(records_name_their_topics)
{
	struct weir_test *test = subject_pipeline("", 1);
	static const char names[] = "[{\"topic\": \"names\", \"key\": \"1\", \"value\": \"Ann\"}]";

	/* the memory of one call is used again by the next */
	OK(weir_test_feed_json(test, "in", "{\"value\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	                                   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	                                   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	                                   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	                                   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	                                   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	                                   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}"));
	OK(weir_test_feed_json(test, NULL, names));
	IS(weir_test_expect_table(test, "names", "[{\"key\": \"1\", \"value\": \"Ann\"}]"));
	weir_test_free(test);
}
END_TEST

START_TEST(keys_choose_partitions_as_producers_do)
{
	struct weir_test *test = subject_pipeline("\"workers\": 2", 4);

	/* murmur2, as Java's default partitioner: "f" goes to 3 of 4, "d" to 1 */
	OK(weir_test_feed_text(test, "in", "f", "x"));
	OK(weir_test_feed_text(test, "in", "d", "y"));
	OK(weir_test_feed_text(test, "in", "f", "z"));
	IS(weir_test_expect_store(test, "subject.counts",
	                          "[{\"partition\": 1, \"key\": \"y\"}, {\"partition\": 3, \"key\": "
	                          "\"x\"}, {\"partition\": 3, \"key\": \"z\"}]"));
	ck_assert_int_eq(weir_test_feed_json(test, "in", "{\"partition\": 4}"), WEIR_EINVALID);
	ck_assert_str_eq(weir_test_message(test),
	                 "in has 4 partitions: there is no 4 (weir_test_set_partitions)");
	weir_test_free(test);
}
END_TEST

/* ---- batches and time ---- */

START_TEST(what_was_fed_is_one_batch)
{
	struct weir_test *test = subject_test("{\"sum\": true}");
	int64_t before_ms = weir_test_now_ms(test);

	for (int count = 0; count < 5; count++)
		OK(weir_test_feed_text(test, "in", NULL, "x"));
	IS(weir_test_expect_text(test, "out", NULL, "sum=5"));
	ck_assert_int_eq(weir_test_now_ms(test), before_ms);
	OK(weir_test_feed_text(test, "in", NULL, "x"));
	IS(weir_test_expect_text(test, "out", NULL, "sum=1"));
	weir_test_free(test);
}
END_TEST

START_TEST(ticks_come_at_their_moments)
{
	struct weir_test *test = subject_test("{\"tick\": \"1s\"}");

	OK(weir_test_advance(test, 999));
	IS(weir_test_expect(test, "out", "[]"));
	OK(weir_test_advance(test, 1));
	IS(weir_test_expect_text(test, "out", NULL, "tick 1000"));
	OK(weir_test_advance(test, 2500));
	IS(weir_test_expect(test, "out", "[{\"value\": \"tick 2000\"}, {\"value\": \"tick 3000\"}]"));
	IS(weir_test_expect_no_more(test));
	weir_test_free(test);
}
END_TEST

START_TEST(retries_wait_for_the_clock)
{
	struct weir_test *test = subject_test(NULL);

	OK(weir_test_feed_text(test, "in", NULL, "retry 2"));
	OK(weir_test_feed_text(test, "in", NULL, "behind"));
	IS(weir_test_expect(test, "out", "[]"));
	OK(weir_test_advance(test, 100));
	IS(weir_test_expect(test, "out", "[]"));
	OK(weir_test_advance(test, 200));
	IS(weir_test_expect(test, "out", "[{\"value\": \"retry 2=1\"}, {\"value\": \"behind=1\"}]"));
	weir_test_free(test);
}
END_TEST

START_TEST(days_pass)
{
	struct weir_test *test = subject_pipeline("\"workers\": 2", 2);

	OK(weir_test_feed_text(test, "in", NULL, "a"));
	OK(weir_test_advance(test, INT64_C(30) * 24 * 3600 * 1000));
	OK(weir_test_feed_text(test, "in", NULL, "a"));
	IS(weir_test_expect(test, "out", "[{\"value\": \"a=1\"}, {\"value\": \"a=2\"}]"));
	weir_test_free(test);
}
END_TEST

START_TEST(each_guarantee_works)
{
	static const char *const guarantees[] = {"exactly-once", "at-least-once", "at-most-once"};
	char settings[64];
	struct weir_test *test;

	snprintf(settings, sizeof(settings), "\"guarantee\": \"%s\"", guarantees[_i]);
	test = subject_pipeline(settings, 1);
	OK(weir_test_feed_text(test, "in", NULL, "a"));
	OK(weir_test_feed_text(test, "in", NULL, "a"));
	IS(weir_test_expect(test, "out", "[{\"value\": \"a=1\"}, {\"value\": \"a=2\"}]"));
	IS(weir_test_expect_store(test, "subject.counts", "[{\"value\": \"2\"}]"));
	weir_test_free(test);
}
END_TEST

/* ---- what is said ---- */

static void
fails(const struct weir_test *test, bool is_met, const char *message)
{
	ck_assert(!is_met);
	ck_assert_str_eq(weir_test_message(test), message);
}

START_TEST(expected_and_got_stand_below_each_other)
{
	struct weir_test *test = weir_test_new();

	OK(weir_test_load_text(test, "{\"name\": \"copy\", \"inputs\": [\"in\"], \"steps\": [], "
	                             "\"outputs\": {\"default\": \"out\"}}", "copy", NULL));
	OK(weir_test_feed_json(test, "in", "[{\"key\": \"1\", \"value\": {\"a\": [1, {\"b\": 2}]}}, "
	                                   "{\"key\": \"2\", \"value\": \"x\"}]"));
	fails(test, weir_test_expect(test, "out", "[{\"value\": {\"a\": [1, {\"b\": 3}]}}]"),
	      "out: expected 1 record, got 2\n"
	      "  record 1\n"
	      "    expected {\"value\": {\"a\": [1, {\"b\": 3}]}}\n"
	      "    got      {\"value\": {\"a\": [1, {\"b\": 2}]}}\n"
	      "    /value/a/1/b: expected 3, got 2\n"
	      "  record 2\n"
	      "    expected no more\n"
	      "    got      {\"key\": \"2\", \"value\": \"x\"}");
	ck_assert_str_eq(weir_test_got(test), "[\n  {\"value\": {\"a\": [1, {\"b\": 2}]}},\n"
	                                      "  {\"value\": \"x\"}\n]");
	/* what was shown counts as read */
	IS(weir_test_expect_no_more(test));
	weir_test_free(test);
}
END_TEST

START_TEST(a_wrong_text_is_shown)
{
	struct weir_test *test = subject_test(NULL);

	OK(weir_test_feed_text(test, "in", "k", "a"));
	fails(test, weir_test_expect_text(test, "out", NULL, "a=2"),
	      "out: expected 1 record, got 1\n"
	      "  record 1\n"
	      "    expected {\"key\": null, \"value\": \"a=2\"}\n"
	      "    got      {\"key\": \"k\", \"value\": \"a=1\"}\n"
	      "    key differs: expected null, got bytes");
	fails(test, weir_test_expect_store(test, "subject.counts", "[]"),
	      "subject.counts: expected 0 records, got 1\n"
	      "  record 1\n"
	      "    expected no more\n"
	      "    got      {\"key\": \"a\", \"value\": \"1\"}");
	weir_test_free(test);
}
END_TEST

START_TEST(missing_records_hint_at_dead_letters)
{
	struct weir_test *test = subject_test(NULL);

	OK(weir_test_feed_text(test, "in", NULL, "reject why not"));
	fails(test, weir_test_expect(test, "out", "[{\"value\": \"x\"}]"),
	      "out: expected 1 record, got 0\n"
	      "  record 1\n"
	      "    expected {\"value\": \"x\"}\n"
	      "    got      no more\n"
	      "  there are dead letters: 1, the first by step subject: why not");
	fails(test, weir_test_expect_no_more(test),
	      "dead: expected 0 records, got 1\n"
	      "  record 1\n"
	      "    expected no more\n"
	      "    got      {\"value\": \"reject why not\", \"step\": \"subject\", \"reason\": "
	      "\"why not\"}");
	weir_test_free(test);
}
END_TEST

START_TEST(mistakes_are_named)
{
	struct weir_test *test = subject_test(NULL);
	struct weir_test_record unsized = {.topic = "in"};

	fails(test, weir_test_expect(test, "uot", "[]"),
	      "no output goes to the topic uot (did you mean out?)");
	fails(test, weir_test_expect(test, "out", "[{}]"), "/0: nothing is expected of this record");
	fails(test, weir_test_expect(test, "out", "[{\"vlaue\": 1}]"),
	      "/0/vlaue: a record has no such member here (did you mean value?)");
	fails(test, weir_test_expect(test, "out", "[{\"reason\": \"x\"}]"),
	      "/0/reason: a record has no such member here");
	fails(test, weir_test_expect(test, "out", "[{\"partition\": -1}]"),
	      "/0/partition: expected a whole number, 0 or more");
	fails(test, weir_test_expect(test, "out", "[3]"),
	      "/0: expected a record: {\"key\": ..., \"value\": ...}");
	fails(test, weir_test_expect(test, "out", "[{]"),
	      "not JSON: line 1 column 3: string or '}' expected near ']'");
	fails(test, weir_test_expect_store(test, "subject.cuonts", "[]"),
	      "there is no store subject.cuonts (did you mean subject.counts?)");
	fails(test, weir_test_expect_table(test, "t", "[]"), "there is no table t");
	fails(test, weir_test_feed_text(test, "out", NULL, NULL) == 0,
	      "out is neither an input nor a table (the first input is in)");
	fails(test, weir_test_feed(test, &unsized) == 0,
	      "the record's size is not set: {.size = sizeof(record)}");
	fails(test, weir_test_feed_json(test, "in", "{\"key\": \"a\", \"key_base64\": \"YQ==\"}") == 0,
	      "/key_base64: there as text and as base64");
	fails(test, weir_test_advance(test, -1) == 0, "time does not go back");
	fails(test, weir_test_load_step(test, "subject", NULL) == 0, "a pipeline is loaded already");
	weir_test_free(test);
}
END_TEST

START_TEST(what_cannot_be_loaded_says_why)
{
	struct weir_test *test = weir_test_new();

	fails(test, weir_test_settle(test) == 0, "no pipeline is loaded: weir_test_load() or "
	                                         "weir_test_load_step() comes first");
	OK(weir_test_add_processor(test, &subject));
	fails(test, weir_test_load_step(test, "subject", "{\"smu\": true}") == 0,
	      "subject: /steps/0/with/smu: unknown key; did you mean \"sum\"?");
	fails(test, weir_test_load_step(test, "subject", "[]") == 0,
	      "the options of subject are no JSON object: []");
	fails(test, weir_test_load(test, "/none/of.json") == 0,
	      "/none/of.json: No such file or directory");
	weir_test_free(test);
}
END_TEST

START_TEST(nothing_is_left_behind)
{
	char folder[] = "/tmp/weir-testing-XXXXXX";
	struct weir_test *test;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	setenv("TMPDIR", folder, 1);
	test = subject_test(NULL);
	OK(weir_test_feed_text(test, "in", NULL, "a"));
	OK(weir_test_settle(test));
	weir_test_free(test);
	ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("testing");
	TCase *tcase = tcase_create("testing");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, what_is_fed_comes_out);
	tcase_add_test(tcase, records_are_read_whole);
	tcase_add_test(tcase, json_records_have_all_members);
	tcase_add_test(tcase, dead_letters_have_reasons);
	tcase_add_test(tcase, reasons_are_text);
	tcase_add_test(tcase, stores_and_tables_are_shown);
	tcase_add_test(tcase, records_name_their_topics);
	tcase_add_test(tcase, keys_choose_partitions_as_producers_do);
	tcase_add_test(tcase, what_was_fed_is_one_batch);
	tcase_add_test(tcase, ticks_come_at_their_moments);
	tcase_add_test(tcase, retries_wait_for_the_clock);
	tcase_add_test(tcase, days_pass);
	tcase_add_loop_test(tcase, each_guarantee_works, 0, 3);
	tcase_add_test(tcase, expected_and_got_stand_below_each_other);
	tcase_add_test(tcase, a_wrong_text_is_shown);
	tcase_add_test(tcase, missing_records_hint_at_dead_letters);
	tcase_add_test(tcase, mistakes_are_named);
	tcase_add_test(tcase, what_cannot_be_loaded_says_why);
	tcase_add_test(tcase, nothing_is_left_behind);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return weir_test_run(suite());
}
