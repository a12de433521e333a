/*
 * What `weir check` warns of: doubtful settings, and a cluster that is weaker than the
 * guarantee. Knows what makes a commit survive a broker's end. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <base/units.h>
#include <broker/kafka.h>

#include "check.h"

#define SHORT_RETENTION_MS 3600000

static bool
is_input(const struct weir_pipeline *pipeline, const char *topic)
{
	size_t i;

	for (i = 0; i < pipeline->input_count; i++)
		if (strcmp(pipeline->inputs[i], topic) == 0)
			return true;
	return false;
}

void
weir__check_pipeline(struct check *check)
{
	const struct weir_pipeline *pipeline = check->pipeline;

	if (pipeline->on_reject == WEIR_ON_REJECT_STOP && pipeline->step_count > 0)
		weir__check_warn(
			check, "one bad record stops the app: set dead_letter.topic, or "
			       "errors.on_reject to \"drop\"");
	if (pipeline->guarantee == WEIR_AT_MOST_ONCE)
		weir__check_warn(
			check, "at-most-once loses what is in hand when anything fails");
	if (pipeline->guarantee == WEIR_AT_MOST_ONCE && check->stores)
		weir__check_warn(check, "under at-most-once stores are best effort: they may "
					"lack what was lost, and have what was not sent");
	if (weir__kafka_doubt(&pipeline->consumer))
		weir__check_warn(check, "%s", weir__kafka_doubt(&pipeline->consumer));
	for (size_t i = 0; i < pipeline->step_count; i++) {
		char text[512];

		if (weir__chain_doubt(check->chain, i, text, sizeof(text)))
			weir__check_warn(check, "step %s: %s", pipeline->steps[i].name, text);
	}
}

bool
weir__check_is_made_later(const struct check *check, size_t topic)
{
	return check->topics[topic].input && !check->topics[topic].cannot &&
	       check->cluster.topics[topic].error == WEIR_ENOTFOUND;
}

static const struct weir_topic_info *
find_topic(const struct check *check, const char *name)
{
	size_t index = 0;

	while (strcmp(check->topics[index].name, name) != 0)
		index++;
	return &check->cluster.topics[index];
}

/* Missing changelogs: could the app make them? */
static void
try_changelogs(struct check *check, struct weir_broker *broker, int timeout_ms)
{
	for (size_t i = 0; i < check->topic_count; i++) {
		struct check_topic *topic = &check->topics[i];
		const struct weir_topic_info *input;
		struct weir_error error = {0};
		int code;

		if (!topic->input || check->cluster.topics[i].error != WEIR_ENOTFOUND)
			continue;
		input = find_topic(check, topic->input);
		if (input->error) /* it is complained of */
			continue;
		code = weir__kafka_topic_try(broker, topic->name, input->partitions,
					     input->replication, timeout_ms, &error);
		if (code == WEIR_EDENIED)
			topic->cannot = weir__strdup("not authorized; missing: the right CREATE "
						     "on the topic or on the cluster");
		else if (code && code != WEIR_EEXISTS)
			topic->cannot = weir__strdup(error.message);
	}
}

static int
describe(struct check *check, const struct weir_logger *logger, int timeout_ms,
	 struct weir_error *error)
{
	const char **names = weir__calloc(check->topic_count + 1, sizeof(*names));
	struct weir_broker *broker;
	int code = WEIR_EINVALID;
	size_t i;

	for (i = 0; i < check->topic_count; i++)
		names[i] = check->topics[i].name;
	broker = weir__kafka_open(&check->pipeline->consumer, logger,
				  weir__clock_system(), error);
	if (broker) {
		code = weir__broker_describe(broker, names, check->topic_count,
					     &check->cluster, timeout_ms, error);
		check->connected = true;
		if (code == 0)
			try_changelogs(check, broker, timeout_ms);
	}
	weir__broker_close(broker);
	free(names);
	return code;
}

/* The topics that `weak` is true of, as "a, b"; NULL when there is none. */
static char *
topics_that(const struct check *check, bool (*weak)(const struct weir_topic_info *))
{
	struct weir_buffer list = {0};
	size_t i;

	for (i = 0; i < check->topic_count; i++) {
		const struct weir_topic_info *topic = &check->cluster.topics[i];

		if (topic->error == 0 && weak(topic))
			weir__buffer_printf(&list, "%s%s", list.size ? ", " : "",
					    check->topics[i].name);
	}
	return list.data;
}

static bool
has_one_copy(const struct weir_topic_info *topic)
{
	return topic->replication == 1;
}

static bool
needs_one_copy(const struct weir_topic_info *topic)
{
	return topic->replication > 1 && topic->min_insync == 1;
}

static bool
needs_all_copies(const struct weir_topic_info *topic)
{
	return topic->replication > 1 && topic->min_insync >= topic->replication;
}

static void
warn_of_copies(struct check *check)
{
	char *topics = topics_that(check, has_one_copy);

	if (topics)
		weir__check_warn(check,
				 "replication 1 (%s): the end of one broker's disk loses "
				 "records that were committed",
				 topics);
	free(topics);
	topics = topics_that(check, needs_one_copy);
	if (topics)
		weir__check_warn(
			check,
			"min.insync.replicas 1 (%s): a commit may be on one broker "
			"only, and be lost with it; 2 is usual",
			topics);
	free(topics);
	topics = topics_that(check, needs_all_copies);
	if (topics)
		weir__check_warn(
			check,
			"min.insync.replicas is the replication (%s): nothing can be "
			"written while one broker is down",
			topics);
	free(topics);
}

