/*
 * Suspects: records of a task that may be the reason why a batch failed.
 *
 * A batch that the broker refused for its size, or that outran its deadline, names its
 * records here; they are then replayed one per batch. The one that fails alone is
 * rejected. They are remembered until their offset is committed, also across aborts,
 * replacements of the producer, and while their partition is elsewhere.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_RUN_SUSPECT_H
#define WEIR_RUN_SUSPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How far suspicion has come; it only grows. */
enum weir_suspicion {
	WEIR_SUSPECT_SLOW,      /* the batch outran its deadline in it: run it alone */
	WEIR_SUSPECT_REFUSED,   /* a message of its was in a refused batch: run it alone */
	WEIR_SUSPECT_GUILTY,    /* refused, or too slow, alone: reject it without running its chain */
	WEIR_SUSPECT_HOPELESS   /* its dead letter was refused: send that without value */
};

struct weir_suspect {
	int64_t offset;
	enum weir_suspicion suspicion;
	char reason[256];
};

/* Sorted by offset. Zero-initialised is empty. */
struct weir_suspects {
	struct weir_suspect *items;
	size_t count;
	size_t capacity;
};

/* Borrowed until the next change; NULL: not under suspicion. */
struct weir_suspect *weir__suspects_find(struct weir_suspects *suspects, int64_t offset);

/* Add one, or raise its suspicion. */
void weir__suspects_add(struct weir_suspects *suspects, int64_t offset,
                        enum weir_suspicion suspicion, const char *reason);

/* Forget those below `offset`: they are committed. */
void weir__suspects_forget(struct weir_suspects *suspects, int64_t offset);

void weir__suspects_fini(struct weir_suspects *suspects);

/* What is remembered of partitions that are not owned now. Zero-initialised is empty. */
struct weir_remembered {
	struct weir_remembered_suspects *items;
	size_t count;
};

/* Take over a partition's suspects (takes `suspects`, which is empty then). */
void weir__remember(struct weir_remembered *remembered, const char *topic, int32_t partition,
                    struct weir_suspects *suspects);
/* Give them back, those from `offset` on; `suspects` is empty before. */
void weir__recall(struct weir_remembered *remembered, const char *topic, int32_t partition,
                  int64_t offset, struct weir_suspects *suspects);
void weir__remembered_fini(struct weir_remembered *remembered);

#endif
