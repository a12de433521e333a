/*
 * A message: what a record is, apart from its place. One struct from the poll through the
 * chain to the send, so nothing is taken apart on the way.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_BROKER_MESSAGE_H
#define WEIR_BROKER_MESSAGE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <weir/processor.h>

#define WEIR_BY_KEY (-1) /* the partition is chosen by the message's key */

/* All borrowed. Null is data NULL. */
struct weir_message {
	struct weir_bytes key;
	struct weir_bytes value;
	const struct weir_header *headers;
	size_t header_count;
	int64_t timestamp_ms; /* -1: none; when sending: now */
	int32_t partition;    /* when sending: one that the topic has, or WEIR_BY_KEY; as
	                         read: WEIR_BY_KEY, so that a copy goes where its key says */
};

/* Bytes of key, value and headers. */
static inline size_t
weir__message_bytes(const struct weir_message *message)
{
	size_t bytes = message->key.size + message->value.size;

	for (size_t i = 0; i < message->header_count; i++)
		bytes += strlen(message->headers[i].name) + message->headers[i].value.size;
	return bytes;
}

#endif
