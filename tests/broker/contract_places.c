/*
 * The contract of places: ranges, offsets by time, committed offsets, positions that are
 * gone, readers, and topics that are not there.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include "tests/broker/contract.h"

/* ---- topics ---- */

START_TEST(description_has_a_row_for_each_topic_asked_for)
{
	const char *topics[] = {contract_name("nowhere"), contract_topic(3)};
	struct weir_cluster_info info = {0};
	int code = weir__broker_describe(contract.broker, topics, 2, &info,
					 contract.fixture->patience_ms, ERROR);

	ck_assert_msg(code == 0, "%s", ERROR->message);
	ck_assert_int_ne(info.cluster_id[0], '\0');
	ck_assert_int_ge(info.broker_count, 1);
	ck_assert_str_eq(info.topics[0].name, topics[0]);
	ck_assert_int_eq(info.topics[0].error, WEIR_ENOTFOUND);
	ck_assert_str_eq(info.topics[1].name, topics[1]);
	ck_assert_int_eq(info.topics[1].error, 0);
	ck_assert_int_eq(info.topics[1].partitions, 3);
	ck_assert_int_eq(info.topics[1].replication, 1);
	weir__cluster_info_fini(&info);
}
END_TEST

START_TEST(topic_is_created_once)
{
	const char *topic = contract_topic(1);
	int code = weir__broker_topic_create(contract.broker, topic, 1, 1, NULL,
					     contract.fixture->patience_ms, ERROR);

	ck_assert_int_eq(code, WEIR_EEXISTS);
}
END_TEST

static int
topic_state(const char *topic)
{
	struct weir_cluster_info info = {0};
	int code = weir__broker_describe(contract.broker, &topic, 1, &info,
					 contract.fixture->patience_ms, ERROR);
	int state;

	ck_assert_msg(code == 0, "%s", ERROR->message);
	state = info.topics[0].error;
	weir__cluster_info_fini(&info);
	return state;
}

static void
delete_topic(const char *topic)
{
	int code = weir__broker_topic_delete(contract.broker, topic,
					     contract.fixture->patience_ms, ERROR);

	ck_assert_msg(code == 0, "%s", ERROR->message);
}

START_TEST(deleted_topic_is_gone_and_may_be_made_anew)
{
	const char *topic = contract_topic(1);

	contract_fill(topic, "a,b");
	delete_topic(topic);
	for (int waited = 0; topic_state(topic) != WEIR_ENOTFOUND; waited += SLICE) {
		ck_assert_int_lt(waited, contract.fixture->patience_ms);
		contract_idle();
	}
	delete_topic(topic);
	contract_create(topic, 1);
	contract_fill(topic, "c");
	contract_expect(topic, 0, true, "c");
	ck_assert_int_eq(contract_high(topic, 0), 1);
}
END_TEST

START_TEST(unknown_topic_has_no_range)
{
	const char *topic = contract_name("nowhere");
	int64_t low, high;
	int code = weir__broker_range(contract.broker, topic, 0, &low, &high,
				      contract.fixture->patience_ms, ERROR);

	ck_assert_int_ne(code, 0);
	ck_assert_ptr_nonnull(strstr(ERROR->message, topic));
}
END_TEST

START_TEST(subscribing_to_an_unknown_topic_is_fatal)
{
	const char *topic = contract_name("nowhere");
	struct weir_session_config config = {
		.name = "lost",
		.guarantee = WEIR_AT_LEAST_ONCE,
		.group = contract_name("group"),
		.inputs = &topic,
		.input_count = 1,
		.session_timeout_ms = contract.fixture->session_timeout_ms,
	};
	struct weir_session *session =
		weir__broker_session_open(contract.broker, &config, ERROR);
	struct weir_event event = {.type = WEIR_EVENT_IDLE};
	const char *message = ERROR->message;

	ck_assert_ptr_nonnull(session);
	/* said at once, or when the cluster has been asked */
	if (weir__session_subscribe(session, ERROR) == WEIR_SUCCESS) {
		for (int waited = 0; event.type != WEIR_EVENT_FAILED &&
				     waited < contract.fixture->patience_ms;
		     waited += SLICE)
			weir__session_poll(session, SLICE, &event);
		ck_assert_int_eq(event.type, WEIR_EVENT_FAILED);
		ck_assert_int_eq(event.outcome, WEIR_FATAL);
		message = event.error->message;
	}
	ck_assert_msg(strstr(message, topic) != NULL, "%s", message);
	weir__session_close(session);
}
END_TEST

