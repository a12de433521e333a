/*
 * Reads topics into a ledger. Ends are high watermarks, which are there also where a
 * transaction is open; the readers are read_committed, and their positions count markers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>

#include <testing/reading.h>

#define ASK_MS 10000 /* what a call to the cluster may take */
#define POLL_MS 50
#define CATCH_UP_MS 2000

/* ---- the partitions there are ---- */

static int
partition_count(const struct weir_oracle_config *config, const char *topic,
		int32_t *count, struct weir_error *error)
{
	struct weir_cluster_info info = {0};
	int code = weir__broker_describe(config->broker, &topic, 1, &info, ASK_MS, error);

	if (!code)
		code = info.topics[0].error;
	if (code)
		weir_error_set(error, code, "%s: cannot be described", topic);
	else
		*count = info.topics[0].partitions;
	weir__cluster_info_fini(&info);
	return code;
}

static int
add_input_topic(struct weir_oracle_ledger *ledger, const char *topic,
		struct weir_error *error)
{
	int32_t count = 0;
	int code = partition_count(ledger->config, topic, &count, error);

	ledger->inputs =
		weir__realloc(ledger->inputs, (ledger->input_count + (size_t)count) *
						      sizeof(*ledger->inputs));
	for (int32_t id = 0; id < count; id++)
		ledger->inputs[ledger->input_count++] = (struct weir_oracle_input){
			.topic = topic, .id = id, .committed = WEIR_OFFSET_NONE};
	return code;
}

static int
add_output_topic(struct weir_oracle_ledger *ledger, const char *topic, bool dead_letters,
		 struct weir_error *error)
{
	int32_t count = 0;
	int code = 0;

	if (weir__oracle_ledger_output(ledger, topic, 0))
		return 0; /* two letters, one topic */
	code = partition_count(ledger->config, topic, &count, error);
	ledger->outputs =
		weir__realloc(ledger->outputs, (ledger->output_count + (size_t)count) *
						       sizeof(*ledger->outputs));
	for (int32_t id = 0; id < count; id++)
		ledger->outputs[ledger->output_count++] = (struct weir_oracle_output){
			.topic = topic, .id = id, .dead_letters = dead_letters};
	return code;
}

static void
make_orders(struct weir_oracle_ledger *ledger)
{
	for (size_t index = 0; index < ledger->output_count; index++) {
		struct weir_oracle_output *output = &ledger->outputs[index];

		output->order = weir__calloc(ledger->input_count, sizeof(*output->order));
		for (size_t from = 0; from < ledger->input_count; from++)
			output->order[from] = (struct weir_oracle_order){{-1, -1}, -1};
	}
}

int
weir__oracle_ledger_init(struct weir_oracle_ledger *ledger,
			 const struct weir_oracle_config *config,
			 struct weir_oracle_verdict *verdict, struct weir_error *error)
{
	int code = 0;

	memset(ledger, 0, sizeof(*ledger));
	ledger->config = config;
	ledger->verdict = verdict;
	for (size_t index = 0; index < config->input_count && !code; index++)
		code = add_input_topic(ledger, config->inputs[index], error);
	for (size_t index = 0; index < config->output_count && !code; index++)
		code = add_output_topic(ledger, config->outputs[index], false, error);
	if (config->dead_letter && !code)
		code = add_output_topic(ledger, config->dead_letter, true, error);
	if (!code)
		make_orders(ledger);
	return code;
}

void
weir__oracle_ledger_fini(struct weir_oracle_ledger *ledger)
{
	for (size_t index = 0; index < ledger->input_count; index++) {
		free(ledger->inputs[index].records);
		free(ledger->inputs[index].seen_where);
	}
	for (size_t index = 0; index < ledger->output_count; index++) {
		free(ledger->outputs[index].sightings);
		free(ledger->outputs[index].order);
	}
	free(ledger->inputs);
	free(ledger->outputs);
	free(ledger->ids);
}

/* ---- opening ---- */

static int
start_of(struct weir_oracle_reading *reading, const char *topic, int32_t id,
	 struct weir_offset *place, struct weir_error *error)
{
	int64_t high;

	*place = (struct weir_offset){.topic = topic, .partition = id};
	return weir__broker_range(reading->config->broker, topic, id, &place->offset,
				  &high, ASK_MS, error);
}

