/*
 * weir state: the stores of an app on this machine. Knows where their folders are, and how
 * they are removed; listing and keys are files of their own. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <base/alloc.h>
#include <run/instance.h>
#include <state/state.h>
#include <state/tables.h>

#include "app_options.h"
#include "state.h"

#define STANDARD_TIMEOUT_MS 5000

enum state_key { KEY_SET = WEIR_OWN, KEY_JSON, KEY_FORMAT, KEY_BASE64, KEY_YES, KEY_TIMEOUT };

static const struct weir_flag state_flags[] = {
	{'p', "partition", "PARTITION",
	 "only this partition of the inputs; all by default"},
	{KEY_FORMAT, "format", "FORMAT",
	 "of dump and get: text (default; key, tab, value) or json, which also holds bytes "
	 "that are no UTF-8, as base64 members"},
	{KEY_BASE64, "base64", NULL, "KEY is given in base64"},
	{KEY_YES, "yes", NULL, "delete without asking"},
	{KEY_TIMEOUT, "timeout", "DURATION",
	 "of list: give up on a cluster that does not answer, and show no lag (default 5s)"},
	{KEY_SET, "set", "POINTER=VALUE",
	 "override a setting of the file, named by JSON pointer; VALUE is JSON, else a "
	 "string; may be repeated"},
	{KEY_JSON, "json", NULL, "print JSON, for programs"},
	WEIR_FLAG_END,
};

int64_t
weir__state_ttl_ms(const struct state *state, const char *store)
{
	size_t count;
	const struct weir_chain_store *stores =
		weir__chain_stores(weir__app_chain(state->app), &count);

	for (size_t index = 0; index < count; index++)
		if (strcmp(stores[index].name, store) == 0)
			return stores[index].ttl_ms;
	return 0;
}

/* ---- folders ---- */

/* TOPIC-PARTITION; both may hold a dash but for the last one. */
static bool
read_name(const char *name, struct state_task *task)
{
	const char *dash = strrchr(name, '-');
	char *end;
	long number;

	if (!dash || dash == name || dash[1] < '0' || dash[1] > '9')
		return false;
	errno = 0;
	number = strtol(dash + 1, &end, 10);
	if (*end || errno || number > INT32_MAX)
		return false;
	task->topic = weir__strndup(name, (size_t)(dash - name));
	task->partition = (int32_t)number;
	return true;
}

bool
weir__state_bytes(const char *folder, int64_t *bytes)
{
	char *path = weir__format("%s/data.mdb", folder);
	struct stat status;
	bool is_there = stat(path, &status) == 0;

	free(path);
	/* it has holes */
	*bytes = is_there ? (int64_t)status.st_blocks * 512 : 0;
	return is_there;
}

static void
add_task(struct state *state, const char *name)
{
	struct state_task task = {.folder = weir__format("%s/%s", state->folder, name)};

	if (!weir__state_bytes(task.folder, &task.bytes) || !read_name(name, &task)) {
		free(task.folder);
		return;
	}
	if (state->partition >= 0 && task.partition != state->partition) {
		free(task.folder);
		free(task.topic);
		return;
	}
	state->tasks = weir__realloc(state->tasks,
				     (state->task_count + 1) * sizeof(*state->tasks));
	state->tasks[state->task_count++] = task;
}

static int
by_place(const void *left, const void *right)
{
	const struct state_task *a = left, *b = right;
	int order = strcmp(a->topic, b->topic);

	if (order)
		return order;
	return (a->partition > b->partition) - (a->partition < b->partition);
}

static void
find_tables(struct state *state)
{
	const struct weir_pipeline *pipeline = state->pipeline;

	state->tables = weir__calloc(pipeline->table_count + 1, sizeof(*state->tables));
	for (size_t index = 0; index < pipeline->table_count; index++) {
		struct state_task table = {
			.folder = weir__table_folder(state->folder,
						     pipeline->tables[index].topic),
			.topic = weir__strdup(pipeline->tables[index].topic),
			.table = pipeline->tables[index].name,
			.partition = -1,
		};

		if (weir__state_bytes(table.folder, &table.bytes)) {
			state->tables[state->table_count++] = table;
			continue;
		}
		free(table.folder);
		free(table.topic);
	}
}

