/*
 * The check of a system at rest: everything is read once, then compared.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>

#include "tests/oracle/reading.h"

/* Everything below the committed offset is there; from above only if at-least-once. */
static void
check_record(struct oracle_ledger *ledger, const struct oracle_input *input,
	     int64_t offset, const struct oracle_record *record)
{
	enum oracle_state state = oracle_record_state(ledger, record);
	int forgiven = record->dead && ledger->config->may_reject;

	if (state == ORACLE_ALL)
		ledger->verdict->delivered++;
	if (offset >= input->committed)
		return; /* an output of it is BEYOND, by seen_end */
	if (state != ORACLE_ALL)
		oracle_ledger_report(ledger, input, offset, "");
	if (ledger->config->sums && record->counted && !record->summed && !forgiven)
		oracle_verdict_add(ledger->verdict, ORACLE_MISCOUNTED,
				   "%s[%d]@%" PRId64 " is in no sum", input->topic,
				   (int)input->id, offset);
}

static void
check_input(struct oracle_reading *reading, const struct oracle_input *input, int64_t end)
{
	struct oracle_ledger *ledger = &reading->ledger;

	for (int64_t index = 0; index < input->count; index++) {
		if (input->records[index].present)
			check_record(ledger, input, input->low + index,
				     &input->records[index]);
	}
	if (input->seen_end > input->committed && input->seen_where)
		oracle_verdict_add(ledger->verdict, ORACLE_BEYOND,
				   "%s is of %s[%d]@%" PRId64 ", committed is %" PRId64,
				   input->seen_where, input->topic, (int)input->id,
				   input->seen_end - 1, input->committed);
	if (input->count && input->committed != end)
		oracle_verdict_add(ledger->verdict, ORACLE_BEHIND,
				   "%s[%d]: committed %" PRId64 ", end %" PRId64,
				   input->topic, (int)input->id, input->committed, end);
}

static void
check_open(struct oracle_reading *reading)
{
	struct oracle_ledger *ledger = &reading->ledger;

	for (size_t index = 0; index < ledger->output_count; index++) {
		const struct oracle_output *output = &ledger->outputs[index];

		if (output->position >= reading->output_ends[index])
			continue;
		oracle_verdict_add(ledger->verdict, ORACLE_OPEN,
				   "%s[%d]: readable to %" PRId64 ", end %" PRId64,
				   output->topic, (int)output->id, output->position,
				   reading->output_ends[index]);
	}
}

static int
read_all(struct oracle_reading *reading, struct weir_error *error)
{
	int64_t patience_ms = reading->config->patience_ms;
	bool all, stable;
	int code = oracle_reading_ask_ends(reading, true, error);

	if (!code)
		code = oracle_reading_pull(reading, true, patience_ms, &all, error);
	if (!code)
		code = oracle_reading_ask_ends(reading, false, error);
	if (!code)
		code = oracle_reading_pull(reading, false, patience_ms, &all, error);
	if (!code)
		code = oracle_reading_committed(reading, patience_ms, &stable, error);
	if (!code && !stable)
		oracle_verdict_add(reading->ledger.verdict, ORACLE_OPEN,
				   "group %s: a transaction holds offsets pending",
				   reading->config->group);
	return code;
}

int
oracle_check(const struct oracle_config *config, struct oracle_verdict *verdict,
	     struct weir_error *error)
{
	struct oracle_reading reading;
	int code = oracle_reading_open(&reading, config, verdict, error);

	if (!code)
		code = read_all(&reading, error);
	for (size_t index = 0; index < reading.ledger.input_count && !code; index++)
		check_input(&reading, &reading.ledger.inputs[index],
			    reading.input_ends[index]);
	if (!code)
		check_open(&reading);
	oracle_reading_close(&reading);
	return code;
}
