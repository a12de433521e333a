/*
 * From the parsed file to struct weir_pipeline: sections by their tables, then what no
 * single row can say (names, topics, what must not meet).
 *
 * Any thread; nothing is kept.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <base/units.h>
#include <config/json_pointer.h>
#include <config/pipeline_file.h>

#define MOST_INPUTS 1000
#define MOST_OUTPUTS 1000
#define MOST_STEPS 100
#define MOST_PLUGINS 1000

#define NAME_RULE "letters, digits, - and _, at most 63, the first no - or _"
#define TOPIC_RULE "letters, digits, . - and _, at most 249"

int
weir__pipeline_check_name(const char *place, const char *name, struct weir_error *error)
{
	if (weir__name_valid(name))
		return 0;
	return weir_error_set(error, WEIR_EINVALID,
			      "%s: \"%.80s\" is not a name (" NAME_RULE ")", place, name);
}

int
weir__pipeline_check_topic(const char *place, const char *topic, struct weir_error *error)
{
	if (weir__topic_valid(topic))
		return 0;
	return weir_error_set(error, WEIR_EINVALID,
			      "%s: \"%.80s\" is not a topic (" TOPIC_RULE ")", place,
			      topic);
}

static int
parse_section(struct weir_pipeline *pipeline, const char *path, const json_t *object,
	      void *target, struct weir_error *error)
{
	const struct weir_section *section = weir__pipeline_section(path);

	return weir__options_parse(&section->table, object, path, target,
				   section->target_size, &pipeline->arena, error);
}

/* ---- who and where ---- */

/* The host's name up to its first dot, with what a name cannot hold replaced. */
static const char *
host_instance(struct weir_arena *arena)
{
	char host[64] = "";

	if (gethostname(host, sizeof(host) - 1) != 0)
		host[0] = '\0';
	host[strcspn(host, ".")] = '\0';
	for (char *at = host; *at; at++) {
		char one[2] = {*at, '\0'};

		if (!weir__name_valid(one) && *at != '-' && *at != '_')
			*at = '-';
	}
	return weir__arena_strdup(arena, weir__name_valid(host) ? host : "local");
}

static const char *
standard_state_dir(struct weir_arena *arena)
{
	const char *state_home = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	struct weir_buffer path = {0};
	const char *copy;

	if (geteuid() == 0)
		weir__buffer_add_text(&path, "/var/lib/weir");
	else if (state_home && *state_home == '/')
		weir__buffer_printf(&path, "%s/weir", state_home);
	else if (home && *home == '/')
		weir__buffer_printf(&path, "%s/.local/state/weir", home);
	else
		weir__buffer_add_text(&path, "/var/lib/weir");
	copy = weir__arena_strdup(arena, path.data);
	weir__buffer_fini(&path);
	return copy;
}

static const char *
path_in(struct weir_arena *arena, const char *folder, const char *path)
{
	char *joined = weir__pipeline_path(folder, path);
	const char *copy = weir__arena_strdup(arena, joined);

	free(joined);
	return copy;
}

static int
build_paths(struct weir_pipeline *pipeline, const struct weir_file_root *root,
	    const char *folder, struct weir_error *error)
{
	size_t count = root->plugins.count;
	const char **plugins;

	if (count > MOST_PLUGINS)
		return weir_error_set(error, WEIR_ELIMIT,
				      "/plugins: %zu are more than %d", count,
				      MOST_PLUGINS);
	plugins = weir__arena_alloc(&pipeline->arena, count * sizeof(*plugins));
	for (size_t i = 0; i < count; i++) {
		if (!*root->plugins.items[i])
			return weir_error_set(error, WEIR_EINVALID,
					      "/plugins/%zu: is empty", i);
		plugins[i] = path_in(&pipeline->arena, folder, root->plugins.items[i]);
	}
	pipeline->plugins = plugins;
	pipeline->plugin_count = count;
	if (!root->state_dir)
		pipeline->state_dir = standard_state_dir(&pipeline->arena);
	else if (!*root->state_dir)
		return weir_error_set(error, WEIR_EINVALID, "/state_dir: is empty");
	else
		pipeline->state_dir = path_in(&pipeline->arena, folder, root->state_dir);
	return 0;
}

