/*
 * kill -9 at every named step between a store's first write and LMDB's commit, and in a
 * restore (lib/base/fault_point.h): afterwards outputs, changelogs and stores are those of the
 * input.
 *
 * The process dies twice at the step, by its own hand and nowhere else, and the weir that was
 * built goes on where it lay.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/fault_point.h>

#include "tests/faults/rig_stores.h"

#define IDS 400
#define DEATHS 2

/* Small batches, so that there are many of them. */
#define SMALL_BATCHES "/commit/records=20"

struct step {
	const char *name; /* NAME:N */
	bool restores;    /* it needs a store to restore: the folder is deleted before */
};

static const struct step exactly_once[] = {
	{"WRITE_STAGED:1", false},
	{"WRITE_STAGED:75", false}, /* in a later batch */
	{"CHANGES_HELD:1", false},
	{"CHANGES_HELD:33", false},
	{"CHANGES_QUEUED:1", false},
	{"CHANGES_QUEUED:33", false},
	{"BATCH_ENDED:1", false},
	{"BATCH_ENDED:3", false},
	{"COMMIT_NEXT:1", false},
	{"COMMIT_NEXT:3", false},
	{"COMMIT_ANSWERED:1", false},
	{"COMMIT_ANSWERED:3", false},
	{"META_WRITTEN:1", false}, /* the empty restore at the start commits, too */
	{"META_WRITTEN:3", false},
	{"META_WRITTEN:4", false},
	{"PART_MERGED:1", false},
	{"PART_MERGED:2", false},
	{"TASK_COMMITTED:1", false},
	{"TASK_COMMITTED:2", false},
	{"STORES_COMMITTED:1", false},
	{"STORES_COMMITTED:3", false},
	{"RESTORE_APPLIED:1", true},
	{"RESTORE_APPLIED:150", true},
	{"RESTORE_COMMIT_NEXT:1", true},
	{"RESTORE_COMMIT_NEXT:2", true},
	{"RESTORE_COMMITTED:1", true},
	{"RESTORE_COMMITTED:2", true},
};

static const struct step at_least_once[] = {
	{"WRITE_STAGED:75", false},
	{"CHANGES_HELD:33", false},
	{"BATCH_ENDED:1", false},
	{"BATCH_ENDED:3", false},
	{"OUTPUTS_FLUSHED:1", false},
	{"OUTPUTS_FLUSHED:3", false},
	{"CHANGELOGS_FLUSHED:1", false},
	{"CHANGELOGS_FLUSHED:3", false},
	{"META_WRITTEN:3", false},
	{"PART_MERGED:1", false},
	{"TASK_COMMITTED:1", false},
	{"STORES_COMMITTED:1", false}, /* before the offsets */
	{"STORES_COMMITTED:3", false},
	{"COMMIT_ANSWERED:3", false},
	{"RESTORE_APPLIED:150", true},
	{"RESTORE_COMMIT_NEXT:1", true},
	{"RESTORE_COMMITTED:1", true},
};

#define COUNT(steps) (int)(sizeof(steps) / sizeof((steps)[0]))

/* ---- deaths ---- */

static void
die_at(struct rig *rig, const char *step)
{
	struct rig_child *child;
	char says[64];

	setenv("WEIR_DIE_AT", step, 1);
	rig->program = WEIR_FAULT_POINT_PROGRAM;
	child = rig_run(rig, "--set", SMALL_BATCHES, NULL);
	rig->program = NULL;
	unsetenv("WEIR_DIE_AT");
	snprintf(says, sizeof(says), "dies at %.*s\n", (int)strcspn(step, ":"), step);
	if (rig_exit(child) != 128 + SIGKILL || !rig_says(child, says))
		rig_fail(rig, "it ended with %d, not at %s", child->status, step);
}

static void
run_to_end(struct rig *rig)
{
	RIG_EXPECT(rig, rig_exit(rig_run(rig, "--until-end", NULL)) == 0);
}

static void
dies(const struct step *step, const char *guarantee, const char *short_name)
{
	char name[48];
	struct rig *rig;

	snprintf(name, sizeof(name), "%s-%s", short_name, step->name);
	*strchr(name, ':') = '-';
	rig = rig_open_stores(name, guarantee);
	rig_produce(rig, IDS);
	if (step->restores) {
		run_to_end(rig);
		rig_produce(rig, IDS);
		rig_state_delete(rig);
	}
	for (int death = 0; death < DEATHS; death++) {
		die_at(rig, step->name);
		rig_produce(rig, IDS); /* with nothing to read no store is opened */
	}
	run_to_end(rig);
	rig_expect_stores(rig);
	rig_close(rig);
}

START_TEST(killed_at_a_step_exactly_once_keeps_stores_outputs_and_changelogs_equal)
{
	dies(&exactly_once[_i], "exactly-once", "eo");
}
END_TEST

START_TEST(killed_at_a_step_at_least_once_loses_nothing_of_stores_or_outputs)
{
	dies(&at_least_once[_i], "at-least-once", "alo");
}
END_TEST

/* Some changes of a record may be in their changelog, and others not: that is allowed. */
START_TEST(killed_while_changelogs_are_sent_at_least_once_loses_no_output)
{
	struct rig *rig = rig_open_stores("alo-queued", "at-least-once");

	rig_produce(rig, IDS);
	for (int death = 0; death < DEATHS; death++)
		die_at(rig, "CHANGELOGS_QUEUED:2");
	run_to_end(rig);
	rig_expect_stores_like_changelogs(rig);
	rig_expect_verdict(rig);
	rig_close(rig);
}
END_TEST

/* ---- the tables themselves ---- */

static bool
is_in(const struct step *steps, int count, const char *name)
{
	size_t length = strlen(name);

	for (int index = 0; index < count; index++)
		if (!strncmp(steps[index].name, name, length) && steps[index].name[length] == ':')
			return true;
	return false;
}

START_TEST(every_fault_point_is_died_at)
{
	static const char *const names[] = {
#define WEIR_FAULT_POINT_NAME(name, what) #name,
		WEIR_FAULT_POINT_MAP(WEIR_FAULT_POINT_NAME)
#undef WEIR_FAULT_POINT_NAME
	};

	for (int index = 0; index < COUNT(names); index++)
		ck_assert_msg(is_in(exactly_once, COUNT(exactly_once), names[index]) ||
		                      is_in(at_least_once, COUNT(at_least_once), names[index]) ||
		                      !strcmp(names[index], "CHANGELOGS_QUEUED") ||
		                      !strncmp(names[index], "RESET_", 6), /* apps/test_reset.sh */
		              "nobody dies at %s", names[index]);
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("faults");
	TCase *points = tcase_create("fault points");

	tcase_add_unchecked_fixture(points, rig_setup, rig_teardown);
	tcase_set_timeout(points, RIG_TEST_TIMEOUT_S);
	tcase_add_test(points, every_fault_point_is_died_at);
	tcase_add_loop_test(
		points, killed_at_a_step_exactly_once_keeps_stores_outputs_and_changelogs_equal,
		0, COUNT(exactly_once));
	tcase_add_loop_test(
		points, killed_at_a_step_at_least_once_loses_nothing_of_stores_or_outputs, 0,
		COUNT(at_least_once));
	tcase_add_test(points,
	               killed_while_changelogs_are_sent_at_least_once_loses_no_output);
	suite_add_tcase(suite, points);
	return suite;
}

int
main(void)
{
	const char *why = cluster_missing();

	return why ? weir_test_skip(why) : weir_test_run(suite());
}
