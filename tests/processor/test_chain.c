/*
 * The chain at work on records: order, inheritance, holding, verdicts, JSON.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/json.h>

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

/* Emits each byte of the value as a record. */
static enum weir_verdict
split_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	struct weir_bytes value = weir_record_value(record);

	(void)memory;
	for (size_t i = 0; i < value.size; i++) {
		char byte = ((const char *)
				     value.data)[i]; /* gone when the emit has returned */
		int code = weir_emit_value(ctx, (struct weir_bytes){&byte, 1});

		if (code) {
			weir__buffer_printf(&trace, "emit:%d ", code);
			break;
		}
	}
	return WEIR_DONE;
}
static const struct weir_processor split = {WEIR_PROCESSOR_HEADER, .name = "split",
					    .record = split_record};

/* Does what the value says, after an emit. */
static enum weir_verdict
judge_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	(void)memory;
	weir_emit_same(ctx);
	if (value_is(record, "x"))
		return weir_reject(ctx, "x is %s", "refused");
	if (value_is(record, "r"))
		return weir_retry(ctx, "not now");
	if (value_is(record, "s"))
		return weir_stop(ctx, "enough");
	if (value_is(record, "m"))
		return WEIR_REJECT;
	if (value_is(record, "17"))
		return (enum weir_verdict)17;
	return WEIR_DONE;
}
static const struct weir_processor judge = {WEIR_PROCESSOR_HEADER, .name = "judge",
					    .record = judge_record};

/* Emits, then rejects whatever came of it. */
static enum weir_verdict
late_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	(void)memory;
	(void)record;
	weir_emit_same(ctx);
	return weir_stop(ctx, "too late to count");
}
static const struct weir_processor late = {WEIR_PROCESSOR_HEADER, .name = "late",
					   .record = late_record};

static enum weir_verdict
drop_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	(void)ctx;
	(void)memory;
	(void)record;
	return WEIR_DONE;
}
static const struct weir_processor drop = {WEIR_PROCESSOR_HEADER, .name = "drop",
					   .record = drop_record};

/* Emits until it fails. */
static enum weir_verdict
flood_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	int code;

	(void)memory;
	(void)record;
	while ((code = weir_emit_same(ctx)) == 0)
		;
	weir__buffer_printf(&trace, "emit:%d ", code);
	return WEIR_DONE;
}
static const struct weir_processor flood = {WEIR_PROCESSOR_HEADER, .name = "flood",
					    .record = flood_record};

/* Sets every part anew. */
static enum weir_verdict
renew_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	char name[] = "h", inside[] = "inside", key[] = "new";
	struct weir_header headers[] = {{name, {inside, 6}}, {name, {NULL, 0}}};
	struct weir_emit emit = {.size = sizeof(emit),
				 .set = WEIR_EMIT_KEY | WEIR_EMIT_HEADERS |
					WEIR_EMIT_TIMESTAMP,
				 .output = WEIR_NEXT,
				 .key = {key, 3},
				 .headers = headers,
				 .header_count = 2,
				 .timestamp_ms = 77};

	(void)memory;
	(void)record;
	weir_emit(ctx, &emit);
	memset(name, '!', 1); /* what is held must not change */
	memset(inside, '!', 6);
	memset(key, '!', 3);
	return WEIR_DONE;
}
static const struct weir_processor renew = {WEIR_PROCESSOR_HEADER, .name = "renew",
					    .record = renew_record};

/* Makes mistakes, by the value. */
static enum weir_verdict
err_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	struct weir_emit emit = {.size = sizeof(emit), .output = 99};

	(void)memory;
	if (value_is(record, "size"))
		emit.size = 0;
	weir__buffer_printf(&trace, "emit:%d ", weir_emit(ctx, &emit) != 0);
	return WEIR_DONE;
}
static const struct weir_processor err = {WEIR_PROCESSOR_HEADER, .name = "err",
					  .record = err_record};

/* Notes where the parsed value lies. */
static const json_t *parsed[8];
static size_t parsed_count;
static enum weir_verdict
parse_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	const json_t *json = weir_record_json(ctx, record);

	(void)memory;
	if (!json)
		return WEIR_REJECT;
	parsed[parsed_count++] = json;
	weir_emit_json(ctx, json);
	return WEIR_DONE;
}
static const struct weir_processor parse = {WEIR_PROCESSOR_HEADER, .name = "parse",
					    .record = parse_record};

