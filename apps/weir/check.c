/*
 * weir check: loads all that `weir run` would load, and says what it would do. With
 * --connect it also asks the cluster. Knows the order of things; the parts know how to
 * print and what to warn of. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <run/stateful.h>

#include "app_options.h"
#include "check.h"
#include "plugins.h"

enum check_key { KEY_SET = WEIR_OWN, KEY_CONNECT, KEY_JSON, KEY_TIMEOUT };

static const struct weir_flag check_flags[] = {
	{KEY_CONNECT, "connect", NULL,
	 "ask the cluster too: topics, partitions, replication"},
	{KEY_TIMEOUT, "timeout", "DURATION",
	 "with --connect: give up on a cluster that does not answer (default 30s)"},
	{KEY_SET, "set", "POINTER=VALUE",
	 "override a setting of the file, named by JSON pointer; VALUE is JSON, else a "
	 "string; may be repeated"},
	{KEY_JSON, "json", NULL, "print JSON, for programs"},
	WEIR_FLAG_END,
};

void
weir__check_warn(struct check *check, const char *format, ...)
{
	struct weir_buffer text = {0};
	char line[1024];
	va_list list;

	va_start(list, format);
	vsnprintf(line, sizeof(line), format, list);
	va_end(list);
	weir__buffer_add_text(&text, line);
	check->warnings = weir__realloc(
		check->warnings, (check->warning_count + 1) * sizeof(*check->warnings));
	check->warnings[check->warning_count++] = text.data;
}

/* A topic may have several roles; it is asked for and shown once. */
static void
add_topic(struct check *check, const char *name, char *role, const char *input)
{
	size_t i;

	for (i = 0; i < check->topic_count; i++) {
		struct check_topic *topic = &check->topics[i];
		char *both;

		if (strcmp(topic->name, name) != 0)
			continue;
		both = weir__format("%s, %s", topic->role, role);
		free(topic->role);
		free(role);
		topic->role = both;
		return;
	}
	check->topics = weir__realloc(check->topics,
				      (check->topic_count + 1) * sizeof(*check->topics));
	check->topics[check->topic_count++] =
		(struct check_topic){.name = name, .role = role, .input = input};
}

/* A store has one for each input. */
static void
add_changelogs(struct check *check)
{
	size_t count, topics = 0;
	const struct weir_chain_store *stores = weir__chain_stores(check->chain, &count);
	const char *const *changelogs =
		count ? weir__stores_changelogs(check->stores, &topics) : NULL;

	for (size_t topic = 0; topic < topics; topic++)
		add_topic(check, changelogs[topic],
			  weir__format("changelog of %s", stores[topic % count].name),
			  check->pipeline->inputs[topic / count]);
}

static void
collect_topics(struct check *check)
{
	const struct weir_pipeline *pipeline = check->pipeline;
	size_t i;

	for (i = 0; i < pipeline->input_count; i++)
		add_topic(check, pipeline->inputs[i], weir__strdup("input"), NULL);
	for (i = 0; i < pipeline->output_count; i++)
		add_topic(check, pipeline->outputs[i].topic,
			  weir__format("output %s", pipeline->outputs[i].name), NULL);
	if (pipeline->dead_letter_topic)
		add_topic(check, pipeline->dead_letter_topic,
			  weir__strdup("dead letters"), NULL);
	for (i = 0; i < pipeline->table_count; i++)
		add_topic(check, pipeline->tables[i].topic,
			  weir__format("table %s", pipeline->tables[i].name), NULL);
	add_changelogs(check);
}

static void
check_fini(struct check *check)
{
	size_t i;

	for (i = 0; i < check->warning_count; i++)
		free(check->warnings[i]);
	free(check->warnings);
	for (i = 0; i < check->topic_count; i++) {
		free(check->topics[i].role);
		free(check->topics[i].cannot);
	}
	free(check->topics);
	weir__stores_free(check->stores);
	if (check->connected)
		weir__cluster_info_fini(&check->cluster);
}

static int
check_app(struct weir_arguments *args, struct weir_app *app, bool connect, bool json)
{
	struct check check = {.command = args->command,
			      .pipeline = weir__app_pipeline(app),
			      .chain = weir__app_chain(app)};
	struct weir_error error = {0};
	int status = WEIR_EXIT_OK;

	check.stores = weir__stores_of(check.pipeline, check.chain, weir__clock_system(),
				       &args->logger, &error);
	if (error.code)
		return weir__command_fail(check.command, WEIR_EXIT_USAGE, "%s",
					  error.message);
	collect_topics(&check);
	weir__check_pipeline(&check);
	if (connect)
		status =
			weir__check_cluster(&check, &args->logger, (int)args->timeout_ms);
	if (json) {
		json_t *plan = weir__check_json(&check);

		json_object_set_new(plan, "ok", json_boolean(status == WEIR_EXIT_OK));
		weir__json_dump(plan);
		json_decref(plan);
	} else {
		weir__check_print(&check);
	}
	check_fini(&check);
	return status;
}

/* Returns 0, or -1 with `done` set. */
static int
take_option(struct weir_arguments *args, struct weir_app *app, int key, const char *value,
	    bool *connect, bool *json)
{
	switch (key) {
	case KEY_SET:
		return weir__arguments_set(args, app, value);
	case KEY_TIMEOUT:
		return weir__arguments_duration(args, "--timeout", value,
						&args->timeout_ms);
	case KEY_CONNECT:
		*connect = true;
		return 0;
	default:
		*json = true;
		return 0;
	}
}

static int
run_check(const struct weir_command *command, int argc, char **argv)
{
	static const char *const names[] = {"FILE"};
	struct weir_arguments args;
	struct weir_app *app = weir_app_new();
	const char *value;
	bool connect = false;
	bool json = false;
	int key;

	weir__arguments_init(&args, command, argc, argv);
	while ((key = weir__arguments_next(&args, &value)) > 0)
		take_option(&args, app, key, value, &connect, &json);
	weir_app_set_log(app, args.logger.level, NULL, NULL);
	if (weir__arguments_operands(&args, 1, 1, names) == 0 &&
	    weir__arguments_load(&args, app) == 0)
		args.status = check_app(&args, app, connect, json);
	weir_app_free(app);
	return weir__arguments_fini(&args);
}

const struct weir_command weir__command_check = {
	.name = "check",
	.summary = "check a pipeline file and print what it would do",
	.usage = "FILE [--connect] [--json] [--set POINTER=VALUE]...",
	.text = "Loads the pipeline in FILE with its processors, as run would, and "
		"prints the plan and what is doubtful about it. With --connect it also "
		"asks the cluster for the topics, and whether the changelogs of stores "
		"are as they should be, or could be made. Exit status: 0 fine, 2 the file or a "
		"topic is not, 1 no answer.",
	.flags = check_flags,
	.level = WEIR_LOG_WARNING,
	.example =
		"weir check orders.json\nweir check orders.json --connect --timeout 5s",
	.run = run_check,
};
