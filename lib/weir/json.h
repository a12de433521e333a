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

/*
 * Check strictly that a record's value is JSON and that its integers are within
 * -limit..limit, for a processor that parses with another library, which may be lenient.
 * It reads the value once and keeps nothing.
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

#ifdef __cplusplus
}
#endif

#endif
