/*
 * A member of a group, inside consume.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_APPS_CONSUME_GROUP_H
#define WEIR_APPS_CONSUME_GROUP_H

#include "consume_run.h"

struct weir_consume_group {
	struct weir_consumption *run;
	struct weir_session *session;
	bool assigned; /* the last rebalance gave what there is, be it no partitions */
	bool leaving;     /* records that come now are not taken */
	int64_t batch_ms; /* when the first record of the lines in hand came */
};

bool weir__group_at_most_once(const struct weir_consume_group *group);

/* Write the lines in hand. Returns 0 or WEIR_EIO. */
int weir__group_write(struct weir_consume_group *group, struct weir_error *error);

/*
 * Write the lines in hand and commit their positions, in the order that the guarantee
 * asks for. *refused: the group has moved on, and nothing is committed; at most once then
 * nothing is written either.
 */
int weir__group_settle(struct weir_consume_group *group, bool *refused,
		       struct weir_error *error);

/*
 * At most once: forget the records in hand, and offer those of partitions that are still
 * ours again: nothing of them was committed.
 */
int weir__group_drop(struct weir_consume_group *group, struct weir_error *error);

#endif
