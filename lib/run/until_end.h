/*
 * "Until end": is all the input that was there at start committed by the group?
 *
 * Asks the broker, not the workers: other instances may own some of the partitions. A
 * question may wait for its answer, so a thread of its own asks, through one client.
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

/*
 * Begin to ask, once. The eventfd `wake`, borrowed, is written to when all is committed. The
 * broker outlives `end`. Returns 0 or a WEIR_E*.
 */
int weir__until_end_watch(struct weir_until_end *end, struct weir_broker *broker, int wake,
                          struct weir_error *error);

/* Is all of it committed, by the last answer? Never waits. */
bool weir__until_end_reached(const struct weir_until_end *end);

/* Records there were, and of those how many are not yet committed, about (markers count). */
void weir__until_end_progress(const struct weir_until_end *end, int64_t *total, int64_t *left);

/* Waits for a question under way, about a second. NULL is fine. */
void weir__until_end_free(struct weir_until_end *end);

#endif
