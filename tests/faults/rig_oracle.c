/*
 * The oracle: what is in the topics, and what is committed. It never asks weir.
 *
 * Ends are high watermarks, asked through a read_uncommitted handle: a read_committed one
 * would answer the last stable offset, and what stands behind an open transaction would not
 * be missed. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>

#include "tests/faults/rig.h"

#define MAX_PARTITIONS 8

/* ---- places ---- */

/* A partition has no leader for a moment after it was made or its broker went, or is not
 * known. */
static void
range(struct rig *rig, const char *topic, int32_t partition, int64_t *low, int64_t *high)
{
	int64_t deadline_ms = rig_now_ms() + RIG_PATIENCE_MS;

	for (;;) {
		struct weir_error error = {0};
		int code = weir__broker_range(rig->broker, topic, partition, low, high,
		                              RIG_PATIENCE_MS, &error);

		if (code == 0)
			return;
		if ((code != WEIR_ETIMEOUT && code != WEIR_ENOTFOUND) ||
		    rig_now_ms() > deadline_ms)
			rig_fail(rig, "%s", error.message);
		rig_pass(10);
	}
}

/* How many there are; waits for a topic that is just made. */
static int32_t
partitions(struct rig *rig, const char *topic)
{
	int64_t deadline_ms = rig_now_ms() + RIG_PATIENCE_MS;
	int32_t count = 0;

	while (count == 0) {
		struct weir_cluster_info info = {0};
		struct weir_error error = {0};
		int code = weir__broker_describe(rig->broker, &topic, 1, &info, RIG_PATIENCE_MS,
		                                 &error);

		if (code == 0)
			code = info.topics[0].error;
		if (code == 0)
			count = info.topics[0].partitions;
		else if ((code != WEIR_ENOTFOUND && code != WEIR_ETIMEOUT) ||
		         rig_now_ms() > deadline_ms)
			rig_fail(rig, "%s: %s: %s", topic, weir_strerror(code), error.message);
		weir__cluster_info_fini(&info);
	}
	RIG_EXPECT(rig, count <= MAX_PARTITIONS);
	return count;
}

int64_t
rig_size(struct rig *rig, const char *topic)
{
	int32_t count = partitions(rig, topic);
	int64_t low, high, sum = 0;

	for (int32_t id = 0; id < count; id++) {
		range(rig, topic, id, &low, &high);
		sum += high;
	}
	return sum;
}

static bool
read_committed_offsets(struct rig *rig, struct weir_offset *places, int32_t count)
{
	struct weir_error error = {0};
	int code;

	for (int32_t id = 0; id < count; id++)
		places[id] = (struct weir_offset){.topic = rig->in, .partition = id};
	code = weir__broker_committed(rig->broker, rig->name, places, (size_t)count, 2000, &error);
	if (code && code != WEIR_ETIMEOUT)
		rig_fail(rig, "%s", error.message);
	return code == 0;
}

int64_t
rig_committed(struct rig *rig)
{
	struct weir_offset places[MAX_PARTITIONS];
	int32_t count = partitions(rig, rig->in);
	int64_t sum = 0;

	if (!read_committed_offsets(rig, places, count))
		return -1;
	for (int32_t id = 0; id < count; id++) {
		if (places[id].offset > 0)
			sum += places[id].offset;
	}
	return sum;
}

int64_t
rig_committed_at(struct rig *rig, int32_t partition)
{
	struct weir_offset places[MAX_PARTITIONS];

	if (!read_committed_offsets(rig, places, partitions(rig, rig->in)))
		return WEIR_OFFSET_NONE;
	return places[partition].offset;
}

int64_t
rig_end(struct rig *rig, const char *topic, int32_t partition)
{
	int64_t low, high;

	range(rig, topic, partition, &low, &high);
	return high;
}

bool
rig_committed_to_end(struct rig *rig)
{
	struct weir_offset places[MAX_PARTITIONS];
	int32_t count = partitions(rig, rig->in);
	int64_t low, high;

	if (!read_committed_offsets(rig, places, count))
		return false;
	for (int32_t id = 0; id < count; id++) {
		range(rig, rig->in, id, &low, &high);
		if (high > 0 && places[id].offset != high)
			return false;
	}
	return true;
}

/* ---- reading a topic ---- */

