/*
 * What a callback may ask for and say: options, names, the clock, ticks, log lines and
 * reasons.
 *
 * Hides struct weir_context. The worker's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <base/words.h>
#include <processor/step.h>

const void *
weir_options(const struct weir_context *ctx)
{
	return ctx->step->options;
}

const char *
weir_step_name(const struct weir_context *ctx)
{
	return ctx->step->name;
}

int64_t
weir_now_ms(const struct weir_context *ctx)
{
	const struct weir_clock *clock = ctx->task->chain->clock;

	return clock->wall_ms(clock);
}

int
weir_tick_every(struct weir_context *ctx, int64_t interval_ms)
{
	const struct weir_clock *clock = ctx->task->chain->clock;

	if (interval_ms < 0)
		return WEIR_EINVALID;
	ctx->tick_interval_ms = interval_ms;
	if (interval_ms > 0)
		ctx->tick_due_ms = clock->monotonic_ms(clock) + interval_ms;
	return 0;
}

int
weir_output_find(const struct weir_context *ctx, const char *name)
{
	const struct weir_step *step = ctx->step;
	int output;

	for (size_t i = 0; i < step->output_count; i++)
		if (strcmp(step->outputs[i].name, name) == 0)
			return step->outputs[i].output;
	if (!(step->registered->descriptor.flags & WEIR_ANY_OUTPUT))
		return WEIR_ENOTFOUND;
	output = weir__pipeline_output(ctx->task->chain->pipeline, name);
	return output < 0 ? WEIR_ENOTFOUND : output;
}

struct weir_store *
weir_store_find(struct weir_context *ctx, const char *name)
{
	const struct weir_step *step = ctx->step;
	struct weir_store_row row;

	for (size_t i = 0; weir__registered_store(step->registered, i, &row); i++)
		if (strcmp(row.name, name) == 0)
			return ctx->task->stores[step->first_store + i];
	return NULL;
}

struct weir_table *
weir_table_find(struct weir_context *ctx, const char *name)
{
	int index = weir__pipeline_table(ctx->task->chain->pipeline, name);

	return index < 0 || !ctx->task->tables ? NULL : ctx->task->tables[index];
}

static void
set_reason(struct weir_context *ctx, const char *format, va_list arguments)
{
	weir__words_print(ctx->reason, sizeof(ctx->reason), format, arguments);
	ctx->has_reason = true;
}

enum weir_verdict
weir_reject(struct weir_context *ctx, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	set_reason(ctx, format, arguments);
	va_end(arguments);
	return WEIR_REJECT;
}

enum weir_verdict
weir_retry(struct weir_context *ctx, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	set_reason(ctx, format, arguments);
	va_end(arguments);
	return WEIR_RETRY;
}

enum weir_verdict
weir_stop(struct weir_context *ctx, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	set_reason(ctx, format, arguments);
	va_end(arguments);
	return WEIR_STOP;
}

void
weir_log(struct weir_context *ctx, enum weir_log_level level, const char *format, ...)
{
	const struct weir_chain_task *task = ctx->task;
	char text[1024], place[32] = "";
	va_list arguments;

	if (level > task->chain->logger->level)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (task->offset >= 0)
		snprintf(place, sizeof(place), "@%" PRId64, task->offset);
	weir__log(task->chain->logger, level, "%s step=%s place=%s[%" PRId32 "]%s", text,
		  ctx->step->name, task->topic, task->partition, place);
}
