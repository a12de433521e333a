/*
 * Producing exactly once: the whole input in one transaction, or, with a source, in many
 * that each carry the position in the file. Knows what to do at each outcome; what a
 * position is, and whether it may be believed, is in produce_source.c. One thread.
 *
 * The rule behind all of it: the input is at run->position whenever no transaction is in
 * hand, and whatever ends a transaction other than its commit goes back there.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <base/units.h>

#include "interrupt.h"
#include "produce_run.h"

#define SLICE_MS 500
#define MAX_ATTEMPTS 12
#define SOURCE_TIMEOUT_MS 60000
#define WHOLE_TIMEOUT_MS (15 * 60000) /* the most that a broker allows by default */

static void
pause_before_retry(const struct weir_production *run)
{
	int backoff_ms = 50 << (run->attempts < 6 ? run->attempts : 6);

	poll(NULL, 0, backoff_ms); /* a signal ends it */
}

static const char *
reason_of(const struct weir_error *reason, const char *otherwise)
{
	return reason->code ? reason->message : otherwise;
}

static int
fenced(const struct weir_production *run, struct weir_error *error)
{
	if (run->config->source)
		return weir_error_set(
			error, WEIR_EFENCED,
			"another run with --source %s took over: this one stops, what "
			"it committed stays",
			run->config->source);
	return weir_error_set(error, WEIR_EFENCED,
			      "another run took over (%s): nothing was committed",
			      run->transactional_id);
}

/* All up to where the input stands is committed. */
static void
committed(struct weir_production *run)
{
	run->turn.open = false;
	run->position = run->back = run->input.position;
	run->back_line = run->input.line;
	run->ever_committed = true;
	run->progress_ms = weir__produce_now(run);
	run->attempts = 0;
	run->result->records = run->sent;
	run->settled = true;
}

/* Abort before leaving: readers would wait for the transaction's timeout otherwise. */
static void
drop_turn(struct weir_production *run)
{
	int64_t since_ms = weir__produce_now(run);

	if (!run->turn.open)
		return;
	run->turn.open = false;
	while (weir__session_abort(run->session, SLICE_MS, NULL) == WEIR_AGAIN)
		if (!weir__produce_again(run, since_ms))
			return;
}

/* ---- going back ---- */

/* Drop what is in hand and go back to what is committed, if anything allows another try.
 */
static int
go_back(struct weir_production *run, const char *why, struct weir_error *error)
{
	run->turn.open = false;
	run->result->lost = 0;
	if (!run->input.seekable)
		return weir_error_set(
			error, WEIR_EBROKER,
			"nothing was committed: %s (%s cannot be read again)", why,
			run->input.name);
	if (++run->attempts > MAX_ATTEMPTS || !weir__produce_again(run, run->progress_ms))
		return weir_error_set(error, WEIR_EBROKER, "%s: %s, at the %dth try",
				      run->config->source ? "stopped at what is committed"
							  : "nothing was committed",
				      why, run->attempts);
	weir__log(run->config->logger, WEIR_LOG_WARNING,
		  "transaction given up, trying again position=%" PRId64
		  " attempt=%d reason=\"%s\"",
		  run->position, run->attempts, why);
	pause_before_retry(run);
	run->sent = run->result->records;
	return weir__input_seek(&run->input, run->back, run->back_line, error);
}

/* The transaction lasted as long as the broker lets it: another try would end the same.
 */
static bool
expired(const struct weir_production *run)
{
	return !run->config->source && run->turn.open &&
	       weir__produce_now(run) - run->turn.begun_ms >=
		       run->transaction_timeout_ms - run->transaction_timeout_ms / 15;
}

static int
too_long_a_transaction(const struct weir_production *run, struct weir_error *error)
{
	char text[32];

	return weir_error_set(
		error, WEIR_ELIMIT,
		"nothing was committed: all of the input is one transaction, and it "
		"took longer than the %s one may last; --source NAME produces it in "
		"many",
		weir__duration_print(run->transaction_timeout_ms, text, sizeof(text)));
}

