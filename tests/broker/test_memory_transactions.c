/*
 * Transactions of the embedded broker where real Kafka cannot be made to show it at will:
 * markers in any order, requests that arrive late, timeouts.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include "tests/broker/memory_fixture.h"

static struct weir_session *
ready_producer(const char *id)
{
	struct weir_session *session = memory_producer(id, "group");

	OUTCOME(WEIR_SUCCESS, weir__session_init(session, 0, &it.error));
	return session;
}

static const struct weir_offset at_five = {.topic = "in", .partition = 0, .offset = 5};

/* A committed transaction over two partitions and a group, its three markers not written.
 */
static struct weir_session *
undecided_markers(void)
{
	struct weir_session *session = ready_producer("tx");

	weir__memory_set_manual(it.memory, true);
	memory_begin(session, "a");
	memory_send(session, 1, "b");
	OUTCOME(WEIR_SUCCESS, weir__session_commit(session, &at_five, 1, 0, &it.error));
	ck_assert_uint_eq(weir__memory_steps(it.memory), 3);
	return session;
}

START_TEST(each_marker_is_a_step_of_its_own)
{
	/* which step is done first, and what is seen after it */
	const struct {
		size_t step;
		const char *out, *out2;
		bool settled;
	} table[] = {{0, "a,", "", false}, {1, "", "b,", false}, {2, "", "", true}};
	struct weir_session *session = undecided_markers();
	struct weir_offset offset = {.topic = "in"};

	weir__memory_step(it.memory, table[_i].step);
	ck_assert_str_eq(memory_values("out", true), table[_i].out);
	ck_assert_str_eq(memory_values("out2", true), table[_i].out2);
	OUTCOME(table[_i].settled ? WEIR_SUCCESS : WEIR_AGAIN,
		weir__session_committed(session, &offset, 1, 0, &it.error));
	if (table[_i].settled)
		ck_assert_int_eq(offset.offset, 5);
	while (weir__memory_steps(it.memory) > 0)
		weir__memory_step(it.memory, 0);
	ck_assert_str_eq(memory_values("out", true), "a,");
	ck_assert_str_eq(memory_values("out2", true), "b,");
	ck_assert_int_eq(memory_committed("group"), 5);
	ck_assert_uint_eq(weir__memory_open_transactions(it.memory), 0);
	weir__session_close(session);
}
END_TEST

START_TEST(pending_offsets_make_committed_wait)
{
	struct weir_session *session = undecided_markers();
	struct weir_offset offsets[] = {{.topic = "in", .partition = 0}};
	struct weir_offset other[] = {{.topic = "in", .partition = 1}};

	OUTCOME(WEIR_AGAIN, weir__session_committed(session, offsets, 1, 0, &it.error));
	ck_assert_int_eq(
		weir__broker_committed(it.broker, "group", offsets, 1, 0, &it.error),
		WEIR_ETIMEOUT);
	OUTCOME(WEIR_SUCCESS, weir__session_committed(session, other, 1, 0, &it.error));
	ck_assert_int_eq(other[0].offset, WEIR_OFFSET_NONE);
	weir__session_close(session);
}
END_TEST

START_TEST(next_transaction_waits_for_the_markers_of_the_last)
{
	struct weir_session *session = undecided_markers();

	memory_begin(session, "c");
	OUTCOME(WEIR_AGAIN, weir__session_flush(session, 0, &it.error));
	OUTCOME(WEIR_AGAIN, weir__session_commit(session, NULL, 0, 0, &it.error));
	ck_assert_str_eq(memory_values("out", false), "a,");
	while (weir__memory_steps(it.memory) > 0)
		weir__memory_step(it.memory, 0);
	OUTCOME(WEIR_SUCCESS, weir__session_commit(session, NULL, 0, 0, &it.error));
	weir__memory_set_manual(it.memory, false);
	ck_assert_str_eq(memory_values("out", true), "a,c,");
	weir__session_close(session);
}
END_TEST

