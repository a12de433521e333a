/*
 * One task's processors: opened, run, rolled back, closed.
 *
 * Knows when which callback is called and what its verdict means; the first verdict that
 * is not "done" decides about the record. The thread of the task's worker.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/mutation.h>
#include <processor/debug.h>
#include <processor/step.h>

static const struct weir_processor *
processor_of(const struct weir_context *ctx)
{
	return &ctx->step->registered->descriptor;
}

/* ---- open and close ---- */

/* A callback that runs: what stood in its place, and what is debugged about it. */
struct call {
	const char *outer_step;
	bool is_debugged;
	struct weir_debug_call debug;
};

/* Name the step to the crash handler. */
static inline void
enter(struct call *call, const struct weir_context *ctx, enum weir_callback callback)
{
	call->outer_step = weir__place_step(ctx->step->name);
	call->is_debugged = ctx->task->chain->is_debugged;
	if (call->is_debugged)
		weir__debug_enter(&call->debug, ctx, callback);
}

static inline void
leave(struct call *call)
{
	if (call->is_debugged)
		weir__debug_leave(&call->debug);
	weir__place_step(call->outer_step);
}

static void
set_place(struct weir_chain_task *task, int64_t offset)
{
	task->offset = offset;
	weir__place_record(task->topic, task->partition, offset);
}

static int
open_context(struct weir_context *ctx, struct weir_error *error)
{
	const struct weir_processor *processor = processor_of(ctx);
	struct weir_error inner = {0};
	struct call call;
	int code;

	if (processor->memory_size > 0)
		memset(ctx->memory, 0, processor->memory_size);
	ctx->tick_interval_ms = 0;
	if (processor->open) {
		enter(&call, ctx, WEIR_IN_OPEN);
		code = processor->open(ctx, ctx->memory, &inner);
		leave(&call);
		if (code)
			return weir_error_set(error, code, "step %s: %s", ctx->step->name,
					      inner.code ? inner.message
							 : weir_strerror(code));
	}
	ctx->is_open = true;
	return 0;
}

static void
close_context(struct weir_context *ctx)
{
	const struct weir_processor *processor = processor_of(ctx);
	struct call call;

	if (ctx->is_open && processor->close) {
		enter(&call, ctx, WEIR_IN_OTHER);
		processor->close(ctx, ctx->memory);
		leave(&call);
	}
	if (ctx->is_open && ctx->task->chain->is_debugged)
		weir__debug_closed(ctx);
	ctx->is_open = false;
	ctx->tick_interval_ms = 0;
}

/* The pipeline's own name of the topic, which lives as long as the chain. */
static const char *
lasting_topic(const struct weir_chain *chain, const char *topic)
{
	for (size_t i = 0; i < chain->pipeline->input_count; i++)
		if (strcmp(chain->pipeline->inputs[i], topic) == 0)
			return chain->pipeline->inputs[i];
	return topic;
}

struct weir_chain_task *
weir__chain_open(struct weir_chain *chain, const char *topic, int32_t partition,
		 struct weir_store *const *stores, struct weir_table *const *tables,
		 struct weir_error *error)
{
	struct weir_chain_task *task = weir__calloc(
		1, sizeof(*task) + chain->step_count * sizeof(task->contexts[0]));

	weir__crash_thread();
	task->chain = chain;
	task->topic = lasting_topic(chain, topic);
	task->partition = partition;
	task->tables = tables;
	task->stores = weir__calloc(chain->store_count + 1, sizeof(struct weir_store *));
	if (chain->store_count)
		memcpy(task->stores, stores, chain->store_count * sizeof(struct weir_store *));
	set_place(task, -1);
	for (size_t i = 0; i < chain->step_count; i++) {
		struct weir_context *ctx = &task->contexts[i];
		size_t memory_size = chain->steps[i].registered->descriptor.memory_size;

		ctx->task = task;
		ctx->step = &chain->steps[i];
		ctx->index = i;
		ctx->memory = memory_size > 0 ? weir__calloc(1, memory_size) : NULL;
	}
	for (size_t i = 0; i < chain->step_count; i++)
		if (open_context(&task->contexts[i], error) != 0) {
			weir__chain_close(task);
			return NULL;
		}
	return task;
}

