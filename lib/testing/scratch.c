/*
 * Scratch topics: naming, making, removing. Knows that a cluster may say no to each of
 * these, and that static members leave a group only when their session times out.
 *
 * One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <state/stores.h>
#include <testing/processor_state.h>
#include <testing/scratch.h>

#define STANDARD_PARTITIONS 4
#define APP_BYTES 29 /* of the pipeline's name: all of it is 24 + 1 + 29 + 1 + 8 = 63 */
#define ASK_MS 200

/* ---- names ---- */

static uint32_t
random_number(void)
{
	uint32_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		abort();
	return number;
}

static const char *
add_topic(struct weir_scratch *scratch, const char *stem, const char *end, size_t number,
	  const char *like)
{
	struct weir_scratch_topic *topic = &scratch->topics[scratch->topic_count++];

	*topic = (struct weir_scratch_topic){.like = like,
					     .partitions = STANDARD_PARTITIONS,
					     .replication = -1,
					     .min_insync = -1};
	topic->name = number ? weir__format("%s.%s%zu", stem, end, number + 1)
			     : weir__format("%s.%s", stem, end);
	return topic->name;
}

/* One scratch output for each topic that the pipeline writes to, as far as letters go. */
static void
add_outputs(struct weir_scratch *scratch, const struct weir_pipeline *pipeline,
	    const char *stem)
{
	static const char *const ends[WEIR_ORACLE_OUTPUTS] = {"out", "b", "c"};

	for (size_t index = 0; index < pipeline->output_count; index++) {
		const char *like = pipeline->outputs[index].topic;
		size_t other = scratch->input_count;

		while (other < scratch->topic_count &&
		       strcmp(scratch->topics[other].like, like) != 0)
			other++;
		if (other < scratch->topic_count ||
		    scratch->output_count == WEIR_ORACLE_OUTPUTS)
			continue;
		scratch->outputs[scratch->output_count] =
			add_topic(scratch, stem, ends[scratch->output_count], 0, like);
		scratch->output_count++;
	}
}

static void
add_changelogs(struct weir_scratch *scratch, const struct weir_pipeline *pipeline)
{
	size_t count = 0;

	scratch->changelogs = weir__calloc(scratch->input_count * WEIR_ORACLE_STORES + 1,
					   sizeof(*scratch->changelogs));
	for (size_t index = 0; index < scratch->input_count; index++) {
		for (int store = 0; store < WEIR_ORACLE_STORES; store++) {
			struct weir_scratch_topic *topic =
				&scratch->topics[scratch->topic_count++];
			char *name = weir__format("%s.%s", WEIR_ORACLE_STORE_STEP,
						  weir__oracle_stores[store].name);

			*topic = (struct weir_scratch_topic){
				.name = weir__changelog_name(scratch->app, name,
							     scratch->inputs[index]),
				.like = pipeline->inputs[index],
				.partitions = STANDARD_PARTITIONS,
				.replication = -1,
				.min_insync = -1,
				.by_app = true};
			scratch->changelogs[count++] = topic->name;
			free(name);
		}
	}
}

void
weir__scratch_name(struct weir_scratch *scratch, const struct weir_pipeline *pipeline,
		   const char *prefix, bool stores)
{
	uint32_t number = random_number();
	char *stem = weir__format("%s.%s.%08" PRIx32, prefix, pipeline->name, number);
	size_t most = pipeline->input_count * (1 + WEIR_ORACLE_STORES) +
		      WEIR_ORACLE_OUTPUTS + 1;

	*scratch = (struct weir_scratch){
		.topics = weir__calloc(most, sizeof(*scratch->topics)),
		.inputs = weir__calloc(most, sizeof(*scratch->inputs)),
		.outputs = weir__calloc(most, sizeof(*scratch->outputs)),
	};
	scratch->app = weir__format("%s-%.*s-%08" PRIx32, prefix, APP_BYTES,
				    pipeline->name, number);
	for (size_t index = 0; index < pipeline->input_count; index++)
		scratch->inputs[scratch->input_count++] =
			add_topic(scratch, stem, "in", index, pipeline->inputs[index]);
	add_outputs(scratch, pipeline, stem);
	if (pipeline->dead_letter_topic)
		scratch->dead_letter =
			add_topic(scratch, stem, "dead", 0, pipeline->dead_letter_topic);
	if (stores)
		add_changelogs(scratch, pipeline);
	free(stem);
}

