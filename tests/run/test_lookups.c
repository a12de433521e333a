/*
 * Workers and tables: what a processor finds, when it sees what is new, and what happens when a
 * table cannot be read.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "tests/harness.h"
#include "tests/run/fleet.h"

#define SETTINGS(more)                                                                      \
	"\"tables\": {\"names\": {\"topic\": \"names\"}}, \"steps\": [{\"use\": \"look\"}]" more

static struct fleet fleet;
static char text[4096];

/* Emits "VALUE=what stands under it"; a value that is not there is tried again later. */
static enum weir_verdict
look_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	struct weir_table *table = weir_table_find(ctx, "names");
	struct weir_bytes key = weir_record_value(record), found;
	char line[64];

	(void)memory;
	ck_assert_ptr_null(weir_table_find(ctx, "none"));
	if (!table)
		return weir_stop(ctx, "no table");
	switch (weir_table_get(table, key, &found)) {
	case 0:
		break;
	case WEIR_ENOTFOUND:
		return weir_retry(ctx, "not there yet");
	default:
		return WEIR_DONE; /* whatever the verdict, the app stops */
	}
	snprintf(line, sizeof(line), "%.*s=%.*s", (int)key.size, (const char *)key.data,
	         (int)found.size, (const char *)found.data);
	weir_emit_value(ctx, (struct weir_bytes){line, strlen(line)});
	return WEIR_DONE;
}

static const struct weir_processor look = {
	WEIR_PROCESSOR_HEADER,
	.name = "look",
	.summary = "look values up",
	.record = look_record,
};

static void
setup(void)
{
	fleet_extra_processor = &look;
	fleet_open(&fleet, SETTINGS(""));
}

static void
open_with(int guarantee)
{
	if (guarantee == 0)
		return;
	fleet_close(&fleet);
	fleet_open(&fleet, guarantee == 1 ? SETTINGS(", \"guarantee\": \"at-least-once\"")
	                                  : SETTINGS(", \"guarantee\": \"at-most-once\""));
}

static void
teardown(void)
{
	fleet_close(&fleet);
}

#define EMITTED(expected) ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), expected)

START_TEST(a_record_finds_what_the_table_has)
{
	open_with(_i);
	fleet_put_table(&fleet, "names", "a", "ann");
	fleet_put_table(&fleet, "names", "b", "bob");
	fleet_feed(&fleet);
	fleet_start(&fleet, 0);
	fleet_put(&fleet, 0, "b");
	fleet_put(&fleet, 0, "a");
	fleet_run(&fleet, 40);
	EMITTED("b=bob a=ann");
}
END_TEST

START_TEST(the_next_batch_sees_what_is_new)
{
	open_with(_i);
	fleet_put_table(&fleet, "names", "a", "ann");
	fleet_feed(&fleet);
	fleet_start(&fleet, 0);
	fleet_put(&fleet, 0, "a");
	fleet_run(&fleet, 40);
	fleet_put_table(&fleet, "names", "a", "amy");
	fleet_feed(&fleet);
	fleet_put(&fleet, 0, "a");
	fleet_run(&fleet, 40);
	EMITTED("a=ann a=amy");
}
END_TEST

START_TEST(a_record_that_waits_finds_what_has_come)
{
	open_with(_i);
	fleet_feed(&fleet);
	fleet_start(&fleet, 0);
	fleet_put(&fleet, 0, "a");
	fleet_run(&fleet, 40);
	EMITTED("");
	fleet_put_table(&fleet, "names", "a", "ann");
	fleet_feed(&fleet);
	fleet_run(&fleet, 400);
	EMITTED("a=ann");
}
END_TEST

START_TEST(several_workers_look)
{
	fleet_put_table(&fleet, "names", "a", "ann");
	fleet_feed(&fleet);
	fleet_start(&fleet, 0);
	fleet_start(&fleet, 1);
	fleet_put(&fleet, 0, "a");
	fleet_put(&fleet, 1, "a");
	fleet_run(&fleet, 400);
	fleet_crash(&fleet, 0);
	fleet_put(&fleet, 1, "a");
	fleet_run(&fleet, 4000);
	EMITTED("a=ann a=ann a=ann");
}
END_TEST

/* Its files were never opened. */
START_TEST(a_table_that_cannot_be_read_stops_the_app)
{
	open_with(_i);
	fleet_start(&fleet, 0);
	fleet_put(&fleet, 0, "a");
	fleet_run(&fleet, 40);
	ck_assert_int_eq(fleet_status(&fleet, 0), WEIR_WORKER_FAILED);
	ck_assert_msg(strstr(weir__worker_error(fleet.workers[0])->message,
	                     "table names cannot be read") != NULL, "%s",
	              weir__worker_error(fleet.workers[0])->message);
	EMITTED("");
}
END_TEST

static Suite *
suite(void)
{
	Suite *made = suite_create("lookups");
	TCase *tests = tcase_create("lookups");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, a_record_finds_what_the_table_has, 0, 3);
	tcase_add_loop_test(tests, the_next_batch_sees_what_is_new, 0, 3);
	tcase_add_loop_test(tests, a_record_that_waits_finds_what_has_come, 0, 3);
	tcase_add_test(tests, several_workers_look);
	tcase_add_loop_test(tests, a_table_that_cannot_be_read_stops_the_app, 0, 3);
	suite_add_tcase(made, tests);
	return made;
}

int
main(void)
{
	return weir_test_run(suite());
}
