/*
 * The oracle's own processor: does what a record's load says.
 *
 * It keeps no state but memory, and of that only what a batch's end empties: what is
 * held, and what was counted. A tally goes on over batches, with a rollback. Runs on the
 * worker's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <base/alloc.h>

#include <testing/oracle.h>
#include <testing/processor_state.h>

#define SERVICE_PERIOD_MS 100

enum role { ROLE_COPY, ROLE_PASS, ROLE_HOLD, ROLE_SUM, ROLE_TALLY };

struct options {
	int role;
	int64_t tick;
	const char *by;
};

static const struct weir_option rows[] = {
	WEIR_OPT_CHOICE(struct options, role, "copy", "copy|pass|hold|sum|tally",
			"what this step does"),
	WEIR_OPT_DURATION(struct options, tick, NULL, 1, 3600000,
			  "emit at this interval"),
	WEIR_OPT_STRING(struct options, by, NULL, "number that outputs bear"),
	WEIR_OPT_END};

/* A record kept until the batch's end. */
struct held {
	struct held *next;
	char place[300]; /* TOPIC/PARTITION/OFFSET */
	struct weir_bytes key, value;
	int64_t timestamp_ms;
	char bytes[];
};

struct count {
	int64_t first, last; /* of the records counted */
	int64_t records;
	int64_t ticks; /* so far; each bears its number */
	bool seen;     /* a record: before the first there is nothing to tell */
};

struct memory {
	char *task; /* TOPIC/PARTITION, once a record has shown it */
	int64_t last;
	struct count count;
	/* a tally's, as it was at the last two ends of batches */
	struct count at_end, before_end;
	bool ended; /* and no callback since */
	struct held *first, **end;
};

static weir_oracle_sleep_fn sleep_with;
static void *sleep_opaque;

void
weir__oracle_processor_set_sleep(weir_oracle_sleep_fn sleep, void *opaque)
{
	sleep_with = sleep;
	sleep_opaque = opaque;
}

static void
pass_time(int64_t ms)
{
	struct timespec time = {ms / 1000, ms % 1000 * 1000000};

	if (sleep_with)
		sleep_with(sleep_opaque, ms);
	else
		nanosleep(&time, NULL);
}

/* ---- emitting ---- */

static void
place_of(const struct weir_record *record, char *place, size_t size)
{
	snprintf(place, size, "%s/%" PRId32 "/%" PRId64, weir_record_topic(record),
		 weir_record_partition(record), weir_record_offset(record));
}

/* Fill headers[1], where there is something to say. Returns how many there are. */
static size_t
add_by(struct weir_context *ctx, struct weir_header headers[2])
{
	const struct options *options = weir_options(ctx);

	if (!options->by)
		return 1;
	headers[1] =
		(struct weir_header){"oracle.by", {options->by, strlen(options->by)}};
	return 2;
}

static void
emit_marked(struct weir_context *ctx, const char *name, const char *text, const char *key)
{
	struct weir_header headers[2] = {{name, {text, strlen(text)}}};
	struct weir_emit emit = {
		.size = sizeof(emit),
		.set = WEIR_EMIT_KEY | WEIR_EMIT_VALUE | WEIR_EMIT_HEADERS,
		.output = WEIR_NEXT,
		.key = {key, strlen(key)},
		.value = {text, strlen(text)},
		.headers = headers,
		.header_count = add_by(ctx, headers),
	};

	weir_emit(ctx, &emit);
}

/* ---- roles ---- */

static enum weir_verdict
pass(struct weir_context *ctx)
{
	weir_emit_same(ctx); /* if it fails, the record has its verdict already */
	return WEIR_DONE;
}

/* Where a record comes from: its own place, or that of one that was held. */
static bool
source_of(const struct weir_record *record, char *source, size_t size)
{
	struct weir_bytes value;

	if (weir_record_offset(record) >= 0) {
		place_of(record, source, size);
		return true;
	}
	if (weir_record_header_find(record, "oracle.held", &value) || value.size >= size)
		return false;
	memcpy(source, value.data, value.size);
	source[value.size] = '\0';
	return true;
}

