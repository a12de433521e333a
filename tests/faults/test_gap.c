/*
 * Offsets lost to retention: records that the group had yet to read are deleted.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdio.h>

#include "tests/faults/rig.h"

#define CUT 60 /* records of partition 0 that are deleted unread */

/* Process some, then delete more than was processed: from *committed up to *start. */
static struct rig *
open_cut(const char *name, int64_t *committed, int64_t *start)
{
	struct rig *rig = rig_open(name, "exactly-once");
	struct rig_child *child;

	rig_produce(rig, 400);
	child = rig_run(rig, "--until-end", NULL);
	RIG_EXPECT(rig, rig_exit(child) == 0);
	*committed = rig_committed_at(rig, 0);
	*start = *committed + CUT;
	rig_produce(rig, 800);
	RIG_EXPECT(rig, rig_end(rig, rig->in, 0) > *start);
	rig_delete_records(rig->in, 0, *start);
	return rig;
}

START_TEST(lost_records_stop_the_app_and_are_counted)
{
	int64_t committed, start;
	struct rig *rig = open_cut("gap-stop", &committed, &start);
	struct rig_child *child = rig_run(rig, "--until-end", NULL);
	char text[256];

	RIG_EXPECT(rig, rig_exit(child) == 1);
	snprintf(text, sizeof(text),
	         "gap-stop-in[0]: committed %" PRId64 ", log starts at %" PRId64
	         ": %d records lost to retention",
	         committed, start, CUT);
	if (!rig_says(child, text))
		rig_fail(rig, "it does not say \"%s\"", text);
	RIG_EXPECT(rig, rig_committed_at(rig, 0) == committed);
	rig_close(rig);
}
END_TEST

START_TEST(lost_records_are_passed_over_when_told_so)
{
	int64_t committed, start;
	struct rig *rig = open_cut("gap-continue", &committed, &start);
	struct rig_audit audit;
	struct rig_child *child;
	char text[64];

	rig_set(rig, "/errors/on_gap=continue");
	child = rig_run(rig, "--until-end", NULL);
	RIG_EXPECT(rig, rig_exit(child) == 0);
	snprintf(text, sizeof(text), "lost=%d", CUT);
	RIG_EXPECT(rig, rig_says(child, text));
	RIG_EXPECT(rig, rig_committed_to_end(rig));
	rig_audit(rig, &audit);
	RIG_EXPECT(rig, audit.lost == 0 && audit.repeated == 0 && audit.disordered == 0);
	/* processed before the cut, and deleted from the input by it */
	RIG_EXPECT(rig, (int64_t)audit.foreign == committed);
	rig_close(rig);
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("faults");
	TCase *gap = tcase_create("retention");

	tcase_add_unchecked_fixture(gap, rig_setup, rig_teardown);
	tcase_set_timeout(gap, RIG_TEST_TIMEOUT_S);
	tcase_add_test(gap, lost_records_stop_the_app_and_are_counted);
	tcase_add_test(gap, lost_records_are_passed_over_when_told_so);
	suite_add_tcase(suite, gap);
	return suite;
}

int
main(void)
{
	const char *why = cluster_missing();

	return why ? weir_test_skip(why) : weir_test_run(suite());
}
