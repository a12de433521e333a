/*
 * What `weir reset` would do: finds the folders of stores on this machine, and asks the
 * cluster for members, places and changelogs.
 *
 * Knows in which order to ask: a group without members has nobody who could still send
 * offsets, so those that are read then, and stable, stay. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <base/units.h>
#include <run/instance.h>
#include <run/mark.h>

#include "reset.h"
#include "state.h"

/* ---- folders ---- */

/* INPUT-N, of an input of the pipeline: tables and what else lies there are not state of it. */
static bool
is_of_input(const struct reset *reset, const char *name)
{
	for (size_t index = 0; index < reset->pipeline->input_count; index++) {
		const char *input = reset->pipeline->inputs[index];
		const char *number = strrchr(name, '-');

		if (number && (size_t)(number - name) == strlen(input) &&
		    strncmp(name, input, strlen(input)) == 0 && number[1] &&
		    strspn(number + 1, "0123456789") == strlen(number + 1))
			return true;
	}
	return false;
}

static void
add_folder(struct reset *reset, const char *instance, const char *name)
{
	struct reset_folder folder = {.path = weir__format("%s/%s", instance, name)};

	weir__state_bytes(folder.path, &folder.bytes);
	reset->folders = weir__realloc(reset->folders, (reset->folder_count + 1) *
							       sizeof(*reset->folders));
	reset->folders[reset->folder_count++] = folder;
}

/* Each name in a folder; one that is not there has none. Returns 0 or a WEIR_E*. */
static int
each_name(struct reset *reset, const char *path,
	  int (*visit)(struct reset *, const char *path, const char *name,
		       struct weir_error *),
	  struct weir_error *error)
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	int code = 0;

	if (!directory && errno == ENOENT)
		return 0;
	if (!directory)
		return weir_error_set(error, WEIR_EIO, "%s: %s", path, strerror(errno));
	while (!code && (entry = readdir(directory)))
		code = visit(reset, path, entry->d_name, error);
	closedir(directory);
	return code;
}

static int
take_store(struct reset *reset, const char *path, const char *name, struct weir_error *error)
{
	(void)error;
	if (is_of_input(reset, name))
		add_folder(reset, path, name);
	return 0;
}

/* Its lock is held until the end, so that it cannot start meanwhile. */
static int
take_instance(struct reset *reset, const char *path, const char *name,
	      struct weir_error *error)
{
	struct weir_pipeline instance = *reset->pipeline;
	char *folder;
	int lock, code;

	if (!weir__name_valid(name))
		return 0;
	instance.instance = name;
	lock = weir__instance_lock(&instance, error);
	if (lock < 0)
		return lock;
	reset->locks = weir__realloc(reset->locks,
				     (reset->lock_count + 1) * sizeof(*reset->locks));
	reset->locks[reset->lock_count++] = lock;
	folder = weir__format("%s/%s", path, name);
	code = reset->stores ? each_name(reset, folder, take_store, error) : 0;
	free(folder);
	return code;
}

static int
by_path(const void *left, const void *right)
{
	const struct reset_folder *a = left, *b = right;

	return strcmp(a->path, b->path);
}

int
weir__reset_find_folders(struct reset *reset, struct weir_error *error)
{
	const struct weir_pipeline *pipeline = reset->pipeline;
	char *folder = weir__format("%s/%s", pipeline->state_dir, pipeline->name);
	int code = each_name(reset, folder, take_instance, error);

	if (reset->folder_count)
		qsort(reset->folders, reset->folder_count, sizeof(*reset->folders), by_path);
	free(folder);
	return code;
}

/* ---- members ---- */

static char *
names_of(const struct weir_group_info *info)
{
	struct weir_buffer names = {0};

	for (size_t index = 0; index < info->member_count; index++) {
		const struct weir_group_member *member = &info->members[index];
		const char *comma = index ? ", " : "";

		if (member->instance)
			weir__buffer_printf(&names, "%s%s", comma, member->instance);
		else
			weir__buffer_printf(&names, "%s%s at %s", comma, member->client,
					    member->host);
	}
	weir__buffer_add_text(&names, "");
	return names.data;
}

