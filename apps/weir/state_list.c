/*
 * weir state FILE list: one row for each task and store, and one for each table. Knows how lag is asked for: one
 * question a changelog, and none any more once the cluster did not answer. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include <broker/kafka.h>
#include <state/stores.h>

#include "plugins.h"
#include "state.h"

struct listing {
	const struct state *state;
	struct weir_broker *broker; /* NULL: it does not answer */
	json_t *tasks;
	int status;
};

int64_t
weir__state_end(const struct state *state, struct weir_broker **broker, const char *topic,
		int32_t partition)
{
	struct weir_error error = {0};
	int64_t low, high = -1;
	int code;

	if (!*broker)
		return -1;
	code = weir__broker_range(*broker, topic, partition, &low, &high,
				  (int)state->args.timeout_ms, &error);
	if (code == 0)
		return high;
	weir__command_fail(state->args.command, 0, "lag of %s: %s", topic, error.message);
	if (code != WEIR_ENOTFOUND && code != WEIR_EDENIED) {
		weir__broker_close(*broker);
		*broker = NULL;
	}
	return -1;
}

static json_t *
store_json(struct listing *listing, const struct state_task *task, struct weir_view *view,
	   const struct weir_view_store *store)
{
	char *changelog = weir__changelog_name(listing->state->pipeline->name, store->name,
					       task->topic);
	int64_t end = weir__state_end(listing->state, &listing->broker, changelog,
				      task->partition);
	struct weir_error error = {0};
	uint64_t keys = 0;
	json_t *json;

	if (weir__view_count(view, store, &keys, &error) != 0)
		listing->status = weir__command_fail(listing->state->args.command,
						     WEIR_EXIT_FAILED, "%s",
						     error.message);
	json = json_pack("{s:s, s:I, s:s, s:I}", "name", store->name, "keys",
			 (json_int_t)keys, "changelog", changelog, "position",
			 (json_int_t)store->position);
	json_object_set_new(json, "end", end < 0 ? json_null() : json_integer(end));
	json_object_set_new(json, "lag",
			    end < 0 ? json_null() : json_integer(end - store->position));
	free(changelog);
	return json;
}

static void
add_task(struct listing *listing, const struct state_task *task)
{
	struct weir_error error = {0};
	struct weir_view *view = weir__view_open(task->folder, NULL, &error);
	const struct weir_view_store *stores;
	json_t *list;
	int64_t caught_up_ms;
	size_t count;

	if (!view) {
		if (error.code != WEIR_ENOTFOUND)
			listing->status =
				weir__command_fail(listing->state->args.command,
						   WEIR_EXIT_FAILED, "%s", error.message);
		return;
	}
	stores = weir__view_stores(view, &count);
	list = json_array();
	for (size_t index = 0; index < count; index++)
		json_array_append_new(list,
				      store_json(listing, task, view, &stores[index]));
	caught_up_ms = weir__view_caught_up_ms(view);
	json_array_append_new(
		listing->tasks,
		json_pack("{s:s, s:i, s:s, s:I, s:o, s:o}", "topic", task->topic, "partition",
			  (int)task->partition, "folder", task->folder, "bytes",
			  (json_int_t)task->bytes, "caught_up_ms",
			  caught_up_ms ? json_integer(caught_up_ms) : json_null(), "stores",
			  list));
	weir__view_close(view);
}

/* ---- as text ---- */

void
weir__state_time_print(const json_t *ms)
{
	time_t seconds = (time_t)(json_integer_value(ms) / 1000);
	struct tm parts;
	char text[32] = "-";

	if (json_is_integer(ms) && gmtime_r(&seconds, &parts))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
	puts(text);
}

static void
print_row(const json_t *task, const json_t *store, int widths[2])
{
	const json_t *lag = json_object_get(store, "lag");
	char number[24] = "-";

	if (json_is_integer(lag))
		snprintf(number, sizeof(number), "%lld",
			 (long long)json_integer_value(lag));
	printf("%9lld  %-*s  %10lld  %12lld  %-*s  %10lld  %7s  ",
	       (long long)json_integer_value(json_object_get(task, "partition")), widths[0],
	       json_string_value(json_object_get(store, "name")),
	       (long long)json_integer_value(json_object_get(store, "keys")),
	       (long long)json_integer_value(json_object_get(task, "bytes")), widths[1],
	       json_string_value(json_object_get(store, "changelog")),
	       (long long)json_integer_value(json_object_get(store, "position")), number);
	weir__state_time_print(json_object_get(task, "caught_up_ms"));
}

static void
widen(int *width, const json_t *text)
{
	int length = (int)json_string_length(text);

	if (length > *width)
		*width = length;
}

static void
print_rows(const json_t *tasks)
{
	int widths[2] = {5, 9};
	json_t *task, *store;
	size_t i, k;

	json_array_foreach (tasks, i, task) {
		json_array_foreach (json_object_get(task, "stores"), k, store) {
			widen(&widths[0], json_object_get(store, "name"));
			widen(&widths[1], json_object_get(store, "changelog"));
		}
	}
	printf("PARTITION  %-*s  %10s  %12s  %-*s  %10s  %7s  CAUGHT UP\n", widths[0],
	       "STORE", "KEYS", "BYTES", widths[1], "CHANGELOG", "POSITION", "LAG");
	json_array_foreach (tasks, i, task) {
		json_array_foreach (json_object_get(task, "stores"), k, store)
			print_row(task, store, widths);
	}
}

int
weir__state_list(struct state *state)
{
	const struct weir_pipeline *pipeline = state->pipeline;
	struct listing listing = {.state = state, .tasks = json_array()};
	struct weir_error error = {0};
	json_t *tables;

	listing.broker = weir__kafka_open(&pipeline->consumer, &state->args.logger,
					  weir__clock_system(), &error);
	if (!listing.broker)
		weir__command_fail(state->args.command, 0, "lag: %s", error.message);
	for (size_t index = 0; index < state->task_count; index++)
		add_task(&listing, &state->tasks[index]);
	tables = weir__state_tables(state, &listing.broker, &listing.status);
	weir__broker_close(listing.broker);
	if (state->json) {
		json_t *json = json_pack("{s:s, s:s, s:s, s:O, s:O}", "name", pipeline->name,
					 "instance", pipeline->instance, "folder",
					 state->folder, "tasks", listing.tasks, "tables",
					 tables);

		weir__json_dump(json);
		json_decref(json);
	} else {
		if (state->task_count)
			print_rows(listing.tasks);
		if (state->task_count && state->table_count)
			putchar('\n');
		if (state->table_count)
			weir__state_tables_print(tables);
	}
	json_decref(tables);
	json_decref(listing.tasks);
	return listing.status;
}
