/*
 * The watch: a reader beside the running app.
 *
 * Committed offsets are read before and after the outputs. An output seen must be below
 * the offset read after it; and if nothing was committed in between and the outputs were
 * read to their ends, whatever is below the offset must have been seen: a batch shows
 * whole or not at all.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>

#include <testing/reading.h>

struct weir_oracle_watch {
	struct weir_oracle_config config;
	struct weir_oracle_verdict own; /* what this watch alone can find */
	struct weir_oracle_verdict
		rest; /* what the check finds as well: not told twice */
	struct weir_oracle_reading reading;
	int64_t *before; /* committed offsets, by index of input */
	bool done;
};

struct weir_oracle_watch *
weir__oracle_watch_open(const struct weir_oracle_config *config, struct weir_error *error)
{
	struct weir_oracle_watch *watch = weir__calloc(1, sizeof(*watch));

	watch->config = *config;
	if (weir__oracle_reading_open(&watch->reading, &watch->config, &watch->rest,
				      error)) {
		weir__oracle_watch_close(watch);
		return NULL;
	}
	watch->before =
		weir__calloc(watch->reading.ledger.input_count + 1, sizeof(int64_t));
	return watch;
}

void
weir__oracle_watch_close(struct weir_oracle_watch *watch)
{
	if (!watch)
		return;
	weir__oracle_reading_close(&watch->reading);
	free(watch->before);
	free(watch);
}

/* ---- looking ---- */

static void
keep_offsets(struct weir_oracle_watch *watch)
{
	const struct weir_oracle_ledger *ledger = &watch->reading.ledger;

	for (size_t index = 0; index < ledger->input_count; index++)
		watch->before[index] = ledger->inputs[index].committed;
}

static bool
is_unchanged(const struct weir_oracle_watch *watch)
{
	const struct weir_oracle_ledger *ledger = &watch->reading.ledger;

	for (size_t index = 0; index < ledger->input_count; index++) {
		if (watch->before[index] != ledger->inputs[index].committed)
			return false;
	}
	return true;
}

static int
read_offsets(struct weir_oracle_watch *watch, int timeout_ms, bool *stable,
	     struct weir_error *error)
{
	const struct weir_oracle_ledger *ledger = &watch->reading.ledger;
	int code;

	keep_offsets(watch);
	code = weir__oracle_reading_committed(&watch->reading, timeout_ms, stable, error);
	for (size_t index = 0; index < ledger->input_count && !code && *stable; index++) {
		const struct weir_oracle_input *input = &ledger->inputs[index];

		if (input->committed < watch->before[index])
			weir__oracle_verdict_add(&watch->own, WEIR_ORACLE_REGRESSED,
						 "%s[%d]: from %" PRId64 " to %" PRId64,
						 input->topic, (int)input->id,
						 watch->before[index], input->committed);
	}
	return code;
}

static void
look_beyond(struct weir_oracle_watch *watch, const struct weir_oracle_input *input)
{
	if (input->seen_where && input->seen_end > input->committed)
		weir__oracle_verdict_add(&watch->own, WEIR_ORACLE_BEYOND,
					 "while running, %s is of %s[%d]@%" PRId64
					 ", committed is %" PRId64,
					 input->seen_where, input->topic, (int)input->id,
					 input->seen_end - 1, input->committed);
}

/* All below the committed offset; each record is looked at once. */
static void
look_complete(struct weir_oracle_watch *watch, struct weir_oracle_input *input)
{
	struct weir_oracle_ledger *ledger = &watch->reading.ledger;

	for (; input->checked < input->committed; input->checked++) {
		const struct weir_oracle_record *record =
			weir__oracle_input_record(input, input->checked);

		if (!record ||
		    weir__oracle_record_state(ledger, record) == WEIR_ORACLE_ALL)
			continue;
		ledger->verdict = &watch->own;
		weir__oracle_ledger_report(ledger, input, input->checked,
					   ", while running");
		ledger->verdict = &watch->rest;
	}
}

int
weir__oracle_watch_look(struct weir_oracle_watch *watch, int timeout_ms,
			struct weir_error *error)
{
	struct weir_oracle_reading *reading = &watch->reading;
	struct weir_oracle_ledger *ledger = &reading->ledger;
	bool stable_before = false, stable_after = false, all = false, all_inputs = false;
	int code = read_offsets(watch, timeout_ms, &stable_before, error);