static int
open_inputs(struct weir_oracle_reading *reading, struct weir_error *error)
{
	struct weir_oracle_ledger *ledger = &reading->ledger;
	int code = 0;

	for (size_t index = 0; index < ledger->input_count && !code; index++) {
		struct weir_oracle_input *input = &ledger->inputs[index];

		code = start_of(reading, input->topic, input->id,
				&reading->committed[index], error);
		reading->input_positions[index] = reading->committed[index].offset;
	}
	if (code)
		return code;
	reading->inputs =
		weir__broker_reader_open(reading->config->broker, reading->committed,
					 ledger->input_count, true, error);
	return reading->inputs ? 0 : WEIR_EBROKER;
}

static int
open_outputs(struct weir_oracle_reading *reading, struct weir_error *error)
{
	struct weir_oracle_ledger *ledger = &reading->ledger;
	struct weir_offset *places =
		weir__calloc(ledger->output_count + 1, sizeof(*places));
	int code = 0;

	for (size_t index = 0; index < ledger->output_count && !code; index++) {
		struct weir_oracle_output *output = &ledger->outputs[index];

		code = start_of(reading, output->topic, output->id, &places[index],
				error);
		output->position = places[index].offset;
	}
	if (!code)
		reading->outputs = weir__broker_reader_open(
			reading->config->broker, places, ledger->output_count,
			!reading->config->uncommitted, error);
	free(places);
	return code || reading->outputs ? code : WEIR_EBROKER;
}

int
weir__oracle_reading_open(struct weir_oracle_reading *reading,
			  const struct weir_oracle_config *config,
			  struct weir_oracle_verdict *verdict, struct weir_error *error)
{
	struct weir_oracle_ledger *ledger = &reading->ledger;
	int code;

	memset(reading, 0, sizeof(*reading));
	reading->config = config;
	code = weir__oracle_ledger_init(ledger, config, verdict, error);
	if (code)
		return code;
	reading->input_ends = weir__calloc(ledger->input_count + 1, sizeof(int64_t));
	reading->output_ends = weir__calloc(ledger->output_count + 1, sizeof(int64_t));
	reading->input_positions = weir__calloc(ledger->input_count + 1, sizeof(int64_t));
	reading->committed =
		weir__calloc(ledger->input_count + 1, sizeof(*reading->committed));
	code = open_inputs(reading, error);
	return code ? code : open_outputs(reading, error);
}

void
weir__oracle_reading_close(struct weir_oracle_reading *reading)
{
	weir__reader_close(reading->inputs);
	weir__reader_close(reading->outputs);
	free(reading->input_ends);
	free(reading->output_ends);
	free(reading->input_positions);
	free(reading->committed);
	weir__oracle_ledger_fini(&reading->ledger);
}

/* ---- reading ---- */

static int64_t
now_ms(const struct weir_oracle_reading *reading)
{
	return reading->config->clock->monotonic_ms(reading->config->clock);
}

int
weir__oracle_reading_ask_ends(struct weir_oracle_reading *reading, bool of_inputs,
			      struct weir_error *error)
{
	struct weir_oracle_ledger *ledger = &reading->ledger;
	size_t count = of_inputs ? ledger->input_count : ledger->output_count;
	int64_t *ends = of_inputs ? reading->input_ends : reading->output_ends;
	int64_t low;
	int code = 0;

	for (size_t index = 0; index < count && !code; index++) {
		const char *topic = of_inputs ? ledger->inputs[index].topic
					      : ledger->outputs[index].topic;
		int32_t id =
			of_inputs ? ledger->inputs[index].id : ledger->outputs[index].id;

		code = weir__broker_range(reading->config->broker, topic, id, &low,
					  &ends[index], ASK_MS, error);
	}
	return code;
}

static bool
is_past_ends(const struct weir_oracle_reading *reading, bool of_inputs)
{
	const struct weir_oracle_ledger *ledger = &reading->ledger;

	for (size_t index = 0; of_inputs && index < ledger->input_count; index++) {
		if (reading->input_positions[index] < reading->input_ends[index])
			return false;
	}
	for (size_t index = 0; !of_inputs && index < ledger->output_count; index++) {
		if (ledger->outputs[index].position < reading->output_ends[index])
			return false;
	}
	return true;
}

