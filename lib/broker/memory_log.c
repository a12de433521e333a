/*
 * Logs of the embedded broker: records, control markers, transactions in a partition, and
 * reading at either isolation level.
 *
 * A partition is a ring of pointers indexed by offset, so appending, reading at an offset
 * and deleting from the front cost the same however long it is. What a transaction wrote
 * to a partition shares one span, whose state decides if read_committed sees it: ending a
 * transaction touches the span, not its records. The open spans are kept in the order of
 * their first offsets, the first of them is the last stable offset.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <broker/memory_private.h>

enum { RING_START = 16 };

/* ---- records ---- */

static struct weir_bytes
put_bytes(char **to, struct weir_bytes bytes)
{
	struct weir_bytes copy = {bytes.data ? *to : NULL, bytes.data ? bytes.size : 0};

	if (copy.size > 0)
		memcpy(*to, bytes.data, bytes.size);
	*to += copy.size;
	return copy;
}

static void
put_headers(struct weir_header *headers, const struct weir_message *message, char **to)
{
	for (size_t i = 0; i < message->header_count; i++) {
		size_t name_size = strlen(message->headers[i].name) + 1;

		headers[i].name = memcpy(*to, message->headers[i].name, name_size);
		*to += name_size;
		headers[i].value = put_bytes(to, message->headers[i].value);
	}
}

struct weir_memory_record *
weir__memory_record_new(const struct weir_message *message, int64_t now_ms)
{
	size_t payload = weir__message_bytes(message);
	size_t table = message->header_count * sizeof(struct weir_header);
	struct weir_memory_record *record = weir__alloc(
		sizeof(*record) + table + payload + message->header_count + 1);
	struct weir_header *headers = (struct weir_header *)(record + 1);
	char *to = (char *)(record + 1) + table;

	record->message.key = put_bytes(&to, message->key);
	record->message.value = put_bytes(&to, message->value);
	put_headers(headers, message, &to);
	record->message.headers = message->header_count > 0 ? headers : NULL;
	record->message.header_count = message->header_count;
	record->message.timestamp_ms =
		message->timestamp_ms >= 0 ? message->timestamp_ms : now_ms;
	record->message.partition = WEIR_BY_KEY;
	record->span = NULL;
	record->size = WEIR_MEMORY_OVERHEAD + payload +
		       WEIR_MEMORY_HEADER_OVERHEAD * message->header_count;
	record->refs = 1;
	record->marker = false;
	return record;
}

static struct weir_memory_record *
marker_new(void)
{
	const struct weir_message nothing = {.timestamp_ms = -1,
					     .partition = WEIR_BY_KEY};
	struct weir_memory_record *record = weir__memory_record_new(&nothing, -1);

	record->marker = true;
	return record;
}

static void
span_release(struct weir_memory_span *span)
{
	if (span && --span->refs == 0)
		free(span);
}

void
weir__memory_record_release(struct weir_memory_record *record)
{
	if (!record || --record->refs > 0)
		return;
	span_release(record->span);
	free(record);
}

/* ---- the ring ---- */

struct weir_memory_log *
weir__memory_log_new(struct weir_memory_topic *topic, int32_t id, size_t index)
{
	struct weir_memory_log *log = weir__calloc(1, sizeof(*log));

	log->topic = topic;
	log->id = id;
	log->index = index;
	log->capacity = RING_START;
	log->ring = weir__calloc(log->capacity, sizeof(*log->ring));
	return log;
}

static struct weir_memory_record **
slot(const struct weir_memory_log *log, int64_t offset)
{
	return &log->ring[(size_t)offset & (log->capacity - 1)];
}

static void
resize(struct weir_memory_log *log, size_t capacity)
{
	struct weir_memory_record **ring = weir__calloc(capacity, sizeof(*ring));

	for (int64_t offset = log->low; offset < log->high; offset++)
		ring[(size_t)offset & (capacity - 1)] = *slot(log, offset);
	free(log->ring);
	log->ring = ring;
	log->capacity = capacity;
}

int64_t
weir__memory_log_append(struct weir_memory_log *log, struct weir_memory_record *record)
{
	if ((size_t)(log->high - log->low) == log->capacity)
		resize(log, log->capacity * 2);
	*slot(log, log->high) = record;
	return log->high++;
}