void
weir__chain_close(struct weir_chain_task *task)
{
	if (!task)
		return;
	set_place(task, -1);
	for (size_t i = task->chain->step_count; i-- > 0;) {
		close_context(&task->contexts[i]);
		free(task->contexts[i].memory);
	}
	weir__place_record(NULL, 0, -1);
	free(task->stores);
	free(task);
}

static bool
rollback_context(struct weir_context *ctx)
{
	const struct weir_processor *processor = processor_of(ctx);
	struct call call;
	int code;

	if (!processor->rollback || !ctx->is_open)
		return false;
	enter(&call, ctx, WEIR_IN_OTHER);
	code = processor->rollback(ctx, ctx->memory);
	leave(&call);
	return code == 0;
}

int
weir__chain_rollback(struct weir_chain_task *task, struct weir_error *error)
{
	set_place(task, -1);
	for (size_t i = 0; i < task->chain->step_count; i++) {
		struct weir_context *ctx = &task->contexts[i];
		int code;

		if (rollback_context(ctx))
			continue;
		close_context(ctx);
		code = open_context(ctx, error);
		if (code)
			return code;
	}
	return 0;
}

/* ---- verdicts ---- */

static const char *
verdict_word(enum weir_verdict verdict)
{
	switch (verdict) {
	case WEIR_REJECT:
		return "rejected";
	case WEIR_RETRY:
		return "asked to try again";
	default:
		return "stopped";
	}
}

void
weir__step_verdict(struct weir_context *ctx, enum weir_verdict verdict)
{
	struct weir_chain_task *task = ctx->task;
	const char *why = ctx->has_reason ? ctx->reason : "no reason given";
	struct weir_reason *reason = task->reason;

	if (verdict == WEIR_DONE || task->verdict != WEIR_DONE)
		return;
	reason->step = ctx->step->name;
	task->verdict = WEIR_STOP;
	if (verdict != WEIR_REJECT && verdict != WEIR_RETRY && verdict != WEIR_STOP) {
		snprintf(reason->text, sizeof(reason->text),
			 "returned %d, which is no verdict", (int)verdict);
	} else if (verdict != WEIR_STOP && !task->is_record) {
		snprintf(reason->text, sizeof(reason->text),
			 "%s at a batch end or tick, where no input record is at hand: "
			 "%.400s",
			 verdict_word(verdict), why);
	} else {
		snprintf(reason->text, sizeof(reason->text), "%s", why);
		task->verdict = verdict;
	}
}

static void
begin(struct weir_chain_task *task, int64_t offset, struct weir_held_list *held,
      struct weir_reason *reason)
{
	task->is_record = offset >= 0;
	task->max_bytes = held->max_bytes;
	if (!task->is_record)
		task->max_bytes *= WEIR_HELD_TIMES;
	task->value_bytes = 0;
	set_place(task, offset);
	weir__held_reset(held);
	task->held = held;
	task->reason = reason;
	task->verdict = WEIR_DONE;
	task->lost_emits = 0;
	for (size_t i = 0; i < task->chain->step_count; i++)
		task->contexts[i].emitted_bytes = task->contexts[i].given_bytes = 0;
}

static enum weir_verdict
end(struct weir_chain_task *task)
{
	struct weir_held_list *held = task->held;

	task->held = NULL;
	task->offset = -1;
	if (task->verdict != WEIR_DONE && !WEIR_MUTANT(REJECTED_SENT))
		weir__held_reset(held);
	return task->verdict;
}

/* ---- records ---- */

bool
weir__step_record(struct weir_context *ctx, const struct weir_record *record)
{
	struct call call;
	enum weir_verdict verdict;

	enter(&call, ctx, WEIR_IN_RECORD);
	if (call.is_debugged)
		record = weir__debug_lend(record);
	ctx->record = record;
	ctx->has_reason = false;
	verdict = processor_of(ctx)->record(ctx, ctx->memory, record);
	ctx->record = NULL;
	if (call.is_debugged)
		weir__value_fini(record->value);
	weir__step_verdict(ctx, verdict);
	leave(&call);
	return ctx->task->verdict == WEIR_DONE;
}

