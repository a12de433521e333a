/*
 * Restoring stores from their changelogs: from where, up to where, and with whom it interferes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <base/folder.h>

#include "tests/harness.h"
#include "tests/run/fleet.h"

#define COUNT "\"steps\": [{\"use\": \"count\"}]"

static struct fleet fleet;
static char text[4096];

static void
setup(void)
{
	fleet_open(&fleet, COUNT);
	fleet_start(&fleet, 0);
	fleet_put(&fleet, 0, "a");
	fleet_put(&fleet, 0, "b");
	fleet_put(&fleet, 0, "a");
	fleet_run(&fleet, 40);
}

static void
teardown(void)
{
	fleet_close(&fleet);
}

#define EMITTED(expected) ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), expected)
#define LOGGED(part) ck_assert_msg(strstr(fleet.log, part) != NULL, "%s", fleet.log)

/* The machine is another one: nothing of before is there. */
static void
lose_folder(void)
{
	char folder[128];

	snprintf(folder, sizeof(folder), "%s/app", fleet.folder);
	weir__folder_remove(folder);
}

static void
go_on(void)
{
	fleet.log[0] = '\0';
	fleet_start(&fleet, 0);
	fleet_put(&fleet, 0, "a");
	fleet_run(&fleet, 300);
}

START_TEST(a_store_that_is_gone_is_rebuilt)
{
	fleet_crash(&fleet, 0);
	lose_folder();
	go_on();
	EMITTED("a=1 b=1 a=2 a=3");
	ck_assert_str_eq(fleet_changelog(&fleet, 0), "a=3 b=1");
	fleet_crash(&fleet, 0);
	ck_assert_str_eq(fleet_store(&fleet, 0), "a=3 b=1");
}
END_TEST

START_TEST(only_the_tail_is_read)
{
	fleet_crash(&fleet, 0);
	/* were the beginning read, it would be missed */
	weir__memory_delete_records(fleet.memory, FLEET_CHANGELOG, 0, 3);
	go_on();
	EMITTED("a=1 b=1 a=2 a=3");
	ck_assert_ptr_null(strstr(fleet.log, "rebuilt"));
}
END_TEST

START_TEST(a_changelog_cut_behind_the_store_means_a_rebuild)
{
	fleet_crash(&fleet, 0);
	weir__memory_delete_records(fleet.memory, FLEET_CHANGELOG, 0, 4);
	fleet_put(&fleet, 0, "c");
	go_on();
	LOGGED("the changelog no longer has what follows");
}
END_TEST

START_TEST(a_changelog_made_anew_means_a_rebuild)
{
	fleet_crash(&fleet, 0);
	weir__memory_delete_topic(fleet.memory, FLEET_CHANGELOG);
	go_on();
	LOGGED("changelog created");
	LOGGED("reason=\"the changelog was made anew, or given another");
	EMITTED("a=1 b=1 a=2 a=1");
}
END_TEST

static void
move_folder(const char *from, const char *to)
{
	char source[128], target[128];

	snprintf(source, sizeof(source), "%s/%s", fleet.folder, from);
	snprintf(target, sizeof(target), "%s/%s", fleet.folder, to);
	ck_assert_int_eq(rename(source, target), 0);
}

/* Its place means something else there: another machine has filled it meanwhile. */
START_TEST(a_changelog_made_anew_and_filled_beyond_the_store_means_a_rebuild)
{
	fleet_crash(&fleet, 0);
	move_folder("app", "kept");
	weir__memory_delete_topic(fleet.memory, FLEET_CHANGELOG);
	fleet_start(&fleet, 0);
	for (int count = 0; count < 20; count++)
		fleet_put(&fleet, 0, "c");
	fleet_run(&fleet, 300);
	fleet_crash(&fleet, 0);
	lose_folder();
	move_folder("kept", "app");
	go_on();
	LOGGED("the changelog was made anew");
	fleet_crash(&fleet, 0);
	ck_assert_str_eq(fleet_changelog(&fleet, 0), "a=1 c=20");
	ck_assert_str_eq(fleet_store(&fleet, 0), "a=1 c=20");
}
END_TEST

/* A transaction of another producer that is open in the changelog. */
static struct weir_session *
open_transaction(struct fleet *of)
{
	static const char *const outputs[] = {FLEET_CHANGELOG};
	struct weir_error error = {0};
	struct weir_session_config config = {
		.name = "other", .transactional_id = "other", .outputs = outputs,
		.output_count = 1, .transaction_timeout_ms = 60000, .session_timeout_ms = 10000,
	};
	struct weir_message message = {
		.key = {"a", 1}, .value = {"7", 1}, .timestamp_ms = 5, .partition = 0,
	};
	struct weir_session *session = weir__broker_session_open(of->broker, &config, &error);

	while (weir__session_init(session, 0, &error) == WEIR_AGAIN)
		continue;
	ck_assert_int_eq(weir__session_begin(session, &error), WEIR_SUCCESS);
	ck_assert_int_eq(weir__session_send(session, 0, &message, 0, 0, &error), WEIR_SUCCESS);
	while (weir__session_flush(session, 0, &error) == WEIR_AGAIN)
		continue;
	return session;
}

static void
end_transaction(struct weir_session *session, bool commit)
{
	struct weir_error error = {0};

	while ((commit ? weir__session_commit(session, NULL, 0, 0, &error)
	               : weir__session_abort(session, 0, &error)) == WEIR_AGAIN)
		continue;
	weir__session_close(session);
}

