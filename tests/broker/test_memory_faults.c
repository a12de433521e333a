/*
 * Faults of the embedded broker: what each does to each operation, batches that are
 * refused, and memory that is given back.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <malloc.h>
#include <string.h>

#include "tests/broker/memory_fixture.h"

static const struct weir_offset at_one = {.topic = "in", .partition = 0, .offset = 1};

/* Call `op` of a member that has its partitions and an open transaction. */
static enum weir_outcome
call(struct weir_session *session, enum weir_memory_op op)
{
	const struct weir_message message = {.value = {"x", 1}, .timestamp_ms = -1,
					     .partition = WEIR_BY_KEY};
	struct weir_offset offset = {.topic = "in"};
	struct weir_error *error = &it.error;
	struct weir_event event;
	int64_t low, high;

	switch (op) {
	case WEIR_MEMORY_INIT:
		return weir__session_init(session, 0, error);
	case WEIR_MEMORY_SUBSCRIBE:
		return weir__session_subscribe(session, error);
	case WEIR_MEMORY_POLL:
		weir__session_poll(session, 0, &event);
		return event.type == WEIR_EVENT_FAILED ? event.outcome : WEIR_SUCCESS;
	case WEIR_MEMORY_ANSWER:
		return weir__session_answer(session, error);
	case WEIR_MEMORY_BEGIN:
		return weir__session_begin(session, error);
	case WEIR_MEMORY_SEND:
		return weir__session_send(session, 0, &message, 0, 0, error);
	case WEIR_MEMORY_COMMIT:
		return weir__session_commit(session, &at_one, 1, 0, error);
	case WEIR_MEMORY_ABORT:
		return weir__session_abort(session, 0, error);
	case WEIR_MEMORY_FLUSH:
		return weir__session_flush(session, 0, error);
	case WEIR_MEMORY_COMMIT_OFFSETS:
		return weir__session_commit_offsets(session, &at_one, 1, 0, error);
	case WEIR_MEMORY_COMMITTED:
		return weir__session_committed(session, &offset, 1, 0, error);
	case WEIR_MEMORY_RANGE:
		return weir__session_range(session, "in", 0, &low, &high, 0, error);
	case WEIR_MEMORY_REPLACE:
		return weir__session_replace(session, error);
	case WEIR_MEMORY_REWIND:
		break;
	}
	return WEIR_FATAL;
}

