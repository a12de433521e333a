/*
 * The contract of groups: rebalances, static members, commits that come too late.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include "tests/broker/contract.h"

/* Take turns with both until each has this many partitions. */
static void
settle(struct contract_member *a, size_t a_count, struct contract_member *b,
       size_t b_count)
{
	for (int waited = 0; waited < contract.fixture->patience_ms; waited += SLICE) {
		contract_member_turn(a);
		contract_member_turn(b);
		if (a->partition_count == a_count && b->partition_count == b_count &&
		    b->assigned > 0)
			return;
	}
	ck_abort_msg("%zu and %zu partitions, not %zu and %zu", a->partition_count,
		     b->partition_count, a_count, b_count);
}

START_TEST(second_member_takes_over_half_of_the_partitions)
{
	const char *topic = contract_topic(4), *group = contract_name("group");
	struct contract_member first, second;

	contract_member_open(&first, group, NULL, NULL, topic, NULL);
	contract_member_until(&first, WEIR_EVENT_ASSIGNED);
	ck_assert_uint_eq(first.partition_count, 4);
	contract_member_open(&second, group, NULL, NULL, topic, NULL);
	settle(&first, 2, &second, 2);
	ck_assert_int_eq(first.revoked, 1);
	ck_assert_int_eq(first.assigned, 2);
	ck_assert_int_eq(second.revoked, 0);
	ck_assert_int_eq(first.lost + second.lost, 0);
	contract_member_close(&first);
	contract_member_close(&second);
}
END_TEST

START_TEST(rebalance_event_comes_again_until_it_is_answered)
{
	const char *topic = contract_topic(2), *group = contract_name("group");
	struct contract_member first, second;

	contract_member_open(&first, group, NULL, NULL, topic, NULL);
	contract_member_until(&first, WEIR_EVENT_ASSIGNED);
	contract_member_open(&second, group, NULL, NULL, topic, NULL);
	first.hold = true;
	contract_member_until(&first, WEIR_EVENT_REVOKED);
	ck_assert_int_eq(contract_member_turn(&first), WEIR_EVENT_REVOKED);
	ck_assert_uint_eq(first.event.partition_count, 2);
	ck_assert_int_eq(contract_member_turn(&second), WEIR_EVENT_IDLE);
	first.hold = false;
	settle(&first, 1, &second, 1);
	contract_member_close(&first);
	contract_member_close(&second);
}
END_TEST

START_TEST(dynamic_member_that_leaves_hands_over)
{
	const char *topic = contract_topic(2), *group = contract_name("group");
	struct contract_member first, second;

	contract_member_open(&first, group, NULL, NULL, topic, NULL);
	contract_member_until(&first, WEIR_EVENT_ASSIGNED);
	contract_member_open(&second, group, NULL, NULL, topic, NULL);
	settle(&first, 1, &second, 1);
	contract_member_close(&first);
	contract_member_until(&second, WEIR_EVENT_ASSIGNED);
	ck_assert_uint_eq(second.partition_count, 2);
	contract_member_close(&second);
}
END_TEST

START_TEST(member_without_partitions_is_told_so)
{
	const char *topic = contract_topic(1), *group = contract_name("group");
	struct contract_member first, second;

	contract_member_open(&first, group, "a", NULL, topic, NULL);
	contract_member_until(&first, WEIR_EVENT_ASSIGNED);
	contract_member_open(&second, group, "b", NULL, topic, NULL);
	settle(&first, 1, &second, 0);
	contract_member_close(&first);
	contract_member_close(&second);
}
END_TEST

/* Produce `count` single-digit records to each partition of a topic with two. */
static void
fill_both(const char *topic, int count)
{
	struct weir_session *session = contract_producer(NULL, NULL, topic);
	/* under murmur2 these go to partitions 0 and 1 of two */
	const char *keys[] = {"21", "a-little-bit-longer-string"};

	for (int i = 0; i < count; i++) {
		for (int j = 0; j < 2; j++) {
			char value[] = {j ? (char)('a' + i) : (char)('A' + i), '\0'};

			contract_send_key(session, keys[j], value);
		}
	}
	EXPECT(WEIR_SUCCESS, weir__session_flush(session, SLICE, ERROR));
	weir__session_close(session);
}

static int
times(const struct contract_member *member, char value)
{
	int count = 0;

	for (size_t i = 0; i < member->values.size; i++)
		count += member->values.data[i] == value;
	return count;
}