START_TEST(init_waits_for_the_markers_of_the_last)
{
	struct weir_session *session = undecided_markers();

	OUTCOME(WEIR_SUCCESS, weir__session_replace(session, &it.error));
	OUTCOME(WEIR_AGAIN, weir__session_init(session, 0, &it.error));
	while (weir__memory_steps(it.memory) > 0)
		weir__memory_step(it.memory, 0);
	OUTCOME(WEIR_SUCCESS, weir__session_init(session, 0, &it.error));
	ck_assert_int_eq(memory_committed("group"), 5);
	weir__session_close(session);
}
END_TEST

START_TEST(late_group_marker_does_not_undo_a_later_commit)
{
	struct weir_session *session = undecided_markers();
	struct weir_session *other = memory_producer(NULL, "group");
	struct weir_offset later = {.topic = "in", .offset = 9};

	OUTCOME(WEIR_SUCCESS,
		weir__session_commit_offsets(other, &later, 1, 0, &it.error));
	while (weir__memory_steps(it.memory) > 0)
		weir__memory_step(it.memory, 0);
	ck_assert_int_eq(memory_committed("group"), 9);
	weir__session_close(session);
	weir__session_close(other);
}
END_TEST

/* ---- requests that arrive late ---- */

START_TEST(late_commit_of_the_last_transaction_ends_the_next)
{
	struct weir_session *session = ready_producer("tx");

	memory_begin(session, "a");
	weir__memory_set_manual(it.memory, true);
	memory_fault(WEIR_MEMORY_COMMIT, WEIR_MEMORY_TAINT);
	OUTCOME(WEIR_TAINTED, weir__session_commit(session, NULL, 0, 0, &it.error));
	ck_assert_uint_eq(weir__memory_steps(it.memory), 2);
	weir__memory_step(it.memory, 0);
	memory_begin(session, "b");
	OUTCOME(WEIR_SUCCESS, weir__session_flush(session, 0, &it.error));
	weir__memory_set_manual(it.memory, false);
	/* KAFKA-17754: nobody committed "b" */
	ck_assert_str_eq(memory_values("out", true), "a,b,");
	weir__session_close(session);
}
END_TEST

START_TEST(late_commit_finds_a_replaced_producer_gone)
{
	struct weir_session *session = ready_producer("tx");

	memory_begin(session, "a");
	weir__memory_set_manual(it.memory, true);
	memory_fault(WEIR_MEMORY_COMMIT, WEIR_MEMORY_TAINT);
	OUTCOME(WEIR_TAINTED, weir__session_commit(session, NULL, 0, 0, &it.error));
	weir__memory_step(it.memory, 0);
	OUTCOME(WEIR_SUCCESS, weir__session_replace(session, &it.error));
	OUTCOME(WEIR_SUCCESS, weir__session_init(session, 0, &it.error));
	memory_begin(session, "b");
	OUTCOME(WEIR_SUCCESS, weir__session_flush(session, 0, &it.error));
	weir__memory_set_manual(it.memory, false);
	ck_assert_str_eq(memory_values("out", true), "a,");
	OUTCOME(WEIR_SUCCESS, weir__session_abort(session, 0, &it.error));
	ck_assert_str_eq(memory_values("out", true), "a,");
	weir__session_close(session);
}
END_TEST

START_TEST(producer_whose_transaction_ended_under_it_can_only_be_replaced)
{
	struct weir_session *session = ready_producer("tx");

	memory_begin(session, "a");
	weir__memory_set_manual(it.memory, true);
	memory_fault(WEIR_MEMORY_COMMIT, WEIR_MEMORY_TAINT);
	OUTCOME(WEIR_TAINTED, weir__session_commit(session, NULL, 0, 0, &it.error));
	weir__memory_step(it.memory, 0);
	memory_begin(session, "b");
	OUTCOME(WEIR_SUCCESS, weir__session_flush(session, 0, &it.error));
	weir__memory_set_manual(it.memory, false);
	OUTCOME(WEIR_UNKNOWN, weir__session_abort(session, 0, &it.error));
	OUTCOME(WEIR_UNKNOWN, weir__session_begin(session, &it.error));
	OUTCOME(WEIR_SUCCESS, weir__session_replace(session, &it.error));
	OUTCOME(WEIR_SUCCESS, weir__session_init(session, 0, &it.error));
	weir__session_close(session);
}
END_TEST

/* ---- outcomes that are not known ---- */

