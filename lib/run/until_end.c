/*
 * The ends of the inputs at start, and how far the group's committed offsets are.
 *
 * Committed offsets count control markers, because an idle worker commits the position at
 * the end of a partition; so they reach an end that a marker makes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>

#include <base/alloc.h>
#include <run/until_end.h>

#define ASK_TIMEOUT_MS 5000

struct weir_until_end {
	const struct weir_pipeline *pipeline;
	struct weir_offset *places; /* of the partitions that are not yet there */
	int64_t *low;
	int64_t *high;
	size_t count;
	int64_t total;
	int64_t left;
};

static int
add_partition(struct weir_until_end *end, struct weir_broker *broker, const char *topic,
              int32_t partition, struct weir_error *error)
{
	int64_t low, high;
	int code = weir__broker_range(broker, topic, partition, &low, &high, ASK_TIMEOUT_MS, error);

	if (code || low == high)
		return code;
	end->places[end->count] = (struct weir_offset){.topic = topic, .partition = partition};
	end->low[end->count] = low;
	end->high[end->count] = high;
	end->total += high - low;
	end->count++;
	return 0;
}

struct weir_until_end *
weir__until_end_new(struct weir_broker *broker, const struct weir_pipeline *pipeline,
                    const struct weir_cluster_info *inputs, struct weir_error *error)
{
	struct weir_until_end *end = weir__calloc(1, sizeof(*end));
	size_t capacity = 1;

	end->pipeline = pipeline;
	for (size_t index = 0; index < pipeline->input_count; index++)
		capacity += (size_t)inputs->topics[index].partitions;
	end->places = weir__calloc(capacity, sizeof(*end->places));
	end->low = weir__calloc(capacity, sizeof(*end->low));
	end->high = weir__calloc(capacity, sizeof(*end->high));
	for (size_t index = 0; index < pipeline->input_count; index++) {
		for (int32_t id = 0; id < inputs->topics[index].partitions; id++) {
			if (add_partition(end, broker, pipeline->inputs[index], id, error)) {
				weir__until_end_free(end);
				return NULL;
			}
		}
	}
	end->left = end->total;
	return end;
}

/* Without a committed offset and with "latest" the group starts behind what was there. */
static bool
skipped(const struct weir_until_end *end, size_t index)
{
	return end->places[index].offset == WEIR_OFFSET_NONE &&
	       end->pipeline->offset_reset == WEIR_RESET_LATEST;
}

bool
weir__until_end_reached(struct weir_until_end *end, struct weir_broker *broker)
{
	struct weir_error error = {0};
	int64_t from;

	if (!end->count)
		return true;
	if (weir__broker_committed(broker, end->pipeline->name, end->places, end->count,
	                           ASK_TIMEOUT_MS, &error))
		return false;
	end->left = 0;
	for (size_t index = 0; index < end->count; index++) {
		from = end->places[index].offset;
		if (from < end->low[index])
			from = end->low[index];
		if (from < end->high[index] && !skipped(end, index))
			end->left += end->high[index] - from;
	}
	return end->left == 0;
}

void
weir__until_end_progress(const struct weir_until_end *end, int64_t *total, int64_t *left)
{
	*total = end->total;
	*left = end->left;
}

void
weir__until_end_free(struct weir_until_end *end)
{
	if (!end)
		return;
	free(end->high);
	free(end->low);
	free(end->places);
	free(end);
}
