/*
 * One fault at one operation, and what the worker makes of it (exactly-once, and
 * at-least-once where it has the operation).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <limits.h>
#include <limits.h>
#include <string.h>

#include "tests/harness.h"
#include "tests/run/fleet.h"

#define DEAD "\"dead_letter\": {\"topic\": \"dead\"}"
#define SUM "\"steps\": [{\"use\": \"probe\", \"with\": {\"sum\": true}}]"

static struct fleet fleet;
static char text[8192];

/* The fault for the `skip`-th call of `op` from now; then none. */
static struct {
	enum weir_memory_op op;
	enum weir_memory_fault fault;
	int skip;
	int count;
	int hits;
	enum weir_memory_op watched; /* INIT: none */
	int asked;                   /* calls of that */
} plan;

static enum weir_memory_fault
planned(void *opaque, const char *session_name, enum weir_memory_op op)
{
	(void)opaque;
	(void)session_name;
	plan.asked += plan.watched && op == plan.watched;
	if (op != plan.op || !plan.count)
		return WEIR_MEMORY_NO_FAULT;
	if (plan.skip-- > 0)
		return WEIR_MEMORY_NO_FAULT;
	plan.count--;
	plan.hits++;
	return plan.fault;
}

static void
open_settled(const char *settings)
{
	fleet_open(&fleet, settings);
	memset(&plan, 0, sizeof(plan));
	weir__memory_set_fault(fleet.memory, planned, NULL);
	fleet_start(&fleet, 0);
	fleet_run(&fleet, 30);
}

static void
inject(enum weir_memory_op op, enum weir_memory_fault fault, int skip, int count)
{
	plan.op = op;
	plan.fault = fault;
	plan.skip = skip;
	plan.count = count;
}

static unsigned long long
replacements(void)
{
	return weir__worker_counts(fleet.workers[0])->replacements;
}

static unsigned long long
aborts(void)
{
	return weir__worker_counts(fleet.workers[0])->aborts;
}

struct commit_case {
	enum weir_memory_fault fault;
	unsigned long long aborts;
	unsigned long long replacements;
};

static const struct commit_case commit_cases[] = {
	{WEIR_MEMORY_FAIL_AGAIN, 0, 0},    {WEIR_MEMORY_FAIL_ABORT, 1, 0},
	{WEIR_MEMORY_UNKNOWN_DONE, 1, 1},  {WEIR_MEMORY_UNKNOWN_NOT, 1, 1},
	{WEIR_MEMORY_UNKNOWN_LATE, 1, 1},  {WEIR_MEMORY_TAINT, 0, 1},
};

START_TEST(whatever_a_commit_answers_each_record_comes_out_once)
{
	const struct commit_case *expected = &commit_cases[_i];

	open_settled("");
	inject(WEIR_MEMORY_COMMIT, expected->fault, 0, 1);
	fleet_put(&fleet, 0, "a");
	fleet_put(&fleet, 0, "b");
	fleet_run(&fleet, 600);
	fleet_put(&fleet, 0, "c");
	fleet_run(&fleet, 100);
	ck_assert_int_eq(plan.hits, 1);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "a b c");
	ck_assert_int_eq(fleet_committed(&fleet, 0), 3);
	ck_assert_uint_eq(aborts(), expected->aborts);
	ck_assert_uint_eq(replacements(), expected->replacements);
	fleet_close(&fleet);
}
END_TEST

START_TEST(memory_is_zeroed_when_a_batch_is_aborted)
{
	open_settled(SUM);
	inject(WEIR_MEMORY_COMMIT, commit_cases[_i].fault, 0, 1);
	fleet_put(&fleet, 0, "a");
	fleet_put(&fleet, 0, "b");
	fleet_put(&fleet, 0, "c");
	fleet_run(&fleet, 600);
	ck_assert_int_eq(plan.hits, 1);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "sum=3");
	fleet_close(&fleet);
}
END_TEST