static const struct {
	enum weir_memory_op op;
	enum weir_memory_fault fault;
	enum weir_outcome outcome;
} outcomes[] = {
	{WEIR_MEMORY_INIT, WEIR_MEMORY_FAIL_AGAIN, WEIR_AGAIN},
	{WEIR_MEMORY_INIT, WEIR_MEMORY_FAIL_ABORT, WEIR_SUCCESS},
	{WEIR_MEMORY_INIT, WEIR_MEMORY_FAIL_FATAL, WEIR_FATAL},
	{WEIR_MEMORY_INIT, WEIR_MEMORY_UNKNOWN_DONE, WEIR_AGAIN},
	{WEIR_MEMORY_SUBSCRIBE, WEIR_MEMORY_FAIL_FATAL, WEIR_FATAL},
	{WEIR_MEMORY_SUBSCRIBE, WEIR_MEMORY_FAIL_AGAIN, WEIR_SUCCESS},
	{WEIR_MEMORY_POLL, WEIR_MEMORY_FAIL_AGAIN, WEIR_SUCCESS},
	{WEIR_MEMORY_POLL, WEIR_MEMORY_FAIL_ABORT, WEIR_SUCCESS},
	{WEIR_MEMORY_POLL, WEIR_MEMORY_FAIL_FATAL, WEIR_FATAL},
	{WEIR_MEMORY_ANSWER, WEIR_MEMORY_FAIL_FATAL, WEIR_FATAL},
	{WEIR_MEMORY_BEGIN, WEIR_MEMORY_FAIL_FATAL, WEIR_FATAL},
	{WEIR_MEMORY_BEGIN, WEIR_MEMORY_UNKNOWN_DONE, WEIR_UNKNOWN},
	{WEIR_MEMORY_SEND, WEIR_MEMORY_FAIL_AGAIN, WEIR_AGAIN},
	{WEIR_MEMORY_SEND, WEIR_MEMORY_FAIL_ABORT, WEIR_ABORT},
	{WEIR_MEMORY_SEND, WEIR_MEMORY_FAIL_FATAL, WEIR_FATAL},
	{WEIR_MEMORY_SEND, WEIR_MEMORY_UNKNOWN_DONE, WEIR_UNKNOWN},
	{WEIR_MEMORY_SEND, WEIR_MEMORY_UNKNOWN_NOT, WEIR_UNKNOWN},
	{WEIR_MEMORY_SEND, WEIR_MEMORY_UNKNOWN_LATE, WEIR_UNKNOWN},
	{WEIR_MEMORY_SEND, WEIR_MEMORY_TAINT, WEIR_SUCCESS},
	{WEIR_MEMORY_SEND, WEIR_MEMORY_LOSE_DELIVERY, WEIR_SUCCESS},
	{WEIR_MEMORY_SEND, WEIR_MEMORY_REFUSE_SIZE, WEIR_SUCCESS},
	{WEIR_MEMORY_COMMIT, WEIR_MEMORY_FAIL_AGAIN, WEIR_AGAIN},
	{WEIR_MEMORY_COMMIT, WEIR_MEMORY_FAIL_ABORT, WEIR_ABORT},
	{WEIR_MEMORY_COMMIT, WEIR_MEMORY_FAIL_FATAL, WEIR_FATAL},
	{WEIR_MEMORY_COMMIT, WEIR_MEMORY_UNKNOWN_DONE, WEIR_UNKNOWN},
	{WEIR_MEMORY_COMMIT, WEIR_MEMORY_UNKNOWN_NOT, WEIR_UNKNOWN},
	{WEIR_MEMORY_COMMIT, WEIR_MEMORY_UNKNOWN_LATE, WEIR_UNKNOWN},
	{WEIR_MEMORY_COMMIT, WEIR_MEMORY_TAINT, WEIR_TAINTED},
	{WEIR_MEMORY_ABORT, WEIR_MEMORY_FAIL_AGAIN, WEIR_AGAIN},
	{WEIR_MEMORY_ABORT, WEIR_MEMORY_FAIL_FATAL, WEIR_FATAL},
	{WEIR_MEMORY_ABORT, WEIR_MEMORY_UNKNOWN_DONE, WEIR_UNKNOWN},
	{WEIR_MEMORY_ABORT, WEIR_MEMORY_UNKNOWN_NOT, WEIR_UNKNOWN},
	{WEIR_MEMORY_ABORT, WEIR_MEMORY_UNKNOWN_LATE, WEIR_UNKNOWN},
	{WEIR_MEMORY_ABORT, WEIR_MEMORY_TAINT, WEIR_TAINTED},
	{WEIR_MEMORY_FLUSH, WEIR_MEMORY_FAIL_AGAIN, WEIR_AGAIN},
	{WEIR_MEMORY_FLUSH, WEIR_MEMORY_FAIL_FATAL, WEIR_FATAL},
	{WEIR_MEMORY_COMMIT_OFFSETS, WEIR_MEMORY_FAIL_AGAIN, WEIR_AGAIN},
	{WEIR_MEMORY_COMMIT_OFFSETS, WEIR_MEMORY_FAIL_ABORT, WEIR_ABORT},
	{WEIR_MEMORY_COMMIT_OFFSETS, WEIR_MEMORY_FAIL_FATAL, WEIR_FATAL},
	{WEIR_MEMORY_COMMIT_OFFSETS, WEIR_MEMORY_UNKNOWN_DONE, WEIR_AGAIN},
	{WEIR_MEMORY_COMMITTED, WEIR_MEMORY_FAIL_AGAIN, WEIR_AGAIN},
	{WEIR_MEMORY_COMMITTED, WEIR_MEMORY_FAIL_FATAL, WEIR_FATAL},
	{WEIR_MEMORY_RANGE, WEIR_MEMORY_FAIL_AGAIN, WEIR_AGAIN},
	{WEIR_MEMORY_RANGE, WEIR_MEMORY_UNKNOWN_LATE, WEIR_AGAIN},
	{WEIR_MEMORY_REPLACE, WEIR_MEMORY_FAIL_FATAL, WEIR_FATAL},
	{WEIR_MEMORY_REPLACE, WEIR_MEMORY_UNKNOWN_NOT, WEIR_SUCCESS},
};

START_TEST(fault_gives_the_outcome_that_its_operation_can_say)
{
	struct weir_session *session = memory_member(NULL, "tx");

	memory_turn(session);
	memory_begin(session, "a");
	memory_fault(outcomes[_i].op, outcomes[_i].fault);
	OUTCOME(outcomes[_i].outcome, call(session, outcomes[_i].op));
	ck_assert_int_eq(it.fault, WEIR_MEMORY_NO_FAULT);
	weir__session_close(session);
}
END_TEST

