/*
 * Processors that go wrong: one that asks to try again later, one that crashes, one that
 * never stops emitting.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/faults/rig.h"

/* The step goes wrong as long as the file "broken" is there. */
static void
use_faulty(struct rig *rig, const char *options)
{
	rig_set(rig, "/plugins=[\"%s\"]", WEIR_FAULTY);
	rig_set(rig, "/steps=[{\"use\": \"faulty\", \"with\": {\"marker\": \"%s\", %s}}]",
	        rig_path(rig, "broken"), options);
	rig_file_make(rig, "broken");
}

/* ---- again later ---- */

#define STUCK 1 /* the partition that has to wait */

static bool
others_are_done(struct rig *rig)
{
	for (int32_t id = 0; id < RIG_IN_PARTITIONS; id++) {
		if (id != STUCK && rig_committed_at(rig, id) != rig_end(rig, rig->in, id))
			return false;
	}
	return true;
}

START_TEST(partition_that_tries_again_does_not_hold_up_others)
{
	struct rig *rig = rig_open("retry", "exactly-once");
	struct rig_child *child;

	use_faulty(rig, "\"what\": \"retry\", \"partition\": 1");
	rig_set(rig, "/errors/retry_backoff_max=300ms");
	rig_produce(rig, 1000);
	child = rig_run(rig, NULL);
	RIG_WAIT(rig, others_are_done(rig));
	rig_produce(rig, 1000);
	RIG_WAIT(rig, others_are_done(rig));
	RIG_EXPECT(rig, rig_committed_at(rig, STUCK) <= 0);
	RIG_EXPECT(rig, rig_says(child, "trying again later record=retry-in[1]@0"));
	RIG_WAIT(rig, !rig_transaction_open(rig, rig->out)); /* waiting keeps none open */
	rig_file_remove(rig, "broken");
	RIG_WAIT(rig, rig_committed_to_end(rig));
	rig_signal(child, SIGTERM);
	RIG_EXPECT(rig, rig_exit(child) == 0);
	rig_expect_exactly_once(rig);
	rig_close(rig);
}
END_TEST

START_TEST(record_that_never_works_is_rejected_after_its_attempts)
{
	struct rig *rig = rig_open("attempts", "exactly-once");
	struct rig_audit audit;
	struct rig_child *child;

	use_faulty(rig, "\"what\": \"retry\", \"value\": \"77\"");
	rig_set(rig, "/dead_letter/topic=%s", rig->dead);
	rig_set(rig, "/errors/retry_backoff=10ms");
	rig_set(rig, "/errors/retry_attempts=3");
	rig_produce(rig, 300);
	child = rig_run(rig, "--until-end", NULL);
	RIG_EXPECT(rig, rig_exit(child) == 0);
	RIG_EXPECT(rig, rig_says(child, "attempt=3"));
	RIG_EXPECT(rig, !rig_says(child, "attempt=4"));
	rig_expect_exactly_once(rig);
	rig_audit(rig, &audit);
	RIG_EXPECT(rig, audit.dead == 1);
	rig_close(rig);
}
END_TEST

/* ---- crashes ---- */

struct search {
	const char *value;
	char place[128]; /* topic[partition]@offset */
};

static void
look(void *opaque, const struct weir_offset *place, const struct weir_message *message)
{
	struct search *search = opaque;

	if (message->value.size == strlen(search->value) &&
	    memcmp(message->value.data, search->value, message->value.size) == 0)
		snprintf(search->place, sizeof(search->place), "%s[%" PRId32 "]@%" PRId64,
		         place->topic, place->partition, place->offset);
}

static const struct {
	const char *name;
	const char *guarantee;
} cases[] = {
	{"crash-exactly", "exactly-once"},
	{"crash-least", "at-least-once"},
	{"crash-most", "at-most-once"},
};

/* It crashes twice at the same record; then the plugin is mended. */
START_TEST(crash_names_its_record_and_loses_nothing)
{
	struct search search = {.value = "777"};
	struct rig *rig = rig_open(cases[_i].name, cases[_i].guarantee);
	struct rig_child *child;
	bool at_most = strcmp(rig->guarantee, "at-most-once") == 0;
	char said[256];

	use_faulty(rig, "\"what\": \"crash\", \"value\": \"777\"");
	rig_set(rig, "/commit/records=100");
	rig_produce(rig, 1000);
	rig_read(rig, rig->in, look, &search);
	snprintf(said, sizeof(said), "(SIGSEGV) in step faulty at %s", search.place);
	for (int round = 0; round < (at_most ? 1 : 2); round++) {
		child = rig_run(rig, NULL);
		RIG_EXPECT(rig, rig_exit(child) == 128 + SIGSEGV);
		if (!rig_says(child, said))
			rig_fail(rig, "it does not say \"%s\"", said);
		RIG_EXPECT(rig, !rig_committed_to_end(rig) || at_most);
	}
	rig_file_remove(rig, "broken");
	rig_produce(rig, 200); /* after at-most-once there may be nothing left to do */
	child = rig_run(rig, "--until-end", NULL);
	RIG_EXPECT(rig, rig_exit(child) == 0);
	rig_expect_guarantee(rig);
	rig_close(rig);
}
END_TEST

/* ---- floods ---- */

START_TEST(record_that_never_stops_emitting_is_rejected)
{
	struct rig *rig = rig_open("flood", "exactly-once");
	struct rig_audit audit;
	struct rig_child *child;

	use_faulty(rig, "\"what\": \"flood\", \"value\": \"77\"");
	rig_set(rig, "/dead_letter/topic=%s", rig->dead);
	rig_set(rig, "/commit/bytes=64KiB");
	rig_produce(rig, 300);
	child = rig_run(rig, "--until-end", NULL);
	RIG_EXPECT(rig, rig_exit(child) == 0);
	rig_expect_exactly_once(rig);
	rig_audit(rig, &audit);
	RIG_EXPECT(rig, audit.dead == 1);
	RIG_EXPECT(rig, rig_says(child, "commit.bytes"));
	rig_close(rig);
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("faults");
	TCase *processor = tcase_create("processors");

	tcase_add_unchecked_fixture(processor, rig_setup, rig_teardown);
	tcase_set_timeout(processor, RIG_TEST_TIMEOUT_S);
	tcase_add_test(processor, partition_that_tries_again_does_not_hold_up_others);
	tcase_add_test(processor, record_that_never_works_is_rejected_after_its_attempts);
	tcase_add_loop_test(processor, crash_names_its_record_and_loses_nothing, 0,
	                    sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(processor, record_that_never_stops_emitting_is_rejected);
	suite_add_tcase(suite, processor);
	return suite;
}

int
main(void)
{
	const char *why = cluster_missing();

	return why ? weir_test_skip(why) : weir_test_run(suite());
}