/* The partitions of a topic being read, and where each of them ends. */
struct reading {
	struct rig *rig;
	const char *topic;
	struct weir_reader *reader;
	int64_t ends[MAX_PARTITIONS]; /* 0: done */
	int32_t left;
};

static void
reading_open(struct reading *reading, struct rig *rig, const char *topic)
{
	struct weir_offset places[MAX_PARTITIONS];
	int32_t count = partitions(rig, topic);
	struct weir_error error = {0};
	int64_t low;

	*reading = (struct reading){.rig = rig, .topic = topic};
	for (int32_t id = 0; id < count; id++) {
		range(rig, topic, id, &low, &reading->ends[id]);
		places[id] = (struct weir_offset){.topic = topic, .partition = id, .offset = low};
		if (low == reading->ends[id])
			reading->ends[id] = 0;
		reading->left += reading->ends[id] > 0;
	}
	reading->reader =
		weir__broker_reader_open(rig->broker, places, (size_t)count, true, &error);
	if (!reading->reader)
		rig_fail(rig, "%s", error.message);
}

/* The next record, or the end of a partition; IDLE: neither. */
static enum weir_event_type
reading_next(struct reading *reading, struct weir_offset *place, struct weir_message *message)
{
	struct weir_error error = {0};
	enum weir_event_type type =
		weir__reader_poll(reading->reader, 100, place, message, &error);
	int64_t *end, position;

	if (type == WEIR_EVENT_FAILED)
		rig_fail(reading->rig, "%s", error.message);
	if (type != WEIR_EVENT_RECORD && type != WEIR_EVENT_END)
		return WEIR_EVENT_IDLE;
	end = &reading->ends[place->partition];
	position = place->offset + (type == WEIR_EVENT_RECORD);
	if (type == WEIR_EVENT_RECORD && place->offset >= *end)
		return WEIR_EVENT_IDLE; /* came while we read */
	if (*end && position >= *end) {
		*end = 0;
		reading->left--;
	}
	return type;
}

size_t
rig_read(struct rig *rig, const char *topic, rig_record_fn record, void *opaque)
{
	int64_t deadline_ms = rig_now_ms() + RIG_PATIENCE_MS;
	struct weir_message message;
	struct weir_offset place;
	struct reading reading;
	size_t records = 0;

	reading_open(&reading, rig, topic);
	while (reading.left > 0) {
		if (rig_now_ms() > deadline_ms)
			rig_fail(rig, "%s: a transaction does not end", topic);
		if (reading_next(&reading, &place, &message) != WEIR_EVENT_RECORD)
			continue;
		records++;
		record(opaque, &place, &message);
	}
	weir__reader_close(reading.reader);
	return records;
}

bool
rig_transaction_open(struct rig *rig, const char *topic)
{
	struct weir_message message;
	struct weir_offset place;
	struct reading reading;
	bool open = false;

	reading_open(&reading, rig, topic);
	while (reading.left > 0 && !open) {
		if (reading_next(&reading, &place, &message) == WEIR_EVENT_END)
			open = reading.ends[place.partition] > 0;
	}
	weir__reader_close(reading.reader);
	return open;
}

/* ---- the audit ---- */

struct seen {
	bool known; /* in the input, at: */
	int32_t partition;
	int64_t offset;
	int count; /* in the outputs, first at: */
	int32_t first_partition;
	int64_t first_offset;
};

struct hearing {
	struct rig_audit *audit;
	struct seen *ids;
	size_t id_count;
	bool ordered; /* is order asked for? */
	bool names_repeated;
	int64_t last[MAX_PARTITIONS][MAX_PARTITIONS]; /* by output and input partition */
};

static struct seen *
find_id(const struct hearing *hearing, const struct weir_message *message)
{
	char text[24] = "";
	char *end;
	unsigned long id;

	if (message->value.size == 0)
		return NULL;
	memcpy(text, message->value.data,
	       message->value.size < sizeof(text) ? message->value.size : sizeof(text) - 1);
	id = strtoul(text, &end, 10);
	return (*end && *end != ':') || id >= hearing->id_count ? NULL : &hearing->ids[id];
}

