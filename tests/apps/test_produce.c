/*
 * Producing over the embedded broker: a source goes on where it ended, whatever the
 * refusals say is refused, and bad lines are named. (Faults: test_produce_faults.c.)
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/apps/produce_fixture.h"

/* ---- sources ---- */

START_TEST(a_file_that_grew_goes_on_where_it_ended)
{
	struct weir_produce_config config = produce_config("numbers");

	produce_well(&config);
	transfer_numbers("in", PRODUCE_RECORDS, PRODUCE_RECORDS + 49);
	produce_well(&config);
	produce_check_topic(PRODUCE_RECORDS + 50);
}
END_TEST

START_TEST(a_last_line_without_newline_counts)
{
	struct weir_produce_config config = produce_config("numbers");

	transfer_write("in", "0\n1\n2");
	produce_well(&config);
	produce_check_topic(3);
	produce_well(&config);
	produce_check_topic(3);
	/* its newline comes late */
	transfer_write("in", "0\n1\n2\n");
	produce_well(&config);
	transfer_write("in", "0\n1\n2\n3\n");
	produce_well(&config);
	produce_check_topic(4);
}
END_TEST

START_TEST(a_last_line_that_grew_is_refused)
{
	struct weir_produce_config config = produce_config("numbers");

	transfer_write("in", "0\n1\n2");
	produce_well(&config);
	transfer_write("in", "0\n1\n23\n");
	produce_badly(&config, "has grown since");
	produce_check_topic(3);
}
END_TEST

START_TEST(another_file_under_the_same_source_is_refused)
{
	struct weir_produce_config config = produce_config("numbers");

	produce_well(&config);
	ck_assert_int_eq(unlink("in"), 0);
	transfer_numbers("in", 1, PRODUCE_RECORDS + 10);
	produce_badly(&config, "is not the file that --source numbers began with");
	produce_check_topic(PRODUCE_RECORDS);
}
END_TEST

START_TEST(a_file_that_became_shorter_is_refused)
{
	struct weir_produce_config config = produce_config("numbers");

	produce_well(&config);
	transfer_write("in", "0\n1\n");
	produce_badly(&config, "is shorter than");
	produce_check_topic(PRODUCE_RECORDS);
}
END_TEST

/* Somebody does something to "in" while the first transaction is committed. */
static enum weir_memory_fault
at_first_commit(void *opaque, const char *session, enum weir_memory_op op)
{
	void (**something)(void) = opaque;

	(void)session;
	if (op == WEIR_MEMORY_COMMIT && *something) {
		(*something)();
		*something = NULL;
	}
	return WEIR_MEMORY_NO_FAULT;
}

static void
cut(void)
{
	ck_assert_int_eq(truncate("in", 0), 0);
}

static void
change_beginning(void)
{
	FILE *file = fopen("in", "r+");

	ck_assert_ptr_nonnull(file);
	fputs("x", file);
	fclose(file);
}

START_TEST(a_file_that_is_cut_while_it_is_read_ends_the_run)
{
	struct weir_produce_config config = produce_config("numbers");
	void (*something)(void) = cut;

	/* more than is read at once: the rest is nowhere */
	transfer_numbers("in", PRODUCE_RECORDS, 60000);
	config.commit_records = 20000; /* and more than a fingerprint covers */
	weir__memory_set_fault(it.memory, at_first_commit, &something);
	produce_badly(&config, "in: has become shorter while it was read");
}
END_TEST

START_TEST(a_beginning_that_changes_while_it_is_read_ends_the_run)
{
	struct weir_produce_config config = produce_config("numbers");
	void (*something)(void) = change_beginning;

	weir__memory_set_fault(it.memory, at_first_commit, &something);
	produce_badly(&config, "in: its beginning has changed while it was read");
	produce_check_topic((int)config.commit_records);
}
END_TEST

START_TEST(a_position_that_kafka_forgot_is_refused)
{
	struct weir_produce_config config = produce_config("numbers");

	produce_well(&config);
	weir__memory_forget_group(it.memory, "numbers");
	produce_badly(&config, "no longer knows the position");
	produce_check_topic(PRODUCE_RECORDS);
	/* as the message says, it begins anew without the file */
	ck_assert_int_eq(unlink("in.numbers.t.weir"), 0);
	produce_well(&config);
	ck_assert_int_eq(transfer_count(it.broker, "t"), 2 * PRODUCE_RECORDS);
}
END_TEST

