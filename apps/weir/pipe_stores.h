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
	char folder[80];            /* "": could not be made */
	struct weir_stores *stores; /* NULL: no step has any */
};

/* Make the folder, for the setting state_dir. What hinders it matters to open only. */
void weir__pipe_stores_init(struct pipe_stores *stores);

/* Returns 0 or a WEIR_E*. */
int weir__pipe_stores_open(struct pipe_stores *stores, const struct weir_pipeline *pipeline,
			   const struct weir_chain *chain, struct weir_broker *broker,
			   const struct weir_clock *clock, const struct weir_logger *logger,
			   struct weir_error *error);

/* All is committed: let the broker forget the changelogs. */
void weir__pipe_stores_forget(struct pipe_stores *stores, struct weir_memory *memory);

/* After the worker was freed. */
void weir__pipe_stores_fini(struct pipe_stores *stores);

#endif
