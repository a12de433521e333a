/*
 * A worker: one consumer, one producer, the tasks of its partitions, and a state machine
 * that is stepped. One thread owns it; fleets of them can share a thread under a virtual
 * clock.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_RUN_WORKER_H
#define WEIR_RUN_WORKER_H

#include <stdatomic.h>

#include <broker/broker.h>
#include <config/pipeline.h>
#include <processor/chain.h>
#include <state/stores.h>
#include <state/tables.h>

/* All borrowed; they outlive the worker. */
struct weir_worker_config {
	const struct weir_pipeline *pipeline;
	struct weir_chain *chain;
	struct weir_broker *broker;
	struct weir_stores *stores; /* NULL: no step has any */
	struct weir_tables *tables; /* NULL: the pipeline has none */
	const struct weir_clock *clock;
	const struct weir_logger *logger;
	int index; /* of this worker in its instance: part of its ids */
};

enum weir_worker_status {
	WEIR_WORKER_RUNS = 0,
	WEIR_WORKER_DRAINED, /* after weir__worker_drain(): all in hand is committed */
	WEIR_WORKER_FAILED,  /* see weir__worker_error() */
	WEIR_WORKER_FENCED   /* a twin took over */
};

/* Counters; written by the worker's thread, read by any. */
struct weir_worker_counts {
	atomic_ullong records;      /* processed, with those that were later aborted */
	atomic_ullong committed;    /* records of committed batches */
	atomic_ullong emitted;      /* records sent to outputs, likewise; no dead letters */
	atomic_ullong dead_letters; /* rejected and sent to the dead-letter topic */
	atomic_ullong dropped;      /* rejected and dropped */
	atomic_ullong retries;      /* "try again later" verdicts */
	atomic_ullong batches;      /* committed */
	atomic_ullong aborts;       /* batches aborted or of unknown outcome */
	atomic_ullong replacements; /* of producers */
	atomic_ullong lost;         /* records skipped by a gap; at-most-once: records not
	                               processed, and messages not delivered */
	atomic_uint tasks;          /* owned now */
};

struct weir_worker;

/* Opens its session; no network wait. NULL with *error. */
struct weir_worker *weir__worker_new(const struct weir_worker_config *config,
                                     struct weir_error *error);

/*
 * Closes its tasks, whose processors and stores are the thread's that stepped it; that thread
 * calls it last. Without it they are closed by free.
 */
void weir__worker_close_tasks(struct weir_worker *worker);

/* Closes tasks and session; what is not committed is not. NULL is fine. */
void weir__worker_free(struct weir_worker *worker);

/*
 * The process died here: free the worker, but do nothing on the way; on the embedded
 * broker only (simulation, tests).
 */
void weir__worker_crash(struct weir_worker *worker);
/* The same of its tasks alone; the rest is freed afterwards. */
void weir__worker_crash_tasks(struct weir_worker *worker);

/*
 * Do one bounded piece of work: at most a record (some, where no processor runs), or one
 * slice of a commit, abort, replacement or rebalance. Waits for input `wait_ms` at most.
 */
enum weir_worker_status weir__worker_step(struct weir_worker *worker, int wait_ms);

/* Take no more records, commit what is in hand; then status DRAINED. */
void weir__worker_drain(struct weir_worker *worker);

/* Is nothing in hand: all records that were polled are committed, nothing is pending? */
bool weir__worker_is_idle(const struct weir_worker *worker);

/*
 * For who steps it (rest.c). Has it nothing to do before time goes on or a record comes? As
 * its last step left it.
 */
bool weir__worker_rests(const struct weir_worker *worker);
/* Nothing came with the last step: what is in hand is due now, not after an interval. */
void weir__worker_hurry(struct weir_worker *worker);
/* Monotonic time of the next tick, or try of a record again; INT64_MAX: none. */
int64_t weir__worker_next_ms(const struct weir_worker *worker);

const struct weir_error *weir__worker_error(const struct weir_worker *worker);
const struct weir_worker_counts *weir__worker_counts(const struct weir_worker *worker);

/* The session; for tests and simulation. */
struct weir_session *weir__worker_session(struct weir_worker *worker);

#endif
