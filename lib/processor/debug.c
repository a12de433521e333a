/*
 * Debugging of plugins.
 *
 * Each callback is lent copies, which fault when it has returned (base/loan.h), and what it
 * allocates is noted until it is freed (processor/ledger.h). The worker's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <string.h>

#include <processor/debug.h>
#include <processor/json_loan.h>
#include <processor/step.h>

void
weir__debug_chain(struct weir_chain *chain)
{
	chain->is_debugged = true;
	weir__chain_crash_handlers();
	weir__json_loan_install();
	for (size_t i = 0; i < chain->step_count; i++)
		if (chain->steps[i].registered->handle)
			weir__ledger_watch(chain->steps[i].registered->handle);
	weir__log(chain->logger, WEIR_LOG_WARNING,
		  "plugins are debugged (debug_plugins): each step gets copies, which is slow");
}

void
weir__debug_enter(struct weir_debug_call *call, const struct weir_context *ctx,
		  enum weir_callback callback)
{
	const struct weir_chain_task *task = ctx->task;

	call->loan.step = ctx->step->name;
	call->loan.topic = task->topic;
	call->loan.partition = task->partition;
	call->loan.offset = task->offset;
	weir__loan_open(&call->loan);
	call->outer = weir__ledger_user;
	weir__ledger_user = (struct weir_ledger_user){ctx, callback};
}

void
weir__debug_leave(struct weir_debug_call *call)
{
	weir__ledger_user = call->outer;
	weir__loan_close();
}

/* ---- a record that is lent ---- */

static size_t
rounded(size_t size)
{
	return (size + 15) & ~(size_t)15;
}

static void *
take(char **memory, const void *data, size_t size)
{
	void *start = *memory;

	if (!data)
		return NULL;
	if (size)
		memcpy(start, data, size);
	*memory += rounded(size);
	return start;
}

static size_t
lent_bytes(const struct weir_record *record)
{
	const struct weir_message *message = &record->message;
	size_t bytes = rounded(sizeof(*record)) + rounded(sizeof(struct weir_value)) +
		       rounded(weir__value_bytes(record->value).size) +
		       rounded(message->key.size) +
		       rounded(message->header_count * sizeof(struct weir_header));

	for (size_t i = 0; i < message->header_count; i++)
		bytes += rounded(strlen(message->headers[i].name) + 1) +
			 rounded(message->headers[i].value.size);
	return bytes;
}

const struct weir_record *
weir__debug_lend(const struct weir_record *record)
{
	char *memory = weir__loan_alloc(lent_bytes(record));
	struct weir_record *lent = take(&memory, record, sizeof(*record));
	struct weir_value value = {.bytes = record->value->bytes};
	struct weir_message *message = &lent->message;
	struct weir_header *headers;

	value.bytes.data = take(&memory, value.bytes.data, value.bytes.size);
	lent->value = take(&memory, &value, sizeof(value));
	message->key.data = take(&memory, message->key.data, message->key.size);
	headers = take(&memory, message->headers, message->header_count * sizeof(*headers));
	for (size_t i = 0; i < message->header_count; i++) {
		headers[i].name = take(&memory, headers[i].name, strlen(headers[i].name) + 1);
		headers[i].value.data =
			take(&memory, headers[i].value.data, headers[i].value.size);
	}
	message->headers = headers;
	lent->key_lasting = lent->headers_lasting = false; /* what is held is copied */
	return lent;
}

/* ---- leaks ---- */

void
weir__debug_closed(const struct weir_context *ctx)
{
	static const char *const names[WEIR_CALLBACKS] = {"open", "record", "batch_end",
							   "tick", "close or rollback"};
	const struct weir_chain_task *task = ctx->task;
	struct weir_ledger_sum sum;

	weir__ledger_settle(ctx, &sum);
	for (size_t i = 0; i < WEIR_CALLBACKS; i++)
		if (sum.blocks[i])
			weir__log(task->chain->logger, WEIR_LOG_ERROR,
				  "processor leaks: what it allocated in %s was not freed when "
				  "it was closed step=%s place=%s[%" PRId32
				  "] blocks=%zu bytes=%zu",
				  names[i], ctx->step->name, task->topic, task->partition,
				  sum.blocks[i], sum.bytes[i]);
}