void
weir__scratch_fini(struct weir_scratch *scratch)
{
	for (size_t index = 0; index < scratch->topic_count; index++)
		free(scratch->topics[index].name);
	free(scratch->topics);
	free(scratch->inputs);
	free(scratch->outputs);
	free(scratch->changelogs);
	free(scratch->app);
}

/* ---- making ---- */

/* What the pipeline's own topics are like; those that are not there are no fault. */
static int
look_up(struct weir_scratch *scratch, int timeout_ms, struct weir_error *error)
{
	const char **names = weir__calloc(scratch->topic_count, sizeof(*names));
	struct weir_cluster_info info = {0};
	int code;

	for (size_t index = 0; index < scratch->topic_count; index++)
		names[index] = scratch->topics[index].like;
	code = weir__broker_describe(scratch->broker, names, scratch->topic_count, &info,
				     timeout_ms, error);
	for (size_t index = 0; index < scratch->topic_count && !code; index++) {
		struct weir_scratch_topic *topic = &scratch->topics[index];
		const struct weir_topic_info *like = &info.topics[index];

		if (like->error || like->partitions < 1)
			continue;
		topic->is_found = true;
		topic->partitions = like->partitions;
		topic->replication = like->replication;
		topic->min_insync = like->min_insync;
	}
	weir__cluster_info_fini(&info);
	free(names);
	return code;
}

static int
make_one(struct weir_scratch *scratch, struct weir_scratch_topic *topic, int timeout_ms,
	 struct weir_error *error)
{
	struct weir_properties settings = {0};
	char text[24];
	int code;

	topic->is_made = topic->by_app; /* from now on it may be */
	if (topic->by_app)
		return 0;
	if (topic->min_insync > 0) {
		snprintf(text, sizeof(text), "%" PRId64, topic->min_insync);
		weir__properties_set(&settings, "min.insync.replicas", text);
	}
	code = weir__broker_topic_create(scratch->broker, topic->name, topic->partitions,
					 topic->replication, &settings, timeout_ms,
					 error);
	/* one that was not answered may have been made */
	topic->is_made = code == 0 || code == WEIR_ETIMEOUT;
	weir__properties_fini(&settings);
	return code;
}

int
weir__scratch_make(struct weir_scratch *scratch, struct weir_broker *broker,
		   int timeout_ms, struct weir_error *error)
{
	int code;

	scratch->broker = broker;
	code = look_up(scratch, timeout_ms, error);
	for (size_t index = 0; index < scratch->topic_count && !code; index++)
		code = make_one(scratch, &scratch->topics[index], timeout_ms, error);
	return code;
}

/* ---- removing ---- */

static int
remove_group(struct weir_scratch *scratch, int64_t patience_ms, bool (*give_up)(void),
	     int timeout_ms, struct weir_error *error)
{
	for (;;) {
		struct weir_group_info info = {0};
		int code = weir__broker_group_describe(scratch->broker, scratch->app, &info,
						       timeout_ms, error);
		enum weir_group_state state = info.state;

		weir__group_info_fini(&info);
		if (code || state == WEIR_GROUP_NONE)
			return code;
		if (state == WEIR_GROUP_EMPTY)
			return weir__kafka_group_delete(scratch->broker, scratch->app,
							timeout_ms, error);
		if (patience_ms <= 0 || give_up())
			return weir_error_set(error, WEIR_ESTATE,
					      "group %s still has members", scratch->app);
		poll(NULL, 0, ASK_MS);
		patience_ms -= ASK_MS;
	}
}

int
weir__scratch_remove(struct weir_scratch *scratch, int64_t patience_ms,
		     bool (*give_up)(void), int timeout_ms, struct weir_error *error)
{
	bool some_made = false;
	int first = 0;
	int code;

	for (size_t index = 0; index < scratch->topic_count; index++) {
		struct weir_scratch_topic *topic = &scratch->topics[index];

		if (!topic->is_made)
			continue;
		some_made = true;
		code = weir__broker_topic_delete(scratch->broker, topic->name, timeout_ms,
						error);
		topic->is_made = code != 0;
		first = first ? first : code;
	}
	if (!some_made)
		return 0;
	code = remove_group(scratch, patience_ms, give_up, timeout_ms, error);
	return first ? first : code;
}
