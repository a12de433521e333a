/*
 * What every way of consuming shares: the topic's partitions and their ends, a record to
 * a line, writing lines out, gaps. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "consume_run.h"
#include "interrupt.h"

#define HELD_MS 5000 /* transactions that last are told, not those that pass */

int64_t
weir__consume_now(const struct weir_consumption *run)
{
	return run->config->clock->monotonic_ms(run->config->clock);
}

void
weir__consume_show(struct weir_consumption *run)
{
	int64_t left = 0;
	int32_t i;

	/* lines on the same terminal are progress enough */
	if (isatty(run->config->to ? -1 : run->config->fd) ||
	    !weir__progress_due(&run->progress))
		return;
	for (i = 0; i < run->topic.partitions; i++)
		if (run->config->until_end && !weir__consume_done(&run->partitions[i]))
			left += run->partitions[i].end - run->partitions[i].next;
	if (run->config->until_end)
		weir__progress_draw(&run->progress,
				    "%s: %" PRIu64 " records, %" PRId64 " left",
				    run->config->topic, run->taken, left);
	else
		weir__progress_draw(&run->progress, "%s: %" PRIu64 " records",
				    run->config->topic, run->taken);
}

bool
weir__consume_stop(const struct weir_consumption *run)
{
	return weir__interrupt_count() > 0 ||
	       (run->config->count > 0 && run->taken >= (uint64_t)run->config->count);
}

void
weir__consume_take(struct weir_consumption *run, const struct weir_offset *place,
		   const struct weir_message *message)
{
	struct weir_consume_partition *partition = &run->partitions[place->partition];
	size_t before = run->out.size;

	if (weir__consume_done(partition))
		return; /* came after the end was taken: another run's */
	if (place->offset >= partition->end) {
		partition->next = partition->end;
		return;
	}
	weir__line_write(&run->config->format, place, message, &run->out);
	partition->next = place->offset + 1;
	partition->held_ms = 0;
	run->taken++;
	run->in_hand++;
	run->since_kept++;
	run->bytes_since_kept += (int64_t)(run->out.size - before);
}

void
weir__consume_end(struct weir_consumption *run, int32_t id, int64_t position)
{
	struct weir_consume_partition *partition = &run->partitions[id];

	if (position > partition->next)
		partition->next = position;
	/* the log goes on, but not for who reads committed records only */
	partition->held_ms = run->config->until_end && !weir__consume_done(partition)
				     ? weir__consume_now(run)
				     : 0;
	partition->held_told = false;
}

void
weir__consume_wait(struct weir_consumption *run)
{
	int64_t now_ms = weir__consume_now(run);
	int32_t i;

	for (i = 0; i < run->topic.partitions; i++) {
		struct weir_consume_partition *partition = &run->partitions[i];

		if (partition->held_ms == 0 || partition->held_told ||
		    now_ms - partition->held_ms < HELD_MS)
			continue;
		partition->held_told = true;
		weir__log(run->config->logger, WEIR_LOG_WARNING,
			  "waiting for a producer to end its transaction topic=%s "
			  "partition=%" PRId32 " offset=%" PRId64 " end=%" PRId64,
			  run->config->topic, i, partition->next, partition->end);
	}
}

/* Standard output may not block, if another program made it so: wait until it takes more. */
static bool
may_write_again(int fd)
{
	struct pollfd place = {.fd = fd, .events = POLLOUT};

	if (errno == EAGAIN)
		poll(&place, 1, -1); /* a signal ends it */
	else if (errno != EINTR)
		return false;
	return weir__interrupt_count() < 2;
}

int
weir__consume_write(struct weir_consumption *run, int fd, const char *name,
		    struct weir_error *error)
{
	const char *at = run->out.data;
	size_t left = run->out.size;