START_TEST(sending_to_an_unknown_topic_is_fatal)
{
	const char *topic = contract_name("nowhere");
	struct weir_session_config config = {
		.name = "lost",
		.guarantee = WEIR_AT_LEAST_ONCE,
		.outputs = &topic,
		.output_count = 1,
		.session_timeout_ms = contract.fixture->session_timeout_ms,
	};
	struct weir_session *session =
		weir__broker_session_open(contract.broker, &config, ERROR);
	struct weir_message message = {.value = {"a", 1}, .timestamp_ms = -1,
				       .partition = WEIR_BY_KEY};
	struct weir_delivery_failure failure = {.outcome = WEIR_SUCCESS};
	enum weir_outcome outcome;

	ck_assert_ptr_nonnull(session);
	/* said by init, at once, or by the delivery that fails */
	outcome = WAIT(weir__session_init(session, SLICE, ERROR));
	if (outcome == WEIR_SUCCESS)
		outcome = WAIT(weir__session_send(session, 0, &message, 0, SLICE, ERROR));
	if (outcome == WEIR_SUCCESS) {
		EXPECT(WEIR_SUCCESS, weir__session_flush(session, SLICE, ERROR));
		ck_assert_uint_eq(weir__session_failures(session, &failure, 1), 1);
		outcome = failure.outcome;
		ck_assert_msg(strstr(failure.reason, topic) != NULL, "%s",
			      failure.reason);
	} else {
		ck_assert_msg(strstr(ERROR->message, topic) != NULL, "%s",
			      ERROR->message);
	}
	ck_assert_int_eq(outcome, WEIR_FATAL);
	weir__session_close(session);
}
END_TEST

/* ---- ranges and times ---- */

START_TEST(range_of_a_session_and_of_the_broker_agree)
{
	const char *topic = contract_topic(1);
	struct weir_session *session = contract_producer(NULL, NULL, topic);
	int64_t low = -1, high = -1;

	ck_assert_int_eq(contract_high(topic, 0), 0);
	contract_fill(topic, "a,b,c");
	EXPECT(WEIR_SUCCESS,
	       weir__session_range(session, topic, 0, &low, &high, SLICE, ERROR));
	ck_assert_int_eq(low, 0);
	ck_assert_int_eq(high, 3);
	ck_assert_int_eq(contract_high(topic, 0), 3);
	weir__session_close(session);
}
END_TEST

START_TEST(offset_at_is_the_first_of_that_time_or_later)
{
	const struct {
		int64_t at_ms, offset;
	} table[] = {{0, 0}, {1000, 0}, {1001, 1}, {2000, 1}, {3000, 2}, {3001, 3}};
	const char *topic = contract_topic(1);
	struct weir_session *session = contract_producer(NULL, NULL, topic);
	struct weir_message message = {.value = {"x", 1}, .partition = WEIR_BY_KEY};

	for (int i = 1; i <= 3; i++) {
		message.timestamp_ms = 1000 * i;
		EXPECT(WEIR_SUCCESS,
		       weir__session_send(session, 0, &message, 0, SLICE, ERROR));
		EXPECT(WEIR_SUCCESS, weir__session_flush(session, SLICE, ERROR));
	}
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		int64_t offset = -1;
		int code = weir__broker_offset_at(contract.broker, topic, 0,
						  table[i].at_ms, &offset,
						  contract.fixture->patience_ms, ERROR);

		ck_assert_msg(code == 0, "%s", ERROR->message);
		ck_assert_int_eq(offset, table[i].offset);
	}
	weir__session_close(session);
}
END_TEST