/* Rolled back when the batch was not committed; kept when it was, whoever found that out. */
START_TEST(memory_with_a_rollback_counts_each_record_once)
{
	open_settled("\"steps\": [{\"use\": \"total\"}]");
	fleet_put(&fleet, 0, "a");
	fleet_run(&fleet, 50);
	inject(WEIR_MEMORY_COMMIT, commit_cases[_i].fault, 0, 1);
	fleet_put(&fleet, 0, "b");
	fleet_run(&fleet, 600);
	fleet_put(&fleet, 0, "c");
	fleet_run(&fleet, 100);
	ck_assert_int_eq(plan.hits, 1);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "total=1 total=2 total=3");
	fleet_close(&fleet);
}
END_TEST

/*
 * The batch of a tick moves no offset. What the tick emitted is there once, and the memory that
 * it emptied is as the batch was: not lost when it was not committed, and not there again when
 * it was.
 */
START_TEST(tick_of_an_unknown_batch_is_neither_lost_nor_doubled)
{
	open_settled("\"steps\": [{\"use\": \"total\", \"with\": {\"tick\": \"2s\"}}]");
	fleet_put(&fleet, 0, "a");
	fleet_put(&fleet, 0, "b");
	fleet_run(&fleet, 50);
	ck_assert_int_eq(fleet_committed(&fleet, 0), 2);
	ck_assert_uint_eq(fleet_count(&fleet, "out"), 0);
	inject(WEIR_MEMORY_COMMIT, commit_cases[_i].fault, 0, 1);
	fleet_run(&fleet, 1200);
	ck_assert_int_eq(plan.hits, 1);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "total=2");
	fleet_put(&fleet, 0, "c");
	fleet_run(&fleet, 50);
	inject(WEIR_MEMORY_COMMIT, commit_cases[_i].fault, 0, 1);
	fleet_run(&fleet, 1200);
	ck_assert_int_eq(plan.hits, 2);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "total=2 total=1");
	ck_assert_int_eq(fleet_committed(&fleet, 0), 3);
	fleet_close(&fleet);
}
END_TEST

static void
commit_beside(const char *metadata)
{
	struct weir_error error = {0};
	struct weir_session_config config = {
		.name = "tool", .group = "app", .session_timeout_ms = 10000,
	};
	struct weir_offset offset = {.topic = "in", .offset = 0, .metadata = metadata};
	struct weir_session *session = weir__broker_session_open(fleet.broker, &config, &error);

	ck_assert_int_eq(weir__session_commit_offsets(session, &offset, 1, 0, &error),
	                 WEIR_SUCCESS);
	weir__session_close(session);
}

/* An older version, a tool, or a later version has committed the offset the app starts at. */
START_TEST(what_others_wrote_beside_an_offset_does_no_harm)
{
	static const char *const others[] = {"", "by hand", "weir/1", "weir/1 -3", "weir/1 7",
	                                     "weir/1 9223372036854775807", "weir/2 7"};

	fleet_open(&fleet, "\"steps\": [{\"use\": \"probe\", \"with\": {\"tick\": \"2s\"}}]");
	memset(&plan, 0, sizeof(plan));
	weir__memory_set_fault(fleet.memory, planned, NULL);
	commit_beside(others[_i]);
	fleet_start(&fleet, 0);
	inject(WEIR_MEMORY_COMMIT, WEIR_MEMORY_UNKNOWN_DONE, 0, 1);
	fleet_run(&fleet, 300);
	inject(WEIR_MEMORY_COMMIT, WEIR_MEMORY_UNKNOWN_NOT, 0, 1);
	fleet_run(&fleet, 300);
	ck_assert_int_eq(plan.hits, 2);
	ck_assert_msg(fleet_status(&fleet, 0) == WEIR_WORKER_RUNS, "%s",
	              weir__worker_error(fleet.workers[0])->message);
	ck_assert_int_eq(fleet_committed(&fleet, 0), 0);
	fleet_close(&fleet);
}
END_TEST

