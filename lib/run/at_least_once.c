/*
 * At-least-once: every output is delivered before the offsets are committed.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <base/mutation.h>
#include <run/worker_private.h>

enum stage { STAGE_FLUSH, STAGE_OFFSETS };

/* All deliveries are known; the batch is good when none failed. */
static enum weir_outcome
check_deliveries(struct weir_worker *worker, struct weir_error *error)
{
	size_t failures;

	if (!weir__note_failures(worker, &failures))
		return WEIR_FATAL;
	if (!failures || WEIR_MUTANT(FAILED_COMMITTED))
		return WEIR_SUCCESS;
	weir_error_set(error, WEIR_EBROKER, "%zu messages were not delivered", failures);
	return WEIR_ABORT;
}

static enum weir_outcome
commit(struct weir_worker *worker, struct weir_error *error)
{
	struct weir_batch *batch = &worker->batch;
	enum weir_outcome outcome;

	if (batch->stage == STAGE_FLUSH) {
		outcome = weir__session_flush(worker->session, WEIR_SLICE_MS, error);
		if (outcome != WEIR_SUCCESS)
			return outcome;
		outcome = check_deliveries(worker, error);
		if (outcome != WEIR_SUCCESS)
			return outcome;
		batch->stage = STAGE_OFFSETS;
	}
	return weir__session_commit_offsets(worker->session, batch->offsets,
	                                    batch->offset_count, WEIR_SLICE_MS, error);
}

/* What is on its way ends before the next batch, whose deliveries are counted anew. */
static enum weir_outcome
settle(struct weir_worker *worker, struct weir_error *error)
{
	return weir__session_flush(worker->session, WEIR_SLICE_MS, error);
}

const struct weir_guarantee_ops weir__at_least_once = {
	.commit = commit,
	.abort = settle,
};
