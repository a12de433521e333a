/*
 * Debugging of plugins: what their callbacks allocate and do not free.
 *
 * Sees what a plugin itself allocates (malloc and its like, new), and jansson's values made
 * in its callbacks; not what other libraries keep for it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_PROCESSOR_LEDGER_H
#define WEIR_PROCESSOR_LEDGER_H

#include <stddef.h>

/* Which of a processor's callbacks allocated something. */
enum weir_callback {
	WEIR_IN_OPEN,
	WEIR_IN_RECORD,
	WEIR_IN_BATCH_END,
	WEIR_IN_TICK,
	WEIR_IN_OTHER, /* close and rollback */
	WEIR_CALLBACKS
};

/* Who allocates on this thread: a context, or NULL: nobody who is debugged. */
struct weir_ledger_user {
	const void *owner;
	enum weir_callback callback;
};
extern _Thread_local struct weir_ledger_user weir__ledger_user;

struct weir_ledger_sum {
	size_t blocks[WEIR_CALLBACKS];
	size_t bytes[WEIR_CALLBACKS];
};

/* Note what this plugin allocates from now on (a handle of dlopen()). */
void weir__ledger_watch(void *handle);

/* A block came or went; where nobody is debugged on this thread it is nobody's. */
void weir__ledger_add(void *block, size_t bytes);
void weir__ledger_remove(void *block);

/* What this owner has left, and forget it. */
void weir__ledger_settle(const void *owner, struct weir_ledger_sum *sum);

/* ---- ledger_hooks.c ---- */

/* What stands in for an allocating function of this name; NULL: nothing needs to. */
void *weir__ledger_hook(const char *name);

#endif
