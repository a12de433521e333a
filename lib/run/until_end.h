/*
 * "Until end": is all the input that was there at start committed by the group?
 *
 * Asks the broker, not the workers: other instances may own some of the partitions.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_RUN_UNTIL_END_H
#define WEIR_RUN_UNTIL_END_H

#include <broker/broker.h>

struct weir_until_end;

/*
 * Remember the inputs' ends as they are now. NULL with *error (WEIR_ETIMEOUT: ask again).
 * pipeline outlives it.
 */
struct weir_until_end *weir__until_end_new(struct weir_broker *broker,
                                           const struct weir_pipeline *pipeline,
                                           const struct weir_cluster_info *inputs,
                                           struct weir_error *error);

/* Is all of it committed? An answer that does not come counts as no. */
bool weir__until_end_reached(struct weir_until_end *end, struct weir_broker *broker);

/* Records there were, and of those how many are not yet committed, about (markers count). */
void weir__until_end_progress(const struct weir_until_end *end, int64_t *total, int64_t *left);

void weir__until_end_free(struct weir_until_end *end);

#endif