/* ---- committed offsets ---- */

START_TEST(committed_offsets_and_metadata_come_back)
{
	const char *topic = contract_topic(2), *group = contract_name("group");
	struct weir_offset offset = {
		.topic = topic, .partition = 1, .offset = 2, .metadata = "so far"};
	struct weir_offset read[] = {{.topic = topic, .partition = 0},
				     {.topic = topic, .partition = 1}};
	struct contract_member member;

	contract_member_open(&member, group, NULL, NULL, topic, NULL);
	contract_member_until(&member, WEIR_EVENT_ASSIGNED);
	EXPECT(WEIR_SUCCESS,
	       weir__session_commit_offsets(member.session, &offset, 1, SLICE, ERROR));
	EXPECT(WEIR_SUCCESS,
	       weir__session_committed(member.session, read, 2, SLICE, ERROR));
	ck_assert_int_eq(read[0].offset, WEIR_OFFSET_NONE);
	ck_assert_int_eq(read[1].offset, 2);
	ck_assert_str_eq(read[1].metadata, "so far");
	ck_assert_int_eq(contract_committed(group, topic, 0), WEIR_OFFSET_NONE);
	ck_assert_int_eq(contract_committed(group, topic, 1), 2);
	contract_member_close(&member);
}
END_TEST

/* The same offset again, with other metadata or none: what was committed last stands there. */
START_TEST(metadata_goes_with_the_commit_and_not_with_an_abort)
{
	static const char *const marks[] = {"first", "second", NULL};
	const char *in = contract_topic(1), *out = contract_topic(1);
	const char *group = contract_name("group");
	struct weir_offset read = {.topic = in};
	struct contract_member member;

	contract_member_open(&member, group, NULL, contract_name("tx"), in, out);
	contract_member_until(&member, WEIR_EVENT_ASSIGNED);
	for (int i = 0; i < 3; i++) {
		struct weir_offset offset = {
			.topic = in, .offset = 5, .metadata = marks[i]};

		EXPECT(WEIR_SUCCESS, weir__session_begin(member.session, ERROR));
		contract_send(member.session, "tick");
		EXPECT(WEIR_SUCCESS,
		       weir__session_commit(member.session, &offset, 1, SLICE, ERROR));
		EXPECT(WEIR_SUCCESS, weir__session_begin(member.session, ERROR));
		contract_send(member.session, "gone");
		/* not before the broker has heard of it: see weir__session_abort() */
		EXPECT(WEIR_SUCCESS, weir__session_flush(member.session, SLICE, ERROR));
		EXPECT(WEIR_SUCCESS, weir__session_abort(member.session, SLICE, ERROR));
		EXPECT(WEIR_SUCCESS,
		       weir__session_committed(member.session, &read, 1, SLICE, ERROR));
		ck_assert_int_eq(read.offset, 5);
		ck_assert_pstr_eq(read.metadata, marks[i]);
	}
	contract_member_close(&member);
}
END_TEST

START_TEST(next_member_starts_where_the_last_committed)
{
	const char *topic = contract_topic(1), *group = contract_name("group");
	struct weir_offset offset = {.topic = topic, .offset = 2};
	struct contract_member member;

	contract_fill(topic, "a,b,c");
	contract_member_open(&member, group, NULL, NULL, topic, NULL);
	contract_member_next(&member);
	contract_member_next(&member);
	EXPECT(WEIR_SUCCESS,
	       weir__session_commit_offsets(member.session, &offset, 1, SLICE, ERROR));
	contract_member_close(&member);
	contract_member_open(&member, group, NULL, NULL, topic, NULL);
	ck_assert_str_eq(contract_member_next(&member), "c");
	contract_member_close(&member);
}
END_TEST

