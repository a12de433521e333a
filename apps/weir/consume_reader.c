/*
 * Consuming without a group: all partitions, from positions of its own, to standard
 * output or exactly once into a file (consume_file.c). One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "consume_run.h"

#define SLICE_MS 200
#define WRITE_BYTES (64 << 10)

/* Positions where nothing is known: of all partitions, or of those that are new. */
static int
set_positions(struct weir_consumption *run, struct weir_error *error)
{
	int32_t i;

	for (i = 0; i < run->topic.partitions; i++) {
		struct weir_consume_partition *partition = &run->partitions[i];
		int code = weir__from_resolve(&run->config->from, run->broker,
					      run->config->topic, i, &partition->next,
					      run->config->timeout_ms, error);

		if (code != 0)
			return code;
		partition->kept = WEIR_OFFSET_NONE;
	}
	return 0;
}

static struct weir_reader *
open_reader(struct weir_consumption *run, struct weir_error *error)
{
	struct weir_offset *places =
		weir__calloc((size_t)run->topic.partitions + 1, sizeof(*places));
	struct weir_reader *reader;
	size_t count = 0;
	int32_t i;

	for (i = 0; i < run->topic.partitions; i++)
		if (!weir__consume_done(&run->partitions[i]))
			places[count++] = (struct weir_offset){
				run->config->topic, i, run->partitions[i].next, NULL};
	reader = weir__broker_reader_open(run->broker, places, count,
					  run->config->read_committed, error);
	free(places);
	return reader;
}

static bool
all_done(const struct weir_consumption *run)
{
	int32_t i;

	for (i = 0; i < run->topic.partitions; i++)
		if (!weir__consume_done(&run->partitions[i]))
			return false;
	return true;
}

static bool
keep_due(const struct weir_consumption *run)
{
	const struct weir_consume_config *config = run->config;

	return run->since_kept >= (uint64_t)config->commit_records ||
	       run->bytes_since_kept >= config->commit_bytes ||
	       weir__consume_now(run) - run->kept_ms >= config->commit_interval_ms;
}

/* Write lines where they go; `idle` when there is nothing to read meanwhile. */
static int
put_out(struct weir_consumption *run, bool idle, struct weir_error *error)
{
	if (run->config->to && keep_due(run))
		return weir__consume_file_keep(run, error);
	if (run->out.size == 0 || (!idle && run->out.size < WRITE_BYTES))
		return 0;
	if (run->config->to)
		return weir__consume_write(run, run->file, run->config->to, error);
	return weir__consume_write(run, run->config->fd, "standard output", error);
}

/* The reader stands outside the log of a partition: start it anew where the log is. */
static int
step_over(struct weir_consumption *run, struct weir_reader **reader,
	  const struct weir_offset *place, struct weir_error *error)
{
	int32_t partition = place->partition;
	int code = weir__consume_gap(run, partition, place->offset,
				     &run->partitions[partition].next, error);

	if (code != 0)
		return code;
	weir__reader_close(*reader);
	*reader = open_reader(run, error);
	return *reader ? 0 : WEIR_EBROKER;
}

/* A topic may be given more partitions while it is read; nobody tells a reader. */
static int
look_for_partitions(struct weir_consumption *run, struct weir_reader **reader,
		    struct weir_error *error)
{
	const struct weir_consume_config *config = run->config;
	struct weir_topic topic;

	if (config->until_end ||
	    weir__consume_now(run) - run->looked_ms < config->look_interval_ms)
		return 0;
	run->looked_ms = weir__consume_now(run);
	/* a cluster that does not answer now is the reader's matter */
	if (weir__topic_find(run->broker, config->topic, "READ", SLICE_MS, &topic, NULL) != 0 ||
	    topic.partitions <= run->topic.partitions)
		return 0;
	weir__log(config->logger, WEIR_LOG_INFO, "topic has grown topic=%s partitions=%d",
		  config->topic, (int)topic.partitions);
	weir__consume_grow(run, topic.partitions);
	weir__reader_close(*reader);
	*reader = open_reader(run, error);
	return *reader ? 0 : WEIR_EBROKER;
}

static int
read_all(struct weir_consumption *run, struct weir_reader **reader,
	 struct weir_error *error)
{
	int code = 0;

	while (code == 0 && !weir__consume_stop(run) && !all_done(run)) {
		struct weir_offset place;
		struct weir_message message;
		enum weir_event_type type = weir__reader_poll(
			*reader, run->out.size ? 0 : SLICE_MS, &place, &message, error);

		if (type == WEIR_EVENT_RECORD)
			weir__consume_take(run, &place, &message);
		else if (type == WEIR_EVENT_END)
			weir__consume_end(run, place.partition, place.offset);
		else if (type == WEIR_EVENT_GAP)
			code = step_over(run, reader, &place, error);
		else if (type == WEIR_EVENT_FAILED)
			code = weir_error_set(error, WEIR_EBROKER, "reading failed");
		else
			weir__consume_wait(run);
		if (code == 0 && (type != WEIR_EVENT_RECORD || run->taken % 4096 == 0))
			code = look_for_partitions(run, reader, error);
		if (code == 0)
			code = put_out(run, type == WEIR_EVENT_IDLE, error);
		weir__consume_show(run);
	}
	return code;
}

int
weir__consume_reader(struct weir_consumption *run, struct weir_error *error)
{
	struct weir_reader *reader = NULL;
	bool fresh = true;
	int code = 0;
	int written;

	if (run->config->to)
		code = weir__consume_file_open(run, &fresh, error);
	if (code == 0 && fresh)
		code = set_positions(run, error);
	/* from now on the positions hold, whenever this run ends */
	if (code == 0 && run->config->to && fresh)
		code = weir__consume_file_keep(run, error);
	if (code == 0 && !all_done(run)) {
		reader = open_reader(run, error);
		code = reader ? read_all(run, &reader, error) : WEIR_EBROKER;
	}
	weir__reader_close(reader);
	if (code == WEIR_EIO || run->partitions == NULL)
		return code;
	/* what was read is worth keeping, also when reading failed */
	if (run->config->to)
		written = run->file >= 0 ? weir__consume_file_keep(run, error) : 0;
	else
		written = weir__consume_write(run, run->config->fd, "standard output",
					      error);
	return code ? code : written;
}
