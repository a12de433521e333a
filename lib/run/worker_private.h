/*
 * The worker's own state, shared by the files of lib/run that make up its machine:
 *
 *   worker.c     lifecycle, the step, reading events
 *   worker_session.c  how a worker calls itself to the broker
 *   process.c    one record: chain, verdicts, sending
 *   reject.c     dead letters and what else becomes of rejected records
 *   batch.c      what is in hand: commit, abort, what follows from them
 *   rebalance.c  partitions come and go; offsets that are gone
 *   late.c       partitions that start later, since their offset cannot be read yet
 *   recover.c    after an unknown outcome or a tainted producer
 *   stateful.c   stores around callbacks and commits
 *   restoring.c  stores that are restored from their changelogs
 *   lookups.c    views of tables
 *   rest.c       what it waits for, for those who step it
 *   exactly_once.c, at_least_once.c, at_most_once.c   the guarantees
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_RUN_WORKER_PRIVATE_H
#define WEIR_RUN_WORKER_PRIVATE_H

#include <run/guarantee.h>
#include <run/stateful.h>
#include <run/task.h>
#include <run/worker.h>

/* How long one slice of a call to the broker may take. */
#define WEIR_SLICE_MS 1000

enum weir_phase {
	WEIR_PHASE_START,     /* the producer gets ready, then the group is joined */
	WEIR_PHASE_RUN,       /* poll and process */
	WEIR_PHASE_SEND,      /* held records are being sent; the producer's queue was full */
	WEIR_PHASE_END_BATCH, /* batch_end of the touched tasks */
	WEIR_PHASE_COMMIT,
	WEIR_PHASE_ABORT,
	WEIR_PHASE_RECOVER,   /* all paused and still polled: replace, read offsets, back off */
	WEIR_PHASE_STOPPED    /* status says why */
};

/* What was taken since the last commit. */
struct weir_batch {
	size_t touched;       /* tasks with an offset to commit; 0: nothing is in hand */
	size_t records;
	size_t bytes;         /* read and held, or given to a step where that is more */
	int64_t started_ms;   /* monotonic; meant while something is in hand */
	int64_t due_ms;       /* by time; INT64_MAX while nothing is in hand */
	bool transaction;     /* exactly-once: it has begun */
	bool alone;           /* it holds one suspect: commit right after it */
	bool blamed;          /* and that is known to be why it failed */
	int stage;            /* the guarantee's own, within a commit */
	int64_t give_up_ms;   /* commit within this, else abort (a revoke waits); INT64_MAX */
	struct weir_offset *offsets; /* what commit commits; the same in each repetition */
	size_t offset_count;
	size_t offset_capacity;
	size_t end_cursor;    /* END_BATCH: tasks done */
};

/* The record in hand: polled, neither done nor dropped. Borrowed until the next poll. */
struct weir_current {
	struct weir_task *task; /* NULL: none */
	int64_t offset;
	const struct weir_message *message;
};

/* What is in `held`, on its way out. */
struct weir_sending {
	size_t sent;
	uint64_t tag;
	struct weir_task *task; /* whose tick or end of a batch it is of; NULL: the current record */
	enum weir_phase after;
};

/* What RECOVER has yet to do, in this order. */
struct weir_recovery {
	bool paused;
	int64_t not_before_ms; /* back off; or let a heartbeat pass */
	bool replace;
	bool init;
	bool resolve;
	int asks; /* answers that made no sense, so far */
};

/* Committed offsets that a transaction holds back. */
struct weir_held_back {
	int64_t since_ms; /* 0: none */
	int64_t next_log_ms;
};

/* Owned, but not yet known where to start: see late.c. */
struct weir_late {
	struct weir_partition **partitions;
	size_t count;
	int64_t ask_ms; /* the next time */
};

struct weir_worker {
	struct weir_worker_config config;
	const struct weir_pipeline *pipeline; /* config.pipeline */
	const struct weir_guarantee_ops *guarantee;
	struct weir_session *session;

	enum weir_phase phase;
	enum weir_worker_status status;
	struct weir_error error;
	bool draining;
	bool joined;    /* subscribed */
	bool stateless; /* no step keeps memory, ends batches or ticks */
	bool ticks;     /* a step may ask for ticks */

	struct weir_task **tasks; /* by slot; NULL: free */
	size_t slot_count;
	size_t task_count;
	size_t rewinds; /* tasks with rewind_to set */
	size_t waiting; /* tasks that wait to try again */
	size_t restoring; /* tasks whose stores are not whole */
	struct weir_restoring *restores; /* readers for them */
	struct weir_table **tables;      /* one for each of the pipeline's; NULL: none */
	int64_t refresh_ms;              /* when stores are noted as caught up again */
	struct weir_remembered remembered; /* suspects of partitions that went away */

