/*
 * Pipeline files that load: defaults, what they fill, variables, files, overrides.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <base/units.h>
#include <config/pipeline.h>

#include "tests/harness.h"

#define SMALL                                                                            \
	"{\"name\": \"orders\", \"inputs\": \"orders\", \"outputs\": {\"default\": "     \
	"\"clean\"}}"

static struct weir_pipeline *
load_with(const char *text, const struct weir_override *overrides, size_t count)
{
	struct weir_error error = {0};
	struct weir_pipeline *pipeline = weir__pipeline_parse(
		text, strlen(text), "p.json", "/etc/w", overrides, count, &error);

	ck_assert_msg(pipeline != NULL, "%s", error.message);
	return pipeline;
}

static struct weir_pipeline *
load(const char *text)
{
	return load_with(text, NULL, 0);
}

START_TEST(a_small_file_takes_all_defaults)
{
	struct weir_pipeline *pipeline = load(SMALL);

	ck_assert_str_eq(pipeline->path, "p.json");
	ck_assert_str_eq(pipeline->name, "orders");
	ck_assert(weir__name_valid(pipeline->instance));
	ck_assert_int_eq(pipeline->guarantee, WEIR_EXACTLY_ONCE);
	ck_assert_uint_eq(pipeline->input_count, 1);
	ck_assert_str_eq(pipeline->inputs[0], "orders");
	ck_assert_uint_eq(pipeline->step_count, 0);
	ck_assert_uint_eq(pipeline->output_count, 1);
	ck_assert_int_eq(weir__pipeline_output(pipeline, "default"), 0);
	ck_assert_int_eq(weir__pipeline_output(pipeline, "other"), -1);
	ck_assert_str_eq(pipeline->outputs[0].topic, "clean");
	ck_assert_ptr_null(pipeline->dead_letter_topic);
	ck_assert_int_eq(pipeline->on_reject, WEIR_ON_REJECT_STOP);
	ck_assert_int_eq(pipeline->retry_backoff_ms, 100);
	ck_assert_int_eq(pipeline->retry_backoff_max_ms, 30000);
	ck_assert_int_eq(pipeline->retry_attempts, 0);
	ck_assert_int_eq(pipeline->on_gap, WEIR_ON_GAP_STOP);
	ck_assert_int_eq(pipeline->commit_interval_ms, 100);
	ck_assert_int_eq(pipeline->commit_records, 200000);
	ck_assert_int_eq(pipeline->commit_bytes, 67108864);
	ck_assert_int_eq(pipeline->workers, 1);
	ck_assert_uint_eq(pipeline->plugin_count, 0);
	ck_assert_int_eq(pipeline->offset_reset, WEIR_RESET_EARLIEST);
	ck_assert_int_eq(pipeline->transaction_timeout_ms, 15000);
	ck_assert_int_eq(pipeline->session_timeout_ms, 10000);
	ck_assert_int_eq(pipeline->drain_ms, 5000);
	ck_assert_uint_eq(pipeline->consumer.count, 0);
	weir__pipeline_free(pipeline);
	weir__pipeline_free(NULL);
}
END_TEST

START_TEST(a_full_file_fills_everything)
{
	struct weir_pipeline *pipeline = load(
		"{\"name\": \"a\", \"instance\": \"i-1\", \"guarantee\": "
		"\"at-least-once\","
		" \"kafka\": {\"bootstrap.servers\": \"b:1\", \"socket.nagle.disable\": "
		"true,"
		"  \"auto.offset.reset\": \"error\", \"transaction.timeout.ms\": 60000,"
		"  \"session.timeout.ms\": \"20000\","
		"  \"consumer\": {\"fetch.min.bytes\": 5, \"bootstrap.servers\": "
		"\"c:1\"},"
		"  \"producer\": {\"linger.ms\": 0.5, \"acks\": \"all\", \"x\": null}},"
		" \"inputs\": [\"in1\", \"in2\"],"
		" \"steps\": [{\"use\": \"jq\", \"with\": {\"program\": \".\"}},"
		"  {\"use\": \"route\", \"name\": \"split\", \"outputs\": {\"late\": "
		"\"b\"}},"
		"  {\"use\": \"jq\"}, {\"use\": \"jq\"}],"
		" \"outputs\": {\"a\": \"t1\", \"b\": \"t2\", \"c\": \"t1\"},"
		" \"dead_letter\": {\"topic\": \"dead\"},"
		" \"errors\": {\"on_reject\": \"drop\", \"retry_backoff\": \"1s\","
		"  \"retry_backoff_max\": \"2s\", \"retry_attempts\": 5, \"on_gap\": "
		"\"continue\"},"
		" \"commit\": {\"interval\": \"10ms\", \"records\": 7, \"bytes\": "
		"\"1MiB\"},"
		" \"workers\": 64, \"plugins\": [\"./p\", \"q.so\", \"/r.so\"],"
		" \"state_dir\": \"state\", \"drain_timeout\": \"7s\"}");

	ck_assert_str_eq(pipeline->instance, "i-1");
	ck_assert_int_eq(pipeline->guarantee, WEIR_AT_LEAST_ONCE);
	ck_assert_uint_eq(pipeline->input_count, 2);
	ck_assert_uint_eq(pipeline->step_count, 4);
	ck_assert_str_eq(pipeline->steps[0].name, "jq");
	ck_assert_str_eq(pipeline->steps[1].name, "split");
	ck_assert_str_eq(pipeline->steps[1].use, "route");
	ck_assert_str_eq(pipeline->steps[1].where, "/steps/1");
	ck_assert_str_eq(pipeline->steps[2].name, "jq-2");
	ck_assert_str_eq(pipeline->steps[3].name, "jq-3");
	ck_assert(json_is_object(pipeline->steps[0].with));
	ck_assert_ptr_null(pipeline->steps[1].with);
	ck_assert_uint_eq(json_object_size(pipeline->steps[1].outputs), 1);
	ck_assert_int_eq(weir__pipeline_output(pipeline, "c"), 2);
	ck_assert_str_eq(pipeline->dead_letter_topic, "dead");
	ck_assert_int_eq(pipeline->on_reject, WEIR_ON_REJECT_DROP);
	ck_assert_int_eq(pipeline->retry_backoff_max_ms, 2000);
	ck_assert_int_eq(pipeline->retry_attempts, 5);
	ck_assert_int_eq(pipeline->on_gap, WEIR_ON_GAP_CONTINUE);
	ck_assert_int_eq(pipeline->commit_records, 7);
	ck_assert_int_eq(pipeline->workers, 64);
	ck_assert_str_eq(pipeline->plugins[0], "/etc/w/./p");
	ck_assert_str_eq(pipeline->plugins[1], "/etc/w/q.so");
	ck_assert_str_eq(pipeline->plugins[2], "/r.so");
	ck_assert_str_eq(pipeline->state_dir, "/etc/w/state");
	ck_assert_int_eq(pipeline->drain_ms, 7000);
	ck_assert_int_eq(pipeline->offset_reset, WEIR_RESET_ERROR);
	ck_assert_int_eq(pipeline->transaction_timeout_ms, 60000);
	ck_assert_int_eq(pipeline->session_timeout_ms, 20000);
	ck_assert_uint_eq(pipeline->client.count, 2);
	ck_assert_str_eq(weir__properties_get(&pipeline->client, "bootstrap.servers"),
			 "b:1");
	ck_assert_uint_eq(pipeline->consumer.count, 3);
	ck_assert_str_eq(weir__properties_get(&pipeline->consumer, "bootstrap.servers"),
			 "c:1");
	ck_assert_str_eq(weir__properties_get(&pipeline->consumer, "fetch.min.bytes"),
			 "5");
	ck_assert_uint_eq(pipeline->producer.count, 4);
	ck_assert_str_eq(
		weir__properties_get(&pipeline->producer, "socket.nagle.disable"),
		"true");
	ck_assert_str_eq(weir__properties_get(&pipeline->producer, "linger.ms"), "0.5");
	weir__pipeline_free(pipeline);
}
END_TEST

START_TEST(dead_letters_are_the_default_where_they_have_a_topic)
{
	struct weir_override topic = {"/dead_letter/topic", "dead"};
	struct weir_pipeline *pipeline = load_with(SMALL, &topic, 1);

	ck_assert_int_eq(pipeline->on_reject, WEIR_ON_REJECT_DEAD_LETTER);
	ck_assert_str_eq(pipeline->dead_letter_topic, "dead");
	weir__pipeline_free(pipeline);
}
END_TEST

START_TEST(variables_are_replaced_inside_strings)
{
	static const struct {
		const char *text;
		const char *value;
	} cases[] = {
		{"${WEIR_TEST_A}", "alpha"},
		{"x${WEIR_TEST_A}y${WEIR_TEST_A}", "xalphayalpha"},
		{"${WEIR_TEST_NONE:-other}", "other"},
		{"${WEIR_TEST_EMPTY:-other}", "other"},
		{"${WEIR_TEST_A:-other}", "alpha"},
		{"${WEIR_TEST_NONE:-}", ""},
		{"${WEIR_TEST_EMPTY}", ""},
		{"$$", "$"},
		{"$${WEIR_TEST_A}", "${WEIR_TEST_A}"},
		{". as $x | $x.a$", ". as $x | $x.a$"},
		{"$WEIR_TEST_A", "$WEIR_TEST_A"},
		{"${WEIR_TEST_QUOTES}", "\", \"acks\": \"0"},
		{"${WEIR_TEST_DOLLAR}", "${WEIR_TEST_A} $$ @file:/etc/passwd"},
		{"${WEIR_TEST_NONE:-a b:-c}", "a b:-c"},
	};

	setenv("WEIR_TEST_A", "alpha", 1);
	setenv("WEIR_TEST_EMPTY", "", 1);
	setenv("WEIR_TEST_QUOTES", "\", \"acks\": \"0", 1);
	setenv("WEIR_TEST_DOLLAR", "${WEIR_TEST_A} $$ @file:/etc/passwd", 1);
	unsetenv("WEIR_TEST_NONE");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_override property = {"/kafka/p", cases[i].text};
		struct weir_pipeline *pipeline = load_with(SMALL, &property, 1);

		ck_assert_str_eq(weir__properties_get(&pipeline->client, "p"),
				 cases[i].value);
		weir__pipeline_free(pipeline);
	}
}
END_TEST

START_TEST(a_variable_can_give_a_number)
{
	struct weir_override workers = {"/workers", "${WEIR_TEST_WORKERS:-3}"};
	struct weir_pipeline *pipeline = load_with(SMALL, &workers, 1);

	ck_assert_int_eq(pipeline->workers, 3);
	weir__pipeline_free(pipeline);
}
END_TEST

/* A folder of its own for files, removed by remove_folder(). */
static void
make_folder(char *folder)
{
	strcpy(folder, "/tmp/weir-test-pipeline-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void
write_in(const char *folder, const char *name, const char *text, size_t size)
{
	char path[200];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(text, 1, size, file), size);
	ck_assert_int_eq(fclose(file), 0);
}

static void
remove_folder(const char *folder, const char *const *names)
{
	char path[200];

	for (; *names; names++) {
		snprintf(path, sizeof(path), "%s/%s", folder, *names);
		unlink(path);
	}
	ck_assert_int_eq(rmdir(folder), 0);
}

START_TEST(a_file_gives_a_value_from_beside_the_pipeline)
{
	static const char *const names[] = {"pipeline.json", "password", "empty", NULL};
	static const char text[] =
		"{\"name\": \"a\", \"inputs\": \"i\", \"outputs\": {\"default\":"
		"\"o\"}, \"kafka\": {\"sasl.password\": \"@file:pass${W}\","
		"\"b\": \"@file:empty\", \"c\": \"x@file:empty\"}}";
	struct weir_error error = {0};
	struct weir_pipeline *pipeline;
	char folder[64], path[200];

	make_folder(folder);
	setenv("W", "word", 1);
	write_in(folder, "pipeline.json", text, strlen(text));
	write_in(folder, "password", "hunter2${W}\n\n", 13);
	write_in(folder, "empty", "", 0);
	snprintf(path, sizeof(path), "%s/pipeline.json", folder);
	pipeline = weir__pipeline_load(path, NULL, 0, &error);
	ck_assert_msg(pipeline != NULL, "%s", error.message);
	ck_assert_str_eq(weir__properties_get(&pipeline->client, "sasl.password"),
			 "hunter2${W}\n");
	ck_assert_str_eq(weir__properties_get(&pipeline->client, "b"), "");
	ck_assert_str_eq(weir__properties_get(&pipeline->client, "c"), "x@file:empty");
	weir__pipeline_free(pipeline);
	remove_folder(folder, names);
}
END_TEST

START_TEST(a_file_named_without_a_folder_is_in_the_working_one)
{
	static const char *const names[] = {"p.json", NULL};
	static const char text[] =
		"{\"name\": \"a\", \"inputs\": \"i\", \"outputs\": {\"default\":"
		"\"o\"}, \"plugins\": \"x.so\"}";
	struct weir_error error = {0};
	struct weir_pipeline *pipeline;
	char folder[64];

	make_folder(folder);
	write_in(folder, "p.json", text, strlen(text));
	ck_assert_int_eq(chdir(folder), 0);
	pipeline = weir__pipeline_load("p.json", NULL, 0, &error);
	ck_assert_msg(pipeline != NULL, "%s", error.message);
	/* with its slash: a bare name would be looked for in the system's folders */
	ck_assert_str_eq(pipeline->plugins[0], "./x.so");
	weir__pipeline_free(pipeline);
	remove_folder(folder, names);
}
END_TEST

START_TEST(overrides_make_what_is_missing)
{
	static const struct weir_override overrides[] = {
		{"/kafka/producer/linger.ms", "7"},
		{"/kafka/bootstrap.servers", "b:9092"},
		{"/commit/interval", "1s"},
		{"/instance", "7"},
		{"/name", "true"},
		{"/workers", "2"},
		{"/inputs", "[\"x\", \"y\"]"},
		{"/inputs/1", "z"},
		{"/inputs/-", "w"},
		{"/steps", "[]"},
		{"/steps/0/use", "jq"},
		{"/steps/0/name", "5"},
		{"/steps/0/with/program", ".a"},
		{"/steps/-/use", "route"},
		{"/errors/on_reject", "drop"},
		{"/outputs/late", "t2"},
		{"/outputs/default", "null"},
		{"/kafka/a~1b", "slash"},
	};
	struct weir_pipeline *pipeline =
		load_with(SMALL, overrides, sizeof(overrides) / sizeof(overrides[0]));

	ck_assert_str_eq(weir__properties_get(&pipeline->producer, "linger.ms"), "7");
	ck_assert_str_eq(weir__properties_get(&pipeline->consumer, "bootstrap.servers"),
			 "b:9092");
	ck_assert_str_eq(weir__properties_get(&pipeline->consumer, "a/b"), "slash");
	ck_assert_int_eq(pipeline->commit_interval_ms, 1000);
	ck_assert_str_eq(pipeline->instance, "7");
	ck_assert_str_eq(pipeline->name, "true");
	ck_assert_int_eq(pipeline->workers, 2);
	ck_assert_uint_eq(pipeline->input_count, 3);
	ck_assert_str_eq(pipeline->inputs[0], "x");
	ck_assert_str_eq(pipeline->inputs[1], "z");
	ck_assert_str_eq(pipeline->inputs[2], "w");
	ck_assert_uint_eq(pipeline->step_count, 2);
	ck_assert_str_eq(pipeline->steps[0].name, "5");
	ck_assert_str_eq(pipeline->steps[1].use, "route");
	ck_assert_int_eq(pipeline->on_reject, WEIR_ON_REJECT_DROP);
	ck_assert_uint_eq(pipeline->output_count, 1);
	ck_assert_str_eq(pipeline->outputs[0].name, "late");
	weir__pipeline_free(pipeline);
}
END_TEST

START_TEST(every_section_has_a_sound_table)
{
	const struct weir_section *section = weir__pipeline_sections();
	size_t count = 0;

	for (; section->path; section++, count++) {
		struct weir_error error = {0};

		ck_assert_msg(weir__options_check_table(
				      &section->table, section->target_size, &error) == 0,
			      "%s: %s", section->path, error.message);
		ck_assert_ptr_nonnull(section->help);
	}
	ck_assert_uint_eq(count, 7);
}
END_TEST

START_TEST(state_of_a_user_stays_in_the_users_home)
{
	uid_t user = geteuid();
	struct weir_pipeline *pipeline;

	if (user == 0)
		ck_assert_int_eq(seteuid(65534), 0);
	setenv("XDG_STATE_HOME", "/x/state", 1);
	setenv("HOME", "/home/u", 1);
	pipeline = load(SMALL);
	ck_assert_str_eq(pipeline->state_dir, "/x/state/weir");
	weir__pipeline_free(pipeline);
	unsetenv("XDG_STATE_HOME");
	pipeline = load(SMALL);
	ck_assert_str_eq(pipeline->state_dir, "/home/u/.local/state/weir");
	weir__pipeline_free(pipeline);
	ck_assert_int_eq(seteuid(user), 0); /* the leak sanitizer needs it back */
}
END_TEST

START_TEST(guarantees_are_read_by_name)
{
	for (int i = WEIR_EXACTLY_ONCE; i <= WEIR_AT_MOST_ONCE; i++) {
		enum weir_guarantee guarantee = (enum weir_guarantee) - 1;
		const char *name = weir__guarantee_name((enum weir_guarantee)i);
		struct weir_override override = {"/guarantee", name};
		struct weir_pipeline *pipeline = load_with(SMALL, &override, 1);

		ck_assert_int_eq(weir__guarantee_parse(name, &guarantee), 0);
		ck_assert_int_eq((int)guarantee, i);
		ck_assert_int_eq((int)pipeline->guarantee, i);
		weir__pipeline_free(pipeline);
	}
	ck_assert_int_eq(weir__guarantee_parse("exactly", NULL), WEIR_EINVALID);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pipeline");
	TCase *tcase = tcase_create("pipeline");

	tcase_add_test(tcase, a_small_file_takes_all_defaults);
	tcase_add_test(tcase, a_full_file_fills_everything);
	tcase_add_test(tcase, dead_letters_are_the_default_where_they_have_a_topic);
	tcase_add_test(tcase, variables_are_replaced_inside_strings);
	tcase_add_test(tcase, a_variable_can_give_a_number);
	tcase_add_test(tcase, a_file_gives_a_value_from_beside_the_pipeline);
	tcase_add_test(tcase, a_file_named_without_a_folder_is_in_the_working_one);
	tcase_add_test(tcase, overrides_make_what_is_missing);
	tcase_add_test(tcase, every_section_has_a_sound_table);
	tcase_add_test(tcase, state_of_a_user_stays_in_the_users_home);
	tcase_add_test(tcase, guarantees_are_read_by_name);
	suite_add_tcase(suite, tcase);
	return weir_test_run(suite);
}
