/*
 * Groups of the embedded broker under its clock: who is thrown out and when, commits that
 * come too late, assignment by ranges.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "tests/broker/memory_fixture.h"

static const struct weir_offset at_one = {.topic = "in", .partition = 0, .offset = 1};

/* Turn until the event; END and IDLE pass by. */
static struct weir_event
until(struct weir_session *session, enum weir_event_type type)
{
	struct weir_event event = {.type = WEIR_EVENT_IDLE};

	for (int i = 0; i < 20 && event.type != type; i++)
		event = memory_turn(session);
	ck_assert_int_eq(event.type, type);
	return event;
}

START_TEST(silent_member_is_thrown_out_after_its_session_timeout)
{
	struct weir_session *silent = memory_member(NULL, NULL);
	struct weir_session *other;

	until(silent, WEIR_EVENT_ASSIGNED);
	other = memory_member(NULL, NULL);
	memory_pass(SESSION_TIMEOUT_MS - 1);
	ck_assert_int_eq(memory_turn(other).type, WEIR_EVENT_IDLE);
	memory_pass(1);
	ck_assert_uint_eq(until(other, WEIR_EVENT_ASSIGNED).partition_count, 4);
	ck_assert_uint_eq(until(silent, WEIR_EVENT_LOST).partition_count, 4);
	memory_turn(silent); /* comes back as a new member */
	until(other, WEIR_EVENT_REVOKED);
	ck_assert_uint_eq(until(silent, WEIR_EVENT_ASSIGNED).partition_count, 2);
	weir__session_close(silent);
	weir__session_close(other);
}
END_TEST

START_TEST(member_that_does_not_give_up_its_partitions_in_time_is_thrown_out)
{
	struct weir_session *slow = memory_member(NULL, NULL);
	struct weir_session *other;
	struct weir_event event;

	until(slow, WEIR_EVENT_ASSIGNED);
	other = memory_member(NULL, NULL);
	for (int i = 0; i < REBALANCE_TIMEOUT_MS / 5000; i++) {
		weir__session_poll(slow, 0, &event);
		ck_assert_int_eq(event.type, WEIR_EVENT_REVOKED);
		ck_assert_int_eq(memory_turn(other).type, WEIR_EVENT_IDLE);
		memory_pass(5000);
	}
	ck_assert_uint_eq(until(other, WEIR_EVENT_ASSIGNED).partition_count, 4);
	OUTCOME(WEIR_ABORT, weir__session_commit_offsets(slow, &at_one, 1, 0, &it.error));
	weir__session_close(slow);
	weir__session_close(other);
}
END_TEST

START_TEST(commits_of_a_member_thrown_out_are_refused)
{
	struct weir_session *session = memory_member("one", "tx");

	until(session, WEIR_EVENT_ASSIGNED);
	memory_begin(session, "a");
	memory_pass(SESSION_TIMEOUT_MS);
	OUTCOME(WEIR_ABORT,
		weir__session_commit_offsets(session, &at_one, 1, 0, &it.error));
	OUTCOME(WEIR_ABORT, weir__session_commit(session, &at_one, 1, 0, &it.error));
	OUTCOME(WEIR_SUCCESS, weir__session_abort(session, 0, &it.error));
	until(session, WEIR_EVENT_LOST);
	until(session, WEIR_EVENT_ASSIGNED);
	memory_begin(session, "b");
	OUTCOME(WEIR_SUCCESS, weir__session_commit(session, &at_one, 1, 0, &it.error));
	ck_assert_str_eq(memory_values("out", true), "b,");
	ck_assert_int_eq(memory_committed("group"), 1);
	weir__session_close(session);
}
END_TEST

START_TEST(offsets_of_an_older_generation_are_refused)
{
	struct weir_session *first = memory_member(NULL, "tx");
	struct weir_session *second;

	until(first, WEIR_EVENT_ASSIGNED);
	second = memory_member(NULL, NULL);
	until(first, WEIR_EVENT_REVOKED);
	until(second, WEIR_EVENT_ASSIGNED);
	/* the first has not heard of the new generation yet */
	memory_begin(first, "a");
	OUTCOME(WEIR_ABORT, weir__session_commit(first, &at_one, 1, 0, &it.error));
	OUTCOME(WEIR_SUCCESS, weir__session_abort(first, 0, &it.error));
	weir__session_close(first);
	weir__session_close(second);
}
END_TEST

