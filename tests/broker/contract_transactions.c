/*
 * The contract of transactions: what read_committed sees and when, offsets that go with
 * their transaction, fencing by transactional id, replacement.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include "tests/broker/contract.h"

START_TEST(committed_records_are_seen_and_aborted_ones_are_not)
{
	const char *topic = contract_topic(1);
	struct weir_session *session =
		contract_producer(contract_name("tx"), NULL, topic);

	contract_produce(session, "a,b");
	EXPECT(WEIR_SUCCESS, weir__session_begin(session, ERROR));
	contract_send(session, "no");
	EXPECT(WEIR_SUCCESS, weir__session_flush(session, SLICE, ERROR));
	EXPECT(WEIR_SUCCESS, weir__session_abort(session, SLICE, ERROR));
	contract_produce(session, "c");
	contract_expect(topic, 0, true, "a,b,c");
	contract_expect(topic, 0, false, "a,b,no,c");
	weir__session_close(session);
}
END_TEST

START_TEST(open_transaction_holds_back_what_others_wrote_after_it)
{
	const char *topic = contract_topic(1);
	struct weir_session *session =
		contract_producer(contract_name("tx"), NULL, topic);
	int64_t end;

	contract_fill(topic, "before");
	EXPECT(WEIR_SUCCESS, weir__session_begin(session, ERROR));
	contract_send(session, "open");
	EXPECT(WEIR_SUCCESS, weir__session_flush(session, SLICE, ERROR));
	contract_fill(topic, "after");
	ck_assert_str_eq(contract_read(topic, 0, 0, true, &end), "before");
	ck_assert_int_eq(end, 1);
	contract_expect(topic, 0, false, "before,open,after");
	EXPECT(WEIR_SUCCESS, weir__session_commit(session, NULL, 0, SLICE, ERROR));
	contract_expect(topic, 0, true, "before,open,after");
	weir__session_close(session);
}
END_TEST

START_TEST(markers_take_offsets_and_end_counts_them)
{
	const char *topic = contract_topic(1);
	struct weir_session *session =
		contract_producer(contract_name("tx"), NULL, topic);
	int64_t end;

	contract_produce(session, "a,b");
	contract_expect(topic, 0, true, "a,b");
	ck_assert_int_eq(contract_high(topic, 0), 3);
	contract_read(topic, 0, 0, true, &end);
	ck_assert_int_eq(end, 3);
	contract_read(topic, 0, 0, false, &end);
	ck_assert_int_eq(end, 3);
	weir__session_close(session);
}
END_TEST

START_TEST(consumer_end_counts_markers)
{
	const char *topic = contract_topic(1), *group = contract_name("group");
	struct weir_session *session =
		contract_producer(contract_name("tx"), NULL, topic);
	struct contract_member member;

	contract_produce(session, "a");
	contract_expect(topic, 0, true, "a");
	contract_member_open(&member, group, NULL, NULL, topic, NULL);
	ck_assert_str_eq(contract_member_next(&member), "a");
	contract_member_until(&member, WEIR_EVENT_END);
	ck_assert_int_eq(member.ended_at, 2);
	contract_member_close(&member);
	weir__session_close(session);
}
END_TEST

static void
commit_at(struct weir_session *session, const char *topic, int64_t offset)
{
	struct weir_offset offsets[] = {
		{.topic = topic, .partition = 0, .offset = offset}};

	EXPECT(WEIR_SUCCESS, weir__session_commit(session, offsets, 1, SLICE, ERROR));
}

START_TEST(offsets_appear_with_the_commit_and_not_with_an_abort)
{
	const char *in = contract_topic(1), *out = contract_topic(1);
	const char *group = contract_name("group");
	struct contract_member member;

	contract_fill(in, "a,b,c");
	contract_member_open(&member, group, NULL, contract_name("tx"), in, out);
	contract_member_next(&member);
	EXPECT(WEIR_SUCCESS, weir__session_begin(member.session, ERROR));
	contract_send(member.session, "A");
	commit_at(member.session, in, 1);
	ck_assert_int_eq(contract_committed(group, in, 0), 1);
	contract_member_next(&member);
	EXPECT(WEIR_SUCCESS, weir__session_begin(member.session, ERROR));
	contract_send(member.session, "B");
	EXPECT(WEIR_SUCCESS, weir__session_flush(member.session, SLICE, ERROR));
	EXPECT(WEIR_SUCCESS, weir__session_abort(member.session, SLICE, ERROR));
	ck_assert_int_eq(contract_committed(group, in, 0), 1);
	contract_expect(out, 0, true, "A");
	contract_member_close(&member);
}
END_TEST

START_TEST(transaction_of_offsets_alone_commits_them)
{
	const char *in = contract_topic(1), *out = contract_topic(1);
	const char *group = contract_name("group");
	struct contract_member member;

	contract_fill(in, "a");
	contract_member_open(&member, group, NULL, contract_name("tx"), in, out);
	contract_member_next(&member);
	EXPECT(WEIR_SUCCESS, weir__session_begin(member.session, ERROR));
	commit_at(member.session, in, 1);
	ck_assert_int_eq(contract_committed(group, in, 0), 1);
	contract_member_close(&member);
}
END_TEST

START_TEST(session_without_consumer_commits_offsets_of_a_named_group)
{
	const char *topic = contract_topic(1), *group = contract_name("source");
	struct weir_session *session =
		contract_producer(contract_name("tx"), group, topic);
	struct weir_offset offset = {.topic = topic,
				     .partition = 0,
				     .offset = 4096,
				     .metadata = "fingerprint"};

	EXPECT(WEIR_SUCCESS, weir__session_begin(session, ERROR));
	contract_send(session, "line");
	EXPECT(WEIR_SUCCESS, weir__session_commit(session, &offset, 1, SLICE, ERROR));
	offset = (struct weir_offset){.topic = topic, .partition = 0};
	EXPECT(WEIR_SUCCESS, weir__session_committed(session, &offset, 1, SLICE, ERROR));
	ck_assert_int_eq(offset.offset, 4096);
	ck_assert_str_eq(offset.metadata, "fingerprint");
	contract_expect(topic, 0, true, "line");
	weir__session_close(session);
}
END_TEST

START_TEST(second_init_of_an_id_fences_the_first)
{
	const char *topic = contract_topic(1), *id = contract_name("tx");
	struct weir_session *old = contract_producer(id, NULL, topic);
	struct weir_session *new;

	EXPECT(WEIR_SUCCESS, weir__session_begin(old, ERROR));
	contract_send(old, "old");
	EXPECT(WEIR_SUCCESS, weir__session_flush(old, SLICE, ERROR));
	new = contract_producer(id, NULL, topic);
	EXPECT(WEIR_UNKNOWN, weir__session_commit(old, NULL, 0, SLICE, ERROR));
	contract_produce(new, "new");
	contract_expect(topic, 0, true, "new");
	weir__session_close(old);
	weir__session_close(new);
}
END_TEST

START_TEST(init_settles_the_offsets_of_a_dead_predecessor)
{
	const char *topic = contract_topic(1), *group = contract_name("source");
	const char *id = contract_name("tx");
	struct weir_session *session = contract_producer(id, group, topic);
	struct weir_offset offset = {.topic = topic, .partition = 0, .offset = 10};

	EXPECT(WEIR_SUCCESS, weir__session_begin(session, ERROR));
	contract_send(session, "a");
	EXPECT(WEIR_SUCCESS, weir__session_commit(session, &offset, 1, SLICE, ERROR));
	EXPECT(WEIR_SUCCESS, weir__session_begin(session, ERROR));
	contract_send(session, "b");
	EXPECT(WEIR_SUCCESS, weir__session_flush(session, SLICE, ERROR));
	weir__session_close(session);

	session = contract_producer(id, group, topic);
	EXPECT(WEIR_SUCCESS, weir__session_committed(session, &offset, 1, SLICE, ERROR));
	ck_assert_int_eq(offset.offset, 10);
	contract_expect(topic, 0, true, "a");
	weir__session_close(session);
}
END_TEST

START_TEST(replaced_producer_leaves_nothing_of_its_open_transaction)
{
	const char *topic = contract_topic(1);
	struct weir_session *session =
		contract_producer(contract_name("tx"), NULL, topic);

	contract_produce(session, "a");
	EXPECT(WEIR_SUCCESS, weir__session_begin(session, ERROR));
	contract_send(session, "gone");
	EXPECT(WEIR_SUCCESS, weir__session_flush(session, SLICE, ERROR));
	EXPECT(WEIR_SUCCESS, weir__session_replace(session, ERROR));
	EXPECT(WEIR_SUCCESS, weir__session_init(session, SLICE, ERROR));
	contract_produce(session, "b");
	contract_expect(topic, 0, true, "a,b");
	weir__session_close(session);
}
END_TEST

START_TEST(replacing_the_producer_keeps_the_partitions)
{
	const char *in = contract_topic(1), *out = contract_topic(1);
	const char *group = contract_name("group");
	struct contract_member member;

	contract_fill(in, "a,b");
	contract_member_open(&member, group, NULL, contract_name("tx"), in, out);
	ck_assert_str_eq(contract_member_next(&member), "a");
	EXPECT(WEIR_SUCCESS, weir__session_replace(member.session, ERROR));
	EXPECT(WEIR_SUCCESS, weir__session_init(member.session, SLICE, ERROR));
	ck_assert_str_eq(contract_member_next(&member), "b");
	EXPECT(WEIR_SUCCESS, weir__session_begin(member.session, ERROR));
	contract_send(member.session, "B");
	commit_at(member.session, in, 2);
	ck_assert_int_eq(contract_committed(group, in, 0), 2);
	ck_assert_int_eq(member.assigned, 1);
	contract_member_close(&member);
}
END_TEST

START_TEST(many_transactions_in_a_row_lose_nothing)
{
	const char *topic = contract_topic(1);
	struct weir_session *session =
		contract_producer(contract_name("tx"), NULL, topic);

	for (int i = 0; i < 10; i++)
		contract_produce(session, "x");
	contract_expect(topic, 0, true, "x,x,x,x,x,x,x,x,x,x");
	ck_assert_int_eq(contract_high(topic, 0), 20);
	weir__session_close(session);
}
END_TEST

START_TEST(messages_of_an_aborted_transaction_are_no_failures)
{
	const char *topic = contract_topic(1);
	struct weir_session *session =
		contract_producer(contract_name("tx"), NULL, topic);
	struct weir_delivery_failure failure = {0};

	EXPECT(WEIR_SUCCESS, weir__session_begin(session, ERROR));
	for (int count = 0; count < 100; count++)
		contract_send(session, "purged");
	EXPECT(WEIR_SUCCESS, weir__session_abort(session, SLICE, ERROR));
	ck_assert_msg(weir__session_failures(session, &failure, 1) == 0, "%s",
		      failure.reason);
	contract_produce(session, "a");
	contract_expect(topic, 0, true, "a");
	weir__session_close(session);
}
END_TEST

START_TEST(delivered_is_the_greatest_offset_of_a_partition)
{
	const char *topic = contract_topic(1);
	struct weir_session *session =
		contract_producer(contract_name("tx"), NULL, topic);

	ck_assert_int_eq(weir__session_delivered(session, 0, 0), WEIR_OFFSET_NONE);
	contract_produce(session, "a,b");
	ck_assert_int_eq(weir__session_delivered(session, 0, 0), 1);
	contract_produce(session, "c");
	ck_assert_int_eq(weir__session_delivered(session, 0, 0), 3);
	weir__session_close(session);
}
END_TEST

void
contract_add_transactions(Suite *suite, TCase *(*new_case)(Suite *, const char *))
{
	TCase *tcase = new_case(suite, "transactions");

	tcase_add_test(tcase, committed_records_are_seen_and_aborted_ones_are_not);
	tcase_add_test(tcase, open_transaction_holds_back_what_others_wrote_after_it);
	tcase_add_test(tcase, markers_take_offsets_and_end_counts_them);
	tcase_add_test(tcase, consumer_end_counts_markers);
	tcase_add_test(tcase, offsets_appear_with_the_commit_and_not_with_an_abort);
	tcase_add_test(tcase, transaction_of_offsets_alone_commits_them);
	tcase_add_test(tcase, session_without_consumer_commits_offsets_of_a_named_group);
	tcase_add_test(tcase, second_init_of_an_id_fences_the_first);
	tcase_add_test(tcase, init_settles_the_offsets_of_a_dead_predecessor);
	tcase_add_test(tcase, replaced_producer_leaves_nothing_of_its_open_transaction);
	tcase_add_test(tcase, replacing_the_producer_keeps_the_partitions);
	tcase_add_test(tcase, many_transactions_in_a_row_lose_nothing);
	tcase_add_test(tcase, messages_of_an_aborted_transaction_are_no_failures);
	tcase_add_test(tcase, delivered_is_the_greatest_offset_of_a_partition);
}
