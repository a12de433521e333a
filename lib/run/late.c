/*
 * Partitions whose committed offset a transaction holds back that does not end: they are owned,
 * paused, and have no task, while the others go on and the group may rebalance. Each is asked for
 * now and then, and starts where its offset says once that can be read.
 *
 * Runs on the worker's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>

#include <base/alloc.h>
#include <run/worker_private.h>

/* An ask can take a slice, in which no other record is processed. */
#define ASK_MS 10000

void
weir__late_add(struct weir_worker *worker, struct weir_partition *partition)
{
	struct weir_late *late = &worker->late;

	late->partitions = weir__realloc(late->partitions,
	                                 (late->count + 1) * sizeof(struct weir_partition *));
	late->partitions[late->count++] = partition;
	late->ask_ms = weir__worker_now(worker) + ASK_MS;
	weir__log(worker->config.logger, WEIR_LOG_WARNING,
	          "partition has to wait for its committed offset, others go on worker=%d "
	          "partition=%s[%" PRId32 "]",
	          worker->config.index, partition->topic, partition->id);
}

void
weir__late_pause(struct weir_worker *worker)
{
	for (size_t index = 0; index < worker->late.count; index++)
		weir__session_pause(worker->session, worker->late.partitions[index]);
}

void
weir__late_remove(struct weir_worker *worker, const struct weir_partition *partition)
{
	struct weir_late *late = &worker->late;

	for (size_t index = 0; index < late->count; index++) {
		if (late->partitions[index] != partition)
			continue;
		late->partitions[index] = late->partitions[--late->count];
		return;
	}
}

bool
weir__late_due(const struct weir_worker *worker)
{
	return worker->late.count && worker->late.ask_ms <= worker->now_ms && !worker->yielding;
}

/* One a time, in turn. */
void
weir__late_ask(struct weir_worker *worker)
{
	struct weir_late *late = &worker->late;
	struct weir_partition *partition = late->partitions[0];
	struct weir_error error = {0};
	enum weir_outcome outcome = weir__start_late(worker, partition, &error);

	late->ask_ms = weir__worker_now(worker) + ASK_MS;
	weir__late_remove(worker, partition);
	if (outcome == WEIR_AGAIN) {
		late->partitions[late->count++] = partition; /* behind the others */
		return;
	}
	late->ask_ms = worker->now_ms; /* the others may be free, too */
	weir__worker_failed(worker, outcome, &error);
}
