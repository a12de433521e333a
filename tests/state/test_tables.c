/*
 * Tables, case by case, on the embedded broker: what is in them, when they count as read, and
 * what a restart reads.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/harness.h"
#include "tests/state/table_fixture.h"

static struct weir_session *
open_transaction(const char *key, const char *value)
{
	static const char *const outputs[] = {"people"};
	struct weir_session_config settings = {
		.name = "other", .transactional_id = "other", .outputs = outputs,
		.output_count = 1, .transaction_timeout_ms = 60000, .session_timeout_ms = 10000,
	};
	struct weir_message message = {.key = bytes(key), .value = bytes(value),
	                               .timestamp_ms = 5, .partition = 0};
	struct weir_error error = {0};
	struct weir_session *session = weir__broker_session_open(broker, &settings, &error);

	while (weir__session_init(session, 0, &error) == WEIR_AGAIN)
		continue;
	ck_assert_int_eq(weir__session_begin(session, &error), WEIR_SUCCESS);
	ck_assert_int_eq(weir__session_send(session, 0, &message, 0, 0, &error), WEIR_SUCCESS);
	while (weir__session_flush(session, 0, &error) == WEIR_AGAIN)
		continue;
	return session;
}

static void
end_transaction(struct weir_session *session, bool commit)
{
	struct weir_error error = {0};

	while ((commit ? weir__session_commit(session, NULL, 0, 0, &error)
	               : weir__session_abort(session, 0, &error)) == WEIR_AGAIN)
		continue;
	weir__session_close(session);
}

/* ---- what is in a table ---- */

START_TEST(a_table_has_the_last_value_of_each_key)
{
	put("people", 0, "ann", "1");
	put("people", 1, "bob", "2");
	put("people", 0, "ann", "3");
	put("people", 1, "eve", "4");
	put("people", 1, "eve", NULL);
	put("places", 0, "ann", "elsewhere");
	start_and_read();
	IS(0, "ann", "3");
	IS(0, "bob", "2");
	IS(0, "eve", "-");
	IS(0, "", "-");
	IS(1, "ann", "elsewhere");
	IS(1, "bob", "-");
}
END_TEST

START_TEST(empty_is_not_null)
{
	put("people", 0, "", "of the empty key");
	put("people", 0, "nothing", "");
	start_and_read();
	IS(0, "", "of the empty key");
	IS(0, "nothing", "");
	ck_assert_str_eq(get_bytes(0, (struct weir_bytes){NULL, 0}), "-");
}
END_TEST

START_TEST(long_keys_are_told_apart)
{
	char one[5000], other[5000];

	memset(one, 'x', sizeof(one));
	one[sizeof(one) - 1] = '\0';
	memcpy(other, one, sizeof(one));
	other[sizeof(one) - 2] = 'y';
	put("people", 0, one, "1");
	put("people", 0, other, "2");
	start_and_read();
	IS(0, one, "1");
	IS(0, other, "2");
	other[sizeof(one) - 2] = 'z';
	IS(0, other, "-");
}
END_TEST

START_TEST(records_without_a_key_are_skipped_and_told_of)
{
	put("people", 0, "ann", "1");
	put("people", 0, NULL, "2");
	put("people", 0, "bob", "3");
	start_and_read();
	LOGGED("records without a key, which are skipped table=people first=people[0]@1");
	IS(0, "ann", "1");
	IS(0, "bob", "3");
}
END_TEST

START_TEST(an_aborted_transaction_leaves_nothing)
{
	put("people", 0, "ann", "1");
	end_transaction(open_transaction("ann", "2"), false);
	start_and_read();
	IS(0, "ann", "1");
}
END_TEST

/* ---- when it is read ---- */

START_TEST(an_open_transaction_is_waited_for)
{
	struct weir_session *other;

	put("people", 0, "ann", "1");
	other = open_transaction("ann", "2");
	start();
	steps(100);
	ck_assert(!weir__tables_are_read(tables));
	end_transaction(other, true);
	steps(10);
	ck_assert(weir__tables_are_read(tables));
	IS(0, "ann", "2");
}
END_TEST

