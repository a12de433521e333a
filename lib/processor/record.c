/*
 * Reading a record, as processors do, and the view of its value.
 *
 * Hides that a value may still be JSON alone: it is printed when its bytes are first
 * asked for. The worker's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <weir/json.h>

#include <processor/record.h>

struct weir_bytes
weir__value_bytes(struct weir_value *value)
{
	if (value->unprinted) {
		value->printed = weir_json_print(value->json, &value->bytes.size);
		value->bytes.data = value->printed;
		value->unprinted = false;
	}
	return value->bytes;
}

void
weir__value_fini(struct weir_value *value)
{
	if (!value->json)
		return; /* nothing was printed either */
	json_decref(value->json);
	free(value->printed);
	value->json = NULL;
	value->printed = NULL;
}

const char *
weir_record_topic(const struct weir_record *record)
{
	return record->topic;
}

int32_t
weir_record_partition(const struct weir_record *record)
{
	return record->partition;
}

int64_t
weir_record_offset(const struct weir_record *record)
{
	return record->offset;
}

int64_t
weir_record_timestamp_ms(const struct weir_record *record)
{
	return record->message.timestamp_ms;
}

struct weir_bytes
weir_record_key(const struct weir_record *record)
{
	return record->message.key;
}

struct weir_bytes
weir_record_value(const struct weir_record *record)
{
	return weir__value_bytes(record->value);
}

size_t
weir_record_header_count(const struct weir_record *record)
{
	return record->message.header_count;
}

const struct weir_header *
weir_record_header(const struct weir_record *record, size_t index)
{
	assert(index < record->message.header_count);
	return &record->message.headers[index];
}

int
weir_record_header_find(const struct weir_record *record, const char *name,
			struct weir_bytes *value)
{
	for (size_t i = record->message.header_count; i-- > 0;)
		if (strcmp(record->message.headers[i].name, name) == 0) {
			*value = record->message.headers[i].value;
			return 0;
		}
	return WEIR_ENOTFOUND;
}
