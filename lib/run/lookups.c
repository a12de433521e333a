/*
 * A worker's views of the app's tables: opened with it, let go between batches, and what
 * happens when one cannot be read. The worker's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>

#include <run/worker_private.h>

void
weir__lookups_open(struct weir_worker *worker)
{
	size_t count = worker->config.tables ? worker->pipeline->table_count : 0;

	if (count == 0)
		return;
	worker->tables = weir__calloc(count, sizeof(struct weir_table *));
	for (size_t index = 0; index < count; index++)
		worker->tables[index] = weir__table_new(worker->config.tables, index);
}

void
weir__lookups_let_go(struct weir_worker *worker)
{
	for (size_t index = 0; worker->tables && index < worker->pipeline->table_count; index++)
		weir__table_let_go(worker->tables[index]);
}

void
weir__lookups_close(struct weir_worker *worker)
{
	for (size_t index = 0; worker->tables && index < worker->pipeline->table_count; index++)
		weir__table_free(worker->tables[index]);
	free(worker->tables);
	worker->tables = NULL;
}

bool
weir__lookup_failed(struct weir_worker *worker)
{
	for (size_t index = 0; worker->tables && index < worker->pipeline->table_count; index++) {
		const struct weir_error *error = weir__table_error(worker->tables[index]);

		if (!error->code)
			continue;
		weir__worker_fail(worker, error);
		return true;
	}
	return false;
}
