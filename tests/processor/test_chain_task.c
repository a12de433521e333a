/*
 * The chain around records: batch ends, ticks, memory, rollback.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <processor/step.h>

#include "tests/harness.h"
#include "tests/processor/fixture.h"

/* What the processors below did, in order; each test is a process of its own. */
static struct weir_buffer trace;

static const char *
traced(void)
{
	return trace.data ? trace.data : "";
}

static bool
value_is(const struct weir_record *record, const char *text)
{
	struct weir_bytes value = weir_record_value(record);

	return value.data && value.size == strlen(text) &&
	       memcmp(value.data, text, value.size) == 0;
}

static struct weir_bytes
bytes_of(const char *text)
{
	return (struct weir_bytes){text, strlen(text)};
}

/* ---- processors ---- */

/* Copies; says what it saw. */
static enum weir_verdict
see_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	struct weir_bytes value = weir_record_value(record);

	(void)memory;
	weir__buffer_printf(&trace, "%s:%.*s ", weir_step_name(ctx), (int)value.size,
			    value.data ? (const char *)value.data : "<null>");
	weir_emit_same(ctx);
	return WEIR_DONE;
}
static const struct weir_processor see = {WEIR_PROCESSOR_HEADER, .name = "see",
					  .record = see_record};

/* Refuses x. */
static enum weir_verdict
judge_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	(void)memory;
	weir_emit_same(ctx);
	return value_is(record, "x") ? weir_reject(ctx, "x is refused") : WEIR_DONE;
}
static const struct weir_processor judge = {WEIR_PROCESSOR_HEADER, .name = "judge",
					    .record = judge_record};

/* Counts records in memory, emits the count at batch ends and ticks. */
struct counter {
	int count;
};

static int
count_open(struct weir_context *ctx, void *memory, struct weir_error *error)
{
	struct counter *counter = memory;

	weir__buffer_printf(&trace, "open:%d ", counter->count);
	weir_tick_every(ctx, 100);
	if (getenv("WEIR_TEST_OPEN_FAILS"))
		return weir_error_set(error, WEIR_EIO, "no luck");
	return 0;
}

static void
count_close(struct weir_context *ctx, void *memory)
{
	struct counter *counter = memory;

	weir__buffer_printf(&trace, "close:%d ", counter->count);
	ck_assert_int_ne(weir_emit_value(ctx, bytes_of("no")), 0);
}

static enum weir_verdict
count_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	struct counter *counter = memory;

	(void)ctx;
	(void)record;
	counter->count++;
	return WEIR_DONE;
}

static enum weir_verdict
emit_count(struct weir_context *ctx, const struct counter *counter)
{
	char text[16];

	if (counter->count == 7) /* as a record that the next step refuses */
		snprintf(text, sizeof(text), "x");
	else
		snprintf(text, sizeof(text), "%d", counter->count);
	weir_emit_value(ctx, bytes_of(text));
	return counter->count == 8 ? weir_retry(ctx, "hm") : WEIR_DONE;
}

static enum weir_verdict
count_batch_end(struct weir_context *ctx, void *memory)
{
	return emit_count(ctx, memory);
}

static enum weir_verdict
count_tick(struct weir_context *ctx, void *memory, int64_t now_ms)
{
	(void)memory;
	weir__buffer_printf(&trace, "tick@%lld ", (long long)now_ms);
	return emit_count(ctx, memory);
}

static const struct weir_processor count = {WEIR_PROCESSOR_HEADER,
					    .name = "count",
					    .memory_size = sizeof(struct counter),
					    .open = count_open,
					    .close = count_close,
					    .record = count_record,
					    .batch_end = count_batch_end,
					    .tick = count_tick};

static int
keep_rollback(struct weir_context *ctx, void *memory)
{
	struct counter *counter = memory;

	(void)ctx;
	weir__buffer_printf(&trace, "rollback:%d ", counter->count);
	return counter->count < 3 ? 0 : -1;
}
static const struct weir_processor keep = {WEIR_PROCESSOR_HEADER,
					   .name = "keep",
					   .memory_size = sizeof(struct counter),
					   .open = count_open,
					   .close = count_close,
					   .record = count_record,
					   .rollback = keep_rollback};

static const struct weir_processor *const all[] = {&see, &judge, &count, &keep, NULL};

#define OUT ", 'outputs': {'default': 'out'}}"

/* ---- batch ends and ticks ---- */

#define COUNTING "{'steps': [{'use': 'count'}, {'use': 'see'}, {'use': 'judge'}]" OUT

START_TEST(what_a_batch_end_emits_runs_through_the_later_steps)
{
	struct fixture f;

	fixture_init(&f, all);
	fixture_open(&f, COUNTING);
	fixture_push(&f, "k", "a");
	fixture_push(&f, "k", "b");
	ck_assert_uint_eq(f.held.count, 0);
	ck_assert_int_eq(weir__chain_batch_end(f.task, &f.held, &f.reason), WEIR_DONE);
	ck_assert_str_eq(fixture_held(&f), "2\n");
	ck_assert_str_eq(traced(), "open:0 see:2 ");
	ck_assert_ptr_null(f.held.items[0].message.key.data);
	ck_assert_int_eq(f.held.items[0].message.timestamp_ms, 5000); /* now */
	fixture_fini(&f);
}
END_TEST

