/*
 * The thread that feeds an app's tables (state/tables.h).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_RUN_TABLE_FEED_H
#define WEIR_RUN_TABLE_FEED_H

#include <state/tables.h>

struct weir_table_feed;

/* `wake` is an eventfd, borrowed: it is written to when all are read, and when it fails. NULL
 * with *error. */
struct weir_table_feed *weir__table_feed_start(struct weir_tables *tables, int wake,
                                               struct weir_error *error);

/* Did it end by itself, with an error? Any thread. */
bool weir__table_feed_has_failed(const struct weir_table_feed *feed);

/*
 * Stop and wait for it; the tables stay. NULL is fine. Returns 0, or the WEIR_E* that ended it
 * before; the first error wins.
 */
int weir__table_feed_end(struct weir_table_feed *feed, struct weir_error *error);

#endif
