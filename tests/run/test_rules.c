/*
 * Rules that show in which calls the worker makes to the broker, in which order, and when:
 * the embedded broker's fault hook writes them down. docs/rules.md says where a rule is from.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include "tests/harness.h"
#include "tests/run/fleet.h"

static struct fleet fleet;
static char text[8192];

/* One letter a call, repetitions as one. */
static const char letters[] = {
	[WEIR_MEMORY_INIT] = 'I',      [WEIR_MEMORY_SUBSCRIBE] = 'S',
	[WEIR_MEMORY_POLL] = 'p',      [WEIR_MEMORY_ANSWER] = 'a',
	[WEIR_MEMORY_REWIND] = 'r',    [WEIR_MEMORY_BEGIN] = 'B',
	[WEIR_MEMORY_SEND] = 's',      [WEIR_MEMORY_COMMIT] = 'C',
	[WEIR_MEMORY_ABORT] = 'X',     [WEIR_MEMORY_FLUSH] = 'f',
	[WEIR_MEMORY_COMMIT_OFFSETS] = 'O', [WEIR_MEMORY_COMMITTED] = '?',
	[WEIR_MEMORY_RANGE] = 'n',     [WEIR_MEMORY_REPLACE] = 'N',
};

static struct {
	char calls[4096];
	size_t size;
	int counts[sizeof(letters)];       /* repetitions, too */
	int64_t first_ms[sizeof(letters)]; /* when the first of them came; 0: none did */
	int64_t now_ms;                    /* kept by run() */
	enum weir_memory_op op;            /* its next `fault_count` calls meet `fault` */
	enum weir_memory_fault fault;
	int fault_count;
} spy;

static enum weir_memory_fault
listen(void *opaque, const char *session_name, enum weir_memory_op op)
{
	(void)opaque, (void)session_name;
	if (spy.counts[op]++ == 0)
		spy.first_ms[op] = spy.now_ms;
	if (spy.size == 0 || spy.calls[spy.size - 1] != letters[op]) {
		ck_assert_uint_lt(spy.size, sizeof(spy.calls) - 1);
		spy.calls[spy.size++] = letters[op];
	}
	if (op != spy.op || spy.fault_count == 0)
		return WEIR_MEMORY_NO_FAULT;
	spy.fault_count--;
	return spy.fault;
}

static void
forget(void)
{
	memset(&spy, 0, sizeof(spy));
	spy.now_ms = fleet.clock.now_ms;
}

static void
inject(enum weir_memory_op op, enum weir_memory_fault fault, int count)
{
	spy.op = op;
	spy.fault = fault;
	spy.fault_count = count;
}

static void
run(int steps)
{
	for (int step = 0; step < steps; step++) {
		fleet_run(&fleet, 1);
		spy.now_ms = fleet.clock.now_ms;
	}
}

/* Only now are calls heard. */
static void
open_settled(const char *settings)
{
	fleet_open(&fleet, settings);
	fleet_start(&fleet, 0);
	fleet_run(&fleet, 30);
	forget();
	weir__memory_set_fault(fleet.memory, listen, NULL);
}

static void
expect_calls(const char *wanted)
{
	ck_assert_msg(strstr(spy.calls, wanted) != NULL, "no %s in %s", wanted, spy.calls);
}

/* ---- start ---- */

START_TEST(producer_is_ready_before_the_group_is_joined)
{
	fleet_open(&fleet, "");
	forget();
	weir__memory_set_fault(fleet.memory, listen, NULL);
	inject(WEIR_MEMORY_INIT, WEIR_MEMORY_FAIL_AGAIN, 5);
	fleet_start(&fleet, 0);
	run(30);
	ck_assert_int_eq(spy.counts[WEIR_MEMORY_INIT], 6);
	ck_assert_msg(strncmp(spy.calls, "ISp", 3) == 0, "%s", spy.calls);
	fleet_close(&fleet);
}
END_TEST

/* ---- a batch ---- */

START_TEST(transaction_begins_with_the_first_message)
{
	open_settled("");
	run(50);
	ck_assert_msg(strcmp(spy.calls, "p") == 0, "%s", spy.calls);
	fleet_put(&fleet, 0, "a");
	run(50);
	expect_calls("pBspC");
	fleet_close(&fleet);
}
END_TEST

/* It flushes by itself, and a round trip more costs a third of the throughput. */
START_TEST(commit_of_a_transaction_is_not_preceded_by_a_flush)
{
	open_settled("");
	fleet_put(&fleet, 0, "a");
	run(50);
	ck_assert_int_eq(spy.counts[WEIR_MEMORY_COMMIT], 1);
	ck_assert_int_eq(spy.counts[WEIR_MEMORY_FLUSH], 0);
	fleet_close(&fleet);
}
END_TEST