static int
build_names(struct weir_pipeline *pipeline, const struct weir_file_root *root,
	    struct weir_error *error)
{
	int code;

	pipeline->name = root->name;
	pipeline->instance =
		root->instance ? root->instance : host_instance(&pipeline->arena);
	pipeline->guarantee = (enum weir_guarantee)root->guarantee;
	pipeline->workers = root->workers;
	pipeline->debug_plugins = root->debug_plugins;
	code = weir__pipeline_check_name("/name", pipeline->name, error);
	if (code == 0)
		code = weir__pipeline_check_name("/instance", pipeline->instance, error);
	return code;
}

/* ---- topics ---- */

static int
build_inputs(struct weir_pipeline *pipeline, const struct weir_file_root *root,
	     struct weir_error *error)
{
	const struct weir_strings *inputs = &root->inputs;
	char place[40];

	if (inputs->count == 0)
		return weir_error_set(error, WEIR_EINVALID,
				      "/inputs: expected at least one topic");
	if (inputs->count > MOST_INPUTS)
		return weir_error_set(error, WEIR_ELIMIT,
				      "/inputs: %zu topics are more than %d",
				      inputs->count, MOST_INPUTS);
	for (size_t i = 0; i < inputs->count; i++) {
		int code;

		snprintf(place, sizeof(place), "/inputs/%zu", i);
		code = weir__pipeline_check_topic(place, inputs->items[i], error);
		if (code)
			return code;
		for (size_t j = 0; j < i; j++) {
			if (strcmp(inputs->items[i], inputs->items[j]) == 0)
				return weir_error_set(error, WEIR_EINVALID,
						      "%s: \"%s\" is there already, as "
						      "/inputs/%zu",
						      place, inputs->items[i], j);
		}
	}
	pipeline->inputs = inputs->items;
	pipeline->input_count = inputs->count;
	return 0;
}

static bool
is_input(const struct weir_pipeline *pipeline, const char *topic)
{
	for (size_t i = 0; i < pipeline->input_count; i++) {
		if (strcmp(pipeline->inputs[i], topic) == 0)
			return true;
	}
	return false;
}

/* A topic the app writes to must be none it reads from: records would go round for ever.
 */
static int
check_written_topic(const struct weir_pipeline *pipeline, const char *place,
		    const char *topic, struct weir_error *error)
{
	int code = weir__pipeline_check_topic(place, topic, error);

	if (code == 0 && is_input(pipeline, topic))
		code = weir_error_set(
			error, WEIR_EINVALID,
			"%s: \"%s\" is an input too: its records would come back "
			"for ever",
			place, topic);
	return code;
}

static int
build_output(struct weir_pipeline *pipeline, const char *name, const json_t *value,
	     struct weir_error *error)
{
	struct weir_output_topic *output = &pipeline->outputs[pipeline->output_count];
	struct weir_buffer place = {0};
	int code;

	weir__buffer_add_text(&place, "/outputs");
	weir__json_pointer_add(&place, name);
	code = weir__pipeline_check_name(place.data, name, error);
	if (code == 0 && !json_is_string(value))
		code = weir_error_set(error, WEIR_EINVALID,
				      "%s: expected a topic (a string)", place.data);
	if (code == 0)
		code = check_written_topic(pipeline, place.data, json_string_value(value),
					   error);
	weir__buffer_fini(&place);
	if (code)
		return code;
	output->name = weir__arena_strdup(&pipeline->arena, name);
	output->topic = weir__arena_strdup(&pipeline->arena, json_string_value(value));
	pipeline->output_count++;
	return 0;
}

static int
build_outputs(struct weir_pipeline *pipeline, const struct weir_file_root *root,
	      struct weir_error *error)
{
	size_t count = json_object_size(root->outputs);
	const char *name;
	json_t *value;

