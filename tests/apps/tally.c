/*
 * A processor with a store, for the shell tests: how often each value came.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <string.h>

#include <weir/processor.h>

static const struct weir_store_row stores[] = {
	{"seen", NULL, "how often each value came"},
	WEIR_STORE_END
};

static enum weir_verdict
record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	struct weir_store *store = weir_store_find(ctx, "seen");
	struct weir_bytes key = weir_record_value(record), before;
	char text[32] = "";
	int count = 0;

	(void)memory;
	if (weir_store_get(store, key, &before) == 0 && before.size < sizeof(text)) {
		memcpy(text, before.data, before.size);
		sscanf(text, "%d", &count);
	}
	snprintf(text, sizeof(text), "%d", count + 1);
	if (weir_store_put(store, key, (struct weir_bytes){text, strlen(text)}))
		return weir_stop(ctx, "cannot write");
	return WEIR_DONE;
}

static const struct weir_processor tally = {
	WEIR_PROCESSOR_HEADER,
	.name = "tally",
	.summary = "counts values in a store",
	.record = record,
	WEIR_STORES(stores),
};

WEIR_PLUGIN(tally);