/* ---- an outcome that is not known ---- */

/*
 * Was the one transaction committed? It is settled (init came after it), so its record at
 * `offset` is either the next that a read_committed reader sees there, or never seen.
 */
static enum weir_outcome
seen_at(struct weir_production *run, int32_t partition, int64_t offset,
	struct weir_error *error)
{
	struct weir_offset place = {run->config->topic, partition, offset, NULL};
	struct weir_reader *reader =
		weir__broker_reader_open(run->broker, &place, 1, true, error);
	enum weir_outcome outcome = WEIR_UNKNOWN;
	int64_t since_ms = weir__produce_now(run);

	if (!reader)
		return WEIR_UNKNOWN;
	while (outcome == WEIR_UNKNOWN && weir__produce_again(run, since_ms)) {
		struct weir_message message;
		enum weir_event_type type =
			weir__reader_poll(reader, SLICE_MS, &place, &message, error);

		if (type == WEIR_EVENT_RECORD)
			outcome = place.offset == offset ? WEIR_SUCCESS : WEIR_ABORT;
		else if (type == WEIR_EVENT_END && place.offset > offset)
			outcome = WEIR_ABORT;
		else if (type == WEIR_EVENT_GAP || type == WEIR_EVENT_FAILED)
			break;
	}
	weir__reader_close(reader);
	return outcome;
}

static int
settle_whole(struct weir_production *run, int32_t partition, int64_t delivered,
	     struct weir_error *error)
{
	struct weir_error reason = {0};
	enum weir_outcome outcome = WEIR_ABORT;

	/* a commit whose first record was never delivered cannot have happened */
	if (delivered != WEIR_OFFSET_NONE)
		outcome = seen_at(run, partition, delivered, &reason);
	if (outcome == WEIR_SUCCESS) {
		committed(run);
		return 0;
	}
	if (outcome == WEIR_ABORT && expired(run))
		return too_long_a_transaction(run, error);
	if (outcome == WEIR_ABORT)
		return go_back(run, "the commit did not reach the cluster", error);
	return weir_error_set(
		error, WEIR_EBROKER,
		"the outcome of the commit is not known%s%s: look at %s[%" PRId32
		"] from offset %" PRId64 " on; either all %" PRIu64
		" records are there or none is",
		reason.code ? ": " : "", reason.message, run->config->topic, partition,
		delivered, run->sent);
}

/* A new producer of the same id: it ends what the old one left. */
static int
replace(struct weir_production *run, struct weir_error *error)
{
	if (weir__session_replace(run->session, error) != WEIR_SUCCESS)
		return weir_error_set(error, WEIR_EBROKER,
				      "the producer cannot be replaced");
	run->tainted = false;
	return weir__produce_init(run, error);
}

static int
settle_source(struct weir_production *run, int64_t after, struct weir_error *error)
{
	int64_t position;
	int code = weir__source_ask(run, after, &position, error);

	if (code == WEIR_EFENCED)
		return fenced(run, error);
	if (code != 0)
		return code;
	if (position == run->position)
		return go_back(run, "the cluster lost the transaction", error);
	run->turn.open = false;
	committed(run);
	return 0;
}

/*
 * Find out what became of the transaction: `commit_called` tells whether it can be
 * committed at all. Then either it is, or the input is back where it began.
 */
static int
recover(struct weir_production *run, bool commit_called, const char *why,
	struct weir_error *error)
{
	int64_t delivered = WEIR_OFFSET_NONE;
	int32_t partition = 0;
	int32_t i;
	int code;

	for (i = 0; i < run->topic.partitions && delivered == WEIR_OFFSET_NONE; i++) {
		delivered = weir__session_delivered(run->session, 0, i);
		partition = i;
	}
	weir__log(run->config->logger, WEIR_LOG_WARNING,
		  "outcome not known, replacing the producer reason=\"%s\"", why);
	code = replace(run, error);
	if (code != 0)
		return code == WEIR_EFENCED ? fenced(run, error) : code;
	if (run->config->source)
		return settle_source(
			run, commit_called ? run->input.position : run->position, error);
	if (commit_called)
		return settle_whole(run, partition, delivered, error);
	if (expired(run))
		return too_long_a_transaction(run, error);
	return go_back(run, why, error);
}