	if (count > MOST_OUTPUTS)
		return weir_error_set(error, WEIR_ELIMIT,
				      "/outputs: %zu are more than %d", count,
				      MOST_OUTPUTS);
	pipeline->outputs =
		weir__arena_alloc(&pipeline->arena, count * sizeof(*pipeline->outputs));
	json_object_foreach ((json_t *)root->outputs, name, value) {
		int code;

		if (json_is_null(value)) /* taken back by --set */
			continue;
		code = build_output(pipeline, name, value, error);
		if (code)
			return code;
	}
	if (pipeline->output_count == 0)
		return weir_error_set(
			error, WEIR_EINVALID,
			"/outputs: expected at least one name with its topic");
	if (json_array_size(root->steps) == 0 &&
	    weir__pipeline_output(pipeline, "default") < 0)
		return weir_error_set(
			error, WEIR_EINVALID,
			"/outputs/default: missing; without steps, records are "
			"copied there");
	return 0;
}

/* ---- steps ---- */

static const struct weir_step_config *
step_named(const struct weir_pipeline *pipeline, const char *name)
{
	for (size_t i = 0; i < pipeline->step_count; i++) {
		if (strcmp(pipeline->steps[i].name, name) == 0)
			return &pipeline->steps[i];
	}
	return NULL;
}

/*
 * The processor's name; the second step without a name of its own that uses it gets "-2".
 * Names go into those of changelogs, so the first stays what it is when others come.
 */
static const char *
standard_step_name(struct weir_pipeline *pipeline, const char *use)
{
	size_t number = 1;
	const char *name;
	char *text;

	for (size_t i = 0; i < pipeline->step_count; i++)
		number += strcmp(pipeline->steps[i].use, use) == 0;
	if (number == 1)
		return use;
	text = weir__format("%s-%zu", use, number);
	name = weir__arena_strdup(&pipeline->arena, text);
	free(text);
	return name;
}

static int
check_step_outputs(const struct weir_pipeline *pipeline,
		   const struct weir_step_config *step, struct weir_error *error)
{
	const char *name;
	json_t *value;

	json_object_foreach ((json_t *)step->outputs, name, value) {
		const char *target = json_string_value(value);
		struct weir_buffer place = {0};
		int code = 0;

		weir__buffer_printf(&place, "%s/outputs", step->where);
		weir__json_pointer_add(&place, name);
		if (!target)
			code = weir_error_set(
				error, WEIR_EINVALID,
				"%s: expected a name from /outputs (a string)",
				place.data);
		else if (weir__pipeline_output(pipeline, target) < 0)
			code = weir_error_set(error, WEIR_EINVALID,
					      "%s: there is no \"%.80s\" in /outputs",
					      place.data, target);
		weir__buffer_fini(&place);
		if (code)
			return code;
	}
	return 0;
}

static int
build_step(struct weir_pipeline *pipeline, const json_t *object, struct weir_error *error)
{
	struct weir_step_config *step = &pipeline->steps[pipeline->step_count];
	const struct weir_section *section = weir__pipeline_section("/steps/...");
	const struct weir_step_config *twin;
	struct weir_file_step file = {0};
	char place[48];
	int code;

	snprintf(step->where, sizeof(step->where), "/steps/%zu", pipeline->step_count);
	code = weir__options_parse(&section->table, object, step->where, &file,
				   sizeof(file), &pipeline->arena, error);
	if (code)
		return code;
	snprintf(place, sizeof(place), "%s/use", step->where);
	code = weir__pipeline_check_name(place, file.use, error);
	if (code)
		return code;
	step->use = file.use;
	step->with = file.with;
	step->outputs = file.outputs;
	step->name = file.name ? file.name : standard_step_name(pipeline, file.use);
	snprintf(place, sizeof(place), "%s/name", step->where);
	code = weir__pipeline_check_name(place, step->name, error);
	if (code)
		return code;
	twin = step_named(pipeline, step->name);
	if (twin)
		return weir_error_set(error, WEIR_EINVALID,
				      "%s: \"%s\" is the name of %s already", place,
				      step->name, twin->where);
	pipeline->step_count++;
	return check_step_outputs(pipeline, step, error);
}

