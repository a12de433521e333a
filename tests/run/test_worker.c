/*
 * What the worker does with records, by verdict and by guarantee, on the embedded broker.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <string.h>

#include <run/mark.h>

#include "tests/harness.h"
#include "tests/run/fleet.h"

#define DEAD "\"dead_letter\": {\"topic\": \"dead\"}"

static struct fleet fleet;
static char text[8192];

/* The three guarantees, for loop tests. */
static const char *const guarantees[] = {"exactly-once", "at-least-once", "at-most-once"};

static const char *
with_guarantee(int which, const char *more)
{
	static char settings[512];

	snprintf(settings, sizeof(settings), "\"guarantee\": \"%s\"%s%s", guarantees[which],
	         *more ? ", " : "", more);
	return settings;
}

static void
open_and_start(const char *settings)
{
	fleet_open(&fleet, settings);
	fleet_start(&fleet, 0);
}

START_TEST(records_are_copied_in_order_and_committed)
{
	open_and_start(with_guarantee(_i, ""));
	fleet_put(&fleet, 0, "a");
	fleet_put(&fleet, 0, "b");
	fleet_put(&fleet, 0, "c");
	fleet_run(&fleet, 40);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "a b c");
	ck_assert_int_eq(fleet_committed(&fleet, 0), 3);
	fleet_drain(&fleet);
	ck_assert_int_eq(fleet_status(&fleet, 0), WEIR_WORKER_DRAINED);
	fleet_close(&fleet);
}
END_TEST

START_TEST(empty_chain_copies)
{
	open_and_start(with_guarantee(_i, "\"steps\": []"));
	fleet_put(&fleet, 0, "a");
	fleet_put(&fleet, 1, NULL);
	fleet_put(&fleet, 0, "");
	fleet_run(&fleet, 40);
	ck_assert_uint_eq(fleet_count(&fleet, "out"), 3);
	ck_assert_ptr_nonnull(strstr(fleet_read(&fleet, "out", text, sizeof(text)), "null"));
	fleet_close(&fleet);
}
END_TEST

START_TEST(drain_commits_what_is_in_hand)
{
	open_and_start(with_guarantee(_i, ""));
	fleet_run(&fleet, 20);
	fleet_put(&fleet, 0, "a");
	fleet_put(&fleet, 1, "b");
	fleet_run(&fleet, 2);
	fleet_drain(&fleet);
	ck_assert_uint_eq(fleet_count(&fleet, "out"), fleet_committed(&fleet, 0) +
	                                                      fleet_committed(&fleet, 1));
	fleet_close(&fleet);
}
END_TEST

START_TEST(rejected_record_becomes_a_dead_letter_and_leaves_nothing_else)
{
	open_and_start(with_guarantee(_i, DEAD));
	fleet_put(&fleet, 0, "a");
	fleet_put(&fleet, 0, "reject");
	fleet_put(&fleet, 0, "b");
	fleet_run(&fleet, 40);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "a b");
	ck_assert_str_eq(fleet_read(&fleet, "dead", text, sizeof(text)), "reject");
	ck_assert_str_eq(fleet_header(&fleet, "dead", 0, "weir.source.topic"), "in");
	ck_assert_str_eq(fleet_header(&fleet, "dead", 0, "weir.source.partition"), "0");
	ck_assert_str_eq(fleet_header(&fleet, "dead", 0, "weir.source.offset"), "1");
	ck_assert_str_eq(fleet_header(&fleet, "dead", 0, "weir.step"), "probe");
	ck_assert_str_eq(fleet_header(&fleet, "dead", 0, "weir.reason"), "as told");
	ck_assert_str_eq(fleet_header(&fleet, "dead", 0, "weir.app"), "app");
	ck_assert_ptr_nonnull(fleet_header(&fleet, "dead", 0, "weir.time"));
	ck_assert_ptr_nonnull(fleet_header(&fleet, "dead", 0, "weir.source.timestamp"));
	ck_assert_int_eq(fleet_committed(&fleet, 0), 3);
	ck_assert_uint_eq(weir__worker_counts(fleet.workers[0])->dead_letters, 1);
	ck_assert_uint_eq(weir__worker_counts(fleet.workers[0])->emitted, 2);
	fleet_close(&fleet);
}
END_TEST

