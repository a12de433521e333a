/*
 * A driven instance: what a process of an app is made of, but that its workers are stepped by
 * who holds it, on one thread, and by any clock. For `weir pipe` and <weir/testing.h>.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTING_DRIVEN_H
#define WEIR_TESTING_DRIVEN_H

#include <broker/memory.h>
#include <run/worker.h>

/* All borrowed; they outlive it. */
struct weir_driven_config {
	const struct weir_pipeline *pipeline;
	struct weir_chain *chain;
	struct weir_broker *broker; /* the topics are there */
	const struct weir_clock *clock;
	const struct weir_logger *logger;
	int workers;            /* 0: as many as the pipeline says */
	size_t table_map_bytes; /* see struct weir_tables_config */
	int table_step_records;
};

struct weir_driven {
	struct weir_driven_config config;
	struct weir_stores *stores; /* NULL: no step has any */
	struct weir_tables *tables; /* NULL: the pipeline has none */
	struct weir_worker **workers;
	size_t worker_count; /* 0: it does not run */
};

/*
 * Make missing changelogs, read the tables to their ends, and make the workers. `driven` is
 * zeroed, or has ended. Returns 0, or a WEIR_E*: it does not run, and nothing is to be freed.
 */
int weir__driven_start(struct weir_driven *driven, const struct weir_driven_config *config,
                       struct weir_error *error);

/* Close it: what is not committed is not. Nothing happens to one that does not run. */
void weir__driven_end(struct weir_driven *driven);

/* The process dies here: nothing is done on the way; on the embedded broker only. */
void weir__driven_crash(struct weir_driven *driven);

/*
 * Make a pipeline's topics on the embedded broker, those of its tables compacted. How many
 * partitions each has `partitions` says (NULL: 1); a record may have `max_bytes`.
 */
void weir__driven_topics(const struct weir_pipeline *pipeline, struct weir_memory *memory,
                         int32_t (*partitions)(const void *opaque, const char *topic),
                         const void *opaque, size_t max_bytes);

#endif