static enum weir_verdict
copy(struct weir_context *ctx, const struct weir_record *record,
     const struct weir_oracle_load *load)
{
	char source[320], text[340], name[2], stored[24];
	struct weir_header headers[3] = {{"oracle.source", {text, 0}}};
	uint64_t count = 0;
	struct weir_emit emit = {.size = sizeof(emit),
				 .set = WEIR_EMIT_HEADERS,
				 .headers = headers,
				 .header_count = add_by(ctx, headers)};

	if (!source_of(record, source, sizeof(source)))
		return pass(ctx); /* a sum or tick */
	if (!weir__oracle_store(ctx, load, &count))
		return WEIR_DONE; /* it was seen before */
	if (count)
		headers[emit.header_count++] = (struct weir_header){
			"oracle.count",
			{stored, (size_t)snprintf(stored, sizeof(stored), "%" PRIu64, count)}};
	for (int index = 0; index < load->copies; index++) {
		snprintf(name, sizeof(name), "%c", 'a' + load->output[index]);
		emit.output =
			load->output[index] ? weir_output_find(ctx, name) : WEIR_NEXT;
		headers[0].value.size =
			(size_t)snprintf(text, sizeof(text), "%s/%d", source, index);
		if (weir_emit(ctx, &emit))
			return WEIR_DONE;
	}
	return load->reject ? weir_reject(ctx, "as its load says") : WEIR_DONE;
}

static struct weir_bytes
put(char **to, struct weir_bytes bytes)
{
	struct weir_bytes copied = {bytes.data ? *to : NULL, bytes.size};

	if (bytes.size)
		memcpy(*to, bytes.data, bytes.size);
	*to += bytes.size;
	return copied;
}

static void
hold(struct memory *memory, const struct weir_record *record)
{
	struct weir_bytes key = weir_record_key(record),
			  value = weir_record_value(record);
	struct held *held = weir__alloc(sizeof(*held) + key.size + value.size + 1);
	char *to = held->bytes;

	held->next = NULL;
	held->key = put(&to, key);
	held->value = put(&to, value);
	held->timestamp_ms = weir_record_timestamp_ms(record);
	place_of(record, held->place, sizeof(held->place));
	if (!memory->first)
		memory->end = &memory->first;
	*memory->end = held;
	memory->end = &held->next;
}

static void
count(struct memory *memory, const struct weir_record *record)
{
	if (!memory->count.records++)
		memory->count.first = weir_record_offset(record);
	memory->count.last = weir_record_offset(record);
	memory->count.seen = true;
}

/* Memory is not taken back when a record is rejected or comes again: those do not count.
 */
static void
see(struct memory *memory, const struct weir_record *record,
    const struct weir_oracle_load *load)
{
	char *slash;
	char place[320];

	if (weir_record_offset(record) < 0 || !weir__oracle_load_is_counted(load))
		return;
	memory->last = weir_record_offset(record);
	if (memory->task)
		return;
	place_of(record, place, sizeof(place));
	slash = strrchr(place, '/');
	*slash = '\0';
	memory->task = weir__strdup(place);
}

static enum weir_verdict
act(struct weir_context *ctx, struct memory *memory, const struct weir_record *record,
    const struct weir_oracle_load *load)
{
	bool of_input = weir_record_offset(record) >= 0;

	switch (((const struct options *)weir_options(ctx))->role) {
	case ROLE_COPY:
		if (load->slow_ms)
			pass_time(load->slow_ms);
		return copy(ctx, record, load);
	case ROLE_HOLD:
		if (!load->hold || !of_input)
			break;
		hold(memory, record);
		return WEIR_DONE;
	case ROLE_SUM:
	case ROLE_TALLY:
		if (weir__oracle_load_is_counted(load) && of_input)
			count(memory, record);
		break;
	}
	return pass(ctx);
}

static enum weir_verdict
on_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	struct weir_oracle_load load;

	((struct memory *)memory)->ended = false;
	/* what is not of the load is passed on: sums, ticks, and foreign input */
	if (!weir__oracle_load_parse(weir_record_value(record), &load))
		return pass(ctx);
	see(memory, record, &load);
	if (load.early)
		return weir_reject(ctx, "early, as its load says");
	if (load.retry && weir_now_ms(ctx) / SERVICE_PERIOD_MS % 2)
		return weir_retry(ctx, "the service is down");
	return act(ctx, memory, record, &load);
}

/* ---- the ends of batches, ticks, lifecycle ---- */

static void
emit_held(struct weir_context *ctx, const struct held *held)
{
	struct weir_header header = {"oracle.held", {held->place, strlen(held->place)}};
	struct weir_emit emit = {
		.size = sizeof(emit),
		.set = WEIR_EMIT_KEY | WEIR_EMIT_VALUE | WEIR_EMIT_HEADERS |
		       WEIR_EMIT_TIMESTAMP,
		.output = WEIR_NEXT,
		.key = held->key,
		.value = held->value,
		.headers = &header,
		.header_count = 1,
		.timestamp_ms = held->timestamp_ms,
	};

	weir_emit(ctx, &emit);
}

static void
drop_held(struct memory *memory)
{
	while (memory->first) {
		struct held *held = memory->first;

		memory->first = held->next;
		free(held);
	}
}