START_TEST(rejected_record_stops_the_app_without_a_dead_letter_topic)
{
	open_and_start(with_guarantee(_i, ""));
	fleet_put(&fleet, 0, "reject");
	fleet_run(&fleet, 40);
	ck_assert_int_eq(fleet_status(&fleet, 0), WEIR_WORKER_FAILED);
	ck_assert_ptr_nonnull(
		strstr(weir__worker_error(fleet.workers[0])->message, "in[0]@0: step probe: as told"));
	fleet_close(&fleet);
}
END_TEST

START_TEST(rejected_record_is_dropped_and_counted_when_told_so)
{
	open_and_start(with_guarantee(_i, "\"errors\": {\"on_reject\": \"drop\"}"));
	fleet_put(&fleet, 0, "reject");
	fleet_put(&fleet, 0, "a");
	fleet_run(&fleet, 40);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "a");
	ck_assert_uint_eq(weir__worker_counts(fleet.workers[0])->dropped, 1);
	ck_assert_ptr_nonnull(strstr(fleet.log, "in[0]@0"));
	ck_assert_int_eq(fleet_committed(&fleet, 0), 2);
	fleet_close(&fleet);
}
END_TEST

START_TEST(stop_verdict_stops_with_place_and_reason)
{
	open_and_start(with_guarantee(_i, DEAD));
	fleet_put(&fleet, 1, "a");
	fleet_put(&fleet, 1, "stop");
	fleet_run(&fleet, 40);
	ck_assert_int_eq(fleet_status(&fleet, 0), WEIR_WORKER_FAILED);
	ck_assert_ptr_nonnull(
		strstr(weir__worker_error(fleet.workers[0])->message, "in[1]@1: step probe: as told"));
	ck_assert_uint_eq(weir__memory_open_transactions(fleet.memory), 0);
	fleet_close(&fleet);
}
END_TEST

START_TEST(retry_holds_its_partition_in_order_while_others_go_on)
{
	open_and_start(with_guarantee(_i, ""));
	fleet_run(&fleet, 20);
	fleet_put(&fleet, 0, "a");
	fleet_put(&fleet, 0, "retry 3");
	fleet_put(&fleet, 0, "b");
	fleet_put(&fleet, 1, "c");
	fleet_run(&fleet, 40); /* 400 ms: tries at 0, 100 and 300 ms */
	fleet_read(&fleet, "out", text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "a"));
	ck_assert_ptr_nonnull(strstr(text, "c"));
	ck_assert_ptr_null(strstr(text, "retry"));
	ck_assert_ptr_null(strstr(text, "b"));
	ck_assert_uint_eq(weir__memory_open_transactions(fleet.memory), 0);
	fleet_run(&fleet, 120);
	fleet_read(&fleet, "out", text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "retry 3 b"));
	ck_assert_uint_eq(fleet_count(&fleet, "out"), 4);
	fleet_close(&fleet);
}
END_TEST

START_TEST(retry_attempts_end_in_rejection)
{
	open_and_start(with_guarantee(
		_i, DEAD ", \"errors\": {\"retry_attempts\": 2, \"retry_backoff\": \"10ms\"}"));
	fleet_put(&fleet, 0, "retry 100");
	fleet_put(&fleet, 0, "a");
	fleet_run(&fleet, 80);
	ck_assert_str_eq(fleet_read(&fleet, "dead", text, sizeof(text)), "retry 100");
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "a");
	fleet_close(&fleet);
}
END_TEST

START_TEST(end_of_batch_emits_belong_to_the_batch)
{
	open_and_start(with_guarantee(_i, "\"steps\": [{\"use\": \"probe\", \"with\": {\"sum\": true}}]"));
	fleet_run(&fleet, 20);
	fleet_put(&fleet, 0, "a");
	fleet_put(&fleet, 0, "b");
	fleet_run(&fleet, 60);
	fleet_read(&fleet, "out", text, sizeof(text));
	ck_assert_msg(!strcmp(text, "sum=2") || !strcmp(text, "sum=1 sum=1"), "got: %s", text);
	fleet_close(&fleet);
}
END_TEST

