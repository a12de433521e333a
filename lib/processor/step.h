/*
 * Inside of the chain, shared by its files: steps, one task's contexts, and the way of an
 * emit.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_PROCESSOR_STEP_H
#define WEIR_PROCESSOR_STEP_H

#include <stdatomic.h>

#include <processor/chain.h>

/* A name that a step may emit to, and where that goes. */
struct weir_step_output {
	const char *name;
	int output; /* index into the pipeline's outputs */
};

/* One step: a processor with its options. Read-only once the chain is built. */
struct weir_step {
	const char *name;
	const struct weir_registered *registered;
	void *options;
	struct weir_step_output *outputs; /* mapped ones and the processor's own */
	size_t output_count;
	size_t first_store; /* of the chain's */
};

struct weir_chain {
	const struct weir_pipeline *pipeline;
	const struct weir_clock *clock;
	const struct weir_logger *logger;
	struct weir_step *steps;
	size_t step_count;
	int default_output; /* -1: the pipeline has none */
	struct weir_chain_store *stores;
	size_t store_count;
	bool is_debugged;   /* the pipeline's debug_plugins: processor/debug.h */
	bool is_stateless;  /* nothing is kept, so what steps are given is not counted */
	bool ticks;         /* a step has that callback */
	struct weir_arena arena;
};

/* One step of one task. */
struct weir_context {
	struct weir_chain_task *task;
	const struct weir_step *step;
	size_t index;
	void *memory;
	bool is_open;
	bool told_lost;  /* that it emits after its record has failed; of debugging */
	bool has_reason; /* `reason` was set in the current callback */
	const struct weir_record *record; /* being processed by this step; NULL: none */
	size_t emitted_bytes;             /* for the record at hand */
	size_t given_bytes;               /* to the next step, for it; with headers */
	int64_t tick_interval_ms;         /* 0: no ticks */
	int64_t tick_due_ms;              /* monotonic */
	char reason[512];
};

/* All steps of one task, and the record, batch end or tick at hand. */
struct weir_chain_task {
	struct weir_chain *chain;
	const char *topic;
	int32_t partition;
	struct weir_store **stores;  /* one for each of the chain's */
	struct weir_table *const *tables; /* one for each of the pipeline's */
	struct weir_held_list *held; /* NULL: nothing at hand, so no emits */
	struct weir_reason *reason;  /* where the first verdict's goes */
	enum weir_verdict verdict;   /* the first that was not WEIR_DONE */
	bool is_record;              /* a record is at hand, not a batch end or tick */
	int64_t offset;              /* of it; -1: none */
	size_t value_bytes;          /* of its value */
	size_t max_bytes;            /* of the callback at hand: see struct weir_held_list */
	uint64_t lost_emits;         /* for the record at hand, after its verdict was found */
	struct weir_context contexts[];
};

/* ---- chain.c ---- */

/* Let a step process `record`. False: a verdict other than WEIR_DONE has been found. */
bool weir__step_record(struct weir_context *ctx, const struct weir_record *record);

/* Take note of a verdict; the first one that is not WEIR_DONE stays. */
void weir__step_verdict(struct weir_context *ctx, enum weir_verdict verdict);

/* ---- held.c ---- */

/* Bytes a record counts for on hold, or on its way to the next step. */
size_t weir__record_bytes(const struct weir_record *record);

/*
 * Put `record` on hold for `output`; what does not last is copied, and its value's view
 * points to the copy from then on. Returns 0, or WEIR_ELIMIT beyond `max_bytes`.
 */
int weir__held_record(struct weir_held_list *held, size_t max_bytes, int output,
                      const struct weir_record *record);

/* ---- crash.c ---- */

/*
 * Where this thread is, for the crash handler, and for a thread that watches this one (so
 * each member is atomic, without an order between them). Strings live as long as the chain.
 */
struct weir_place {
	_Atomic(const char *) step;  /* NULL: in no step */
	_Atomic(const char *) topic; /* NULL: in no task */
	_Atomic(int32_t) partition;
	_Atomic(int64_t) offset; /* -1: none */
};
extern _Thread_local struct weir_place weir__thread_place;

/* The step whose callback runs on this thread; NULL: none. */
static inline const char *
weir__place_step_now(void)
{
	return atomic_load_explicit(&weir__thread_place.step, memory_order_relaxed);
}

/* Returns the step that stood there. */
static inline const char *
weir__place_step(const char *step)
{
	const char *outer = weir__place_step_now();

	atomic_store_explicit(&weir__thread_place.step, step, memory_order_relaxed);
	return outer;
}

/* Is that the step whose callback runs on this thread, the innermost one? */
static inline bool
weir__place_is(const char *step)
{
	return weir__place_step_now() == step;
}

static inline void
weir__place_record(const char *topic, int32_t partition, int64_t offset)
{
	struct weir_place *place = &weir__thread_place;

	atomic_store_explicit(&place->topic, topic, memory_order_relaxed);
	atomic_store_explicit(&place->partition, partition, memory_order_relaxed);
	atomic_store_explicit(&place->offset, offset, memory_order_relaxed);
}

/* This thread begins to load a plugin file; NULL: it is loaded. */
void weir__crash_loading(const char *path);

/* Give this thread an alternate stack, if handlers are installed and it has none. */
void weir__crash_thread(void);

#endif
