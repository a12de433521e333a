/*
 * Marks: a number beside a committed offset, in its metadata.
 *
 * What became of a batch whose outcome is not known shows in the committed offset, unless the
 * batch moved none (a tick emitted): then the mark does, which each such batch raises by
 * one. An offset that moves is committed without one.
 *
 * `weir reset` writes something of its own there while it is at work, so that no app starts
 * between its steps.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_RUN_MARK_H
#define WEIR_RUN_MARK_H

#include <stdbool.h>
#include <stdint.h>

#define WEIR_MARK_SIZE 32 /* of its text; brokers take 4096 (offset.metadata.max.bytes) */

/* The mark of an offset's metadata; 0: none, or what somebody else wrote there. */
int64_t weir__mark_parse(const char *metadata);

/* Its metadata into `text`, which has WEIR_MARK_SIZE bytes; NULL for no mark. */
const char *weir__mark_print(int64_t mark, char *text);

/* Metadata of offsets whose app is being reset. */
#define WEIR_MARK_RESET "weir/reset"
/* Is it that? NULL is not. */
bool weir__mark_is_reset(const char *metadata);

#endif
