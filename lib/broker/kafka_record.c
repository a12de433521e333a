/*
 * Headers as librdkafka gives them become ours, which borrow their bytes. One thread for
 * each struct kafka_headers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>

#include <broker/kafka_private.h>

void
weir__kafka_headers_take(rd_kafka_headers_t *headers, struct kafka_headers *room,
                         struct weir_message *message)
{
	size_t count = rd_kafka_header_cnt(headers);

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