static int
refuse_members(const struct reset *reset, const struct weir_group_info *info,
	       struct weir_error *error)
{
	char duration[32];
	char *names = names_of(info);

	weir_error_set(error, WEIR_ESTATE,
		       "group %s has %zu member%s (%s): stop the app first; one that was "
		       "stopped or killed counts until its session timeout (%s) is over",
		       reset->pipeline->name, info->member_count,
		       info->member_count == 1 ? "" : "s", names,
		       weir__duration_print(reset->pipeline->session_timeout_ms, duration,
					    sizeof(duration)));
	free(names);
	return WEIR_ESTATE;
}

static int
check_members(struct reset *reset, struct weir_error *error)
{
	struct weir_group_info info = {0};
	int code = weir__broker_group_describe(reset->broker, reset->pipeline->name, &info,
					       (int)reset->args.timeout_ms, error);

	if (!code && info.member_count)
		code = refuse_members(reset, &info, error);
	weir__group_info_fini(&info);
	return code;
}

/* ---- places ---- */

static int
find_committed(struct reset *reset, struct weir_error *error)
{
	struct weir_offset *offsets = weir__calloc(reset->input_count + 1, sizeof(*offsets));
	struct weir_error own = {0};
	char duration[32];
	int code;

	for (size_t index = 0; index < reset->input_count; index++)
		offsets[index] = (struct weir_offset){
			.topic = reset->inputs[index].topic,
			.partition = reset->inputs[index].partition,
		};
	code = weir__broker_committed(reset->broker, reset->pipeline->name, offsets,
				      reset->input_count, (int)reset->args.timeout_ms, &own);
	if (code == WEIR_ETIMEOUT && strstr(own.message, WEIR_HELD_BACK))
		weir_error_set(error, code,
			       "the offsets of group %s are not settled: %s; it ends by its "
			       "timeout (%s), try again then",
			       reset->pipeline->name, WEIR_HELD_BACK,
			       weir__duration_print(reset->pipeline->transaction_timeout_ms,
						    duration, sizeof(duration)));
	else if (code)
		weir_error_set(error, code, "%s", own.message);
	for (size_t index = 0; index < reset->input_count && !code; index++) {
		struct reset_input *input = &reset->inputs[index];

		input->committed = offsets[index].offset;
		if (offsets[index].metadata)
			input->metadata = weir__strdup(offsets[index].metadata);
		reset->unfinished |= weir__mark_is_reset(input->metadata);
	}
	free(offsets);
	return code;
}

static int
find_place(struct reset *reset, struct reset_input *input, struct weir_error *error)
{
	int64_t timeout_ms = reset->args.timeout_ms;
	int code = weir__topic_range(reset->broker, input->topic, input->partition,
				     &input->low, &input->high, timeout_ms, error);

	if (code)
		return code;
	input->start = input->committed;
	if (input->committed == WEIR_OFFSET_NONE)
		input->start = reset->pipeline->offset_reset == WEIR_RESET_LATEST
				       ? input->high
				       : input->low;
	if (reset->to.kind == WEIR_FROM_TIME)
		return weir__topic_offset_at(reset->broker, input->topic, input->partition,
					     reset->to.value, &input->to, timeout_ms, error);
	input->to = reset->to.kind == WEIR_FROM_END ? input->high : input->low;
	return 0;
}

static int64_t
in_log(const struct reset_input *input, int64_t offset)
{
	return offset < input->low ? input->low : offset > input->high ? input->high : offset;
}

int64_t
weir__reset_moves(const struct reset_input *input)
{
	return in_log(input, input->to) - in_log(input, input->start);
}

/* ---- topics ---- */

