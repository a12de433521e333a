/*
 * Tasks with stores: what a worker does about them around callbacks, commits and rebalances.
 * All calls do nothing, and succeed, for a task without stores.
 *
 * A task whose stores are not whole is *restoring*: its partition is paused, and its
 * processors are opened when it is ready.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_RUN_STATEFUL_H
#define WEIR_RUN_STATEFUL_H

#include <config/pipeline.h>
#include <processor/chain.h>
#include <state/restore.h>
#include <state/stores.h>

/*
 * What the tasks of a pipeline share of their stores; NULL: its steps have none, or a store
 * cannot be (*error).
 */
struct weir_stores *weir__stores_of(const struct weir_pipeline *pipeline,
                                    const struct weir_chain *chain,
                                    const struct weir_clock *clock,
                                    const struct weir_logger *logger,
                                    struct weir_error *error);

struct weir_message;
struct weir_task;
struct weir_worker;

/* Before a callback: its writes are of this record; NULL: of none (a tick, a batch's end). */
void weir__task_enter(struct weir_task *task, const struct weir_message *record);

/*
 * After it. Done: what it wrote is kept, and held for the changelogs behind what it emitted
 * (at-least-once: noted for the commit); too large for its changelog: see below. Not done:
 * nothing of it is kept.
 */
enum weir_left {
	WEIR_LEFT,         /* go on */
	WEIR_LEFT_TOO_BIG, /* worker->reason says so; nothing of it is kept */
	WEIR_LEFT_FAILED   /* a store failed: the batch is being aborted; or a table: the worker */
};
enum weir_left weir__task_leave(struct weir_worker *worker, struct weir_task *task, bool done);

/* The record does not count after all: nothing that it wrote is kept. */
void weir__task_undo(struct weir_task *task);

/* Did it write since the last commit? */
bool weir__task_wrote(const struct weir_task *task);

/* Remove a bounded number of entries that have expired; between enter and leave. */
void weir__task_sweep(struct weir_task *task);

/* ---- the batch ---- */

/*
 * Kafka has it: keep what the stores were given, with the changelogs' positions. A store that
 * cannot is restored from where it was. Of the tasks in the batch.
 */
void weir__stores_commit(struct weir_worker *worker);

/*
 * Nothing is in hand: what waits in memory may go to LMDB, and now and then it is noted that
 * stores are caught up still, since their age counts.
 */
void weir__stores_rest(struct weir_worker *worker);

/* The batch is no more: neither is what was written in it. */
void weir__task_forget(struct weir_worker *worker, struct weir_task *task);

/*
 * At-least-once: send what was noted, all tasks' (SUCCESS: it is queued).
 * AGAIN, ABORT, FATAL, as weir__session_send().
 */
enum weir_outcome weir__stores_send(struct weir_worker *worker, struct weir_error *error);

/* ---- restoring ---- */

/* Restore the task's stores, from where they are; its partition is paused until then. */
void weir__task_restore(struct weir_worker *worker, struct weir_task *task);
/* The task is closed. */
void weir__task_restore_end(struct weir_worker *worker, struct weir_task *task);

/* Is there anything to do about restoring? */
bool weir__restores_any(const struct weir_worker *worker);
/* A bounded piece of it. Returns how long the next poll may wait, `wait_ms` at most. */
int weir__restores_step(struct weir_worker *worker, int wait_ms);
void weir__restores_free(struct weir_worker *worker);

#endif
