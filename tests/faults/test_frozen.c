/*
 * SIGSTOP beyond the transaction timeout and the session timeout, then SIGCONT: a process
 * that is back from the dead and does not know it. Alone, and with another instance that
 * took over meanwhile.
 *
 * Under exactly-once the process is stopped with a transaction open, which the broker then
 * aborts; that is looked for in the output topic.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/faults/rig.h"

#define TIMEOUT_MS 6000 /* transaction and session, see rig_open() */
#define TRIES 50

/* Stop it with a batch in hand; the batches are long, so that there is one. */
static void
freeze(struct rig *rig, struct rig_child *child)
{
	bool exactly = strcmp(rig->guarantee, "exactly-once") == 0;

	for (int attempt = 0; attempt < TRIES; attempt++) {
		rig_produce(rig, 50);
		rig_pass(rig_random(100));
		rig_signal(child, SIGSTOP);
		if (exactly ? rig_transaction_open(rig, rig->out) : !rig_committed_to_end(rig))
			return;
		rig_signal(child, SIGCONT);
	}
	rig_fail(rig, "never had a batch in hand");
}

static const struct {
	const char *name;
	const char *guarantee;
} cases[] = {
	{"frozen-exactly", "exactly-once"},
	{"frozen-least", "at-least-once"},
	{"frozen-most", "at-most-once"},
};

static struct rig *
open_frozen(int index, const char *suffix, struct rig_child **child)
{
	char name[48];
	struct rig *rig;

	snprintf(name, sizeof(name), "%s-%s", cases[index].name, suffix);
	rig_random_start();
	rig = rig_open(name, cases[index].guarantee);
	rig_set(rig, "/commit/interval=500ms");
	rig_produce(rig, 400);
	*child = rig_run(rig, NULL);
	RIG_WAIT(rig, rig_committed_to_end(rig));
	freeze(rig, *child);
	return rig;
}

static void
terminate(struct rig *rig, struct rig_child *child)
{
	rig_signal(child, SIGTERM);
	RIG_EXPECT(rig, rig_exit(child) == 0);
}

START_TEST(frozen_alone_goes_on)
{
	struct rig_child *child;
	struct rig *rig = open_frozen(_i, "alone", &child);

	rig_produce(rig, 400);
	rig_pass(TIMEOUT_MS + 2000);
	RIG_WAIT(rig, !rig_transaction_open(rig, rig->out));
	rig_signal(child, SIGCONT);
	rig_produce(rig, 400);
	RIG_WAIT(rig, rig_committed_to_end(rig) || rig_ended(child));
	terminate(rig, child);
	rig_expect_guarantee(rig);
	rig_close(rig);
}
END_TEST

START_TEST(frozen_while_another_takes_over_comes_back)
{
	struct rig_child *child, *other;
	struct rig *rig = open_frozen(_i, "replaced", &child);

	other = rig_run(rig, "--set", "/instance=two", NULL);
	rig_produce(rig, 400);
	RIG_WAIT(rig, rig_committed_to_end(rig));
	rig_signal(child, SIGCONT);
	rig_produce(rig, 400);
	/* it is a member again, and some of the partitions are its own */
	RIG_WAIT(rig, rig_says(other, "owned=2"));
	rig_produce(rig, 400);
	RIG_WAIT(rig, rig_committed_to_end(rig));
	terminate(rig, other);
	terminate(rig, child);
	rig_expect_guarantee(rig);
	rig_close(rig);
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("faults");
	TCase *frozen = tcase_create("SIGSTOP");
	int count = sizeof(cases) / sizeof(cases[0]);

	tcase_add_unchecked_fixture(frozen, rig_setup, rig_teardown);
	tcase_set_timeout(frozen, RIG_TEST_TIMEOUT_S);
	tcase_add_loop_test(frozen, frozen_alone_goes_on, 0, count);
	tcase_add_loop_test(frozen, frozen_while_another_takes_over_comes_back, 0, count);
	suite_add_tcase(suite, frozen);
	return suite;
}

int
main(void)
{
	const char *why = cluster_missing();

	return why ? weir_test_skip(why) : weir_test_run(suite());
}