START_TEST(rebalance_repeats_and_loses_nothing_that_is_committed_on_revoke)
{
	const char *topic = contract_topic(2), *group = contract_name("group");
	struct contract_member first, second;

	fill_both(topic, 5);
	contract_member_open(&first, group, NULL, NULL, topic, NULL);
	first.commit_on_revoke = true;
	while (first.records < 6)
		contract_member_next(&first);
	contract_member_open(&second, group, NULL, NULL, topic, NULL);
	second.commit_on_revoke = true;
	settle(&first, 1, &second, 1);
	for (int waited = 0; first.records + second.records < 10 &&
			     waited < contract.fixture->patience_ms;
	     waited += SLICE) {
		contract_member_turn(&first);
		contract_member_turn(&second);
	}
	for (char i = 0; i < 5; i++) {
		ck_assert_int_eq(times(&first, (char)('a' + i)) +
					 times(&second, (char)('a' + i)),
				 1);
		ck_assert_int_eq(times(&first, (char)('A' + i)) +
					 times(&second, (char)('A' + i)),
				 1);
	}
	contract_member_close(&first);
	contract_member_close(&second);
}
END_TEST

START_TEST(static_member_returns_to_its_partitions_without_a_rebalance)
{
	const char *topic = contract_topic(4), *group = contract_name("group");
	struct contract_member first, second;
	int32_t before, after;
	int answered;

	contract_member_open(&first, group, "one", NULL, topic, NULL);
	contract_member_until(&first, WEIR_EVENT_ASSIGNED);
	contract_member_open(&second, group, "two", NULL, topic, NULL);
	settle(&first, 2, &second, 2);
	before = second.partitions[0]->id + second.partitions[1]->id;
	answered = first.assigned + first.revoked;
	contract_member_close(&second);
	contract_member_open(&second, group, "two", NULL, topic, NULL);
	contract_member_until(&second, WEIR_EVENT_ASSIGNED);
	ck_assert_uint_eq(second.partition_count, 2);
	after = second.partitions[0]->id + second.partitions[1]->id;
	ck_assert_int_eq(before, after);
	for (int i = 0; i < 5; i++)
		contract_member_turn(&first);
	ck_assert_int_eq(first.assigned + first.revoked, answered);
	ck_assert_int_eq(first.lost, 0);
	contract_member_close(&first);
	contract_member_close(&second);
}
END_TEST

START_TEST(twin_of_a_static_member_fences_the_older)
{
	const char *topic = contract_topic(1), *group = contract_name("group");
	struct contract_member older, twin;
	enum weir_event_type type = WEIR_EVENT_IDLE;

	contract_member_open(&older, group, "one", NULL, topic, NULL);
	contract_member_until(&older, WEIR_EVENT_ASSIGNED);
	contract_member_open(&twin, group, "one", NULL, topic, NULL);
	contract_member_until(&twin, WEIR_EVENT_ASSIGNED);
	for (int waited = 0;
	     type != WEIR_EVENT_FAILED && waited < contract.fixture->patience_ms;
	     waited += SLICE)
		type = contract_member_turn(&older);
	ck_assert_int_eq(type, WEIR_EVENT_FAILED);
	ck_assert_int_eq(older.event.outcome, WEIR_FENCED);
	ck_assert_uint_eq(twin.partition_count, 1);
	contract_member_close(&older);
	contract_member_close(&twin);
}
END_TEST

START_TEST(transaction_of_a_fenced_twin_is_not_committed)
{
	const char *in = contract_topic(1), *out = contract_topic(1);
	const char *group = contract_name("group");
	struct weir_offset offset = {.topic = in, .partition = 0, .offset = 1};
	struct contract_member older, twin;
	enum weir_outcome outcome;

	contract_fill(in, "a");
	contract_member_open(&older, group, "one", contract_name("tx"), in, out);
	contract_member_next(&older);
	EXPECT(WEIR_SUCCESS, weir__session_begin(older.session, ERROR));
	contract_send(older.session, "twice");
	/* of another transactional id, so that only the group can tell */
	contract_member_open(&twin, group, "one", contract_name("tx"), in, out);
	contract_member_until(&twin, WEIR_EVENT_ASSIGNED);
	outcome = WAIT(weir__session_commit(older.session, &offset, 1, SLICE, ERROR));
	ck_assert_msg(outcome == WEIR_FENCED || outcome == WEIR_ABORT, "%s: %s",
		      weir__outcome_name(outcome), contract.error.message);
	ck_assert_int_eq(contract_committed(group, in, 0), WEIR_OFFSET_NONE);
	contract_member_close(&older);
	contract_member_close(&twin);
}
END_TEST

