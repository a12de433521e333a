/*
 * Consuming as a member of a group, over the embedded broker: under both guarantees it
 * goes on where it committed, also where commits fail or the group moves on.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/apps/consume_fixture.h"

START_TEST(a_group_goes_on_where_it_committed)
{
	struct weir_consume_config config = consume_config();
	struct weir_error error;
	int i;

	config.group = "g";
	config.guarantee = _i ? WEIR_AT_LEAST_ONCE : WEIR_AT_MOST_ONCE;
	config.count = 11;
	for (i = 0; i < 4; i++)
		ck_assert_msg(consume_into(&config, "out", &error) == 0, "%s",
			      error.message);
	ck_assert_int_eq(consume_count_lines("out"), 44);
	config.count = 0;
	ck_assert_int_eq(consume_into(&config, "out", &error), 0);
	consume_check_file("out", CONSUME_RECORDS);
}
END_TEST

START_TEST(a_group_stops_or_goes_on_at_a_gap_too)
{
	struct weir_consume_config config = consume_config();
	struct weir_error error;

	config.group = "g";
	config.count = 9;
	ck_assert_int_eq(consume_into(&config, "first", &error), 0);
	config.count = 0;
	weir__memory_delete_records(it.memory, "t", 0, 20);
	ck_assert_int_ne(consume_into(&config, "second", &error), 0);
	ck_assert_msg(strstr(error.message, "records lost to retention") != NULL, "%s",
		      error.message);
	config.continue_at_gap = true;
	ck_assert_msg(consume_into(&config, "second", &error) == 0, "%s", error.message);
	ck_assert_int_eq(consume_count_lines("first"), 9);
	ck_assert_int_ge(consume_count_lines("second"), 70 - 9);
}
END_TEST

START_TEST(until_end_counts_markers_and_skips_aborted_records)
{
	struct weir_consume_config config = consume_config();
	struct weir_error error;

	consume_transact("90", true);
	consume_transact("91", false);
	consume_transact("91", true);
	consume_transact("92", false);
	config.group = "g";
	config.guarantee = _i ? WEIR_AT_LEAST_ONCE : WEIR_AT_MOST_ONCE;
	ck_assert_msg(consume_into(&config, "out", &error) == 0, "%s", error.message);
	consume_check_file("out", 92);
	/* the positions behind the markers are committed: nothing is left */
	ck_assert_int_eq(consume_into(&config, "again", &error), 0);
	ck_assert_int_eq(consume_count_lines("again"), 0);
}
END_TEST

/* ---- where a group begins ---- */

/* The process is gone before the first record came; the commit of the start refused, maybe. */
struct crash {
	const char *from;
	enum weir_guarantee guarantee;
	int polls;
	int refused;
};

static enum weir_memory_fault
crash(void *opaque, const char *session, enum weir_memory_op op)
{
	struct crash *state = opaque;

	(void)session;
	if (op == WEIR_MEMORY_COMMIT_OFFSETS && state->refused-- > 0) {
		weir__memory_rebalance(it.memory);
		/* what comes now is behind the start already */
		consume_append(CONSUME_RECORDS, CONSUME_RECORDS + 2);
		return WEIR_MEMORY_FAIL_ABORT;
	}
	if (op == WEIR_MEMORY_POLL && state->polls-- == 0)
		return WEIR_MEMORY_FAIL_FATAL;
	return WEIR_MEMORY_NO_FAULT;
}

static const struct crash crashes[] = {
	{"end", WEIR_AT_LEAST_ONCE, 4, 0}, {"end", WEIR_AT_MOST_ONCE, 4, 0},
	{"-0", WEIR_AT_LEAST_ONCE, 4, 0},  {"@5000", WEIR_AT_LEAST_ONCE, 4, 0},
	{"30", WEIR_AT_LEAST_ONCE, 4, 0},
};

START_TEST(a_group_that_died_before_its_first_record_begins_where_it_began)
{
	struct crash state = crashes[_i];
	struct weir_consume_config config = consume_config();
	struct weir_error error;

	config.group = "g";
	config.guarantee = state.guarantee;
	ck_assert_int_eq(weir__from_parse(state.from, &config.from), 0);
	config.until_end = false;
	weir__memory_set_fault(it.memory, crash, &state);
	ck_assert_int_ne(consume_into(&config, "out", &error), 0);
	ck_assert_int_eq(consume_count_lines("out"), 0);
	weir__memory_set_fault(it.memory, NULL, NULL);
	consume_append(CONSUME_RECORDS, CONSUME_RECORDS + 8);
	config.until_end = true;
	ck_assert_msg(consume_into(&config, "out", &error) == 0, "%s", error.message);
	ck_assert_int_eq(consume_count_lines("out"), 9);
}
END_TEST

START_TEST(a_start_whose_commit_was_refused_does_not_move)
{
	struct crash state = {.polls = INT_MAX, .refused = 1};
	struct weir_consume_config config = consume_config();
	struct weir_error error;

	config.group = "g";
	config.guarantee = _i ? WEIR_AT_LEAST_ONCE : WEIR_AT_MOST_ONCE;
	ck_assert_int_eq(weir__from_parse("end", &config.from), 0);
	config.until_end = false;
	config.count = 3;
	weir__memory_set_fault(it.memory, crash, &state);
	ck_assert_msg(consume_into(&config, "out", &error) == 0, "%s", error.message);
	ck_assert_int_eq(consume_count_lines("out"), 3);
}
END_TEST

