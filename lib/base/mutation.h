/*
 * Deliberate faults, one at a time, to prove that tests would see such a one.
 *
 * Only a build with -DWEIR_MUTATIONS contains any of it (tests/mutants): there the program
 * chooses one of them. Everywhere else WEIR_MUTANT() is the constant false.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_BASE_MUTATION_H
#define WEIR_BASE_MUTATION_H

#include <stdbool.h>

/* Name, and what is done wrong. */
#define WEIR_MUTATION_MAP(X)                                                               \
	X(OFFSETS_OUTSIDE, "offsets are committed outside the transaction")                \
	X(NO_REWIND, "no rewind after an abort")                                           \
	X(WRONG_REWIND, "rewind to the offset behind the batch's first")                   \
	X(ABORTED_AFTER_TIMEOUT, "a commit without an answer is taken for aborted")        \
	X(COMMITTED_AFTER_TIMEOUT, "a commit without an answer is taken for committed")    \
	X(MARK_IGNORED, "a batch of ticks without an answer is taken for aborted")             \
	X(READ_UNCOMMITTED, "input is read uncommitted")                                   \
	X(KEEP_TAINTED, "a tainted producer is kept")                                      \
	X(REVOKED_PROCESSED, "records of a revoked partition are processed")               \
	X(REJECTED_SENT, "what a rejected record emitted is sent")                         \
	X(RETAINED_NOT_REWOUND, "a commit fails in a revoke: what is kept is not rewound") \
	X(FAILED_COMMITTED, "at-least-once: failed deliveries are overlooked")             \
	X(PROCESSED_FIRST, "at-most-once: processed before the commit")                    \
	X(SUBSET_COMMITTED, "a partition is gone: the rest of the batch is committed")     \
	X(NO_OFFSETS, "a transaction without offsets is committed from a tick")            \
	X(MEMORY_KEPT, "processors keep their memory across an abort")                     \
	X(STATE_KEPT, "stores keep what an aborted batch wrote")                           \
	X(REJECTED_KEPT, "stores keep what a rejected record wrote")                       \
	X(CHANGELOG_WITH_OUTPUTS, "at-least-once: changelogs are sent with the outputs")   \
	X(CHANGELOG_OUTSIDE, "a batch is committed without its first record's changelog")         \
	X(STORE_FIRST, "stores are committed before Kafka has the batch")                  \
	X(PLACE_AHEAD, "LMDB is told the place of what still waits in memory")             \
	X(RESTORE_UNCOMMITTED, "stores are restored from aborted records too")             \
	X(RESTORE_TO_STABLE, "stores are restored up to the last stable offset only")      \
	X(TABLE_NOT_AWAITED, "a table is looked into before it was read")                  \
	X(TABLE_UNCOMMITTED, "a table has what aborted transactions wrote")                \
	X(RETRY_NOT_PAUSED, "a record waits to be retried, its partition does not")        \
	X(SENT_AGAIN, "sending that had to wait starts over")

enum weir_mutation {
	WEIR_MUTATION_NONE,
#define WEIR_MUTATION_ENUM(name, what) WEIR_MUTATION_##name,
	WEIR_MUTATION_MAP(WEIR_MUTATION_ENUM)
#undef WEIR_MUTATION_ENUM
};

#ifdef WEIR_MUTATIONS
extern enum weir_mutation weir__mutation;
#define WEIR_MUTANT(name) (weir__mutation == WEIR_MUTATION_##name)
#else
#define WEIR_MUTANT(name) false
#endif

#endif
