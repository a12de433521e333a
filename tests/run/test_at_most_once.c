/*
 * At-most-once: what is committed and not yet delivered is bounded, losses are counted, and
 * nobody's memory goes back.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <limits.h>
#include <string.h>

#include "tests/harness.h"
#include "tests/run/fleet.h"

#define AT_MOST "\"guarantee\": \"at-most-once\""
#define SUM "\"steps\": [{\"use\": \"probe\", \"with\": {\"sum\": true}}]"
#define TOTAL "\"steps\": [{\"use\": \"total\"}]"
#define TICK "\"steps\": [{\"use\": \"probe\", \"with\": {\"tick\": \"1s\"}}]"

static struct fleet fleet;
static char text[8192];

/* A fault for the next calls of one operation, and what is under way: sent, not flushed. */
static struct {
	enum weir_memory_op op;
	enum weir_memory_fault fault;
	int count;
	int hits;
	int under_way;
	int abort_at;        /* the send that is told so; 0: none */
	int committed_ahead; /* commits while something was */
	int answered_ahead;  /* answers to rebalances while something was */
} seen;

static enum weir_memory_fault
watch(void *opaque, const char *session_name, enum weir_memory_op op)
{
	enum weir_memory_fault fault = WEIR_MEMORY_NO_FAULT;

	(void)opaque, (void)session_name;
	if (op == seen.op && seen.count > 0) {
		seen.count--;
		seen.hits++;
		fault = seen.fault;
	}
	if (op == WEIR_MEMORY_SEND && ++seen.under_way == seen.abort_at)
		return WEIR_MEMORY_FAIL_ABORT;
	if (op == WEIR_MEMORY_SEND)
		return fault;
	if (op == WEIR_MEMORY_FLUSH && !fault)
		seen.under_way = 0;
	else if (op == WEIR_MEMORY_COMMIT_OFFSETS)
		seen.committed_ahead += seen.under_way > 0;
	else if (op == WEIR_MEMORY_ANSWER)
		seen.answered_ahead += seen.under_way > 0;
	return fault;
}

static void
open_settled(const char *settings)
{
	memset(&seen, 0, sizeof(seen));
	fleet_open(&fleet, settings);
	weir__memory_set_fault(fleet.memory, watch, NULL);
	fleet_start(&fleet, 0);
	fleet_run(&fleet, 30);
}

static void
inject(enum weir_memory_op op, enum weir_memory_fault fault, int count)
{
	seen.op = op;
	seen.fault = fault;
	seen.count = count;
}

static unsigned long long
lost(void)
{
	return weir__worker_counts(fleet.workers[0])->lost;
}

/* So a process that dies loses the batch that it committed last, and no more. */
START_TEST(batch_is_committed_when_the_one_before_it_is_delivered)
{
	open_settled(AT_MOST ", \"commit\": {\"records\": 3}");
	for (int count = 0; count < 30; count++)
		fleet_put(&fleet, count % 2, "a");
	fleet_run(&fleet, 10);
	inject(WEIR_MEMORY_FLUSH, WEIR_MEMORY_FAIL_AGAIN, 40);
	fleet_run(&fleet, 300);
	ck_assert_int_eq(seen.hits, 40);
	ck_assert_int_eq(seen.committed_ahead, 0);
	ck_assert_uint_eq(fleet_count(&fleet, "out"), 30);
	ck_assert_int_eq(fleet_committed(&fleet, 0), 15);
	fleet_close(&fleet);
}
END_TEST

/* Else it would arrive behind what the next owner of its partition sends. */
START_TEST(revoke_waits_for_what_is_under_way)
{
	open_settled(AT_MOST);
	fleet_put(&fleet, 0, "a");
	for (int step = 0; step < 100 && !seen.under_way; step++)
		fleet_run(&fleet, 1);
	ck_assert_int_eq(seen.under_way, 1);
	inject(WEIR_MEMORY_FLUSH, WEIR_MEMORY_FAIL_AGAIN, 40);
	weir__memory_rebalance(fleet.memory);
	fleet_run(&fleet, 200);
	ck_assert_int_eq(seen.hits, 40);
	ck_assert_int_eq(seen.answered_ahead, 0);
	ck_assert_uint_eq(weir__worker_counts(fleet.workers[0])->tasks, 2);
	fleet_close(&fleet);
}
END_TEST