START_TEST(what_comes_later_is_followed)
{
	start_and_read();
	put("people", 1, "ann", "1");
	steps(5);
	IS(0, "ann", "1");
	put("people", 1, "ann", NULL);
	put("places", 0, "x", "y");
	steps(5);
	IS(0, "ann", "-");
	IS(1, "x", "y");
}
END_TEST

START_TEST(a_view_stays_as_it_was_until_it_is_let_go)
{
	put("people", 0, "ann", "1");
	start_and_read();
	IS(0, "ann", "1");
	put("people", 0, "ann", "2");
	steps(5);
	ck_assert_str_eq(get_bytes(0, bytes("ann")), "1");
	weir__table_let_go(views[0]);
	ck_assert_str_eq(get_bytes(0, bytes("ann")), "2");
}
END_TEST

/* What was looked up before is remembered; what changed since is looked up anew. */
START_TEST(a_view_has_what_there_was_at_its_moment)
{
	enum { KEYS = 60 };
	char now[KEYS][16], then[KEYS][16] = {{0}}, key[16];
	unsigned seed = (unsigned)time(NULL) + (unsigned)_i;
	bool looks = false;

	printf("# seed %u\n", seed);
	srandom(seed);
	config.cache_bytes = _i ? 4096 : 0; /* room for some of them only */
	for (int number = 0; number < KEYS; number++)
		strcpy(now[number], "-");
	start_and_read();
	for (int round = 0; round < 5000; round++) {
		int number = (int)(random() % KEYS);

		sprintf(key, "%d", number);
		if (random() % 10 == 0) {
			sprintf(now[number], random() % 4 ? "%d" : "-", round);
			put("people", number % 2, key,
			    now[number][0] == '-' ? NULL : now[number]);
			steps(5);
		} else if (random() % 10 == 0) {
			weir__table_let_go(views[0]);
			looks = false;
		} else {
			if (!looks)
				memcpy(then, now, sizeof(then));
			looks = true;
			ck_assert_str_eq(get_bytes(0, bytes(key)), then[number]);
		}
	}
}
END_TEST

/* ---- checked values ---- */

static int checks;

static int
begins_with_g(struct weir_bytes value, struct weir_error *error)
{
	checks++;
	if (value.size && *(const char *)value.data == 'g')
		return 0;
	return weir_error_set(error, WEIR_EINVALID, "begins with another");
}

static int
is_short(struct weir_bytes value, struct weir_error *error)
{
	checks++;
	return value.size < 5 ? 0 : weir_error_set(error, WEIR_ELIMIT, "is long");
}

/* How often it was checked for this look. */
static int
checked(weir_table_check_fn check, const char *key, int expected)
{
	struct weir_error error = {0};
	struct weir_bytes value;

	checks = 0;
	ck_assert_int_eq(weir_table_get_checked(views[0], bytes(key), check, &value, &error),
	                 expected);
	ck_assert_int_eq(error.code, expected == WEIR_ENOTFOUND ? 0 : expected);
	return checks;
}