/* Its offset went with the batch, and that is all: no callback of it ran. */
START_TEST(task_that_only_read_a_marker_keeps_its_memory_in_an_abort)
{
	open_settled("\"steps\": [{\"use\": \"total\"}]");
	fleet_put(&fleet, 0, "a");
	fleet_put(&fleet, 1, "b");
	fleet_run(&fleet, 50);
	inject(WEIR_MEMORY_COMMIT, WEIR_MEMORY_FAIL_ABORT, 0, 1);
	fleet_put_transaction(&fleet, "c", false); /* of no partition's records */
	fleet_put_transaction(&fleet, "d", false);
	fleet_run(&fleet, 100);
	ck_assert_int_eq(plan.hits, 1);
	fleet_put(&fleet, 0, "e");
	fleet_put(&fleet, 1, "f");
	fleet_run(&fleet, 50);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)),
	                 "total=1 total=1 total=2 total=2");
	fleet_close(&fleet);
}
END_TEST

START_TEST(lost_delivery_is_sent_again)
{
	open_settled(_i ? "\"guarantee\": \"at-least-once\"" : "");
	inject(WEIR_MEMORY_SEND, WEIR_MEMORY_LOSE_DELIVERY, 1, 1);
	fleet_put(&fleet, 0, "a");
	fleet_put(&fleet, 0, "b");
	fleet_run(&fleet, 200);
	ck_assert_int_eq(plan.hits, 1);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), _i ? "a a b" : "a b");
	ck_assert_int_eq(fleet_committed(&fleet, 0), 2);
	fleet_close(&fleet);
}
END_TEST

START_TEST(lost_delivery_is_counted_under_at_most_once)
{
	open_settled("\"guarantee\": \"at-most-once\"");
	inject(WEIR_MEMORY_SEND, WEIR_MEMORY_LOSE_DELIVERY, 1, 1);
	fleet_put(&fleet, 0, "a");
	fleet_put(&fleet, 0, "b");
	fleet_put(&fleet, 0, "c");
	fleet_run(&fleet, 100);
	fleet_drain(&fleet);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "a c");
	ck_assert_uint_eq(weir__worker_counts(fleet.workers[0])->lost, 1);
	fleet_close(&fleet);
}
END_TEST

/* The broker refuses message "b" twice: in its batch, and alone. */
START_TEST(message_that_only_the_broker_refuses_ends_as_a_dead_letter)
{
	open_settled(_i ? DEAD ", \"guarantee\": \"at-least-once\"" : DEAD);
	weir__memory_set_max_message(fleet.memory, "out", 200); /* lowered after it was read */
	fleet_put(&fleet, 0, "a");
	fleet_put(&fleet, 0, "sized 500");
	fleet_put(&fleet, 0, "c");
	fleet_run(&fleet, 2000);
	fleet_read(&fleet, "out", text, sizeof(text));
	ck_assert_msg(_i ? strstr(text, "c") != NULL : !strcmp(text, "a c"), "got: %s", text);
	ck_assert_str_eq(fleet_read(&fleet, "dead", text, sizeof(text)), "sized 500");
	ck_assert_ptr_nonnull(strstr(fleet_header(&fleet, "dead", 0, "weir.reason"), "out"));
	ck_assert_int_eq(fleet_committed(&fleet, 0), 3);
	fleet_close(&fleet);
}
END_TEST

/* Refused together, its messages are one refusal: it was taken for three, the end of all tries. */
START_TEST(record_of_several_refused_messages_ends_as_a_dead_letter)
{
	static char large[500];

	memset(large, 'x', sizeof(large) - 1);
	memcpy(large, "copies 3 ", 9);
	open_settled(_i ? DEAD ", \"guarantee\": \"at-least-once\"" : DEAD);
	weir__memory_set_max_message(fleet.memory, "out", 200); /* lowered after it was read */
	fleet_put(&fleet, 0, "a");
	fleet_put(&fleet, 0, large);
	fleet_put(&fleet, 0, "c");
	fleet_run(&fleet, 2000);
	ck_assert_msg(fleet_status(&fleet, 0) == WEIR_WORKER_RUNS, "%s",
	              weir__worker_error(fleet.workers[0])->message);
	ck_assert_str_eq(fleet_read(&fleet, "dead", text, sizeof(text)), large);
	ck_assert_int_eq(fleet_committed(&fleet, 0), 3);
	fleet_close(&fleet);
}
END_TEST

