/*
 * Building a chain: what is wrong with steps, options and outputs is said with its place.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include "tests/harness.h"
#include "tests/processor/fixture.h"

static enum weir_verdict
pass_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	(void)memory;
	(void)record;
	weir_emit_same(ctx);
	return WEIR_DONE;
}
static const struct weir_processor pass = {WEIR_PROCESSOR_HEADER, .name = "pass",
					   .record = pass_record};

struct fork_options {
	const char *to; /* an output to find at run time */
	int64_t odd;
	const char *table;
};

static const struct weir_option fork_option_rows[] = {
	WEIR_OPT_STRING(struct fork_options, to, NULL, "output"),
	WEIR_OPT_INT(struct fork_options, odd, "1", 1, 99, "an odd number"),
	WEIR_OPT_ROW(struct fork_options, table, WEIR_OPTION_TABLE, 0, NULL, 0, 0, NULL, "table"),
	WEIR_OPT_END};
static const struct weir_output fork_outputs[] = {
	{"left", ""}, {"right", ""}, WEIR_OUTPUT_END};

static int
fork_check(const void *options, struct weir_error *error)
{
	const struct fork_options *opts = options;

	if (opts->odd % 2 == 0)
		return weir_error_set(error, WEIR_EINVALID, "odd: %d is even",
				      (int)opts->odd);
	return opts->odd == 13 ? WEIR_EINVALID : 0;
}

/* To left and right, or to the output that the option names. */
static enum weir_verdict
fork_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	const struct fork_options *opts = weir_options(ctx);
	struct weir_emit emit = {.size = sizeof(emit)};

	(void)memory;
	(void)record;
	if (opts->to && strcmp(opts->to, "plain") == 0) {
		weir_emit_same(ctx);
		return WEIR_DONE;
	}
	if (opts->to) {
		emit.output = weir_output_find(ctx, opts->to);
		if (emit.output < 0)
			return weir_reject(ctx, "no output %s", opts->to);
		weir_emit(ctx, &emit);
		return WEIR_DONE;
	}
	emit.output = weir_output_find(ctx, "left");
	weir_emit(ctx, &emit);
	emit.output = weir_output_find(ctx, "right");
	weir_emit(ctx, &emit);
	return WEIR_DONE;
}
static const struct weir_processor fork_own = {
	WEIR_PROCESSOR_HEADER,       .name = "fork",
	.options = fork_option_rows, .options_size = sizeof(struct fork_options),
	.outputs = fork_outputs,     .check = fork_check,
	.record = fork_record};
static const struct weir_processor any = {
	WEIR_PROCESSOR_HEADER,       .name = "any",
	.options = fork_option_rows, .options_size = sizeof(struct fork_options),
	.flags = WEIR_ANY_OUTPUT,    .record = fork_record};

/* A value that is gone when the callback returns. */
static enum weir_verdict
renew_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	char text[] = "value";

	(void)memory;
	(void)record;
	weir_emit_value(ctx, (struct weir_bytes){text, 5});
	memset(text, 'x', 5);
	return WEIR_DONE;
}
static const struct weir_processor renew = {WEIR_PROCESSOR_HEADER, .name = "renew",
					    .record = renew_record};

static const struct weir_processor *const all[] = {&pass, &fork_own, &any, &renew, NULL};