START_TEST(a_value_is_checked_once_until_it_changes)
{
	put("people", 0, "ann", "good");
	put("people", 0, "bob", "bad");
	start_and_read();
	ck_assert_int_eq(checked(begins_with_g, "ann", 0), 1);
	ck_assert_int_eq(checked(begins_with_g, "ann", 0), 0);
	ck_assert_int_eq(checked(is_short, "ann", 0), 1);
	ck_assert_int_eq(checked(is_short, "ann", 0), 0);
	ck_assert_int_eq(checked(begins_with_g, "bob", WEIR_EINVALID), 1);
	ck_assert_int_eq(checked(begins_with_g, "bob", WEIR_EINVALID), 1);
	ck_assert_int_eq(checked(begins_with_g, "eve", WEIR_ENOTFOUND), 0);
	ck_assert_str_eq(get_bytes(0, bytes("ann")), "good");
	put("people", 0, "ann", "bad");
	put("people", 0, "bob", "great");
	steps(5);
	ck_assert_int_eq(checked(begins_with_g, "ann", 0), 1); /* it may have changed */
	weir__table_let_go(views[0]);
	ck_assert_int_eq(checked(begins_with_g, "ann", WEIR_EINVALID), 1);
	ck_assert_int_eq(checked(begins_with_g, "bob", 0), 1);
	ck_assert_int_eq(checked(begins_with_g, "bob", 0), 0);
	ck_assert_int_eq(checked(is_short, "bob", WEIR_ELIMIT), 1);
}
END_TEST

START_TEST(what_is_expected_is_found_as_ever)
{
	const struct weir_bytes null = {NULL, 0};

	put("people", 0, "ann", "1");
	put("people", 0, "", "empty");
	start_and_read();
	for (int round = 0; round < 2; round++) { /* before the first look, and behind it */
		weir_table_expect(views[0], null);
		weir_table_expect(views[0], bytes("ann"));
		weir_table_expect(views[0], bytes(""));
		weir_table_expect(views[0], bytes("eve"));
		IS(0, "ann", "1");
		IS(0, "", "empty");
		IS(0, "eve", "-");
	}
	weir_table_expect(views[0], bytes("ann"));
	put("people", 0, "ann", "2");
	steps(5);
	weir__table_let_go(views[0]);
	IS(0, "ann", "2");
}
END_TEST

#define CHECK(number)                                                                \
	static int check_##number(struct weir_bytes value, struct weir_error *error) \
	{                                                                            \
		(void)value, (void)error;                                            \
		checks++;                                                            \
		return number == 9 ? WEIR_EINVALID : 0;                              \
	}
CHECK(1) CHECK(2) CHECK(3) CHECK(4) CHECK(5) CHECK(6) CHECK(7) CHECK(8) CHECK(9)

START_TEST(more_checks_than_are_remembered_are_all_made)
{
	static const weir_table_check_fn all[] = {check_1, check_2, check_3, check_4, check_5,
	                                          check_6, check_7, check_8, check_9};
	struct weir_bytes value;

	put("people", 0, "ann", "1");
	start_and_read();
	for (int round = 0; round < 3; round++)
		for (size_t index = 0; index < 9; index++)
			ck_assert_int_eq(weir_table_get_checked(views[0], bytes("ann"), all[index],
			                                        &value, NULL),
			                 index == 8 ? WEIR_EINVALID : 0);
}
END_TEST

START_TEST(a_topic_that_grows_is_read_in_whole)
{
	put("people", 0, "ann", "1");
	start_and_read();
	IS(0, "ann", "1"); /* and looks on: its files cannot be opened anew yet */
	ck_assert_int_eq(weir__broker_topic_grow(broker, "people", 3, 0, NULL), 0);
	put("people", 2, "bob", "2");
	weir__virtual_clock_advance(&virtual_clock, 60000);
	steps(5);
	ck_assert_str_eq(get_bytes(0, bytes("ann")), "1");
	weir__table_let_go(views[0]);
	steps(5);
	LOGGED("table grows with its topic table=people partitions=3");
	IS(0, "ann", "1");
	IS(0, "bob", "2");
	ck_assert_int_eq(failure.code, 0);
}
END_TEST

/* ---- restarts ---- */

START_TEST(a_restart_reads_the_tail_only)
{
	read_and(_i ? die : stop);
	weir__memory_delete_records(memory, "people", 0, 1);
	start_and_read();
	NOT_LOGGED("anew");
	LOGGED("tables=2 records=1 ");
	IS(0, "ann", "1");
	IS(0, "bob", "2");
	IS(0, "eve", "3");
}
END_TEST