/* ---- positions that are gone ---- */

START_TEST(position_below_the_log_is_a_gap)
{
	const char *topic = contract_topic(1);
	struct contract_member member;
	int64_t low, high;

	if (!contract.fixture->delete_records)
		return;
	contract_fill(topic, "a,b,c,d");
	contract.fixture->delete_records(topic, 0, 3);
	contract_member_open(&member, contract_name("group"), NULL, NULL, topic, NULL);
	contract_member_until(&member, WEIR_EVENT_GAP);
	ck_assert_int_eq(member.event.offset, 0);
	ck_assert_int_eq(member.event.partition->id, 0);
	EXPECT(WEIR_SUCCESS,
	       weir__session_range(member.session, topic, 0, &low, &high, SLICE, ERROR));
	ck_assert_int_eq(low, 3);
	ck_assert_int_eq(high, 4);
	EXPECT(WEIR_SUCCESS, weir__session_rewind(member.session, member.partitions[0],
						  low, SLICE, ERROR));
	ck_assert_str_eq(contract_member_next(&member), "d");
	contract_member_close(&member);
}
END_TEST

START_TEST(position_beyond_the_log_is_a_gap)
{
	const char *topic = contract_topic(1);
	struct contract_member member;

	contract_fill(topic, "a,b");
	contract_member_open(&member, contract_name("group"), NULL, NULL, topic, NULL);
	contract_member_next(&member);
	EXPECT(WEIR_SUCCESS, weir__session_rewind(member.session, member.partitions[0],
						  1000, SLICE, ERROR));
	contract_member_until(&member, WEIR_EVENT_GAP);
	ck_assert_int_eq(member.event.offset, 1000);
	contract_member_close(&member);
}
END_TEST

/* Behind a gap the partition is assigned anew: the next rewind may find it not yet started. */
START_TEST(rewinds_behind_a_gap_start_where_the_last_one_says)
{
	const char *topic = contract_topic(1);
	struct contract_member member;
	int64_t last = _i;

	contract_fill(topic, "a,b,c");
	contract_member_open(&member, contract_name("group"), NULL, NULL, topic, NULL);
	contract_member_next(&member);
	EXPECT(WEIR_SUCCESS, weir__session_rewind(member.session, member.partitions[0],
						  1000, SLICE, ERROR));
	contract_member_until(&member, WEIR_EVENT_GAP);
	EXPECT(WEIR_SUCCESS, weir__session_rewind(member.session, member.partitions[0], 1,
						  SLICE, ERROR));
	EXPECT(WEIR_SUCCESS, weir__session_rewind(member.session, member.partitions[0],
						  last, SLICE, ERROR));
	ck_assert_int_eq(*contract_member_next(&member), 'a' + last);
	contract_member_close(&member);
}
END_TEST

/* ---- readers ---- */

START_TEST(reader_starts_where_it_is_told)
{
	const char *topic = contract_topic(1);
	int64_t end;

	contract_fill(topic, "a,b,c,d");
	ck_assert_str_eq(contract_read(topic, 0, 2, true, &end), "c,d");
	ck_assert_int_eq(end, 4);
	ck_assert_str_eq(contract_read(topic, 0, 4, false, &end), "");
	ck_assert_int_eq(end, 4);
}
END_TEST

START_TEST(reader_reads_on_after_an_end)
{
	const char *topic = contract_topic(1);
	struct weir_offset place = {.topic = topic};
	struct weir_reader *reader =
		weir__broker_reader_open(contract.broker, &place, 1, true, ERROR);
	struct weir_message message;

	ck_assert_ptr_nonnull(reader);
	ck_assert_int_eq(contract_reader_until(reader, &place, &message), WEIR_EVENT_END);
	ck_assert_int_eq(place.offset, 0);
	contract_fill(topic, "a");
	ck_assert_int_eq(contract_reader_until(reader, &place, &message),
			 WEIR_EVENT_RECORD);
	ck_assert_int_eq(contract_reader_until(reader, &place, &message), WEIR_EVENT_END);
	ck_assert_int_eq(place.offset, 1);
	weir__reader_close(reader);
}
END_TEST

