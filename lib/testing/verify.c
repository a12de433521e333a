/*
 * A verification from beginning to end: topics, feed, watcher, faults, verdict, removal.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <testing/verify_private.h>

#define SLICE_MS 20
#define PATIENCE_MS 60000 /* without any batch that is committed */
#define MARGIN_MS 2000
#define STANDARD_MS 60000

/* ---- small things ---- */

int64_t
weir__verify_now_ms(const struct weir_verify *verify)
{
	const struct weir_clock *clock = weir__clock_system();

	(void)verify;
	return clock->monotonic_ms(clock);
}

int
weir__verify_random(struct weir_verify *verify, int below)
{
	return rand_r(&verify->seed) % below;
}

void
weir__verify_say(const struct weir_verify *verify, const char *format, ...)
{
	char text[200];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	weir__log(verify->config.logger, WEIR_LOG_INFO, "%s", text);
}

void
weir__verify_trouble_set(struct weir_verify *verify, bool is_over, const char *format,
			 ...)
{
	va_list list;

	verify->is_over |= is_over;
	if (*verify->trouble)
		return;
	va_start(list, format);
	vsnprintf(verify->trouble, sizeof(verify->trouble), format, list);
	va_end(list);
}

static void
look_after(struct weir_verify *verify)
{
	struct weir_error error = {0};

	if (verify->config.is_interrupted())
		weir__verify_trouble_set(verify, true, "interrupted");
	if (weir__feed_has_failed(verify->feed, &error))
		weir__verify_trouble_set(verify, true, "%s", error.message);
	weir__verify_supervise(verify);
	if (verify->config.report)
		verify->config.report(verify->config.opaque, verify);
}

void
weir__verify_pass(struct weir_verify *verify, int64_t ms)
{
	int64_t end_ms = weir__verify_now_ms(verify) + ms;
	int64_t left_ms = ms;

	do {
		poll(NULL, 0, left_ms > SLICE_MS ? SLICE_MS : (int)left_ms);
		look_after(verify);
		left_ms = end_ms - weir__verify_now_ms(verify);
	} while (left_ms > 0 && !verify->is_over);
}

const char *
weir__verify_result_name(enum weir_verify_result result)
{
	static const char *const names[] = {"PASS", "WRONG", "UNKNOWN", "FAILED"};

	return names[result];
}

const struct weir_scratch *
weir__verify_scratch(const struct weir_verify *verify)
{
	return &verify->scratch;
}

const struct weir_verify_counts *
weir__verify_counts(const struct weir_verify *verify)
{
	return &verify->counts;
}

const struct weir_oracle_verdict *
weir__verify_verdict(const struct weir_verify *verify)
{
	return &verify->verdict;
}

const char *
weir__verify_trouble(const struct weir_verify *verify)
{
	return verify->trouble;
}

int64_t
weir__verify_left_ms(const struct weir_verify *verify)
{
	int64_t left_ms = verify->config.length_ms;

	if (verify->end_ms)
		left_ms = verify->end_ms - weir__verify_now_ms(verify);
	return left_ms > 0 ? left_ms : 0;
}

int64_t
weir__verify_fed(const struct weir_verify *verify)
{
	return verify->feed ? weir__feed_sent(verify->feed) : 0;
}

int64_t
weir__verify_frozen_ms(const struct weir_pipeline *pipeline)
{
	int64_t timeout_ms = pipeline->session_timeout_ms;

	if (pipeline->guarantee == WEIR_EXACTLY_ONCE &&
	    pipeline->transaction_timeout_ms > timeout_ms)
		timeout_ms = pipeline->transaction_timeout_ms;
	return timeout_ms + MARGIN_MS;
}

int64_t
weir__verify_zombie_ms(const struct weir_pipeline *pipeline)
{
	return weir__verify_frozen_ms(pipeline) + VERIFY_TAKE_OVER_MS;
}

int64_t
weir__verify_enough_ms(const struct weir_pipeline *pipeline)
{
	int64_t enough_ms = 2 * weir__verify_frozen_ms(pipeline) + 30000;

	return enough_ms > STANDARD_MS ? enough_ms : STANDARD_MS;
}

/* ---- opening and closing ---- */

static void
set_oracle(struct weir_verify *verify)
{
	const struct weir_pipeline *pipeline = verify->config.pipeline;
	const struct weir_scratch *scratch = &verify->scratch;

	verify->oracle = (struct weir_oracle_config){
		.broker = verify->broker,
		.clock = weir__clock_system(),
		.guarantee = verify->guarantee,
		.group = scratch->app,
		.inputs = scratch->inputs,
		.input_count = scratch->input_count,
		.outputs = scratch->outputs,
		.output_count = scratch->output_count,
		.sums = weir__oracle_steps_sum(verify->guarantee),
		.stores = verify->config.stores,
		.changelogs = scratch->changelogs,
		.patience_ms = PATIENCE_MS / 2 + pipeline->transaction_timeout_ms,
	};
	if (pipeline->on_reject == WEIR_ON_REJECT_DEAD_LETTER)
		verify->oracle.dead_letter = scratch->dead_letter;
}

struct weir_verify *
weir__verify_open(const struct weir_verify_config *config, struct weir_error *error)
{
	struct weir_verify *verify = weir__calloc(1, sizeof(*verify));

	verify->config = *config;
	verify->guarantee = config->pipeline->guarantee;
	verify->seed = config->seed;
	setenv(WEIR_ORACLE_ENVIRONMENT, "1", 1); /* before there are threads */
	weir__scratch_name(&verify->scratch, config->pipeline, config->prefix,
			   config->stores);
	verify->broker = weir__kafka_open(&config->pipeline->client, config->logger,
					  weir__clock_system(), error);
	if (verify->broker && !weir__scratch_make(&verify->scratch, verify->broker,
						  config->timeout_ms, error)) {
		set_oracle(verify);
		return verify;
	}
	weir__verify_close(verify, false, config->is_interrupted, NULL);
	return NULL;
}

