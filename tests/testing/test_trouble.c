/*
 * <weir/testing.h>: crashes, restarts, commits that fail, apps that stop.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <string.h>

#include "tests/harness.h"
#include "tests/testing/subjects.h"

static void
feed_two(struct weir_test *test)
{
	OK(weir_test_feed_text(test, "in", NULL, "a"));
	OK(weir_test_feed_text(test, "in", NULL, "a"));
}

static const char two[] = "[{\"value\": \"a=1\"}, {\"value\": \"a=2\"}]";

START_TEST(a_crash_loses_what_is_not_committed)
{
	struct weir_test *test = subject_test(NULL);

	OK(weir_test_feed_text(test, "in", NULL, "a"));
	OK(weir_test_settle(test));
	OK(weir_test_feed_text(test, "in", NULL, "a"));
	OK(weir_test_feed_text(test, "in", NULL, "a"));
	OK(weir_test_process(test, 1));
	weir_test_crash(test);
	IS(weir_test_expect(test, "out", "[{\"value\": \"a=1\"}]"));
	IS(weir_test_expect_store(test, "subject.counts", "[{\"value\": \"1\"}]"));
	ck_assert(!weir_test_expect(test, "out", "[{\"value\": \"a=2\"}]"));
	ck_assert_ptr_nonnull(strstr(weir_test_message(test),
	                             "the pipeline crashed, and is not started again yet"));
	OK(weir_test_settle(test));
	IS(weir_test_expect(test, "out", "[{\"value\": \"a=2\"}, {\"value\": \"a=3\"}]"));
	IS(weir_test_expect_store(test, "subject.counts", "[{\"value\": \"3\"}]"));
	weir_test_free(test);
}
END_TEST

START_TEST(at_least_once_repeats_what_was_not_committed)
{
	struct weir_test *test = subject_pipeline("\"guarantee\": \"at-least-once\"", 1);

	feed_two(test);
	weir_test_fail_commit(test, WEIR_TEST_ABORTED);
	OK(weir_test_settle(test));
	/* outputs and stores were there before the offsets could not be committed */
	IS(weir_test_expect(test, "out", "[{\"value\": \"a=1\"}, {\"value\": \"a=2\"}, "
	                                 "{\"value\": \"a=3\"}, {\"value\": \"a=4\"}]"));
	weir_test_free(test);
}
END_TEST

START_TEST(stores_come_back)
{
	struct weir_test *test = subject_pipeline("\"workers\": 2", 3);

	OK(weir_test_feed_json(test, "in", "[{\"partition\": 0, \"value\": \"a\"}, "
	                                   "{\"partition\": 1, \"value\": \"a\"}, "
	                                   "{\"partition\": 2, \"value\": \"a\"}]"));
	OK(weir_test_settle(test));
	if (_i == 0)
		weir_test_crash(test);
	else if (_i == 1)
		OK(weir_test_stop(test));
	else
		weir_test_lose_disk(test);
	OK(weir_test_feed_json(test, "in", "[{\"partition\": 1, \"value\": \"a\"}]"));
	OK(weir_test_settle(test));
	IS(weir_test_expect_store(test, "subject.counts",
	                          "[{\"partition\": 0, \"value\": \"1\"}, {\"partition\": 1, "
	                          "\"value\": \"2\"}, {\"partition\": 2, \"value\": \"1\"}]"));
	weir_test_free(test);
}
END_TEST

START_TEST(a_stop_commits_what_is_in_hand)
{
	struct weir_test *test = subject_test(NULL);

	feed_two(test);
	OK(weir_test_process(test, 1));
	OK(weir_test_stop(test));
	IS(weir_test_expect(test, "out", "[{\"value\": \"a=1\"}]"));
	OK(weir_test_settle(test));
	IS(weir_test_expect(test, "out", "[{\"value\": \"a=2\"}]"));
	weir_test_free(test);
}
END_TEST

START_TEST(a_commit_that_fails_is_made_good)
{
	static const enum weir_test_failure failures[] = {
		WEIR_TEST_ABORTED, WEIR_TEST_UNKNOWN_DONE, WEIR_TEST_UNKNOWN_NOT_DONE};
	struct weir_test *test = subject_test(NULL);

	weir_test_fail_commit(test, failures[_i]);
	ck_assert_uint_eq(weir_test_failures(test), 0);
	feed_two(test);
	IS(weir_test_expect(test, "out", two));
	ck_assert_uint_eq(weir_test_failures(test), 1);
	IS(weir_test_expect_store(test, "subject.counts", "[{\"value\": \"2\"}]"));
	OK(weir_test_feed_text(test, "in", NULL, "a"));
	IS(weir_test_expect(test, "out", "[{\"value\": \"a=3\"}]"));
	weir_test_free(test);
}
END_TEST

