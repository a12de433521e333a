/*
 * Producing over the embedded broker while something fails: every fault at every
 * operation leaves the input in the topic exactly once, and so does a second run at the
 * same time.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <string.h>

#include "tests/apps/produce_fixture.h"

static const struct produce_plan plans[] = {
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

START_TEST(a_source_is_in_the_topic_once_whatever_fails)
{
	static const int nths[] = {1, 2, 5};
	const struct produce_plan *plan = &plans[_i / COUNT(nths)];
	struct produce_strike state = {.plan = plan, .nth = nths[_i % COUNT(nths)]};
	struct weir_produce_config config = produce_config("numbers");
	struct weir_error error;

	weir__memory_set_fault(it.memory, produce_strike, &state);
	if (produce(&config, &error) != 0) {
		ck_assert_msg(plan->fault == WEIR_MEMORY_FAIL_FATAL ||
				      plan->second_fault == WEIR_MEMORY_FAIL_FATAL,
			      "%s", error.message);
		/* it gave up: the same command again goes on */
		weir__memory_set_fault(it.memory, NULL, NULL);
		produce_well(&config);
	}
	produce_check_topic(PRODUCE_RECORDS);
	/* and once more has nothing left to do */
	weir__memory_set_fault(it.memory, NULL, NULL);
	produce_well(&config);
	produce_check_topic(PRODUCE_RECORDS);
	/* init and committed are only called again where a producer is replaced */
	ck_assert(state.first_done || plan->op == WEIR_MEMORY_INIT ||
		  plan->op == WEIR_MEMORY_COMMITTED);
}
END_TEST

START_TEST(whole_input_is_there_or_not_as_the_status_says)
{
	static const int nths[] = {1, 2, 50};
	const struct produce_plan *plan = &plans[_i / COUNT(nths)];
	struct produce_strike state = {.plan = plan, .nth = nths[_i % COUNT(nths)]};
	struct weir_produce_config config = produce_config(NULL);
	struct weir_error error;
	int code;

	weir__memory_set_fault(it.memory, produce_strike, &state);
	code = produce(&config, &error);
	weir__memory_set_fault(it.memory, NULL, NULL);
	if (code == 0) {
		produce_check_topic(PRODUCE_RECORDS);
		return;
	}
	/* where the commit itself may have happened, the message says that it is not
	 * known */
	if (transfer_count(it.broker, "t") > 0)
		produce_check_topic(PRODUCE_RECORDS);
	if (transfer_count(it.broker, "t") > 0)
		ck_assert_msg(plan->op == WEIR_MEMORY_COMMIT, "%s", error.message);
	else if (transfer_count(it.broker, "t") <
		 0) /* the same command ends what is open */
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
	struct weir_produce_config config = produce_config("numbers");
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
	struct weir_produce_config config = produce_config("numbers");
	struct weir_error error;

	weir__memory_set_fault(it.memory, run_twin, &twin);
	ck_assert_int_ne(produce(&config, &error), 0);
	ck_assert(twin.inside);
	ck_assert_msg(strstr(error.message, "another run with --source numbers") != NULL,
		      "%s", error.message);
	produce_check_topic(PRODUCE_RECORDS);
}
END_TEST

/* Another run of the source begins at the nth operation, and has committed nothing yet. */
struct newcomer {
	enum weir_memory_op op;
	int nth;
	struct weir_session *session;
};

static enum weir_memory_fault
let_come(void *opaque, const char *name, enum weir_memory_op op)
{
	static const char *const topic = "t";
	struct newcomer *newcomer = opaque;
	struct weir_session_config config = {
		.name = "newcomer",
		.guarantee = WEIR_EXACTLY_ONCE,
		.group = "numbers",
		.transactional_id = "weir-produce/numbers",
		.outputs = &topic,
		.output_count = 1,
		.transaction_timeout_ms = 60000,
		.session_timeout_ms = 10000,
	};
	struct weir_error error = {0};

	(void)name;
	if (newcomer->session || op != newcomer->op || --newcomer->nth != 0)
		return WEIR_MEMORY_NO_FAULT;
	newcomer->session = weir__broker_session_open(it.broker, &config, &error);
	ck_assert_msg(newcomer->session != NULL, "%s", error.message);
	ck_assert_int_eq(weir__session_init(newcomer->session, 1000, &error),
			 WEIR_SUCCESS);
	return WEIR_MEMORY_NO_FAULT;
}

/* Or the two would fence each other in turn, and both could end. */
START_TEST(a_source_that_was_fenced_leaves_the_later_run_alone)
{
	static const struct newcomer newcomers[] = {
		{.op = WEIR_MEMORY_SEND, .nth = 1},
		{.op = WEIR_MEMORY_SEND, .nth = 40},
		{.op = WEIR_MEMORY_COMMIT, .nth = 1},
		{.op = WEIR_MEMORY_COMMIT, .nth = 2},
	};
	struct newcomer newcomer = newcomers[_i];
	struct weir_produce_config config = produce_config("numbers");
	struct weir_error error = {0};

	weir__memory_set_fault(it.memory, let_come, &newcomer);
	ck_assert_int_ne(produce(&config, &error), 0);
	ck_assert_ptr_nonnull(newcomer.session);
	ck_assert_msg(strstr(error.message, "another run with --source numbers") != NULL,
		      "%s", error.message);
	ck_assert_int_eq(weir__session_begin(newcomer.session, &error), WEIR_SUCCESS);
	ck_assert_int_eq(weir__session_commit(newcomer.session, NULL, 0, 1000, &error),
			 WEIR_SUCCESS);
	weir__session_close(newcomer.session);
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
	weir__memory_forget_group(it.memory, "numbers");
	return WEIR_MEMORY_UNKNOWN_NOT;
}

START_TEST(a_position_that_is_neither_before_nor_after_ends_the_run)
{
	struct weir_produce_config config = produce_config("numbers");
	int nth = 3;

	weir__memory_set_fault(it.memory, lose_position, &nth);
	produce_badly(&config, "the position of --source numbers is -1: expected ");
	produce_check_topic(30);
}
END_TEST

static Suite *
suite(void)
{
	Suite *all = suite_create("produce, and something fails");
	TCase *cases = produce_case(all, "faults");

	tcase_add_loop_test(cases, a_source_is_in_the_topic_once_whatever_fails, 0,
			    COUNT(plans) * 3);
	tcase_add_loop_test(cases, whole_input_is_there_or_not_as_the_status_says, 0,
			    COUNT(plans) * 3);
	tcase_add_loop_test(cases, a_second_run_of_a_source_ends_the_first, 0, 7);
	tcase_add_loop_test(cases, a_source_that_was_fenced_leaves_the_later_run_alone,
			    0, 4);
	tcase_add_test(cases, a_position_that_is_neither_before_nor_after_ends_the_run);
	return all;
}

int
main(void)
{
	return transfer_run(suite());
}