START_TEST(unknown_commit_is_settled_by_init)
{
	/* the fault, does the late request come before init, and what stays of it */
	const struct {
		enum weir_memory_fault fault;
		bool arrives_first;
		const char *values;
		int64_t offset;
	} table[] = {
		{WEIR_MEMORY_UNKNOWN_DONE, false, "a,", 5},
		{WEIR_MEMORY_UNKNOWN_NOT, false, "", WEIR_OFFSET_NONE},
		{WEIR_MEMORY_UNKNOWN_LATE, false, "", WEIR_OFFSET_NONE},
		{WEIR_MEMORY_UNKNOWN_LATE, true, "a,", 5},
	};
	struct weir_session *session = ready_producer("tx");

	memory_begin(session, "a");
	memory_fault(WEIR_MEMORY_COMMIT, table[_i].fault);
	weir__memory_set_manual(it.memory, !table[_i].arrives_first);
	OUTCOME(WEIR_UNKNOWN, weir__session_commit(session, &at_five, 1, 0, &it.error));
	OUTCOME(WEIR_UNKNOWN, weir__session_abort(session, 0, &it.error));
	OUTCOME(WEIR_SUCCESS, weir__session_replace(session, &it.error));
	while (weir__session_init(session, 0, &it.error) == WEIR_AGAIN)
		weir__memory_step(it.memory, weir__memory_steps(it.memory) - 1);
	weir__memory_set_manual(it.memory, false);
	ck_assert_str_eq(memory_values("out", true), table[_i].values);
	ck_assert_int_eq(memory_committed("group"), table[_i].offset);
	weir__session_close(session);
}
END_TEST

START_TEST(late_message_lands_only_in_its_own_transaction)
{
	struct weir_session *session = ready_producer("tx");
	struct weir_message message = {.value = {"late", 4}, .timestamp_ms = -1,
				       .partition = WEIR_BY_KEY};

	memory_begin(session, "a");
	weir__memory_set_manual(it.memory, true);
	memory_fault(WEIR_MEMORY_SEND, WEIR_MEMORY_UNKNOWN_LATE);
	OUTCOME(WEIR_UNKNOWN, weir__session_send(session, 0, &message, 0, 0, &it.error));
	OUTCOME(WEIR_SUCCESS, weir__session_replace(session, &it.error));
	OUTCOME(WEIR_AGAIN, weir__session_init(session, 0, &it.error));
	weir__memory_set_manual(it.memory, false);
	OUTCOME(WEIR_SUCCESS, weir__session_init(session, 0, &it.error));
	memory_begin(session, "b");
	OUTCOME(WEIR_SUCCESS, weir__session_commit(session, NULL, 0, 0, &it.error));
	ck_assert_str_eq(memory_values("out", true), "b,");
	weir__session_close(session);
}
END_TEST

/* ---- the clock and death ---- */

START_TEST(transaction_that_lasts_too_long_is_aborted_and_its_producer_fenced)
{
	struct weir_session *session = ready_producer("tx");

	memory_begin(session, "a");
	OUTCOME(WEIR_SUCCESS, weir__session_flush(session, 0, &it.error));
	memory_pass(TRANSACTION_TIMEOUT_MS - 1);
	ck_assert_str_eq(memory_values("out", false), "a,");
	ck_assert_uint_eq(weir__memory_open_transactions(it.memory), 1);
	memory_pass(1);
	OUTCOME(WEIR_UNKNOWN, weir__session_commit(session, NULL, 0, 0, &it.error));
	ck_assert_uint_eq(weir__memory_open_transactions(it.memory), 0);
	ck_assert_str_eq(memory_values("out", true), "");
	weir__session_close(session);
}
END_TEST

START_TEST(crash_leaves_the_transaction_open_until_it_times_out)
{
	struct weir_session *session = ready_producer("tx");
	struct weir_session *other = memory_producer(NULL, NULL);

	memory_begin(session, "a");
	OUTCOME(WEIR_SUCCESS, weir__session_flush(session, 0, &it.error));
	memory_send(session, 0, "never left");
	weir__memory_session_crash(session);
	memory_send(other, 0, "b");
	OUTCOME(WEIR_SUCCESS, weir__session_flush(other, 0, &it.error));
	ck_assert_str_eq(memory_values("out", false), "a,b,");
	ck_assert_str_eq(memory_values("out", true), "");
	memory_pass(TRANSACTION_TIMEOUT_MS);
	ck_assert_str_eq(memory_values("out", true), "b,");
	weir__session_close(other);
}
END_TEST