START_TEST(a_rejection_at_a_batch_end_stops_the_app)
{
	struct fixture f;

	fixture_init(&f, all);
	fixture_open(&f, COUNTING);
	for (int i = 0; i < 7; i++)
		fixture_push(&f, "k", "a");
	ck_assert_int_eq(weir__chain_batch_end(f.task, &f.held, &f.reason), WEIR_STOP);
	ck_assert_str_eq(f.reason.step, "judge");
	ck_assert_str_eq(f.reason.text, "rejected at a batch end or tick, where no input "
					"record is at hand: x is refused");
	ck_assert_uint_eq(f.held.count, 0);
	fixture_push(&f, "k", "a");
	ck_assert_int_eq(weir__chain_batch_end(f.task, &f.held, &f.reason), WEIR_STOP);
	ck_assert_str_eq(f.reason.step, "count");
	fixture_fini(&f);
}
END_TEST

START_TEST(a_tick_comes_late_rather_than_early_and_once_for_all_that_passed)
{
	struct fixture f;

	fixture_init(&f, all);
	fixture_open(&f, COUNTING);
	ck_assert_int_eq(weir__chain_next_tick_ms(f.task), 5100);
	ck_assert_int_eq(weir__chain_tick(f.task, 5099, &f.held, &f.reason), WEIR_DONE);
	ck_assert_uint_eq(f.held.count, 0);
	weir__virtual_clock_advance(&f.clock, 350);
	ck_assert_int_eq(weir__chain_tick(f.task, 5350, &f.held, &f.reason), WEIR_DONE);
	ck_assert_uint_eq(f.held.count, 1);
	ck_assert_str_eq(traced(), "open:0 tick@5350 see:0 ");
	ck_assert_int_eq(weir__chain_next_tick_ms(f.task), 5400);
	fixture_fini(&f);
}
END_TEST

START_TEST(no_ticks_are_due_when_none_were_asked_for)
{
	struct fixture f;

	fixture_init(&f, all);
	fixture_open(&f, "{'steps': [{'use': 'see'}]" OUT);
	ck_assert_int_eq(weir__chain_next_tick_ms(f.task), INT64_MAX);
	ck_assert(weir__chain_is_stateless(f.chain));
	fixture_fini(&f);
}
END_TEST

/* ---- memory ---- */

START_TEST(an_abort_opens_processors_anew_with_zeroed_memory)
{
	struct fixture f;

	fixture_init(&f, all);
	fixture_open(&f, COUNTING);
	ck_assert(!weir__chain_is_stateless(f.chain));
	fixture_push(&f, "k", "a");
	ck_assert_int_eq(weir__chain_rollback(f.task, &f.error), 0);
	ck_assert_str_eq(traced(), "open:0 close:1 open:0 ");
	weir__chain_close(f.task);
	f.task = NULL;
	ck_assert_str_eq(traced(), "open:0 close:1 open:0 close:0 ");
	ck_assert_ptr_nonnull(strstr(f.log.data, "emit refused"));
	fixture_fini(&f);
}
END_TEST

START_TEST(a_rollback_callback_keeps_memory_unless_it_fails)
{
	struct fixture f;

	fixture_init(&f, all);
	fixture_open(&f, "{'steps': [{'use': 'keep'}]" OUT);
	fixture_push(&f, "k", "a");
	ck_assert_int_eq(weir__chain_rollback(f.task, &f.error), 0);
	fixture_push(&f, "k", "a");
	fixture_push(&f, "k", "a");
	ck_assert_int_eq(weir__chain_rollback(f.task, &f.error), 0);
	ck_assert_str_eq(traced(), "open:0 rollback:1 rollback:3 close:3 open:0 ");
	fixture_fini(&f);
}
END_TEST

/* One that is closed within a callback of another: in the simulation, where both share a thread. */
START_TEST(closing_leaves_the_step_that_stands_there)
{
	static const char outer[] = "outer";
	struct fixture f;

	fixture_init(&f, all);
	fixture_open(&f, "{'steps': [{'use': 'keep'}]" OUT);
	fixture_push(&f, "k", "a");
	weir__place_step(outer);
	fixture_fini(&f);
	ck_assert(weir__place_is(outer));
	weir__place_step(NULL);
}
END_TEST

START_TEST(a_failed_open_names_the_step_and_is_not_closed)
{
	struct fixture f;

	setenv("WEIR_TEST_OPEN_FAILS", "1", 1);
	fixture_init(&f, all);
	ck_assert(fixture_build(&f, "{'steps': [{'use': 'count', 'name': 'sum'}]" OUT));
	ck_assert_ptr_null(weir__chain_open(f.chain, "in", 0, NULL, NULL, &f.error));
	ck_assert_str_eq(f.error.message, "step sum: no luck");
	ck_assert_int_eq(f.error.code, WEIR_EIO);
	ck_assert_str_eq(traced(), "open:0 ");
	fixture_fini(&f);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("chain_task");
	TCase *cases = tcase_create("chain_task");

	tcase_add_test(cases, what_a_batch_end_emits_runs_through_the_later_steps);
	tcase_add_test(cases, a_rejection_at_a_batch_end_stops_the_app);
	tcase_add_test(cases,
		       a_tick_comes_late_rather_than_early_and_once_for_all_that_passed);
	tcase_add_test(cases, no_ticks_are_due_when_none_were_asked_for);
	tcase_add_test(cases, an_abort_opens_processors_anew_with_zeroed_memory);
	tcase_add_test(cases, a_rollback_callback_keeps_memory_unless_it_fails);
	tcase_add_test(cases, closing_leaves_the_step_that_stands_there);
	tcase_add_test(cases, a_failed_open_names_the_step_and_is_not_closed);
	suite_add_tcase(suite, cases);
	return weir_test_run(suite);
}
