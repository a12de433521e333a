/*
 * The ledger: entering input records and outputs, and what is wrong with an output by
 * itself (repeated, out of order, not asked for).
 *
 * An output says in a header which record it is of; without steps, its id says so.
 * Nothing here waits for or asks the broker.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>

#include <testing/ledger.h>
#include <testing/processor_state.h>

/* ---- finding ---- */

struct weir_oracle_input *
weir__oracle_ledger_input(struct weir_oracle_ledger *ledger, const char *topic,
			  size_t topic_size, int32_t partition)
{
	for (size_t index = 0; index < ledger->input_count; index++) {
		struct weir_oracle_input *input = &ledger->inputs[index];

		if (input->id == partition && strlen(input->topic) == topic_size &&
		    !memcmp(input->topic, topic, topic_size))
			return input;
	}
	return NULL;
}

struct weir_oracle_output *
weir__oracle_ledger_output(struct weir_oracle_ledger *ledger, const char *topic,
			   int32_t partition)
{
	for (size_t index = 0; index < ledger->output_count; index++) {
		struct weir_oracle_output *output = &ledger->outputs[index];

		if (output->id == partition && !strcmp(output->topic, topic))
			return output;
	}
	return NULL;
}

struct weir_oracle_record *
weir__oracle_input_record(const struct weir_oracle_input *input, int64_t offset)
{
	int64_t index = offset - input->low;

	if (index < 0 || index >= input->count || !input->records[index].present)
		return NULL;
	return &input->records[index];
}

/* ---- inputs ---- */

static struct weir_oracle_record *
record_at(struct weir_oracle_input *input, int64_t offset)
{
	int64_t index;

	if (!input->count)
		input->low = input->checked = offset;
	index = offset - input->low;
	if (index >= input->capacity) {
		int64_t capacity = index + 64 > 2 * input->capacity ? index + 64
								    : 2 * input->capacity;

		input->records = weir__realloc(
			input->records, (size_t)capacity * sizeof(*input->records));
		memset(input->records + input->capacity, 0,
		       (size_t)(capacity - input->capacity) * sizeof(*input->records));
		input->capacity = capacity;
	}
	if (index >= input->count)
		input->count = index + 1;
	return &input->records[index];
}

void
weir__oracle_ledger_add_input(struct weir_oracle_ledger *ledger,
			      struct weir_oracle_input *input, int64_t offset,
			      const struct weir_message *message)
{
	struct weir_oracle_record *record = record_at(input, offset);
	struct weir_oracle_load load;

	ledger->verdict->sent++;
	record->present = true;
	/* what is not of the load is expected to be copied, and known by its place */
	if (!weir__oracle_load_parse(message->value, &load))
		load = (struct weir_oracle_load){.id = UINT64_MAX, .copies = 1};
	if (ledger->config->plain) {
		load.copies = 1;
		load.output[0] = 0;
		load.reject = load.early = load.hold = false;
		weir__oracle_ledger_remember(ledger, load.id, input, offset);
	}
	record->id = load.id;
	record->reject = load.reject || load.early;
	record->early = load.early;
	record->hold = load.hold;
	record->counted = weir__oracle_load_is_counted(&load);
	record->kept = weir__oracle_load_is_stored(&load);
	record->again = weir__oracle_ledger_is_again(ledger, input, offset, record);
	record->copies = record->reject || record->again ? 0 : (uint8_t)load.copies;
	for (int index = 0; index < record->copies; index++)
		record->output[index] = (uint8_t)load.output[index];
}

/* ---- outputs ---- */

/* What an output is of. */
struct source {
	struct weir_oracle_input *input;
	int64_t offset;
	int64_t numbers[2]; /* behind the offset */
};

/* TOPIC/PARTITION/N[/N[/N]]; returns how many N there are, or 0. */
static int
parse_source(struct weir_oracle_ledger *ledger, struct weir_bytes text,
	     struct source *source)
{
	const char *slash = memchr(text.data, '/', text.size);
	char numbers[80];
	size_t size =
		slash ? text.size - (size_t)(slash + 1 - (const char *)text.data) : 0;
	int32_t partition;
	int got;

