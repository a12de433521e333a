/*
 * Reaching the cluster at start: keep trying while it does not answer, stop at once when a
 * topic is missing or a right is. Runs on the thread of weir_app_run().
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>

#include <base/alloc.h>
#include <run/connect.h>

#define SLICE_MS 2000
#define SAY_AGAIN_MS 10000

/* A topic that was made a moment ago is not yet known to every broker. */
#define TOPIC_GRACE_MS 5000

/* In the order of all_topics(). */
static bool
is_written(const struct weir_pipeline *pipeline, size_t index)
{
	size_t outputs = pipeline->output_count + (pipeline->dead_letter_topic != NULL);

	return index >= pipeline->input_count && index < pipeline->input_count + outputs;
}

/* Names the topic that cannot be used. */
static int
check_topics(const struct weir_pipeline *pipeline, const struct weir_cluster_info *info,
             size_t count, struct weir_error *error)
{
	for (size_t index = 0; index < count; index++) {
		const struct weir_topic_info *topic = &info->topics[index];

		if (topic->error == WEIR_ENOTFOUND)
			return weir_error_set(error, WEIR_ENOTFOUND,
			                      "topic %s does not exist on the cluster",
			                      topic->name);
		if (topic->error == WEIR_EDENIED)
			return weir_error_set(error, WEIR_EDENIED,
			                      "topic %s: not authorized; missing: the right %s on "
			                      "the topic",
			                      topic->name,
			                      is_written(pipeline, index) ? "WRITE" : "READ");
		if (topic->error)
			return weir_error_set(error, topic->error,
			                      "topic %s: its partitions are not known: %s",
			                      topic->name, weir_strerror(topic->error));
	}
	return 0;
}

static const char **
all_topics(const struct weir_pipeline *pipeline, size_t *count)
{
	const char **topics = weir__calloc(
		pipeline->input_count + pipeline->output_count +
			pipeline->table_count + 1, sizeof(*topics));

	*count = 0;
	for (size_t index = 0; index < pipeline->input_count; index++)
		topics[(*count)++] = pipeline->inputs[index];
	for (size_t index = 0; index < pipeline->output_count; index++)
		topics[(*count)++] = pipeline->outputs[index].topic;
	if (pipeline->dead_letter_topic)
		topics[(*count)++] = pipeline->dead_letter_topic;
	for (size_t index = 0; index < pipeline->table_count; index++)
		topics[(*count)++] = pipeline->tables[index].topic;
	return topics;
}

/* One try: the cluster answers, the topics are there, the ends are known. */
static int
try_connect(struct weir_broker *broker, const struct weir_pipeline *pipeline,
            struct weir_stores *stores, struct weir_until_end **end,
            struct weir_error *error)
{
	struct weir_cluster_info info = {0};
	size_t count;
	const char **topics = all_topics(pipeline, &count);
	int code = weir__broker_describe(broker, topics, count, &info, SLICE_MS, error);

	if (!code)
		code = check_topics(pipeline, &info, count, error);
	if (!code && stores)
		code = weir__stores_prepare(stores, broker, SLICE_MS, error);
	if (!code && end) {
		*end = weir__until_end_new(broker, pipeline, &info, error);
		code = *end ? 0 : error->code;
	}
	weir__cluster_info_fini(&info);
	free(topics);
	return code;
}

int
weir__connect(struct weir_broker *broker, const struct weir_pipeline *pipeline,
              struct weir_stores *stores, const struct weir_logger *logger, struct weir_until_end **end,
              bool (*keep_trying)(void *opaque), void *opaque, struct weir_error *error)
{
	const struct weir_clock *clock = weir__clock_system();
	int64_t believe_ms = INT64_MAX; /* when a missing topic is believed */
	int64_t say_ms = INT64_MIN;

	do {
		struct weir_error attempt = {0};
		int code = try_connect(broker, pipeline, stores, end, &attempt);

		if (!code)
			return 0;
		if (code == WEIR_ENOTFOUND && believe_ms == INT64_MAX)
			believe_ms = clock->monotonic_ms(clock) + TOPIC_GRACE_MS;
		if (code == WEIR_ENOTFOUND && clock->monotonic_ms(clock) < believe_ms)
			continue;
		if (code != WEIR_ETIMEOUT)
			return weir_error_set(error, code, "%s", attempt.message);
		if (clock->monotonic_ms(clock) >= say_ms) {
			weir__log(logger, WEIR_LOG_WARNING,
			          "cluster does not answer, trying on reason=\"%s\"",
			          attempt.message);
			say_ms = clock->monotonic_ms(clock) + SAY_AGAIN_MS;
		}
	} while (keep_trying(opaque));
	return 0;
}
