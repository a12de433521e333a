/*
 * Rejected records: to the dead-letter topic in the same batch, dropped and counted, or the
 * end of the app. Which of them is the pipeline's `errors.on_reject`.
 *
 * A dead letter keeps key, value and headers and adds where it came from and why. Runs on
 * the worker's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <base/alloc.h>
#include <run/worker_private.h>

#define ADDED_HEADERS 9

static struct weir_bytes
text_bytes(struct weir_arena *arena, const char *text)
{
	struct weir_bytes bytes = {weir__arena_strdup(arena, text), strlen(text)};

	return bytes;
}

static void
time_print(int64_t wall_ms, char *text, size_t size)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm utc;
	size_t used;

	gmtime_r(&seconds, &utc);
	used = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text + used, size - used, ".%03dZ", (int)(wall_ms % 1000));
}

/* The record's headers, and behind them ours. */
static void
add_headers(struct weir_worker *worker, struct weir_message *letter, size_t omitted_bytes)
{
	const struct weir_current *current = &worker->current;
	const struct weir_message *record = current->message;
	const struct weir_clock *clock = worker->config.clock;
	struct weir_arena *arena = &worker->held.arena;
	struct weir_header *headers, *header;
	char partition[16], offset[24], timestamp[24], time[40], omitted[64];

	snprintf(partition, sizeof(partition), "%" PRId32, current->task->partition->id);
	snprintf(offset, sizeof(offset), "%" PRId64, current->offset);
	snprintf(timestamp, sizeof(timestamp), "%" PRId64, record->timestamp_ms);
	time_print(clock->wall_ms(clock), time, sizeof(time));
	snprintf(omitted, sizeof(omitted), "%zu bytes, too large for this topic", omitted_bytes);
	const char *const added[ADDED_HEADERS][2] = {
		{"weir.source.topic", current->task->partition->topic},
		{"weir.source.partition", partition},
		{"weir.source.offset", offset},
		{"weir.source.timestamp", record->timestamp_ms < 0 ? NULL : timestamp},
		{"weir.step", worker->reason.step ? worker->reason.step : ""},
		{"weir.reason", worker->reason.text},
		{"weir.app", worker->pipeline->name},
		{"weir.time", time},
		{"weir.value.omitted", omitted_bytes ? omitted : NULL},
	};
	headers = weir__arena_alloc(arena,
	                            (record->header_count + ADDED_HEADERS) * sizeof(*headers));
	if (record->header_count)
		memcpy(headers, record->headers, record->header_count * sizeof(*headers));
	header = headers + record->header_count;
	for (size_t index = 0; index < ADDED_HEADERS; index++) {
		if (!added[index][1])
			continue;
		header->name = added[index][0];
		header->value = text_bytes(arena, added[index][1]);
		header++;
	}
	letter->headers = headers;
	letter->header_count = (size_t)(header - headers);
}

/*
 * Its time is now: with the record's own, the retention of the dead-letter topic would drop
 * what was read late at once, and a time in the future could be why it was rejected.
 */
static void
send_dead_letter(struct weir_worker *worker, bool omit_value)
{
	int output = worker->dead_letter_output;
	struct weir_message letter = *worker->current.message;

	letter.timestamp_ms = -1;
	add_headers(worker, &letter, omit_value ? letter.value.size : 0);
	if (!omit_value && weir__message_bytes(&letter) >
	                           weir__session_max_message_bytes(worker->session, output)) {
		omit_value = true;
		add_headers(worker, &letter, letter.value.size);
	}
	if (omit_value)
		letter.value = (struct weir_bytes){NULL, 0};
	weir__held_add(&worker->held, SIZE_MAX, output, &letter);
	weir__count(&worker->counts.dead_letters, 1);
	weir__send_record(worker);
}

static void
stop_app(struct weir_worker *worker, const char *place)
{
	struct weir_error error = {0};

	weir_error_set(&error, WEIR_EPROCESSOR,
	               "%s: step %s: %s (rejected records stop the app: set dead_letter/topic, or "
	               "errors/on_reject to \"drop\")",
	               place, worker->reason.step ? worker->reason.step : "-",
	               worker->reason.text);
	weir__worker_fail(worker, &error);
}

void
weir__reject_current(struct weir_worker *worker, bool omit_value)
{
	const struct weir_current *current = &worker->current;
	char place[320];

	weir__task_place(current->task, current->offset, place, sizeof(place));
	weir__held_reset(&worker->held);
	switch (worker->pipeline->on_reject) {
	case WEIR_ON_REJECT_DEAD_LETTER:
		weir__log(worker->config.logger, WEIR_LOG_INFO,
		          "rejected record=%s step=%s reason=\"%s\"", place,
		          worker->reason.step ? worker->reason.step : "-", worker->reason.text);
		send_dead_letter(worker, omit_value);
		break;
	case WEIR_ON_REJECT_DROP:
		weir__log(worker->config.logger, WEIR_LOG_WARNING,
		          "dropped record=%s step=%s reason=\"%s\"", place,
		          worker->reason.step ? worker->reason.step : "-", worker->reason.text);
		weir__count(&worker->counts.dropped, 1);
		weir__record_done(worker);
		break;
	case WEIR_ON_REJECT_STOP:
		stop_app(worker, place);
		break;
	}
}
