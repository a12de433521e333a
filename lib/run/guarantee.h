/*
 * What differs between the three guarantees: when offsets are committed, and with what.
 *
 * Each call does one slice and is repeated while it returns WEIR_AGAIN. They run on the
 * worker's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_RUN_GUARANTEE_H
#define WEIR_RUN_GUARANTEE_H

#include <broker/broker.h>

struct weir_worker;

struct weir_guarantee_ops {
	/* offsets are committed before their records are processed (at-most-once) */
	bool commits_first;
	/* changelogs are sent by the commit, when all outputs are delivered (at-least-once) */
	bool stores_later;
	/* before the first message of a batch is sent; NULL: nothing to do */
	enum weir_outcome (*begin)(struct weir_worker *worker, struct weir_error *error);
	/* commit worker->batch.offsets with all that was sent */
	enum weir_outcome (*commit)(struct weir_worker *worker, struct weir_error *error);
	/* make an end of what was sent; the caller rewinds */
	enum weir_outcome (*abort)(struct weir_worker *worker, struct weir_error *error);
};

extern const struct weir_guarantee_ops weir__exactly_once;
extern const struct weir_guarantee_ops weir__at_least_once;
extern const struct weir_guarantee_ops weir__at_most_once;

#endif