/* The broker takes offsets without a member from anybody: unfenced. */
START_TEST(transaction_of_a_session_that_is_no_member_is_not_committed)
{
	const char *in = contract_topic(1), *out = contract_topic(1);
	const char *group = contract_name("group");
	struct weir_offset offset = {.topic = in, .partition = 0, .offset = 1};
	struct weir_session_config config = {
		.name = "outsider",
		.guarantee = WEIR_EXACTLY_ONCE,
		.group = group,
		.group_instance = "one",
		.transactional_id = contract_name("tx"),
		.inputs = &in,
		.input_count = 1,
		.outputs = &out,
		.output_count = 1,
		.transaction_timeout_ms = 60000,
		.session_timeout_ms = contract.fixture->session_timeout_ms,
	};
	struct weir_session *session =
		weir__broker_session_open(contract.broker, &config, ERROR);

	ck_assert_msg(session != NULL, "%s", ERROR->message);
	EXPECT(WEIR_SUCCESS, weir__session_init(session, SLICE, ERROR));
	EXPECT(WEIR_SUCCESS, weir__session_begin(session, ERROR));
	contract_send(session, "A");
	EXPECT(WEIR_ABORT, weir__session_commit(session, &offset, 1, SLICE, ERROR));
	EXPECT(WEIR_SUCCESS, weir__session_abort(session, SLICE, ERROR));
	ck_assert_int_eq(contract_committed(group, in, 0), WEIR_OFFSET_NONE);
	weir__session_close(session);
}
END_TEST

START_TEST(transaction_is_committed_before_revoked_is_answered)
{
	const char *in = contract_topic(2), *out = contract_topic(1);
	const char *group = contract_name("group");
	struct weir_offset offset = {.topic = in};
	struct contract_member first, second;

	fill_both(in, 1);
	contract_member_open(&first, group, NULL, contract_name("tx"), in, out);
	contract_member_next(&first);
	offset.partition = first.event.partition->id;
	offset.offset = 1;
	EXPECT(WEIR_SUCCESS, weir__session_begin(first.session, ERROR));
	contract_send(first.session, "A");
	contract_member_open(&second, group, NULL, contract_name("tx"), in, out);
	first.hold = true;
	contract_member_until(&first, WEIR_EVENT_REVOKED);
	EXPECT(WEIR_SUCCESS,
	       weir__session_commit(first.session, &offset, 1, SLICE, ERROR));
	first.hold = false;
	settle(&first, 1, &second, 1);
	ck_assert_int_eq(contract_committed(group, in, offset.partition), 1);
	contract_expect(out, 0, true, "A");
	contract_member_close(&first);
	contract_member_close(&second);
}
END_TEST

/* A process that is told to stop has no time for what it was asked. */
START_TEST(session_closes_without_answering_a_rebalance)
{
	const char *topic = contract_topic(2), *group = contract_name("group");
	struct contract_member first, second;
	struct weir_event event;

	contract_member_open(&first, group, NULL, NULL, topic, NULL);
	if (_i) {
		contract_member_until(&first, WEIR_EVENT_ASSIGNED);
		contract_member_open(&second, group, NULL, NULL, topic, NULL);
		first.hold = true;
		contract_member_until(&first, WEIR_EVENT_REVOKED);
		contract_member_close(&first);
		contract_member_until(&second, WEIR_EVENT_ASSIGNED);
		contract_member_close(&second);
		return;
	}
	do {
		weir__session_poll(first.session, SLICE, &event);
		contract_idle();
	} while (event.type != WEIR_EVENT_ASSIGNED);
	contract_member_close(&first);
}
END_TEST

/* ---- from outside ---- */

static enum weir_group_state
describe(const char *group, struct weir_group_info *info)
{
	int code = weir__broker_group_describe(contract.broker, group, info,
					       contract.fixture->patience_ms, ERROR);

	ck_assert_msg(code == 0, "%s", ERROR->message);
	return info->state;
}

static void
expect_members(const char *group, enum weir_group_state state, size_t count)
{
	struct weir_group_info info = {0};

	ck_assert_int_eq(describe(group, &info), state);
	ck_assert_uint_eq(info.member_count, count);
	weir__group_info_fini(&info);
}

START_TEST(description_of_a_group_names_its_members)
{
	const char *topic = contract_topic(2), *group = contract_name("group");
	struct weir_group_info info = {0};
	struct contract_member first, second;
	size_t named;

	expect_members(group, WEIR_GROUP_NONE, 0);
	contract_member_open(&first, group, "app.0", NULL, topic, NULL);
	contract_member_until(&first, WEIR_EVENT_ASSIGNED);
	contract_member_open(&second, group, NULL, NULL, topic, NULL);
	settle(&first, 1, &second, 1);
	ck_assert_int_eq(describe(group, &info), WEIR_GROUP_STABLE);
	ck_assert_uint_eq(info.member_count, 2);
	named = info.members[0].instance ? 0 : 1;
	ck_assert_str_eq(info.members[named].instance, "app.0");
	ck_assert_ptr_null(info.members[1 - named].instance);
	ck_assert_ptr_nonnull(info.members[1 - named].client);
	weir__group_info_fini(&info);
	contract_member_close(&second);
	contract_member_close(&first);
	/* a static one counts until its session is over */
	ck_assert_int_ne(describe(group, &info), WEIR_GROUP_NONE);
	ck_assert_uint_ge(info.member_count, 1);
	weir__group_info_fini(&info);
}
END_TEST