static void
add_inputs(struct reset *reset, const struct weir_topic_info *topic, const char *name)
{
	size_t count = reset->input_count + (size_t)topic->partitions;

	reset->inputs = weir__realloc(reset->inputs, (count + 1) * sizeof(*reset->inputs));
	for (int32_t id = 0; id < topic->partitions; id++)
		reset->inputs[reset->input_count++] =
			(struct reset_input){.topic = name, .partition = id};
}

static int
add_changelog(struct reset *reset, const struct weir_topic_info *topic, const char *name,
	      struct weir_error *error)
{
	struct reset_changelog *changelog = &reset->changelogs[reset->changelog_count++];
	int code = 0;

	*changelog = (struct reset_changelog){.name = name, .is_there = topic->error == 0};
	for (int32_t id = 0; id < topic->partitions && changelog->is_there && !code; id++) {
		int64_t low = 0, high = 0;

		code = weir__topic_range(reset->broker, name, id, &low, &high,
					 reset->args.timeout_ms, error);
		changelog->records += high - low;
	}
	return code;
}

static int
take_topics(struct reset *reset, const char *const *names,
	    const struct weir_cluster_info *info, size_t count, struct weir_error *error)
{
	int code = 0;

	for (size_t index = 0; index < count && !code; index++) {
		const struct weir_topic_info *topic = &info->topics[index];
		bool is_input = index < reset->pipeline->input_count;

		if (topic->error == WEIR_EDENIED)
			code = weir_error_set(error, topic->error,
					      "%s %s: %s; missing: the right %s on the topic",
					      is_input ? "input" : "changelog", names[index],
					      weir_strerror(topic->error),
					      is_input ? "READ" : "DELETE");
		else if (topic->error && (is_input || topic->error != WEIR_ENOTFOUND))
			code = weir_error_set(error, topic->error, "%s %s: %s",
					      is_input ? "input" : "changelog", names[index],
					      topic->error == WEIR_ENOTFOUND
						      ? "no such topic"
						      : weir_strerror(topic->error));
		else if (is_input)
			add_inputs(reset, topic, names[index]);
		else
			code = add_changelog(reset, topic, names[index], error);
	}
	return code;
}

static int
find_topics(struct reset *reset, struct weir_error *error)
{
	size_t inputs = reset->pipeline->input_count, changelogs = 0, count;
	const char *const *wanted =
		reset->stores ? weir__stores_changelogs(reset->stores, &changelogs) : NULL;
	struct weir_cluster_info info = {0};
	const char **names;
	int code;

	count = inputs + changelogs;
	names = weir__calloc(count + 1, sizeof(*names));
	memcpy(names, reset->pipeline->inputs, inputs * sizeof(*names));
	if (changelogs)
		memcpy(names + inputs, wanted, changelogs * sizeof(*names));
	reset->changelogs = weir__calloc(changelogs + 1, sizeof(*reset->changelogs));
	code = weir__broker_describe(reset->broker, names, count, &info,
				     (int)reset->args.timeout_ms, error);
	if (!code)
		code = take_topics(reset, names, &info, count, error);
	weir__cluster_info_fini(&info);
	free(names);
	return code;
}

int
weir__reset_find_places(struct reset *reset, struct weir_error *error)
{
	int code = find_topics(reset, error);

	if (!code)
		code = check_members(reset, error);
	if (!code)
		code = find_committed(reset, error);
	for (size_t index = 0; index < reset->input_count && !code; index++)
		code = find_place(reset, &reset->inputs[index], error);
	return code;
}

void
weir__reset_plan_fini(struct reset *reset)
{
	for (size_t index = 0; index < reset->lock_count; index++)
		close(reset->locks[index]);
	for (size_t index = 0; index < reset->folder_count; index++)
		free(reset->folders[index].path);
	for (size_t index = 0; index < reset->input_count; index++)
		free(reset->inputs[index].metadata);
	free(reset->locks);
	free(reset->folders);
	free(reset->inputs);
	free(reset->changelogs);
}
