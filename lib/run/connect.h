/*
 * Reaching the cluster at start, before any worker runs.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_RUN_CONNECT_H
#define WEIR_RUN_CONNECT_H

#include <run/until_end.h>
#include <state/stores.h>

/*
 * Wait until the cluster answers and check that the pipeline's topics are there; changelogs of
 * its stores (NULL: it has none) are made where they are missing. With `end`
 * the inputs' ends are taken down at this moment. Between two tries `keep_trying` waits and
 * says whether to go on; when it says no, 0 is returned.
 *
 * Returns 0, or a WEIR_E* that trying again would not mend.
 */
int weir__connect(struct weir_broker *broker, const struct weir_pipeline *pipeline,
                  struct weir_stores *stores, const struct weir_logger *logger,
                  struct weir_until_end **end,
                  bool (*keep_trying)(void *opaque), void *opaque, struct weir_error *error);

#endif