/* Small records weigh more on hold than read, and a step before can make them larger. */
START_TEST(processor_may_emit_at_the_end_all_of_its_batch)
{
	static const struct {
		const char *steps, *value;
	} loads[] = {
		{"\"steps\": [{\"use\": \"keep\"}]", "x"},
		{"\"steps\": [{\"use\": \"probe\"}, {\"use\": \"keep\"}]", "sized 500"},
	};
	char more[256];

	snprintf(more, sizeof(more), "%s, \"commit\": {\"bytes\": \"1KiB\"}", loads[_i % 2].steps);
	fleet_open(&fleet, with_guarantee(_i / 2, more));
	for (int count = 0; count < 400; count++)
		fleet_put(&fleet, 0, loads[_i % 2].value);
	fleet_start(&fleet, 0);
	fleet_run(&fleet, 2000);
	ck_assert_msg(fleet_status(&fleet, 0) == WEIR_WORKER_RUNS, "%s",
	              weir__worker_error(fleet.workers[0])->message);
	ck_assert_uint_eq(fleet_count(&fleet, "out"), 400);
	fleet_close(&fleet);
}
END_TEST

START_TEST(ticks_emit_and_their_transaction_carries_offsets)
{
	open_and_start(with_guarantee(_i, "\"steps\": [{\"use\": \"probe\", \"with\": {\"tick\": \"200ms\"}}]"));
	fleet_run(&fleet, 100);
	ck_assert_ptr_nonnull(strstr(fleet_read(&fleet, "out", text, sizeof(text)), "tick tick"));
	if (_i == 0) /* a task that consumed nothing commits where it starts */
		ck_assert_int_eq(fleet_committed(&fleet, 0), 0);
	fleet_close(&fleet);
}
END_TEST

/* Their ticks are due again before the next one of them has run. */
START_TEST(ticks_of_one_task_do_not_keep_those_of_another_waiting)
{
	open_and_start(with_guarantee(
		_i, "\"steps\": [{\"use\": \"probe\", \"with\": {\"tick\": \"10ms\"}}]"));
	fleet_run(&fleet, 300);
	ck_assert_int_gt(fleet_ticks[0], 50);
	ck_assert_int_gt(fleet_ticks[1], 50);
	fleet_close(&fleet);
}
END_TEST

/* Otherwise what comes while the app is down would be skipped by its next start. */
START_TEST(group_that_starts_with_the_latest_record_commits_where_that_is)
{
	open_and_start(with_guarantee(_i, "\"kafka\": {\"bootstrap.servers\": \"none\", "
	                                  "\"auto.offset.reset\": \"latest\"}"));
	fleet_put(&fleet, 0, "before");
	fleet_run(&fleet, 60);
	fleet_crash(&fleet, 0);
	fleet_put(&fleet, 0, "meanwhile");
	fleet_start(&fleet, 0);
	fleet_run(&fleet, 60);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "meanwhile");
	fleet_close(&fleet);
}
END_TEST

START_TEST(half_finished_reset_stops_before_anything_is_read)
{
	const struct weir_offset offset = {"in", 1, 0, WEIR_MARK_RESET};
	struct weir_error error = {0};

	fleet_open(&fleet, with_guarantee(_i, DEAD));
	ck_assert_int_eq(weir__broker_offsets_set(fleet.broker, "app", &offset, 1, 1000, &error), 0);
	fleet_put(&fleet, 0, "a");
	fleet_start(&fleet, 0);
	fleet_run(&fleet, 60);
	ck_assert_int_eq(fleet_status(&fleet, 0), WEIR_WORKER_FAILED);
	ck_assert_ptr_nonnull(strstr(weir__worker_error(fleet.workers[0])->message,
	                             "in[1]: the app \"app\" is being reset"));
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "");
	fleet_close(&fleet);
}
END_TEST

START_TEST(too_large_emit_is_rejected_before_anything_is_sent)
{
	open_and_start(with_guarantee(_i, DEAD));
	fleet_put(&fleet, 0, "sized 2000000");
	fleet_put(&fleet, 0, "a");
	fleet_run(&fleet, 40);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "a");
	ck_assert_str_eq(fleet_read(&fleet, "dead", text, sizeof(text)), "sized 2000000");
	ck_assert_ptr_nonnull(strstr(fleet_header(&fleet, "dead", 0, "weir.reason"), "max.message.bytes"));
	ck_assert_uint_eq(weir__worker_counts(fleet.workers[0])->aborts, 0);
	fleet_close(&fleet);
}
END_TEST

START_TEST(position_behind_markers_is_committed)
{
	open_and_start(with_guarantee(_i, ""));
	fleet_put_transaction(&fleet, "a", true);
	fleet_put_transaction(&fleet, "b", false);
	fleet_put_transaction(&fleet, "c", false);
	fleet_run(&fleet, 60);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "a");
	for (int partition = 0; partition < 2; partition++) {
		if (fleet_end(&fleet, partition) > 0)
			ck_assert_int_eq(fleet_committed(&fleet, partition),
			                 fleet_end(&fleet, partition));
	}
	ck_assert_int_eq(fleet_end(&fleet, 0) + fleet_end(&fleet, 1), 6); /* 3 are markers */
	fleet_close(&fleet);
}
END_TEST