	if (!slash || size >= sizeof(numbers))
		return 0;
	memcpy(numbers, slash + 1, size);
	numbers[size] = '\0';
	got = sscanf(numbers, "%" SCNd32 "/%" SCNd64 "/%" SCNd64 "/%" SCNd64, &partition,
		     &source->offset, &source->numbers[0], &source->numbers[1]);
	if (got < 2)
		return 0;
	source->input = weir__oracle_ledger_input(
		ledger, text.data, (size_t)(slash - (const char *)text.data), partition);
	return source->input ? got - 1 : 0;
}

static const struct weir_header *
find_header(const struct weir_message *message, const char *name)
{
	for (size_t index = message->header_count; index-- > 0;) {
		const struct weir_header *header = &message->headers[index];

		if (!strcmp(header->name, name) && header->value.data)
			return header;
	}
	return NULL;
}

static void
text_of(const struct weir_message *message, const char *name, char *text, size_t size)
{
	const struct weir_header *header = find_header(message, name);

	snprintf(text, size, "%.*s", header ? (int)header->value.size : 0,
		 header ? (const char *)header->value.data : "");
}

/* Dead letters bear their source in weir's own headers. */
static bool
source_of_letter(struct weir_oracle_ledger *ledger, const struct weir_message *message,
		 struct source *source)
{
	char topic[256], partition[16], offset[24];

	text_of(message, "weir.source.topic", topic, sizeof(topic));
	text_of(message, "weir.source.partition", partition, sizeof(partition));
	text_of(message, "weir.source.offset", offset, sizeof(offset));
	if (!*topic || !*partition || !*offset)
		return false;
	source->input =
		weir__oracle_ledger_input(ledger, topic, strlen(topic), atoi(partition));
	source->offset = strtoll(offset, NULL, 10);
	return source->input != NULL;
}

static bool
source_of_copy(struct weir_oracle_ledger *ledger, const struct weir_message *message,
	       struct source *source)
{
	const struct weir_header *header = find_header(message, "oracle.source");
	struct weir_oracle_load load;

	source->numbers[0] = 0;
	if (header)
		return parse_source(ledger, header->value, source) >= 2;
	return ledger->config->plain && weir__oracle_load_parse(message->value, &load) &&
	       weir__oracle_ledger_find(ledger, load.id, &source->input, &source->offset);
}

static void
find_wrong(struct weir_oracle_ledger *ledger, const struct weir_oracle_output *output,
	   int64_t offset, const struct source *source, enum weir_oracle_finding finding,
	   const char *what)
{
	if (source->input)
		weir__oracle_verdict_add(ledger->verdict, finding, PLACE " %s, of " PLACE,
					 PLACE_OF(output, offset), what,
					 PLACE_OF(source->input, source->offset));
	else
		weir__oracle_verdict_add(ledger->verdict, finding, PLACE " %s",
					 PLACE_OF(output, offset), what);
}

static struct weir_oracle_order *
order_of(const struct weir_oracle_ledger *ledger, struct weir_oracle_output *output,
	 const struct weir_oracle_input *input)
{
	return &output->order[input - ledger->inputs];
}

static void
enter_order(struct weir_oracle_ledger *ledger, struct weir_oracle_output *output,
	    int64_t offset, const struct source *source,
	    const struct weir_oracle_record *record)
{
	struct weir_oracle_order *order = order_of(ledger, output, source->input);
	int64_t place = source->offset * WEIR_ORACLE_COPIES + source->numbers[0];
	int64_t *last = &order->record[record->hold && !output->dead_letters];

	if (place < *last)
		find_wrong(ledger, output, offset, source, WEIR_ORACLE_DISORDERED,
			   "stands behind a later one");
	else
		*last = place;
}

static void
note_seen(struct weir_oracle_input *input, const struct weir_oracle_output *output,
	  int64_t offset, int64_t source_offset)
{
	if (source_offset < input->seen_end)
		return;
	input->seen_end = source_offset + 1;
	free(input->seen_where);
	input->seen_where = weir__format(PLACE, PLACE_OF(output, offset));
}

static void
enter_letter(struct weir_oracle_ledger *ledger, const struct weir_oracle_output *output,
	     int64_t offset, const struct source *source,
	     struct weir_oracle_record *record)
{
	if (record->dead++)
		find_wrong(ledger, output, offset, source, WEIR_ORACLE_REPEATED,
			   "is a second dead letter");
	if (!record->reject && !ledger->config->may_reject)
		find_wrong(ledger, output, offset, source, WEIR_ORACLE_FOREIGN,
			   "is a dead letter nobody asked for");
}

