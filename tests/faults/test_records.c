/*
 * Records that are odd: null, empty, no UTF-8, no JSON, of numbers that do not fit, large,
 * and too large for where they go. Nothing happens to the records around them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/faults/rig.h"

#define MIB (1024 * 1024)

/* ---- odd records ---- */

struct odd {
	const char *key; /* NULL: null */
	const char *value;
	bool is_json; /* and jq's numbers can hold it */
};

static const struct odd odds[] = {
	{NULL, "{\"id\": 1}", true},
	{"", "{\"id\": 2}", true},
	{"\xff\xfe", "[3]", true},
	{"null value", NULL, false},
	{"empty value", "", false},
	{"no UTF-8", "\xc3\x28\xff", false},
	{"no UTF-8 in JSON", "{\"a\": \"\xc3\x28\"}", false},
	{"no JSON", "{\"a\": ", false},
	{"two values", "1 2", false},
	{"beyond 2^53", "{\"n\": 9007199254740993}", false},
	{"beyond int64", "{\"n\": 92233720368547758080}", false},
	{"beyond doubles", "{\"n\": 1e999}", false},
	{"registry", "[\"not framed\"]", true},
};
#define ODD_COUNT (sizeof(odds) / sizeof(odds[0]))

static struct weir_bytes
bytes(const char *text)
{
	return (struct weir_bytes){text, text ? strlen(text) : 0};
}

static void
produce_odds(struct rig *rig)
{
	for (size_t index = 0; index < ODD_COUNT; index++)
		rig_produce_record(rig, bytes(odds[index].key), bytes(odds[index].value));
}

