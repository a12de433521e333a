/*
 * The stores of `weir pipe`: in a folder of their own, which is gone at the end.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_PIPE_STORES_H
#define WEIR_PIPE_STORES_H

#include <broker/memory.h>
#include <run/stateful.h>

struct pipe_stores {
	char folder[80]; /* "": could not be made */
};

/* Make the folder, for the setting state_dir. What hinders it matters to check only. */
void weir__pipe_stores_init(struct pipe_stores *stores);

/* Is there a folder, where the steps of `chain` have stores? Returns 0 or WEIR_EIO. */
int weir__pipe_stores_check(const struct pipe_stores *stores, const struct weir_chain *chain,
			    struct weir_error *error);

/* All is committed: let the broker forget the changelogs of `opened` (NULL: there are none). */
void weir__pipe_stores_forget(const struct weir_stores *opened, struct weir_memory *memory);

/* After the instance has ended. */
void weir__pipe_stores_fini(struct pipe_stores *stores);

#endif
