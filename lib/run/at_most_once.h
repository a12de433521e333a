/*
 * At-most-once: records are gathered, their offsets are committed, and only then are they
 * processed. Between the two they are kept in memory, by task.
 *
 * Elsewhere these calls do nothing: no task has pending records.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_RUN_AT_MOST_ONCE_H
#define WEIR_RUN_AT_MOST_ONCE_H

#include <run/worker_private.h>

/* Take the current record into its task's list. */
void weir__gather_current(struct weir_worker *worker);
/* What was gathered is committed: process it. */
void weir__pending_ready(struct weir_worker *worker);
/* Make a pending record current and process it; false: none can be processed now. */
bool weir__process_pending(struct weir_worker *worker);
/* The current record is processed. */
void weir__pending_done(struct weir_worker *worker);
/* The current record met a failure: it is lost. */
void weir__pending_drop(struct weir_worker *worker, struct weir_task *task);
/* The task's records that were gathered and not committed are read again. */
void weir__pending_forget(struct weir_worker *worker, struct weir_task *task);
/* The task goes: what was committed and not processed is lost. */
void weir__pending_lose(struct weir_worker *worker, struct weir_task *task);
void weir__pending_free(struct weir_pending *pending);
/* What a tick or the end of a batch emitted, and was not sent yet, is lost. */
void weir__sending_lost(struct weir_worker *worker);
/* Is something of what was sent still under way? Waits for it, a slice. */
bool weir__deliveries_pending(struct weir_worker *worker);
/* Everything is processed and delivered, or lost and counted. */
bool weir__at_most_once_drained(struct weir_worker *worker, struct weir_error *error);

#endif
