/*
 * Opens and closes tasks. A task knows its partition and its processors; what is done with
 * its offsets is the worker's matter. Runs on the worker's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <base/alloc.h>
#include <run/at_most_once.h>
#include <run/task.h>

struct weir_task *
weir__task_new(struct weir_partition *partition, unsigned slot, int64_t committed, int64_t mark)
{
	struct weir_task *task = weir__calloc(1, sizeof(*task));

	task->partition = partition;
	task->slot = slot;
	task->committed = committed;
	task->mark = task->next_mark = mark;
	task->next = partition->start;
	task->rewind_to = WEIR_OFFSET_NONE;
	return task;
}

int
weir__task_open_chain(struct weir_task *task, struct weir_chain *chain,
                      struct weir_table *const *tables, struct weir_error *error)
{
	size_t count;
	struct weir_store **stores;

	weir__chain_stores(chain, &count);
	stores = weir__calloc(count + 1, sizeof(struct weir_store *));
	for (size_t index = 0; index < count; index++)
		stores[index] = weir__state_store(task->state, index);
	task->chain = weir__chain_open(chain, task->partition->topic, task->partition->id, stores,
	                               tables, error);
	free(stores);
	return task->chain ? 0 : error->code;
}

void
weir__task_close(struct weir_task *task, void (*close_state)(struct weir_state *state))
{
	if (!task)
		return;
	weir__chain_close(task->chain);
	close_state(task->state);
	weir__suspects_fini(&task->suspects);
	weir__pending_free(task->pending);
	free(task);
}

char *
weir__task_place(const struct weir_task *task, int64_t offset, char *text, size_t size)
{
	snprintf(text, size, "%s[%" PRId32 "]@%" PRId64, task->partition->topic,
	         task->partition->id, offset);
	return text;
}
