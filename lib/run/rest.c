/*
 * What a stepped worker waits for: for nothing, for time, for records. For those who step
 * workers themselves (tests, simulation); its own thread never asks.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <run/worker_private.h>

bool
weir__worker_rests(const struct weir_worker *worker)
{
	return worker->phase == WEIR_PHASE_RUN && worker->idle && !worker->current.task &&
	       !worker->rewinds && !worker->end_due && !weir__batch_in_hand(worker) &&
	       !weir__restores_any(worker) && (!worker->pending || worker->waiting);
}

void
weir__worker_hurry(struct weir_worker *worker)
{
	if (worker->idle && weir__batch_in_hand(worker))
		worker->batch.due_ms = worker->now_ms;
}

int64_t
weir__worker_next_ms(const struct weir_worker *worker)
{
	return worker->next_tick_ms < worker->next_retry_ms ? worker->next_tick_ms
	                                                    : worker->next_retry_ms;
}
