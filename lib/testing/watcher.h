/*
 * The watcher: a reader that follows the outputs all the while, on a thread of its own
 * (weir__oracle_watch_look() again and again).
 *
 * A look that fails (a partition without a leader) is tried again: it may not see for a
 * while, but what it saw stays seen.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTING_WATCHER_H
#define WEIR_TESTING_WATCHER_H

#include <testing/oracle.h>

struct weir_watcher;

/* *config is borrowed; without tallies. */
struct weir_watcher *weir__watcher_start(const struct weir_oracle_config *config);

/* Ask whether everything that is in the inputs now is committed; again: forget the answer. */
void weir__watcher_ask(struct weir_watcher *watcher);
/* Has a look that began after that found it so? */
bool weir__watcher_is_done(const struct weir_watcher *watcher);

/* The committed offsets of all inputs together, at its last look: they grow. */
int64_t weir__watcher_committed(const struct weir_watcher *watcher);

/*
 * End it and free it; add what it found to *verdict (NULL: nobody wants to know, and then it
 * is quick). Returns 0, or a WEIR_E* when it could not compare what it had seen.
 */
int weir__watcher_end(struct weir_watcher *watcher, struct weir_oracle_verdict *verdict,
		      struct weir_error *error);

#endif
