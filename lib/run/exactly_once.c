/*
 * Exactly-once: outputs, dead letters and offsets in one transaction.
 *
 * The first message of a batch begins the transaction, from whatever callback it came; a
 * batch that only consumed begins it at its commit, to carry the offsets.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <base/fault_point.h>
#include <base/mutation.h>
#include <run/worker_private.h>

static enum weir_outcome
begin(struct weir_worker *worker, struct weir_error *error)
{
	enum weir_outcome outcome = weir__session_begin(worker->session, error);

	if (outcome == WEIR_SUCCESS)
		worker->batch.transaction = true;
	return outcome;
}

static enum weir_outcome
commit(struct weir_worker *worker, struct weir_error *error)
{
	struct weir_batch *batch = &worker->batch;
	enum weir_outcome outcome;

	if (!batch->transaction) {
		outcome = begin(worker, error);
		if (outcome != WEIR_SUCCESS)
			return outcome;
	}
	if (WEIR_MUTANT(OFFSETS_OUTSIDE))
		weir__session_commit_offsets(worker->session, batch->offsets,
		                             batch->offset_count, WEIR_SLICE_MS, error);
	if (WEIR_MUTANT(STORE_FIRST))
		weir__stores_commit(worker);
	WEIR_FAULT_POINT(COMMIT_NEXT);
	/* no flush before it: the commit flushes by itself, and once is faster */
	return weir__session_commit(worker->session, batch->offsets,
	                            WEIR_MUTANT(OFFSETS_OUTSIDE) ? 0 : batch->offset_count,
	                            WEIR_SLICE_MS, error);
}

static enum weir_outcome
abort_transaction(struct weir_worker *worker, struct weir_error *error)
{
	if (!worker->batch.transaction)
		return WEIR_SUCCESS;
	return weir__session_abort(worker->session, WEIR_SLICE_MS, error);
}

const struct weir_guarantee_ops weir__exactly_once = {
	.begin = begin,
	.commit = commit,
	.abort = abort_transaction,
};
