/*
 * Producing at least once and at most once, and what all guarantees share: the session,
 * reading a line into a message, waiting, delivery failures. Knows nothing of
 * transactions (produce_transaction.c). One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <base/units.h>

#include "interrupt.h"
#include "produce_run.h"

#define SLICE_MS 250
#define FAILURES_EACH 1024 /* records between two looks at the failures */
#define FAILURES_KEPT 1000 /* see broker/session.h */
#define LONGEST_LINE ((size_t)1 << 30)

int64_t
weir__produce_now(const struct weir_production *run)
{
	return run->config->clock->monotonic_ms(run->config->clock);
}

bool
weir__produce_again(const struct weir_production *run, int64_t since_ms)
{
	return weir__interrupt_count() < 2 &&
	       weir__produce_now(run) - since_ms < run->config->timeout_ms;
}

void
weir__produce_show(struct weir_production *run)
{
	char text[32];

	if (!weir__progress_due(&run->progress))
		return;
	weir__progress_draw(
		&run->progress, "%s: %" PRIu64 " records, %s read", run->config->topic,
		run->sent,
		weir__size_print(run->input.position >> 10 << 10, text, sizeof(text)));
}

static size_t
message_bytes(const struct weir_message *message)
{
	size_t size = message->key.size + message->value.size;
	size_t i;

	for (i = 0; i < message->header_count; i++)
		size += strlen(message->headers[i].name) + message->headers[i].value.size;
	return size;
}

/* Prefix `reason` with the place of the line that was given last. */
static int
line_error(const struct weir_production *run, int code, const char *reason,
	   struct weir_error *error)
{
	return weir_error_set(error, code, "%s:%" PRIu64 ": %s", run->input.name,
			      weir__input_line_number(&run->input, run->input.line),
			      reason);
}

int
weir__produce_too_long(const struct weir_production *run, struct weir_error *error)
{
	return weir_error_set(error, WEIR_ELIMIT,
			      "%s:%" PRIu64
			      ": the line is too long for a record: %s takes at most "
			      "%zu bytes",
			      run->input.name,
			      weir__input_line_number(&run->input, run->input.line + 1),
			      run->config->topic, run->max_message_bytes);
}

int
weir__produce_read(struct weir_production *run, struct weir_bytes line,
		   struct weir_message *message, struct weir_error *error)
{
	struct weir_error reason = {0};
	size_t size;
	int code;

	weir__arena_reset(&run->arena);
	code = weir__line_read(&run->config->format, line, &run->arena, message, &reason);
	if (code != 0)
		return line_error(run, code, reason.message, error);
	size = message_bytes(message);
	if (size <= run->max_message_bytes)
		return 0;
	weir_error_set(&reason, WEIR_ELIMIT,
		       "a record of %zu bytes: %s takes at most %zu", size,
		       run->config->topic, run->max_message_bytes);
	return line_error(run, WEIR_ELIMIT, reason.message, error);
}

size_t
weir__produce_failures(struct weir_production *run, struct weir_error *error)
{
	struct weir_delivery_failure failures[16];
	struct weir_delivery_failure first;
	size_t total = 0;
	size_t count;

	while ((count = weir__session_failures(run->session, failures, 16)) > 0) {
		if (total == 0)
			first = failures[0];
		total += count;
	}
	if (total > 0)
		weir_error_set(
			error, first.refused ? WEIR_ELIMIT : WEIR_EBROKER,
			"%s:%" PRIu64 ": %s%s", run->input.name,
			weir__input_line_number(&run->input, first.tag), first.reason,
			first.refused && total > 1
				? " (it, or another that was sent along with it)"
				: "");
	run->result->lost += total;
	run->result->more_lost |= total >= FAILURES_KEPT;
	return total;
}

int
weir__produce_open(struct weir_production *run, const char *group,
		   struct weir_error *error)
{
	const struct weir_produce_config *config = run->config;
	struct weir_session_config session = {
		.name = "produce",
		.guarantee = config->guarantee,
		.group = group,
		.transactional_id = run->transactional_id,
		.outputs = &config->topic,
		.output_count = 1,
		.transaction_timeout_ms = run->transaction_timeout_ms,
		.session_timeout_ms = 10000,
		.producer = config->producer,
	};

	run->session = weir__broker_session_open(run->broker, &session, error);
	return run->session ? 0 : WEIR_EINVALID;
}

/* What a set-up operation's outcome is as an error; the session filled `error` or not. */
static int
setup_error(enum weir_outcome outcome, struct weir_error *error)
{
	if (outcome == WEIR_AGAIN)
		return weir_error_set(error, WEIR_ETIMEOUT,
				      weir__interrupt_count() > 0
					      ? "stopped by a signal"
					      : "the cluster gave no answer in time");
	if (outcome == WEIR_FENCED)
		return weir_error_set(error, WEIR_EFENCED,
				      "another producer of this name took over");
	return weir_error_set(error, WEIR_EBROKER,
			      "the cluster refused the producer (%s)",
			      weir__outcome_name(outcome));
}

