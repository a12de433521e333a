/*
 * What librdkafka gives becomes a message of ours, which borrows all its bytes. One thread
 * for each struct kafka_headers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>

#include <broker/kafka_private.h>

static void
take_headers(const rd_kafka_message_t *record, struct kafka_headers *room,
             struct weir_message *message)
{
	rd_kafka_headers_t *headers;
	size_t count;

	message->headers = NULL;
	message->header_count = 0;
	if (rd_kafka_message_headers(record, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	count = rd_kafka_header_cnt(headers);
	if (count > room->capacity) {
		room->items = weir__realloc(room->items, count * sizeof(*room->items));
		room->capacity = count;
	}
	for (size_t i = 0; i < count; i++) {
		struct weir_header *header = &room->items[i];

		rd_kafka_header_get_all(headers, i, &header->name, &header->value.data,
		                        &header->value.size);
	}
	message->headers = room->items;
	message->header_count = count;
}

void
weir__kafka_record_take(const rd_kafka_message_t *record, struct kafka_headers *room,
                        struct weir_message *message)
{
	rd_kafka_timestamp_type_t timestamp_type;

	message->key = (struct weir_bytes){record->key, record->key_len};
	message->value = (struct weir_bytes){record->payload, record->len};
	message->timestamp_ms = rd_kafka_message_timestamp(record, &timestamp_type);
	message->partition = WEIR_BY_KEY;
	take_headers(record, room, message);
}
