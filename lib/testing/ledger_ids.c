/*
 * The ledger's part about ids: where each is. Without steps a record is known by its id
 * alone. With stores a record whose id was in its partition before is dropped: whoever
 * writes the input may have to send a record twice when a broker dies, and that is what
 * such a step is for.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <base/alloc.h>

#include <testing/ledger.h>

#define IDS_END (UINT64_C(1) << 32) /* those beyond are not of a load */

void
weir__oracle_ledger_remember(struct weir_oracle_ledger *ledger, uint64_t id,
			     const struct weir_oracle_input *input, int64_t offset)
{
	if (id >= IDS_END)
		return;
	if (id >= ledger->id_count) {
		size_t count = 2 * (size_t)id + 64;

		ledger->ids = weir__realloc(ledger->ids, count * sizeof(*ledger->ids));
		for (size_t index = ledger->id_count; index < count; index++)
			ledger->ids[index].offset = WEIR_OFFSET_NONE;
		ledger->id_count = count;
	}
	ledger->ids[id].input = (int32_t)(input - ledger->inputs);
	ledger->ids[id].offset = offset;
}

bool
weir__oracle_ledger_find(const struct weir_oracle_ledger *ledger, uint64_t id,
			 struct weir_oracle_input **input, int64_t *offset)
{
	if (id >= ledger->id_count || ledger->ids[id].offset == WEIR_OFFSET_NONE)
		return false;
	*input = &ledger->inputs[ledger->ids[id].input];
	*offset = ledger->ids[id].offset;
	return true;
}

bool
weir__oracle_ledger_is_again(struct weir_oracle_ledger *ledger,
			     const struct weir_oracle_input *input, int64_t offset,
			     const struct weir_oracle_record *record)
{
	struct weir_oracle_input *other;
	int64_t first;

	if (!ledger->config->stores || !record->kept)
		return false;
	if (!weir__oracle_ledger_find(ledger, record->id, &other, &first)) {
		weir__oracle_ledger_remember(ledger, record->id, input, offset);
		return false;
	}
	return other == input && first < offset;
}