static int
build_steps(struct weir_pipeline *pipeline, const struct weir_file_root *root,
	    struct weir_error *error)
{
	size_t count = json_array_size(root->steps);
	size_t index;
	json_t *object;

	if (count > MOST_STEPS)
		return weir_error_set(error, WEIR_ELIMIT, "/steps: %zu are more than %d",
				      count, MOST_STEPS);
	pipeline->steps =
		weir__arena_alloc(&pipeline->arena, count * sizeof(*pipeline->steps));
	json_array_foreach (root->steps, index, object) {
		int code = build_step(pipeline, object, error);

		if (code)
			return code;
	}
	return 0;
}

/* ---- failures and commits ---- */

static int
build_dead_letter(struct weir_pipeline *pipeline, const struct weir_file_root *root,
		  struct weir_error *error)
{
	struct weir_file_dead_letter file = {0};
	int code;

	if (!root->dead_letter)
		return 0;
	code = parse_section(pipeline, "/dead_letter", root->dead_letter, &file, error);
	if (code == 0)
		code = check_written_topic(pipeline, "/dead_letter/topic", file.topic,
					   error);
	for (size_t i = 0; code == 0 && i < pipeline->output_count; i++) {
		if (strcmp(pipeline->outputs[i].topic, file.topic) == 0)
			code = weir_error_set(
				error, WEIR_EINVALID,
				"/dead_letter/topic: \"%s\" is the topic of "
				"/outputs/%s too: dead letters would stand among "
				"its records",
				file.topic, pipeline->outputs[i].name);
	}
	pipeline->dead_letter_topic = file.topic;
	return code;
}

static int
build_errors(struct weir_pipeline *pipeline, const struct weir_file_root *root,
	     struct weir_error *error)
{
	struct weir_file_errors file = {0};
	const char *on_reject =
		json_string_value(json_object_get(root->errors, "on_reject"));
	int code = parse_section(pipeline, "/errors", root->errors, &file, error);

	if (code)
		return code;
	if (file.retry_backoff > file.retry_backoff_max)
		return weir_error_set(
			error, WEIR_EINVALID,
			"/errors/retry_backoff: is above retry_backoff_max");
	pipeline->on_reject = (enum weir_on_reject)file.on_reject;
	if (pipeline->on_reject == WEIR_ON_REJECT_DEAD_LETTER &&
	    !pipeline->dead_letter_topic) {
		if (on_reject)
			return weir_error_set(error, WEIR_EINVALID,
					      "/errors/on_reject: \"dead-letter\" needs "
					      "/dead_letter/topic");
		pipeline->on_reject = WEIR_ON_REJECT_STOP;
	}
	pipeline->retry_backoff_ms = file.retry_backoff;
	pipeline->retry_backoff_max_ms = file.retry_backoff_max;
	pipeline->retry_attempts = file.retry_attempts;
	pipeline->on_gap = (enum weir_on_gap)file.on_gap;
	return 0;
}

static int
build_commit(struct weir_pipeline *pipeline, const struct weir_file_root *root,
	     struct weir_error *error)
{
	struct weir_file_commit file = {0};
	int code = parse_section(pipeline, "/commit", root->commit, &file, error);

	pipeline->commit_interval_ms = file.interval;
	pipeline->commit_records = file.records;
	pipeline->commit_bytes = file.bytes;
	return code;
}

int
weir__pipeline_build(struct weir_pipeline *pipeline, const char *folder,
		     struct weir_error *error)
{
	static int (*const parts[])(struct weir_pipeline *, const struct weir_file_root *,
				    struct weir_error *) = {
		build_names,       build_inputs,
		build_outputs,     weir__pipeline_build_tables,
		build_steps,       build_dead_letter,
		build_errors,      build_commit,
		weir__pipeline_build_kafka,
	};
	struct weir_file_root root = {0};
	int code = parse_section(pipeline, "", pipeline->root, &root, error);

	for (size_t i = 0; code == 0 && i < sizeof(parts) / sizeof(parts[0]); i++)
		code = parts[i](pipeline, &root, error);
	if (code == 0)
		code = build_paths(pipeline, &root, folder, error);
	return code;
}