/* Emits an object that it made. */
static enum weir_verdict
make_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	json_t *json = json_pack("{s:f,s:[i,n]}", "b", 19.99, "a", 1);

	(void)memory;
	(void)record;
	weir_emit_json(ctx, json);
	json_decref(json);
	return WEIR_DONE;
}
static const struct weir_processor make = {WEIR_PROCESSOR_HEADER, .name = "make",
					   .record = make_record};

static const struct weir_processor *const all[] = {
	&see, &split, &judge, &late, &drop, &flood, &renew, &err, &parse, &make, NULL};

/* ---- records ---- */

#define OUT ", 'outputs': {'default': 'out'}}"

START_TEST(empty_chain_points_at_the_bytes_it_was_given)
{
	struct weir_header headers[] = {{"h", {"v", 1}}};
	const struct weir_message message = {.key = {"key", 3},
					     .value = {"value", 5},
					     .headers = headers,
					     .header_count = 1,
					     .timestamp_ms = -1,
					     .partition = WEIR_BY_KEY};
	struct fixture f;

	fixture_init(&f, NULL);
	fixture_open(&f, "{'steps': []" OUT);
	ck_assert_int_eq(weir__chain_record(f.task, &message, 9, &f.held, &f.reason),
			 WEIR_DONE);
	ck_assert_uint_eq(f.held.count, 1);
	ck_assert_ptr_eq(f.held.items[0].message.key.data, message.key.data);
	ck_assert_ptr_eq(f.held.items[0].message.value.data, message.value.data);
	ck_assert_ptr_eq(f.held.items[0].message.headers, headers);
	ck_assert_int_eq(f.held.items[0].message.timestamp_ms, -1);
	ck_assert_uint_eq(f.held.arena.used_bytes, 0);
	fixture_fini(&f);
}
END_TEST

START_TEST(null_and_empty_values_stay_different)
{
	struct fixture f;

	fixture_init(&f, all);
	fixture_open(&f, "{'steps': [{'use': 'see'}]" OUT);
	ck_assert_int_eq(fixture_push(&f, NULL, NULL), WEIR_DONE);
	ck_assert_str_eq(fixture_held(&f), "<null>\n");
	ck_assert_ptr_null(f.held.items[0].message.key.data);
	ck_assert_int_eq(fixture_push(&f, "", ""), WEIR_DONE);
	ck_assert_str_eq(fixture_held(&f), "\n");
	ck_assert_ptr_nonnull(f.held.items[0].message.value.data);
	ck_assert_ptr_nonnull(f.held.items[0].message.key.data);
	fixture_fini(&f);
}
END_TEST

START_TEST(an_emit_runs_through_all_later_steps_before_it_returns)
{
	struct fixture f;

	fixture_init(&f, all);
	fixture_open(&f, "{'steps': [{'use': 'split'}, {'use': 'see', 'name': 'a'},"
			 "{'use': 'see', 'name': 'b'}]" OUT);
	ck_assert_int_eq(fixture_push(&f, "k", "12"), WEIR_DONE);
	ck_assert_str_eq(traced(), "a:1 b:1 a:2 b:2 ");
	ck_assert_str_eq(fixture_held(&f), "1\n2\n");
	fixture_fini(&f);
}
END_TEST

START_TEST(what_an_emit_does_not_set_is_inherited)
{
	struct fixture f;

	fixture_init(&f, all);
	fixture_open(&f, "{'steps': [{'use': 'split'}]" OUT);
	ck_assert_int_eq(fixture_push(&f, "k", "1"), WEIR_DONE);
	ck_assert_mem_eq(f.held.items[0].message.key.data, "k", 1);
	ck_assert_int_eq(f.held.items[0].message.timestamp_ms, 1000);
	ck_assert_uint_eq(f.held.items[0].message.header_count, 0);
	fixture_fini(&f);
}
END_TEST

