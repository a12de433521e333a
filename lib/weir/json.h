/*
 * JSON for processors, on jansson. A record's value is parsed once and shared along the
 * chain, so what these calls give is read-only.
 *
 * Numbers are never rounded in silence: an integer beyond 64 bits, or a real that no
 * double can hold, rejects the record with its JSON pointer. Reals are doubles and are
 * printed as the shortest text that reads back equal.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_JSON_H
#define WEIR_JSON_H

#include <jansson.h>

#include <weir/processor.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The record's value as JSON (any JSON value). Borrowed until the callback returns.
 *
 * Returns NULL when it is none: the reason is set, so the callback says
 * `return WEIR_REJECT;`.
 */
WEIR_API const json_t *weir_record_json(struct weir_context *ctx,
                                        const struct weir_record *record);

#define WEIR_JSON_ANY_NUMBER (-1)

/*
 * Check strictly that a record's value is JSON and that its integers are within
 * -limit..limit, for a processor that parses with another library, which may be lenient.
 * It reads the value once and keeps nothing.
 *
 * With WEIR_JSON_ANY_NUMBER numbers may be of any size: for those who do not read them.
 *
 * Named in the reason: a null value, Schema Registry framing (byte 0 and a 4-byte id), a
 * number beyond the limit or beyond a double, invalid UTF-8, any other fault with its place.
 *
 * Returns WEIR_DONE, or WEIR_REJECT with the reason set.
 */
WEIR_API enum weir_verdict weir_json_precheck(struct weir_context *ctx,
                                              const struct weir_record *record,
                                              int64_t limit);

/*
 * What a JSON pointer (RFC 6901) names in `json`; "" is all of it.
 *
 * Returns a borrowed value, or NULL when there is none.
 */
WEIR_API const json_t *weir_json_at(const json_t *json, const char *pointer);

/*
 * Emit `json`, printed compactly, as the value to the next step, which gets it without
 * parsing again. Emitting the json of weir_record_json() passes the original bytes on.
 * As weir_emit().
 */
WEIR_API int weir_emit_json(struct weir_context *ctx, const json_t *json);

/*
 * Print `json` compactly, members in their order.
 *
 * Returns heap memory that the caller frees, NUL-terminated, *size without the NUL.
 */
WEIR_API char *weir_json_print(const json_t *json, size_t *size);

/* ---- JSON as it is written ---- */

/*
 * Changing one value in a text and no other byte of it: what is parsed and printed again
 * has other blanks, 1.5 for 1.50, and no integers beyond 64 bits. `text` was checked before,
 * by weir_json_check() or weir_json_precheck(); what is found in, or made of, a text that is
 * no JSON, means nothing. Of members with one name the last counts. Pointers are valid ones
 * (WEIR_OPTION_POINTER). Any thread.
 */

/*
 * Is it JSON? Strictly, but with numbers of any size.
 *
 * Returns 0, or WEIR_EJSON and the reason: "value is not JSON: line 1 column 7: ...".
 */
WEIR_API int weir_json_check(struct weir_bytes text, struct weir_error *error);

/*
 * The bytes of what `pointer` names, as they stand there: a string with its quotes and
 * escapes, 1.50 as 1.50. *found borrows from `text`.
 *
 * Returns 0 or WEIR_ENOTFOUND (then *found is untouched).
 */
WEIR_API int weir_json_find(struct weir_bytes text, const char *pointer,
                            struct weir_bytes *found);

/*
 * The text with `value`, itself JSON, at `pointer`: in place of what is there; else as the
 * last member of the object it belongs to, and objects on the way that are missing are made.
 *
 * Returns heap memory that the caller frees, and its *size; NULL when it has no place there:
 * what should hold it is neither an object nor an array that has this element.
 */
WEIR_API char *weir_json_set(struct weir_bytes text, const char *pointer,
                             struct weir_bytes value, size_t *size);

#ifdef __cplusplus
}
#endif

#endif
