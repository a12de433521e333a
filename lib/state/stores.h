/*
 * What the tasks of an app share of their stores: which there are, the changelog topics
 * behind them, and where their folders are.
 *
 * A changelog is a compacted topic, APP.STEP.STORE.changelog.INPUT, with as many partitions
 * as the input: partition for partition it has what the input's task wrote.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_STATE_STORES_H
#define WEIR_STATE_STORES_H

#include <broker/broker.h>
#include <state/state.h>

struct weir_stores;

/* All but `clock` and `logger` is copied. */
struct weir_stores_config {
	const char *app;
	const char *folder; /* of the instance: STATE_DIR/APP/INSTANCE */
	const struct weir_store_config *stores;
	size_t store_count;
	const char *const *inputs;
	size_t input_count;
	int64_t batch_bytes;
	bool keeps_changes; /* see struct weir_state_config */
	const struct weir_clock *clock;
	const struct weir_logger *logger;
};

/* NULL with *error: a changelog's name would be too long (WEIR_EINVALID). */
struct weir_stores *weir__stores_new(const struct weir_stores_config *config,
                                     struct weir_error *error);
/* After all states were closed. NULL is fine. */
void weir__stores_free(struct weir_stores *stores);

size_t weir__stores_count(const struct weir_stores *stores); /* of each task */

/* The name of a changelog, which the caller frees. */
char *weir__changelog_name(const char *app, const char *store, const char *input);

/* The changelogs, all stores of the first input first; borrowed. */
const char *const *weir__stores_changelogs(const struct weir_stores *stores, size_t *count);

/* Of them, the number of the first store of this input. */
size_t weir__stores_first(const struct weir_stores *stores, const char *input);

/*
 * What tells changelog `index` from another one of its name, made before or after it, as
 * prepare found it; 0: not known. Any thread.
 *
 * Kafka's topic ids would say so, but librdkafka tells them from 2.3 on only. So each changelog
 * is made with some milliseconds of its own over its seven days of delete.retention.ms, which
 * brokers tell to everybody who may describe it.
 */
uint32_t weir__stores_source(struct weir_stores *stores, size_t index);

/*
 * Make changelogs that are missing, as durable as their inputs, and grow those that have fewer
 * partitions than their input. Any thread. Returns 0 or a WEIR_E*.
 */
int weir__stores_prepare(struct weir_stores *stores, struct weir_broker *broker, int timeout_ms,
                         struct weir_error *error);

/* Open the state of a task; as weir__state_open(). */
struct weir_state *weir__stores_open(struct weir_stores *stores, const char *topic,
                                     int32_t partition, struct weir_error *error);

/*
 * Remove the folders of tasks that were caught up too long ago to be of use, and are not open.
 */
void weir__stores_clean(struct weir_stores *stores);

#endif