/* No steps: the record as it came. */
static enum weir_verdict
copy_record(const struct weir_chain *chain, const struct weir_message *message,
	    struct weir_held_list *held, struct weir_reason *reason)
{
	weir__held_reset(held);
	if (weir__held_add(held, held->max_bytes, chain->default_output, message))
		return WEIR_DONE;
	reason->step = NULL;
	snprintf(reason->text, sizeof(reason->text),
		 "the record has %zu bytes, more than commit.bytes (%zu)",
		 sizeof(struct weir_held) + weir__message_bytes(message),
		 held->max_bytes);
	return WEIR_REJECT;
}

static enum weir_verdict
run_steps(struct weir_chain_task *task, const struct weir_message *message,
	  int64_t offset, struct weir_held_list *held, struct weir_reason *reason)
{
	struct weir_value value = {.bytes = message->value, .lasting = true};
	const struct weir_record record = {.topic = task->topic,
					   .partition = task->partition,
					   .offset = offset,
					   .message = *message,
					   .key_lasting = true,
					   .headers_lasting = true,
					   .value = &value};

	begin(task, offset, held, reason);
	task->value_bytes = message->value.size;
	if (!task->chain->is_stateless)
		held->taken_bytes = weir__record_bytes(&record);
	weir__step_record(&task->contexts[0], &record);
	weir__value_fini(&value);
	return end(task);
}

enum weir_verdict
weir__chain_record(struct weir_chain_task *task, const struct weir_message *message,
		   int64_t offset, struct weir_held_list *held,
		   struct weir_reason *reason)
{
	if (task->chain->step_count == 0)
		return copy_record(task->chain, message, held, reason);
	return run_steps(task, message, offset, held, reason);
}

/* ---- batch ends and ticks ---- */

static bool
step_batch_end(struct weir_context *ctx)
{
	weir_batch_end_fn batch_end = processor_of(ctx)->batch_end;
	struct call call;

	enter(&call, ctx, WEIR_IN_BATCH_END);
	ctx->has_reason = false;
	if (batch_end)
		weir__step_verdict(ctx, batch_end(ctx, ctx->memory));
	leave(&call);
	return ctx->task->verdict == WEIR_DONE;
}

enum weir_verdict
weir__chain_batch_end(struct weir_chain_task *task, struct weir_held_list *held,
		      struct weir_reason *reason)
{
	begin(task, -1, held, reason);
	for (size_t i = 0; i < task->chain->step_count; i++)
		if (!step_batch_end(&task->contexts[i]))
			break;
	return end(task);
}

int64_t
weir__chain_next_tick_ms(const struct weir_chain_task *task)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < task->chain->step_count; i++) {
		const struct weir_context *ctx = &task->contexts[i];

		if (ctx->tick_interval_ms > 0 && processor_of(ctx)->tick &&
		    ctx->tick_due_ms < next)
			next = ctx->tick_due_ms;
	}
	return next;
}

static bool
step_tick(struct weir_context *ctx, int64_t now_ms)
{
	weir_tick_fn tick = processor_of(ctx)->tick;
	struct call call;
	int64_t passed;

	if (!tick || ctx->tick_interval_ms <= 0 || ctx->tick_due_ms > now_ms)
		return true;
	passed = (now_ms - ctx->tick_due_ms) / ctx->tick_interval_ms + 1;
	ctx->tick_due_ms += passed * ctx->tick_interval_ms;
	enter(&call, ctx, WEIR_IN_TICK);
	ctx->has_reason = false;
	weir__step_verdict(ctx, tick(ctx, ctx->memory, weir_now_ms(ctx)));
	leave(&call);
	return ctx->task->verdict == WEIR_DONE;
}

enum weir_verdict
weir__chain_tick(struct weir_chain_task *task, int64_t now_ms,
		 struct weir_held_list *held, struct weir_reason *reason)
{
	begin(task, -1, held, reason);
	for (size_t i = 0; i < task->chain->step_count; i++)
		if (!step_tick(&task->contexts[i], now_ms))
			break;
	return end(task);
}
