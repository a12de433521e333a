/*
 * A fleet: workers on the embedded broker, one thread, a virtual clock.
 *
 * Records tell the processor `probe` what to do, by their value:
 *   reject              reject it
 *   stop                stop the app
 *   retry N             try again later, the first N times
 *   slow MS             let MS pass on the clock
 *   copies N            emit it N times
 *   sized N             emit a value of N bytes
 *   hang                post fleet_hangs, and wait for fleet_go_on
 * Anything else is passed on. With "sum": true it adds 1 a record to its memory and emits
 * "sum=N" at the end of a batch, then starts from 0. With "tick": "1s" it emits "tick".
 *
 * The processor `total` has a rollback: it adds 1 a record, goes on from batch to batch, and
 * emits "total=N" at the end of each. With "tick": "1s" it does so at this interval instead,
 * and then starts from 0.
 *
 * The processor `count` counts equal values in its store "counts" and emits "VALUE=N" for
 * each; the value "reject X" counts X, and is rejected. With "ttl": "1s" counts are forgotten after that.
 *
 * The processor `keep` emits nothing before the end of the batch, and then all its records.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTS_RUN_FLEET_H
#define WEIR_TESTS_RUN_FLEET_H

#include <semaphore.h>

#include <broker/memory.h>
#include <run/worker.h>

#define FLEET_WORKERS 4

extern sem_t fleet_hangs, fleet_go_on; /* the test initialises them */
extern int fleet_ticks[2]; /* of the tasks opened first and second since fleet_open() */

struct fleet {
	struct weir_virtual_clock clock;
	struct weir_logger logger;
	struct weir_memory *memory;
	struct weir_broker *broker;
	struct weir_registry *registry;
	struct weir_pipeline *pipeline;
	struct weir_chain *chain;
	struct weir_stores *stores; /* NULL: no step has any */
	struct weir_tables *tables; /* NULL: the pipeline has none */
	char folder[64];            /* state_dir; removed at the end */
	struct weir_worker *workers[FLEET_WORKERS];
	char log[4096]; /* the last lines */
};

/*
 * Topics "in" (2 partitions), "out", "other" and "dead" (1 each), a pipeline in -> probe -> out with dead
 * letters to "dead" and commits every 100 ms; `settings` are members put over it, as
 * JSON ("\"guarantee\": \"at-least-once\"").
 */
void fleet_open(struct fleet *fleet, const char *settings);
void fleet_close(struct fleet *fleet);

/*
 * The counts of in[partition], "KEY=VALUE KEY=VALUE" by key: its changelog, folded; its store
 * on disk, while no worker has it open. Borrowed until the next call of either.
 */
#define FLEET_CHANGELOG "app.count.counts.changelog.in"
const char *fleet_changelog(struct fleet *fleet, int partition);
const char *fleet_store(struct fleet *fleet, int partition);
extern const struct weir_processor fleet_count_processor;
void fleet_open_tables(struct fleet *fleet);

/* One more processor for pipelines to use; set before fleet_open(). */
extern const struct weir_processor *fleet_extra_processor;

/* What a read_committed reader sees of a partition. */
void fleet_each(struct fleet *fleet, const char *topic, int partition,
                void (*visit)(void *opaque, const struct weir_message *message), void *opaque);

/*
 * With "tables" in the settings: their topics, of one partition, are made by fleet_open().
 * The first puts key=value there (NULL: a tombstone); the second feeds the tables until they
 * are read to their ends.
 */
void fleet_put_table(struct fleet *fleet, const char *topic, const char *key, const char *value);
void fleet_feed(struct fleet *fleet);

/* Start worker `index`. */
void fleet_start(struct fleet *fleet, int index);
/* It dies without a word; start it again with fleet_start(). */
void fleet_crash(struct fleet *fleet, int index);

/* Append one record to in[partition]. */
void fleet_put(struct fleet *fleet, int partition, const char *value);

/* Put one record into `in` by a transaction that is committed, or aborted. */
void fleet_put_transaction(struct fleet *fleet, const char *value, bool commit);

/* The end of in[partition], markers counted. */
int64_t fleet_end(struct fleet *fleet, int partition);

/* Step all workers `steps` times, 10 ms apart. */
void fleet_run(struct fleet *fleet, int steps);
/* Until all have drained or ended; fails the test when that takes too long. */
void fleet_drain(struct fleet *fleet);
enum weir_worker_status fleet_status(struct fleet *fleet, int index);

/*
 * What a read_committed reader sees of a topic: values with a space between, in `text`.
 */
const char *fleet_read(struct fleet *fleet, const char *topic, char *text, size_t size);
/* How many records that are. */
size_t fleet_count(struct fleet *fleet, const char *topic);
/* Value of header `name` of record `index` there; NULL: none. Borrowed until the next call. */
const char *fleet_header(struct fleet *fleet, const char *topic, size_t index, const char *name);
/* The group's committed offset of in[partition]. */
int64_t fleet_committed(struct fleet *fleet, int partition);

#endif