int
weir__produce_init(struct weir_production *run, struct weir_error *error)
{
	int64_t since_ms = weir__produce_now(run);
	enum weir_outcome outcome;
	struct weir_error reason;
	size_t max;

	do {
		memset(&reason, 0, sizeof(reason));
		outcome = weir__session_init(run->session, SLICE_MS, &reason);
	} while (outcome == WEIR_AGAIN && (run->ready || weir__interrupt_count() == 0) &&
		 weir__produce_again(run, since_ms));
	if (outcome != WEIR_SUCCESS && outcome != WEIR_TAINTED) {
		if (reason.code)
			return weir_error_set(error, reason.code, "%s", reason.message);
		return setup_error(outcome, error);
	}
	run->ready = true;
	max = weir__session_max_message_bytes(run->session, 0);
	run->max_message_bytes = max;
	/* JSON may spell a byte in up to six */
	run->input.max_line_bytes =
		max < LONGEST_LINE / 8 ? max * 6 + 4096 : LONGEST_LINE;
	return 0;
}

/* ---- at least once, at most once ---- */

static int
send_line(struct weir_production *run, struct weir_bytes line, struct weir_error *error)
{
	int64_t since_ms = weir__produce_now(run);
	struct weir_error reason;
	struct weir_message message;
	enum weir_outcome outcome;
	int code = weir__produce_read(run, line, &message, error);

	if (code != 0)
		return code;
	do {
		memset(&reason, 0, sizeof(reason));
		outcome = weir__session_send(run->session, 0, &message, run->input.line,
					     SLICE_MS, &reason);
	} while (outcome == WEIR_AGAIN && weir__produce_again(run, since_ms));
	if (outcome == WEIR_SUCCESS) {
		run->sent++;
		return 0;
	}
	if (outcome == WEIR_AGAIN)
		return line_error(run, WEIR_ETIMEOUT, "the cluster takes no records",
				  error);
	return line_error(run, reason.code ? reason.code : WEIR_EBROKER,
			  reason.code ? reason.message : "the record was refused", error);
}

/* Send everything that can be read; a bad line stops it, what was sent stays sent. */
static int
send_all(struct weir_production *run, struct weir_error *first_failure,
	 struct weir_error *error)
{
	for (;;) {
		struct weir_bytes line;
		int code;

		if (weir__interrupt_count() > 0)
			return run->input.seekable
				       ? weir_error_set(error, WEIR_ESTATE,
							"%s: stopped by a signal behind "
							"line %" PRIu64,
							run->input.name, run->input.line)
				       : 0;
		weir__produce_show(run);
		switch (weir__input_next(&run->input, SLICE_MS, &line, error)) {
		case WEIR_INPUT_LINE:
			break;
		case WEIR_INPUT_IDLE:
			weir__produce_failures(run, first_failure);
			continue;
		case WEIR_INPUT_END:
			return 0;
		case WEIR_INPUT_TOO_LONG:
			return weir__produce_too_long(run, error);
		default:
			return WEIR_EIO;
		}
		code = send_line(run, line, error);
		if (code != 0)
			return code;
		if (run->sent % FAILURES_EACH == 0)
			weir__produce_failures(run, first_failure);
	}
}

/* Each message is delivered or fails by itself in time, so this ends; a signal hurries
 * it. */
static int
flush(struct weir_production *run, struct weir_error *first_failure,
      struct weir_error *error)
{
	enum weir_outcome outcome;

	do {
		outcome = weir__session_flush(run->session, SLICE_MS, error);
		weir__produce_failures(run, first_failure);
		weir__produce_show(run);
	} while (outcome == WEIR_AGAIN && weir__interrupt_count() < 2);
	if (outcome == WEIR_AGAIN)
		return weir_error_set(
			error, WEIR_ESTATE,
			"stopped by a signal before all records were delivered");
	return outcome == WEIR_SUCCESS || outcome == WEIR_TAINTED
		       ? 0
		       : weir_error_set(error, WEIR_EBROKER, "flush failed");
}

static int
produce_plain(struct weir_production *run, struct weir_error *error)
{
	struct weir_error failure = {0};
	struct weir_produce_result *result = run->result;
	int sent;
	int flushed;

	if (weir__produce_open(run, NULL, error) != 0 ||
	    weir__produce_init(run, error) != 0)
		return error ? error->code : WEIR_EBROKER;
	sent = send_all(run, &failure, error);
	flushed = flush(run, &failure, error);
	result->records = run->sent > result->lost ? run->sent - result->lost : 0;
	if (result->lost > 0)
		return weir_error_set(error, WEIR_EBROKER,
				      "%s%" PRIu64 " of %" PRIu64
				      " records were not delivered, the "
				      "first: %s",
				      result->more_lost ? "at least " : "", result->lost,
				      run->sent, failure.message);
	return sent ? sent : flushed;
}

int
weir__produce(struct weir_broker *broker, const struct weir_produce_config *config,
	      struct weir_produce_result *result, struct weir_error *error)
{
	struct weir_production run = {
		.config = config, .result = result, .broker = broker};
	int code;

	memset(result, 0, sizeof(*result));
	run.input.fd = -1;
	weir__progress_init(&run.progress, config->quiet);
	code = weir__input_open(&run.input, config->path, error);
	if (code == 0)
		code = weir__topic_find(broker, config->topic, "WRITE",
					config->timeout_ms, &run.topic, error);
	weir__interrupt_catch();
	if (code == 0 && config->guarantee == WEIR_EXACTLY_ONCE)
		code = weir__produce_exactly_once(&run, error);
	else if (code == 0)
		code = produce_plain(&run, error);
	weir__session_close(run.session);
	weir__progress_clear(&run.progress);
	weir__input_close(&run.input);
	weir__arena_fini(&run.arena);
	free(run.transactional_id);
	weir__source_fini(&run);
	return code;
}
