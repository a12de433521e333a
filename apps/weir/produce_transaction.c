/*
 * Producing exactly once: the whole input in one transaction, or, with a source, in many
 * that each carry the position in the file. Knows when a transaction begins and ends;
 * what to do when it does not succeed is in produce_recover.c, and what a position is,
 * and whether it may be believed, in produce_source.c. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "interrupt.h"
#include "produce_run.h"

#define SLICE_MS 500
#define SOURCE_TIMEOUT_MS 60000
#define WHOLE_TIMEOUT_MS (15 * 60000) /* the most that a broker allows by default */

/* ---- the turn of a transaction ---- */

static int
begin(struct weir_production *run, struct weir_error *error)
{
	struct weir_error reason = {0};
	enum weir_outcome outcome;

	if (run->tainted) {
		int code = weir__produce_replace(run, error);
		int64_t position;

		/* init fences another run of the source; but what if it has committed
		 * before? */
		if (code == 0 && run->config->source)
			code = weir__source_ask(run, run->position, &position, error);
		if (code != 0)
			return code == WEIR_EFENCED ? weir__produce_fenced(run, error)
						    : code;
	}
	outcome = weir__session_begin(run->session, &reason);
	if (outcome != WEIR_SUCCESS && outcome != WEIR_TAINTED)
		return weir__produce_outcome(run, outcome, false, &reason, error);
	run->turn = (struct weir_produce_turn){.open = true,
					       .begun_ms = weir__produce_now(run)};
	return 0;
}

static int
commit(struct weir_production *run, struct weir_error *error)
{
	struct weir_offset offset;
	struct weir_error reason;
	enum weir_outcome outcome;
	int64_t since_ms = weir__produce_now(run);
	size_t count = run->config->source ? 1 : 0;
	int code = count ? weir__source_offset(run, &offset, error) : 0;

	if (code != 0)
		return code;
	do {
		memset(&reason, 0, sizeof(reason));
		outcome = weir__session_commit(run->session, &offset, count, SLICE_MS,
					       &reason);
	} while (outcome == WEIR_AGAIN && weir__produce_again(run, since_ms));
	if (outcome != WEIR_SUCCESS && outcome != WEIR_TAINTED)
		code = weir__produce_outcome(run, outcome, true, &reason, error);
	else
		weir__produce_committed(run);
	run->tainted |= outcome == WEIR_TAINTED;
	if (code == 0 && count && !run->turn.open && run->position > 0)
		code = weir__source_keep(run, false, error);
	return code;
}

/* A line: into the transaction, or into nothing, when the input was sent back. */
static int
take_line(struct weir_production *run, struct weir_bytes line, struct weir_error *error)
{
	struct weir_error reason;
	struct weir_message message;
	enum weir_outcome outcome;
	int64_t since_ms = weir__produce_now(run);
	int code = weir__produce_read(run, line, &message, error);

	if (code != 0)
		return code;
	if (!run->turn.open) {
		int64_t position = run->input.position;

		code = begin(run, error);
		if (code != 0 || !run->turn.open || run->input.position != position)
			return code;
	}
	do {
		memset(&reason, 0, sizeof(reason));
		outcome = weir__session_send(run->session, 0, &message, run->input.line,
					     SLICE_MS, &reason);
	} while (outcome == WEIR_AGAIN && weir__produce_again(run, since_ms) &&
		 !weir__produce_expired(run));
	if (outcome == WEIR_AGAIN && weir__produce_expired(run))
		return weir__produce_too_slow(run, error);
	if (outcome != WEIR_SUCCESS)
		return weir__produce_outcome(run, outcome, false, &reason, error);
	run->sent++;
	run->turn.records++;
	run->turn.bytes += (int64_t)line.size;
	return 0;
}

static bool
commit_due(const struct weir_production *run)
{
	const struct weir_produce_config *config = run->config;

	return config->source && run->turn.open &&
	       (run->turn.records >= (uint64_t)config->commit_records ||
		run->turn.bytes >= config->commit_bytes ||
		weir__produce_now(run) - run->turn.begun_ms >=
			config->commit_interval_ms);
}

