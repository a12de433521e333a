/*
 * Pipeline files with ${NAME}, @file:PATH and --set: what is accepted keeps what its
 * header promises; what is refused is refused in one line that names the file, and never
 * shows a password that came from a file or a variable.
 *
 * Input: the file, then lines of POINTER=VALUE. Variables it may use: FUZZ_TEXT,
 * FUZZ_EMPTY, FUZZ_BAD (not UTF-8), FUZZ_QUOTE, FUZZ_SECRET_FILE, FUZZ_SECRET.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/units.h>
#include <config/pipeline_file.h>

#include "tests/fuzz/fuzz.h"

#define SECRET "hunter2-from-a-file"
#define MOST_OVERRIDES 20

static char secret_path[40];

static void
set_up(void)
{
	int fd = fuzz_file("secret");

	fuzz_file_put(fd, (struct weir_bytes){SECRET "\n", strlen(SECRET) + 1});
	fuzz_file_path(fd, secret_path, sizeof(secret_path));
	setenv("FUZZ_TEXT", "text", 1);
	setenv("FUZZ_EMPTY", "", 1);
	setenv("FUZZ_BAD", "\xff\xfe", 1);
	setenv("FUZZ_QUOTE", "\"}${FUZZ_TEXT}\n@file:/", 1);
	setenv("FUZZ_SECRET_FILE", secret_path, 1);
	setenv("FUZZ_SECRET", SECRET, 1);
}

/* Lines of POINTER=VALUE, borrowed from `text`, which they cut. */
static size_t
read_overrides(char *text, struct weir_override *overrides, size_t most)
{
	size_t count = 0;
	char *line;

	while (count < most && (line = fuzz_line(&text))) {
		char *equals = strchr(line, '=');

		if (!equals)
			continue;
		*equals = '\0';
		overrides[count++] = (struct weir_override){line, equals + 1};
	}
	return count;
}

static void
check_properties(const struct weir_properties *properties)
{
	for (size_t i = 0; i < properties->count; i++) {
		FUZZ_CHECK(properties->items[i].value, "%s", properties->items[i].name);
		for (size_t j = 0; j < i; j++)
			FUZZ_CHECK(strcmp(properties->items[i].name,
					  properties->items[j].name) != 0,
				   "%s is there twice", properties->items[i].name);
	}
}

static void
check_steps(const struct weir_pipeline *pipeline)
{
	for (size_t i = 0; i < pipeline->step_count; i++) {
		const struct weir_step_config *step = &pipeline->steps[i];

		FUZZ_CHECK(weir__name_valid(step->name) && weir__name_valid(step->use),
			   "step %s uses %s", step->name, step->use);
		FUZZ_CHECK(!step->with || json_is_object(step->with), "%s", step->name);
		for (size_t j = 0; j < i; j++)
			FUZZ_CHECK(strcmp(step->name, pipeline->steps[j].name) != 0,
				   "two steps are named %s", step->name);
	}
}

static void
check_topics(const struct weir_pipeline *pipeline)
{
	const char *dead = pipeline->dead_letter_topic;

	FUZZ_CHECK(pipeline->input_count > 0 && pipeline->output_count > 0, "no topics");
	for (size_t i = 0; i < pipeline->output_count; i++) {
		const struct weir_output_topic *output = &pipeline->outputs[i];

		FUZZ_CHECK(weir__name_valid(output->name) &&
				   weir__topic_valid(output->topic),
			   "%s: %s", output->name, output->topic);
		FUZZ_CHECK(!dead || strcmp(output->topic, dead) != 0, "%s", dead);
		FUZZ_CHECK(weir__pipeline_output(pipeline, output->name) == (int)i, "%s",
			   output->name);
		for (size_t j = 0; j < pipeline->input_count; j++)
			FUZZ_CHECK(strcmp(pipeline->inputs[j], output->topic) != 0,
				   "%s goes round", output->topic);
	}
	for (size_t j = 0; j < pipeline->input_count; j++)
		FUZZ_CHECK(weir__topic_valid(pipeline->inputs[j]) &&
				   (!dead || strcmp(pipeline->inputs[j], dead) != 0),
			   "%s", pipeline->inputs[j]);
}