START_TEST(who_is_fenced_stops)
{
	static const char *const guarantees[] = {"exactly-once", "at-least-once", "at-most-once"};
	char settings[64];
	struct weir_test *test;

	snprintf(settings, sizeof(settings), "\"guarantee\": \"%s\"", guarantees[_i]);
	test = subject_pipeline(settings, 1);
	weir_test_fail_commit(test, WEIR_TEST_FENCED);
	feed_two(test);
	ck_assert_int_eq(weir_test_settle(test), WEIR_EFENCED);
	ck_assert_uint_eq(weir_test_failures(test), 1);
	if (_i == 0)
		IS(weir_test_expect(test, "out", "[]"));
	OK(weir_test_settle(test));
	if (_i == 0)
		IS(weir_test_expect(test, "out", two));
	weir_test_free(test);
}
END_TEST

START_TEST(an_app_that_stops_says_why)
{
	struct weir_test *test = subject_test(NULL);

	OK(weir_test_feed_text(test, "in", NULL, "a"));
	OK(weir_test_settle(test));
	OK(weir_test_feed_text(test, "in", NULL, "stop"));
	ck_assert_int_eq(weir_test_settle(test), WEIR_EPROCESSOR);
	ck_assert_str_eq(weir_test_message(test), "in[0]@1: step subject: as told");
	IS(weir_test_expect(test, "out", "[{\"value\": \"a=1\"}]"));
	/* it is there still */
	ck_assert_int_eq(weir_test_settle(test), WEIR_EPROCESSOR);
	weir_test_free(test);
}
END_TEST

START_TEST(without_dead_letters_a_reject_stops)
{
	struct weir_test *test = subject_pipeline("", 1);

	OK(weir_test_feed_text(test, "in", NULL, "reject no"));
	ck_assert_int_ne(weir_test_settle(test), 0);
	ck_assert_ptr_nonnull(strstr(weir_test_message(test), "no"));
	ck_assert(!weir_test_expect(test, WEIR_TEST_DEAD_LETTERS, "[]"));
	ck_assert_str_eq(weir_test_message(test), "the pipeline has no dead letters");
	weir_test_free(test);
}
END_TEST

START_TEST(fewer_records_than_asked_for_is_said)
{
	struct weir_test *test = subject_test(NULL);

	ck_assert_int_eq(weir_test_process(test, 1), WEIR_ENOTFOUND);
	feed_two(test);
	ck_assert_int_eq(weir_test_process(test, 3), WEIR_ENOTFOUND);
	ck_assert_str_eq(weir_test_message(test),
	                 "2 of 3 records were processed: there are no more");
	IS(weir_test_expect(test, "out", two));
	weir_test_free(test);
}
END_TEST

START_TEST(tables_survive_a_crash)
{
	struct weir_test *test = subject_pipeline("", 1);

	OK(weir_test_feed_text(test, "names", "1", "Ann"));
	OK(weir_test_feed_text(test, "in", NULL, "look 1"));
	OK(weir_test_settle(test));
	if (_i)
		weir_test_lose_disk(test);
	else
		weir_test_crash(test);
	OK(weir_test_feed_text(test, "in", NULL, "look 1"));
	OK(weir_test_settle(test));
	IS(weir_test_expect(test, "out", "[{\"value\": \"Ann\"}, {\"value\": \"Ann\"}]"));
	weir_test_free(test);
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("trouble");
	TCase *tcase = tcase_create("trouble");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_crash_loses_what_is_not_committed);
	tcase_add_test(tcase, at_least_once_repeats_what_was_not_committed);
	tcase_add_loop_test(tcase, stores_come_back, 0, 3);
	tcase_add_test(tcase, a_stop_commits_what_is_in_hand);
	tcase_add_loop_test(tcase, a_commit_that_fails_is_made_good, 0, 3);
	tcase_add_loop_test(tcase, who_is_fenced_stops, 0, 3);
	tcase_add_test(tcase, an_app_that_stops_says_why);
	tcase_add_test(tcase, without_dead_letters_a_reject_stops);
	tcase_add_test(tcase, fewer_records_than_asked_for_is_said);
	tcase_add_loop_test(tcase, tables_survive_a_crash, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return weir_test_run(suite());
}