static const struct {
	const char *pipeline;
	const char *message;
} faults[] = {
	{"{'steps': [{'use': 'pas'}], 'outputs': {'default': 'o'}}",
	 "p.json: /steps/0/use: there is no processor \"pas\"; did you mean \"pass\"? "
	 "(known: any, fork, pass, renew)"},
	{"{'steps': [{'use': 'pass'}, {'use': 'fork', 'with': {'odd': 100}}],"
	 "'outputs': {'default': 'o', 'left': 'l', 'right': 'r'}}",
	 "p.json: /steps/1/with/odd: "},
	{"{'steps': [{'use': 'fork', 'with': {'od': 3}}],"
	 "'outputs': {'default': 'o', 'left': 'l', 'right': 'r'}}",
	 "p.json: /steps/0/with/od"},
	{"{'steps': [{'use': 'fork', 'with': {'odd': 4}}],"
	 "'outputs': {'default': 'o', 'left': 'l', 'right': 'r'}}",
	 "p.json: /steps/0/with: odd: 4 is even"},
	{"{'steps': [{'use': 'fork', 'with': {'odd': 13}}],"
	 "'outputs': {'default': 'o', 'left': 'l', 'right': 'r'}}",
	 "p.json: /steps/0/with: the processor refuses these options"},
	{"{'steps': [{'use': 'fork', 'with': {'table': 'none'}}], 'tables': {'t': {'topic': "
	 "'x'}}, 'outputs': {'default': 'o', 'left': 'l', 'right': 'r'}}",
	 "p.json: /steps/0/with/table: there is no table \"none\" in /tables"},
	{"{'steps': [{'use': 'fork', 'with': {'table': 7}}],"
	 "'outputs': {'default': 'o', 'left': 'l', 'right': 'r'}}",
	 "p.json: /steps/0/with/table: expected a string"},
	{"{'steps': [{'use': 'fork'}], 'outputs': {'left': 'l'}}",
	 "p.json: /steps/0: output \"right\" of processor \"fork\" goes nowhere: name it "
	 "in "
	 "\"outputs\", or map it in the step's \"outputs\""},
	{"{'steps': [{'use': 'fork', 'outputs': {'up': 'left'}}], 'outputs': {'left': "
	 "'l'}}",
	 "p.json: /steps/0/outputs: processor \"fork\" has no output \"up\""},
	{"{'steps': [{'use': 'fork', 'outputs': {'left': 'up'}}], 'outputs': {'left': "
	 "'l'}}",
	 "p.json: /steps/0/outputs: output \"left\" is mapped to \"up\", which "
	 "\"outputs\" "
	 "lacks"},
	{"{'steps': [{'use': 'fork', 'outputs': {'left': 5}}], 'outputs': {'left': 'l'}}",
	 "p.json: /steps/0/outputs: \"left\" must be mapped to a name"},
	{"{'steps': [], 'outputs': {'other': 'o'}}",
	 "p.json: /outputs: \"default\" is missing: it is where records are copied"},
	{"{'steps': [{'use': 'any'}, {'use': 'pass'}], 'outputs': {'other': 'o'}}",
	 "p.json: /outputs: \"default\" is missing: it is where the last step's records "
	 "go"},
};

START_TEST(a_fault_is_named_with_file_and_place)
{
	struct fixture f;

	fixture_init(&f, all);
	ck_assert(!fixture_build(&f, faults[_i].pipeline));
	ck_assert_msg(strncmp(f.error.message, faults[_i].message,
			      strlen(faults[_i].message)) == 0,
		      "%s", f.error.message);
	ck_assert_int_eq(f.error.code, WEIR_EINVALID);
	fixture_fini(&f);
}
END_TEST

START_TEST(own_outputs_go_where_the_step_maps_them)
{
	struct fixture f;

	fixture_init(&f, all);
	fixture_open(&f, "{'steps': [{'use': 'fork', 'outputs': {'left': 'east'}}],"
			 "'outputs': {'west': 'w', 'right': 'r', 'east': 'e'}}");
	ck_assert_int_eq(fixture_push(&f, "k", "v"), WEIR_DONE);
	ck_assert_uint_eq(f.held.count, 2);
	ck_assert_int_eq(f.held.items[0].output, 2);
	ck_assert_int_eq(f.held.items[1].output, 1);
	fixture_fini(&f);
}
END_TEST

START_TEST(an_emit_to_an_output_passes_later_steps_by)
{
	struct fixture f;

	fixture_init(&f, all);
	fixture_open(
		&f, "{'steps': [{'use': 'fork'}, {'use': 'any', 'with': {'to': 'none'}}],"
		    "'outputs': {'left': 'l', 'right': 'r'}}");
	ck_assert_int_eq(fixture_push(&f, "k", "v"), WEIR_DONE);
	ck_assert_uint_eq(f.held.count, 2);
	fixture_fini(&f);
}
END_TEST