/* Returns the exit status; when it is not 0 the reason is on stderr. */
static int
find_tasks(struct state *state)
{
	DIR *directory = opendir(state->folder);
	struct dirent *entry;

	if (!directory && errno != ENOENT)
		return weir__command_fail(state->args.command, WEIR_EXIT_FAILED, "%s: %s",
					  state->folder, strerror(errno));
	while (directory && (entry = readdir(directory)))
		add_task(state, entry->d_name);
	if (directory)
		closedir(directory);
	if (state->task_count == 0 && state->partition >= 0)
		return weir__command_fail(state->args.command, WEIR_EXIT_FAILED,
					  "no state of partition %" PRId32 " in %s",
					  state->partition, state->folder);
	find_tables(state);
	if (state->task_count == 0 && state->table_count == 0)
		return weir__command_fail(
			state->args.command, WEIR_EXIT_FAILED,
			"no state in %s: the app has none here, or runs with another "
			"state_dir or instance (--set /instance=NAME)",
			state->folder);
	if (state->task_count)
		qsort(state->tasks, state->task_count, sizeof(*state->tasks), by_place);
	return WEIR_EXIT_OK;
}

/* ---- delete ---- */

static bool
confirmed(const struct state *state)
{
	char answer[16] = "";
	int64_t bytes = 0;

	if (state->yes)
		return true;
	for (size_t index = 0; index < state->task_count; index++)
		bytes += state->tasks[index].bytes;
	fprintf(stderr,
		"Delete the stores of %zu task%s (%" PRId64 " bytes) in %s? "
		"They are rebuilt from the changelogs at the next start. [y/N] ",
		state->task_count, state->task_count == 1 ? "" : "s", bytes,
		state->folder);
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static int
delete_tasks(const struct state *state)
{
	for (size_t index = 0; index < state->task_count; index++) {
		const struct state_task *task = &state->tasks[index];
		int code = weir__folder_delete(task->folder);

		if (code)
			return weir__command_fail(state->args.command, WEIR_EXIT_FAILED,
						  "cannot delete %s: %s", task->folder,
						  strerror(code));
		printf("deleted %s\n", task->folder);
	}
	printf("rebuilt from the changelogs when the app starts\n");
	return WEIR_EXIT_OK;
}

int
weir__state_delete(struct state *state)
{
	struct weir_error error = {0};
	/* held until all is deleted: the app cannot start meanwhile */
	int lock = weir__instance_lock(state->pipeline, &error);
	int status;

	if (lock >= 0 && state->task_count == 0) {
		close(lock);
		return weir__command_fail(state->args.command, WEIR_EXIT_FAILED,
					  "no stores in %s", state->folder);
	}
	if (lock < 0)
		return weir__command_fail(
			state->args.command,
			lock == WEIR_ELOCKED ? WEIR_EXIT_USAGE : WEIR_EXIT_FAILED,
			lock == WEIR_ELOCKED ? "stop it first: %s" : "%s", error.message);
	if (confirmed(state))
		status = delete_tasks(state);
	else
		status = weir__command_fail(state->args.command, WEIR_EXIT_FAILED,
					    "nothing deleted (--yes deletes without asking)");
	close(lock);
	return status;
}

/* ---- the command ---- */

static void
take_option(struct state *state, int key, const char *value)
{
	static const char *const formats[] = {"text", "json", NULL};
	struct weir_arguments *args = &state->args;
	int64_t number = -1;
	int choice = 0;

	switch (key) {
	case 'p':
		weir__arguments_number(args, "--partition", value, 0, INT32_MAX, &number);
		state->partition = (int32_t)number;
		break;
	case KEY_FORMAT:
		weir__arguments_choice(args, "--format", value, formats, &choice);
		state->json = choice == 1;
		break;
	case KEY_SET:
		weir__arguments_set(args, state->app, value);
		break;
	case KEY_TIMEOUT:
		weir__arguments_duration(args, "--timeout", value, &args->timeout_ms);
		break;
	case KEY_BASE64:
		state->base64 = true;
		break;
	case KEY_YES:
		state->yes = true;
		break;
	default:
		state->json = true;
		break;
	}
}

enum action { LIST, DUMP, GET, DELETE };

/* 0, or -1 with `done` set. */
static int
read_action(struct state *state, int *action)
{
	static const char *const actions[] = {"list", "dump", "get", "delete", NULL};
	static const char *const names[] = {"FILE", "ACTION", "STORE", "KEY"};
	static const int operands[] = {2, 3, 4, 2};
	struct weir_arguments *args = &state->args;

	*action = LIST;
	if (weir__arguments_operands(args, 1, 4, names) != 0)
		return -1;
	if (args->operand_count == 1)
		return 0;
	if (weir__arguments_choice(args, "ACTION", args->operands[1], actions, action) != 0)
		return -1;
	return weir__arguments_operands(args, operands[*action], operands[*action], names);
}

static int
act(struct state *state, int action)
{
	char **operands = state->args.operands;
	int status = find_tasks(state);

	if (status != WEIR_EXIT_OK)
		return status;
	switch ((enum action)action) {
	case DUMP:
		return weir__state_dump(state, operands[2]);
	case GET:
		return weir__state_get(state, operands[2], operands[3]);
	case DELETE:
		return weir__state_delete(state);
	default:
		return weir__state_list(state);
	}
}

static bool
load(struct state *state)
{
	struct weir_arguments *args = &state->args;
	size_t count;

	weir_app_set_log(state->app, args->logger.level, NULL, NULL);
	if (weir__arguments_load(args, state->app) != 0)
		return false;
	state->pipeline = weir__app_pipeline(state->app);
	state->folder = weir__instance_folder(state->pipeline);
	weir__chain_stores(weir__app_chain(state->app), &count);
	if (count == 0 && state->pipeline->table_count == 0)
		weir__arguments_bad(args, "%s: its steps keep no stores, and it has no tables",
				    args->operands[0]);
	return count > 0 || state->pipeline->table_count > 0;
}

static void
free_tasks(struct state_task *tasks, size_t count)
{
	for (size_t index = 0; index < count; index++) {
		free(tasks[index].folder);
		free(tasks[index].topic);
	}
	free(tasks);
}

static int
run_state(const struct weir_command *command, int argc, char **argv)
{
	struct state state = {.app = weir_app_new(), .partition = -1};
	const char *value;
	int key, action;

	weir__arguments_init(&state.args, command, argc, argv);
	state.args.timeout_ms = STANDARD_TIMEOUT_MS;
	while ((key = weir__arguments_next(&state.args, &value)) > 0)
		take_option(&state, key, value);
	if (read_action(&state, &action) == 0 && load(&state))
		state.args.status = act(&state, action);
	free_tasks(state.tasks, state.task_count);
	free_tasks(state.tables, state.table_count);
	free(state.folder);
	weir_app_free(state.app);
	return weir__arguments_fini(&state.args);
}

const struct weir_command weir__command_state = {
	.name = "state",
	.summary = "list, read or delete the stores and tables of an app on this machine",
	.usage = "FILE [list | dump STORE | get STORE KEY | delete] [OPTION]...",
	.text = "Looks at the stores of the pipeline in FILE in its state_dir, read-only, also "
		"while the app runs: what it had committed some seconds ago, since the last "
		"writes wait in its memory. list (the default) shows for each "
		"task and store the keys, the bytes on disk (of the task's file, which its "
		"stores share), the place in the changelog, and how far that is behind its "
		"end (marks of transactions count: 1 is usual); and likewise each table, over "
		"all partitions of its topic. dump prints all keys and values of a store or "
		"table, piece by piece, get the value of one key. delete removes the stores' "
		"files, for tasks of all inputs, while the app is stopped: it rebuilds them "
		"from the changelogs when it starts. Exit status: 0 done, 1 no such state or "
		"key, 2 bad file or usage, or delete while the app runs.",
	.flags = state_flags,
	.level = WEIR_LOG_ERROR,
	.example = "weir state orders.json\n"
		   "weir state orders.json dump count.seen --format json\n"
		   "weir state orders.json get count.seen customer-7\n"
		   "weir state orders.json get customers 1042",
	.run = run_state,
};
