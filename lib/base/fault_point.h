/*
 * Places where a test lets the process die, as if killed with -9 there.
 *
 * Only a build with -DWEIR_FAULT_POINTS contains any of it (tests/faults): there the
 * environment chooses one, WEIR_DIE_AT="NAME:N", the N-th time that it is passed. Everywhere
 * else WEIR_FAULT_POINT() is nothing.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_BASE_FAULT_POINT_H
#define WEIR_BASE_FAULT_POINT_H

/* Name, and what has just been done, or comes next. */
#define WEIR_FAULT_POINT_MAP(X)                                                            \
	X(WRITE_STAGED, "a write of a record is staged")                                   \
	X(CHANGES_HELD, "a record's changes are held")                                     \
	X(CHANGES_QUEUED, "all of a record is queued to the producer, its changes too")    \
	X(BATCH_ENDED, "the batch is at its end, its last callback has returned")          \
	X(COMMIT_NEXT, "Kafka's commit is called next")                                    \
	X(COMMIT_ANSWERED, "Kafka has answered that the batch is committed")               \
	X(META_WRITTEN, "changelog positions are in the LMDB transaction, still open")     \
	X(PART_MERGED, "LMDB has committed a part of what waited in memory")               \
	X(TASK_COMMITTED, "one task's stores have committed"    )                          \
	X(STORES_COMMITTED, "all stores of the batch have committed"    )                  \
	X(RESTORE_APPLIED, "a restore has written a record to LMDB")                       \
	X(RESTORE_COMMIT_NEXT, "a restore commits to LMDB next")                           \
	X(RESTORE_COMMITTED, "a restore has committed to LMDB")                            \
	X(OUTPUTS_FLUSHED, "at-least-once: outputs are delivered, changelogs not yet sent") \
	X(CHANGELOGS_QUEUED, "at-least-once: changelogs are queued to the producer")       \
	X(CHANGELOGS_FLUSHED, "at-least-once: changelogs are delivered")                   \
	X(RESET_MARKED, "weir reset: the offsets say that it is at work")                  \
	X(RESET_TOPIC_DELETED, "weir reset: a changelog is deleted")                       \
	X(RESET_FOLDER_DELETED, "weir reset: the stores of one task are deleted")

enum weir_fault_point {
#define WEIR_FAULT_POINT_ENUM(name, what) WEIR_FAULT_POINT_##name,
	WEIR_FAULT_POINT_MAP(WEIR_FAULT_POINT_ENUM)
#undef WEIR_FAULT_POINT_ENUM
	WEIR_FAULT_POINTS_END
};

#ifdef WEIR_FAULT_POINTS
void weir__fault_point(enum weir_fault_point point);
#define WEIR_FAULT_POINT(name) weir__fault_point(WEIR_FAULT_POINT_##name)
#else
#define WEIR_FAULT_POINT(name) ((void)0)
#endif

#endif
