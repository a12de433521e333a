/*
 * The chain: the steps of a pipeline, and one task's open processors.
 *
 * A record goes depth first: what a step emits runs through the following steps before
 * the emit returns. What reaches an output is *held* in the list that the worker passed in,
 * until the record's last processor has returned; then the worker sends all or nothing.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_PROCESSOR_CHAIN_H
#define WEIR_PROCESSOR_CHAIN_H

#include <base/alloc.h>
#include <base/clock.h>
#include <base/log.h>
#include <config/pipeline.h>
#include <processor/record.h>
#include <processor/registry.h>

/* A record on hold: what, and where to. The bytes live until held_reset. */
struct weir_held {
	struct weir_message message;
	int output;   /* index into the pipeline's outputs */
	size_t bytes; /* of the message: key, value, headers */
};

/*
 * A batch ends at commit.bytes of what its records are to any step. At its end a step may emit
 * all that it kept of them, with headers of its own, and a later step several records for each.
 */
#define WEIR_HELD_TIMES 8

/* What one record, batch end or tick emitted. One a worker; the calls below empty it first. */
struct weir_held_list {
	struct weir_held *items;
	size_t count;
	size_t capacity;
	size_t bytes;     /* keys, values and headers held, and sizeof(struct weir_held) each */
	size_t max_bytes; /* beyond it the record is rejected; a batch's end or a tick, beyond
	                     WEIR_HELD_TIMES as much, stops the app */
	size_t taken_bytes; /* most that one step was given for the record at hand */
	struct weir_arena arena;
};
/*
 * Put a message on hold for `output` that lasts until the list is reset. The held one, until
 * the next call; or NULL: the list would have more than `max_bytes`.
 */
struct weir_held *weir__held_add(struct weir_held_list *held, size_t max_bytes, int output,
                                 const struct weir_message *message);
static inline void
weir__held_reset(struct weir_held_list *held)
{
	held->count = 0;
	held->bytes = 0;
	held->taken_bytes = 0;
	if (held->arena.used_bytes > 0)
		weir__arena_reset(&held->arena);
}
void weir__held_fini(struct weir_held_list *held);

/* Why a verdict other than WEIR_DONE was given: by which step, in its words. */
struct weir_reason {
	const char *step; /* borrowed from the pipeline; NULL: not a step's doing */
	char text[512];
};

/* The steps with their options parsed and checked; shared by all tasks, read-only. */
struct weir_chain;

/*
 * Build the chain of a pipeline: find each processor, parse its options, map its outputs.
 * pipeline, registry, clock and logger outlive it. NULL with "FILE: /steps/0/...: reason".
 */
struct weir_chain *weir__chain_new(const struct weir_pipeline *pipeline,
                                   const struct weir_registry *registry,
                                   const struct weir_clock *clock,
                                   const struct weir_logger *logger, struct weir_error *error);
void weir__chain_free(struct weir_chain *chain);

/* The processor of step `index` and its option struct; for `weir check`. */
const struct weir_registered *weir__chain_processor(const struct weir_chain *chain, size_t index);

/* What its processor finds doubtful about its options; false: nothing, and *text is empty. */
bool weir__chain_doubt(const struct weir_chain *chain, size_t index, char *text, size_t size);

/* A store that a step declares. */
struct weir_chain_store {
	const char *name; /* STEP.STORE */
	int64_t ttl_ms;   /* 0: entries live for ever */
};

/* All stores of all steps, in their order; borrowed from the chain. */
const struct weir_chain_store *weir__chain_stores(const struct weir_chain *chain, size_t *count);

/* One task's processors. `topic` outlives it. */
struct weir_chain_task;

/*
 * `stores` has one for each of weir__chain_stores(), `tables` one for each of the pipeline's;
 * they outlive the task.
 */
struct weir_chain_task *weir__chain_open(struct weir_chain *chain, const char *topic,
                                         int32_t partition, struct weir_store *const *stores,
                                         struct weir_table *const *tables,
                                         struct weir_error *error);
/* Calls every close. NULL is fine. */
void weir__chain_close(struct weir_chain_task *task);

/*
 * One record through all steps; what it emits to outputs is in *held, and borrows from
 * `message` what was inherited. With a verdict other than WEIR_DONE *held is empty, and
 * *reason says why (otherwise it is untouched).
 */
enum weir_verdict weir__chain_record(struct weir_chain_task *task,
                                     const struct weir_message *message, int64_t offset,
                                     struct weir_held_list *held, struct weir_reason *reason);

/*
 * batch_end of all steps in order; verdicts WEIR_DONE or WEIR_STOP only. A WEIR_REJECT or
 * WEIR_RETRY, also of a later step for a record that was emitted here, becomes WEIR_STOP:
 * there is no record of the input to set aside or to offer again.
 */
enum weir_verdict weir__chain_batch_end(struct weir_chain_task *task, struct weir_held_list *held,
                                        struct weir_reason *reason);

/* Monotonic time of the next tick; INT64_MAX: none asked for. */
int64_t weir__chain_next_tick_ms(const struct weir_chain_task *task);

/* Run the ticks that are due at `now_ms` (monotonic); WEIR_DONE or WEIR_STOP only. */
enum weir_verdict weir__chain_tick(struct weir_chain_task *task, int64_t now_ms,
                                   struct weir_held_list *held, struct weir_reason *reason);

/*
 * The batch was aborted: each processor's rollback, or else close and open anew with
 * zeroed memory. Returns 0, or the error of an open (the app stops).
 */
int weir__chain_rollback(struct weir_chain_task *task, struct weir_error *error);

/* Is there no step that keeps memory, ends batches or ticks? */
bool weir__chain_is_stateless(const struct weir_chain *chain);
/* Is there a step that may ask for ticks? */
bool weir__chain_ticks(const struct weir_chain *chain);

/*
 * For the crash handler: the step and the record that this thread is in, kept up to date by
 * the calls above. Writes "step NAME at topic[partition]@offset" by write(2) only; nothing
 * when this thread is in no step. Async-signal-safe.
 */
void weir__chain_crash_print(int fd);

/*
 * Where the calling thread is in its processors; other threads may read it while this one
 * lives. Printed: "step NAME at topic[partition]@offset", or false: in no step.
 */
struct weir_place;
const struct weir_place *weir__chain_place(void);
bool weir__chain_place_print(const struct weir_place *place, char *text, size_t size);

/*
 * Install handlers for SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT: print the place, re-raise;
 * and for exit() in a plugin's code: print the place, end with status 1.
 * They run on an alternate stack in the calling thread and in each thread that opens a
 * task afterwards, so that a stack that overflowed is named too. Once a process.
 */
void weir__chain_crash_handlers(void);

#endif
