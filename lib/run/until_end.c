/*
 * The ends of the inputs at start, and how far the group's committed offsets are.
 *
 * Committed offsets count control markers, because an idle worker commits the position at
 * the end of a partition; so they reach an end that a marker makes. The thread that asks
 * has the session to itself and leaves its answer in two atomics.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <base/alloc.h>
#include <run/mark.h>
#include <run/threads.h>
#include <run/until_end.h>

#define ASK_TIMEOUT_MS 5000
#define SLICE_MS 1000 /* a question's; whoever waits for the thread waits so long */
#define PAUSE_MS 200  /* between two questions */

struct weir_until_end {
	const struct weir_pipeline *pipeline;
	struct weir_offset *places; /* of the partitions that are not yet there */
	int64_t *low;
	int64_t *high;
	size_t count;
	int64_t total;
	_Atomic int64_t left;
	atomic_bool reached;

	struct weir_session *session;
	pthread_t thread;
	bool started;
	int leave; /* eventfd: the thread shall end */
	int wake;  /* the caller's */
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
	end->leave = -1;
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
	atomic_store(&end->left, end->total);
	return end;
}

/* Without a committed offset and with "latest" the group starts behind what was there. */
static bool
skipped(const struct weir_until_end *end, size_t index)
{
	return end->places[index].offset == WEIR_OFFSET_NONE &&
	       end->pipeline->offset_reset == WEIR_RESET_LATEST;
}

/* One question. An answer that does not come counts as no. */
static bool
ask(struct weir_until_end *end)
{
	struct weir_error error = {0};
	int64_t from, left = 0;

	if (!end->count)
		return true;
	if (weir__session_committed(end->session, end->places, end->count, SLICE_MS, &error) !=
	    WEIR_SUCCESS)
		return false;
	for (size_t index = 0; index < end->count; index++) {
		/* the worker that is given it says so, and stops */
		if (weir__mark_is_reset(end->places[index].metadata))
			return false;
		from = end->places[index].offset;
		if (from < end->low[index])
			from = end->low[index];
		if (from < end->high[index] && !skipped(end, index))
			left += end->high[index] - from;
	}
	atomic_store(&end->left, left);
	return left == 0;
}

static void *
ask_main(void *opaque)
{
	struct weir_until_end *end = opaque;
	struct pollfd leave = {.fd = end->leave, .events = POLLIN};

	while (!ask(end)) {
		if (poll(&leave, 1, PAUSE_MS) > 0)
			return NULL;
	}
	atomic_store(&end->reached, true);
	weir__wake(end->wake);
	return NULL;
}

int
weir__until_end_watch(struct weir_until_end *end, struct weir_broker *broker, int wake,
                      struct weir_error *error)
{
	const struct weir_session_config config = {.name = "until end",
	                                           .group = end->pipeline->name};
	struct weir_error own = {0};

	end->session = weir__broker_session_open(broker, &config, &own);
	if (!end->session)
		return weir_error_set(error, own.code, "%s", own.message);
	end->wake = wake;
	end->leave = eventfd(0, EFD_CLOEXEC);
	end->started = end->leave >= 0 && weir__thread_start(&end->thread, ask_main, end) == 0;
	return end->started ? 0 : weir_error_set(error, WEIR_EIO, "cannot start a thread");
}

bool
weir__until_end_reached(const struct weir_until_end *end)
{
	return atomic_load(&end->reached);
}

void
weir__until_end_progress(const struct weir_until_end *end, int64_t *total, int64_t *left)
{
	*total = end->total;
	*left = atomic_load(&end->left);
}

static void
stop_thread(struct weir_until_end *end)
{
	weir__wake(end->leave);
	pthread_join(end->thread, NULL);
}

void
weir__until_end_free(struct weir_until_end *end)
{
	if (!end)
		return;
	if (end->started)
		stop_thread(end);
	if (end->leave >= 0)
		close(end->leave);
	weir__session_close(end->session);
	free(end->high);
	free(end->low);
	free(end->places);
	free(end);
}