/* Members that were killed leave the group when their sessions time out. */
static int64_t
group_patience_ms(const struct weir_verify *verify)
{
	return verify->run_count
		       ? 2 * verify->config.pipeline->session_timeout_ms + 5 * MARGIN_MS
		       : 0;
}

int
weir__verify_close(struct weir_verify *verify, bool keep, bool (*give_up)(void),
		   struct weir_error *error)
{
	int code = 0;

	weir__verify_end_instances(verify);
	weir__feed_free(verify->feed);
	if (verify->watcher)
		weir__watcher_end(verify->watcher, NULL, NULL);
	if (verify->broker && !keep)
		code = weir__scratch_remove(&verify->scratch, group_patience_ms(verify),
					    give_up, verify->config.timeout_ms, error);
	weir__scratch_fini(&verify->scratch);
	weir__broker_close(verify->broker);
	free(verify->runs);
	free(verify);
	return code;
}

/* ---- running ---- */

static bool
start_feed(struct weir_verify *verify)
{
	const struct weir_pipeline *pipeline = verify->config.pipeline;
	const struct weir_feed_config config = {
		.broker = verify->broker,
		.clock = weir__clock_system(),
		.producer = &pipeline->producer,
		.inputs = verify->scratch.inputs,
		.input_count = verify->scratch.input_count,
		.variety = {.outputs = (int)verify->scratch.output_count,
			    .may_reject = pipeline->on_reject != WEIR_ON_REJECT_STOP,
			    .may_hold = verify->oracle.sums},
		.records = verify->config.records,
		.length_ms = verify->config.length_ms,
		.seed = verify->seed,
	};
	struct weir_error error = {0};

	verify->feed = weir__feed_start(&config, &error);
	if (!verify->feed)
		weir__verify_trouble_set(verify, true, "%s", error.message);
	return verify->feed != NULL;
}

static int64_t
batches(const struct weir_verify *verify)
{
	int64_t sum = 0;

	for (size_t index = 0; index < VERIFY_INSTANCES; index++)
		sum += verify->instances[index].journal.batches;
	return sum;
}

/* Wait, as long as batches go on being committed. */
static bool
wait_until(struct weir_verify *verify, bool (*holds)(const struct weir_verify *))
{
	int64_t patience_ms =
		PATIENCE_MS + 4 * weir__verify_frozen_ms(verify->config.pipeline);
	int64_t give_up_ms = weir__verify_now_ms(verify) + patience_ms;
	int64_t before = batches(verify);

	while (!holds(verify) && !verify->is_over) {
		weir__verify_pass(verify, SLICE_MS);
		if (batches(verify) != before)
			give_up_ms = weir__verify_now_ms(verify) + patience_ms;
		before = batches(verify);
		if (weir__verify_now_ms(verify) > give_up_ms)
			return false;
	}
	return !verify->is_over;
}

static bool
some_batch(const struct weir_verify *verify)
{
	return batches(verify) > 0;
}

static bool
feed_is_done(const struct weir_verify *verify)
{
	return weir__feed_is_done(verify->feed);
}

static bool
all_is_committed(const struct weir_verify *verify)
{
	return weir__watcher_is_done(verify->watcher);
}

/* No more faults: what was fed has to be committed, and everything ends in good order. */
static void
settle(struct weir_verify *verify)
{
	weir__verify_say(verify, "no more faults");
	weir__feed_end(verify->feed);
	if (!wait_until(verify, feed_is_done))
		return;
	weir__watcher_ask(verify->watcher);
	if (!wait_until(verify, all_is_committed) && !verify->is_over)
		weir__verify_trouble_set(verify, false,
					 "not all of the input was committed in the end");
	for (size_t index = 0; index < VERIFY_INSTANCES; index++)
		weir__verify_stop(verify, &verify->instances[index]);
}

static void
judge(struct weir_verify *verify)
{
	struct weir_watcher *watcher = verify->watcher;
	struct weir_error error = {0};

	weir__verify_say(verify, "all is committed, reading it");
	verify->watcher = NULL;
	if (weir__watcher_end(watcher, &verify->verdict, &error) ||
	    weir__verify_judge(verify, &error))
		weir__verify_trouble_set(verify, true, "%s", error.message);
}

static enum weir_verify_result
result_of(const struct weir_verify *verify)
{
	if (verify->is_over)
		return WEIR_VERIFY_FAILED;
	if (!weir__oracle_holds(&verify->verdict, verify->guarantee, NULL))
		return WEIR_VERIFY_WRONG;
	if (*verify->trouble)
		return WEIR_VERIFY_FAILED;
	for (int hit = 0; hit < WEIR_VERIFY_HITS; hit++) {
		if (!verify->counts.hit[hit])
			return WEIR_VERIFY_UNKNOWN;
	}
	return WEIR_VERIFY_PASS;
}

enum weir_verify_result
weir__verify_run(struct weir_verify *verify)
{
	if (!start_feed(verify))
		return WEIR_VERIFY_FAILED;
	verify->watcher = weir__watcher_start(&verify->oracle);
	for (size_t index = 0; index < VERIFY_GUEST; index++)
		weir__verify_start(verify, &verify->instances[index]);
	if (!wait_until(verify, some_batch) && !verify->is_over)
		weir__verify_trouble_set(verify, true, "no batch was ever committed");
	verify->end_ms = weir__verify_now_ms(verify) + verify->config.length_ms;
	weir__verify_faults(verify);
	settle(verify);
	if (!verify->is_over)
		judge(verify);
	return result_of(verify);
}