	watch->done = false;
	if (!code)
		code = weir__oracle_reading_ask_ends(reading, true, error);
	/* an input record is readable before its outputs are: so is what they are of */
	if (!code)
		code = weir__oracle_reading_pull(reading, true, 0, &all_inputs, error);
	if (!code)
		code = weir__oracle_reading_ask_ends(reading, false, error);
	if (!code)
		code = weir__oracle_reading_pull(reading, false, timeout_ms, &all, error);
	if (!code)
		code = read_offsets(watch, timeout_ms, &stable_after, error);
	if (code || !stable_after)
		return code;
	watch->done = all_inputs;
	all = all && stable_before && is_unchanged(watch);
	watch->own.looks += all;
	for (size_t index = 0; index < ledger->input_count; index++) {
		struct weir_oracle_input *input = &ledger->inputs[index];

		if (input->count && input->committed != reading->input_ends[index])
			watch->done = false;
		if (weir__oracle_forbids(watch->config.guarantee, WEIR_ORACLE_BEYOND))
			look_beyond(watch, input);
		if (all && watch->config.guarantee == WEIR_EXACTLY_ONCE)
			look_complete(watch, input);
	}
	return 0;
}

bool
weir__oracle_watch_is_done(const struct weir_oracle_watch *watch)
{
	return watch->done;
}

int64_t
weir__oracle_watch_committed(const struct weir_oracle_watch *watch)
{
	const struct weir_oracle_ledger *ledger = &watch->reading.ledger;
	int64_t sum = 0;

	for (size_t index = 0; index < ledger->input_count; index++) {
		if (ledger->inputs[index].committed != WEIR_OFFSET_NONE)
			sum += ledger->inputs[index].committed;
	}
	return sum;
}

/* ---- nothing may be taken back ---- */

static bool
same_sighting(const struct weir_oracle_sighting *left,
	      const struct weir_oracle_sighting *right)
{
	return left->offset == right->offset && left->copy == right->copy &&
	       left->source_input == right->source_input &&
	       left->source_offset == right->source_offset;
}

static void
compare_output(struct weir_oracle_watch *watch, const struct weir_oracle_output *seen,
	       const struct weir_oracle_output *now)
{
	for (size_t index = 0; index < seen->sighting_count; index++) {
		if (index < now->sighting_count &&
		    same_sighting(&seen->sightings[index], &now->sightings[index]))
			continue;
		weir__oracle_verdict_add(
			&watch->own, WEIR_ORACLE_RETRACTED,
			"%s[%d]: what was read as record %zu, at %" PRId64
			", is not that any longer",
			seen->topic, (int)seen->id, index, seen->sightings[index].offset);
		return;
	}
}

static void
add_found(struct weir_oracle_verdict *to, const struct weir_oracle_verdict *from)
{
	to->looks += from->looks;
	for (int finding = 0; finding < WEIR_ORACLE_FINDINGS; finding++) {
		if (from->found[finding])
			weir__oracle_verdict_add(to, finding, "%s",
						 from->example[finding]);
	}
}

int
weir__oracle_watch_finish(struct weir_oracle_watch *watch,
			  struct weir_oracle_verdict *verdict, struct weir_error *error)
{
	struct weir_oracle_verdict unused = {0};
	struct weir_oracle_reading now;
	bool all;
	int code = weir__oracle_reading_open(&now, &watch->config, &unused, error);

	if (!code)
		code = weir__oracle_reading_ask_ends(&now, true, error);
	if (!code)
		code = weir__oracle_reading_pull(&now, true, 0, &all, error);
	if (!code)
		code = weir__oracle_reading_ask_ends(&now, false, error);
	if (!code)
		code = weir__oracle_reading_pull(&now, false, watch->config.patience_ms,
						 &all, error);
	for (size_t index = 0; index < now.ledger.output_count && !code; index++)
		compare_output(watch, &watch->reading.ledger.outputs[index],
			       &now.ledger.outputs[index]);
	weir__oracle_reading_close(&now);
	add_found(verdict, &watch->own);
	return code;
}