	struct weir_batch batch;
	struct weir_event event; /* the last one polled */
	struct weir_current current;
	struct weir_sending sending;
	struct weir_recovery recovery;
	struct weir_held_back held_back;
	struct weir_late late;
	int failures_in_a_row; /* batches that did not commit since the last one that did */
	int64_t lost_reported_ms;

	struct weir_held_list held; /* of the current record, or of the tick or batch's end */
	size_t held_changes;        /* of them, those for changelogs */
	struct weir_reason reason;
	int dead_letter_output; /* -1: none */
	int changelog_output;   /* of the first changelog */
	int64_t now_ms;         /* monotonic, at the start of this step */
	bool busy;              /* the last poll gave a record: likely there are more */
	int64_t next_tick_ms;   /* over all tasks; INT64_MAX: none */
	int64_t next_retry_ms;
	struct weir_task *last_task;  /* whose record was processed last */
	int64_t last_offset;

	size_t pending;         /* at-most-once: records committed and not yet processed */
	bool end_due;           /* at-most-once: batch_end has to follow them */
	size_t end_bytes;       /* of what was processed since */
	bool idle;              /* the last poll gave nothing */
	bool ticked;            /* since the last poll */
	bool yielding;          /* a revoke waits for what is in hand: nothing new begins */
	int64_t yield_by_ms;    /* then it is answered all the same */

	struct weir_worker_counts counts;
};

/* Counters have one writer: no locked instruction. */
static inline void
weir__count(atomic_ullong *counter, unsigned long long by)
{
	atomic_store_explicit(counter,
	                      atomic_load_explicit(counter, memory_order_relaxed) + by,
	                      memory_order_relaxed);
}

/* A delivery tag names the source record: the task's slot and 48 bits of the offset. */
#define WEIR_TAG_OFFSET_MASK ((UINT64_C(1) << 48) - 1)
static inline uint64_t
weir__tag(const struct weir_task *task, int64_t offset)
{
	return (uint64_t)task->slot << 48 | ((uint64_t)offset & WEIR_TAG_OFFSET_MASK);
}

/* ---- worker.c ---- */

/* Stop with this error; an open transaction is aborted as well as it goes. */
void weir__worker_fail(struct weir_worker *worker, const struct weir_error *error);
void weir__worker_fenced(struct weir_worker *worker, const struct weir_error *error);
/* Nothing is in hand: drained, once what at-most-once has after its commit is out, too. */
void weir__leave(struct weir_worker *worker);
/* FENCED, FATAL and UNKNOWN, which mean the same after each call; true: handled. */
bool weir__worker_failed(struct weir_worker *worker, enum weir_outcome outcome,
                         const struct weir_error *error);
/* Poll, and see to what comes; also in RECOVER. */
void weir__worker_poll(struct weir_worker *worker, int wait_ms);
/* Monotonic time, read anew. */
int64_t weir__worker_now(const struct weir_worker *worker);

/* ---- worker_session.c ---- */

struct weir_session *weir__worker_open_session(struct weir_worker *worker,
                                               struct weir_error *error);

/* ---- process.c ---- */

/* Run the current record through the chain and send what it emitted. */
void weir__process_current(struct weir_worker *worker);
/* Go on with worker->sending. */
void weir__send(struct weir_worker *worker);
/* Send what is held of the current record; then it is done. */
void weir__send_record(struct weir_worker *worker);
/* Send what a tick or the end of a batch of `task` emitted, then go to `after`. */
void weir__send_other(struct weir_worker *worker, struct weir_task *task,
                      enum weir_phase after);
/* The current record is done with: advance over it. */
void weir__record_done(struct weir_worker *worker);
/* Forget the current record; it is polled again. */
void weir__drop_current(struct weir_worker *worker);
/* Run ticks that are due; true: something was done. */
bool weir__run_ticks(struct weir_worker *worker);
/* Offer records again whose time has come. */
void weir__run_retries(struct weir_worker *worker);
/* Stop waiting (the partition goes on from where it is rewound to). */
void weir__stop_waiting(struct weir_worker *worker, struct weir_task *task);
void weir__next_tick_update(struct weir_worker *worker);

/* ---- reject.c ---- */

/* The current record is rejected for worker->reason. */
void weir__reject_current(struct weir_worker *worker, bool omit_value);

/* ---- batch.c ---- */