/* Not for ever: the group would throw this member out. */
START_TEST(revoke_waits_for_half_the_session_timeout_at_most)
{
	open_settled(AT_MOST);
	fleet_put(&fleet, 0, "a");
	for (int step = 0; step < 100 && !seen.under_way; step++)
		fleet_run(&fleet, 1);
	inject(WEIR_MEMORY_FLUSH, WEIR_MEMORY_FAIL_AGAIN, INT_MAX);
	weir__memory_rebalance(fleet.memory);
	fleet_run(&fleet, 450);
	ck_assert_int_eq(seen.answered_ahead, 0);
	fleet_run(&fleet, 100);
	ck_assert_int_gt(seen.answered_ahead, 0);
	fleet_close(&fleet);
}
END_TEST

static const struct {
	const char *settings;
	enum weir_memory_fault fault;
} no_record_s[] = {
	{AT_MOST ", " SUM, WEIR_MEMORY_FAIL_ABORT},
	{AT_MOST ", " SUM, WEIR_MEMORY_UNKNOWN_NOT},
	{AT_MOST ", " SUM, WEIR_MEMORY_LOSE_DELIVERY},
	{AT_MOST ", " TICK, WEIR_MEMORY_FAIL_ABORT},
	{AT_MOST ", " TICK, WEIR_MEMORY_UNKNOWN_NOT},
	{AT_MOST ", " TICK, WEIR_MEMORY_LOSE_DELIVERY},
};

START_TEST(message_of_no_record_that_is_not_delivered_is_counted)
{
	open_settled(no_record_s[_i].settings);
	inject(WEIR_MEMORY_SEND, no_record_s[_i].fault, 1);
	if (_i < 3)
		fleet_put(&fleet, 0, "a");
	fleet_run(&fleet, 300);
	fleet_drain(&fleet);
	ck_assert_int_eq(seen.hits, 1);
	ck_assert_uint_eq(lost(), 1);
	fleet_close(&fleet);
}
END_TEST

/* The failure of the first of them is known when the 70th aborts, and is told only once. */
START_TEST(delivery_that_failed_before_an_abort_is_counted)
{
	open_settled(AT_MOST);
	inject(WEIR_MEMORY_SEND, WEIR_MEMORY_LOSE_DELIVERY, 1);
	seen.abort_at = 70;
	fleet_put(&fleet, 0, "copies 100");
	fleet_run(&fleet, 200);
	fleet_drain(&fleet);
	ck_assert_int_eq(seen.hits, 1);
	ck_assert_uint_eq(fleet_count(&fleet, "out"), 68);
	ck_assert_uint_eq(lost(), 2); /* a message, and the record */
	fleet_close(&fleet);
}
END_TEST

/* What it counted is of records that nobody reads again. */
START_TEST(abort_leaves_memory_as_it_is)
{
	open_settled(AT_MOST ", " TOTAL);
	inject(WEIR_MEMORY_SEND, WEIR_MEMORY_FAIL_ABORT, 1);
	fleet_put(&fleet, 0, "a");
	fleet_put(&fleet, 1, "b");
	fleet_run(&fleet, 100);
	ck_assert_int_eq(seen.hits, 1);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "total=1");
	fleet_put(&fleet, 0, "c");
	fleet_put(&fleet, 1, "d");
	fleet_run(&fleet, 100);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "total=1 total=2 total=2");
	fleet_close(&fleet);
}
END_TEST

/* The queue is full at the end of a batch, for one task of two: the other's end is due yet. */
START_TEST(full_queue_at_the_end_of_a_batch_only_delays)
{
	open_settled(AT_MOST ", " SUM);
	inject(WEIR_MEMORY_SEND, WEIR_MEMORY_FAIL_AGAIN, 5);
	fleet_put(&fleet, 0, "a");
	fleet_put(&fleet, 1, "b");
	fleet_run(&fleet, 100);
	ck_assert_int_eq(seen.hits, 5);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "sum=1 sum=1");
	fleet_close(&fleet);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("at most once");
	TCase *tcase = tcase_create("at most once");

	tcase_add_test(tcase, batch_is_committed_when_the_one_before_it_is_delivered);
	tcase_add_test(tcase, revoke_waits_for_what_is_under_way);
	tcase_add_test(tcase, revoke_waits_for_half_the_session_timeout_at_most);
	tcase_add_loop_test(tcase, message_of_no_record_that_is_not_delivered_is_counted, 0, 6);
	tcase_add_test(tcase, delivery_that_failed_before_an_abort_is_counted);
	tcase_add_test(tcase, abort_leaves_memory_as_it_is);
	tcase_add_test(tcase, full_queue_at_the_end_of_a_batch_only_delays);
	suite_add_tcase(suite, tcase);
	return weir_test_run(suite);
}
