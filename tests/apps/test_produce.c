/*
 * Producing over the embedded broker: every fault at every operation leaves the input in
 * the topic exactly once, whatever the refusals say is refused, and bad lines are named.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/weir/produce_run.h"
#include "tests/apps/transfer.h"
#include "tests/harness.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))
#define RECORDS 100

static struct weir_memory *memory;
static struct weir_broker *broker;
static struct weir_logger logger = {.level = WEIR_LOG_ERROR};

static void
set_up(void)
{
	transfer_folder_enter();
	memory = weir__memory_open(weir__clock_system(), &logger);
	broker = weir__memory_broker(memory);
	ck_assert_int_eq(weir__broker_topic_create(broker, "t", 3, 1, NULL, 1000, NULL),
			 0);
	transfer_numbers("in", 0, RECORDS - 1);
}

static void
tear_down(void)
{
	weir__broker_close(broker);
}

static struct weir_produce_config
config_of(const char *source)
{
	return (struct weir_produce_config){
		.topic = "t",
		.path = "in",
		.source = source,
		.guarantee = WEIR_EXACTLY_ONCE,
		.commit_records = 15,
		.commit_interval_ms = 60000,
		.commit_bytes = 1 << 20,
		.timeout_ms = 3000,
		.logger = &logger,
		.clock = weir__clock_system(),
		.quiet = true,
	};
}

/* Run; the message stays in *error. */
static int
produce(const struct weir_produce_config *config, struct weir_error *error)
{
	struct weir_produce_result result;

	memset(error, 0, sizeof(*error));
	return weir__produce(broker, config, &result, error);
}

static void
produce_well(const struct weir_produce_config *config)
{
	struct weir_error error;

	ck_assert_msg(produce(config, &error) == 0, "%s", error.message);
}

static void
produce_badly(const struct weir_produce_config *config, const char *reason)
{
	struct weir_error error;

	ck_assert_int_ne(produce(config, &error), 0);
	ck_assert_msg(strstr(error.message, reason) != NULL, "\"%s\", expected \"%s\"",
		      error.message, reason);
}

static void
check_topic(int count)
{
	const char *wrong = transfer_check_numbers(broker, "t", count);

	ck_assert_msg(wrong == NULL, "%s", wrong);
}

/* ---- faults ---- */

struct plan {
	enum weir_memory_op op;
	enum weir_memory_fault fault;
	enum weir_memory_op second;          /* a fault behind the first one */
	enum weir_memory_fault second_fault; /* NO_FAULT: none */
};

