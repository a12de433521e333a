/*
 * Debugging of plugins (the pipeline's debug_plugins): what the chain does around each
 * callback then.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_PROCESSOR_DEBUG_H
#define WEIR_PROCESSOR_DEBUG_H

#include <base/loan.h>
#include <processor/ledger.h>
#include <processor/record.h>

struct weir_chain;
struct weir_context;

/* A callback that is debugged; on the stack of who calls it. */
struct weir_debug_call {
	struct weir_loan loan;
	struct weir_ledger_user outer;
};

/* Before the chain's first callback: watch its plugins, and have crashes explained. */
void weir__debug_chain(struct weir_chain *chain);

void weir__debug_enter(struct weir_debug_call *call, const struct weir_context *ctx,
                       enum weir_callback callback);
void weir__debug_leave(struct weir_debug_call *call);

/* A copy of the record that is lent to the callback that was entered. */
const struct weir_record *weir__debug_lend(const struct weir_record *record);

/* Its processor was closed: what it has not freed it leaks. */
void weir__debug_closed(const struct weir_context *ctx);

#endif