static void
check_numbers(const struct weir_pipeline *pipeline)
{
	FUZZ_CHECK(pipeline->workers >= 1 && pipeline->workers <= 64, "workers");
	FUZZ_CHECK(pipeline->commit_records >= 1 && pipeline->commit_bytes >= 1024 &&
			   pipeline->commit_interval_ms >= 1,
		   "commit");
	FUZZ_CHECK(pipeline->retry_backoff_ms <= pipeline->retry_backoff_max_ms, "retry");
	FUZZ_CHECK(pipeline->drain_ms < pipeline->session_timeout_ms, "drain");
	FUZZ_CHECK(pipeline->on_reject != WEIR_ON_REJECT_DEAD_LETTER ||
			   pipeline->dead_letter_topic,
		   "dead letters go nowhere");
}

static void
check_pipeline(const struct weir_pipeline *pipeline)
{
	struct weir_property_fault fault;

	FUZZ_CHECK(weir__name_valid(pipeline->name), "%s", pipeline->name);
	FUZZ_CHECK(weir__name_valid(pipeline->instance), "%s", pipeline->instance);
	check_topics(pipeline);
	check_steps(pipeline);
	check_numbers(pipeline);
	check_properties(&pipeline->consumer);
	check_properties(&pipeline->producer);
	check_properties(&pipeline->client);
	FUZZ_CHECK(!weir__properties_find_fault(&pipeline->consumer, &pipeline->producer,
						pipeline->guarantee, &fault),
		   "%s: %s", fault.name, fault.text);
}

/* The property that a message is about; the one behind the last / of its place. */
static bool
is_about_secret(const char *message)
{
	const char *place = strchr(message, '/');
	char *name;
	bool is_secret;

	if (!place)
		return true;
	name = weir__strndup(place, strcspn(place, ": "));
	is_secret = weir__property_secret(strrchr(name, '/') + 1);
	free(name);
	return is_secret;
}

static bool is_secret_given; /* in the input itself: fuzzers learn what is looked for */

static struct weir_pipeline *
parse(struct weir_bytes text, const struct weir_override *overrides, size_t count,
      struct weir_error *error)
{
	struct weir_pipeline *pipeline = weir__pipeline_parse(
		text.data, text.size, "f.json", "/nowhere", overrides, count, error);

	if (pipeline) {
		FUZZ_CHECK(error->code == 0, "%s", error->message);
		FUZZ_CHECK(!memchr(text.data, 0, text.size), "JSON with a zero byte");
		check_pipeline(pipeline);
		return pipeline;
	}
	fuzz_check_error(error->code, error);
	FUZZ_CHECK(strncmp(error->message, "f.json:", 7) == 0, "%s", error->message);
	FUZZ_CHECK(is_secret_given || !strstr(error->message, SECRET) ||
			   !is_about_secret(error->message),
		   "a secret is told: %s", error->message);
	return NULL;
}

/* With passwords put in: nothing says them, wherever else the file is wrong. */
static void
check_passwords(struct weir_bytes text, struct weir_override *overrides, size_t count)
{
	static const char *const places[] = {
		"/kafka/sasl.password", "/kafka/consumer/ssl.key.password",
		"/kafka/producer/sasl.jaas.config", "/kafka/ssl.key.pem"};
	static const char *const values[] = {"@file:${FUZZ_SECRET_FILE}",
					     "${FUZZ_SECRET}x", "[\"${FUZZ_SECRET}\"]",
					     "{\"a\":\"${FUZZ_SECRET}\"}"};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct weir_error error = {0};
		struct weir_pipeline *pipeline;

		overrides[count] = (struct weir_override){places[i], values[i]};
		pipeline = parse(text, overrides, count + 1, &error);
		FUZZ_CHECK(
			!pipeline || i > 1 ||
				strstr(weir__properties_get(&pipeline->consumer,
							    strrchr(places[i], '/') + 1),
				       SECRET),
			"%s did not get its value", places[i]);
		weir__pipeline_free(pipeline);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_override overrides[MOST_OVERRIDES + 1];
	struct weir_bytes input = {data, size};
	struct weir_bytes text = fuzz_part(&input);
	char *lines = fuzz_part_text(&input);
	size_t count = read_overrides(lines, overrides, MOST_OVERRIDES);
	struct weir_error error = {0};
	struct weir_pipeline *pipeline;

	if (!*secret_path)
		set_up();
	is_secret_given = size && memmem(data, size, SECRET, strlen(SECRET));
	pipeline = parse(text, overrides, count, &error);
	if (pipeline || strstr(error.message, "/kafka"))
		check_passwords(text, overrides, count);
	weir__pipeline_free(pipeline);
	free(lines);
	return 0;
}