/* `task` joins the batch; a rewind of it would go to `offset`. */
void weir__batch_join(struct weir_worker *worker, struct weir_task *task, int64_t offset);
/* The same, unless it has joined already. */
static inline void
weir__batch_touch(struct weir_worker *worker, struct weir_task *task, int64_t offset)
{
	if (!task->touched)
		weir__batch_join(worker, task, offset);
}
static inline bool
weir__batch_in_hand(const struct weir_worker *worker)
{
	return worker->batch.touched > 0;
}
/* Time or size say: commit. Asked before each record. */
static inline bool
weir__batch_due(const struct weir_worker *worker)
{
	const struct weir_batch *batch = &worker->batch;

	if (worker->now_ms >= batch->due_ms ||
	    batch->records >= (size_t)worker->pipeline->commit_records ||
	    batch->bytes >= (size_t)worker->pipeline->commit_bytes)
		return weir__batch_in_hand(worker);
	if (!batch->alone && !worker->draining && !worker->idle)
		return false;
	return weir__batch_in_hand(worker) &&
	       (batch->alone || worker->draining || worker->guarantee->commits_first);
}
/* Longest time a batch may take: 60 % of transaction.timeout.ms. */
int64_t weir__batch_deadline_ms(const struct weir_worker *worker);
void weir__batch_commit(struct weir_worker *worker, int64_t budget_ms);
void weir__batch_abort(struct weir_worker *worker);
/* What became of it is not known: forget it, RECOVER finds out. */
void weir__batch_unknown(struct weir_worker *worker, const struct weir_error *error);
void weir__step_end_batch(struct weir_worker *worker);
/* The end of a batch for one task: what it emits is held. False: that ended the batch. */
bool weir__task_end_batch(struct weir_worker *worker, struct weir_task *task);
void weir__step_commit(struct weir_worker *worker);
void weir__step_abort(struct weir_worker *worker);
/* Note delivery failures; false: one of them ended the worker. */
bool weir__note_failures(struct weir_worker *worker, size_t *count);

/* ---- rebalance.c ---- */

void weir__assigned(struct weir_worker *worker, const struct weir_event *event);
void weir__revoked(struct weir_worker *worker, const struct weir_event *event);
void weir__gap(struct weir_worker *worker, const struct weir_event *event);
/* Ask for one that waits for its offset; SUCCESS: it has a task now. */
enum weir_outcome weir__start_late(struct weir_worker *worker, struct weir_partition *partition,
                                   struct weir_error *error);

/* ---- late.c: partitions whose committed offset is held back ---- */

/* It is assigned now, and shall wait; when that was answered, pause. */
void weir__late_add(struct weir_worker *worker, struct weir_partition *partition);
void weir__late_pause(struct weir_worker *worker);
/* It goes, or has a task now; nothing if it did not wait. */
void weir__late_remove(struct weir_worker *worker, const struct weir_partition *partition);
/* Is it time to ask? Then do. */
bool weir__late_due(const struct weir_worker *worker);
void weir__late_ask(struct weir_worker *worker);
void weir__task_remove(struct weir_worker *worker, struct weir_task *task);

/* ---- lookups.c ---- */

void weir__lookups_open(struct weir_worker *worker);
void weir__lookups_close(struct weir_worker *worker);
/* Between batches, and when there is nothing to do. */
void weir__lookups_let_go(struct weir_worker *worker);
/* Did a look fail? Then the worker has. */
bool weir__lookup_failed(struct weir_worker *worker);

/* ---- recover.c ---- */

void weir__recover(struct weir_worker *worker, bool replace, bool resolve, int64_t wait_ms);
void weir__step_recover(struct weir_worker *worker, int wait_ms);
/* Rewind tasks that asked for it; true: none is left. */
bool weir__rewind_tasks(struct weir_worker *worker);
void weir__task_rewind(struct weir_worker *worker, struct weir_task *task, int64_t offset);
/* Read again from `offset`, unless it goes elsewhere already. */
void weir__read_again(struct weir_worker *worker, struct weir_task *task, int64_t offset);
/* Call it with each answer about committed offsets; tells when they are held back for long. */
void weir__offsets_asked(struct weir_worker *worker, enum weir_outcome outcome,
                         const struct weir_offset *offsets, size_t count,
                         const struct weir_error *error);
/* Have they been held back for longer than a dead instance's transaction lasts? */
bool weir__offsets_wait_long(const struct weir_worker *worker);
/* Its processors forget the batch; false: that ended the worker. */
bool weir__task_rollback(struct weir_worker *worker, struct weir_task *task);

#endif
