/*
 * weir state FILE list: the tables of an app, how many keys they have and how far they are
 * behind their topics. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "state.h"

/* Its places, all partitions; *lag is -1 where one is not known. */
static json_t *
partitions_json(const struct state *state, const struct state_task *table,
		struct weir_view *view, struct weir_broker **broker, int64_t *position,
		int64_t *lag)
{
	json_t *partitions = json_array();
	size_t count;
	const struct weir_view_store *places = weir__view_stores(view, &count);

	*position = *lag = 0;
	for (size_t index = 0; index < count; index++) {
		int32_t partition = (int32_t)strtol(places[index].name, NULL, 10);
		int64_t end = weir__state_end(state, broker, table->topic, partition);
		json_t *json = json_pack("{s:i, s:I}", "partition", (int)partition, "position",
					 (json_int_t)places[index].position);

		json_object_set_new(json, "end", end < 0 ? json_null() : json_integer(end));
		json_array_append_new(partitions, json);
		*position += places[index].position;
		if (end < 0 || *lag < 0)
			*lag = -1;
		else
			*lag += end - places[index].position;
	}
	return partitions;
}

static json_t *
table_json(const struct state *state, const struct state_task *table, struct weir_view *view,
	   struct weir_broker **broker, struct weir_error *error)
{
	const struct weir_view_store *entries = weir__view_find(view, STATE_TABLE_ENTRIES);
	int64_t caught_up_ms = weir__view_caught_up_ms(view), position, lag;
	uint64_t keys = 0;
	json_t *partitions = partitions_json(state, table, view, broker, &position, &lag);

	if (entries)
		weir__view_count(view, entries, &keys, error);
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:o, s:o, s:o}", "name", table->table,
			 "topic", table->topic, "folder", table->folder, "keys",
			 (json_int_t)keys, "bytes", (json_int_t)table->bytes, "position",
			 (json_int_t)position, "lag", lag < 0 ? json_null() : json_integer(lag),
			 "caught_up_ms",
			 caught_up_ms ? json_integer(caught_up_ms) : json_null(), "partitions",
			 partitions);
}

json_t *
weir__state_tables(const struct state *state, struct weir_broker **broker, int *status)
{
	json_t *tables = json_array();

	for (size_t index = 0; index < state->table_count; index++) {
		const struct state_task *table = &state->tables[index];
		struct weir_error error = {0};
		struct weir_view *view = weir__view_open(table->folder, NULL, &error);

		if (view)
			json_array_append_new(tables,
					      table_json(state, table, view, broker, &error));
		weir__view_close(view);
		if (error.code && error.code != WEIR_ENOTFOUND)
			*status = weir__command_fail(state->args.command, WEIR_EXIT_FAILED,
						     "%s", error.message);
	}
	return tables;
}

static int
width_of(const json_t *tables, const char *member, int width)
{
	json_t *table;
	size_t index;

	json_array_foreach (tables, index, table) {
		int length = (int)json_string_length(json_object_get(table, member));

		width = length > width ? length : width;
	}
	return width;
}

void
weir__state_tables_print(const json_t *tables)
{
	int name_width = width_of(tables, "name", 5), topic_width = width_of(tables, "topic", 5);
	json_t *table;
	size_t index;

	printf("%-*s  %10s  %12s  %-*s  %10s  %7s  CAUGHT UP\n", name_width, "TABLE", "KEYS",
	       "BYTES", topic_width, "TOPIC", "POSITION", "LAG");
	json_array_foreach (tables, index, table) {
		const json_t *lag = json_object_get(table, "lag");
		char number[24] = "-";

		if (json_is_integer(lag))
			snprintf(number, sizeof(number), "%lld",
				 (long long)json_integer_value(lag));
		printf("%-*s  %10lld  %12lld  %-*s  %10lld  %7s  ", name_width,
		       json_string_value(json_object_get(table, "name")),
		       (long long)json_integer_value(json_object_get(table, "keys")),
		       (long long)json_integer_value(json_object_get(table, "bytes")),
		       topic_width, json_string_value(json_object_get(table, "topic")),
		       (long long)json_integer_value(json_object_get(table, "position")),
		       number);
		weir__state_time_print(json_object_get(table, "caught_up_ms"));
	}
}
