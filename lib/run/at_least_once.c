/*
 * At-least-once: every output is delivered before the offsets are committed.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <base/fault_point.h>
#include <base/mutation.h>
#include <run/worker_private.h>

enum stage { STAGE_FLUSH, STAGE_CHANGELOGS, STAGE_FLUSH_CHANGELOGS, STAGE_OFFSETS };

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
deliver(struct weir_worker *worker, struct weir_error *error)
{
	enum weir_outcome outcome = weir__session_flush(worker->session, WEIR_SLICE_MS, error);

	return outcome == WEIR_SUCCESS ? check_deliveries(worker, error) : outcome;
}

/* One stage of a commit; the last one commits. */
static enum weir_outcome
step_commit(struct weir_worker *worker, struct weir_error *error)
{
	struct weir_batch *batch = &worker->batch;

	switch ((enum stage)batch->stage) {
	case STAGE_FLUSH:
	case STAGE_FLUSH_CHANGELOGS:
		return deliver(worker, error);
	case STAGE_CHANGELOGS:
		return weir__stores_send(worker, error);
	case STAGE_OFFSETS:
		break;
	}
	return weir__session_commit_offsets(worker->session, batch->offsets,
	                                    batch->offset_count, WEIR_SLICE_MS, error);
}

/* For tests that let the process die behind a stage. */
static void
pass_points(enum stage stage)
{
	switch (stage) {
	case STAGE_FLUSH:
		WEIR_FAULT_POINT(OUTPUTS_FLUSHED);
		break;
	case STAGE_CHANGELOGS:
		WEIR_FAULT_POINT(CHANGELOGS_QUEUED);
		break;
	case STAGE_FLUSH_CHANGELOGS:
		WEIR_FAULT_POINT(CHANGELOGS_FLUSHED);
		break;
	case STAGE_OFFSETS:
		break;
	}
}

static enum weir_outcome
commit(struct weir_worker *worker, struct weir_error *error)
{
	struct weir_batch *batch = &worker->batch;
	enum weir_outcome outcome = WEIR_SUCCESS;

	while (outcome == WEIR_SUCCESS && batch->stage <= STAGE_OFFSETS) {
		outcome = step_commit(worker, error);
		if (outcome == WEIR_SUCCESS)
			pass_points((enum stage)batch->stage);
		if (outcome == WEIR_SUCCESS && batch->stage == STAGE_FLUSH_CHANGELOGS)
			weir__stores_commit(worker);
		if (outcome == WEIR_SUCCESS)
			batch->stage += batch->stage == STAGE_FLUSH && !worker->config.stores
			                        ? STAGE_OFFSETS
			                        : 1;
	}
	return outcome;
}

/* What is on its way ends before the next batch, whose deliveries are counted anew. */
static enum weir_outcome
settle(struct weir_worker *worker, struct weir_error *error)
{
	return weir__session_flush(worker->session, WEIR_SLICE_MS, error);
}

const struct weir_guarantee_ops weir__at_least_once = {
	.stores_later = true,
	.commit = commit,
	.abort = settle,
};
