/*
 * The ledger's part about stores: what each output says the store held, and what it had to
 * hold, computed from the input alone.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <testing/ledger.h>
#include <testing/processor_state.h>

void
weir__oracle_ledger_stored(struct weir_oracle_record *record,
			   const struct weir_message *message)
{
	for (size_t index = 0; index < message->header_count; index++) {
		const struct weir_header *header = &message->headers[index];
		char text[24];

		if (strcmp(header->name, "oracle.count") || header->value.size >= sizeof(text))
			continue;
		memcpy(text, header->value.data, header->value.size);
		text[header->value.size] = '\0';
		record->stored = (uint32_t)strtoul(text, NULL, 10);
	}
}

void
weir__oracle_ledger_check_state(struct weir_oracle_ledger *ledger,
				const struct weir_oracle_input *input)
{
	uint32_t counts[WEIR_ORACLE_GROUPS] = {0};

	for (int64_t index = 0; index < input->count; index++) {
		const struct weir_oracle_record *record = &input->records[index];
		uint32_t *count = &counts[record->id % WEIR_ORACLE_GROUPS];

		/* one that could not be sent became a dead letter, and left no write */
		if (!record->present || !record->kept || record->again || record->dead ||
		    input->low + index >= input->committed)
			continue;
		++*count;
		ledger->verdict->states += record->stored != 0;
		if (record->stored && record->stored != *count)
			weir__oracle_verdict_add(
				ledger->verdict, WEIR_ORACLE_MISSTATED,
				"%s[%d]@%" PRId64 " (id %" PRIu64
				"): its store counted %" PRIu32 " of its group, of %" PRIu32,
				input->topic, (int)input->id, input->low + index, record->id,
				record->stored, *count);
	}
}
