/*
 * Two instances with one id: on one machine the second does not start, on two machines the
 * older is fenced. And instances with names of their own, which come and go.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <signal.h>
#include <stdio.h>

#include "tests/faults/rig.h"

#define CHUNK 400

static void
terminate(struct rig *rig, struct rig_child *child)
{
	rig_signal(child, SIGTERM);
	RIG_EXPECT(rig, rig_exit(child) == 0);
}

/* Feed until the condition holds, so that there is always something to lose. */
#define FEED_UNTIL(rig, condition)                                                       \
	do {                                                                             \
		int64_t feed_deadline_ = rig_now_ms() + RIG_PATIENCE_MS;                 \
		do {                                                                     \
			rig_produce(rig, 20);                                            \
			if (rig_now_ms() > feed_deadline_)                               \
				rig_fail(rig, "fed in vain until: " #condition);         \
		} while (!(condition));                                                  \
	} while (0)

/* ---- one id ---- */

START_TEST(second_on_the_same_machine_does_not_start)
{
	struct rig *rig = rig_open("twin-near", "exactly-once");
	struct rig_child *first = rig_run(rig, NULL), *second;
	char pid[32];

	rig_produce(rig, CHUNK);
	RIG_WAIT(rig, rig_says(first, "partitions assigned"));
	second = rig_run(rig, NULL);
	RIG_EXPECT(rig, rig_exit(second) == 2);
	snprintf(pid, sizeof(pid), "%d", (int)first->pid);
	RIG_EXPECT(rig, rig_says(second, pid));
	RIG_EXPECT(rig, rig_says(second, "--set /instance="));
	rig_produce(rig, CHUNK);
	RIG_WAIT(rig, rig_committed_to_end(rig));
	terminate(rig, first);
	rig_expect_exactly_once(rig);
	rig_close(rig);
}
END_TEST

static const struct {
	const char *name;
	const char *guarantee;
} far[] = {
	{"twin-far-exactly", "exactly-once"},
	{"twin-far-least", "at-least-once"},
	{"twin-far-most", "at-most-once"},
};

START_TEST(second_on_another_machine_fences_the_first)
{
	struct rig *rig = rig_open(far[_i].name, far[_i].guarantee);
	struct rig_child *first = rig_run(rig, NULL), *second;
	char state_dir[320];

	FEED_UNTIL(rig, rig_size(rig, rig->out) > 0);
	snprintf(state_dir, sizeof(state_dir), "/state_dir=%s", rig_path(rig, "elsewhere"));
	second = rig_run(rig, "--set", state_dir, NULL);
	FEED_UNTIL(rig, rig_ended(first) || rig_ended(second));
	RIG_EXPECT(rig, !second->ended);
	RIG_EXPECT(rig, rig_exit(first) == 3);
	RIG_EXPECT(rig, rig_says(first, "--set /instance="));
	RIG_WAIT(rig, rig_committed_to_end(rig));
	terminate(rig, second);
	rig_expect_guarantee(rig);
	rig_close(rig);
}
END_TEST

/* ---- instances that come and go ---- */

static const struct {
	const char *name;
	const char *guarantee;
	int leaves_by;
} guests[] = {
	{"guest-term-exactly", "exactly-once", SIGTERM},
	{"guest-term-most", "at-most-once", SIGTERM},
	{"guest-kill-exactly", "exactly-once", SIGKILL},
	{"guest-kill-least", "at-least-once", SIGKILL},
	{"guest-kill-most", "at-most-once", SIGKILL},
};

/* The second's partitions are the first's again when the session timeout has passed. */
START_TEST(second_instance_joins_and_leaves)
{
	int leaves_by = guests[_i].leaves_by;
	struct rig *rig = rig_open(guests[_i].name, guests[_i].guarantee);
	struct rig_child *first = rig_run(rig, NULL), *second;

	FEED_UNTIL(rig, rig_size(rig, rig->out) > 0);
	second = rig_run(rig, "--set", "/instance=two", NULL);
	FEED_UNTIL(rig, rig_says(second, "owned=2"));
	for (int count = 0; count < 20; count++)
		rig_produce(rig, 20);
	rig_signal(second, leaves_by);
	rig_produce(rig, CHUNK);
	RIG_EXPECT(rig, rig_exit(second) == (leaves_by == SIGKILL ? 128 + SIGKILL : 0));
	RIG_EXPECT(rig, !rig_committed_to_end(rig)); /* its partitions wait */
	rig_produce(rig, CHUNK);
	RIG_WAIT(rig, rig_committed_to_end(rig));
	terminate(rig, first);
	rig_expect_guarantee(rig);
	rig_close(rig);
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("faults");
	TCase *twins = tcase_create("two instances");

	tcase_add_unchecked_fixture(twins, rig_setup, rig_teardown);
	tcase_set_timeout(twins, RIG_TEST_TIMEOUT_S);
	tcase_add_test(twins, second_on_the_same_machine_does_not_start);
	tcase_add_loop_test(twins, second_on_another_machine_fences_the_first, 0,
	                    sizeof(far) / sizeof(far[0]));
	tcase_add_loop_test(twins, second_instance_joins_and_leaves, 0,
	                    sizeof(guests) / sizeof(guests[0]));
	suite_add_tcase(suite, twins);
	return suite;
}

int
main(void)
{
	const char *why = cluster_missing();

	return why ? weir_test_skip(why) : weir_test_run(suite());
}