START_TEST(reader_reads_several_partitions_each_in_order)
{
	const char *topic = contract_topic(2);
	struct weir_offset places[] = {{.topic = topic, .partition = 0},
				       {.topic = topic, .partition = 1}};
	struct weir_session *session = contract_producer(NULL, NULL, topic);
	struct weir_reader *reader;
	struct weir_message message;
	struct weir_offset place;
	int64_t next[2] = {0, 0};

	for (int i = 0; i < 5; i++) {
		contract_send_key(session, "21", "even");
		contract_send_key(session, "a-little-bit-longer-string", "odd");
	}
	EXPECT(WEIR_SUCCESS, weir__session_flush(session, SLICE, ERROR));
	weir__session_close(session);
	reader = weir__broker_reader_open(contract.broker, places, 2, true, ERROR);
	for (int records = 0; records < 10;) {
		enum weir_event_type type =
			contract_reader_until(reader, &place, &message);

		ck_assert_str_eq(place.topic, topic);
		ck_assert_int_eq(place.offset, next[place.partition]);
		if (type == WEIR_EVENT_RECORD)
			next[place.partition]++, records++;
	}
	ck_assert_int_eq(next[0], 5);
	ck_assert_int_eq(next[1], 5);
	weir__reader_close(reader);
}
END_TEST

START_TEST(reader_tells_that_its_place_is_gone)
{
	const char *topic = contract_topic(1);
	struct weir_offset place = {.topic = topic, .offset = 1};
	struct weir_message message;
	struct weir_reader *reader;

	if (!contract.fixture->delete_records)
		return;
	contract_fill(topic, "a,b,c");
	contract.fixture->delete_records(topic, 0, 2);
	reader = weir__broker_reader_open(contract.broker, &place, 1, true, ERROR);
	ck_assert_int_eq(contract_reader_until(reader, &place, &message), WEIR_EVENT_GAP);
	ck_assert_int_eq(place.offset, 1);
	weir__reader_close(reader);
}
END_TEST

void
contract_add_places(Suite *suite, TCase *(*new_case)(Suite *, const char *))
{
	TCase *tcase = new_case(suite, "places");

	tcase_add_test(tcase, description_has_a_row_for_each_topic_asked_for);
	tcase_add_test(tcase, topic_is_created_once);
	tcase_add_test(tcase, deleted_topic_is_gone_and_may_be_made_anew);
	tcase_add_test(tcase, unknown_topic_has_no_range);
	tcase_add_test(tcase, subscribing_to_an_unknown_topic_is_fatal);
	tcase_add_test(tcase, sending_to_an_unknown_topic_is_fatal);
	tcase_add_test(tcase, range_of_a_session_and_of_the_broker_agree);
	tcase_add_test(tcase, offset_at_is_the_first_of_that_time_or_later);
	tcase_add_test(tcase, committed_offsets_and_metadata_come_back);
	tcase_add_test(tcase, metadata_goes_with_the_commit_and_not_with_an_abort);
	tcase_add_test(tcase, next_member_starts_where_the_last_committed);
	tcase_add_test(tcase, position_below_the_log_is_a_gap);
	tcase_add_test(tcase, position_beyond_the_log_is_a_gap);
	tcase_add_loop_test(tcase, rewinds_behind_a_gap_start_where_the_last_one_says, 0, 3);
	tcase_add_test(tcase, reader_starts_where_it_is_told);
	tcase_add_test(tcase, reader_reads_on_after_an_end);
	tcase_add_test(tcase, reader_reads_several_partitions_each_in_order);
	tcase_add_test(tcase, reader_tells_that_its_place_is_gone);
}