START_TEST(twin_fences_commits_of_the_older)
{
	struct weir_session *older = memory_member("one", "tx-a");
	struct weir_session *twin;
	struct weir_event event;

	until(older, WEIR_EVENT_ASSIGNED);
	memory_begin(older, "a");
	twin = memory_member("one", "tx-b");
	OUTCOME(WEIR_FENCED,
		weir__session_commit_offsets(older, &at_one, 1, 0, &it.error));
	OUTCOME(WEIR_FENCED, weir__session_commit(older, &at_one, 1, 0, &it.error));
	OUTCOME(WEIR_SUCCESS, weir__session_abort(older, 0, &it.error));
	event = memory_turn(older);
	ck_assert_int_eq(event.type, WEIR_EVENT_FAILED);
	ck_assert_int_eq(event.outcome, WEIR_FENCED);
	ck_assert_int_eq(event.error->code, WEIR_EFENCED);
	ck_assert_uint_eq(until(twin, WEIR_EVENT_ASSIGNED).partition_count, 4);
	weir__session_close(older);
	weir__session_close(twin);
}
END_TEST

START_TEST(crashed_static_member_keeps_its_place_until_the_timeout)
{
	struct weir_session *a = memory_member("a", NULL), *b;

	until(a, WEIR_EVENT_ASSIGNED);
	b = memory_member("b", NULL);
	until(a, WEIR_EVENT_REVOKED);
	until(b, WEIR_EVENT_ASSIGNED);
	until(a, WEIR_EVENT_ASSIGNED);
	weir__memory_session_crash(a);
	memory_pass(SESSION_TIMEOUT_MS / 2);
	for (int i = 0; i < 5; i++)
		ck_assert_int_ne(memory_turn(b).type, WEIR_EVENT_REVOKED);
	memory_pass(SESSION_TIMEOUT_MS / 2);
	until(b, WEIR_EVENT_REVOKED);
	ck_assert_uint_eq(until(b, WEIR_EVENT_ASSIGNED).partition_count, 4);
	weir__session_close(b);
}
END_TEST

START_TEST(ranges_are_assigned_by_name_of_static_members)
{
	/* joined in another order than their names */
	static const char *const names[] = {"c", "a", "b"};
	static const int32_t firsts[] = {3, 0, 2};
	static const size_t counts[] = {1, 2, 1};
	struct weir_session *sessions[3];
	bool assigned[3] = {false};

	for (int i = 0; i < 3; i++)
		sessions[i] = memory_member(names[i], NULL);
	for (int turn = 0; turn < 30; turn++) {
		int i = turn % 3;
		struct weir_event event = memory_turn(sessions[i]);

		if (event.type != WEIR_EVENT_ASSIGNED ||
		    event.partition_count != counts[i])
			continue;
		assigned[i] = true;
		ck_assert_int_eq(event.partitions[0]->id, firsts[i]);
	}
	for (int i = 0; i < 3; i++) {
		ck_assert(assigned[i]);
		weir__session_close(sessions[i]);
	}
}
END_TEST

START_TEST(rebalance_can_be_forced_at_any_moment)
{
	struct weir_session *session = memory_member("one", NULL);
	struct weir_event event;

	weir__session_poll(session, 0, &event);
	ck_assert_int_eq(event.type, WEIR_EVENT_ASSIGNED);
	weir__memory_rebalance(it.memory);
	/* the event given first is answered first */
	weir__session_poll(session, 0, &event);
	ck_assert_int_eq(event.type, WEIR_EVENT_ASSIGNED);
	OUTCOME(WEIR_SUCCESS, weir__session_answer(session, &it.error));
	until(session, WEIR_EVENT_REVOKED);
	ck_assert_uint_eq(until(session, WEIR_EVENT_ASSIGNED).partition_count, 4);
	weir__session_close(session);
}
END_TEST

START_TEST(nobody_times_out_without_expiry)
{
	struct weir_session *session = memory_member(NULL, "tx");

	weir__memory_set_expiry(it.memory, false);
	until(session, WEIR_EVENT_ASSIGNED);
	memory_begin(session, "a");
	OUTCOME(WEIR_SUCCESS, weir__session_flush(session, 0, &it.error));
	memory_pass(24 * 3600 * 1000);
	OUTCOME(WEIR_SUCCESS, weir__session_commit(session, &at_one, 1, 0, &it.error));
	weir__session_close(session);
}
END_TEST

START_TEST(forgotten_group_has_no_offsets)
{
	struct weir_session *session = memory_producer(NULL, "group");

	OUTCOME(WEIR_SUCCESS,
		weir__session_commit_offsets(session, &at_one, 1, 0, &it.error));
	ck_assert_int_eq(memory_committed("group"), 1);
	weir__memory_forget_group(it.memory, "group");
	ck_assert_int_eq(memory_committed("group"), WEIR_OFFSET_NONE);
	weir__session_close(session);
}
END_TEST