/*
 * A suspect waits as the current record while what is in hand is committed. That commit
 * taints, so polls follow, which end its life; and its task goes, too.
 */
START_TEST(suspect_is_read_again_when_the_commit_before_it_taints)
{
	open_settled(DEAD);
	weir__memory_set_max_message(fleet.memory, "out", 200);
	fleet_put(&fleet, 0, "sized 500");
	for (int step = 0; step < 500 && !aborts(); step++)
		fleet_run(&fleet, 1);
	for (int count = 0; count < 3; count++)
		fleet_put(&fleet, 1, "a");
	inject(WEIR_MEMORY_COMMIT, WEIR_MEMORY_TAINT, 0, 1);
	for (int step = 0; step < 500 && !plan.hits; step++)
		fleet_run(&fleet, 1);
	ck_assert_int_eq(plan.hits, 1);
	weir__memory_rebalance(fleet.memory);
	fleet_run(&fleet, 2000);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "a a a");
	ck_assert_str_eq(fleet_read(&fleet, "dead", text, sizeof(text)), "sized 500");
	fleet_close(&fleet);
}
END_TEST

/* They come while all is paused, and go on with the others. */
START_TEST(partitions_may_come_while_the_producer_is_replaced)
{
	open_settled("");
	inject(WEIR_MEMORY_COMMIT, WEIR_MEMORY_TAINT, 0, 1);
	fleet_put(&fleet, 0, "a");
	for (int step = 0; step < 500 && !plan.hits; step++)
		fleet_run(&fleet, 1);
	weir__memory_rebalance(fleet.memory);
	inject(WEIR_MEMORY_INIT, WEIR_MEMORY_FAIL_AGAIN, 0, 20);
	fleet_run(&fleet, 100);
	ck_assert_int_eq(plan.hits, 21);
	fleet_put(&fleet, 0, "b");
	fleet_run(&fleet, 100);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "a b");
	fleet_close(&fleet);
}
END_TEST

/*
 * Not even when the broker would answer. The broker's own rules make an early answer right
 * (an offset that was sent is held back, one that is sent later is refused, for it is of an
 * older generation); this one holds without them.
 */
START_TEST(offsets_of_an_assigned_partition_are_read_when_the_new_producer_is_ready)
{
	open_settled("");
	inject(WEIR_MEMORY_COMMIT, WEIR_MEMORY_UNKNOWN_LATE, 0, 1);
	weir__memory_set_manual(fleet.memory, true); /* its transaction is still open */
	fleet_put(&fleet, 0, "a");
	for (int step = 0; step < 500 && !plan.hits; step++)
		fleet_run(&fleet, 1);
	ck_assert_uint_eq(weir__memory_open_transactions(fleet.memory), 1);
	inject(WEIR_MEMORY_INIT, WEIR_MEMORY_FAIL_AGAIN, 0, INT_MAX);
	weir__memory_rebalance(fleet.memory);
	plan.watched = WEIR_MEMORY_COMMITTED;
	fleet_run(&fleet, 500);
	ck_assert_int_gt(plan.hits, 1);
	ck_assert_int_eq(plan.asked, 0);
	plan.count = 0; /* init goes through */
	weir__memory_set_manual(fleet.memory, false);
	fleet_run(&fleet, 100);
	ck_assert_int_gt(plan.asked, 0);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "a");
	ck_assert_int_eq(fleet_committed(&fleet, 0), 1);
	fleet_close(&fleet);
}
END_TEST

static size_t
count_in_log(const char *part)
{
	size_t count = 0;

	for (const char *at = fleet.log; (at = strstr(at, part)); at++)
		count++;
	return count;
}

