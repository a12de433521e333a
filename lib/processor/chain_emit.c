/*
 * The way of an emit: through the following steps, or on hold for an output.
 *
 * Knows what an emitted record inherits and what bounds it. An emit returns when the rest
 * of the chain has run, so nothing is copied on the way from step to step. The worker's
 * thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include <weir/json.h>

#include <processor/step.h>

/* So many emits that return an error mean a callback that looks at none. */
#define LOST_EMITS_LOGGED 1000000

static int
stop(struct weir_context *ctx, const char *why)
{
	weir__step_verdict(ctx, weir_stop(ctx, "%s", why));
	return WEIR_EINVALID;
}

/* May this context emit at all, now? */
static int
check_emit(struct weir_context *ctx)
{
	struct weir_chain_task *task = ctx->task;

	if (!weir__place_is(ctx->step->name)) { /* perhaps of another thread: touch nothing */
		weir__log(task->chain->logger, WEIR_LOG_ERROR,
			  "emit refused: outside of the step's own callbacks step=%s topic=%s",
			  ctx->step->name, task->topic);
		return WEIR_ESTATE;
	}
	if (!task->held) {
		weir_log(ctx, WEIR_LOG_ERROR,
			 "emit refused: only record, batch_end and tick emit");
		return WEIR_ESTATE;
	}
	if (task->verdict == WEIR_DONE)
		return 0;
	if (task->chain->is_debugged && !ctx->told_lost) {
		ctx->told_lost = true;
		weir_log(ctx, WEIR_LOG_ERROR,
			 "step emits although its record has failed: weir_emit() returned an "
			 "error, and the callback should return");
	}
	if (++task->lost_emits == LOST_EMITS_LOGGED)
		weir_log(ctx, WEIR_LOG_ERROR,
			 "step does not stop emitting, although its emits return errors");
	return WEIR_ESTATE;
}

static int
beyond_bound(struct weir_context *ctx)
{
	const struct weir_chain_task *task = ctx->task;

	weir__step_verdict(
		ctx,
		task->is_record
			? weir_reject(ctx,
				      "emits more than %zu bytes for one record "
				      "(commit.bytes)",
				      task->max_bytes)
			: weir_stop(ctx,
				    "emits more than %zu bytes at a batch end or tick (%d "
				    "times commit.bytes)",
				    task->max_bytes, WEIR_HELD_TIMES));
	return WEIR_ELIMIT;
}

/*
 * Each step's emits are counted apart, also those that a later step drops: a step that
 * never stops is found, and a long chain may still pass a large record on.
 */
static int
count_bytes(struct weir_context *ctx, const struct weir_record *record)
{
	size_t bytes = sizeof(struct weir_held) + record->message.key.size;

	if (!record->value->unprinted)
		bytes += record->value->bytes.size;
	ctx->emitted_bytes += bytes;
	return ctx->emitted_bytes > ctx->task->max_bytes ? beyond_bound(ctx) : 0;
}

/*
 * What the next step was given of this record, it may keep until the batch's end. A value
 * that it did not look at has no bytes yet: about as many as the input's.
 */
static void
count_taken(struct weir_context *ctx, const struct weir_record *record)
{
	struct weir_held_list *held = ctx->task->held;

	if (record->value->unprinted)
		ctx->given_bytes += sizeof(struct weir_held) + record->message.key.size +
				    ctx->task->value_bytes;
	else
		ctx->given_bytes += weir__record_bytes(record);
	if (ctx->given_bytes > held->taken_bytes)
		held->taken_bytes = ctx->given_bytes;
}

static int
pass(struct weir_context *ctx, const struct weir_record *record, int output)
{
	const struct weir_chain *chain = ctx->task->chain;

	if (output == WEIR_NEXT && ctx->index + 1 < chain->step_count) {
		int code = count_bytes(ctx, record);
		bool is_done;

		if (code)
			return code;
		is_done = weir__step_record(ctx + 1, record);
		if (!chain->is_stateless)
			count_taken(ctx, record);
		return is_done ? 0 : WEIR_ESTATE;
	}
	if (output == WEIR_NEXT && chain->default_output < 0)
		return stop(
			ctx,
			"emits behind the last step, but \"outputs\" has no \"default\"");
	if (output == WEIR_NEXT)
		output = chain->default_output;
	if (output < 0 || (size_t)output >= chain->pipeline->output_count)
		return stop(
			ctx,
			"emits to an output number that weir_output_find() did not give");
	return weir__held_record(ctx->task->held, ctx->task->max_bytes, output, record)
		       ? beyond_bound(ctx)
		       : 0;
}