static const struct plan plans[] = {
	{WEIR_MEMORY_INIT, WEIR_MEMORY_FAIL_AGAIN, 0, 0},
	{WEIR_MEMORY_INIT, WEIR_MEMORY_FAIL_FATAL, 0, 0},
	{WEIR_MEMORY_COMMITTED, WEIR_MEMORY_FAIL_AGAIN, 0, 0},
	{WEIR_MEMORY_COMMITTED, WEIR_MEMORY_FAIL_FATAL, 0, 0},
	{WEIR_MEMORY_BEGIN, WEIR_MEMORY_UNKNOWN_NOT, 0, 0},
	{WEIR_MEMORY_BEGIN, WEIR_MEMORY_FAIL_FATAL, 0, 0},
	{WEIR_MEMORY_SEND, WEIR_MEMORY_FAIL_AGAIN, 0, 0},
	{WEIR_MEMORY_SEND, WEIR_MEMORY_FAIL_ABORT, 0, 0},
	{WEIR_MEMORY_SEND, WEIR_MEMORY_FAIL_FATAL, 0, 0},
	{WEIR_MEMORY_SEND, WEIR_MEMORY_LOSE_DELIVERY, 0, 0},
	{WEIR_MEMORY_SEND, WEIR_MEMORY_UNKNOWN_DONE, 0, 0},
	{WEIR_MEMORY_SEND, WEIR_MEMORY_UNKNOWN_NOT, 0, 0},
	{WEIR_MEMORY_SEND, WEIR_MEMORY_UNKNOWN_LATE, 0, 0},
	{WEIR_MEMORY_SEND, WEIR_MEMORY_TAINT, 0, 0},
	{WEIR_MEMORY_SEND, WEIR_MEMORY_FAIL_ABORT, WEIR_MEMORY_ABORT,
	 WEIR_MEMORY_FAIL_AGAIN},
	{WEIR_MEMORY_SEND, WEIR_MEMORY_FAIL_ABORT, WEIR_MEMORY_ABORT,
	 WEIR_MEMORY_FAIL_FATAL},
	{WEIR_MEMORY_SEND, WEIR_MEMORY_FAIL_ABORT, WEIR_MEMORY_ABORT, WEIR_MEMORY_TAINT},
	{WEIR_MEMORY_SEND, WEIR_MEMORY_FAIL_ABORT, WEIR_MEMORY_ABORT,
	 WEIR_MEMORY_UNKNOWN_DONE},
	{WEIR_MEMORY_SEND, WEIR_MEMORY_FAIL_ABORT, WEIR_MEMORY_ABORT,
	 WEIR_MEMORY_UNKNOWN_NOT},
	{WEIR_MEMORY_SEND, WEIR_MEMORY_FAIL_ABORT, WEIR_MEMORY_ABORT,
	 WEIR_MEMORY_UNKNOWN_LATE},
	{WEIR_MEMORY_COMMIT, WEIR_MEMORY_FAIL_AGAIN, 0, 0},
	{WEIR_MEMORY_COMMIT, WEIR_MEMORY_FAIL_ABORT, 0, 0},
	{WEIR_MEMORY_COMMIT, WEIR_MEMORY_FAIL_FATAL, 0, 0},
	{WEIR_MEMORY_COMMIT, WEIR_MEMORY_TAINT, 0, 0},
	{WEIR_MEMORY_COMMIT, WEIR_MEMORY_UNKNOWN_DONE, 0, 0},
	{WEIR_MEMORY_COMMIT, WEIR_MEMORY_UNKNOWN_NOT, 0, 0},
	{WEIR_MEMORY_COMMIT, WEIR_MEMORY_UNKNOWN_LATE, 0, 0},
	{WEIR_MEMORY_COMMIT, WEIR_MEMORY_UNKNOWN_DONE, WEIR_MEMORY_INIT,
	 WEIR_MEMORY_FAIL_FATAL},
	{WEIR_MEMORY_COMMIT, WEIR_MEMORY_UNKNOWN_NOT, WEIR_MEMORY_COMMITTED,
	 WEIR_MEMORY_FAIL_AGAIN},
	{WEIR_MEMORY_COMMIT, WEIR_MEMORY_UNKNOWN_DONE, WEIR_MEMORY_COMMITTED,
	 WEIR_MEMORY_FAIL_FATAL},
	{WEIR_MEMORY_COMMIT, WEIR_MEMORY_TAINT, WEIR_MEMORY_INIT, WEIR_MEMORY_FAIL_FATAL},
	{WEIR_MEMORY_COMMIT, WEIR_MEMORY_UNKNOWN_LATE, WEIR_MEMORY_COMMIT,
	 WEIR_MEMORY_UNKNOWN_DONE},
};

/* Where the faults of a plan hit: the first at the nth call of its operation. */
struct strike {
	const struct plan *plan;
	int nth;
	bool first_done;
	bool second_done;
};

static enum weir_memory_fault
strike(void *opaque, const char *session, enum weir_memory_op op)
{
	struct strike *state = opaque;
	const struct plan *plan = state->plan;

	(void)session;
	if (state->first_done && !state->second_done && op == plan->second &&
	    plan->second_fault != WEIR_MEMORY_NO_FAULT) {
		state->second_done = true;
		return plan->second_fault;
	}
	if (state->first_done || op != plan->op || --state->nth > 0)
		return WEIR_MEMORY_NO_FAULT;
	state->first_done = true;
	return plan->fault;
}

START_TEST(a_source_is_in_the_topic_once_whatever_fails)
{
	static const int nths[] = {1, 2, 5};
	const struct plan *plan = &plans[_i / COUNT(nths)];
	struct strike state = {.plan = plan, .nth = nths[_i % COUNT(nths)]};
	struct weir_produce_config config = config_of("numbers");
	struct weir_error error;

	weir__memory_set_fault(memory, strike, &state);
	if (produce(&config, &error) != 0) {
		ck_assert_msg(plan->fault == WEIR_MEMORY_FAIL_FATAL ||
				      plan->second_fault == WEIR_MEMORY_FAIL_FATAL,
			      "%s", error.message);
		/* it gave up: the same command again goes on */
		weir__memory_set_fault(memory, NULL, NULL);
		produce_well(&config);
	}
	check_topic(RECORDS);
	/* and once more has nothing left to do */
	weir__memory_set_fault(memory, NULL, NULL);
	produce_well(&config);
	check_topic(RECORDS);
	/* init and committed are only called again where a producer is replaced */
	ck_assert(state.first_done || plan->op == WEIR_MEMORY_INIT ||
		  plan->op == WEIR_MEMORY_COMMITTED);
}
END_TEST

