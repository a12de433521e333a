/*
 * Places in a record that options name: "key", "header:NAME" or a JSON pointer.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_PROCESSORS_PLACE_H
#define WEIR_PROCESSORS_PLACE_H

#include <weir/processor.h>

/* Is it one? Returns 0, or WEIR_EINVALID with "OPTION: ...". */
int place_check(const char *option, const char *place, struct weir_error *error);

/* Is it a JSON pointer into the value? */
bool place_is_pointer(const char *place);

/* What the key or header has; data NULL: null, or no such header. Not for pointers. */
struct weir_bytes place_bytes(const struct weir_record *record, const char *place);

/* Reject the record, because nothing is there: "WHAT: ...". */
enum weir_verdict place_reject(struct weir_context *ctx, const struct weir_record *record,
                               const char *what, const char *place);

#endif