START_TEST(what_died_uncommitted_is_read_again)
{
	start_and_read();
	for (int number = 0; number < 1500; number++) {
		char key[16];

		snprintf(key, sizeof(key), "%d", number);
		put("people", 0, key, key);
	}
	steps(1); /* a thousand: not at the end yet */
	die();
	start_and_read();
	IS(0, "0", "0");
	IS(0, "1499", "1499");
}
END_TEST

START_TEST(a_topic_cut_behind_the_table_is_read_anew)
{
	read_and(stop);
	weir__memory_delete_records(memory, "people", 0, 2);
	start_and_read();
	LOGGED("the topic no longer has what follows");
	IS(0, "ann", "-");
	IS(0, "bob", "2");
}
END_TEST

START_TEST(a_topic_made_anew_is_read_anew)
{
	read_and(stop);
	weir__memory_delete_topic(memory, "people");
	create("people", 2);
	put("people", 1, "joe", "4");
	start_and_read();
	LOGGED("the topic was made anew or truncated");
	IS(0, "ann", "-");
	IS(0, "joe", "4");
}
END_TEST

/* A place in the one topic says nothing of the other. */
START_TEST(a_table_that_gets_another_topic_has_nothing_of_the_first)
{
	struct weir_table_topic others[] = {{"people", "others"}, {"places", "places"}};

	read_and(stop);
	create("others", 2);
	put("others", 0, "joe", "4");
	put("others", 0, "liz", "5");
	put("others", 1, "max", "6");
	config.topics = others;
	start_and_read();
	IS(0, "ann", "-");
	IS(0, "joe", "4");
	IS(0, "max", "6");
	stop();
	config.topics = topics;
	start_and_read();
	IS(0, "ann", "1");
	IS(0, "joe", "-");
}
END_TEST

/* What was deleted meanwhile may be forgotten, as for one that was whole. */
START_TEST(a_first_read_that_was_left_long_ago_begins_anew)
{
	config.step_records = 1;
	put("people", 0, "ann", "1");
	put("people", 0, "bob", "2");
	put("people", 0, "eve", "3");
	start();
	steps(1);
	ck_assert(!weir__tables_are_read(tables));
	stop();
	weir__virtual_clock_advance(&virtual_clock, 11 * 3600 * 1000);
	start();
	steps(1);
	NOT_LOGGED("anew");
	stop();
	weir__virtual_clock_advance(&virtual_clock, 2 * 3600 * 1000);
	start_and_read();
	LOGGED("its topic may have forgotten what was deleted");
	IS(0, "ann", "1");
	IS(0, "eve", "3");
}
END_TEST

START_TEST(a_topic_made_anew_with_fewer_partitions_is_read_anew)
{
	read_and(stop);
	weir__memory_delete_topic(memory, "people");
	create("people", 1);
	put("people", 0, "joe", "4");
	put("people", 0, "liz", "5");
	start_and_read();
	LOGGED("table is read anew table=people topic=people");
	IS(0, "ann", "-");
	IS(0, "bob", "-");
	IS(0, "joe", "4");
	stop();
	start_and_read();
	NOT_LOGGED("anew");
	IS(0, "joe", "4");
}
END_TEST

START_TEST(a_table_that_slept_too_long_is_read_anew)
{
	put("people", 0, "ann", "1");
	start_and_read();
	stop();
	/* its tombstone is gone */
	weir__memory_append(memory, "people", 0, &(struct weir_message){
		.key = bytes("ann"), .timestamp_ms = 1});
	weir__memory_delete_records(memory, "people", 0, 1);
	put("people", 0, "bob", "2");
	weir__virtual_clock_advance(&virtual_clock, 13 * 3600 * 1000);
	start_and_read();
	LOGGED("its topic may have forgotten what was deleted");
	IS(0, "bob", "2");
}
END_TEST