START_TEST(zombie_writes_into_its_aborted_transaction_until_the_marker)
{
	struct weir_session *zombie = ready_producer("tx");
	struct weir_session *heir = memory_producer("tx", "group");

	memory_begin(zombie, "a");
	OUTCOME(WEIR_SUCCESS, weir__session_flush(zombie, 0, &it.error));
	weir__memory_set_manual(it.memory, true);
	OUTCOME(WEIR_AGAIN, weir__session_init(heir, 0, &it.error));
	memory_send(zombie, 0, "z");
	OUTCOME(WEIR_SUCCESS, weir__session_flush(zombie, 0, &it.error));
	ck_assert_str_eq(memory_values("out", false), "a,z,");
	weir__memory_set_manual(it.memory, false);
	OUTCOME(WEIR_SUCCESS, weir__session_init(heir, 0, &it.error));
	memory_send(zombie, 0, "y");
	OUTCOME(WEIR_UNKNOWN, weir__session_commit(zombie, NULL, 0, 0, &it.error));
	ck_assert_str_eq(memory_values("out", false), "a,z,");
	ck_assert_str_eq(memory_values("out", true), "");
	weir__session_close(zombie);
	weir__session_close(heir);
}
END_TEST

START_TEST(interleaved_transactions_hold_back_by_the_oldest)
{
	struct weir_session *one = ready_producer("one"), *two = ready_producer("two");

	memory_begin(one, "1");
	OUTCOME(WEIR_SUCCESS, weir__session_flush(one, 0, &it.error));
	memory_begin(two, "2");
	OUTCOME(WEIR_SUCCESS, weir__session_commit(two, NULL, 0, 0, &it.error));
	ck_assert_str_eq(memory_values("out", true), "");
	memory_begin(two, "3");
	OUTCOME(WEIR_SUCCESS, weir__session_flush(two, 0, &it.error));
	OUTCOME(WEIR_SUCCESS, weir__session_abort(one, 0, &it.error));
	ck_assert_str_eq(memory_values("out", true), "2,");
	OUTCOME(WEIR_SUCCESS, weir__session_commit(two, NULL, 0, 0, &it.error));
	ck_assert_str_eq(memory_values("out", true), "2,3,");
	weir__session_close(one);
	weir__session_close(two);
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("transactions of the embedded broker");
	TCase *tcase = memory_case(suite, "markers");

	tcase_add_loop_test(tcase, each_marker_is_a_step_of_its_own, 0, 3);
	tcase_add_test(tcase, pending_offsets_make_committed_wait);
	tcase_add_test(tcase, next_transaction_waits_for_the_markers_of_the_last);
	tcase_add_test(tcase, init_waits_for_the_markers_of_the_last);
	tcase_add_test(tcase, late_group_marker_does_not_undo_a_later_commit);
	tcase = memory_case(suite, "late");
	tcase_add_test(tcase, late_commit_of_the_last_transaction_ends_the_next);
	tcase_add_test(tcase, late_commit_finds_a_replaced_producer_gone);
	tcase_add_test(tcase,
		       producer_whose_transaction_ended_under_it_can_only_be_replaced);
	tcase_add_loop_test(tcase, unknown_commit_is_settled_by_init, 0, 4);
	tcase_add_test(tcase, late_message_lands_only_in_its_own_transaction);
	tcase = memory_case(suite, "time");
	tcase_add_test(
		tcase,
		transaction_that_lasts_too_long_is_aborted_and_its_producer_fenced);
	tcase_add_test(tcase, crash_leaves_the_transaction_open_until_it_times_out);
	tcase_add_test(tcase,
		       zombie_writes_into_its_aborted_transaction_until_the_marker);
	tcase_add_test(tcase, interleaved_transactions_hold_back_by_the_oldest);
	return suite;
}

int
main(void)
{
	return weir_test_run(suite());
}
