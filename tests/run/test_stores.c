/*
 * Stores of running workers: what is in a store and in its changelog is what the committed
 * records say, whatever happens.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <base/folder.h>

#include "tests/harness.h"
#include "tests/run/fleet.h"

#define COUNT "\"steps\": [{\"use\": \"count\"}]"
#define DEAD ", \"dead_letter\": {\"topic\": \"dead\"}"

static struct fleet fleet;
static char text[4096];

static void
teardown(void)
{
	fleet_close(&fleet);
}

static void
start(const char *settings)
{
	fleet_open(&fleet, settings);
	fleet_start(&fleet, 0);
}

static void
put_all(const char *values)
{
	char copy[256], *rest = copy, *value;

	strcpy(copy, values);
	while ((value = strsep(&rest, " ")))
		fleet_put(&fleet, 0, value);
}

#define EMITTED(expected) ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), expected)
#define CHANGELOG(expected) ck_assert_str_eq(fleet_changelog(&fleet, 0), expected)
#define STORE(expected) ck_assert_str_eq(fleet_store(&fleet, 0), expected)

static const char *const guarantees[] = {
	COUNT,
	COUNT ", \"guarantee\": \"at-least-once\"",
	COUNT ", \"guarantee\": \"at-most-once\"",
};

START_TEST(what_is_written_is_read_again)
{
	start(guarantees[_i]);
	put_all("a b a a");
	fleet_run(&fleet, 40);
	EMITTED("a=1 b=1 a=2 a=3");
	put_all("b");
	fleet_run(&fleet, 40);
	EMITTED("a=1 b=1 a=2 a=3 b=2");
	fleet_run(&fleet, 200); /* a second: what waited in memory is in the files */
	fleet_drain(&fleet);
	CHANGELOG("a=3 b=2");
	fleet_crash(&fleet, 0);
	STORE("a=3 b=2");
}
END_TEST

START_TEST(a_rejected_record_leaves_no_write)
{
	start(COUNT DEAD);
	put_all("a");
	fleet_put(&fleet, 0, "reject a");
	put_all("a");
	fleet_run(&fleet, 40);
	EMITTED("a=1 a=2");
	ck_assert_uint_eq(fleet_count(&fleet, "dead"), 1);
	CHANGELOG("a=2");
}
END_TEST

START_TEST(a_restart_after_a_crash_goes_on_with_what_was_committed)
{
	start(guarantees[_i]);
	put_all("a b a");
	fleet_run(&fleet, 40);
	fleet_crash(&fleet, 0);
	STORE("a=2 b=1");
	fleet_start(&fleet, 0);
	put_all("a");
	fleet_run(&fleet, 200);
	ck_assert_ptr_nonnull(strstr(fleet_read(&fleet, "out", text, sizeof(text)), "a=3"));
	CHANGELOG("a=3 b=1");
}
END_TEST

START_TEST(a_crash_in_a_batch_leaves_nothing_of_it)
{
	start(COUNT);
	put_all("a");
	fleet_run(&fleet, 40);
	put_all("a a");
	fleet_run(&fleet, 3); /* polled and sent, not committed */
	fleet_crash(&fleet, 0);
	STORE("a=1");
	fleet_start(&fleet, 0);
	fleet_run(&fleet, 200);
	EMITTED("a=1 a=2 a=3");
	CHANGELOG("a=3");
}
END_TEST

static int aborts;

static enum weir_memory_fault
abort_commits(void *opaque, const char *session, enum weir_memory_op op)
{
	(void)opaque, (void)session;
	return op == WEIR_MEMORY_COMMIT && aborts-- > 0 ? WEIR_MEMORY_FAIL_ABORT
	                                                : WEIR_MEMORY_NO_FAULT;
}

START_TEST(an_aborted_batch_leaves_no_state)
{
	aborts = 2;
	fleet_open(&fleet, COUNT);
	weir__memory_set_fault(fleet.memory, abort_commits, NULL);
	fleet_start(&fleet, 0);
	put_all("a a b");
	fleet_run(&fleet, 300);
	ck_assert_int_lt(aborts, 1);
	EMITTED("a=1 a=2 b=1");
	CHANGELOG("a=2 b=1");
}
END_TEST

static enum weir_memory_fault unknown;

static enum weir_memory_fault
unknown_commit(void *opaque, const char *session, enum weir_memory_op op)
{
	enum weir_memory_fault fault = unknown;

	(void)opaque, (void)session;
	if (op != WEIR_MEMORY_COMMIT)
		return WEIR_MEMORY_NO_FAULT;
	unknown = WEIR_MEMORY_NO_FAULT;
	return fault;
}

START_TEST(state_follows_a_commit_of_unknown_outcome)
{
	static const enum weir_memory_fault faults[] = {
		WEIR_MEMORY_UNKNOWN_DONE, WEIR_MEMORY_UNKNOWN_NOT, WEIR_MEMORY_UNKNOWN_LATE,
	};

	unknown = faults[_i];
	fleet_open(&fleet, COUNT);
	weir__memory_set_fault(fleet.memory, unknown_commit, NULL);
	fleet_start(&fleet, 0);
	put_all("a a b");
	fleet_run(&fleet, 1000);
	ck_assert_int_eq(unknown, WEIR_MEMORY_NO_FAULT);
	put_all("a b");
	fleet_run(&fleet, 300);
	EMITTED("a=1 a=2 b=1 a=3 b=2");
	CHANGELOG("a=3 b=2");
	fleet_drain(&fleet);
	fleet_crash(&fleet, 0);
	STORE("a=3 b=2");
}
END_TEST

