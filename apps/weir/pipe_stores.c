/*
 * Stores for `weir pipe`, which begins with empty ones each time. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <base/folder.h>

#include "pipe_stores.h"

void
weir__pipe_stores_init(struct pipe_stores *stores)
{
	const char *parent = getenv("TMPDIR");

	if (!parent || !*parent || strlen(parent) > 50)
		parent = "/tmp";
	snprintf(stores->folder, sizeof(stores->folder), "%s/weir-pipe-XXXXXX", parent);
	if (!mkdtemp(stores->folder))
		stores->folder[0] = '\0';
}

int
weir__pipe_stores_check(const struct pipe_stores *stores, const struct weir_chain *chain,
			struct weir_error *error)
{
	size_t count;

	weir__chain_stores(chain, &count);
	if (count == 0 || stores->folder[0])
		return 0;
	return weir_error_set(error, WEIR_EIO,
			      "cannot make a folder for stores in TMPDIR or /tmp");
}

void
weir__pipe_stores_forget(const struct weir_stores *opened, struct weir_memory *memory)
{
	const char *const *changelogs;
	size_t count = 0;
	int64_t low, high;

	if (!opened)
		return;
	changelogs = weir__stores_changelogs(opened, &count);
	for (size_t i = 0; i < count; i++)
		if (weir__broker_range(weir__memory_broker(memory), changelogs[i], 0, &low,
				       &high, 0, NULL) == 0)
			weir__memory_delete_records(memory, changelogs[i], 0, high);
}

void
weir__pipe_stores_fini(struct pipe_stores *stores)
{
	if (stores->folder[0])
		weir__folder_remove(stores->folder);
}