/* Another's transaction, with the offset of in[1], that never ends. */
static void
hold_back(struct weir_session **session)
{
	static const struct weir_offset offset = {.topic = "in", .partition = 1, .offset = 7};
	const struct weir_session_config config = {
		.name = "other", .transactional_id = "other", .group = "app",
	};
	struct weir_error error = {0};

	*session = weir__broker_session_open(fleet.broker, &config, &error);
	ck_assert_int_eq(weir__session_init(*session, 0, &error), WEIR_SUCCESS);
	ck_assert_int_eq(weir__session_begin(*session, &error), WEIR_SUCCESS);
	inject(WEIR_MEMORY_COMMIT, WEIR_MEMORY_UNKNOWN_NOT, 0, 1);
	ck_assert_int_eq(weir__session_commit(*session, &offset, 1, 0, &error), WEIR_UNKNOWN);
}

START_TEST(who_waits_for_offsets_that_are_held_back_says_so_at_intervals)
{
	struct weir_session *other;

	fleet_open(&fleet, "");
	memset(&plan, 0, sizeof(plan));
	weir__memory_set_fault(fleet.memory, planned, NULL);
	hold_back(&other);
	fleet_start(&fleet, 0);
	fleet_run(&fleet, 1500); /* 15 s: as long as a dead instance's transaction lasts */
	ck_assert_uint_eq(count_in_log("waiting for committed offsets"), 0);
	fleet_run(&fleet, 1000);
	ck_assert_uint_eq(count_in_log("waiting for committed offsets worker=0 count=2"), 1);
	ck_assert_uint_eq(count_in_log("reason=\"" WEIR_HELD_BACK "\""), 1);
	fleet_run(&fleet, 6000);
	ck_assert_uint_eq(count_in_log("waiting for committed offsets"), 2);
	ck_assert_int_eq(weir__session_replace(other, NULL), WEIR_SUCCESS);
	ck_assert_int_eq(weir__session_init(other, 0, NULL), WEIR_SUCCESS); /* ends it */
	fleet_put(&fleet, 1, "a");
	fleet_run(&fleet, 1100);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "a");
	weir__session_close(other);
	fleet_close(&fleet);
}
END_TEST

/* Neither the other partitions nor the group wait for one whose transaction does not end. */
START_TEST(partition_whose_offset_is_held_back_for_long_starts_later)
{
	static const char *const settings[] = {"", "\"guarantee\": \"at-least-once\"",
					       "\"guarantee\": \"at-most-once\""};
	struct weir_session *other;

	fleet_open(&fleet, settings[_i]);
	memset(&plan, 0, sizeof(plan));
	weir__memory_set_fault(fleet.memory, planned, NULL);
	hold_back(&other);
	fleet_put(&fleet, 0, "a");
	fleet_put(&fleet, 1, "b");
	fleet_start(&fleet, 0);
	fleet_run(&fleet, 1500);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "");
	fleet_run(&fleet, 1500);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "a");
	ck_assert_uint_eq(count_in_log("has to wait for its committed offset"), 1);
	fleet_start(&fleet, 1); /* the group goes on, too: each has one */
	fleet_run(&fleet, 4000);
	ck_assert_uint_eq(weir__worker_counts(fleet.workers[0])->tasks +
	                          weir__worker_counts(fleet.workers[1])->tasks, 1);
	fleet_put(&fleet, 0, "c");
	fleet_run(&fleet, 100);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "a c");
	ck_assert_int_eq(weir__session_replace(other, NULL), WEIR_SUCCESS);
	ck_assert_int_eq(weir__session_init(other, 0, NULL), WEIR_SUCCESS); /* ends it */
	fleet_put(&fleet, 1, "d");
	fleet_run(&fleet, 1500);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "a c b d");
	ck_assert_int_eq(fleet_committed(&fleet, 1), 2);
	weir__session_close(other);
	fleet_close(&fleet);
}
END_TEST

