/*
 * The contract of records: what is kept of a message, where its key puts it, sizes,
 * rewind and pause.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include "tests/broker/contract.h"

#define TEXT(s)                                                                          \
	{                                                                                \
		s, sizeof(s) - 1                                                         \
	}

static void
check_bytes(struct weir_bytes got, struct weir_bytes wanted)
{
	ck_assert_msg((got.data == NULL) == (wanted.data == NULL), "null is not empty");
	ck_assert_uint_eq(got.size, wanted.size);
	if (wanted.size > 0)
		ck_assert_mem_eq(got.data, wanted.data, wanted.size);
}

static void
check_message(const struct weir_message *got, const struct weir_message *wanted)
{
	check_bytes(got->key, wanted->key);
	check_bytes(got->value, wanted->value);
	ck_assert_int_eq(got->timestamp_ms, wanted->timestamp_ms);
	ck_assert_int_eq(got->partition, wanted->partition);
	ck_assert_uint_eq(got->header_count, wanted->header_count);
	for (size_t i = 0; i < wanted->header_count; i++) {
		ck_assert_str_eq(got->headers[i].name, wanted->headers[i].name);
		check_bytes(got->headers[i].value, wanted->headers[i].value);
	}
}

static const struct weir_header headers[] = {
	{"trace", TEXT("one")}, {"trace", TEXT("two")},      {"null", {NULL, 0}},
	{"empty", {"", 0}},     {"bytes", TEXT("\0\xff\n")},
};

static const struct weir_message messages[] = {
	{{NULL, 0}, {NULL, 0}, NULL, 0, 1700000000000, WEIR_BY_KEY},
	{{"", 0}, {"", 0}, NULL, 0, 1700000000001, WEIR_BY_KEY},
	{TEXT("key"), {NULL, 0}, NULL, 0, 1, WEIR_BY_KEY}, /* librdkafka cannot send a time of 0 */
	{{NULL, 0}, TEXT("value"), headers, 5, 1700000000003, WEIR_BY_KEY},
	{TEXT("\0key\0"), TEXT("\xff\0value"), headers, 1, 1600000000000, WEIR_BY_KEY},
};
enum { MESSAGES = sizeof(messages) / sizeof(messages[0]) };

static const char *
send_messages(void)
{
	const char *topic = contract_topic(1);
	struct weir_session *session = contract_producer(NULL, NULL, topic);

	for (int i = 0; i < MESSAGES; i++)
		EXPECT(WEIR_SUCCESS,
		       weir__session_send(session, 0, &messages[i], 0, SLICE, ERROR));
	EXPECT(WEIR_SUCCESS, weir__session_flush(session, SLICE, ERROR));
	weir__session_close(session);
	return topic;
}

START_TEST(consumer_gets_messages_as_they_were_sent)
{
	struct contract_member member;

	contract_member_open(&member, contract_name("group"), NULL, NULL, send_messages(),
			     NULL);
	for (int i = 0; i < MESSAGES; i++) {
		contract_member_until(&member, WEIR_EVENT_RECORD);
		ck_assert_int_eq(member.event.offset, i);
		ck_assert_int_eq(member.event.partition->id, 0);
		check_message(&member.event.message, &messages[i]);
	}
	contract_member_close(&member);
}
END_TEST

START_TEST(reader_gets_messages_as_they_were_sent)
{
	struct weir_offset place = {.topic = send_messages()};
	struct weir_reader *reader =
		weir__broker_reader_open(contract.broker, &place, 1, true, ERROR);
	struct weir_message message;

	ck_assert_ptr_nonnull(reader);
	for (int i = 0; i < MESSAGES; i++) {
		ck_assert_int_eq(contract_reader_until(reader, &place, &message),
				 WEIR_EVENT_RECORD);
		ck_assert_int_eq(place.offset, i);
		check_message(&message, &messages[i]);
	}
	weir__reader_close(reader);
}
END_TEST

START_TEST(message_without_a_time_gets_the_present)
{
	const char *topic = contract_topic(1);
	struct contract_member member;

	contract_fill(topic, "a");
	contract_member_open(&member, contract_name("group"), NULL, NULL, topic, NULL);
	contract_member_next(&member);
	ck_assert_int_gt(member.event.message.timestamp_ms, 0);
	contract_member_close(&member);
}
END_TEST

