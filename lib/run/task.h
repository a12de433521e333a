/*
 * A task: what belongs to one partition of one input topic while a worker owns it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_RUN_TASK_H
#define WEIR_RUN_TASK_H

#include <broker/broker.h>
#include <processor/chain.h>
#include <run/mark.h>
#include <run/stateful.h>
#include <run/suspect.h>

struct weir_pending; /* at_most_once.h */

struct weir_task {
	struct weir_partition *partition;
	struct weir_chain_task *chain; /* NULL: its stores are not whole yet */
	unsigned slot; /* in the worker's table; half of a delivery tag */

	int64_t committed; /* the group's offset as far as known; or WEIR_OFFSET_NONE */
	int64_t base;      /* first offset of this batch; meant while touched */
	int64_t next;      /* last processed + 1 */
	int64_t mark;      /* beside `committed`; 0: none */
	int64_t next_mark; /* beside `next`, when this batch is committed */
	char mark_text[WEIR_MARK_SIZE]; /* of next_mark */
	bool touched;      /* consumed or emitted in this batch: its offset goes with it */
	bool dirty;        /* its processors ran in this batch: roll back if it is aborted */
	int64_t rewind_to; /* the consumer has to go back there; WEIR_OFFSET_NONE: no */
	bool unresolved;   /* in a batch of unknown outcome: read what the broker has */

	/* its stores, if the app has any (run/stateful.h) */
	struct weir_state *state;  /* NULL also: another worker has it open yet */
	size_t first_changelog;    /* of the app's */
	size_t writes;             /* since the last sweep */
	size_t sent_changes;       /* at-least-once, within a commit */
	bool restoring;            /* paused until they are whole */
	int64_t restore_at_ms;     /* not before; INT64_MAX: a reader is at it */
	int64_t broken_ms;         /* how long it waited after it could not be used */

	/* "try again later" */
	bool waiting;
	int64_t retry_offset;
	int64_t retry_due_ms;
	int64_t retry_attempts;

	struct weir_suspects suspects;
	struct weir_pending *pending; /* at-most-once: committed, not yet processed */
};

/* A task of `partition`, which starts at partition->start; its processors are not open. */
struct weir_task *weir__task_new(struct weir_partition *partition, unsigned slot,
                                 int64_t committed, int64_t mark);
/* Open its processors, whose stores are whole. Returns 0, or a WEIR_E* with *error. */
int weir__task_open_chain(struct weir_task *task, struct weir_chain *chain,
                          struct weir_table *const *tables, struct weir_error *error);
/* Close its processors, and its stores by weir__state_close, _release or _crash. NULL is fine. */
void weir__task_close(struct weir_task *task, void (*close_state)(struct weir_state *state));

/* "topic[partition]@offset" into `text`; returns it. */
char *weir__task_place(const struct weir_task *task, int64_t offset, char *text, size_t size);

#endif