static void
emit_count(struct weir_context *ctx, struct memory *memory)
{
	const struct count *count = &memory->count;
	char text[400];

	if (!count->records)
		return;
	snprintf(text, sizeof(text), "%s/%" PRId64 "/%" PRId64 "/%" PRId64, memory->task,
		 count->first, count->last, count->records);
	memory->count.records = 0;
	emit_marked(ctx, "oracle.sum", text, memory->task);
}

static bool
is_tally(struct weir_context *ctx)
{
	return ((const struct options *)weir_options(ctx))->role == ROLE_TALLY;
}

static enum weir_verdict
on_batch_end(struct weir_context *ctx, void *opaque)
{
	struct memory *memory = opaque;

	for (const struct held *held = memory->first; held; held = held->next)
		emit_held(ctx, held);
	drop_held(memory);
	if (!is_tally(ctx))
		emit_count(ctx, memory);
	memory->before_end = memory->at_end;
	memory->at_end = memory->count;
	memory->ended = true;
	return WEIR_DONE;
}

/* What it tells goes with its count, also when that is taken back. */
static void
tick_tally(struct weir_context *ctx, struct memory *memory)
{
	char text[400];

	emit_count(ctx, memory);
	if (!memory->count.seen)
		return;
	snprintf(text, sizeof(text), "%s/%" PRId64 "/%" PRId64, memory->task,
		 memory->count.last, memory->count.ticks++);
	emit_marked(ctx, "oracle.tick", text, memory->task);
}

static enum weir_verdict
on_tick(struct weir_context *ctx, void *opaque, int64_t now_ms)
{
	struct memory *memory = opaque;
	char text[400];

	(void)now_ms;
	memory->ended = false;
	if (is_tally(ctx)) {
		tick_tally(ctx, memory);
	} else if (memory->task) {
		snprintf(text, sizeof(text), "%s/%" PRId64, memory->task, memory->last);
		emit_marked(ctx, "oracle.tick", text, memory->task);
	}
	return WEIR_DONE;
}

static int
on_open(struct weir_context *ctx, void *memory, struct weir_error *error)
{
	const struct options *options = weir_options(ctx);

	(void)memory;
	(void)error;
	return options->tick ? weir_tick_every(ctx, options->tick) : 0;
}

static void
on_close(struct weir_context *ctx, void *opaque)
{
	struct memory *memory = opaque;

	(void)ctx;
	drop_held(memory);
	free(memory->task);
}

/* With a callback since the last end, that end was committed. Only a tally lasts that long. */
static int
on_rollback(struct weir_context *ctx, void *opaque)
{
	struct memory *memory = opaque;

	if (!is_tally(ctx))
		return WEIR_ESTATE; /* begins anew */
	if (memory->ended)
		memory->at_end = memory->before_end;
	memory->count = memory->at_end;
	return 0;
}

#define ORACLE                                                                            \
	WEIR_PROCESSOR_HEADER, .options = rows, .options_size = sizeof(struct options),   \
		.flags = WEIR_ANY_OUTPUT, .memory_size = sizeof(struct memory),           \
		.open = on_open, .close = on_close, .record = on_record,                  \
		.batch_end = on_batch_end, .tick = on_tick, .rollback = on_rollback

static const struct weir_processor processor = {
	ORACLE,
	.name = "oracle",
	.summary = "do what each record's load says, and mark what comes of it",
};

static const struct weir_processor store_processor = {
	ORACLE,
	.name = "oracle-store",
	.summary = "the same, with stores",
	WEIR_STORES(weir__oracle_stores),
};

const struct weir_processor *
weir__oracle_processor(void)
{
	return &processor;
}

const struct weir_processor *
weir__oracle_store_processor(void)
{
	return &store_processor;
}

void
weir__oracle_steps(enum weir_guarantee guarantee, bool stores, int by,
		   struct weir_buffer *text)
{
	char with[40] = "";

	if (by >= 0)
		snprintf(with, sizeof(with), "\"by\": \"%d\"", by);
	if (weir__oracle_steps_sum(guarantee))
		weir__buffer_printf(text,
				    "[{\"use\": \"oracle\", \"name\": \"sum\", "
				    "\"with\": {\"role\": \"sum\"%s%s}}, "
				    "{\"use\": \"oracle\", \"name\": \"hold\", "
				    "\"with\": {\"role\": \"hold\"}}, ",
				    *with ? ", " : "", with);
	else
		weir__buffer_add_text(text, "[");
	weir__buffer_printf(text, "{\"use\": \"oracle%s\", \"name\": \"" WEIR_ORACLE_STORE_STEP
			    "\", \"with\": {%s}}]",
			    stores ? "-store" : "", with);
}

bool
weir__oracle_steps_sum(enum weir_guarantee guarantee)
{
	return guarantee == WEIR_EXACTLY_ONCE;
}
