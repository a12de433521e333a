/*
 * The check of changelogs, at rest: what the copies' stores hold must be what the input says,
 * record by record, also of those that have no output to tell it.
 *
 * Knows how the oracle's processor writes: a key a record in "seen", a number a group in
 * "counts", and that it never deletes. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <testing/processor_state.h>
#include <testing/reading.h>

#define ASK_MS 5000
#define POLL_MS 100

/* One partition of the changelogs of an input. */
struct partition {
	const struct weir_oracle_input *input;
	int64_t position, end;
	uint64_t *ids; /* seen */
	size_t count, capacity;
	uint64_t groups[WEIR_ORACLE_GROUPS];
};

struct reading {
	struct weir_oracle_ledger *ledger;
	const char *changelog;
	bool of_counts;
	struct partition *partitions; /* of one input topic */
	size_t count;
};

/* ---- reading one changelog ---- */

static uint64_t
number_of(struct weir_bytes bytes)
{
	char text[24] = "";

	memcpy(text, bytes.data, bytes.size < sizeof(text) ? bytes.size : sizeof(text) - 1);
	return strtoull(text, NULL, 10);
}

static void
enter(struct reading *reading, struct partition *partition, const struct weir_message *message)
{
	uint64_t key;

	if (!message->key.data || !message->value.data) {
		weir__oracle_verdict_add(reading->ledger->verdict, WEIR_ORACLE_MISSTATED,
					 "%s[%" PRId32 "]@%" PRId64
					 ": something is deleted, and nobody deletes",
					 reading->changelog, partition->input->id,
					 partition->position - 1);
		return;
	}
	key = number_of(message->key);
	if (reading->of_counts) {
		if (key < WEIR_ORACLE_GROUPS)
			partition->groups[key] = number_of(message->value);
		return;
	}
	if (partition->count == partition->capacity) {
		partition->capacity = partition->capacity ? 2 * partition->capacity : 256;
		partition->ids = weir__realloc(partition->ids,
					       partition->capacity * sizeof(*partition->ids));
	}
	partition->ids[partition->count++] = key;
}

static bool
is_read(const struct reading *reading)
{
	for (size_t index = 0; index < reading->count; index++)
		if (reading->partitions[index].position < reading->partitions[index].end)
			return false;
	return true;
}

static struct partition *
find(struct reading *reading, int32_t id)
{
	size_t index = 0;

	while (reading->partitions[index].input->id != id)
		index++;
	return &reading->partitions[index];
}

static int
pull(struct reading *reading, struct weir_reader *reader, struct weir_error *error)
{
	const struct weir_oracle_config *config = reading->ledger->config;
	int64_t give_up_ms =
		config->clock->monotonic_ms(config->clock) + config->patience_ms;

	while (!is_read(reading)) {
		struct weir_offset place;
		struct weir_message message;
		enum weir_event_type type =
			weir__reader_poll(reader, POLL_MS, &place, &message, error);

		if (type == WEIR_EVENT_FAILED)
			return WEIR_EBROKER;
		if (type == WEIR_EVENT_RECORD || type == WEIR_EVENT_END) {
			struct partition *partition = find(reading, place.partition);

			partition->position = place.offset + (type == WEIR_EVENT_RECORD);
			if (type == WEIR_EVENT_RECORD)
				enter(reading, partition, &message);
		} else if (config->clock->monotonic_ms(config->clock) >= give_up_ms) {
			weir__oracle_verdict_add(reading->ledger->verdict, WEIR_ORACLE_OPEN,
						 "%s: cannot be read to its end",
						 reading->changelog);
			return 0;
		}
	}
	return 0;
}

static int
read_changelog(struct reading *reading, struct weir_error *error)
{
	struct weir_broker *broker = reading->ledger->config->broker;
	struct weir_offset *places = weir__calloc(reading->count + 1, sizeof(*places));
	struct weir_reader *reader = NULL;
	int code = 0;

	for (size_t index = 0; index < reading->count && !code; index++) {
		struct partition *partition = &reading->partitions[index];

		places[index] = (struct weir_offset){.topic = reading->changelog,
						     .partition = partition->input->id};
		code = weir__broker_range(broker, reading->changelog, partition->input->id,
					  &partition->position, &partition->end, ASK_MS, error);
		places[index].offset = partition->position;
	}
	if (!code) {
		reader = weir__broker_reader_open(broker, places, reading->count, true, error);
		code = reader ? pull(reading, reader, error) : WEIR_EBROKER;
	}
	weir__reader_close(reader);
	free(places);
	return code;
}

/* ---- comparing ---- */

/* A record that its store has to know; or may, when a dead letter came of a repetition. */
struct expected {
	uint64_t id;
	bool must;
};