START_TEST(an_open_transaction_in_the_changelog_is_waited_for)
{
	struct weir_session *other;

	fleet_crash(&fleet, 0);
	other = open_transaction(&fleet);
	go_on();
	EMITTED("a=1 b=1 a=2"); /* it waits */
	fleet_put(&fleet, 1, "x"); /* another task does not */
	fleet_run(&fleet, 50);
	EMITTED("a=1 b=1 a=2 x=1");
	end_transaction(other, _i == 0);
	fleet_run(&fleet, 100);
	EMITTED(_i == 0 ? "a=1 b=1 a=2 x=1 a=8" : "a=1 b=1 a=2 x=1 a=3");
}
END_TEST

#define LARGE 900000
#define LARGE_COUNT 30

/* Or large entries would all be held in memory at once. What was kept is not read again. */
START_TEST(a_restore_keeps_what_it_has_read_by_its_bytes_too)
{
	char *value = weir__alloc(LARGE + 1), *said;
	unsigned records = 0;

	memset(value, 'x', LARGE);
	value[LARGE] = '\0';
	for (int count = 0; count < LARGE_COUNT; count++) {
		value[0] = (char)('A' + count);
		fleet_put(&fleet, 0, value);
	}
	free(value);
	fleet_run(&fleet, 100);
	fleet_crash(&fleet, 0);
	lose_folder();
	fleet.log[0] = '\0';
	fleet_start(&fleet, 0);
	for (int step = 0; step < 100 && !strstr(fleet.log, "restoring stores"); step++)
		fleet_run(&fleet, 1);
	LOGGED("restoring stores");
	ck_assert_msg(!strstr(fleet.log, "stores restored"), "%s", fleet.log);
	fleet_crash(&fleet, 0);
	go_on();
	said = strstr(fleet.log, "stores restored records=");
	ck_assert_msg(said && sscanf(said, "stores restored records=%u", &records) == 1, "%s",
	              fleet.log);
	ck_assert_uint_lt(records, LARGE_COUNT);
}
END_TEST

START_TEST(a_task_that_restores_can_be_taken_away)
{
	struct weir_session *other;

	fleet_crash(&fleet, 0);
	other = open_transaction(&fleet);
	go_on();
	weir__memory_rebalance(fleet.memory);
	fleet_run(&fleet, 50);
	fleet_drain(&fleet);
	ck_assert_int_eq(fleet_status(&fleet, 0), WEIR_WORKER_DRAINED);
	end_transaction(other, false);
}
END_TEST

START_TEST(a_changelog_grows_with_its_input)
{
	struct weir_error error = {0};

	fleet_crash(&fleet, 0);
	weir__broker_topic_grow(fleet.broker, "in", 3, 1000, &error);
	fleet_start(&fleet, 0);
	weir__memory_rebalance(fleet.memory);
	fleet_run(&fleet, 200);
	fleet_put(&fleet, 2, "z");
	fleet_run(&fleet, 200);
	EMITTED("a=1 b=1 a=2 z=1");
	ck_assert_str_eq(fleet_changelog(&fleet, 2), "z=1");
}
END_TEST

/* Idle for longer than tombstones stay: it was caught up all the while. */
START_TEST(an_idle_store_keeps_its_age)
{
	weir__memory_set_expiry(fleet.memory, false); /* nobody is taken for dead */
	for (int hour = 0; hour < 24 * 4; hour++) {
		weir__virtual_clock_advance(&fleet.clock, 3600000);
		fleet_run(&fleet, 20);
	}
	fleet_crash(&fleet, 0);
	go_on();
	ck_assert_ptr_null(strstr(fleet.log, "rebuilt"));
	EMITTED("a=1 b=1 a=2 a=3");
}
END_TEST

START_TEST(a_store_that_slept_for_days_is_rebuilt)
{
	fleet_crash(&fleet, 0);
	weir__virtual_clock_advance(&fleet.clock, INT64_C(4) * 86400000);
	go_on();
	LOGGED("it was last caught up");
	EMITTED("a=1 b=1 a=2 a=3");
}
END_TEST

static Suite *
suite(void)
{
	Suite *made = suite_create("restore");
	TCase *tests = tcase_create("restore");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, a_store_that_is_gone_is_rebuilt);
	tcase_add_test(tests, only_the_tail_is_read);
	tcase_add_test(tests, a_changelog_cut_behind_the_store_means_a_rebuild);
	tcase_add_test(tests, a_changelog_made_anew_means_a_rebuild);
	tcase_add_test(tests, a_changelog_made_anew_and_filled_beyond_the_store_means_a_rebuild);
	tcase_add_loop_test(tests, an_open_transaction_in_the_changelog_is_waited_for, 0, 2);
	tcase_add_test(tests, a_restore_keeps_what_it_has_read_by_its_bytes_too);
	tcase_add_test(tests, a_task_that_restores_can_be_taken_away);
	tcase_add_test(tests, an_idle_store_keeps_its_age);
	tcase_add_test(tests, a_store_that_slept_for_days_is_rebuilt);
	tcase_add_test(tests, a_changelog_grows_with_its_input);
	suite_add_tcase(made, tests);
	return made;
}

int
main(void)
{
	return weir_test_run(suite());
}