START_TEST(whole_input_is_there_or_not_as_the_status_says)
{
	static const int nths[] = {1, 2, 50};
	const struct plan *plan = &plans[_i / COUNT(nths)];
	struct strike state = {.plan = plan, .nth = nths[_i % COUNT(nths)]};
	struct weir_produce_config config = config_of(NULL);
	struct weir_error error;
	int code;

	weir__memory_set_fault(memory, strike, &state);
	code = produce(&config, &error);
	weir__memory_set_fault(memory, NULL, NULL);
	if (code == 0) {
		check_topic(RECORDS);
		return;
	}
	/* where the commit itself may have happened, the message says that it is not
	 * known */
	if (transfer_count(broker, "t") > 0)
		check_topic(RECORDS);
	if (transfer_count(broker, "t") > 0)
		ck_assert_msg(plan->op == WEIR_MEMORY_COMMIT, "%s", error.message);
	else if (transfer_count(broker, "t") < 0) /* the same command ends what is open */
		produce_well(&config);
}
END_TEST

/* ---- another run of the same source ---- */

struct twin {
	enum weir_memory_op op;
	int nth;
	int taint; /* the commit with this number taints */
	bool inside;
	int code;
};

static enum weir_memory_fault
run_twin(void *opaque, const char *session, enum weir_memory_op op)
{
	struct twin *twin = opaque;
	struct weir_produce_config config = config_of("numbers");
	struct weir_error error;

	(void)session;
	if (!twin->inside && op == WEIR_MEMORY_COMMIT && --twin->taint == 0)
		return WEIR_MEMORY_TAINT;
	if (twin->inside || op != twin->op || --twin->nth != 0)
		return WEIR_MEMORY_NO_FAULT;
	twin->inside = true;
	twin->code = produce(&config, &error);
	ck_assert_msg(twin->code == 0, "%s", error.message);
	return WEIR_MEMORY_NO_FAULT;
}

START_TEST(a_second_run_of_a_source_ends_the_first)
{
	static const struct twin twins[] = {
		{.op = WEIR_MEMORY_BEGIN, .nth = 1},
		{.op = WEIR_MEMORY_BEGIN, .nth = 3},
		{.op = WEIR_MEMORY_SEND, .nth = 1},
		{.op = WEIR_MEMORY_SEND, .nth = 40},
		{.op = WEIR_MEMORY_COMMIT, .nth = 1},
		{.op = WEIR_MEMORY_COMMIT, .nth = 2},
		/* just before the tainted producer is replaced */
		{.op = WEIR_MEMORY_INIT, .nth = 2, .taint = 2},
	};
	struct twin twin = twins[_i];
	struct weir_produce_config config = config_of("numbers");
	struct weir_error error;

	weir__memory_set_fault(memory, run_twin, &twin);
	ck_assert_int_ne(produce(&config, &error), 0);
	ck_assert(twin.inside);
	ck_assert_msg(strstr(error.message, "another run with --source numbers") != NULL,
		      "%s", error.message);
	check_topic(RECORDS);
}
END_TEST

/* The cluster loses a transaction, and forgets the position meanwhile. */
static enum weir_memory_fault
lose_position(void *opaque, const char *session, enum weir_memory_op op)
{
	int *nth = opaque;

	(void)session;
	if (op != WEIR_MEMORY_COMMIT || --*nth != 0)
		return WEIR_MEMORY_NO_FAULT;
	weir__memory_forget_group(memory, "numbers");
	return WEIR_MEMORY_UNKNOWN_NOT;
}

START_TEST(a_position_that_is_neither_before_nor_after_ends_the_run)
{
	struct weir_produce_config config = config_of("numbers");
	int nth = 3;

	weir__memory_set_fault(memory, lose_position, &nth);
	produce_badly(&config, "the position of --source numbers is -1: expected ");
	check_topic(30);
}
END_TEST

/* ---- sources ---- */

START_TEST(a_file_that_grew_goes_on_where_it_ended)
{
	struct weir_produce_config config = config_of("numbers");

	produce_well(&config);
	transfer_numbers("in", RECORDS, RECORDS + 49);
	produce_well(&config);
	check_topic(RECORDS + 50);
}
END_TEST