START_TEST(a_table_that_is_no_longer_there_goes_after_a_month)
{
	char path[128];

	put("places", 0, "x", "y");
	start_and_read();
	stop();
	config.count = 1; /* the pipeline has it no more */
	snprintf(path, sizeof(path), "%s/tables/places/data.mdb", folder);
	/* files have the system's time */
	virtual_clock.now_ms = (int64_t)time(NULL) * 1000 + INT64_C(29) * 24 * 3600 * 1000;
	start_and_read();
	ck_assert_int_eq(access(path, F_OK), 0);
	stop();
	weir__virtual_clock_advance(&virtual_clock, 2 * 24 * 3600 * 1000);
	start_and_read();
	ck_assert_int_ne(access(path, F_OK), 0);
	LOGGED("table removed: it was not used for long folder=");
}
END_TEST

START_TEST(a_quiet_topic_does_not_age)
{
	put("people", 0, "ann", "1");
	start_and_read();
	for (int hours = 0; hours < 30; hours++) {
		weir__virtual_clock_advance(&virtual_clock, 3600 * 1000);
		steps(2);
	}
	ck_assert_msg(failure.code == 0, "%s", failure.message);
	stop();
	weir__virtual_clock_advance(&virtual_clock, 11 * 3600 * 1000);
	start_and_read();
	NOT_LOGGED("anew");
	IS(0, "ann", "1");
}
END_TEST

START_TEST(damaged_files_are_read_anew)
{
	char path[128];
	FILE *file;

	read_and(stop);
	snprintf(path, sizeof(path), "%s/tables/people/data.mdb", folder);
	file = fopen(path, "r+");
	ck_assert_ptr_nonnull(file);
	for (int number = 0; number < 8192; number++)
		fputc('?', file);
	fclose(file);
	start_and_read();
	LOGGED("table is read anew folder=");
	IS(0, "ann", "1");
	IS(0, "eve", "3");
}
END_TEST

static Suite *
suite(void)
{
	Suite *made = suite_create("tables");
	TCase *tests = tcase_create("tables");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, a_table_has_the_last_value_of_each_key);
	tcase_add_test(tests, empty_is_not_null);
	tcase_add_test(tests, long_keys_are_told_apart);
	tcase_add_test(tests, records_without_a_key_are_skipped_and_told_of);
	tcase_add_test(tests, an_aborted_transaction_leaves_nothing);
	tcase_add_test(tests, an_open_transaction_is_waited_for);
	tcase_add_test(tests, what_comes_later_is_followed);
	tcase_add_test(tests, a_view_stays_as_it_was_until_it_is_let_go);
	tcase_add_loop_test(tests, a_view_has_what_there_was_at_its_moment, 0, 2);
	tcase_add_test(tests, a_value_is_checked_once_until_it_changes);
	tcase_add_test(tests, more_checks_than_are_remembered_are_all_made);
	tcase_add_test(tests, what_is_expected_is_found_as_ever);
	tcase_add_test(tests, a_topic_that_grows_is_read_in_whole);
	tcase_add_loop_test(tests, a_restart_reads_the_tail_only, 0, 2);
	tcase_add_test(tests, what_died_uncommitted_is_read_again);
	tcase_add_test(tests, a_topic_cut_behind_the_table_is_read_anew);
	tcase_add_test(tests, a_topic_made_anew_is_read_anew);
	tcase_add_test(tests, a_table_that_gets_another_topic_has_nothing_of_the_first);
	tcase_add_test(tests, a_first_read_that_was_left_long_ago_begins_anew);
	tcase_add_test(tests, a_topic_made_anew_with_fewer_partitions_is_read_anew);
	tcase_add_test(tests, a_table_that_slept_too_long_is_read_anew);
	tcase_add_test(tests, a_table_that_is_no_longer_there_goes_after_a_month);
	tcase_add_test(tests, a_quiet_topic_does_not_age);
	tcase_add_test(tests, damaged_files_are_read_anew);
	suite_add_tcase(made, tests);
	return made;
}

int
main(void)
{
	return weir_test_run(suite());
}