START_TEST(rewind_can_fail_for_a_moment)
{
	struct weir_session *session = memory_member(NULL, NULL);
	struct weir_event event;

	weir__session_poll(session, 0, &event);
	ck_assert_int_eq(event.type, WEIR_EVENT_ASSIGNED);
	memory_fault(WEIR_MEMORY_REWIND, WEIR_MEMORY_FAIL_AGAIN);
	OUTCOME(WEIR_AGAIN,
		weir__session_rewind(session, event.partitions[0], 0, 0, &it.error));
	OUTCOME(WEIR_SUCCESS,
		weir__session_rewind(session, event.partitions[0], 0, 0, &it.error));
	weir__session_close(session);
}
END_TEST

START_TEST(nothing_of_a_batch_that_failed_again_is_lost)
{
	struct weir_session *session = memory_member(NULL, "tx");

	memory_turn(session);
	memory_begin(session, "a");
	memory_fault(WEIR_MEMORY_COMMIT, WEIR_MEMORY_FAIL_AGAIN);
	OUTCOME(WEIR_AGAIN, weir__session_commit(session, &at_one, 1, 0, &it.error));
	OUTCOME(WEIR_SUCCESS, weir__session_commit(session, &at_one, 1, 0, &it.error));
	ck_assert_str_eq(memory_values("out", true), "a,");
	weir__session_close(session);
}
END_TEST

START_TEST(lost_delivery_aborts_its_transaction)
{
	struct weir_session *session = memory_member(NULL, "tx");
	struct weir_delivery_failure failure;

	memory_turn(session);
	memory_begin(session, "a");
	memory_fault(WEIR_MEMORY_SEND, WEIR_MEMORY_LOSE_DELIVERY);
	memory_send(session, 0, "lost");
	OUTCOME(WEIR_ABORT, weir__session_commit(session, &at_one, 1, 0, &it.error));
	ck_assert_uint_eq(weir__session_failures(session, &failure, 1), 1);
	ck_assert(!failure.refused);
	OUTCOME(WEIR_SUCCESS, weir__session_abort(session, 0, &it.error));
	ck_assert_str_eq(memory_values("out", true), "");
	weir__session_close(session);
}
END_TEST

START_TEST(batch_with_a_message_too_large_is_refused_whole)
{
	static char large[3000];
	struct weir_session *session = memory_producer(NULL, NULL);
	struct weir_message message = {.value = {large, sizeof(large)},
				       .timestamp_ms = -1, .partition = WEIR_BY_KEY};
	struct weir_delivery_failure failures[4];

	weir__memory_set_max_message(it.memory, "out", 2000);
	/* the session opened before the limit fell: only the broker can refuse */
	ck_assert_uint_gt(weir__session_max_message_bytes(session, 0), sizeof(large));
	memory_send(session, 0, "first");
	OUTCOME(WEIR_SUCCESS, weir__session_flush(session, 0, &it.error));
	memory_send(session, 0, "beside");
	OUTCOME(WEIR_SUCCESS, weir__session_send(session, 0, &message, 9, 0, &it.error));
	memory_send(session, 1, "elsewhere");
	OUTCOME(WEIR_SUCCESS, weir__session_flush(session, 0, &it.error));
	ck_assert_uint_eq(weir__session_failures(session, failures, 4), 2);
	ck_assert(failures[0].refused && failures[1].refused);
	ck_assert_uint_eq(failures[1].tag, 9);
	memory_send(session, 0, "last");
	OUTCOME(WEIR_SUCCESS, weir__session_flush(session, 0, &it.error));
	ck_assert_str_eq(memory_values("out", true), "first,last,");
	ck_assert_str_eq(memory_values("out2", true), "elsewhere,");
	weir__session_close(session);
}
END_TEST

START_TEST(refusal_can_be_forced)
{
	struct weir_session *session = memory_producer(NULL, NULL);
	struct weir_delivery_failure failure;

	memory_fault(WEIR_MEMORY_SEND, WEIR_MEMORY_REFUSE_SIZE);
	memory_send(session, 0, "no");
	OUTCOME(WEIR_SUCCESS, weir__session_flush(session, 0, &it.error));
	ck_assert_uint_eq(weir__session_failures(session, &failure, 1), 1);
	ck_assert(failure.refused);
	weir__session_close(session);
}
END_TEST

START_TEST(messages_of_an_aborted_transaction_are_no_failures)
{
	struct weir_session *session = memory_member(NULL, "tx");
	struct weir_delivery_failure failure;

	memory_begin(session, "a");
	OUTCOME(WEIR_SUCCESS, weir__session_abort(session, 0, &it.error));
	ck_assert_uint_eq(weir__session_failures(session, &failure, 1), 0);
	weir__session_close(session);
}
END_TEST