static void
enter_copy(struct weir_oracle_ledger *ledger, const struct weir_oracle_output *output,
	   int64_t offset, const struct source *source, struct weir_oracle_record *record)
{
	const struct weir_oracle_config *config = ledger->config;
	int64_t copy = source->numbers[0];

	if (copy < 0 || copy >= record->copies ||
	    record->output[copy] >= config->output_count ||
	    strcmp(config->outputs[record->output[copy]], output->topic) != 0) {
		find_wrong(ledger, output, offset, source, WEIR_ORACLE_FOREIGN,
			   record->reject  ? "is an output of a rejected record"
			   : record->again ? "is an output of what was there before"
					   : "is not where its record wants it");
		return;
	}
	if (record->seen[copy] < UINT8_MAX && record->seen[copy]++)
		find_wrong(ledger, output, offset, source, WEIR_ORACLE_REPEATED,
			   "is there again");
}

static void
enter_record(struct weir_oracle_ledger *ledger, struct weir_oracle_output *output,
	     int64_t offset, const struct source *source, const struct weir_message *message)
{
	struct weir_oracle_record *record =
		weir__oracle_input_record(source->input, source->offset);

	if (!record) {
		find_wrong(ledger, output, offset, source, WEIR_ORACLE_UNCOMMITTED,
			   "is of what no reader may see");
		return;
	}
	weir__oracle_ledger_stored(record, message);
	note_seen(source->input, output, offset, source->offset);
	if (output->dead_letters)
		enter_letter(ledger, output, offset, source, record);
	else
		enter_copy(ledger, output, offset, source, record);
	enter_order(ledger, output, offset, source, record);
}

/* FIRST/LAST/COUNT: are these the records between, each of them for the first time? */
static void
enter_sum(struct weir_oracle_ledger *ledger, const struct weir_oracle_output *output,
	  int64_t offset, const struct source *source)
{
	int64_t count = 0, optional = 0, last = source->numbers[0];

	for (int64_t at = source->offset; at <= last; at++) {
		struct weir_oracle_record *record =
			weir__oracle_input_record(source->input, at);

		if (!record || !record->counted)
			continue;
		count++;
		optional += ledger->config->may_reject;
		if (record->summed++)
			find_wrong(ledger, output, offset, source, WEIR_ORACLE_MISCOUNTED,
				   "counts records that were counted before");
	}
	note_seen(source->input, output, offset, last);
	if (source->numbers[1] > count || source->numbers[1] < count - optional)
		find_wrong(ledger, output, offset, source, WEIR_ORACLE_MISCOUNTED,
			   "is not the number of records it stands for");
}

/* An app that lost its partition would tick with what it had seen before. */
static void
enter_tick(struct weir_oracle_ledger *ledger, struct weir_oracle_output *output,
	   int64_t offset, const struct source *source)
{
	struct weir_oracle_order *order = order_of(ledger, output, source->input);

	if (source->offset < order->tick)
		find_wrong(ledger, output, offset, source, WEIR_ORACLE_DISORDERED,
			   "is a tick of one who has been succeeded");
	else
		order->tick = source->offset;
	note_seen(source->input, output, offset, source->offset);
}

/* A tally numbers its ticks in memory; one that begins anew begins with 0. */
static void
enter_number(struct weir_oracle_ledger *ledger, struct weir_oracle_output *output,
	     int64_t offset, const struct source *source)
{
	struct weir_oracle_order *order = order_of(ledger, output, source->input);
	int64_t number = source->numbers[0];

	if (number && number != order->next_number)
		find_wrong(ledger, output, offset, source, WEIR_ORACLE_MISCOUNTED,
			   "is not the tick that comes next");
	order->next_number = number + 1;
}

static bool
enter_other(struct weir_oracle_ledger *ledger, struct weir_oracle_output *output,
	    int64_t offset, const struct weir_message *message)
{
	const struct weir_header *sum = find_header(message, "oracle.sum");
	const struct weir_header *tick = find_header(message, "oracle.tick");
	struct source source = {0};
	int count;

	if (sum && parse_source(ledger, sum->value, &source) == 3) {
		enter_sum(ledger, output, offset, &source);
	} else if (tick && (count = parse_source(ledger, tick->value, &source)) >= 1) {
		enter_tick(ledger, output, offset, &source);
		if (count > 1)
			enter_number(ledger, output, offset, &source);
	} else {
		return false;
	}
	return true;
}

