/*
 * Consuming a topic as lines, on any broker: what `weir consume` does once its arguments
 * are read.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_APPS_CONSUME_RUN_H
#define WEIR_APPS_CONSUME_RUN_H

#include <base/alloc.h>
#include <base/clock.h>
#include <broker/broker.h>

#include "format.h"
#include "progress.h"
#include "topic.h"

/* ---- where to begin; consume_from.c ---- */

enum weir_from_kind {
	WEIR_FROM_BEGINNING = 0,
	WEIR_FROM_END,
	WEIR_FROM_LAST,   /* the last `value` offsets of each partition */
	WEIR_FROM_OFFSET, /* `value`, or the log's nearest end */
	WEIR_FROM_TIME    /* `value` in milliseconds since 1970 */
};

struct weir_from {
	enum weir_from_kind kind;
	int64_t value;
};

/*
 * "beginning", "end", "-N", "N", "@MILLISECONDS", or a time in ISO 8601: a date, or date
 * and time, UTC unless a zone follows. Returns 0 or WEIR_EINVALID.
 */
int weir__from_parse(const char *text, struct weir_from *from);

/* The offset it means in a partition. Returns 0 or a WEIR_E*. */
int weir__from_resolve(const struct weir_from *from, struct weir_broker *broker,
		       const char *topic, int32_t partition, int64_t *offset,
		       int64_t timeout_ms, struct weir_error *error);

/* ---- a run ---- */

/* All borrowed. */
struct weir_consume_config {
	const char *topic;
	const char *group; /* NULL: none, and nothing is committed */
	const char *to;    /* exactly-once into this file; NULL: to `fd` */
	int fd;
	enum weir_guarantee guarantee;
	struct weir_from from; /* where nothing was committed, or kept, before */
	struct weir_line_format format;
	bool read_committed;
	bool until_end; /* stop at the ends there were at start */
	bool continue_at_gap;
	int64_t count;          /* stop after so many records; 0: no limit */
	int64_t commit_records; /* commit or keep the position at any of these */
	int64_t commit_interval_ms;
	int64_t commit_bytes;
	int64_t look_interval_ms; /* how often to look for new partitions */
	int64_t timeout_ms;
	const struct weir_properties *consumer;
	const struct weir_logger *logger;
	const struct weir_clock *clock;
	bool quiet;
};

struct weir_consume_result {
	uint64_t records; /* written */
	uint64_t gone;    /* lost to retention */
};

/* Returns 0, or a WEIR_E* with one line. */
int weir__consume(struct weir_broker *broker, const struct weir_consume_config *config,
		  struct weir_consume_result *result, struct weir_error *error);

/* ---- shared by the files of consume ---- */

/* One partition of the topic. */
struct weir_consume_partition {
	int64_t next; /* position: behind the last record taken, or marker */
	int64_t kept; /* position that is committed, or in FILE.weir */
	int64_t end;  /* stop here; INT64_MAX without --until-end */
	int64_t held_ms; /* since when an open transaction holds back what follows; 0: none */
	bool held_told;
	struct weir_partition *handle; /* with a group, while owned */
	bool begun; /* with a group: begins at `kept`, which is not yet committed */
};

struct weir_consumption {
	const struct weir_consume_config *config;
	struct weir_consume_result *result;
	struct weir_broker *broker;
	struct weir_consume_partition *partitions; /* topic.partitions of them */
	struct weir_topic topic;
	int32_t partitions_at_start;
	struct weir_progress progress;

	struct weir_buffer out; /* lines not yet written */
	uint64_t taken;         /* records, of all */
	uint64_t in_hand;       /* of them: in `out` */
	uint64_t since_kept;    /* of them: since the last commit or keep */
	int64_t bytes_since_kept;
	int64_t kept_ms;   /* when that was */
	int64_t looked_ms; /* when new partitions were looked for last */

	/* --to; consume_file.c */
	char *state_path;
	int file;
	int64_t length; /* of the data that FILE.weir vouches for */
};

int64_t weir__consume_now(const struct weir_consumption *run);
void weir__consume_show(struct weir_consumption *run);

/* Is the count reached, or a signal come? */
bool weir__consume_stop(const struct weir_consumption *run);

/* Is this partition read as far as asked for? */
static inline bool
weir__consume_done(const struct weir_consume_partition *partition)
{
	return partition->next >= partition->end;
}

/* Add a record's line, unless it lies behind the end; the position moves in any case. */
void weir__consume_take(struct weir_consumption *run, const struct weir_offset *place,
			const struct weir_message *message);

/* The partition has been read to its end for now: `position` counts markers. */
void weir__consume_end(struct weir_consumption *run, int32_t partition, int64_t position);

/* Nothing came: say so when it is an open transaction that is waited for. */
void weir__consume_wait(struct weir_consumption *run);

/* Write run->out to `fd`, `name` in messages. Returns 0 or WEIR_EIO. */
int weir__consume_write(struct weir_consumption *run, int fd, const char *name,
			struct weir_error *error);

/*
 * `wanted` is outside the partition's log: the offset to go on from, or WEIR_ESTATE with
 * how much is lost.
 */
int weir__consume_gap(struct weir_consumption *run, int32_t partition, int64_t wanted,
		      int64_t *next, struct weir_error *error);

/* The topic has `count` partitions by now, the new ones to be read from their first
 * record. */
void weir__consume_grow(struct weir_consumption *run, int32_t count);

/* The ends to stop at, when asked for. Returns 0 or a WEIR_E*. */
int weir__consume_ends(struct weir_consumption *run, struct weir_error *error);

/* consume_group.c: as a member of a group. consume_reader.c: without. */
int weir__consume_group(struct weir_consumption *run, struct weir_error *error);
int weir__consume_reader(struct weir_consumption *run, struct weir_error *error);

/* ---- consume_file.c ---- */

/*
 * Open and lock FILE, read FILE.weir, cut FILE to the length it vouches for, and set the
 * positions from it; *fresh when there was none.
 */
int weir__consume_file_open(struct weir_consumption *run, bool *fresh,
			    struct weir_error *error);

/* Write the lines in hand, make them last, then make FILE.weir say so. */
int weir__consume_file_keep(struct weir_consumption *run, struct weir_error *error);

/* Cut off what FILE.weir does not vouch for, and let go. */
void weir__consume_file_close(struct weir_consumption *run);

#endif