START_TEST(dead_letter_that_is_too_large_goes_without_its_value)
{
	static char large[3000];

	memset(large, 'x', sizeof(large) - 1);
	memcpy(large, "reject ", 7);
	open_settled(DEAD);
	weir__memory_set_max_message(fleet.memory, "dead", 1000);
	fleet_crash(&fleet, 0);
	fleet_start(&fleet, 0); /* limits are read at start */
	fleet_put(&fleet, 0, large);
	fleet_run(&fleet, 200);
	ck_assert_str_eq(fleet_read(&fleet, "dead", text, sizeof(text)), "null");
	ck_assert_ptr_nonnull(strstr(fleet_header(&fleet, "dead", 0, "weir.value.omitted"), "2999"));
	ck_assert_int_eq(fleet_committed(&fleet, 0), 1);
	fleet_close(&fleet);
}
END_TEST

START_TEST(full_queue_only_delays)
{
	open_settled(_i ? "\"guarantee\": \"at-least-once\"" : "");
	inject(WEIR_MEMORY_SEND, WEIR_MEMORY_FAIL_AGAIN, 1, 30);
	fleet_put(&fleet, 0, "a");
	fleet_put(&fleet, 0, "copies 3");
	fleet_put(&fleet, 0, "b");
	fleet_run(&fleet, 200);
	ck_assert_int_eq(plan.hits, 30);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)),
	                 "a copies 3 copies 3 copies 3 b");
	fleet_close(&fleet);
}
END_TEST

START_TEST(revoke_commits_what_is_in_hand)
{
	open_settled("");
	fleet_put(&fleet, 0, "a");
	fleet_run(&fleet, 3); /* polled, its interval not over */
	ck_assert_int_eq(fleet_committed(&fleet, 0), WEIR_OFFSET_NONE);
	weir__memory_rebalance(fleet.memory);
	fleet_run(&fleet, 5);
	ck_assert_int_eq(fleet_committed(&fleet, 0), 1);
	ck_assert_uint_eq(aborts(), 0);
	fleet_close(&fleet);
}
END_TEST

START_TEST(zombie_leaves_nothing_behind)
{
	open_settled("");
	fleet_put(&fleet, 0, "a");
	fleet_run(&fleet, 3); /* in an open transaction */
	weir__virtual_clock_advance(&fleet.clock, 60000);
	fleet_start(&fleet, 1); /* another takes over while the first does not move */
	for (int step = 0; step < 300; step++) {
		weir__worker_step(fleet.workers[1], 0);
		weir__virtual_clock_advance(&fleet.clock, 10);
	}
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "a");
	fleet_run(&fleet, 1000); /* the first wakes up */
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "a");
	ck_assert_int_eq(fleet_status(&fleet, 0), WEIR_WORKER_RUNS);
	fleet_put(&fleet, 0, "b");
	fleet_put(&fleet, 1, "c");
	fleet_run(&fleet, 200);
	ck_assert_uint_eq(fleet_count(&fleet, "out"), 3);
	fleet_close(&fleet);
}
END_TEST

/* The commit was answered, so all is committed; what is left to do is for a next batch. */
START_TEST(drain_after_a_tainted_commit_needs_no_new_producer)
{
	open_settled("");
	inject(WEIR_MEMORY_COMMIT, WEIR_MEMORY_TAINT, 0, 1);
	fleet_put(&fleet, 0, "a");
	for (int step = 0; step < 500 && !plan.hits; step++)
		fleet_run(&fleet, 1);
	inject(WEIR_MEMORY_INIT, WEIR_MEMORY_FAIL_AGAIN, 0, INT_MAX); /* the broker is gone */
	fleet_drain(&fleet);
	ck_assert_int_eq(fleet_status(&fleet, 0), WEIR_WORKER_DRAINED);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "a");
	ck_assert_int_eq(fleet_committed(&fleet, 0), 1);
	fleet_close(&fleet);
}
END_TEST

