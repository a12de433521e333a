/*
 * The oracle's processor with a store.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTING_PROCESSOR_STATE_H
#define WEIR_TESTING_PROCESSOR_STATE_H

#include <testing/oracle.h>

#define WEIR_ORACLE_GROUPS 5

/* "seen" and "counts", of the step WEIR_ORACLE_STORE_STEP. */
#define WEIR_ORACLE_STORES 2
#define WEIR_ORACLE_STORE_STEP "copy"
extern const struct weir_store_row weir__oracle_stores[];

/* Does a step with a store count it, when it becomes no dead letter? */
bool weir__oracle_load_is_stored(const struct weir_oracle_load *load);

/*
 * Note the record: false, it was seen before. *count: how many of its group have been seen
 * with it; 0: it is not counted, or the step has no store.
 */
bool weir__oracle_store(struct weir_context *ctx, const struct weir_oracle_load *load,
			uint64_t *count);

#endif