START_TEST(held_parts_are_copies_of_what_does_not_last)
{
	struct fixture f;

	fixture_init(&f, all);
	fixture_open(&f, "{'steps': [{'use': 'renew'}]" OUT);
	ck_assert_int_eq(fixture_push(&f, "k", "value"), WEIR_DONE);
	ck_assert_uint_eq(f.held.count, 1);
	ck_assert_mem_eq(f.held.items[0].message.key.data, "new", 3);
	ck_assert_uint_eq(f.held.items[0].message.header_count, 2);
	ck_assert_str_eq(f.held.items[0].message.headers[0].name, "h");
	ck_assert_mem_eq(f.held.items[0].message.headers[0].value.data, "inside", 6);
	ck_assert_ptr_null(f.held.items[0].message.headers[1].value.data);
	ck_assert_int_eq(f.held.items[0].message.timestamp_ms, 77);
	ck_assert_str_eq(fixture_held(&f), "value\n");
	fixture_fini(&f);
}
END_TEST

/* ---- verdicts ---- */

static const struct {
	const char *value;
	enum weir_verdict verdict;
	const char *reason;
} verdicts[] = {
	{"x", WEIR_REJECT, "x is refused"},
	{"r", WEIR_RETRY, "not now"},
	{"s", WEIR_STOP, "enough"},
	{"m", WEIR_REJECT, "no reason given"},
	{"17", WEIR_STOP, "returned 17, which is no verdict"},
};

START_TEST(a_verdict_comes_with_step_and_reason_and_leaves_nothing)
{
	struct fixture f;

	fixture_init(&f, all);
	fixture_open(&f,
		     "{'steps': [{'use': 'see'}, {'use': 'judge', 'name': 'court'}]" OUT);
	ck_assert_int_eq(fixture_push(&f, "k", verdicts[_i].value), verdicts[_i].verdict);
	ck_assert_str_eq(f.reason.step, "court");
	ck_assert_str_eq(f.reason.text, verdicts[_i].reason);
	ck_assert_uint_eq(f.held.count, 0);
	ck_assert_uint_eq(f.held.bytes, 0);
	ck_assert_int_eq(fixture_push(&f, "k", "fine"), WEIR_DONE);
	ck_assert_str_eq(fixture_held(&f), "fine\n");
	fixture_fini(&f);
}
END_TEST

START_TEST(a_later_step_rejects_what_an_earlier_emit_held_too)
{
	struct fixture f;

	fixture_init(&f, all);
	fixture_open(&f, "{'steps': [{'use': 'split'}, {'use': 'judge'}]" OUT);
	ck_assert_int_eq(fixture_push(&f, "k", "axb"), WEIR_REJECT);
	ck_assert_str_eq(f.reason.step, "judge");
	ck_assert_uint_eq(f.held.count, 0);
	ck_assert_str_eq(traced(), "emit:-11 "); /* and the emit said so */
	fixture_fini(&f);
}
END_TEST

START_TEST(the_first_verdict_wins)
{
	struct fixture f;

	fixture_init(&f, all);
	fixture_open(&f, "{'steps': [{'use': 'late'}, {'use': 'judge'}]" OUT);
	ck_assert_int_eq(fixture_push(&f, "k", "x"), WEIR_REJECT);
	ck_assert_str_eq(f.reason.text, "x is refused");
	ck_assert_int_eq(fixture_push(&f, "k", "fine"), WEIR_STOP);
	ck_assert_str_eq(f.reason.text, "too late to count");
	fixture_fini(&f);
}
END_TEST

START_TEST(emits_beyond_the_bound_reject_the_record)
{
	struct fixture f;

	fixture_init(&f, all);
	fixture_open(&f, "{'steps': [{'use': 'flood'}]" OUT);
	f.held.max_bytes = 10000;
	ck_assert_int_eq(fixture_push(&f, "k", "value"), WEIR_REJECT);
	ck_assert_str_eq(f.reason.step, "flood");
	ck_assert_str_eq(f.reason.text,
			 "emits more than 10000 bytes for one record (commit.bytes)");
	ck_assert_str_eq(traced(), "emit:-5 ");
	ck_assert_uint_eq(f.held.count, 0);
	fixture_fini(&f);
}
END_TEST

START_TEST(emits_that_a_later_step_drops_are_bounded_too)
{
	struct fixture f;

	fixture_init(&f, all);
	fixture_open(&f, "{'steps': [{'use': 'flood'}, {'use': 'drop'}]" OUT);
	f.held.max_bytes = 10000;
	ck_assert_int_eq(fixture_push(&f, "k", NULL), WEIR_REJECT);
	ck_assert_str_eq(f.reason.step, "flood");
	fixture_fini(&f);
}
END_TEST