START_TEST(a_partition_takes_its_state_along_and_back)
{
	start(COUNT);
	put_all("a a");
	fleet_run(&fleet, 40);
	fleet_start(&fleet, 1); /* one of the two partitions moves, and with one folder waits */
	fleet_run(&fleet, 400);
	put_all("a");
	fleet_run(&fleet, 100);
	fleet_crash(&fleet, 1);
	fleet_run(&fleet, 3000);
	put_all("a");
	fleet_run(&fleet, 400);
	EMITTED("a=1 a=2 a=3 a=4");
	CHANGELOG("a=4");
}
END_TEST

START_TEST(counts_expire)
{
	start("\"steps\": [{\"use\": \"count\", \"with\": {\"ttl\": \"1s\"}}]");
	put_all("a a");
	fleet_run(&fleet, 40);
	CHANGELOG("a=2");
	fleet_run(&fleet, 100);
	put_all("b a");
	fleet_run(&fleet, 40);
	EMITTED("a=1 a=2 b=1 a=1");
	fleet_run(&fleet, 200);
	put_all("c");
	fleet_run(&fleet, 40);
	CHANGELOG("c=1"); /* tombstones of what expired */
}
END_TEST

/* An entry's time is its message's in the changelog: that of the arrival would be another. */
START_TEST(times_to_live_outlast_a_rebuild_where_the_cluster_stamps_messages)
{
	struct weir_message message = {.value = {"a", 1}, .partition = WEIR_BY_KEY};
	char *folder;

	fleet_open(&fleet, "\"steps\": [{\"use\": \"count\", \"with\": {\"ttl\": \"1s\"}}]");
	weir__memory_delete_topic(fleet.memory, FLEET_CHANGELOG);
	weir__memory_set_stamping(fleet.memory, true);
	message.timestamp_ms = fleet.clock.now_ms - 900;
	ck_assert_int_eq(weir__memory_append(fleet.memory, "in", 0, &message), 0);
	fleet_start(&fleet, 0);
	fleet_run(&fleet, 40);
	fleet_crash(&fleet, 0);
	folder = weir__format("%s/app", fleet.folder);
	weir__folder_remove(folder);
	free(folder);
	message.timestamp_ms += 1000;
	ck_assert_int_eq(weir__memory_append(fleet.memory, "in", 0, &message), 0);
	fleet_start(&fleet, 0);
	fleet_run(&fleet, 300);
	EMITTED("a=1 a=1");
}
END_TEST

START_TEST(a_changelog_that_stamps_its_messages_is_told_of)
{
	struct weir_properties settings = {0};

	fleet_open(&fleet, COUNT);
	weir__memory_delete_topic(fleet.memory, FLEET_CHANGELOG);
	weir__properties_set(&settings, "message.timestamp.type", "LogAppendTime");
	ck_assert_int_eq(weir__broker_topic_create(fleet.broker, FLEET_CHANGELOG, 2, 1, &settings,
	                                           0, NULL),
	                 0);
	weir__properties_fini(&settings);
	fleet_start(&fleet, 0);
	fleet_run(&fleet, 40);
	ck_assert_msg(strstr(fleet.log, "(set its message.timestamp.type to CreateTime)") != NULL,
	              "%s", fleet.log);
}
END_TEST

START_TEST(at_least_once_sends_no_changelog_before_its_outputs_are_delivered)
{
	start(COUNT ", \"guarantee\": \"at-least-once\"");
	put_all("a b");
	fleet_run(&fleet, 5);
	CHANGELOG("");
	fleet_run(&fleet, 40);
	CHANGELOG("a=1 b=1");
}
END_TEST

START_TEST(a_change_too_large_for_its_changelog_rejects_its_record)
{
	static char large[2001];

	fleet_open(&fleet, COUNT DEAD);
	weir__memory_set_max_message(fleet.memory, FLEET_CHANGELOG, 1000);
	fleet_start(&fleet, 0);
	memset(large, 'x', 2000);
	put_all("a");
	fleet_put(&fleet, 0, large);
	put_all("a");
	fleet_run(&fleet, 40);
	ck_assert_uint_eq(fleet_count(&fleet, "dead"), 1);
	ck_assert_msg(strstr(fleet_header(&fleet, "dead", 0, "weir.reason"),
	                     "to store count.counts, whose changelog takes") != NULL,
	              "%s", fleet_header(&fleet, "dead", 0, "weir.reason"));
	CHANGELOG("a=2");
}
END_TEST

static Suite *
suite(void)
{
	Suite *made = suite_create("stores");
	TCase *tests = tcase_create("stores");

	tcase_add_checked_fixture(tests, NULL, teardown);
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, what_is_written_is_read_again, 0, 3);
	tcase_add_test(tests, a_rejected_record_leaves_no_write);
	tcase_add_loop_test(tests, a_restart_after_a_crash_goes_on_with_what_was_committed, 0, 3);
	tcase_add_test(tests, a_crash_in_a_batch_leaves_nothing_of_it);
	tcase_add_test(tests, an_aborted_batch_leaves_no_state);
	tcase_add_loop_test(tests, state_follows_a_commit_of_unknown_outcome, 0, 3);
	tcase_add_test(tests, a_partition_takes_its_state_along_and_back);
	tcase_add_test(tests, counts_expire);
	tcase_add_test(tests, times_to_live_outlast_a_rebuild_where_the_cluster_stamps_messages);
	tcase_add_test(tests, a_changelog_that_stamps_its_messages_is_told_of);
	tcase_add_test(tests, at_least_once_sends_no_changelog_before_its_outputs_are_delivered);
	tcase_add_test(tests, a_change_too_large_for_its_changelog_rejects_its_record);
	suite_add_tcase(made, tests);
	return made;
}

int
main(void)
{
	return weir_test_run(suite());
}
