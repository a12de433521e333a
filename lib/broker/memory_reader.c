/*
 * Readers of the embedded broker: cursors over partitions, without a group. The
 * partitions take turns by record.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>

#include <broker/memory_private.h>

struct memory_reader {
	struct weir_reader reader; /* first: the interface */
	struct weir_memory *memory;
	struct weir_memory_cursor *cursors;
	size_t count;
	size_t turn;
	bool read_committed;
	struct weir_memory_record *held; /* the record given last */
	struct weir_offset *places;      /* of the cursors, with topics of our own */
	uint64_t deletions; /* the memory's, when the cursors' logs were looked up */
};

/* A topic that was deleted may be there again, with other logs. False: it is not. */
static bool
find_logs(struct memory_reader *reader, struct weir_error *error)
{
	if (reader->deletions == reader->memory->deletions)
		return true;
	for (size_t i = 0; i < reader->count; i++) {
		struct weir_memory_log *log =
			weir__memory_find(reader->memory, reader->places[i].topic,
					  reader->places[i].partition, error);

		if (!log)
			return false;
		reader->cursors[i].log = log;
	}
	reader->deletions = reader->memory->deletions;
	return true;
}

static enum weir_event_type
next(struct memory_reader *reader, struct weir_offset *place,
     struct weir_memory_record **record)
{
	for (size_t i = 0; i < reader->count; i++) {
		size_t index = (reader->turn + i) % reader->count;
		struct weir_memory_cursor *cursor = &reader->cursors[index];
		enum weir_event_type type = weir__memory_cursor_next(
			cursor, reader->read_committed, record, &place->offset);

		if (type == WEIR_EVENT_IDLE)
			continue;
		place->topic = cursor->log->topic->name;
		place->partition = cursor->log->id;
		reader->turn = index + 1;
		return type;
	}
	return WEIR_EVENT_IDLE;
}

static enum weir_event_type
poll(struct weir_reader *base, int timeout_ms, struct weir_offset *place,
     struct weir_message *message, struct weir_error *error)
{
	struct memory_reader *reader = (struct memory_reader *)base;
	struct weir_memory_record *record = NULL;
	enum weir_event_type type;

	(void)timeout_ms;
	weir__memory_enter(reader->memory);
	weir__memory_record_release(reader->held);
	reader->held = NULL;
	*place = (struct weir_offset){.offset = WEIR_OFFSET_NONE};
	if (!find_logs(reader, error))
		return WEIR_EVENT_FAILED;
	type = next(reader, place, &record);
	if (type == WEIR_EVENT_RECORD) {
		reader->held = record;
		record->refs++;
		*message = record->message;
	}
	return type;
}

static void
close_reader(struct weir_reader *base)
{
	struct memory_reader *reader = (struct memory_reader *)base;

	weir__memory_record_release(reader->held);
	for (size_t i = 0; i < reader->count; i++)
		free((char *)reader->places[i].topic);
	free(reader->places);
	free(reader->cursors);
	free(reader);
}

static const struct weir_reader_ops reader_ops = {
	.poll = poll,
	.close = close_reader,
};

struct weir_reader *
weir__memory_reader_open(struct weir_broker *broker, const struct weir_offset *places,
			 size_t count, bool read_committed, struct weir_error *error)
{
	struct memory_reader *reader = weir__calloc(1, sizeof(*reader));

	reader->reader.ops = &reader_ops;
	reader->memory = (struct weir_memory *)broker;
	reader->read_committed = read_committed;
	reader->count = count;
	reader->cursors = weir__calloc(count + 1, sizeof(*reader->cursors));
	reader->places = weir__calloc(count + 1, sizeof(*reader->places));
	for (size_t i = 0; i < count; i++)
		reader->places[i] = (struct weir_offset){.topic = weir__strdup(places[i].topic),
							 .partition = places[i].partition};
	reader->deletions = reader->memory->deletions;
	weir__memory_enter(reader->memory);
	for (size_t i = 0; i < count; i++) {
		reader->cursors[i].log = weir__memory_find(
			reader->memory, places[i].topic, places[i].partition, error);
		if (!reader->cursors[i].log) {
			close_reader(&reader->reader);
			return NULL;
		}
		weir__memory_cursor_seek(&reader->cursors[i], places[i].offset);
	}
	return &reader->reader;
}