/* Nothing of the transaction shall be seen. Afterwards the input is back where it began.
 */
static int
give_up_turn(struct weir_production *run, const char *why, struct weir_error *error)
{
	int64_t since_ms = weir__produce_now(run);
	struct weir_error reason = {0};
	enum weir_outcome outcome;

	do
		outcome = weir__session_abort(run->session, SLICE_MS, &reason);
	while (outcome == WEIR_AGAIN && weir__produce_again(run, since_ms));
	if (outcome == WEIR_FENCED)
		return fenced(run, error);
	if (outcome == WEIR_FATAL || outcome == WEIR_AGAIN)
		return weir_error_set(
			error, WEIR_EBROKER,
			"%s; the abort failed too (%s): the broker ends the "
			"transaction when its time is over",
			why, reason_of(&reason, weir__outcome_name(outcome)));
	if (outcome == WEIR_UNKNOWN)
		return recover(run, false, why, error);
	run->tainted |= outcome == WEIR_TAINTED;
	if (expired(run))
		return too_long_a_transaction(run, error);
	return go_back(run, why, error);
}

/* The batch is to be aborted: is a record to blame, so that no try can succeed? */
static int
aborted(struct weir_production *run, const char *why, struct weir_error *error)
{
	struct weir_error failure = {0};

	weir__produce_failures(run, &failure);
	if (failure.code == WEIR_ELIMIT)
		return weir_error_set(error, WEIR_ELIMIT, "%s", failure.message);
	return give_up_turn(run, failure.code ? failure.message : why, error);
}

/* An operation of the transaction did not succeed. 0: the input is where to go on. */
static int
on_outcome(struct weir_production *run, enum weir_outcome outcome, bool commit_called,
	   const struct weir_error *reason, struct weir_error *error)
{
	const char *why = reason_of(reason, weir__outcome_name(outcome));

	switch (outcome) {
	case WEIR_ABORT:
		return aborted(run, why, error);
	case WEIR_UNKNOWN:
		return recover(run, commit_called, why, error);
	case WEIR_FENCED:
		return fenced(run, error);
	case WEIR_AGAIN:
		run->turn.open =
			!commit_called; /* a commit that was called is not aborted */
		if (commit_called)
			return weir_error_set(
				error, WEIR_ETIMEOUT,
				"the commit got no answer in time, so its outcome is not "
				"known%s",
				run->config->source
					? "; the same command goes on where it counts"
					: "");
		return weir_error_set(error, WEIR_ETIMEOUT,
				      "the cluster takes no records");
	default:
		return weir_error_set(error, reason->code ? reason->code : WEIR_EBROKER,
				      "%s", why);
	}
}

/* ---- the turn of a transaction ---- */

static int
begin(struct weir_production *run, struct weir_error *error)
{
	struct weir_error reason = {0};
	enum weir_outcome outcome;

	if (run->tainted) {
		int code = replace(run, error);
		int64_t position;

		/* init fences another run of the source; but what if it has committed
		 * before? */
		if (code == 0 && run->config->source)
			code = weir__source_ask(run, run->position, &position, error);
		if (code != 0)
			return code == WEIR_EFENCED ? fenced(run, error) : code;
	}
	outcome = weir__session_begin(run->session, &reason);
	if (outcome != WEIR_SUCCESS && outcome != WEIR_TAINTED)
		return on_outcome(run, outcome, false, &reason, error);
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
		code = on_outcome(run, outcome, true, &reason, error);
	else
		committed(run);
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
		 !expired(run));
	if (outcome == WEIR_AGAIN && expired(run))
		return too_long_a_transaction(run, error);
	if (outcome != WEIR_SUCCESS)
		return on_outcome(run, outcome, false, &reason, error);
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
		if (expired(run))
			return too_long_a_transaction(run, error);
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
		drop_turn(run);
	return code;
}