	while (left > 0) {
		ssize_t wrote = write(fd, at, left);

		if (wrote < 0 && may_write_again(fd))
			continue;
		if (wrote < 0)
			return weir_error_set(error, WEIR_EIO, "%s: %s", name,
					      strerror(errno));
		at += wrote;
		left -= (size_t)wrote;
	}
	run->result->records += run->in_hand;
	run->in_hand = 0;
	run->out.size = 0;
	return 0;
}

int
weir__consume_gap(struct weir_consumption *run, int32_t partition, int64_t wanted,
		  int64_t *next, struct weir_error *error)
{
	const char *topic = run->config->topic;
	int64_t low;
	int64_t high;
	int code = weir__topic_range(run->broker, topic, partition, &low, &high,
				     run->config->timeout_ms, error);

	if (code != 0)
		return code;
	if (wanted > high)
		return weir_error_set(error, WEIR_ESTATE,
				      "%s[%" PRId32 "]: was read up to %" PRId64
				      ", and ends at %" PRId64
				      ": the topic was made anew, or its end was lost",
				      topic, partition, wanted, high);
	if (wanted < low && !run->config->continue_at_gap)
		return weir_error_set(error, WEIR_ESTATE,
				      "%s[%" PRId32 "]: %" PRId64
				      " is wanted, the log starts at %" PRId64
				      ": %" PRId64 " records lost to retention (--on-gap "
				      "continue goes on)",
				      topic, partition, wanted, low, low - wanted);
	*next = wanted < low ? low : wanted;
	if (wanted < low) {
		run->result->gone += (uint64_t)(low - wanted);
		weir__log(run->config->logger, WEIR_LOG_WARNING,
			  "records lost to retention topic=%s partition=%" PRId32
			  " from=%" PRId64 " to=%" PRId64,
			  topic, partition, wanted, low);
	}
	return 0;
}

int
weir__consume_ends(struct weir_consumption *run, struct weir_error *error)
{
	int32_t i;

	for (i = 0; i < run->topic.partitions; i++) {
		struct weir_consume_partition *partition = &run->partitions[i];
		int64_t low;
		int code;

		partition->end = INT64_MAX;
		if (!run->config->until_end)
			continue;
		code = weir__topic_range(run->broker, run->config->topic, i, &low,
					 &partition->end, run->config->timeout_ms, error);
		if (code != 0)
			return code;
	}
	return 0;
}

void
weir__consume_grow(struct weir_consumption *run, int32_t count)
{
	int32_t i;

	run->partitions = weir__realloc(run->partitions,
					((size_t)count + 1) * sizeof(*run->partitions));
	for (i = run->topic.partitions; i < count; i++)
		run->partitions[i] = (struct weir_consume_partition){
			.kept = WEIR_OFFSET_NONE,
			/* they were not there when the ends were taken */
			.end = run->config->until_end ? 0 : INT64_MAX,
		};
	run->topic.partitions = count;
}

int
weir__consume(struct weir_broker *broker, const struct weir_consume_config *config,
	      struct weir_consume_result *result, struct weir_error *error)
{
	struct weir_consumption run = {
		.config = config, .result = result, .broker = broker, .file = -1};
	int code;

	memset(result, 0, sizeof(*result));
	weir__progress_init(&run.progress, config->quiet);
	code = weir__topic_find(broker, config->topic, "READ", config->timeout_ms,
				&run.topic, error);
	if (code == 0)
		run.partitions = weir__calloc((size_t)run.topic.partitions + 1,
					      sizeof(*run.partitions));
	run.partitions_at_start = run.topic.partitions;
	weir__interrupt_catch();
	run.kept_ms = run.looked_ms = weir__consume_now(&run);
	if (code == 0)
		code = weir__consume_ends(&run, error);
	if (code == 0)
		code = config->group ? weir__consume_group(&run, error)
				     : weir__consume_reader(&run, error);
	weir__progress_clear(&run.progress);
	weir__consume_file_close(&run);
	weir__buffer_fini(&run.out);
	free(run.partitions);
	free(run.state_path);
	return code;
}
