/*
 * Builds pipelines by hand, so that faults reach the chain that a pipeline file's own
 * checks would find first.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/processor/fixture.h"

static void
keep_line(void *opaque, enum weir_log_level level, const char *line)
{
	struct fixture *fixture = opaque;

	weir__buffer_printf(&fixture->log, "%s %s\n", weir__log_level_name(level), line);
}

void
fixture_init(struct fixture *fixture, const struct weir_processor *const *processors)
{
	memset(fixture, 0, sizeof(*fixture));
	fixture->logger.level = WEIR_LOG_DEBUG;
	fixture->logger.write = keep_line;
	fixture->logger.opaque = fixture;
	fixture->held.max_bytes = 1024 * 1024;
	weir__virtual_clock_init(&fixture->clock, 5000);
	fixture->registry = weir__registry_new(&fixture->logger);
	for (size_t i = 0; processors && processors[i]; i++) {
		int code = weir__registry_add(fixture->registry, processors[i],
					      &fixture->error);

		ck_assert_msg(code == 0, "%s", fixture->error.message);
	}
}

static void
build_outputs(struct fixture *fixture, const json_t *outputs)
{
	struct weir_pipeline *pipeline = &fixture->pipeline;
	const char *name;
	json_t *topic;

	pipeline->outputs =
		weir__calloc(json_object_size(outputs), sizeof(*pipeline->outputs));
	json_object_foreach ((json_t *)outputs, name, topic) {
		pipeline->outputs[pipeline->output_count].name = name;
		pipeline->outputs[pipeline->output_count++].topic =
			json_string_value(topic);
	}
}

static void
build_steps(struct fixture *fixture, const json_t *steps)
{
	struct weir_pipeline *pipeline = &fixture->pipeline;

	pipeline->step_count = json_array_size(steps);
	pipeline->steps = weir__calloc(pipeline->step_count, sizeof(*pipeline->steps));
	for (size_t i = 0; i < pipeline->step_count; i++) {
		const json_t *step = json_array_get(steps, i);
		struct weir_step_config *config = &pipeline->steps[i];
		const char *name = json_string_value(json_object_get(step, "name"));

		config->use = json_string_value(json_object_get(step, "use"));
		config->name = name ? name : config->use;
		config->with = json_object_get(step, "with");
		config->outputs = json_object_get(step, "outputs");
		snprintf(config->where, sizeof(config->where), "/steps/%zu", i);
	}
}

bool
fixture_build(struct fixture *fixture, const char *json)
{
	char *text = weir__strdup(json);
	json_error_t error;

	for (char *c = text; *c; c++)
		if (*c == '\'')
			*c = '"';
	fixture->root = json_loads(text, 0, &error);
	ck_assert_msg(fixture->root, "%s: %s", error.text, text);
	free(text);
	fixture->pipeline.path = "p.json";
	build_outputs(fixture, json_object_get(fixture->root, "outputs"));
	build_steps(fixture, json_object_get(fixture->root, "steps"));
	fixture->chain =
		weir__chain_new(&fixture->pipeline, fixture->registry,
				&fixture->clock.clock, &fixture->logger, &fixture->error);
	return fixture->chain != NULL;
}

void
fixture_open(struct fixture *fixture, const char *json)
{
	bool built = fixture_build(fixture, json);

	ck_assert_msg(built, "%s", fixture->error.message);
	fixture->task = weir__chain_open(fixture->chain, "in", 3, NULL, NULL, &fixture->error);
	ck_assert_msg(fixture->task, "%s", fixture->error.message);
}

void
fixture_fini(struct fixture *fixture)
{
	weir__chain_close(fixture->task);
	weir__chain_free(fixture->chain);
	weir__registry_free(fixture->registry);
	weir__held_fini(&fixture->held);
	weir__buffer_fini(&fixture->log);
	free(fixture->pipeline.outputs);
	free(fixture->pipeline.steps);
	json_decref(fixture->root);
}

static enum weir_verdict
push(struct fixture *fixture, struct weir_bytes key, struct weir_bytes bytes)
{
	const struct weir_message message = {.key = key,
					     .value = bytes,
					     .timestamp_ms = 1000,
					     .partition = WEIR_BY_KEY};

	memset(&fixture->reason, 0, sizeof(fixture->reason));
	return weir__chain_record(fixture->task, &message, 1042, &fixture->held,
				  &fixture->reason);
}

static struct weir_bytes
text_bytes(const char *text)
{
	return (struct weir_bytes){text, text ? strlen(text) : 0};
}

enum weir_verdict
fixture_push(struct fixture *fixture, const char *key, const char *value)
{
	return push(fixture, text_bytes(key), text_bytes(value));
}

enum weir_verdict
fixture_push_bytes(struct fixture *fixture, struct weir_bytes value)
{
	return push(fixture, text_bytes(NULL), value);
}

const char *
fixture_held(const struct fixture *fixture)
{
	static struct weir_buffer text;

	weir__buffer_fini(&text);
	weir__buffer_add_text(&text, "");
	for (size_t i = 0; i < fixture->held.count; i++) {
		const struct weir_held *item = &fixture->held.items[i];

		if (item->message.value.data)
			weir__buffer_add(&text, item->message.value.data,
					 item->message.value.size);
		else
			weir__buffer_add_text(&text, "<null>");
		weir__buffer_add_text(&text, "\n");
	}
	return text.data ? text.data : "";
}