START_TEST(a_record_beyond_the_bound_is_rejected_by_an_empty_chain)
{
	struct fixture f;
	char expected[64];

	fixture_init(&f, NULL);
	fixture_open(&f, "{'steps': []" OUT);
	f.held.max_bytes = sizeof(struct weir_held) + 5;
	snprintf(expected, sizeof(expected), "more than commit.bytes (%zu)", f.held.max_bytes);
	ck_assert_int_eq(fixture_push(&f, "k", "value"), WEIR_REJECT);
	ck_assert_ptr_null(f.reason.step);
	ck_assert_ptr_nonnull(strstr(f.reason.text, expected));
	fixture_fini(&f);
}
END_TEST

START_TEST(mistakes_in_an_emit_stop_the_app)
{
	struct fixture f;

	fixture_init(&f, all);
	fixture_open(&f, "{'steps': [{'use': 'err'}]" OUT);
	ck_assert_int_eq(fixture_push(&f, "k", "output"), WEIR_STOP);
	ck_assert_ptr_nonnull(strstr(f.reason.text, "weir_output_find()"));
	ck_assert_int_eq(fixture_push(&f, "k", "size"), WEIR_STOP);
	ck_assert_ptr_nonnull(strstr(f.reason.text, "sizeof(struct weir_emit)"));
	ck_assert_str_eq(traced(), "emit:1 emit:1 ");
	fixture_fini(&f);
}
END_TEST

/* ---- JSON ---- */

START_TEST(a_value_is_parsed_once_for_all_steps_and_passed_on_as_it_came)
{
	struct fixture f;

	fixture_init(&f, all);
	fixture_open(&f, "{'steps': [{'use': 'parse', 'name': 'a'}, {'use': 'see'},"
			 "{'use': 'parse', 'name': 'b'}]" OUT);
	ck_assert_int_eq(fixture_push(&f, "k", " { \"a\" : 1.50 } "), WEIR_DONE);
	ck_assert_uint_eq(parsed_count, 2);
	ck_assert_ptr_eq(parsed[0], parsed[1]);
	ck_assert_str_eq(fixture_held(&f), " { \"a\" : 1.50 } \n");
	ck_assert_uint_eq(f.held.arena.used_bytes, 0);
	fixture_fini(&f);
}
END_TEST

START_TEST(an_emitted_object_is_not_parsed_again_and_printed_when_it_is_looked_at)
{
	struct fixture f;

	fixture_init(&f, all);
	fixture_open(&f,
		     "{'steps': [{'use': 'make'}, {'use': 'parse'}, {'use': 'see'}]" OUT);
	ck_assert_int_eq(fixture_push(&f, "k", NULL), WEIR_DONE);
	ck_assert_str_eq(traced(), "see:{\"b\":19.99,\"a\":[1,null]} ");
	ck_assert_str_eq(fixture_held(&f), "{\"b\":19.99,\"a\":[1,null]}\n");
	ck_assert_uint_eq(parsed_count, 1);
	fixture_fini(&f);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("chain");
	TCase *cases = tcase_create("chain");

	tcase_add_test(cases, empty_chain_points_at_the_bytes_it_was_given);
	tcase_add_test(cases, null_and_empty_values_stay_different);
	tcase_add_test(cases, an_emit_runs_through_all_later_steps_before_it_returns);
	tcase_add_test(cases, what_an_emit_does_not_set_is_inherited);
	tcase_add_test(cases, held_parts_are_copies_of_what_does_not_last);
	tcase_add_loop_test(cases,
			    a_verdict_comes_with_step_and_reason_and_leaves_nothing, 0,
			    sizeof(verdicts) / sizeof(verdicts[0]));
	tcase_add_test(cases, a_later_step_rejects_what_an_earlier_emit_held_too);
	tcase_add_test(cases, the_first_verdict_wins);
	tcase_add_test(cases, emits_beyond_the_bound_reject_the_record);
	tcase_add_test(cases, emits_that_a_later_step_drops_are_bounded_too);
	tcase_add_test(cases, a_record_beyond_the_bound_is_rejected_by_an_empty_chain);
	tcase_add_test(cases, mistakes_in_an_emit_stop_the_app);
	tcase_add_test(cases,
		       a_value_is_parsed_once_for_all_steps_and_passed_on_as_it_came);
	tcase_add_test(
		cases,
		an_emitted_object_is_not_parsed_again_and_printed_when_it_is_looked_at);
	suite_add_tcase(suite, cases);
	return weir_test_run(suite);
}