static void
hear_input(void *opaque, const struct weir_offset *place, const struct weir_message *message)
{
	struct hearing *hearing = opaque;
	struct seen *seen = find_id(hearing, message);

	ck_assert_msg(seen && !seen->known, "the input itself is wrong");
	seen->known = true;
	seen->partition = place->partition;
	seen->offset = place->offset;
	hearing->audit->ids++;
}

static void
hear_output(void *opaque, const struct weir_offset *place, const struct weir_message *message)
{
	struct hearing *hearing = opaque;
	struct rig_audit *audit = hearing->audit;
	struct seen *seen = find_id(hearing, message);
	int64_t *last;

	if (!seen || !seen->known) {
		audit->foreign++;
		return;
	}
	if (seen->count++) {
		if (audit->repeated++ < 20 && hearing->names_repeated)
			fprintf(stderr,
			        "# again: %s[%" PRId32 "]@%" PRId64 ", first at [%" PRId32
			        "]@%" PRId64 ", from input [%" PRId32 "]@%" PRId64 "\n",
			        place->topic, place->partition, place->offset,
			        seen->first_partition, seen->first_offset, seen->partition,
			        seen->offset);
		return;
	}
	seen->first_partition = place->partition;
	seen->first_offset = place->offset;
	last = &hearing->last[place->partition][seen->partition];
	if (hearing->ordered && seen->offset < *last)
		audit->disordered++;
	*last = seen->offset;
}

void
rig_audit(struct rig *rig, struct rig_audit *audit)
{
	struct hearing hearing = {.audit = audit, .id_count = rig->ids};

	memset(audit, 0, sizeof(*audit));
	hearing.names_repeated = strcmp(rig->guarantee, "at-least-once") != 0;
	hearing.ids = weir__calloc(rig->ids + 1, sizeof(*hearing.ids));
	rig_read(rig, rig->in, hear_input, &hearing);
	hearing.ordered = true;
	rig_read(rig, rig->out, hear_output, &hearing);
	hearing.ordered = false;
	audit->dead = rig_read(rig, rig->dead, hear_output, &hearing);
	for (size_t id = 0; id < rig->ids; id++)
		audit->lost += hearing.ids[id].known && !hearing.ids[id].count;
	free(hearing.ids);
	printf("# %s (%s): %zu ids, %zu lost, %zu repeated, %zu dead letters\n", rig->name,
	       rig->guarantee, audit->ids, audit->lost, audit->repeated, audit->dead);
	fflush(stdout);
}

/* What holds under each guarantee. */
static void
expect_sound(struct rig *rig, const struct rig_audit *audit)
{
	if (audit->ids != rig->ids)
		rig_fail(rig, "%zu ids in the input, %zu were produced", audit->ids, rig->ids);
	if (audit->foreign)
		rig_fail(rig, "%zu records that were never in the input", audit->foreign);
	if (!rig_committed_to_end(rig))
		rig_fail(rig, "committed offsets are not at the end of the input");
}

void
rig_expect_exactly_once(struct rig *rig)
{
	struct rig_audit audit;

	rig_audit(rig, &audit);
	if (audit.lost || audit.repeated)
		rig_fail(rig, "%zu lost, %zu repeated of %zu", audit.lost, audit.repeated,
		         audit.ids);
	if (audit.disordered)
		rig_fail(rig, "%zu records out of order", audit.disordered);
	expect_sound(rig, &audit);
}

void
rig_expect_at_least_once(struct rig *rig)
{
	struct rig_audit audit;

	rig_audit(rig, &audit);
	if (audit.lost)
		rig_fail(rig, "%zu lost of %zu", audit.lost, audit.ids);
	expect_sound(rig, &audit);
}

void
rig_expect_at_most_once(struct rig *rig)
{
	struct rig_audit audit;

	rig_audit(rig, &audit);
	if (audit.repeated)
		rig_fail(rig, "%zu repeated of %zu", audit.repeated, audit.ids);
	if (audit.lost == audit.ids)
		rig_fail(rig, "all of it lost");
	expect_sound(rig, &audit);
}

void
rig_expect_guarantee(struct rig *rig)
{
	if (strcmp(rig->guarantee, "exactly-once") == 0)
		rig_expect_exactly_once(rig);
	else if (strcmp(rig->guarantee, "at-least-once") == 0)
		rig_expect_at_least_once(rig);
	else
		rig_expect_at_most_once(rig);
}