static bool
same(struct weir_bytes a, struct weir_bytes b)
{
	return !a.data == !b.data && a.size == b.size &&
	       (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* How often each odd record is there, byte for byte; `strange`: none of them. */
struct tally {
	int counts[ODD_COUNT];
	int strange;
	int without_reason;
	bool is_dead;
};

static struct weir_bytes
header(const struct weir_message *message, const char *name)
{
	for (size_t index = 0; index < message->header_count; index++) {
		if (strcmp(message->headers[index].name, name) == 0)
			return message->headers[index].value;
	}
	return (struct weir_bytes){NULL, 0};
}

static void
count_odd(void *opaque, const struct weir_offset *place, const struct weir_message *message)
{
	struct tally *tally = opaque;
	bool found = false;

	(void)place;
	for (size_t index = 0; index < ODD_COUNT && !found; index++) {
		found = same(message->key, bytes(odds[index].key)) &&
		        same(message->value, bytes(odds[index].value));
		tally->counts[index] += found;
	}
	tally->strange += !found;
	if (tally->is_dead && header(message, "weir.reason").size == 0)
		tally->without_reason++;
}

START_TEST(odd_records_are_copied_byte_for_byte)
{
	struct rig *rig = rig_open("odd-copy", "exactly-once");
	struct tally out = {.is_dead = false};
	struct rig_child *child;

	produce_odds(rig);
	child = rig_run(rig, "--until-end", NULL);
	RIG_EXPECT(rig, rig_exit(child) == 0);
	rig_read(rig, rig->out, count_odd, &out);
	RIG_EXPECT(rig, out.strange == 0);
	for (size_t index = 0; index < ODD_COUNT; index++) {
		if (out.counts[index] != 1)
			rig_fail(rig, "odd record %zu came %d times", index, out.counts[index]);
	}
	rig_close(rig);
}
END_TEST

/* jq's identity: what is JSON passes as it came, the rest is rejected as it came. */
START_TEST(odd_records_that_jq_cannot_take_are_dead_letters)
{
	struct rig *rig = rig_open("odd-jq", "exactly-once");
	struct tally out = {.is_dead = false}, dead = {.is_dead = true};
	struct rig_child *child;

	rig_set(rig, "/dead_letter/topic=%s", rig->dead);
	rig_set(rig, "/steps=[{\"use\": \"jq\", \"with\": {\"program\": \".\"}}]");
	produce_odds(rig);
	child = rig_run(rig, "--until-end", NULL);
	RIG_EXPECT(rig, rig_exit(child) == 0);
	rig_read(rig, rig->out, count_odd, &out);
	rig_read(rig, rig->dead, count_odd, &dead);
	RIG_EXPECT(rig, out.strange == 0 && dead.strange == 0);
	RIG_EXPECT(rig, dead.without_reason == 0);
	for (size_t index = 0; index < ODD_COUNT; index++) {
		if (out.counts[index] != odds[index].is_json ||
		    dead.counts[index] != !odds[index].is_json)
			rig_fail(rig, "odd record %zu: %d times in out, %d in dead", index,
			         out.counts[index], dead.counts[index]);
	}
	RIG_EXPECT(rig, rig_committed_to_end(rig));
	rig_close(rig);
}
END_TEST

/* ---- large ones ---- */

struct large {
	int values; /* of the size */
	int omitted;
	size_t size;
};

static void
count_large(void *opaque, const struct weir_offset *place, const struct weir_message *message)
{
	struct large *large = opaque;

	(void)place;
	large->values += message->value.size == large->size;
	large->omitted += !message->value.data && header(message, "weir.value.omitted").size > 0;
}

static struct rig *
open_large(const char *name, bool output_takes_it)
{
	struct rig *rig = rig_open(name, "exactly-once");

	rig_topic_set(rig->in, "max.message.bytes", "4194304");
	if (output_takes_it)
		rig_topic_set(rig->out, "max.message.bytes", "4194304");
	rig_set(rig, "/dead_letter/topic=%s", rig->dead);
	rig_produce(rig, 200);
	rig_produce_padded(rig, 2 * MIB);
	rig_produce(rig, 200);
	return rig;
}

START_TEST(value_of_two_mib_goes_where_the_topic_takes_it)
{
	struct rig *rig = open_large("large", true);
	struct large large = {.size = 2 * MIB};
	struct rig_audit audit;
	struct rig_child *child = rig_run(rig, "--until-end", NULL);

	RIG_EXPECT(rig, rig_exit(child) == 0);
	rig_expect_exactly_once(rig);
	rig_audit(rig, &audit);
	RIG_EXPECT(rig, audit.dead == 0);
	rig_read(rig, rig->out, count_large, &large);
	RIG_EXPECT(rig, large.values == 1);
	rig_close(rig);
}
END_TEST

/* Known beforehand: it is rejected before anything is sent, and its letter has no value. */
START_TEST(value_beyond_the_output_topic_is_a_dead_letter)
{
	struct rig *rig = open_large("too-large", false);
	struct large large = {.size = 2 * MIB};
	struct rig_audit audit;
	struct rig_child *child = rig_run(rig, "--until-end", NULL);

	RIG_EXPECT(rig, rig_exit(child) == 0);
	RIG_EXPECT(rig, rig_says(child, "too-large-out"));
	RIG_EXPECT(rig, rig_committed_to_end(rig));
	RIG_EXPECT(rig, rig_says(child, "aborts=0"));
	rig_read(rig, rig->dead, count_large, &large);
	RIG_EXPECT(rig, large.values == 0 && large.omitted == 1);
	rig_audit(rig, &audit);
	RIG_EXPECT(rig, audit.lost == 1 && audit.repeated == 0 && audit.dead == 1);
	rig_close(rig);
}
END_TEST

/* ---- refused by the broker alone ---- */

static const struct {
	const char *name;
	const char *guarantee;
} cases[] = {
	{"refused-exactly", "exactly-once"},
	{"refused-least", "at-least-once"},
};

/* The topic's limit is lowered while weir runs, which has read it at its start. */
START_TEST(record_that_only_the_broker_refuses_is_a_dead_letter)
{
	struct rig *rig = rig_open(cases[_i].name, cases[_i].guarantee);
	struct rig_audit audit;
	struct rig_child *child;

	rig_set(rig, "/dead_letter/topic=%s", rig->dead);
	rig_produce(rig, 100);
	child = rig_run(rig, NULL);
	RIG_WAIT(rig, rig_committed_to_end(rig));
	rig_topic_set(rig->out, "max.message.bytes", "3000");
	rig_signal(child, SIGSTOP); /* so that these come in one batch */
	for (int count = 0; count < 3; count++) {
		rig_produce(rig, 30);
		rig_produce_padded(rig, 5000);
	}
	rig_signal(child, SIGCONT);
	RIG_WAIT(rig, rig_committed_to_end(rig) || rig_ended(child));
	rig_signal(child, SIGTERM);
	RIG_EXPECT(rig, rig_exit(child) == 0);
	RIG_EXPECT(rig, rig_says(child, "delivery failed"));
	rig_expect_guarantee(rig);
	rig_audit(rig, &audit);
	RIG_EXPECT(rig, audit.dead == 3);
	rig_close(rig);
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("faults");
	TCase *records = tcase_create("records");

	tcase_add_unchecked_fixture(records, rig_setup, rig_teardown);
	tcase_set_timeout(records, RIG_TEST_TIMEOUT_S);
	tcase_add_test(records, odd_records_are_copied_byte_for_byte);
	tcase_add_test(records, odd_records_that_jq_cannot_take_are_dead_letters);
	tcase_add_test(records, value_of_two_mib_goes_where_the_topic_takes_it);
	tcase_add_test(records, value_beyond_the_output_topic_is_a_dead_letter);
	tcase_add_loop_test(records, record_that_only_the_broker_refuses_is_a_dead_letter, 0,
	                    sizeof(cases) / sizeof(cases[0]));
	suite_add_tcase(suite, records);
	return suite;
}

int
main(void)
{
	const char *why = cluster_missing();

	return why ? weir_test_skip(why) : weir_test_run(suite());
}