START_TEST(a_run_that_began_long_ago_and_left_no_position_is_refused)
{
	struct weir_produce_config config = produce_config("numbers");
	struct weir_cluster_info info = {0};
	char text[512];

	ck_assert_int_eq(weir__broker_describe(it.broker, NULL, 0, &info, 1000, NULL), 0);
	snprintf(text, sizeof(text),
		 "{\"cluster\": \"%s\", \"position\": 0, \"written_ms\": 1}",
		 info.cluster_id);
	weir__cluster_info_fini(&info);
	transfer_write("in.numbers.t.weir", text);
	produce_badly(&config, "more than a day ago");
}
END_TEST

static const struct {
	const char *text;
	const char *reason;
} bad_positions[] = {
	{"", "not a position file"},
	{"{", "not a position file"},
	{"[]", "not a position file"},
	{"{\"cluster\": \"x\", \"position\": -1, \"written_ms\": 1}",
	 "not a position file"},
	{"{\"cluster\": \"x\", \"position\": 0, \"written_ms\": -9223372036854775808}",
	 "not a position file"},
	{"{\"cluster\": \"other\", \"position\": 5, \"written_ms\": 1}",
	 "is for the cluster other"},
};

START_TEST(a_position_file_of_something_else_is_refused)
{
	struct weir_produce_config config = produce_config("numbers");

	transfer_write("in.numbers.t.weir", bad_positions[_i].text);
	produce_badly(&config, bad_positions[_i].reason);
	ck_assert_int_eq(transfer_count(it.broker, "t"), 0);
}
END_TEST

START_TEST(two_sources_put_the_file_in_twice)
{
	struct weir_produce_config one = produce_config("one");
	struct weir_produce_config two = produce_config("two");

	produce_well(&one);
	produce_well(&two);
	ck_assert_int_eq(transfer_count(it.broker, "t"), 2 * PRODUCE_RECORDS);
}
END_TEST

START_TEST(an_empty_file_is_produced)
{
	struct weir_produce_config config = produce_config(_i ? "numbers" : NULL);

	transfer_write("in", "");
	produce_well(&config);
	ck_assert_int_eq(transfer_count(it.broker, "t"), 0);
}
END_TEST

/* ---- bad lines ---- */

START_TEST(a_bad_line_is_named_and_nothing_of_its_transaction_is_committed)
{
	struct weir_produce_config config = produce_config(_i ? "numbers" : NULL);

	transfer_write("in", "");
	transfer_numbers("in", 0, 39);
	config.format.key_pointer = "/id"; /* a number has none */
	produce_badly(&config, "in:1: nothing at /id");
	config.format = (struct weir_line_format){.kind = WEIR_FORMAT_KEY_VALUE,
						  .separator = "8"};
	produce_badly(&config, "in:1: no key separator");
	ck_assert_int_eq(transfer_count(it.broker, "t"), 0);
}
END_TEST

START_TEST(a_bad_line_later_leaves_earlier_transactions)
{
	struct weir_produce_config config = produce_config("numbers");
	FILE *file;

	transfer_write("in", "");
	transfer_numbers("in", 0, 39);
	file = fopen("in", "a");
	fprintf(file, "%02000d\n", 40);
	fclose(file);
	weir__memory_set_max_message(it.memory, "t", 1000);
	produce_badly(&config, "in:41: a record of 2000 bytes: t takes at most");
	produce_check_topic(30);
	/* the line's number is the file's also when a run begins in the middle */
	produce_badly(&config, "in:41: a record of 2000 bytes: t takes at most");
	produce_check_topic(30);
}
END_TEST

START_TEST(a_line_that_no_record_can_hold_is_named)
{
	struct weir_produce_config config = produce_config(_i == 2 ? "numbers" : NULL);
	FILE *file = fopen("in", "w");

	if (_i == 0)
		config.guarantee = WEIR_AT_LEAST_ONCE;
	fprintf(file, "x\n%0300000d\n", 0);
	fclose(file);
	weir__memory_set_max_message(it.memory, "t", 1000);
	produce_badly(&config, "in:2: the line is too long");
	if (_i > 0)
		ck_assert_int_eq(transfer_count(it.broker, "t"), 0);
}
END_TEST