static const struct {
	const char *settings;
	int records; /* a step is 10 ms */
	int from, to; /* steps until the first commit */
} dues[] = {
	{"\"commit\": {\"interval\": \"300ms\"}", 2, 30, 35},
	{"\"commit\": {\"interval\": \"60s\"}, \"kafka\": {\"bootstrap.servers\": \"none\", "
         "\"transaction.timeout.ms\": 101000}",
         2, 6000, 6005},
	{"\"commit\": {\"interval\": \"8s\", \"records\": 7}", 7, 7, 10},
	{"\"commit\": {\"interval\": \"8s\", \"records\": 7}", 6, 800, 805},
	{"\"commit\": {\"interval\": \"8s\", \"bytes\": \"1KiB\"}", 5, 5, 8},
	{"\"commit\": {\"interval\": \"8s\", \"bytes\": \"1KiB\"}", 3, 800, 805},
};

/* Each record is 112 bytes, and its copy as many. */
START_TEST(batch_is_due_by_time_by_records_and_by_bytes)
{
	char value[113];
	int step = 0;

	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	open_settled(dues[_i].settings);
	for (int count = 0; count < dues[_i].records; count++)
		fleet_put(&fleet, 0, value);
	while (spy.counts[WEIR_MEMORY_COMMIT] == 0 && step++ <= dues[_i].to)
		run(1);
	ck_assert_msg(step >= dues[_i].from && step <= dues[_i].to, "%d", step);
	fleet_close(&fleet);
}
END_TEST

/* ---- rebalances ---- */

START_TEST(revoke_commits_what_is_in_hand_before_it_is_answered)
{
	open_settled("\"commit\": {\"interval\": \"5s\"}");
	fleet_put(&fleet, 0, "a");
	run(5);
	weir__memory_rebalance(fleet.memory);
	run(20);
	expect_calls("BspCpa");
	fleet_close(&fleet);
}
END_TEST

/* The group would give the partitions away while this commit still goes on. */
START_TEST(revoke_whose_commit_lasts_too_long_aborts_within_the_session_timeout)
{
	open_settled("\"commit\": {\"interval\": \"5s\"}");
	fleet_put(&fleet, 0, "a");
	run(5);
	forget();
	inject(WEIR_MEMORY_COMMIT, WEIR_MEMORY_FAIL_AGAIN, 1 << 20);
	weir__memory_rebalance(fleet.memory);
	run(990);
	ck_assert_msg(strncmp(spy.calls, "pCXrpa", 6) == 0, "%s", spy.calls);
	ck_assert_int_lt(spy.first_ms[WEIR_MEMORY_ANSWER] - spy.first_ms[WEIR_MEMORY_COMMIT],
	                 fleet.pipeline->session_timeout_ms);
	fleet_close(&fleet);
}
END_TEST

/* They are another's by now. */
START_TEST(lost_partitions_abort_what_is_in_hand_at_once)
{
	open_settled("\"commit\": {\"interval\": \"30s\"}, \"kafka\": {\"bootstrap.servers\": "
	             "\"none\", \"transaction.timeout.ms\": 60000}");
	fleet_put(&fleet, 0, "a");
	run(5);
	forget();
	weir__virtual_clock_advance(&fleet.clock, fleet.pipeline->session_timeout_ms + 1000);
	run(10);
	ck_assert_msg(strncmp(spy.calls, "pX", 2) == 0, "%s", spy.calls);
	fleet_close(&fleet);
}
END_TEST

START_TEST(worker_without_partitions_answers_too_and_gets_some_later)
{
	fleet_open(&fleet, "");
	for (int index = 0; index < 3; index++)
		fleet_start(&fleet, index);
	fleet_run(&fleet, 300);
	ck_assert_uint_eq(weir__worker_counts(fleet.workers[2])->tasks, 0);
	weir__worker_free(fleet.workers[0]);
	fleet.workers[0] = NULL;
	fleet_run(&fleet, 2000); /* a static member's place is free after its timeout */
	ck_assert_uint_eq(weir__worker_counts(fleet.workers[1])->tasks, 1);
	ck_assert_uint_eq(weir__worker_counts(fleet.workers[2])->tasks, 1);
	fleet_close(&fleet);
}
END_TEST

/* ---- outcome unknown ---- */

