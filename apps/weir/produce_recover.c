/*
 * When a transaction does not succeed: what each outcome asks for, going back, and
 * finding out what became of a commit whose outcome is not known. One thread.
 *
 * The rule behind all of it: the input is at run->back whenever no transaction is in
 * hand, and whatever ends a transaction other than its commit goes back there.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <inttypes.h>
#include <poll.h>

#include <base/units.h>

#include "interrupt.h"
#include "produce_run.h"

#define SLICE_MS 500
#define MAX_ATTEMPTS 12

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

int
weir__produce_fenced(const struct weir_production *run, struct weir_error *error)
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
void
weir__produce_committed(struct weir_production *run)
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
void
weir__produce_drop(struct weir_production *run)
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
bool
weir__produce_expired(const struct weir_production *run)
{
	return !run->config->source && run->turn.open &&
	       weir__produce_now(run) - run->turn.begun_ms >=
		       run->transaction_timeout_ms - run->transaction_timeout_ms / 15;
}

int
weir__produce_too_slow(const struct weir_production *run, struct weir_error *error)
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
		weir__produce_committed(run);
		return 0;
	}
	if (outcome == WEIR_ABORT && weir__produce_expired(run))
		return weir__produce_too_slow(run, error);
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
int
weir__produce_replace(struct weir_production *run, struct weir_error *error)
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
		return weir__produce_fenced(run, error);
	if (code != 0)
		return code;
	if (position == run->position)
		return go_back(run, "the cluster lost the transaction", error);
	run->turn.open = false;
	weir__produce_committed(run);
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
	code = weir__produce_replace(run, error);
	if (code != 0)
		return code == WEIR_EFENCED ? weir__produce_fenced(run, error) : code;
	if (run->config->source)
		return settle_source(
			run, commit_called ? run->input.position : run->position, error);
	if (commit_called)
		return settle_whole(run, partition, delivered, error);
	if (weir__produce_expired(run))
		return weir__produce_too_slow(run, error);
	return go_back(run, why, error);
}

/*
 * Was this run fenced by a later one? The broker's transaction timeout looks the same, but
 * not before its time. To go on here would fence the other one in turn: each could take the
 * other's progress for its end, and both would stop.
 */
static bool
is_overtaken(const struct weir_production *run, const struct weir_error *reason)
{
	return run->config->source && run->turn.open && reason->code == WEIR_EFENCED &&
	       weir__produce_now(run) - run->turn.begun_ms < run->transaction_timeout_ms;
}

/* Nothing of the transaction shall be seen. Afterwards the input is back where it began.
 */
static int
give_up_turn(struct weir_production *run, bool commit_called, const char *why,
	     struct weir_error *error)
{
	int64_t since_ms = weir__produce_now(run);
	struct weir_error reason = {0};
	enum weir_outcome outcome;

	do
		outcome = weir__session_abort(run->session, SLICE_MS, &reason);
	while (outcome == WEIR_AGAIN && weir__produce_again(run, since_ms));
	if (outcome == WEIR_FENCED ||
	    (outcome == WEIR_UNKNOWN && is_overtaken(run, &reason)))
		return weir__produce_fenced(run, error);
	if (outcome == WEIR_FATAL || outcome == WEIR_AGAIN)
		return weir_error_set(
			error, WEIR_EBROKER,
			"%s; the abort failed too (%s): the broker ends the "
			"transaction when its time is over",
			why, reason_of(&reason, weir__outcome_name(outcome)));
	if (outcome == WEIR_UNKNOWN)
		/* also because there is nothing left to abort, for it is committed */
		return recover(run, commit_called, why, error);
	run->tainted |= outcome == WEIR_TAINTED;
	if (weir__produce_expired(run))
		return weir__produce_too_slow(run, error);
	return go_back(run, why, error);
}

/* The batch is to be aborted: is a record to blame, so that no try can succeed? */
static int
aborted(struct weir_production *run, bool commit_called, const char *why,
	struct weir_error *error)
{
	struct weir_error failure = {0};

	weir__produce_failures(run, &failure);
	if (failure.code == WEIR_ELIMIT)
		return weir_error_set(error, WEIR_ELIMIT, "%s", failure.message);
	return give_up_turn(run, commit_called, failure.code ? failure.message : why,
			    error);
}

/* An operation of the transaction did not succeed. 0: the input is where to go on. */
int
weir__produce_outcome(struct weir_production *run, enum weir_outcome outcome,
		      bool commit_called, const struct weir_error *reason,
		      struct weir_error *error)
{
	const char *why = reason_of(reason, weir__outcome_name(outcome));

	switch (outcome) {
	case WEIR_ABORT:
		return aborted(run, commit_called, why, error);
	case WEIR_UNKNOWN:
		if (is_overtaken(run, reason))
			return weir__produce_fenced(run, error);
		return recover(run, commit_called, why, error);
	case WEIR_FENCED:
		return weir__produce_fenced(run, error);
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