void
weir__memory_log_delete(struct weir_memory_log *log, int64_t offset)
{
	size_t capacity = log->capacity;

	if (offset > log->high)
		offset = log->high;
	while (log->low < offset)
		weir__memory_record_release(*slot(log, log->low++));
	while (capacity > RING_START && (size_t)(log->high - log->low) < capacity / 8)
		capacity /= 2;
	if (capacity != log->capacity)
		resize(log, capacity);
}

static void
unlink_span(struct weir_memory_log *log, struct weir_memory_span *span)
{
	*(span->previous ? &span->previous->next : &log->open_first) = span->next;
	*(span->next ? &span->next->previous : &log->open_last) = span->previous;
	span_release(span);
}

void
weir__memory_log_free(struct weir_memory_log *log)
{
	while (log->open_first)
		unlink_span(log, log->open_first);
	weir__memory_log_delete(log, log->high);
	while (log->writers) {
		struct weir_memory_writer *next = log->writers->next;

		free(log->writers);
		log->writers = next;
	}
	free(log->ring);
	free(log);
}

/* ---- transactions in it ---- */

struct weir_memory_writer *
weir__memory_log_writer(struct weir_memory_log *log, int64_t producer_id)
{
	struct weir_memory_writer *writer = log->writers;

	while (writer && writer->producer_id != producer_id)
		writer = writer->next;
	if (writer)
		return writer;
	writer = weir__calloc(1, sizeof(*writer));
	writer->producer_id = producer_id;
	writer->next = log->writers;
	log->writers = writer;
	return writer;
}

static struct weir_memory_span *
span_open(struct weir_memory_log *log)
{
	struct weir_memory_span *span = weir__calloc(1, sizeof(*span));

	span->first = log->high;
	span->refs = 1;
	span->previous = log->open_last;
	*(log->open_last ? &log->open_last->next : &log->open_first) = span;
	log->open_last = span;
	return span;
}

int64_t
weir__memory_log_write(struct weir_memory_log *log, struct weir_memory_writer *writer,
		       struct weir_memory_record *record)
{
	if (!writer->span)
		writer->span = span_open(log);
	record->span = writer->span;
	record->span->refs++;
	return weir__memory_log_append(log, record);
}

void
weir__memory_log_mark(struct weir_memory_log *log, struct weir_memory_writer *writer,
		      bool commit)
{
	weir__memory_log_append(log, marker_new());
	if (!writer->span)
		return;
	writer->span->state = commit ? WEIR_SPAN_COMMITTED : WEIR_SPAN_ABORTED;
	unlink_span(log, writer->span);
	writer->span = NULL;
}

int64_t
weir__memory_log_stable(const struct weir_memory_log *log)
{
	if (!log->open_first)
		return log->high;
	return log->open_first->first > log->low ? log->open_first->first : log->low;
}

int64_t
weir__memory_log_offset_at(const struct weir_memory_log *log, int64_t timestamp_ms)
{
	int64_t offset = log->low;

	/* times need not rise with offsets, so there is nothing to bisect */
	for (; offset < log->high; offset++) {
		const struct weir_memory_record *record = *slot(log, offset);

		if (!record->marker && record->message.timestamp_ms >= timestamp_ms)
			break;
	}
	return offset;
}

/* ---- reading ---- */

void
weir__memory_cursor_seek(struct weir_memory_cursor *cursor, int64_t offset)
{
	cursor->position = offset;
	cursor->ended = -1;
	cursor->gap = false;
}

static bool
is_visible(const struct weir_memory_record *record, bool read_committed)
{
	if (record->marker)
		return false;
	return !read_committed || !record->span ||
	       record->span->state == WEIR_SPAN_COMMITTED;
}

enum weir_event_type
weir__memory_cursor_next(struct weir_memory_cursor *cursor, bool read_committed,
			 struct weir_memory_record **record, int64_t *offset)
{
	const struct weir_memory_log *log = cursor->log;
	int64_t end = read_committed ? weir__memory_log_stable(log) : log->high;

	if (cursor->gap)
		return WEIR_EVENT_IDLE;
	*offset = cursor->position;
	if (cursor->position < log->low || cursor->position > log->high) {
		cursor->gap = true;
		return WEIR_EVENT_GAP;
	}
	while (cursor->position < end) {
		*offset = cursor->position++;
		*record = *slot(log, *offset);
		if (is_visible(*record, read_committed))
			return WEIR_EVENT_RECORD;
	}
	if (cursor->position > end || cursor->ended == cursor->position)
		return WEIR_EVENT_IDLE;
	*offset = cursor->ended = cursor->position;
	return WEIR_EVENT_END;
}