START_TEST(gap_stops_and_says_how_many_are_lost)
{
	open_and_start(with_guarantee(_i, ""));
	for (int count = 0; count < 10; count++)
		fleet_put(&fleet, 0, "a");
	fleet_run(&fleet, 60);
	fleet_crash(&fleet, 0);
	for (int count = 0; count < 30; count++)
		fleet_put(&fleet, 0, "b");
	weir__memory_delete_records(fleet.memory, "in", 0, 25);
	fleet_start(&fleet, 0);
	fleet_run(&fleet, 60);
	ck_assert_int_eq(fleet_status(&fleet, 0), WEIR_WORKER_FAILED);
	ck_assert_ptr_nonnull(
		strstr(weir__worker_error(fleet.workers[0])->message,
	               "in[0]: committed 10, log starts at 25: 15 records lost to retention"));
	fleet_close(&fleet);
}
END_TEST

START_TEST(gap_is_counted_when_told_to_continue)
{
	open_and_start(with_guarantee(_i, "\"errors\": {\"on_gap\": \"continue\"}"));
	for (int count = 0; count < 10; count++)
		fleet_put(&fleet, 0, "a");
	fleet_run(&fleet, 60);
	fleet_crash(&fleet, 0);
	for (int count = 0; count < 30; count++)
		fleet_put(&fleet, 0, "b");
	weir__memory_delete_records(fleet.memory, "in", 0, 25);
	fleet_start(&fleet, 0);
	fleet_run(&fleet, 120);
	ck_assert_uint_eq(weir__worker_counts(fleet.workers[0])->lost, 15);
	ck_assert_uint_eq(fleet_count(&fleet, "out"), 25);
	ck_assert_int_eq(fleet_committed(&fleet, 0), 40);
	fleet_close(&fleet);
}
END_TEST

/* A gap that is not where the task is: nothing rules out that one of before a rewind comes late. */
static struct {
	struct weir_session_ops ops;
	void (*poll)(struct weir_session *session, int timeout_ms, struct weir_event *event);
	struct weir_partition *partition; /* in[0], once it gave a record */
	int64_t gap; /* to be told next; WEIR_OFFSET_NONE: none */
} teller;

static void
tell_gap(struct weir_session *session, int timeout_ms, struct weir_event *event)
{
	teller.poll(session, timeout_ms, event);
	if (event->type == WEIR_EVENT_RECORD && event->partition->id == 0)
		teller.partition = event->partition;
	if (event->type != WEIR_EVENT_IDLE || !teller.partition || teller.gap == WEIR_OFFSET_NONE)
		return;
	event->type = WEIR_EVENT_GAP;
	event->partition = teller.partition;
	event->offset = teller.gap;
	teller.gap = WEIR_OFFSET_NONE;
}

static void
expect_no_gap(int64_t offset)
{
	struct weir_session *session = weir__worker_session(fleet.workers[0]);

	teller.ops = *session->ops;
	teller.poll = teller.ops.poll;
	teller.ops.poll = tell_gap;
	teller.partition = NULL;
	teller.gap = WEIR_OFFSET_NONE;
	session->ops = &teller.ops;
	for (int count = 0; count < 10; count++)
		fleet_put(&fleet, 0, "a");
	fleet_run(&fleet, 60);
	ck_assert_int_eq(fleet_committed(&fleet, 0), 10);
	teller.gap = offset;
	fleet_run(&fleet, 60);
	ck_assert_int_eq(teller.gap, WEIR_OFFSET_NONE);
	fleet_put(&fleet, 0, "b");
	fleet_run(&fleet, 60);
	ck_assert_int_eq(fleet_status(&fleet, 0), WEIR_WORKER_RUNS);
	ck_assert_uint_eq(weir__worker_counts(fleet.workers[0])->lost, 0);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "a a a a a a a a a a b");
	fleet_close(&fleet);
}

START_TEST(gap_of_before_a_rewind_is_none)
{
	static const int64_t offsets[] = {1000, 5};

	open_and_start(with_guarantee(_i / 2, ""));
	expect_no_gap(offsets[_i % 2]);
}
END_TEST