static void
warn_of_partitions(struct check *check)
{
	int64_t partitions = 0;
	size_t i;

	for (i = 0; i < check->topic_count; i++)
		if (check->cluster.topics[i].error == 0 &&
		    is_input(check->pipeline, check->topics[i].name))
			partitions += check->cluster.topics[i].partitions;
	if (partitions > 0 && check->pipeline->workers > partitions)
		weir__check_warn(check,
				 "%" PRId64 " workers, but the inputs have %" PRId64
				 " partition%s in all: the others stay idle",
				 check->pipeline->workers, partitions,
				 partitions == 1 ? "" : "s");
}

/* A table is what its topic still has: one that loses records by age or size loses keys. */
static void
warn_of_tables(struct check *check)
{
	const struct weir_pipeline *pipeline = check->pipeline;

	for (size_t table = 0; table < pipeline->table_count; table++) {
		const struct weir_table_topic *asked = &pipeline->tables[table];

		for (size_t i = 0; i < check->topic_count; i++) {
			const struct weir_topic_info *topic = &check->cluster.topics[i];
			bool is_known = topic->error == 0 && topic->delete_retention_ms >= 0;

			if (is_known && !topic->is_compacted &&
			    strcmp(check->topics[i].name, asked->topic) == 0)
				weir__check_warn(check,
						 "table %s: topic %s is not compacted only, and "
						 "loses keys as it loses records: set its "
						 "cleanup.policy to compact",
						 asked->name, asked->topic);
		}
	}
}

static void
warn_of_changelog(struct check *check, const char *name, const struct weir_topic_info *topic,
		  const struct weir_topic_info *input)
{
	char duration[32];

	if (input->error == 0 && topic->partitions < input->partitions)
		weir__check_warn(check,
				 "changelog %s has %" PRId32 " partition%s, its input %" PRId32
				 ": it grows when the app starts (which takes the right ALTER)",
				 name, topic->partitions, topic->partitions == 1 ? "" : "s",
				 input->partitions);
	if (topic->delete_retention_ms < 0) /* its settings are not told */
		return;
	if (!topic->is_compacted)
		weir__check_warn(check,
				 "changelog %s is not compacted only: it loses state or grows "
				 "without end (set its cleanup.policy to compact)",
				 name);
	if (topic->stamps_arrival)
		weir__check_warn(check,
				 "changelog %s does not keep the times of entries, so after a "
				 "restore they expire at another time (set its "
				 "message.timestamp.type to CreateTime)",
				 name);
	if (topic->delete_retention_ms < SHORT_RETENTION_MS)
		weir__check_warn(check,
				 "changelog %s keeps deletions for %s (delete.retention.ms): a "
				 "store that was not in use for half of that is rebuilt",
				 name,
				 weir__duration_print(topic->delete_retention_ms, duration,
						      sizeof(duration)));
}

static void
warn_of_changelogs(struct check *check)
{
	for (size_t i = 0; i < check->topic_count; i++)
		if (check->topics[i].input && check->cluster.topics[i].error == 0)
			warn_of_changelog(check, check->topics[i].name,
					  &check->cluster.topics[i],
					  find_topic(check, check->topics[i].input));
}

/* Every topic that cannot be used is named, not only the first. */
static int
say_unusable(const struct check *check)
{
	int status = WEIR_EXIT_OK;
	size_t i;

	for (i = 0; i < check->topic_count; i++) {
		const struct weir_topic_info *topic = &check->cluster.topics[i];
		const struct check_topic *asked = &check->topics[i];

		if (topic->error == 0 || weir__check_is_made_later(check, i))
			continue;
		if (asked->cannot)
			weir__command_fail(check->command, 0,
					   "topic %s (%s) does not exist, and cannot be "
					   "made: %s",
					   asked->name, asked->role, asked->cannot);
		else if (topic->error == WEIR_ENOTFOUND)
			weir__command_fail(check->command, 0,
					   "topic %s (%s) does not exist", asked->name,
					   asked->role);
		else if (topic->error == WEIR_EDENIED)
			weir__command_fail(check->command, 0,
					   "topic %s (%s): not authorized; missing: the "
					   "right DESCRIBE on the topic (READ and WRITE "
					   "include it)",
					   asked->name, asked->role);
		else
			weir__command_fail(check->command, 0, "topic %s (%s): %s",
					   asked->name, asked->role,
					   weir_strerror(topic->error));
		status = WEIR_EXIT_USAGE;
	}
	return status;
}

int
weir__check_cluster(struct check *check, const struct weir_logger *logger, int timeout_ms)
{
	struct weir_error error = {0};
	int code = describe(check, logger, timeout_ms, &error);

	if (code != 0) {
		if (check->connected)
			weir__cluster_info_fini(&check->cluster);
		check->connected = false;
		return weir__command_fail(check->command,
					  code == WEIR_EINVALID ? WEIR_EXIT_USAGE
								: WEIR_EXIT_FAILED,
					  "%s", error.message);
	}
	warn_of_copies(check);
	warn_of_partitions(check);
	warn_of_tables(check);
	warn_of_changelogs(check);
	return say_unusable(check);
}
