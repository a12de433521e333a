/*
 * Producing lines to a topic, on any broker: what `weir produce` does once its arguments
 * are read.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_APPS_PRODUCE_RUN_H
#define WEIR_APPS_PRODUCE_RUN_H

#include <base/alloc.h>
#include <base/clock.h>
#include <broker/broker.h>

#include "format.h"
#include "position.h"
#include "produce_input.h"
#include "progress.h"
#include "topic.h"

/* All borrowed. */
struct weir_produce_config {
	const char *topic;
	const char *path;   /* NULL: standard input */
	const char *source; /* exactly-once in steps, under this name; NULL: none */
	enum weir_guarantee guarantee;
	struct weir_line_format format;
	int64_t commit_records; /* with a source: a transaction ends at any of these */
	int64_t commit_interval_ms;
	int64_t commit_bytes;
	int64_t timeout_ms; /* give up after this time without progress */
	const struct weir_properties *producer;
	const struct weir_logger *logger;
	const struct weir_clock *clock;
	bool quiet;
};

struct weir_produce_result {
	uint64_t records; /* delivered, or committed */
	uint64_t lost;    /* could not be delivered; at least as many when more_lost */
	bool more_lost;
};

/*
 * Produce all of the input. Returns 0, or a WEIR_E* with one line that names FILE:LINE
 * where a line is at fault; WEIR_EFENCED when another run of the source took over.
 */
int weir__produce(struct weir_broker *broker, const struct weir_produce_config *config,
		  struct weir_produce_result *result, struct weir_error *error);

/* ---- shared by the files of produce ---- */

/* The transaction in hand. */
struct weir_produce_turn {
	bool open;
	int64_t begun_ms;
	uint64_t records;
	int64_t bytes;
};

/* One run. */
struct weir_production {
	const struct weir_produce_config *config;
	struct weir_produce_result *result;
	struct weir_broker *broker;
	struct weir_session *session;
	struct weir_input input;
	struct weir_arena arena; /* of the line in hand */
	struct weir_progress progress;
	struct weir_topic topic;
	size_t max_message_bytes;
	uint64_t sent;
	bool ready; /* init was done once */

	/* exactly-once */
	char *transactional_id;
	int64_t transaction_timeout_ms;
	struct weir_produce_turn turn;
	bool tainted;     /* replace the producer before the next begin */
	bool settled;     /* without a source: all is committed */
	int64_t position; /* committed; 0 when nothing is */
	int64_t back;     /* where the input goes on from there, and its line there */
	uint64_t back_line;
	int64_t progress_ms; /* when something was committed last, or the start */
	int attempts;        /* since then */

	/* with a source; produce_source.c */
	char *position_path;
	bool position_kept;       /* the position file exists */
	int64_t position_kept_ms; /* when it was written last */
	uint64_t run;
	bool ever_committed; /* an offset was there, or this run made one */
	struct weir_fingerprint fingerprint;
	char mark[WEIR_SOURCE_MARK_TEXT];
};

/* The input goes on from the line behind the one in hand: message, or a fault of the
 * line. */
int weir__produce_read(struct weir_production *run, struct weir_bytes line,
		       struct weir_message *message, struct weir_error *error);

/* A line longer than any record of the topic. Returns WEIR_ELIMIT. */
int weir__produce_too_long(const struct weir_production *run, struct weir_error *error);

/* Take the delivery failures that came: counts them; sets *error from the first. */
size_t weir__produce_failures(struct weir_production *run, struct weir_error *error);

/* Wait for an operation that says AGAIN: false when `since_ms` + timeout or a signal says
 * no. */
bool weir__produce_again(const struct weir_production *run, int64_t since_ms);

int64_t weir__produce_now(const struct weir_production *run);
void weir__produce_show(struct weir_production *run);

/* Open run->session, make it ready. */
int weir__produce_open(struct weir_production *run, const char *group,
		       struct weir_error *error);
int weir__produce_init(struct weir_production *run, struct weir_error *error);

/* produce_transaction.c: all of the input exactly once. */
int weir__produce_exactly_once(struct weir_production *run, struct weir_error *error);

/* ---- produce_recover.c ---- */

/*
 * An operation of the transaction did not succeed: do what its outcome asks for.
 *
 * Returns 0 when the input is where to go on, with no transaction in hand: behind what is
 * committed, which may be the transaction if `commit_called`. Else a WEIR_E*.
 */
int weir__produce_outcome(struct weir_production *run, enum weir_outcome outcome,
			  bool commit_called, const struct weir_error *reason,
			  struct weir_error *error);

/* A new producer of the same id: it ends what the old one left. */
int weir__produce_replace(struct weir_production *run, struct weir_error *error);

/* All up to where the input stands is committed. */
void weir__produce_committed(struct weir_production *run);

/* Abort before leaving: readers would wait for the transaction's timeout otherwise. */
void weir__produce_drop(struct weir_production *run);

/* Has the one transaction lasted as long as the broker lets it? */
bool weir__produce_expired(const struct weir_production *run);

/* Errors: it has; another run took over. */
int weir__produce_too_slow(const struct weir_production *run, struct weir_error *error);
int weir__produce_fenced(const struct weir_production *run, struct weir_error *error);

/* ---- produce_source.c ---- */

/* Name the ids and the position file of the source. */
void weir__source_init(struct weir_production *run);
void weir__source_fini(struct weir_production *run);

/* After init: read the committed position, check it against file and input, and go there.
 */
int weir__source_start(struct weir_production *run, struct weir_error *error);

/* The offset to commit for the input's position; before the transaction's commit. */
int weir__source_offset(struct weir_production *run, struct weir_offset *offset,
			struct weir_error *error);

/* run->position is committed: keep it in the position file, at most once a second. */
int weir__source_keep(struct weir_production *run, bool now, struct weir_error *error);

/*
 * After an unknown outcome and init: which position is committed, run->position or
 * `after`? 0 and *position, WEIR_EFENCED when another run of the source moved it, or a
 * WEIR_E*.
 */
int weir__source_ask(struct weir_production *run, int64_t after, int64_t *position,
		     struct weir_error *error);

#endif
