/*
 * kill -9 at random moments, under each guarantee.
 *
 * A round counts only if the process died while input was not committed. Most rounds are
 * aimed: the process has begun to write or to commit, and dies a random moment later; each
 * fifth dies at a random moment of its start.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/faults/rig.h"

#define CHUNK 500
#define TRICKLE 50
#define STOPS 100 /* moments to find it at work */
#define TRIES 20  /* for a round that came too late */

/* Small batches, so that many commits are there to be hit. */
#define SMALL_BATCHES "--set", "/commit/records=25", "--set", "/workers=2"
#define IN_HAND 50 /* records in one batch of each worker */

/* Input goes on coming, so that the process is at work whenever it dies. */
static void
produce_for(struct rig *rig, int64_t ms)
{
	int64_t end_ms = rig_now_ms() + ms;

	while (rig_now_ms() < end_ms)
		rig_produce(rig, TRICKLE);
}

/* Stand still at a random moment with input not committed: dying then is dying at work. */
static void
stop_at_work(struct rig *rig, struct rig_child *child)
{
	for (int attempt = 0; attempt < STOPS; attempt++) {
		produce_for(rig, rig_random(60));
		rig_produce(rig, CHUNK);
		rig_signal(child, SIGSTOP);
		if (!rig_committed_to_end(rig) || rig_ended(child))
			return;
		rig_signal(child, SIGCONT);
	}
}

/* Start, kill; true: it died with input not committed. */
static bool
kill_once(struct rig *rig, bool at_start)
{
	int64_t size = rig_size(rig, rig->out);
	struct rig_child *child = rig_run(rig, SMALL_BATCHES, NULL);

	if (at_start) {
		rig_pass(rig_random(60));
	} else {
		RIG_WAIT(rig, rig_size(rig, rig->out) > size || rig_ended(child));
		stop_at_work(rig, child);
	}
	if (rig_ended(child))
		rig_fail(rig, "it ended by itself, with %d", child->status);
	rig_signal(child, SIGKILL);
	ck_assert_int_eq(rig_exit(child), 128 + SIGKILL);
	return !rig_committed_to_end(rig);
}

static void
kill_round(struct rig *rig, int round)
{
	for (int attempt = 0; attempt < TRIES; attempt++) {
		rig_produce(rig, CHUNK);
		if (kill_once(rig, round % 5 == 4))
			return;
	}
	rig_fail(rig, "round %d: each time all was committed before it died", round);
}

static size_t
killed(const struct rig *rig)
{
	size_t count = 0;

	for (size_t index = 0; index < rig->child_count; index++)
		count += rig->children[index]->status == 128 + SIGKILL;
	return count;
}

/* Each death costs what was committed and not yet delivered: one batch of each worker. */
static void
expect_bounded_losses(struct rig *rig)
{
	struct rig_audit audit;

	rig_audit(rig, &audit);
	printf("# lost %zu of %zu in %zu deaths\n", audit.lost, audit.ids, killed(rig));
	RIG_EXPECT(rig, audit.lost <= killed(rig) * IN_HAND);
}

static void
kill_rounds(const char *name, const char *guarantee, int rounds)
{
	struct rig *rig = rig_open(name, guarantee);
	struct rig_child *child;

	rig_random_start();
	for (int round = 0; round < rounds; round++)
		kill_round(rig, round);
	child = rig_run(rig, "--until-end", NULL);
	RIG_EXPECT(rig, rig_exit(child) == 0);
	rig_expect_guarantee(rig);
	if (strcmp(guarantee, "at-most-once") == 0)
		expect_bounded_losses(rig);
	rig_close(rig);
}

START_TEST(killed_exactly_once_loses_and_repeats_nothing)
{
	kill_rounds("kill-exactly", "exactly-once", rig_rounds(20));
}
END_TEST

START_TEST(killed_at_least_once_loses_nothing)
{
	kill_rounds("kill-least", "at-least-once", rig_rounds(15));
}
END_TEST

START_TEST(killed_at_most_once_repeats_nothing_and_loses_a_batch_at_most)
{
	kill_rounds("kill-most", "at-most-once", rig_rounds(15));
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("faults");
	TCase *kill = tcase_create("kill -9");

	tcase_add_unchecked_fixture(kill, rig_setup, rig_teardown);
	tcase_set_timeout(kill, RIG_TEST_TIMEOUT_S * rig_rounds(50) / 50.0 + 60);
	tcase_add_test(kill, killed_exactly_once_loses_and_repeats_nothing);
	tcase_add_test(kill, killed_at_least_once_loses_nothing);
	tcase_add_test(kill, killed_at_most_once_repeats_nothing_and_loses_a_batch_at_most);
	suite_add_tcase(suite, kill);
	return suite;
}

int
main(void)
{
	const char *why = cluster_missing();

	return why ? weir_test_skip(why) : weir_test_run(suite());
}