/* What an emit starts from: the record at hand, or nothing at all. */
static void
inherit(const struct weir_context *ctx, struct weir_record *record,
	struct weir_value *none)
{
	const struct weir_chain_task *task = ctx->task;

	if (ctx->record) {
		*record = *ctx->record;
		return;
	}
	memset(none, 0, sizeof(*none));
	memset(record, 0, sizeof(*record));
	record->topic = task->topic;
	record->partition = task->partition;
	record->offset = -1;
	record->message.timestamp_ms = weir_now_ms(ctx);
	record->message.partition = WEIR_BY_KEY;
	record->value = none;
}

static bool
same_bytes(struct weir_bytes a, struct weir_bytes b)
{
	return a.data == b.data && a.size == b.size;
}

static void
replace_parts(struct weir_record *record, const struct weir_emit *emit,
	      struct weir_value *value)
{
	if ((emit->set & WEIR_EMIT_KEY) && !same_bytes(emit->key, record->message.key)) {
		record->message.key = emit->key;
		record->key_lasting = false;
	}
	if (emit->set & WEIR_EMIT_HEADERS) {
		record->message.headers = emit->headers;
		record->message.header_count = emit->header_count;
		record->headers_lasting = false;
	}
	if (emit->set & WEIR_EMIT_TIMESTAMP)
		record->message.timestamp_ms = emit->timestamp_ms;
	if ((emit->set & WEIR_EMIT_VALUE) &&
	    (record->value->unprinted ||
	     !same_bytes(emit->value, record->value->bytes))) {
		memset(value, 0, sizeof(*value));
		value->bytes = emit->value;
		record->value = value;
	}
}

int
weir_emit(struct weir_context *ctx, const struct weir_emit *emit)
{
	struct weir_emit ours = {0};
	struct weir_value value = {0};
	struct weir_record record;
	int code = check_emit(ctx);

	if (code)
		return code;
	if (emit->size < offsetof(struct weir_emit, timestamp_ms))
		return stop(
			ctx,
			"emits with `size` unset: it must be sizeof(struct weir_emit)");
	memcpy(&ours, emit, emit->size < sizeof(ours) ? emit->size : sizeof(ours));
	inherit(ctx, &record, &value);
	replace_parts(&record, &ours, &value);
	code = pass(ctx, &record, ours.output);
	weir__value_fini(&value);
	return code;
}

int
weir_emit_same(struct weir_context *ctx)
{
	int code = check_emit(ctx);

	if (code)
		return code;
	if (!ctx->record)
		return stop(ctx, "weir_emit_same() where there is no record");
	return pass(ctx, ctx->record, WEIR_NEXT);
}

static int
emit_view(struct weir_context *ctx, struct weir_value *value)
{
	struct weir_record record;
	struct weir_value none;
	int code;

	inherit(ctx, &record, &none);
	record.value = value;
	code = pass(ctx, &record, WEIR_NEXT);
	weir__value_fini(value);
	return code;
}

int
weir_emit_value(struct weir_context *ctx, struct weir_bytes bytes)
{
	struct weir_value value = {.bytes = bytes};
	int code = check_emit(ctx);

	if (code)
		return code;
	if (ctx->record && !ctx->record->value->unprinted &&
	    same_bytes(bytes, ctx->record->value->bytes))
		return weir_emit_same(ctx);
	return emit_view(ctx, &value);
}

int
weir_emit_json(struct weir_context *ctx, const json_t *json)
{
	struct weir_value value = {.unprinted = true};
	int code = check_emit(ctx);

	if (code)
		return code;
	if (ctx->record && json == ctx->record->value->json)
		return weir_emit_same(ctx);
	value.json = json_incref((json_t *)json); /* shared, and never changed */
	return emit_view(ctx, &value);
}