/* Leave: what is in hand is committed with a source, else dropped. */
static int
interrupted(struct weir_production *run, struct weir_error *error)
{
	if (!run->config->source)
		return weir_error_set(error, WEIR_ESTATE,
				      "stopped by a signal: nothing was committed");
	if (run->turn.open) {
		int code = commit(run, error);

		if (code != 0)
			return code;
	}
	return weir_error_set(error, WEIR_ESTATE,
			      "%s: stopped by a signal, committed up to byte %" PRId64
			      ": the same command goes on there",
			      run->input.name, run->position);
}

/* One line, or one commit. *done at the end of the input with everything committed. */
static int
step(struct weir_production *run, bool *done, struct weir_error *error)
{
	struct weir_bytes line;

	switch (weir__input_next(&run->input, SLICE_MS / 2, &line, error)) {
	case WEIR_INPUT_LINE:
		return take_line(run, line, error);
	case WEIR_INPUT_IDLE:
		return 0;
	case WEIR_INPUT_END:
		*done = !run->turn.open;
		return run->turn.open ? commit(run, error) : 0;
	case WEIR_INPUT_TOO_LONG:
		return weir__produce_too_long(run, error);
	default:
		return WEIR_EIO;
	}
}

static int
all_lines(struct weir_production *run, struct weir_error *error)
{
	bool done = false;
	int code = 0;

	while (code == 0 && !done && !(run->settled && !run->config->source)) {
		if (weir__interrupt_count() > 0)
			return interrupted(run, error);
		if (weir__produce_expired(run))
			return weir__produce_too_slow(run, error);
		code = commit_due(run) ? commit(run, error) : step(run, &done, error);
		weir__produce_show(run);
	}
	return code;
}

/* Ids of runs, and of transactions that no later run has to find. */
static uint64_t
random_id(void)
{
	uint64_t id = 0;

	if (getrandom(&id, sizeof(id), 0) != (ssize_t)sizeof(id))
		id = (uint64_t)getpid() << 32 |
		     (uint64_t)weir__clock_system()->wall_ms(weir__clock_system());
	return id | 1; /* 0 means none */
}

/*
 * A run that is killed leaves its transaction open, and readers of committed records wait
 * for the end of it. So for a file the id is the same next time, when init ends it.
 */
static char *
whole_id(const struct weir_production *run)
{
	char *path = run->config->path ? realpath(run->config->path, NULL) : NULL;
	uint64_t hash = 14695981039346656037u;
	const char *at;
	char *id;

	for (at = path; at && *at; at++)
		hash = (hash ^ (unsigned char)*at) * 1099511628211u;
	id = weir__format("weir-produce-once/%s/%016" PRIx64, run->config->topic,
			  path ? hash : run->run);
	free(path);
	return id;
}

static void
set_up(struct weir_production *run)
{
	const struct weir_produce_config *config = run->config;
	const char *timeout =
		config->producer
			? weir__properties_get(config->producer, "transaction.timeout.ms")
			: NULL;

	run->run = random_id();
	run->progress_ms = weir__produce_now(run);
	run->transaction_timeout_ms =
		config->source ? SOURCE_TIMEOUT_MS : WHOLE_TIMEOUT_MS;
	if (timeout && atoll(timeout) > 0)
		run->transaction_timeout_ms = atoll(timeout);
	if (config->source)
		weir__source_init(run);
	else
		run->transactional_id = whole_id(run);
}

int
weir__produce_exactly_once(struct weir_production *run, struct weir_error *error)
{
	int code;

	set_up(run);
	if (run->config->source && !run->input.seekable)
		return weir_error_set(error, WEIR_EINVALID,
				      "%s: --source needs a regular file, to go back in",
				      run->input.name);
	code = weir__produce_open(run, run->config->source, error);
	if (code == 0)
		code = weir__produce_init(run, error);
	if (code == 0 && run->config->source)
		code = weir__source_start(run, error);
	run->progress_ms = weir__produce_now(run);
	if (code == 0)
		code = all_lines(run, error);
	if (code == 0 && run->config->source && run->position > 0)
		code = weir__source_keep(run, true, error);
	if (code != 0 && code != WEIR_EFENCED)
		weir__produce_drop(run);
	return code;
}