static int
set_offsets(const char *group, const struct weir_offset *offsets, size_t count)
{
	*ERROR = (struct weir_error){0};
	return weir__broker_offsets_set(contract.broker, group, offsets, count,
					contract.fixture->patience_ms, ERROR);
}

START_TEST(offsets_of_a_group_without_members_are_set_from_outside)
{
	const char *topic = contract_topic(2), *group = contract_name("group");
	struct weir_offset offsets[] = {{topic, 0, 7, "why"}, {topic, 1, 3, NULL}};
	struct weir_offset read[] = {{.topic = topic}, {.topic = topic, .partition = 1}};

	ck_assert_msg(set_offsets(group, offsets, 2) == 0, "%s", ERROR->message);
	expect_members(group, WEIR_GROUP_EMPTY, 0);
	ck_assert_int_eq(weir__broker_committed(contract.broker, group, read, 2,
						contract.fixture->patience_ms, ERROR),
			 0);
	ck_assert_int_eq(read[0].offset, 7);
	ck_assert_str_eq(read[0].metadata, "why");
	ck_assert_int_eq(read[1].offset, 3);
	ck_assert_ptr_null(read[1].metadata);
	/* also back, and without what stood beside them */
	offsets[0] = (struct weir_offset){topic, 0, 0, NULL};
	ck_assert_msg(set_offsets(group, offsets, 1) == 0, "%s", ERROR->message);
	ck_assert_int_eq(weir__broker_committed(contract.broker, group, read, 2,
						contract.fixture->patience_ms, ERROR),
			 0);
	ck_assert_int_eq(read[0].offset, 0);
	ck_assert_ptr_null(read[0].metadata);
	ck_assert_int_eq(read[1].offset, 3);
}
END_TEST

START_TEST(offsets_of_a_group_with_members_are_not_set_from_outside)
{
	const char *topic = contract_topic(1), *group = contract_name("group");
	struct weir_offset offset = {topic, 0, 7, NULL};
	struct contract_member member;

	contract_member_open(&member, group, NULL, NULL, topic, NULL);
	contract_member_until(&member, WEIR_EVENT_ASSIGNED);
	ck_assert_int_eq(set_offsets(group, &offset, 1), WEIR_ESTATE);
	ck_assert_ptr_nonnull(strstr(ERROR->message, "has members"));
	ck_assert_int_eq(contract_committed(group, topic, 0), WEIR_OFFSET_NONE);
	contract_member_close(&member);
	ck_assert_msg(set_offsets(group, &offset, 1) == 0, "%s", ERROR->message);
	ck_assert_int_eq(contract_committed(group, topic, 0), 7);
}
END_TEST

void
contract_add_groups(Suite *suite, TCase *(*new_case)(Suite *, const char *))
{
	TCase *tcase = new_case(suite, "groups");

	tcase_add_test(tcase, second_member_takes_over_half_of_the_partitions);
	tcase_add_test(tcase, rebalance_event_comes_again_until_it_is_answered);
	tcase_add_test(tcase, dynamic_member_that_leaves_hands_over);
	tcase_add_test(tcase, member_without_partitions_is_told_so);
	tcase_add_test(tcase,
		       rebalance_repeats_and_loses_nothing_that_is_committed_on_revoke);
	tcase_add_test(tcase,
		       static_member_returns_to_its_partitions_without_a_rebalance);
	tcase_add_test(tcase, twin_of_a_static_member_fences_the_older);
	tcase_add_test(tcase, transaction_of_a_fenced_twin_is_not_committed);
	tcase_add_test(tcase, transaction_of_a_session_that_is_no_member_is_not_committed);
	tcase_add_loop_test(tcase, session_closes_without_answering_a_rebalance, 0, 2);
	tcase_add_test(tcase, transaction_is_committed_before_revoked_is_answered);
	tcase_add_test(tcase, description_of_a_group_names_its_members);
	tcase_add_test(tcase, offsets_of_a_group_without_members_are_set_from_outside);
	tcase_add_test(tcase, offsets_of_a_group_with_members_are_not_set_from_outside);
}