START_TEST(partitions_wait_and_are_polled_while_the_producer_is_replaced)
{
	open_settled("");
	fleet_put(&fleet, 0, "a");
	run(5);
	forget();
	inject(WEIR_MEMORY_COMMIT, WEIR_MEMORY_TAINT, 1);
	while (spy.counts[WEIR_MEMORY_REPLACE] == 0)
		run(1);
	forget();
	inject(WEIR_MEMORY_INIT, WEIR_MEMORY_FAIL_AGAIN, 50);
	fleet_put(&fleet, 0, "b");
	run(45);
	ck_assert_int_gt(spy.counts[WEIR_MEMORY_POLL], 40);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "a");
	run(100);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "a b");
	/* nothing had slipped through that had to be read again */
	ck_assert_int_eq(spy.counts[WEIR_MEMORY_REWIND], 0);
	fleet_close(&fleet);
}
END_TEST

/*
 * Was it the broker's timeout, or a twin? A twin shows at the consumer within a heartbeat;
 * without that wait each would fence the other in turn.
 */
START_TEST(fenced_producer_is_replaced_after_a_heartbeat)
{
	open_settled("\"commit\": {\"interval\": \"5s\"}, \"kafka\": {\"bootstrap.servers\": "
	             "\"none\", \"session.timeout.ms\": 45000}");
	fleet_put(&fleet, 0, "a");
	run(5);
	forget();
	weir__virtual_clock_advance(&fleet.clock, 20000); /* the transaction's were 15 s */
	spy.now_ms = fleet.clock.now_ms;
	run(2000);
	ck_assert_msg(strncmp(spy.calls, "CpN", 3) == 0, "%s", spy.calls);
	ck_assert_int_ge(spy.first_ms[WEIR_MEMORY_REPLACE] - spy.first_ms[WEIR_MEMORY_COMMIT],
	                 45000 / 3);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "a");
	fleet_close(&fleet);
}
END_TEST

/* A coordinator that is going may say so for a moment; if it goes on, nobody knows. */
START_TEST(no_offset_where_there_was_one_is_asked_again_then_stops)
{
	open_settled("");
	fleet_put(&fleet, 0, "a");
	run(50);
	ck_assert_int_eq(fleet_committed(&fleet, 0), 1);
	fleet_put(&fleet, 0, "b");
	inject(WEIR_MEMORY_COMMIT, WEIR_MEMORY_UNKNOWN_NOT, 1);
	while (spy.fault_count > 0)
		run(1);
	forget();
	weir__memory_forget_group(fleet.memory, "app");
	run(400);
	ck_assert_int_eq(fleet_status(&fleet, 0), WEIR_WORKER_RUNS);
	ck_assert_int_gt(spy.counts[WEIR_MEMORY_COMMITTED], 10);
	run(400);
	ck_assert_int_eq(fleet_status(&fleet, 0), WEIR_WORKER_FAILED);
	ck_assert_ptr_nonnull(strstr(weir__worker_error(fleet.workers[0])->message,
	                             "in[0]: after an unknown outcome the committed offset is -1, "
	                             "but it was 1 before the batch and would be 2"));
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "a");
	fleet_close(&fleet);
}
END_TEST

START_TEST(batch_of_a_group_that_never_committed_starts_at_its_base)
{
	open_settled("");
	fleet_put(&fleet, 0, "a");
	inject(WEIR_MEMORY_COMMIT, WEIR_MEMORY_UNKNOWN_NOT, 1);
	run(200);
	ck_assert_int_eq(spy.fault_count, 0);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "a");
	ck_assert_int_eq(fleet_committed(&fleet, 0), 1);
	fleet_close(&fleet);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("rules");
	TCase *tcase = tcase_create("rules");

	tcase_add_test(tcase, producer_is_ready_before_the_group_is_joined);
	tcase_add_test(tcase, transaction_begins_with_the_first_message);
	tcase_add_test(tcase, commit_of_a_transaction_is_not_preceded_by_a_flush);
	tcase_add_loop_test(tcase, batch_is_due_by_time_by_records_and_by_bytes, 0,
	                    sizeof(dues) / sizeof(dues[0]));
	tcase_add_test(tcase, revoke_commits_what_is_in_hand_before_it_is_answered);
	tcase_add_test(tcase,
	               revoke_whose_commit_lasts_too_long_aborts_within_the_session_timeout);
	tcase_add_test(tcase, lost_partitions_abort_what_is_in_hand_at_once);
	tcase_add_test(tcase, worker_without_partitions_answers_too_and_gets_some_later);
	tcase_add_test(tcase, partitions_wait_and_are_polled_while_the_producer_is_replaced);
	tcase_add_test(tcase, fenced_producer_is_replaced_after_a_heartbeat);
	tcase_add_test(tcase, no_offset_where_there_was_one_is_asked_again_then_stops);
	tcase_add_test(tcase, batch_of_a_group_that_never_committed_starts_at_its_base);
	suite_add_tcase(suite, tcase);
	return weir_test_run(suite);
}
