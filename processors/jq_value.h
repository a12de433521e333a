/*
 * libjq's values and words, for the processor `jq`.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_PROCESSORS_JQ_VALUE_H
#define WEIR_PROCESSORS_JQ_VALUE_H

#include <jq.h>

#include <weir/processor.h>

/*
 * For jq_set_error_cb(), with a struct weir_error: keeps the first complaint, on one line
 * and without what is said of shells.
 */
void jq_note_complaint(void *opaque, jv message);

/* Does this libjq keep the digits of numbers that it does not compute with (1.7)? */
bool jq_keeps_digits(void);

/* Bytes as a jq string, null as null; invalid when libjq would have to mend them. */
jv jq_text(struct weir_bytes bytes);

/* Are all numbers in `value`, which prints as `text`, finite? Borrows both. */
bool jq_is_finite(jv value, struct weir_bytes text);

/*
 * Does `text`, which `value` prints as, hold all of it? libjq leaves out what is nested too
 * deep, and puts words there that are no JSON. Borrows both.
 */
bool jq_is_whole(jv value, struct weir_bytes text);

/*
 * `text`, which libjq printed, with ".0" behind each integer that 64 bits do not hold: to
 * libjq 1e20 and its 21 digits are one number, but the next step would refuse such an
 * integer. Heap memory and its *size; NULL when there is none.
 */
char *jq_mark_reals(struct weir_bytes text, size_t *size);

#endif