/* ---- commits that fail ---- */

/* A fault at the nth commit of offsets. */
struct strike {
	enum weir_memory_fault fault;
	int nth;
	bool rebalances; /* the group moves on at the same moment */
	int more;        /* so many calls after it fail too */
};

static enum weir_memory_fault
strike(void *opaque, const char *session, enum weir_memory_op op)
{
	struct strike *state = opaque;

	(void)session;
	if (op != WEIR_MEMORY_COMMIT_OFFSETS || --state->nth > 0 ||
	    state->nth < -state->more)
		return WEIR_MEMORY_NO_FAULT;
	if (state->rebalances && state->nth == 0)
		weir__memory_rebalance(it.memory);
	return state->fault;
}

static const struct strike strikes[] = {
	{WEIR_MEMORY_FAIL_AGAIN, 1, false, 0},   {WEIR_MEMORY_FAIL_AGAIN, 2, false, 0},
	{WEIR_MEMORY_FAIL_ABORT, 1, false, 0},   {WEIR_MEMORY_FAIL_ABORT, 2, false, 0},
	{WEIR_MEMORY_FAIL_FATAL, 1, false, 0},   {WEIR_MEMORY_FAIL_FATAL, 2, false, 0},
	{WEIR_MEMORY_UNKNOWN_DONE, 1, false, 0}, {WEIR_MEMORY_UNKNOWN_DONE, 2, false, 0},
	{WEIR_MEMORY_FAIL_ABORT, 1, true, 0},    {WEIR_MEMORY_FAIL_ABORT, 2, true, 0},
	{WEIR_MEMORY_NO_FAULT, 2, true, 0},      {WEIR_MEMORY_FAIL_ABORT, 1, true, 1},
	{WEIR_MEMORY_FAIL_ABORT, 2, true, 1},
};

START_TEST(a_group_at_least_once_prints_everything_whatever_commits_fail)
{
	struct strike state = strikes[_i];
	struct weir_consume_config config = consume_config();
	struct weir_error error;
	char seen[CONSUME_RECORDS] = "";
	char *text;
	char *at;
	int i;

	config.group = "g";
	weir__memory_set_fault(it.memory, strike, &state);
	for (i = 0; i < 3; i++)
		if (consume_into(&config, "out", &error) == 0)
			break;
	text = transfer_read("out");
	for (at = strtok(text, "\n"); at; at = strtok(NULL, "\n"))
		seen[atoi(at)] = 1;
	free(text);
	for (i = 0; i < CONSUME_RECORDS; i++)
		ck_assert_msg(seen[i], "%d is missing", i);
}
END_TEST

START_TEST(a_group_at_most_once_prints_nothing_twice_whatever_commits_fail)
{
	struct strike state = strikes[_i];
	struct weir_consume_config config = consume_config();
	struct weir_error error;
	char seen[CONSUME_RECORDS] = "";
	char *text;
	char *at;
	int i;

	config.group = "g";
	config.guarantee = WEIR_AT_MOST_ONCE;
	weir__memory_set_fault(it.memory, strike, &state);
	for (i = 0; i < 3; i++)
		if (consume_into(&config, "out", &error) == 0)
			break;
	text = transfer_read("out");
	for (at = strtok(text, "\n"); at; at = strtok(NULL, "\n"))
		ck_assert_msg(!seen[atoi(at)]++, "%s is there twice", at);
	free(text);
	/* a commit that was refused for sure loses nothing either */
	if (state.fault == WEIR_MEMORY_FAIL_ABORT)
		consume_check_file("out", CONSUME_RECORDS);
}
END_TEST

START_TEST(nothing_is_committed_that_could_not_be_written)
{
	struct weir_consume_config config = consume_config();
	struct weir_error error;

	config.group = "g";
	config.fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(consume(&config, &error), WEIR_EIO);
	ck_assert_str_eq(error.message, "standard output: No space left on device");
	close(config.fd);
	ck_assert_int_eq(consume_into(&config, "out", &error), 0);
	consume_check_file("out", CONSUME_RECORDS);
}
END_TEST

static Suite *
suite(void)
{
	Suite *all = suite_create("consume as a group");
	TCase *cases = consume_case(all, "cases");

	tcase_add_loop_test(cases, a_group_goes_on_where_it_committed, 0, 2);
	tcase_add_loop_test(
		cases, a_group_that_died_before_its_first_record_begins_where_it_began, 0,
		COUNT(crashes));
	tcase_add_loop_test(cases, a_start_whose_commit_was_refused_does_not_move, 0, 2);
	tcase_add_test(cases, a_group_stops_or_goes_on_at_a_gap_too);
	tcase_add_loop_test(cases, until_end_counts_markers_and_skips_aborted_records, 0,
			    2);
	tcase_add_loop_test(cases,
			    a_group_at_least_once_prints_everything_whatever_commits_fail,
			    0, COUNT(strikes));
	tcase_add_loop_test(
		cases, a_group_at_most_once_prints_nothing_twice_whatever_commits_fail, 0,
		COUNT(strikes));
	tcase_add_test(cases, nothing_is_committed_that_could_not_be_written);
	return all;
}

int
main(void)
{
	return transfer_run(suite());
}