START_TEST(offsets_without_a_member_are_refused_while_the_group_has_members)
{
	struct weir_session *session = memory_producer(NULL, "group");
	struct weir_session *member = memory_member(NULL, NULL);

	OUTCOME(WEIR_ABORT,
		weir__session_commit_offsets(session, &at_one, 1, 0, &it.error));
	weir__session_close(member);
	OUTCOME(WEIR_SUCCESS,
		weir__session_commit_offsets(session, &at_one, 1, 0, &it.error));
	weir__session_close(session);
}
END_TEST

/* Partitions that events of this type were about, while both take turns. */
static size_t
partitions_of(struct weir_session *session, struct weir_session *other,
	      enum weir_event_type type)
{
	size_t count = 0;

	for (int i = 0; i < 10; i++) {
		struct weir_event event = memory_turn(session);

		ck_assert_int_ne(event.type, WEIR_EVENT_LOST);
		count += event.type == type ? event.partition_count : 0;
		memory_turn(other);
	}
	return count;
}

START_TEST(cooperative_member_gives_back_only_what_moves)
{
	struct weir_session *first = memory_cooperative_member(NULL, "tx");
	struct weir_session *second;

	ck_assert_uint_eq(until(first, WEIR_EVENT_ASSIGNED).partition_count, 4);
	second = memory_cooperative_member(NULL, NULL);
	ck_assert_uint_eq(partitions_of(first, second, WEIR_EVENT_REVOKED), 2);
	memory_begin(first, "a");
	OUTCOME(WEIR_SUCCESS, weir__session_commit(first, &at_one, 1, 0, &it.error));
	weir__session_close(second);
	ck_assert_uint_eq(until(first, WEIR_EVENT_ASSIGNED).partition_count, 2);
	weir__session_close(first);
}
END_TEST

START_TEST(what_is_withheld_is_nobody_s_until_it_is_given_back)
{
	struct weir_session *first = memory_cooperative_member(NULL, NULL);
	struct weir_session *second;
	struct weir_event event;

	until(first, WEIR_EVENT_ASSIGNED);
	second = memory_cooperative_member(NULL, NULL);
	memory_turn(second);
	weir__session_poll(first, 0, &event); /* joins with what it has */
	weir__session_poll(first, 0, &event);
	ck_assert_int_eq(event.type, WEIR_EVENT_REVOKED);
	for (int i = 0; i < 5; i++)
		ck_assert_uint_eq(memory_turn(second).partition_count, 0);
	OUTCOME(WEIR_SUCCESS, weir__session_answer(first, &it.error));
	memory_turn(first);
	ck_assert_uint_eq(until(second, WEIR_EVENT_ASSIGNED).partition_count, 2);
	weir__session_close(first);
	weir__session_close(second);
}
END_TEST

/* The owner is back under its old name, without what it was to give back. */
START_TEST(nothing_stays_withheld_when_a_static_member_starts_again)
{
	struct weir_session *first = memory_cooperative_member("one", NULL);
	struct weir_session *second;

	until(first, WEIR_EVENT_ASSIGNED);
	second = memory_cooperative_member("two", NULL);
	memory_turn(second);
	memory_turn(first);
	weir__memory_session_crash(first);
	first = memory_cooperative_member("one", NULL);
	ck_assert_uint_eq(partitions_of(second, first, WEIR_EVENT_ASSIGNED), 2);
	weir__session_close(first);
	weir__session_close(second);
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("groups of the embedded broker");
	TCase *tcase = memory_case(suite, "groups");

	tcase_add_test(tcase, silent_member_is_thrown_out_after_its_session_timeout);
	tcase_add_test(tcase,
		       member_that_does_not_give_up_its_partitions_in_time_is_thrown_out);
	tcase_add_test(tcase, commits_of_a_member_thrown_out_are_refused);
	tcase_add_test(tcase, offsets_of_an_older_generation_are_refused);
	tcase_add_test(tcase, twin_fences_commits_of_the_older);
	tcase_add_test(tcase, crashed_static_member_keeps_its_place_until_the_timeout);
	tcase_add_test(tcase, ranges_are_assigned_by_name_of_static_members);
	tcase_add_test(tcase, rebalance_can_be_forced_at_any_moment);
	tcase_add_test(tcase, nobody_times_out_without_expiry);
	tcase_add_test(tcase, forgotten_group_has_no_offsets);
	tcase_add_test(tcase,
		       offsets_without_a_member_are_refused_while_the_group_has_members);
	tcase_add_test(tcase, cooperative_member_gives_back_only_what_moves);
	tcase_add_test(tcase, what_is_withheld_is_nobody_s_until_it_is_given_back);
	tcase_add_test(tcase, nothing_stays_withheld_when_a_static_member_starts_again);
	return suite;
}

int
main(void)
{
	return weir_test_run(suite());
}
