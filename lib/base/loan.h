/*
 * Debugging of plugins: memory that is lent for one callback, and faults when it is used
 * afterwards. Without an open loan all of this is one look at a thread's variable.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_BASE_LOAN_H
#define WEIR_BASE_LOAN_H

#include <stdbool.h>

#include <weir/processor.h>

struct weir_lent;

/* What is lent to one callback. On the stack of who calls it; strings live for ever. */
struct weir_loan {
	const char *step;
	const char *topic;
	int32_t partition;
	int64_t offset; /* -1: none */
	struct weir_loan *outer; /* of the callback in which this one runs */
	struct weir_lent *items;
};

/* The loan of the innermost callback of this thread; NULL: none, nothing is debugged. */
extern _Thread_local struct weir_loan *weir__loan;

/* Open a loan within the current one, with the four first members set. */
void weir__loan_open(struct weir_loan *loan);

/* Close the current one: what was lent faults from now on. */
void weir__loan_close(void);

/* Zeroed memory of the current loan; must be open. `reserved` is taken up as it is used. */
void *weir__loan_alloc(size_t reserved);

/* A copy that is lent until the callback ends, or until a store is written to. */
struct weir_bytes weir__loan_copy(struct weir_bytes bytes, bool until_write);

/* The same where a loan is open; else the bytes themselves. */
static inline struct weir_bytes
weir__lend(struct weir_bytes bytes)
{
	return weir__loan ? weir__loan_copy(bytes, false) : bytes;
}
static inline struct weir_bytes
weir__lend_until_write(struct weir_bytes bytes)
{
	return weir__loan ? weir__loan_copy(bytes, true) : bytes;
}

/* A store is being written to: what was lent until then faults from now on. */
void weir__loan_recall(void);

/* Is it memory of an open loan? */
bool weir__loan_has(const void *address);

/* What was lent, and is not any more; for the crash handler, async-signal-safe. */
struct weir_lent_place {
	const char *step;
	const char *topic;
	int32_t partition;
	int64_t offset;
	bool until_write;
};
bool weir__loan_find(const void *address, struct weir_lent_place *place);

#endif