static int
by_id(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right; /* also the first member of struct expected */

	return (*a > *b) - (*a < *b);
}

static struct expected *
expect(const struct weir_oracle_ledger *ledger, const struct weir_oracle_input *input,
       size_t *count)
{
	bool once = ledger->config->guarantee == WEIR_EXACTLY_ONCE;
	struct expected *list = weir__calloc((size_t)input->count + 1, sizeof(*list));

	*count = 0;
	for (int64_t index = 0; index < input->count; index++) {
		const struct weir_oracle_record *record = &input->records[index];

		/* one that comes again is known already */
		if (record->present && record->kept && !record->again &&
		    !(record->dead && once) &&
		    input->low + index < input->committed)
			list[(*count)++] = (struct expected){record->id, !record->dead};
	}
	qsort(list, *count, sizeof(*list), by_id);
	return list;
}

static void
missing(struct reading *reading, const struct partition *partition, uint64_t id,
	const char *what)
{
	weir__oracle_verdict_add(reading->ledger->verdict, WEIR_ORACLE_MISSTATED,
				 "%s[%" PRId32 "]: id %" PRIu64 " %s", reading->changelog,
				 partition->input->id, id, what);
}

static void
compare_ids(struct reading *reading, struct partition *partition)
{
	size_t count, at = 0;
	struct expected *list = expect(reading->ledger, partition->input, &count);

	if (partition->count)
		qsort(partition->ids, partition->count, sizeof(*partition->ids), by_id);
	for (size_t index = 0; index < count; index++) {
		for (; at < partition->count && partition->ids[at] < list[index].id; at++)
			missing(reading, partition, partition->ids[at],
				"is in it, and was not processed");
		if (at == partition->count || partition->ids[at] != list[index].id) {
			if (list[index].must)
				missing(reading, partition, list[index].id,
					"was processed, and is not in it");
			continue;
		}
		reading->ledger->verdict->states++;
		while (at < partition->count && partition->ids[at] == list[index].id)
			at++;
	}
	for (; at < partition->count; at++)
		missing(reading, partition, partition->ids[at],
			"is in it, and was not processed");
	free(list);
}

/* At-least-once may have delivered the one store's change before a crash, and not the other's. */
static void
compare_counts(struct reading *reading, const struct partition *partition)
{
	uint64_t counts[WEIR_ORACLE_GROUPS] = {0};
	size_t count;
	struct expected *list = expect(reading->ledger, partition->input, &count);

	for (size_t index = 0; index < count; index++)
		counts[list[index].id % WEIR_ORACLE_GROUPS]++;
	for (uint64_t group = 0; group < WEIR_ORACLE_GROUPS; group++) {
		if (partition->groups[group] != counts[group])
			weir__oracle_verdict_add(
				reading->ledger->verdict, WEIR_ORACLE_MISSTATED,
				"%s[%" PRId32 "]: group %" PRIu64 " has %" PRIu64 ", of %" PRIu64,
				reading->changelog, partition->input->id, group,
				partition->groups[group], counts[group]);
		else
			reading->ledger->verdict->states++;
	}
	free(list);
}

static int
check_one(struct reading *reading, struct weir_error *error)
{
	int code = read_changelog(reading, error);

	for (size_t index = 0; index < reading->count && !code; index++) {
		if (!reading->of_counts)
			compare_ids(reading, &reading->partitions[index]);
		else if (reading->ledger->config->guarantee == WEIR_EXACTLY_ONCE)
			compare_counts(reading, &reading->partitions[index]);
		free(reading->partitions[index].ids);
		reading->partitions[index].ids = NULL;
	}
	return code;
}

int
weir__oracle_check_changelogs(struct weir_oracle_ledger *ledger, struct weir_error *error)
{
	const struct weir_oracle_config *config = ledger->config;
	struct reading reading = {.ledger = ledger};
	int code = 0;

	for (size_t topic = 0; topic < config->input_count && !code; topic++) {
		reading.count = 0;
		reading.partitions = weir__calloc(ledger->input_count + 1,
						  sizeof(*reading.partitions));
		for (size_t index = 0; index < ledger->input_count; index++)
			if (strcmp(ledger->inputs[index].topic, config->inputs[topic]) == 0)
				reading.partitions[reading.count++].input =
					&ledger->inputs[index];
		for (int store = 0; store < WEIR_ORACLE_STORES && !code; store++) {
			reading.changelog =
				config->changelogs[topic * WEIR_ORACLE_STORES + (size_t)store];
			reading.of_counts = store == 1;
			code = check_one(&reading, error);
		}
		free(reading.partitions);
	}
	return code;
}