static void
enter_input(struct weir_oracle_reading *reading, enum weir_event_type type,
	    const struct weir_offset *place, const struct weir_message *message)
{
	struct weir_oracle_ledger *ledger = &reading->ledger;
	struct weir_oracle_input *input = weir__oracle_ledger_input(
		ledger, place->topic, strlen(place->topic), place->partition);

	reading->input_positions[input - ledger->inputs] =
		place->offset + (type == WEIR_EVENT_RECORD);
	if (type == WEIR_EVENT_RECORD)
		weir__oracle_ledger_add_input(ledger, input, place->offset, message);
}

/*
 * An output is of an input record that was readable before it, but maybe not yet when the
 * inputs were read last. While the input's leader is gone nobody can read it: an output
 * entered now would pass for one of an aborted record, and its record for torn. Many
 * outputs of no record are waited for once, not each for itself.
 */
static int
catch_up(struct weir_oracle_reading *reading, const struct weir_oracle_output *output,
	 const struct weir_message *message, struct weir_error *error)
{
	int64_t patience_ms =
		reading->has_waited_in_vain ? 0 : reading->config->patience_ms;
	int64_t give_up_ms = now_ms(reading) + patience_ms;
	struct weir_error own;
	bool all;
	int code;

	do {
		own = (struct weir_error){0};
		code = weir__oracle_reading_ask_ends(reading, true, &own);
		if (!code)
			code = weir__oracle_reading_pull(
				reading, true, patience_ms ? CATCH_UP_MS : 0, &all, &own);
		reading->has_waited_in_vain = !weir__oracle_ledger_is_known(
			&reading->ledger, output, reading->input_positions, message);
		if (!reading->has_waited_in_vain)
			return 0;
	} while (now_ms(reading) < give_up_ms);
	return code ? weir_error_set(error, code, "%s", own.message) : 0;
}

static int
enter_output(struct weir_oracle_reading *reading, enum weir_event_type type,
	     const struct weir_offset *place, const struct weir_message *message,
	     struct weir_error *error)
{
	struct weir_oracle_ledger *ledger = &reading->ledger;
	struct weir_oracle_output *output =
		weir__oracle_ledger_output(ledger, place->topic, place->partition);
	int code = 0;

	output->position = place->offset + (type == WEIR_EVENT_RECORD);
	if (type != WEIR_EVENT_RECORD)
		return 0;
	if (!weir__oracle_ledger_is_known(ledger, output, reading->input_positions,
					  message))
		code = catch_up(reading, output, message, error);
	weir__oracle_ledger_add_output(ledger, output, place->offset, message);
	return code;
}

int
weir__oracle_reading_pull(struct weir_oracle_reading *reading, bool of_inputs,
			  int64_t patience_ms, bool *all, struct weir_error *error)
{
	struct weir_reader *reader = of_inputs ? reading->inputs : reading->outputs;
	int64_t give_up_ms = now_ms(reading) + patience_ms;

	for (;;) {
		struct weir_offset place;
		struct weir_message message;
		enum weir_event_type type = weir__reader_poll(
			reader, patience_ms < POLL_MS ? (int)patience_ms : POLL_MS,
			&place, &message, error);

		if (type == WEIR_EVENT_FAILED)
			return WEIR_EBROKER;
		if (type == WEIR_EVENT_GAP)
			return weir_error_set(error, WEIR_ELIMIT,
					      "%s[%d]: retention overtook the reader",
					      place.topic, (int)place.partition);
		if (type == WEIR_EVENT_RECORD || type == WEIR_EVENT_END) {
			if (of_inputs)
				enter_input(reading, type, &place, &message);
			else if (enter_output(reading, type, &place, &message, error))
				return WEIR_EBROKER;
			give_up_ms = now_ms(reading) + patience_ms;
		}
		*all = is_past_ends(reading, of_inputs);
		if (*all || (type == WEIR_EVENT_IDLE && now_ms(reading) >= give_up_ms))
			return 0;
	}
}

int
weir__oracle_reading_committed(struct weir_oracle_reading *reading, int64_t patience_ms,
			       bool *stable, struct weir_error *error)
{
	struct weir_oracle_ledger *ledger = &reading->ledger;
	struct weir_error own = {0};
	int code = weir__broker_committed(reading->config->broker, reading->config->group,
					  reading->committed, ledger->input_count,
					  (int)patience_ms, &own);

	*stable = code == 0;
	if (code == WEIR_ETIMEOUT)
		return 0;
	if (code)
		return weir_error_set(error, code, "%s", own.message);
	for (size_t index = 0; index < ledger->input_count; index++)
		ledger->inputs[index].committed = reading->committed[index].offset;
	return 0;
}
