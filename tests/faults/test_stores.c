/*
 * Stores on a real Kafka whose folder, changelog or disk somebody takes away.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/faults/rig_stores.h"

#define IDS 500
#define MANY_IDS 16000         /* their stores take far more than: */
#define SMALL_DISK (160 << 10) /* bytes */

static void
run_to_end(struct rig *rig)
{
	RIG_EXPECT(rig, rig_exit(rig_run(rig, "--until-end", NULL)) == 0);
}

static void
folder_is_deleted(const char *name, const char *guarantee)
{
	struct rig *rig = rig_open_stores(name, guarantee);

	rig_produce(rig, IDS);
	run_to_end(rig);
	rig_expect_stores(rig);
	rig_state_delete(rig);
	rig_produce(rig, IDS);
	run_to_end(rig);
	rig_expect_stores(rig);
	rig_close(rig);
}

START_TEST(deleted_folder_is_rebuilt_exactly_once)
{
	folder_is_deleted("folder-exactly", "exactly-once");
}
END_TEST

START_TEST(deleted_folder_is_rebuilt_at_least_once)
{
	folder_is_deleted("folder-least", "at-least-once");
}
END_TEST

/* What the changelogs forgot the stores forget, too, so that all instances agree. */
START_TEST(changelogs_that_were_deleted_empty_the_stores)
{
	struct rig *rig = rig_open_stores("changelogs-deleted", "exactly-once");
	struct rig_picture *before, *after;
	struct rig_child *child;

	rig_produce(rig, IDS);
	run_to_end(rig);
	rig_topic_delete(rig_changelog(rig, "seen"));
	rig_topic_delete(rig_changelog(rig, "counts"));
	before = rig_picture_input(rig);
	rig_produce(rig, IDS / 10);
	child = rig_run(rig, "--until-end", NULL);
	RIG_EXPECT(rig, rig_exit(child) == 0);
	RIG_EXPECT(rig, rig_says(child, "store is rebuilt from its changelogs"));
	RIG_EXPECT(rig, rig_says(child, "changelog created"));
	rig_expect_stores_like_changelogs(rig);
	after = rig_picture_stores(rig);
	for (int partition = 0; partition < RIG_STORE_PARTITIONS; partition++)
		for (int id = 0; id < IDS; id++)
			RIG_EXPECT(rig, !before->seen[partition][id] || !after->seen[partition][id]);
	free(before);
	free(after);
	rig_close(rig);
}
END_TEST

START_TEST(second_process_on_the_stores_does_not_start)
{
	struct rig *rig = rig_open_stores("stores-twin", "exactly-once");
	struct rig_child *first = rig_run(rig, NULL), *second;

	rig_produce(rig, IDS);
	RIG_WAIT(rig, rig_committed_to_end(rig));
	second = rig_run(rig, NULL);
	RIG_EXPECT(rig, rig_exit(second) == 2);
	rig_produce(rig, IDS);
	RIG_WAIT(rig, rig_committed_to_end(rig));
	rig_signal(first, SIGTERM);
	RIG_EXPECT(rig, rig_exit(first) == 0);
	rig_expect_stores(rig);
	rig_close(rig);
}
END_TEST

/* Kafka has what LMDB could not take, so nothing is lost; it goes on when there is room. */
static void
disk_is_full(const char *name, const char *guarantee)
{
	struct rig *rig = rig_open_stores(name, guarantee);
	struct rig_child *child;

	rig_produce(rig, MANY_IDS);
	rig->file_bytes = SMALL_DISK;
	child = rig_run(rig, NULL);
	rig->file_bytes = 0;
	RIG_WAIT(rig, rig_says(child, "store cannot commit, it is restored") ||
	                      rig_ended(child));
	RIG_WAIT(rig, rig_says(child, "store cannot be used, trying on") || rig_ended(child));
	RIG_EXPECT(rig, !rig_ended(child));
	rig_signal(child, SIGTERM);
	RIG_EXPECT(rig, rig_exit(child) == 0);
	rig_produce(rig, IDS); /* with nothing to read no store is opened */
	run_to_end(rig);
	rig_expect_stores(rig);
	rig_close(rig);
}

START_TEST(full_disk_loses_nothing_exactly_once)
{
	disk_is_full("disk-exactly", "exactly-once");
}
END_TEST

START_TEST(full_disk_loses_nothing_at_least_once)
{
	disk_is_full("disk-least", "at-least-once");
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("faults");
	TCase *stores = tcase_create("stores");

	tcase_add_unchecked_fixture(stores, rig_setup, rig_teardown);
	tcase_set_timeout(stores, RIG_TEST_TIMEOUT_S);
	tcase_add_test(stores, deleted_folder_is_rebuilt_exactly_once);
	tcase_add_test(stores, deleted_folder_is_rebuilt_at_least_once);
	tcase_add_test(stores, changelogs_that_were_deleted_empty_the_stores);
	tcase_add_test(stores, second_process_on_the_stores_does_not_start);
	tcase_add_test(stores, full_disk_loses_nothing_exactly_once);
	tcase_add_test(stores, full_disk_loses_nothing_at_least_once);
	suite_add_tcase(suite, stores);
	return suite;
}

int
main(void)
{
	const char *why = cluster_missing();

	return why ? weir_test_skip(why) : weir_test_run(suite());
}