START_TEST(a_last_line_without_newline_counts)
{
	struct weir_produce_config config = config_of("numbers");

	transfer_write("in", "0\n1\n2");
	produce_well(&config);
	check_topic(3);
	produce_well(&config);
	check_topic(3);
	/* its newline comes late */
	transfer_write("in", "0\n1\n2\n");
	produce_well(&config);
	transfer_write("in", "0\n1\n2\n3\n");
	produce_well(&config);
	check_topic(4);
}
END_TEST

START_TEST(a_last_line_that_grew_is_refused)
{
	struct weir_produce_config config = config_of("numbers");

	transfer_write("in", "0\n1\n2");
	produce_well(&config);
	transfer_write("in", "0\n1\n23\n");
	produce_badly(&config, "has grown since");
	check_topic(3);
}
END_TEST

START_TEST(another_file_under_the_same_source_is_refused)
{
	struct weir_produce_config config = config_of("numbers");

	produce_well(&config);
	ck_assert_int_eq(unlink("in"), 0);
	transfer_numbers("in", 1, RECORDS + 10);
	produce_badly(&config, "is not the file that --source numbers began with");
	check_topic(RECORDS);
}
END_TEST

START_TEST(a_file_that_became_shorter_is_refused)
{
	struct weir_produce_config config = config_of("numbers");

	produce_well(&config);
	transfer_write("in", "0\n1\n");
	produce_badly(&config, "is shorter than");
	check_topic(RECORDS);
}
END_TEST

START_TEST(a_position_that_kafka_forgot_is_refused)
{
	struct weir_produce_config config = config_of("numbers");

	produce_well(&config);
	weir__memory_forget_group(memory, "numbers");
	produce_badly(&config, "no longer knows the position");
	check_topic(RECORDS);
	/* as the message says, it begins anew without the file */
	ck_assert_int_eq(unlink("in.numbers.t.weir"), 0);
	produce_well(&config);
	ck_assert_int_eq(transfer_count(broker, "t"), 2 * RECORDS);
}
END_TEST

START_TEST(a_run_that_began_long_ago_and_left_no_position_is_refused)
{
	struct weir_produce_config config = config_of("numbers");
	struct weir_cluster_info info = {0};
	char text[512];

	ck_assert_int_eq(weir__broker_describe(broker, NULL, 0, &info, 1000, NULL), 0);
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
	struct weir_produce_config config = config_of("numbers");

	transfer_write("in.numbers.t.weir", bad_positions[_i].text);
	produce_badly(&config, bad_positions[_i].reason);
	ck_assert_int_eq(transfer_count(broker, "t"), 0);
}
END_TEST

START_TEST(two_sources_put_the_file_in_twice)
{
	struct weir_produce_config one = config_of("one");
	struct weir_produce_config two = config_of("two");

	produce_well(&one);
	produce_well(&two);
	ck_assert_int_eq(transfer_count(broker, "t"), 2 * RECORDS);
}
END_TEST

START_TEST(an_empty_file_is_produced)
{
	struct weir_produce_config config = config_of(_i ? "numbers" : NULL);

	transfer_write("in", "");
	produce_well(&config);
	ck_assert_int_eq(transfer_count(broker, "t"), 0);
}
END_TEST

/* ---- bad lines ---- */

START_TEST(a_bad_line_is_named_and_nothing_of_its_transaction_is_committed)
{
	struct weir_produce_config config = config_of(_i ? "numbers" : NULL);

	transfer_write("in", "");
	transfer_numbers("in", 0, 39);
	config.format.key_pointer = "/id"; /* a number has none */
	produce_badly(&config, "in:1: nothing at /id");
	config.format = (struct weir_line_format){.kind = WEIR_FORMAT_KEY_VALUE,
						  .separator = "8"};
	produce_badly(&config, "in:1: no key separator");
	ck_assert_int_eq(transfer_count(broker, "t"), 0);
}
END_TEST

START_TEST(a_bad_line_later_leaves_earlier_transactions)
{
	struct weir_produce_config config = config_of("numbers");
	FILE *file;

	transfer_write("in", "");
	transfer_numbers("in", 0, 39);
	file = fopen("in", "a");
	fprintf(file, "%02000d\n", 40);
	fclose(file);
	weir__memory_set_max_message(memory, "t", 1000);
	produce_badly(&config, "in:41: a record of 2000 bytes: t takes at most");
	check_topic(30);
	/* the line's number is the file's also when a run begins in the middle */
	produce_badly(&config, "in:41: a record of 2000 bytes: t takes at most");
	check_topic(30);
}
END_TEST