START_TEST(gap_of_before_a_rewind_is_none_to_who_continues)
{
	static const int64_t offsets[] = {1000, 5};

	open_and_start(with_guarantee(_i / 2, "\"errors\": {\"on_gap\": \"continue\"}"));
	expect_no_gap(offsets[_i % 2]);
}
END_TEST

START_TEST(slow_record_is_tried_alone_then_rejected)
{
	open_and_start(with_guarantee(
		0, DEAD ", \"kafka\": {\"bootstrap.servers\": \"none\", \"session.timeout.ms\": 45000}"));
	fleet_run(&fleet, 20);
	fleet_put(&fleet, 0, "a");
	fleet_put(&fleet, 0, "slow 20000"); /* the transaction times out after 15 s */
	fleet_put(&fleet, 0, "b");
	fleet_run(&fleet, 4000); /* a third of the session timeout passes before it goes on */
	ck_assert_msg(!strcmp(fleet_read(&fleet, "out", text, sizeof(text)), "a b"), "%s", fleet.log);
	ck_assert_str_eq(fleet_read(&fleet, "dead", text, sizeof(text)), "slow 20000");
	ck_assert_ptr_nonnull(strstr(fleet_header(&fleet, "dead", 0, "weir.reason"),
	                             "transaction.timeout.ms"));
	fleet_close(&fleet);
}
END_TEST

START_TEST(two_workers_share_the_partitions)
{
	open_and_start(with_guarantee(_i, ""));
	fleet_start(&fleet, 1);
	fleet_run(&fleet, 200);
	ck_assert_uint_eq(weir__worker_counts(fleet.workers[0])->tasks, 1);
	ck_assert_uint_eq(weir__worker_counts(fleet.workers[1])->tasks, 1);
	fleet_put(&fleet, 0, "a");
	fleet_put(&fleet, 1, "b");
	fleet_run(&fleet, 40);
	ck_assert_uint_eq(fleet_count(&fleet, "out"), 2);
	fleet_close(&fleet);
}
END_TEST

START_TEST(twin_fences_the_older_one)
{
	open_and_start(with_guarantee(_i, ""));
	fleet_run(&fleet, 20);
	struct weir_worker *older = fleet.workers[0];
	fleet_start(&fleet, 0);
	fleet.workers[1] = older;
	fleet_run(&fleet, 200);
	ck_assert_int_eq(fleet_status(&fleet, 1), WEIR_WORKER_FENCED);
	fleet_put(&fleet, 0, "a");
	fleet_run(&fleet, 40);
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "a");
	fleet_close(&fleet);
}
END_TEST

#define ADD(test) tcase_add_loop_test(tcase, test, 0, 3)

int
main(void)
{
	Suite *suite = suite_create("worker");
	TCase *tcase = tcase_create("worker");

	ADD(records_are_copied_in_order_and_committed);
	ADD(empty_chain_copies);
	ADD(drain_commits_what_is_in_hand);
	ADD(rejected_record_becomes_a_dead_letter_and_leaves_nothing_else);
	ADD(rejected_record_stops_the_app_without_a_dead_letter_topic);
	ADD(rejected_record_is_dropped_and_counted_when_told_so);
	ADD(stop_verdict_stops_with_place_and_reason);
	ADD(retry_holds_its_partition_in_order_while_others_go_on);
	ADD(retry_attempts_end_in_rejection);
	ADD(end_of_batch_emits_belong_to_the_batch);
	tcase_add_loop_test(tcase, processor_may_emit_at_the_end_all_of_its_batch, 0, 6);
	ADD(ticks_emit_and_their_transaction_carries_offsets);
	ADD(ticks_of_one_task_do_not_keep_those_of_another_waiting);
	ADD(group_that_starts_with_the_latest_record_commits_where_that_is);
	ADD(half_finished_reset_stops_before_anything_is_read);
	ADD(too_large_emit_is_rejected_before_anything_is_sent);
	ADD(position_behind_markers_is_committed);
	ADD(gap_stops_and_says_how_many_are_lost);
	ADD(gap_is_counted_when_told_to_continue);
	tcase_add_loop_test(tcase, gap_of_before_a_rewind_is_none, 0, 6);
	tcase_add_loop_test(tcase, gap_of_before_a_rewind_is_none_to_who_continues, 0, 6);
	tcase_add_test(tcase, slow_record_is_tried_alone_then_rejected);
	ADD(two_workers_share_the_partitions);
	ADD(twin_fences_the_older_one);
	suite_add_tcase(suite, tcase);
	return weir_test_run(suite);
}