/* Keys and their murmur2 as Kafka's Java client computes it (its UtilsTest). */
static const struct {
	const char *key;
	int32_t hash;
} hashes[] = {
	{"21", -973932308},
	{"foobar", -790332482},
	{"a-little-bit-long-string", -985981536},
	{"a-little-bit-longer-string", -1486304829},
	{"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
	{"abc", 479470107},
};

START_TEST(keys_go_where_java_producers_put_them)
{
	enum { PARTITIONS = 7 };
	const char *topic = contract_topic(PARTITIONS);
	struct weir_session *session = contract_producer(NULL, NULL, topic);
	int32_t wanted = (hashes[_i].hash & 0x7fffffff) % PARTITIONS;

	contract_send_key(session, hashes[_i].key, "here");
	EXPECT(WEIR_SUCCESS, weir__session_flush(session, SLICE, ERROR));
	ck_assert_str_eq(contract_read(topic, wanted, 0, true, NULL), "here");
	ck_assert_int_eq(weir__session_delivered(session, 0, wanted), 0);
	weir__session_close(session);
}
END_TEST

START_TEST(message_goes_to_the_partition_that_it_names)
{
	enum { PARTITIONS = 7 };
	const char *topic = contract_topic(PARTITIONS);
	struct weir_session *session = contract_producer(NULL, NULL, topic);
	struct weir_message message = {
		.key = TEXT("abc"), .value = TEXT("here"), .timestamp_ms = -1};

	for (int32_t i = 0; i < PARTITIONS; i++) {
		message.partition = i;
		EXPECT(WEIR_SUCCESS,
		       weir__session_send(session, 0, &message, 0, SLICE, ERROR));
	}
	message.headers = headers;
	message.header_count = 1;
	EXPECT(WEIR_SUCCESS, weir__session_send(session, 0, &message, 0, SLICE, ERROR));
	EXPECT(WEIR_SUCCESS, weir__session_flush(session, SLICE, ERROR));
	for (int32_t i = 0; i < PARTITIONS; i++)
		ck_assert_str_eq(contract_read(topic, i, 0, true, NULL),
				 i < PARTITIONS - 1 ? "here" : "here,here");
	weir__session_close(session);
}
END_TEST

/* ---- rewind and pause ---- */

START_TEST(rewind_gives_exactly_the_records_from_there)
{
	const char *topic = contract_topic(1);
	struct contract_member member;

	contract_fill(topic, "a,b,c,d,e,f,g,h");
	contract_member_open(&member, contract_name("group"), NULL, NULL, topic, NULL);
	for (int i = 0; i < 5; i++)
		contract_member_next(&member);
	EXPECT(WEIR_SUCCESS, weir__session_rewind(member.session, member.partitions[0], 2,
						  SLICE, ERROR));
	for (int i = 2; i < 8; i++)
		contract_member_next(&member);
	ck_assert_str_eq(member.values.data, "a,b,c,d,e,c,d,e,f,g,h,");
	contract_member_close(&member);
}
END_TEST

/* Its fetcher has not started yet, and was told another place. */
START_TEST(partition_that_has_only_been_assigned_can_be_rewound)
{
	const char *topic = contract_topic(1);
	struct contract_member member;

	contract_fill(topic, "a,b,c,d");
	contract_member_open(&member, contract_name("group"), NULL, NULL, topic, NULL);
	contract_member_until(&member, WEIR_EVENT_ASSIGNED);
	EXPECT(WEIR_SUCCESS, weir__session_rewind(member.session, member.partitions[0], 2,
						  SLICE, ERROR));
	ck_assert_str_eq(contract_member_next(&member), "c");
	ck_assert_str_eq(contract_member_next(&member), "d");
	contract_member_close(&member);
}
END_TEST

START_TEST(rewind_forward_skips)
{
	const char *topic = contract_topic(1);
	struct contract_member member;

	contract_fill(topic, "a,b,c,d,e");
	contract_member_open(&member, contract_name("group"), NULL, NULL, topic, NULL);
	contract_member_next(&member);
	EXPECT(WEIR_SUCCESS, weir__session_rewind(member.session, member.partitions[0], 4,
						  SLICE, ERROR));
	ck_assert_str_eq(contract_member_next(&member), "e");
	contract_member_close(&member);
}
END_TEST

static void
expect_quiet(struct contract_member *member)
{
	size_t records = member->records;

	for (int i = 0; i < 5; i++)
		contract_member_turn(member);
	ck_assert_uint_eq(member->records, records);
}

START_TEST(pause_holds_and_resume_goes_on)
{
	const char *topic = contract_topic(1);
	struct contract_member member;

	contract_fill(topic, "a,b,c,d");
	contract_member_open(&member, contract_name("group"), NULL, NULL, topic, NULL);
	contract_member_next(&member);
	weir__session_pause(member.session, member.partitions[0]);
	expect_quiet(&member);
	weir__session_resume(member.session, member.partitions[0]);
	for (int i = 1; i < 4; i++)
		contract_member_next(&member);
	ck_assert_str_eq(member.values.data, "a,b,c,d,");
	contract_member_close(&member);
}
END_TEST

START_TEST(rewind_holds_on_a_paused_partition)
{
	const char *topic = contract_topic(1);
	struct contract_member member;

	contract_fill(topic, "a,b,c,d");
	contract_member_open(&member, contract_name("group"), NULL, NULL, topic, NULL);
	contract_member_next(&member);
	contract_member_next(&member);
	weir__session_pause(member.session, member.partitions[0]);
	EXPECT(WEIR_SUCCESS, weir__session_rewind(member.session, member.partitions[0], 1,
						  SLICE, ERROR));
	expect_quiet(&member);
	weir__session_resume(member.session, member.partitions[0]);
	for (int i = 1; i < 4; i++)
		contract_member_next(&member);
	ck_assert_str_eq(member.values.data, "a,b,b,c,d,");
	contract_member_close(&member);
}
END_TEST

START_TEST(other_partitions_go_on_while_one_is_paused)
{
	const char *topic = contract_topic(2);
	struct weir_session *session = contract_producer(NULL, NULL, topic);
	struct contract_member member;

	contract_send_key(session, "21", "even");
	contract_send_key(session, "a-little-bit-longer-string", "odd");
	EXPECT(WEIR_SUCCESS, weir__session_flush(session, SLICE, ERROR));
	weir__session_close(session);
	contract_member_open(&member, contract_name("group"), NULL, NULL, topic, NULL);
	contract_member_until(&member, WEIR_EVENT_ASSIGNED);
	weir__session_pause(member.session, member.partitions[0]);
	contract_member_next(&member);
	ck_assert_ptr_eq(member.event.partition, member.partitions[1]);
	expect_quiet(&member);
	contract_member_close(&member);
}
END_TEST

/* ---- sizes ---- */

enum { LIMIT = 2000, TOO_MUCH = 5000 };

/* Bytes that do not compress. */
static struct weir_message
noise(size_t size)
{
	char *bytes = weir__arena_alloc(&contract.arena, size);
	uint32_t state = 1;

	for (size_t i = 0; i < size; i++) {
		state = state * 1664525 + 1013904223;
		bytes[i] = (char)(state >> 24);
	}
	return (struct weir_message){.value = {bytes, size}, .timestamp_ms = -1,
				     .partition = WEIR_BY_KEY};
}

static const char *
small_topic(void)
{
	const char *topic = contract_name("small");
	char name[] = "max.message.bytes", value[] = "2000";
	struct weir_property property = {name, value};
	struct weir_properties settings = {&property, 1};
	int code = weir__broker_topic_create(contract.broker, topic, 1, 1, &settings,
					     contract.fixture->patience_ms, ERROR);

	ck_assert_msg(code == 0, "%s", ERROR->message);
	return topic;
}

START_TEST(too_large_message_fails_alone_without_a_transaction)
{
	const char *topic = small_topic();
	struct weir_session *session = contract_producer(NULL, NULL, topic);
	struct weir_message large = noise(TOO_MUCH);
	struct weir_delivery_failure failures[2];

	contract_send(session, "before");
	EXPECT(WEIR_SUCCESS, weir__session_flush(session, SLICE, ERROR));
	EXPECT(WEIR_SUCCESS, weir__session_send(session, 0, &large, 42, SLICE, ERROR));
	EXPECT(WEIR_SUCCESS, weir__session_flush(session, SLICE, ERROR));
	ck_assert_uint_eq(weir__session_failures(session, failures, 2), 1);
	ck_assert_uint_eq(failures[0].tag, 42);
	ck_assert_int_eq(failures[0].output, 0);
	ck_assert(failures[0].refused);
	ck_assert_int_ne(failures[0].reason[0], '\0');
	ck_assert_uint_eq(weir__session_failures(session, failures, 2), 0);
	contract_send(session, "after");
	EXPECT(WEIR_SUCCESS, weir__session_flush(session, SLICE, ERROR));
	contract_expect(topic, 0, true, "before,after");
	weir__session_close(session);
}
END_TEST

START_TEST(too_large_message_aborts_its_transaction)
{
	const char *topic = small_topic();
	struct weir_session *session =
		contract_producer(contract_name("tx"), NULL, topic);
	struct weir_message large = noise(TOO_MUCH);
	struct weir_delivery_failure failure;
	enum weir_outcome outcome;

	EXPECT(WEIR_SUCCESS, weir__session_begin(session, ERROR));
	EXPECT(WEIR_SUCCESS, weir__session_send(session, 0, &large, 7, SLICE, ERROR));
	EXPECT(WEIR_ABORT, weir__session_commit(session, NULL, 0, SLICE, ERROR));
	ck_assert_uint_eq(weir__session_failures(session, &failure, 1), 1);
	ck_assert_uint_eq(failure.tag, 7);
	ck_assert(failure.refused);
	outcome = WAIT(weir__session_abort(session, SLICE, ERROR));
	if (outcome == WEIR_TAINTED) { /* a producer may be of no use after a refused batch */
		EXPECT(WEIR_SUCCESS, weir__session_replace(session, ERROR));
		outcome = WAIT(weir__session_init(session, SLICE, ERROR));
	}
	ck_assert_int_eq(outcome, WEIR_SUCCESS);
	contract_produce(session, "small");
	contract_expect(topic, 0, true, "small");
	weir__session_close(session);
}
END_TEST

/*
 * The topic's limit is on the batch that the producer makes of them, compressed: no two of
 * them are the same.
 */
START_TEST(small_messages_are_taken_by_a_topic_of_small_batches)
{
	const char *topic = small_topic();
	struct weir_session *session =
		contract_producer(contract_name("tx"), NULL, topic);
	const char *bytes = noise(20 * LIMIT / 4).value.data;

	EXPECT(WEIR_SUCCESS, weir__session_begin(session, ERROR));
	for (uint64_t count = 0; count < 20; count++) {
		struct weir_message message = {
			.value = {bytes + count * LIMIT / 4, LIMIT / 4}, .timestamp_ms = -1,
			.partition = WEIR_BY_KEY};

		EXPECT(WEIR_SUCCESS,
		       weir__session_send(session, 0, &message, count, SLICE, ERROR));
	}
	EXPECT(WEIR_SUCCESS, weir__session_commit(session, NULL, 0, SLICE, ERROR));
	ck_assert_int_ge(contract_high(topic, 0), 20); /* the marker may still come */
	weir__session_close(session);
}
END_TEST

START_TEST(largest_message_of_an_output_is_known)
{
	struct weir_session *session = contract_producer(NULL, NULL, small_topic());

	ck_assert_uint_le(weir__session_max_message_bytes(session, 0), LIMIT);
	ck_assert_uint_gt(weir__session_max_message_bytes(session, 0), LIMIT / 2);
	weir__session_close(session);
}
END_TEST

void
contract_add_records(Suite *suite, TCase *(*new_case)(Suite *, const char *))
{
	TCase *tcase = new_case(suite, "records");

	tcase_add_test(tcase, consumer_gets_messages_as_they_were_sent);
	tcase_add_test(tcase, reader_gets_messages_as_they_were_sent);
	tcase_add_test(tcase, message_without_a_time_gets_the_present);
	tcase_add_loop_test(tcase, keys_go_where_java_producers_put_them, 0,
			    sizeof(hashes) / sizeof(hashes[0]));
	tcase_add_test(tcase, message_goes_to_the_partition_that_it_names);
	tcase_add_test(tcase, rewind_gives_exactly_the_records_from_there);
	tcase_add_test(tcase, partition_that_has_only_been_assigned_can_be_rewound);
	tcase_add_test(tcase, rewind_forward_skips);
	tcase_add_test(tcase, pause_holds_and_resume_goes_on);
	tcase_add_test(tcase, rewind_holds_on_a_paused_partition);
	tcase_add_test(tcase, other_partitions_go_on_while_one_is_paused);
	tcase_add_test(tcase, too_large_message_fails_alone_without_a_transaction);
	tcase_add_test(tcase, too_large_message_aborts_its_transaction);
	tcase_add_test(tcase, small_messages_are_taken_by_a_topic_of_small_batches);
	tcase_add_test(tcase, largest_message_of_an_output_is_known);
}
