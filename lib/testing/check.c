/*
 * The check of a system at rest: everything is read once, then compared.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>

#include <testing/reading.h>

/* Everything below the committed offset is there; from above only if at-least-once. */
static void
check_record(struct weir_oracle_ledger *ledger, const struct weir_oracle_input *input,
	     int64_t offset, const struct weir_oracle_record *record)
{
	enum weir_oracle_state state = weir__oracle_record_state(ledger, record);
	int forgiven = record->dead && ledger->config->may_reject;

	if (state == WEIR_ORACLE_ALL)
		ledger->verdict->delivered++;
	if (offset >= input->committed)
		return; /* an output of it is BEYOND, by seen_end */
	if (state != WEIR_ORACLE_ALL)
		weir__oracle_ledger_report(ledger, input, offset, "");
	if (ledger->config->sums && record->counted && !record->summed && !forgiven)
		weir__oracle_verdict_add(ledger->verdict, WEIR_ORACLE_MISCOUNTED,
					 "%s[%d]@%" PRId64 " is in no sum", input->topic,
					 (int)input->id, offset);
}

/* What is lost goes to the account of the run that was at work there before. */
static void
tally_lost(struct weir_oracle_ledger *ledger, const struct weir_oracle_input *input)
{
	const struct weir_oracle_config *config = ledger->config;
	uint16_t by = 0;

	for (int64_t index = 0; index < input->count && config->tallies; index++) {
		const struct weir_oracle_record *record = &input->records[index];

		if (record->by)
			by = record->by;
		else if (by && record->present && input->low + index < input->committed &&
			 weir__oracle_record_state(ledger, record) != WEIR_ORACLE_ALL)
			config->tallies[by - 1].lost++;
	}
}

static void
check_input(struct weir_oracle_reading *reading, const struct weir_oracle_input *input,
	    int64_t end)
{
	struct weir_oracle_ledger *ledger = &reading->ledger;

	for (int64_t index = 0; index < input->count; index++) {
		if (input->records[index].present)
			check_record(ledger, input, input->low + index,
				     &input->records[index]);
	}
	tally_lost(ledger, input);
	if (ledger->config->stores && ledger->config->guarantee == WEIR_EXACTLY_ONCE)
		weir__oracle_ledger_check_state(ledger, input);
	if (input->seen_end > input->committed && input->seen_where)
		weir__oracle_verdict_add(ledger->verdict, WEIR_ORACLE_BEYOND,
					 "%s is of %s[%d]@%" PRId64
					 ", committed is %" PRId64,
					 input->seen_where, input->topic, (int)input->id,
					 input->seen_end - 1, input->committed);
	if (input->count && input->committed != end)
		weir__oracle_verdict_add(ledger->verdict, WEIR_ORACLE_BEHIND,
					 "%s[%d]: committed %" PRId64 ", end %" PRId64,
					 input->topic, (int)input->id, input->committed,
					 end);
}

static void
check_open(struct weir_oracle_reading *reading)
{
	struct weir_oracle_ledger *ledger = &reading->ledger;

	for (size_t index = 0; index < ledger->output_count; index++) {
		const struct weir_oracle_output *output = &ledger->outputs[index];

		if (output->position >= reading->output_ends[index])
			continue;
		weir__oracle_verdict_add(ledger->verdict, WEIR_ORACLE_OPEN,
					 "%s[%d]: readable to %" PRId64 ", end %" PRId64,
					 output->topic, (int)output->id, output->position,
					 reading->output_ends[index]);
	}
}

static int
read_all(struct weir_oracle_reading *reading, struct weir_error *error)
{
	int64_t patience_ms = reading->config->patience_ms;
	bool all, stable;
	int code = weir__oracle_reading_ask_ends(reading, true, error);

	if (!code)
		code = weir__oracle_reading_pull(reading, true, patience_ms, &all, error);
	if (!code)
		code = weir__oracle_reading_ask_ends(reading, false, error);
	if (!code)
		code = weir__oracle_reading_pull(reading, false, patience_ms, &all,
						 error);
	if (!code)
		code = weir__oracle_reading_committed(reading, patience_ms, &stable,
						      error);
	if (!code && !stable)
		weir__oracle_verdict_add(reading->ledger.verdict, WEIR_ORACLE_OPEN,
					 "group %s: a transaction holds offsets pending",
					 reading->config->group);
	return code;
}

int
weir__oracle_check(const struct weir_oracle_config *config,
		   struct weir_oracle_verdict *verdict, struct weir_error *error)
{
	struct weir_oracle_reading reading;
	int code = weir__oracle_reading_open(&reading, config, verdict, error);

	if (!code)
		code = read_all(&reading, error);
	for (size_t index = 0; index < reading.ledger.input_count && !code; index++)
		check_input(&reading, &reading.ledger.inputs[index],
			    reading.input_ends[index]);
	if (!code)
		check_open(&reading);
	if (!code && config->changelogs && !config->uncommitted)
		code = weir__oracle_check_changelogs(&reading.ledger, error);
	weir__oracle_reading_close(&reading);
	return code;
}
