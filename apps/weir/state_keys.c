/*
 * weir state FILE dump and get: keys and values of a store, task by task. Knows how they are
 * printed. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <state/stores.h>

#include "format.h"
#include "state.h"

struct printing {
	const struct state *state;
	const struct state_task *task;
	char *changelog;
	bool value_alone;
	size_t found; /* entries */
	struct weir_buffer line;
};

static bool
print_entry(void *opaque, const struct weir_view_entry *entry)
{
	struct printing *printing = opaque;
	struct weir_buffer *line = &printing->line;
	struct weir_bytes key = {entry->key.size ? entry->key.data : "", entry->key.size};
	struct weir_bytes value = {entry->value.size ? entry->value.data : "",
				   entry->value.size};

	line->size = 0;
	printing->found++;
	if (printing->state->json) {
		weir__buffer_add_text(line, "{\"topic\":\"");
		weir__buffer_add_text(line, printing->changelog);
		weir__buffer_add_text(line, "\"");
		if (!printing->task->table)
			weir__buffer_printf(line, ",\"partition\":%" PRId32,
					    printing->task->partition);
		weir__buffer_printf(line, ",\"timestamp\":%" PRId64, entry->time_ms);
		weir__line_write_member("key", key, line);
		weir__line_write_member("value", value, line);
		weir__buffer_add(line, "}", 1);
	} else {
		if (!printing->value_alone) {
			weir__buffer_add(line, key.data, key.size);
			weir__buffer_add(line, "\t", 1);
		}
		weir__buffer_add(line, value.data, value.size);
	}
	weir__buffer_add(line, "\n", 1);
	return fwrite(line->data, 1, line->size, stdout) == line->size;
}

/* ---- which store ---- */

static void
add_name(struct weir_buffer *names, const char *name)
{
	weir__buffer_printf(names, "%s%s", names->size ? ", " : "", name);
}

/* A name without a dot is a table's. */
static bool
names_a_table(const char *name)
{
	return !strchr(name, '.');
}

/* A store that neither the file nor the folders have, says so. */
static int
say_unknown(const struct state *state, const char *store)
{
	struct weir_buffer names = {0};
	size_t count;
	const struct weir_chain_store *stores =
		weir__chain_stores(weir__app_chain(state->app), &count);

	for (size_t index = 0; index < count; index++) {
		if (strcmp(stores[index].name, store) == 0) {
			weir__buffer_fini(&names);
			return weir__command_fail(state->args.command, WEIR_EXIT_FAILED,
						  "store %s is not in %s yet", store,
						  state->folder);
		}
		add_name(&names, stores[index].name);
	}
	for (size_t index = 0; index < state->pipeline->table_count; index++) {
		if (strcmp(state->pipeline->tables[index].name, store) == 0) {
			weir__buffer_fini(&names);
			return weir__command_fail(state->args.command, WEIR_EXIT_FAILED,
						  "table %s is not in %s yet", store,
						  state->folder);
		}
		add_name(&names, state->pipeline->tables[index].name);
	}
	weir__command_fail(state->args.command, 0, "no store or table %s (there is: %s)", store,
			   names.data);
	weir__buffer_fini(&names);
	return WEIR_EXIT_FAILED;
}

/* What is done with one task's store. Returns 0 or a WEIR_E*. */
typedef int (*store_fn)(struct weir_view *view, const struct weir_view_store *store,
			const void *argument, struct printing *printing,
			struct weir_error *error);

/* Returns the exit status, and whether the store is there. */
static int
act_on(const struct state *state, const struct state_task *task, const char *name, store_fn act,
       const void *argument, struct printing *printing, bool *is_known)
{
	struct weir_error error = {0};
	struct weir_view *view = weir__view_open(task->folder, NULL, &error);
	const struct weir_view_store *store = NULL;

	if (view)
		store = weir__view_find(view, task->table ? STATE_TABLE_ENTRIES : name);
	printing->task = task;
	printing->changelog = task->table ? weir__strdup(task->topic)
					  : weir__changelog_name(state->pipeline->name, name,
								 task->topic);
	*is_known = *is_known || store;
	if (store)
		act(view, store, argument, printing, &error);
	weir__view_close(view);
	free(printing->changelog);
	if (error.code && error.code != WEIR_ENOTFOUND)
		return weir__command_fail(state->args.command, WEIR_EXIT_FAILED, "%s",
					  error.message);
	return WEIR_EXIT_OK;
}

static int
each_task(struct state *state, const char *name, store_fn act, const void *argument,
	  struct printing *printing)
{
	bool is_table = names_a_table(name), is_known = false;
	const struct state_task *tasks = is_table ? state->tables : state->tasks;
	size_t count = is_table ? state->table_count : state->task_count;
	int status = WEIR_EXIT_OK;

	for (size_t index = 0; index < count && status == WEIR_EXIT_OK; index++)
		if (!is_table || strcmp(tasks[index].table, name) == 0)
			status = act_on(state, &tasks[index], name, act, argument, printing,
					&is_known);
	weir__buffer_fini(&printing->line);
	if (status == WEIR_EXIT_OK && !is_known)
		return say_unknown(state, name);
	return status;
}

/* ---- dump ---- */

static int
dump_store(struct weir_view *view, const struct weir_view_store *store, const void *argument,
	   struct printing *printing, struct weir_error *error)
{
	(void)argument;
	return weir__view_walk(view, store, weir__state_ttl_ms(printing->state, store->name),
			       print_entry, printing, error);
}

int
weir__state_dump(struct state *state, const char *store)
{
	struct printing printing = {.state = state};

	return each_task(state, store, dump_store, NULL, &printing);
}

/* ---- get ---- */

static int
get_key(struct weir_view *view, const struct weir_view_store *store, const void *argument,
	struct printing *printing, struct weir_error *error)
{
	const struct weir_bytes *key = argument;

	return weir__view_get(view, store, weir__state_ttl_ms(printing->state, store->name),
			      *key, print_entry, printing, error);
}

int
weir__state_get(struct state *state, const char *store, const char *key)
{
	struct printing printing = {.state = state, .value_alone = true};
	struct weir_bytes bytes = {key, strlen(key)};
	struct weir_arena arena = {0};
	int status;

	if (state->base64 && weir__base64_read(key, bytes.size, &arena, &bytes) != 0)
		status = weir__command_fail(state->args.command, WEIR_EXIT_USAGE,
					    "KEY is not base64: %s", key);
	else
		status = each_task(state, store, get_key, &bytes, &printing);
	if (status == WEIR_EXIT_OK && printing.found == 0)
		status = weir__command_fail(state->args.command, WEIR_EXIT_FAILED,
					    "no key %s in %s", key, store);
	weir__arena_fini(&arena);
	return status;
}