START_TEST(a_processor_of_any_output_finds_each_name_of_the_pipeline_and_aliases)
{
	struct fixture f;

	fixture_init(&f, all);
	fixture_open(&f, "{'steps': [{'use': 'any', 'with': {'to': 'b'}}],"
			 "'outputs': {'a': 'ta', 'b': 'tb'}}");
	ck_assert_int_eq(fixture_push(&f, "k", "v"), WEIR_DONE);
	ck_assert_int_eq(f.held.items[0].output, 1);
	fixture_fini(&f);
	fixture_init(&f, all);
	fixture_open(
		&f,
		"{'steps': [{'use': 'any', 'with': {'to': 'x'}, 'outputs': {'x': 'a'}}],"
		"'outputs': {'a': 'ta', 'b': 'tb'}}");
	ck_assert_int_eq(fixture_push(&f, "k", "v"), WEIR_DONE);
	ck_assert_int_eq(f.held.items[0].output, 0);
	fixture_fini(&f);
}
END_TEST

START_TEST(only_own_outputs_are_found_without_that_flag)
{
	struct fixture f;

	fixture_init(&f, all);
	fixture_open(&f, "{'steps': [{'use': 'fork', 'with': {'to': 'b'}}],"
			 "'outputs': {'left': 'l', 'right': 'r', 'b': 'tb'}}");
	ck_assert_int_eq(fixture_push(&f, "k", "v"), WEIR_REJECT);
	ck_assert_str_eq(f.reason.text, "no output b");
	fixture_fini(&f);
}
END_TEST

START_TEST(an_emit_to_a_default_that_is_missing_stops_the_app)
{
	struct fixture f;

	fixture_init(&f, all);
	fixture_open(&f, "{'steps': [{'use': 'any', 'with': {'to': 'plain'}}], "
			 "'outputs': {'a': 't'}}");
	ck_assert_int_eq(fixture_push(&f, "k", "v"), WEIR_STOP);
	ck_assert_str_eq(
		f.reason.text,
		"emits behind the last step, but \"outputs\" has no \"default\"");
	fixture_fini(&f);
}
END_TEST

START_TEST(the_chain_tells_its_processors)
{
	struct fixture f;

	fixture_init(&f, all);
	fixture_open(&f, "{'steps': [{'use': 'pass'}], 'outputs': {'default': 'o'}}");
	ck_assert_str_eq(weir__chain_processor(f.chain, 0)->descriptor.name, "pass");
	ck_assert_ptr_null(weir__chain_processor(f.chain, 1));
	fixture_fini(&f);
}
END_TEST

START_TEST(a_record_for_two_outputs_is_copied_once)
{
	struct fixture f;

	fixture_init(&f, all);
	fixture_open(&f, "{'steps': [{'use': 'renew'}, {'use': 'fork'}],"
			 "'outputs': {'left': 'l', 'right': 'r'}}");
	ck_assert_int_eq(fixture_push(&f, NULL, "given"), WEIR_DONE);
	ck_assert_uint_eq(f.held.count, 2);
	ck_assert_str_eq(fixture_held(&f), "value\nvalue\n");
	ck_assert_ptr_eq(f.held.items[0].message.value.data, f.held.items[1].message.value.data);
	fixture_fini(&f);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("chain_build");
	TCase *cases = tcase_create("chain_build");

	tcase_add_loop_test(cases, a_fault_is_named_with_file_and_place, 0,
			    sizeof(faults) / sizeof(faults[0]));
	tcase_add_test(cases, own_outputs_go_where_the_step_maps_them);
	tcase_add_test(cases, an_emit_to_an_output_passes_later_steps_by);
	tcase_add_test(
		cases,
		a_processor_of_any_output_finds_each_name_of_the_pipeline_and_aliases);
	tcase_add_test(cases, only_own_outputs_are_found_without_that_flag);
	tcase_add_test(cases, an_emit_to_a_default_that_is_missing_stops_the_app);
	tcase_add_test(cases, the_chain_tells_its_processors);
	tcase_add_test(cases, a_record_for_two_outputs_is_copied_once);
	suite_add_tcase(suite, cases);
	return weir_test_run(suite);
}
