/*
 * What vanishes while weir runs: its rights, and its input topic. Each ends with exit 1 and a
 * line that names it; given back, the app goes on where it was.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/faults/rig.h"

/* ---- rights ---- */

enum whose { IN, OUT, GROUP, ID };

static const struct right {
	const char *name; /* the app's */
	const char *guarantee;
	enum whose whose;
	const char *what, *right;
	const char *missing; /* said of it */
} rights[] = {
	{"vanish-in-exactly", "exactly-once", IN, "topic", "read", "READ"},
	{"vanish-in-least", "at-least-once", IN, "topic", "read", "READ"},
	{"vanish-in-most", "at-most-once", IN, "topic", "read", "READ"},
	{"vanish-out-exactly", "exactly-once", OUT, "topic", "write", "WRITE"},
	{"vanish-out-least", "at-least-once", OUT, "topic", "write", "WRITE"},
	{"vanish-out-most", "at-most-once", OUT, "topic", "write", "WRITE"},
	{"vanish-group-exactly", "exactly-once", GROUP, "group", "read", "READ on the consumer group"},
	{"vanish-group-least", "at-least-once", GROUP, "group", "read", "READ on the consumer group"},
	{"vanish-group-most", "at-most-once", GROUP, "group", "read", "READ on the consumer group"},
	{"vanish-id-exactly", "exactly-once", ID, "transaction", "write",
         "WRITE on the transactional id"},
};

/* All that the app needs, given to "guest". */
static struct rig *
open_as_guest(const struct right *right, char *id, size_t size)
{
	struct rig *rig = rig_open(right->name, right->guarantee);

	rig_set(rig, "/kafka/sasl.username=guest");
	rig_set(rig, "/kafka/sasl.password=guest-secret");
	snprintf(id, size, "%s/one/0", rig->name);
	rig_allow("topic", rig->in, "read");
	rig_allow("topic", rig->out, "write");
	rig_allow("group", rig->name, "read");
	rig_allow("transaction", id, "write");
	return rig;
}

/* Feed until it has ended, so that there is always something to do. */
static void
feed_until_ended(struct rig *rig, struct rig_child *child)
{
	int64_t deadline_ms = rig_now_ms() + RIG_PATIENCE_MS;

	while (!rig_ended(child)) {
		rig_produce(rig, 20);
		rig_pass(20);
		if (rig_now_ms() > deadline_ms)
			rig_fail(rig, "it goes on");
	}
}

START_TEST(right_that_vanishes_stops_with_its_name)
{
	const struct right *right = &rights[_i];
	char id[80], group[80];
	struct rig *rig = open_as_guest(right, id, sizeof(id));
	const char *const names[] = {
		[IN] = rig->in, [OUT] = rig->out, [GROUP] = rig->name, [ID] = id};
	/* the names of the topics begin with that of the group */
	const char *const said[] = {[IN] = rig->in, [OUT] = rig->out, [GROUP] = group, [ID] = id};
	struct rig_child *child;
	char *words;

	snprintf(group, sizeof(group), ": %s: ", rig->name);
	rig_set(rig, "/commit/records=25"); /* what at-most-once may lose */
	rig_produce(rig, 200);
	child = rig_run(rig, NULL);
	RIG_WAIT(rig, rig_size(rig, rig->out) > 0);
	rig_deny(right->what, names[right->whose], right->right);
	feed_until_ended(rig, child);
	RIG_EXPECT(rig, child->status == 1);
	words = rig_last_words(child);
	if (!strstr(words, said[right->whose]) || !strstr(words, right->missing))
		rig_fail(rig, "its last line does not say \"%s\" and \"%s\"", said[right->whose],
		         right->missing);
	free(words);
	rig_allow(right->what, names[right->whose], right->right);
	child = rig_run(rig, "--until-end", NULL);
	RIG_EXPECT(rig, rig_exit(child) == 0);
	rig_expect_guarantee(rig);
	rig_close(rig);
}
END_TEST

/* ---- the input topic ---- */

static const struct {
	const char *name, *again;
	const char *guarantee;
} topics[] = {
	{"deleted-exactly", "anew-exactly", "exactly-once"},
	{"deleted-least", "anew-least", "at-least-once"},
	{"deleted-most", "anew-most", "at-most-once"},
};

START_TEST(input_topic_that_is_deleted_stops_with_its_name)
{
	struct rig *rig = rig_open(topics[_i].name, topics[_i].guarantee);
	struct rig_child *child;

	rig_produce(rig, 200);
	child = rig_run(rig, NULL);
	RIG_WAIT(rig, rig_committed_to_end(rig));
	rig_topic_delete(rig->in);
	RIG_EXPECT(rig, rig_exit(child) == 1);
	RIG_EXPECT(rig, rig_says(child, rig->in));
	RIG_EXPECT(rig, rig_says(child, "does not exist"));
	rig_close(rig);
}
END_TEST

/*
 * Positions of the old topic mean nothing in the new one, though they may be within it. On a
 * slow machine it may be taken for deleted before it is there again.
 */
START_TEST(input_topic_that_is_made_anew_stops_and_none_of_it_is_skipped)
{
	struct rig *rig = rig_open(topics[_i].again, topics[_i].guarantee);
	struct rig_audit audit;
	struct rig_child *child;

	rig_produce(rig, 200);
	child = rig_run(rig, NULL);
	RIG_WAIT(rig, rig_committed_to_end(rig));
	rig_topic_delete(rig->in);
	RIG_WAIT(rig, rig_says(child, "input topic is missing"));
	rig_topic(rig, rig->in, RIG_IN_PARTITIONS);
	rig_produce(rig, 1000);
	RIG_EXPECT(rig, rig_exit(child) == 1);
	RIG_EXPECT(rig, rig_says(child, rig->in));
	RIG_EXPECT(rig, rig_says(child, "created anew") || rig_says(child, "does not exist"));
	child = rig_run(rig, "--until-end", NULL);
	RIG_EXPECT(rig, rig_exit(child) == 0);
	rig_audit(rig, &audit);
	RIG_EXPECT(rig, audit.ids == 1000 && audit.lost == 0);
	/* at-least-once had sent what it had read behind the old positions */
	RIG_EXPECT(rig, audit.repeated == 0 || strcmp(rig->guarantee, "at-least-once") == 0);
	RIG_EXPECT(rig, audit.foreign == 200); /* of the old topic */
	rig_close(rig);
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("faults");
	TCase *topic = tcase_create("topics that vanish");
	TCase *denied = tcase_create("rights that vanish");

	tcase_add_unchecked_fixture(topic, rig_setup, rig_teardown);
	tcase_set_timeout(topic, RIG_TEST_TIMEOUT_S);
	tcase_add_loop_test(topic, input_topic_that_is_deleted_stops_with_its_name, 0, 3);
	tcase_add_loop_test(topic, input_topic_that_is_made_anew_stops_and_none_of_it_is_skipped, 0,
	                    3);
	suite_add_tcase(suite, topic);
	tcase_add_unchecked_fixture(denied, rig_setup_secure, rig_teardown);
	tcase_set_timeout(denied, RIG_TEST_TIMEOUT_S);
	tcase_add_loop_test(denied, right_that_vanishes_stops_with_its_name, 0,
	                    sizeof(rights) / sizeof(rights[0]));
	suite_add_tcase(suite, denied);
	return suite;
}

int
main(void)
{
	const char *why = cluster_missing();

	return why ? weir_test_skip(why) : weir_test_run(suite());
}