START_TEST(of_very_many_failures_the_first_thousand_are_kept)
{
	struct weir_session *session = memory_producer(NULL, NULL);
	struct weir_delivery_failure failures[300];
	size_t count, total = 0;

	weir__memory_set_max_message(it.memory, "out", 1);
	for (int i = 0; i < 1500; i++)
		memory_send(session, 0, "x");
	OUTCOME(WEIR_SUCCESS, weir__session_flush(session, 0, &it.error));
	while ((count = weir__session_failures(session, failures, 300)) > 0)
		total += count;
	ck_assert_uint_eq(total, 1000);
	weir__session_close(session);
}
END_TEST

START_TEST(queue_is_full_while_the_last_transaction_is_not_ended)
{
	struct weir_session *session = memory_member(NULL, "tx");
	struct weir_message message = {.value = {"x", 1}, .timestamp_ms = -1,
				       .partition = WEIR_BY_KEY};

	weir__memory_set_queue(it.memory, 20);
	weir__memory_set_manual(it.memory, true);
	memory_begin(session, "a");
	OUTCOME(WEIR_SUCCESS, weir__session_commit(session, NULL, 0, 0, &it.error));
	OUTCOME(WEIR_SUCCESS, weir__session_begin(session, &it.error));
	for (int sent = 0; sent < 20; sent++)
		memory_send(session, 0, "x");
	OUTCOME(WEIR_AGAIN, weir__session_send(session, 0, &message, 0, 0, &it.error));
	weir__memory_set_manual(it.memory, false);
	OUTCOME(WEIR_SUCCESS, weir__session_send(session, 0, &message, 0, 0, &it.error));
	OUTCOME(WEIR_SUCCESS, weir__session_commit(session, NULL, 0, 0, &it.error));
	weir__session_close(session);
}
END_TEST

static size_t
bytes_in_use(void)
{
	return mallinfo2().uordblks;
}

/* `weir pipe` reads for ever: what is through is deleted, and its memory comes back. */
START_TEST(deleted_records_give_their_memory_back)
{
	static char value[1000];
	struct weir_message message = {.value = {value, sizeof(value)},
				       .timestamp_ms = -1, .partition = WEIR_BY_KEY};
	size_t before = bytes_in_use(), high_water = 0;

	for (int64_t i = 0; i < 100000; i++) {
		weir__memory_append(it.memory, "in", 0, &message);
		if (i % 1000 == 999)
			weir__memory_delete_records(it.memory, "in", 0, i + 1);
		if (bytes_in_use() - before > high_water)
			high_water = bytes_in_use() - before;
	}
	ck_assert_uint_lt(high_water, 3000000);
	ck_assert_uint_lt(bytes_in_use() - before, 100000);
}
END_TEST

START_TEST(record_in_hand_outlives_its_deletion)
{
	struct weir_message message = {.value = {"hold", 4}, .timestamp_ms = -1,
				       .partition = WEIR_BY_KEY};
	struct weir_session *session = memory_member(NULL, NULL);
	struct weir_event event;

	weir__memory_append(it.memory, "in", 0, &message);
	memory_turn(session);
	event = memory_turn(session);
	ck_assert_int_eq(event.type, WEIR_EVENT_RECORD);
	weir__memory_delete_records(it.memory, "in", 0, 1);
	ck_assert_mem_eq(event.message.value.data, "hold", 4);
	weir__session_close(session);
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("faults of the embedded broker");
	TCase *tcase = memory_case(suite, "faults");

	tcase_add_loop_test(tcase, fault_gives_the_outcome_that_its_operation_can_say, 0,
			    sizeof(outcomes) / sizeof(outcomes[0]));
	tcase_add_test(tcase, rewind_can_fail_for_a_moment);
	tcase_add_test(tcase, nothing_of_a_batch_that_failed_again_is_lost);
	tcase_add_test(tcase, lost_delivery_aborts_its_transaction);
	tcase_add_test(tcase, batch_with_a_message_too_large_is_refused_whole);
	tcase_add_test(tcase, refusal_can_be_forced);
	tcase_add_test(tcase, messages_of_an_aborted_transaction_are_no_failures);
	tcase_add_test(tcase, of_very_many_failures_the_first_thousand_are_kept);
	tcase_add_test(tcase, queue_is_full_while_the_last_transaction_is_not_ended);
	tcase = memory_case(suite, "memory");
	tcase_add_test(tcase, deleted_records_give_their_memory_back);
	tcase_add_test(tcase, record_in_hand_outlives_its_deletion);
	return suite;
}

int
main(void)
{
	return weir_test_run(suite());
}