/* Whether all is committed is not known before the broker has said so. */
START_TEST(drain_waits_for_an_unknown_outcome)
{
	open_settled("");
	inject(WEIR_MEMORY_COMMIT, WEIR_MEMORY_UNKNOWN_DONE, 0, 1);
	fleet_put(&fleet, 0, "a");
	for (int step = 0; step < 500 && !plan.hits; step++)
		fleet_run(&fleet, 1);
	inject(WEIR_MEMORY_INIT, WEIR_MEMORY_FAIL_AGAIN, 0, 500);
	weir__worker_drain(fleet.workers[0]);
	fleet_run(&fleet, 400);
	ck_assert_int_eq(fleet_status(&fleet, 0), WEIR_WORKER_RUNS);
	fleet_drain(&fleet);
	ck_assert_int_eq(fleet_status(&fleet, 0), WEIR_WORKER_DRAINED);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "a");
	fleet_close(&fleet);
}
END_TEST

START_TEST(fatal_outcome_stops_with_its_reason)
{
	open_settled("");
	inject(WEIR_MEMORY_COMMIT, WEIR_MEMORY_FAIL_FATAL, 0, 1);
	fleet_put(&fleet, 0, "a");
	fleet_run(&fleet, 50);
	ck_assert_int_eq(fleet_status(&fleet, 0), WEIR_WORKER_FAILED);
	ck_assert_uint_gt(strlen(weir__worker_error(fleet.workers[0])->message), 0);
	ck_assert_uint_eq(weir__memory_open_transactions(fleet.memory), 0);
	fleet_close(&fleet);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("outcomes");
	TCase *tcase = tcase_create("outcomes");

	tcase_add_loop_test(tcase, whatever_a_commit_answers_each_record_comes_out_once, 0, 6);
	tcase_add_loop_test(tcase, memory_is_zeroed_when_a_batch_is_aborted, 0, 6);
	tcase_add_loop_test(tcase, memory_with_a_rollback_counts_each_record_once, 0, 6);
	tcase_add_loop_test(tcase, tick_of_an_unknown_batch_is_neither_lost_nor_doubled, 0, 6);
	tcase_add_loop_test(tcase, what_others_wrote_beside_an_offset_does_no_harm, 0, 7);
	tcase_add_test(tcase, task_that_only_read_a_marker_keeps_its_memory_in_an_abort);
	tcase_add_loop_test(tcase, lost_delivery_is_sent_again, 0, 2);
	tcase_add_test(tcase, lost_delivery_is_counted_under_at_most_once);
	tcase_add_loop_test(tcase, message_that_only_the_broker_refuses_ends_as_a_dead_letter, 0, 2);
	tcase_add_loop_test(tcase, record_of_several_refused_messages_ends_as_a_dead_letter, 0, 2);
	tcase_add_test(tcase, suspect_is_read_again_when_the_commit_before_it_taints);
	tcase_add_test(tcase, partitions_may_come_while_the_producer_is_replaced);
	tcase_add_test(tcase,
	               offsets_of_an_assigned_partition_are_read_when_the_new_producer_is_ready);
	tcase_add_test(tcase, who_waits_for_offsets_that_are_held_back_says_so_at_intervals);
	tcase_add_loop_test(tcase, partition_whose_offset_is_held_back_for_long_starts_later, 0, 3);
	tcase_add_test(tcase, dead_letter_that_is_too_large_goes_without_its_value);
	tcase_add_loop_test(tcase, full_queue_only_delays, 0, 2);
	tcase_add_test(tcase, revoke_commits_what_is_in_hand);
	tcase_add_test(tcase, zombie_leaves_nothing_behind);
	tcase_add_test(tcase, drain_after_a_tainted_commit_needs_no_new_producer);
	tcase_add_test(tcase, drain_waits_for_an_unknown_outcome);
	tcase_add_test(tcase, fatal_outcome_stops_with_its_reason);
	suite_add_tcase(suite, tcase);
	return weir_test_run(suite);
}
