/*
 * Restoring: stores are read from their changelogs up to where these ended when it began.
 *
 * The target is the changelog's end as a read_uncommitted reader sees it, asked for after the
 * input's committed offset was read; then it is read read_committed until the position is
 * there, waiting for transactions that are open on the way. The last stable offset would be
 * the wrong target: the coordinator writes markers partition by partition, so the group's
 * new offset can be visible while the changelog's last stable offset is still before that
 * transaction (KAFKA-10167).
 *
 * One thread: that of the states.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_STATE_RESTORE_H
#define WEIR_STATE_RESTORE_H

#include <state/stores.h>

/* Some states, read together by one reader. */
struct weir_restore;

/* All borrowed. */
struct weir_restore *weir__restore_new(struct weir_broker *broker, struct weir_stores *stores,
                                       const struct weir_clock *clock,
                                       const struct weir_logger *logger);
/* Leaves the states as they are; what was not committed is dropped with them. NULL is fine. */
void weir__restore_free(struct weir_restore *restore);

/* Before the first step: restore `state` too, of the task of this partition. */
void weir__restore_add(struct weir_restore *restore, struct weir_state *state,
                       const char *topic, int32_t partition);

/* The state goes away, ready or not. */
void weir__restore_remove(struct weir_restore *restore, struct weir_state *state);
bool weir__restore_is_empty(const struct weir_restore *restore);

/* Is there more to read at once? */
bool weir__restore_is_busy(const struct weir_restore *restore);

enum weir_restored {
	WEIR_RESTORE_GOES_ON,
	WEIR_RESTORE_READY, /* *state is whole and caught up; it is no longer part of this */
	WEIR_RESTORE_BROKEN, /* *state failed: *error; it is no longer part of this */
	WEIR_RESTORE_DENIED  /* a right is missing, which *error names; no *state */
};

/*
 * A bounded piece: the records that are there, but not too many. What fails on the cluster's
 * side is logged and tried again, but for rights that are missing.
 */
enum weir_restored weir__restore_step(struct weir_restore *restore, struct weir_state **state,
                                      struct weir_error *error);

#endif
