/*
 * How a worker calls itself to the broker, and what it reads and writes. Ids stay the same in
 * each run of an instance, so that a start ends and fences what the last one left behind.
 * Runs on the thread that makes the worker.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>

#include <base/alloc.h>
#include <base/mutation.h>
#include <run/worker_private.h>

/* The topics this worker writes: those of `outputs` in order, dead letters, changelogs. */
static const char **
output_topics(struct weir_worker *worker, size_t *count)
{
	const struct weir_pipeline *pipeline = worker->pipeline;
	const char *const *changelogs = NULL;
	size_t changelog_count = 0;
	const char **topics;

	if (worker->config.stores)
		changelogs = weir__stores_changelogs(worker->config.stores, &changelog_count);
	topics = weir__calloc(pipeline->output_count + 1 + changelog_count + 1, sizeof(*topics));

	for (*count = 0; *count < pipeline->output_count; (*count)++)
		topics[*count] = pipeline->outputs[*count].topic;
	worker->dead_letter_output = -1;
	if (pipeline->dead_letter_topic) {
		worker->dead_letter_output = (int)*count;
		topics[(*count)++] = pipeline->dead_letter_topic;
	}
	worker->changelog_output = (int)*count;
	for (size_t index = 0; index < changelog_count; index++)
		topics[(*count)++] = changelogs[index];
	return topics;
}

struct weir_session *
weir__worker_open_session(struct weir_worker *worker, struct weir_error *error)
{
	const struct weir_pipeline *pipeline = worker->pipeline;
	int index = worker->config.index;
	size_t output_count;
	const char **outputs = output_topics(worker, &output_count);
	char *name = weir__format("worker %d", index);
	char *member = weir__format("%s.%d", pipeline->instance, index);
	char *transactional_id =
		weir__format("%s/%s/%d", pipeline->name, pipeline->instance, index);
	struct weir_session_config config = {
		.name = name,
		.guarantee = pipeline->guarantee,
		.group = pipeline->name,
		.group_instance = member,
		.inputs = pipeline->inputs,
		.input_count = pipeline->input_count,
		.outputs = outputs,
		.output_count = output_count,
		.transaction_timeout_ms = pipeline->transaction_timeout_ms,
		.session_timeout_ms = pipeline->session_timeout_ms,
		.consumer = &pipeline->consumer,
		.producer = &pipeline->producer,
	};
	struct weir_session *session;

	if (WEIR_MUTANT(READ_UNCOMMITTED))
		weir__properties_set((struct weir_properties *)&pipeline->consumer,
		                     "isolation.level", "read_uncommitted");
	if (pipeline->guarantee == WEIR_EXACTLY_ONCE)
		config.transactional_id = transactional_id;
	session = weir__broker_session_open(worker->config.broker, &config, error);
	free(transactional_id);
	free(member);
	free(name);
	free(outputs);
	return session;
}