bool
weir__oracle_ledger_is_known(struct weir_oracle_ledger *ledger,
			     const struct weir_oracle_output *output,
			     const int64_t *input_positions,
			     const struct weir_message *message)
{
	struct source source = {0};
	bool found = output->dead_letters ? source_of_letter(ledger, message, &source)
					  : source_of_copy(ledger, message, &source);

	if (!found)
		return !ledger->config->plain;
	return source.offset < input_positions[source.input - ledger->inputs];
}

/* Of which run is it? Counts it for that one. */
static void
tally_output(struct weir_oracle_ledger *ledger, const struct weir_message *message,
	     const struct source *source, bool known)
{
	const struct weir_oracle_config *config = ledger->config;
	struct weir_oracle_record *record = NULL;
	char text[16];
	size_t run;

	if (!config->tallies)
		return;
	text_of(message, "oracle.by", text, sizeof(text));
	run = strtoul(text, NULL, 10);
	if (!*text || run >= config->tally_count)
		return;
	config->tallies[run].outputs++;
	if (known)
		record = weir__oracle_input_record(source->input, source->offset);
	if (record)
		record->by = (uint16_t)(run + 1);
}

static struct weir_oracle_sighting *
add_sighting(struct weir_oracle_output *output)
{
	if (output->sighting_count == output->sighting_capacity) {
		output->sighting_capacity = 2 * output->sighting_capacity + 32;
		output->sightings = weir__realloc(output->sightings,
						  output->sighting_capacity *
							  sizeof(*output->sightings));
	}
	return &output->sightings[output->sighting_count++];
}

void
weir__oracle_ledger_add_output(struct weir_oracle_ledger *ledger,
			       struct weir_oracle_output *output, int64_t offset,
			       const struct weir_message *message)
{
	struct weir_oracle_sighting *sighting = add_sighting(output);
	struct source source = {0};
	bool known = output->dead_letters ? source_of_letter(ledger, message, &source)
					  : source_of_copy(ledger, message, &source);

	*sighting = (struct weir_oracle_sighting){offset, WEIR_OFFSET_NONE, -1,
						  WEIR_ORACLE_OTHER};
	tally_output(ledger, message, &source, known);
	if (output->dead_letters)
		ledger->verdict->dead_letters++;
	else
		ledger->verdict->outputs++;
	if (known) {
		sighting->source_offset = source.offset;
		sighting->source_input = (int32_t)(source.input - ledger->inputs);
		sighting->copy = output->dead_letters ? WEIR_ORACLE_DEAD
						      : (int32_t)source.numbers[0];
		enter_record(ledger, output, offset, &source, message);
	} else if (!enter_other(ledger, output, offset, message)) {
		source.input = NULL;
		find_wrong(ledger, output, offset, &source, WEIR_ORACLE_FOREIGN,
			   "is of no input record");
	}
}

/* ---- what is missing ---- */

enum weir_oracle_state
weir__oracle_record_state(const struct weir_oracle_ledger *ledger,
			  const struct weir_oracle_record *record)
{
	int seen = 0;

	for (int copy = 0; copy < record->copies; copy++)
		seen += record->seen[copy] > 0;
	if (record->dead && seen && ledger->config->guarantee == WEIR_EXACTLY_ONCE)
		return WEIR_ORACLE_PART; /* either outputs or a dead letter */
	if (record->dead)
		return WEIR_ORACLE_ALL;
	if (record->reject)
		return ledger->config->dead_letter ? WEIR_ORACLE_NOTHING
						   : WEIR_ORACLE_ALL;
	if (seen == record->copies)
		return WEIR_ORACLE_ALL;
	return seen ? WEIR_ORACLE_PART : WEIR_ORACLE_NOTHING;
}

void
weir__oracle_ledger_report(struct weir_oracle_ledger *ledger,
			   const struct weir_oracle_input *input, int64_t offset,
			   const char *when)
{
	const struct weir_oracle_record *record =
		weir__oracle_input_record(input, offset);
	enum weir_oracle_state state = weir__oracle_record_state(ledger, record);

	weir__oracle_verdict_add(
		ledger->verdict,
		state == WEIR_ORACLE_PART ? WEIR_ORACLE_TORN : WEIR_ORACLE_LOST,
		PLACE " (id %" PRIu64 ") has %s of its outputs, committed is %" PRId64
		      "%s",
		PLACE_OF(input, offset), record->id,
		state == WEIR_ORACLE_PART ? "some" : "none", input->committed, when);
}