START_TEST(a_record_that_only_the_broker_refuses_is_named)
{
	static const struct produce_plan plan = {WEIR_MEMORY_SEND,
						 WEIR_MEMORY_REFUSE_SIZE, 0, 0};
	struct produce_strike state = {.plan = &plan, .nth = 1};
	struct weir_produce_config config = produce_config(NULL);

	/* the broker refuses a whole batch: the first line of it, and a hint */
	weir__memory_set_fault(it.memory, produce_strike, &state);
	produce_badly(&config, "in:1: ");
	ck_assert_int_eq(transfer_count(it.broker, "t"), 0);
}
END_TEST

/* ---- without transactions ---- */

START_TEST(plain_guarantees_deliver_everything_when_nothing_fails)
{
	struct weir_produce_config config = produce_config(NULL);

	config.guarantee = _i ? WEIR_AT_LEAST_ONCE : WEIR_AT_MOST_ONCE;
	produce_well(&config);
	produce_check_topic(PRODUCE_RECORDS);
}
END_TEST

START_TEST(failed_deliveries_are_counted_and_the_first_is_named)
{
	static const struct produce_plan plan = {
		WEIR_MEMORY_SEND, WEIR_MEMORY_LOSE_DELIVERY, WEIR_MEMORY_SEND,
		WEIR_MEMORY_LOSE_DELIVERY};
	struct produce_strike state = {.plan = &plan, .nth = 7};
	struct weir_produce_config config = produce_config(NULL);

	config.guarantee = _i ? WEIR_AT_LEAST_ONCE : WEIR_AT_MOST_ONCE;
	weir__memory_set_fault(it.memory, produce_strike, &state);
	produce_badly(&config, "2 of 100 records were not delivered, the first: in:7: ");
	ck_assert_int_eq(transfer_count(it.broker, "t"), PRODUCE_RECORDS - 2);
}
END_TEST

START_TEST(what_is_not_there_is_named)
{
	struct weir_produce_config config = produce_config(NULL);

	config.path = "nothing";
	produce_badly(&config, "nothing: No such file");
	config.path = ".";
	produce_badly(&config, ".: is a folder");
	config.path = "in";
	config.topic = "nowhere";
	produce_badly(&config, "no topic nowhere");
	config = produce_config("numbers");
	config.path = "/dev/null";
	produce_badly(&config, "/dev/null: --source needs a regular file");
}
END_TEST

static Suite *
suite(void)
{
	Suite *all = suite_create("produce");
	TCase *cases = produce_case(all, "cases");

	tcase_add_test(cases, a_file_that_grew_goes_on_where_it_ended);
	tcase_add_test(cases, a_last_line_without_newline_counts);
	tcase_add_test(cases, a_last_line_that_grew_is_refused);
	tcase_add_test(cases, another_file_under_the_same_source_is_refused);
	tcase_add_test(cases, a_file_that_became_shorter_is_refused);
	tcase_add_test(cases, a_file_that_is_cut_while_it_is_read_ends_the_run);
	tcase_add_test(cases, a_beginning_that_changes_while_it_is_read_ends_the_run);
	tcase_add_test(cases, a_position_that_kafka_forgot_is_refused);
	tcase_add_test(cases, a_run_that_began_long_ago_and_left_no_position_is_refused);
	tcase_add_loop_test(cases, a_position_file_of_something_else_is_refused, 0,
			    COUNT(bad_positions));
	tcase_add_test(cases, two_sources_put_the_file_in_twice);
	tcase_add_loop_test(cases, an_empty_file_is_produced, 0, 2);
	tcase_add_loop_test(
		cases, a_bad_line_is_named_and_nothing_of_its_transaction_is_committed, 0,
		2);
	tcase_add_test(cases, a_bad_line_later_leaves_earlier_transactions);
	tcase_add_loop_test(cases, a_line_that_no_record_can_hold_is_named, 0, 3);
	tcase_add_test(cases, a_record_that_only_the_broker_refuses_is_named);
	tcase_add_loop_test(cases, plain_guarantees_deliver_everything_when_nothing_fails,
			    0, 2);
	tcase_add_loop_test(cases, failed_deliveries_are_counted_and_the_first_is_named,
			    0, 2);
	tcase_add_test(cases, what_is_not_there_is_named);
	return all;
}

int
main(void)
{
	return transfer_run(suite());
}
