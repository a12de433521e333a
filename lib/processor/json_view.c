/*
 * A record's value as JSON: parsed when first asked for, shared along the chain.
 *
 * Knows what a value that is no JSON looks like, and says so in words for people. jansson
 * parses; what it would change in silence (reals too small for a double, zero bytes) is
 * looked for apart. The worker's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include <weir/json.h>

#include <processor/json_loan.h>
#include <processor/json_text.h>
#include <processor/step.h>

/* Can it be JSON at all, by its looks? If not, the reason is set. */
static bool
check_outside(struct weir_context *ctx, struct weir_bytes value)
{
	const unsigned char *bytes = value.data;

	if (!bytes) {
		weir_reject(ctx, "value is null");
		return false;
	}
	if (value.size == 0) {
		weir_reject(ctx, "value is empty, not JSON");
		return false;
	}
	if (value.size >= 5 && bytes[0] == 0) {
		uint32_t id = (uint32_t)bytes[1] << 24 | (uint32_t)bytes[2] << 16 |
			      (uint32_t)bytes[3] << 8 | bytes[4];

		weir_reject(ctx,
			    "value begins with Schema Registry framing (schema id %u), "
			    "not with JSON: it must be decoded first, or produced as "
			    "plain JSON",
			    id);
		return false;
	}
	return true;
}

static bool
scan(struct weir_context *ctx, struct weir_bytes value, int64_t limit)
{
	struct weir_json_fault fault = {0};
	char reason[512];

	if (weir__json_scan(value, limit, &fault))
		return true;
	weir__json_explain(value, &fault, limit, reason, sizeof(reason));
	weir_reject(ctx, "%s", reason);
	return false;
}

/*
 * jansson reads 1e-999 as 0, and passes over a zero byte behind a number or a word. Few
 * texts have such exponents, none that is JSON a zero byte, so few are read twice.
 */
static bool
may_be_mended(struct weir_bytes value)
{
	return memmem(value.data, value.size, "e-", 2) ||
	       memmem(value.data, value.size, "E-", 2) ||
	       memchr(value.data, '\0', value.size);
}

static json_t *
parse(struct weir_context *ctx, struct weir_bytes value)
{
	json_error_t error;
	json_t *json;

	weir__json_loan_begin(value.size);
	json = json_loadb(value.data, value.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	weir__json_loan_end();
	if (json && (!may_be_mended(value) || scan(ctx, value, INT64_MAX)))
		return json;
	if (json)
		json_decref(json);
	else if (scan(ctx, value, INT64_MAX)) /* JSON, but more than jansson takes */
		weir_reject(ctx,
			    "value is not JSON that can be read: line %d column %d: %s",
			    error.line, error.column, error.text);
	return NULL;
}

const json_t *
weir_record_json(struct weir_context *ctx, const struct weir_record *record)
{
	struct weir_value *value = record->value;

	if (!value->json && check_outside(ctx, value->bytes))
		value->json = parse(ctx, value->bytes);
	return value->json;
}

enum weir_verdict
weir_json_precheck(struct weir_context *ctx, const struct weir_record *record,
		   int64_t limit)
{
	struct weir_bytes value = weir__value_bytes(record->value);

	return check_outside(ctx, value) && scan(ctx, value, limit) ? WEIR_DONE
								    : WEIR_REJECT;
}
