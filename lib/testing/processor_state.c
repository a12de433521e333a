/*
 * What the oracle's processor keeps in a store: which records it has seen, and how many of
 * each group.
 *
 * A store that is older or younger than the committed offsets shows: a record that is known
 * although nothing of it was ever committed is dropped, and so lost; a count that is not that
 * of the records before is told by the record's outputs. The worker's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <testing/processor_state.h>

const struct weir_store_row weir__oracle_stores[] = {
	{"seen", NULL, "the ids of records that were processed"},
	{"counts", NULL, "how many records of each group were"},
	WEIR_STORE_END};

bool
weir__oracle_load_is_stored(const struct weir_oracle_load *load)
{
	return !load->reject && !load->early && !load->hold;
}

static uint64_t
read_count(struct weir_store *counts, struct weir_bytes key)
{
	struct weir_bytes value;
	char text[24];

	if (weir_store_get(counts, key, &value) || value.size >= sizeof(text))
		return 0;
	memcpy(text, value.data, value.size);
	text[value.size] = '\0';
	return strtoull(text, NULL, 10);
}

bool
weir__oracle_store(struct weir_context *ctx, const struct weir_oracle_load *load,
		   uint64_t *count)
{
	struct weir_store *seen = weir_store_find(ctx, "seen");
	struct weir_store *counts = weir_store_find(ctx, "counts");
	char id[24], group[24], text[24];
	struct weir_bytes key = {
		id, (size_t)snprintf(id, sizeof(id), "%" PRIu64, load->id)};

	*count = 0;
	if (!seen || load->hold)
		return true;
	if (weir_store_put_new(seen, key, (struct weir_bytes){NULL, 0}) == WEIR_EEXISTS)
		return false;
	key = (struct weir_bytes){group,
				  (size_t)snprintf(group, sizeof(group), "%" PRIu64,
						   load->id % WEIR_ORACLE_GROUPS)};
	*count = read_count(counts, key) + 1;
	weir_store_put(counts, key,
		       (struct weir_bytes){text, (size_t)snprintf(text, sizeof(text),
								  "%" PRIu64, *count)});
	return true;
}