START_TEST(a_line_that_no_record_can_hold_is_named)
{
	struct weir_produce_config config = config_of(_i == 2 ? "numbers" : NULL);
	FILE *file = fopen("in", "w");

	if (_i == 0)
		config.guarantee = WEIR_AT_LEAST_ONCE;
	fprintf(file, "x\n%0300000d\n", 0);
	fclose(file);
	weir__memory_set_max_message(memory, "t", 1000);
	produce_badly(&config, "in:2: the line is too long");
	if (_i > 0)
		ck_assert_int_eq(transfer_count(broker, "t"), 0);
}
END_TEST

START_TEST(a_record_that_only_the_broker_refuses_is_named)
{
	static const struct plan plan = {WEIR_MEMORY_SEND, WEIR_MEMORY_REFUSE_SIZE, 0, 0};
	struct strike state = {.plan = &plan, .nth = 1};
	struct weir_produce_config config = config_of(NULL);

	/* the broker refuses a whole batch: the first line of it, and a hint */
	weir__memory_set_fault(memory, strike, &state);
	produce_badly(&config, "in:1: ");
	ck_assert_int_eq(transfer_count(broker, "t"), 0);
}
END_TEST

/* ---- without transactions ---- */

START_TEST(plain_guarantees_deliver_everything_when_nothing_fails)
{
	struct weir_produce_config config = config_of(NULL);

	config.guarantee = _i ? WEIR_AT_LEAST_ONCE : WEIR_AT_MOST_ONCE;
	produce_well(&config);
	check_topic(RECORDS);
}
END_TEST

START_TEST(failed_deliveries_are_counted_and_the_first_is_named)
{
	static const struct plan plan = {WEIR_MEMORY_SEND, WEIR_MEMORY_LOSE_DELIVERY,
					 WEIR_MEMORY_SEND, WEIR_MEMORY_LOSE_DELIVERY};
	struct strike state = {.plan = &plan, .nth = 7};
	struct weir_produce_config config = config_of(NULL);

	config.guarantee = _i ? WEIR_AT_LEAST_ONCE : WEIR_AT_MOST_ONCE;
	weir__memory_set_fault(memory, strike, &state);
	produce_badly(&config, "2 of 100 records were not delivered, the first: in:7: ");
	ck_assert_int_eq(transfer_count(broker, "t"), RECORDS - 2);
}
END_TEST

START_TEST(what_is_not_there_is_named)
{
	struct weir_produce_config config = config_of(NULL);

	config.path = "nothing";
	produce_badly(&config, "nothing: No such file");
	config.path = ".";
	produce_badly(&config, ".: is a folder");
	config.path = "in";
	config.topic = "nowhere";
	produce_badly(&config, "no topic nowhere");
	config = config_of("numbers");
	config.path = "/dev/null";
	produce_badly(&config, "/dev/null: --source needs a regular file");
}
END_TEST

static Suite *
suite(void)
{
	Suite *all = suite_create("produce");
	TCase *faults = tcase_create("faults");
	TCase *cases = tcase_create("cases");

	tcase_add_checked_fixture(faults, set_up, tear_down);
	tcase_add_checked_fixture(cases, set_up, tear_down);
	tcase_set_timeout(faults, 60);
	tcase_set_timeout(cases, 60);
	tcase_add_loop_test(faults, a_source_is_in_the_topic_once_whatever_fails, 0,
			    COUNT(plans) * 3);
	tcase_add_loop_test(faults, whole_input_is_there_or_not_as_the_status_says, 0,
			    COUNT(plans) * 3);
	tcase_add_loop_test(faults, a_second_run_of_a_source_ends_the_first, 0, 7);
	tcase_add_test(faults, a_position_that_is_neither_before_nor_after_ends_the_run);
	tcase_add_test(cases, a_file_that_grew_goes_on_where_it_ended);
	tcase_add_test(cases, a_last_line_without_newline_counts);
	tcase_add_test(cases, a_last_line_that_grew_is_refused);
	tcase_add_test(cases, another_file_under_the_same_source_is_refused);
	tcase_add_test(cases, a_file_that_became_shorter_is_refused);
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
	suite_add_tcase(all, faults);
	suite_add_tcase(all, cases);
	return all;
}

int
main(void)
{
	return transfer_run(suite());
}
