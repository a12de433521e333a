/*
 * One trial from beginning to end: topics, pipeline, threads, faults, verdict.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <broker/kafka.h>
#include <testing/processor_state.h>

#include "tests/guarantees/trial.h"

#define IN_PARTITIONS 6
#define OUT_PARTITIONS 3
#define MORE_PARTITIONS 2
#define SMALL_QUEUE 1000
/* The load's service is down for 100 ms of each 200: multiples of that would find it so for ever. */
#define RETRIES "\"retry_backoff\": \"70ms\", \"retry_backoff_max\": \"70ms\""
#define COOPERATIVE                                                                      \
	", \"consumer\": {\"partition.assignment.strategy\": \"cooperative-sticky\"}"
#define TALLY                                                                            \
	"[{\"use\": \"oracle\", \"name\": \"tally\", "                                      \
	"\"with\": {\"role\": \"tally\", \"tick\": \"300ms\"}}, "                            \
	"{\"use\": \"oracle\", \"name\": \"copy\"}]"

static struct weir_logger logger = {.level = WEIR_LOG_ERROR};

int64_t
trial_now_ms(void)
{
	const struct weir_clock *clock = weir__clock_system();

	return clock->monotonic_ms(clock);
}

int
trial_random(int below)
{
	return (int)(random() % below);
}

void
trial_say(const struct trial *trial, const char *format, ...)
{
	va_list args;
	char clock[16];
	time_t now;

	if (!trial->options->verbose)
		return;
	time(&now);
	strftime(clock, sizeof(clock), "%T", gmtime(&now));
	fprintf(stderr, "# %s, %" PRId64 " ms left: ", clock,
		trial->end_ms - trial_now_ms());
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
}

void
trial_trouble(struct trial *trial, const char *format, ...)
{
	char text[sizeof(trial->trouble)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	trial_say(trial, "TROUBLE: %s", text);
	if (!*trial->trouble)
		memcpy(trial->trouble, text, sizeof(text));
}

void
trial_pass(struct trial *trial, int64_t ms)
{
	int64_t end_ms = trial_now_ms() + ms;

	do {
		int64_t left_ms = end_ms - trial_now_ms();
		int64_t slice_ms = left_ms < 1 ? 1 : left_ms > 20 ? 20 : left_ms;
		struct timespec time = {0, slice_ms * 1000000};

		nanosleep(&time, NULL);
		instances_supervise(trial);
	} while (trial_now_ms() < end_ms);
}

static bool
hit_what_was_meant(const struct trial *trial)
{
	const struct hits *hits = &trial->hits, *meant = &trial->kind->meant;

	if (trial->guarantee == WEIR_EXACTLY_ONCE &&
	    (hits->unknown < meant->unknown || hits->unknown_done < meant->unknown_done))
		return false;
	return trial->noise && hits->faults && hits->faults >= meant->faults &&
	       hits->transaction >= meant->transaction &&
	       hits->commit >= meant->commit && hits->rebalance >= meant->rebalance &&
	       hits->late >= meant->late &&
	       hits->late_taken >= (unsigned)trial->options->taken;
}

/* On a slow machine it takes longer until all was hit. */
static bool
is_over(const struct trial *trial)
{
	int64_t over_ms = trial_now_ms() - trial->end_ms;
	int times = trial->kind->times ? trial->kind->times : 1;

	return trial->stops >= TRIAL_MAX_STOPS || over_ms >= TRIAL_LONGER_MS * times ||
	       (over_ms >= 0 && hit_what_was_meant(trial));
}

/* ---- before ---- */

static void
make_topic(struct trial *trial, const char *topic, int32_t partitions)
{
	struct weir_error error = {0};

	if (weir__broker_topic_create(trial->broker, topic, partitions, -1, NULL,
				      TRIAL_PATIENCE_MS, &error))
		trial_trouble(trial, "%s: %s", topic, error.message);
}

/*
 * Its count outlives batches, so it is wrong once an abort does not take it back. What stores
 * count does, too.
 */
static bool
has_tally(const struct trial *trial)
{
	return trial->kind->tally && trial->guarantee == WEIR_EXACTLY_ONCE &&
	       (trial->kind->ticking || !trial->options->stores);
}

/* At-most-once promises nothing of stores. */
static bool
has_stores(const struct trial *trial)
{
	return trial->options->stores && !has_tally(trial) &&
	       trial->guarantee != WEIR_AT_MOST_ONCE;
}

/* So that deliveries fail: the default is five minutes, longer than any fault. */
static void
impatience(const struct trial *trial, char *text, size_t size)
{
	*text = '\0';
	if (trial->guarantee == WEIR_AT_LEAST_ONCE)
		snprintf(text, size, ", \"message.timeout.ms\": %d",
			 trial->options->message_ms);
}

static void
write_pipeline(struct trial *trial)
{
	struct weir_buffer steps = {0};
	char path[300], patience[40];
	FILE *file;

	impatience(trial, patience, sizeof(patience));
	if (has_tally(trial))
		weir__buffer_add_text(&steps, TALLY);
	else
		weir__oracle_steps(trial->guarantee, has_stores(trial), -1, &steps);
	snprintf(path, sizeof(path), "%s/pipeline.json", trial->folder);
	file = fopen(path, "w");
	if (!file) {
		perror(path);
		exit(1);
	}
	fprintf(file,
		"{\"name\": \"%s\", \"guarantee\": \"%s\",\n"
		" \"kafka\": {\"bootstrap.servers\": \"%s\", \"session.timeout.ms\": "
		"%d,\n"
		"  \"transaction.timeout.ms\": %d%s%s,\n"
		"  \"producer\": {\"queue.buffering.max.messages\": %d%s}},\n"
		" \"inputs\": [\"%s\"], \"outputs\": {\"default\": \"%s\", \"b\": "
		"\"%s\"},\n"
		" \"dead_letter\": {\"topic\": \"%s\"},\n"
		" \"errors\": {" RETRIES "},\n"
		" \"steps\": %s,\n"
		" \"commit\": {\"interval\": \"%dms\"}}\n",
		trial->name, weir__guarantee_name(trial->guarantee),
		cluster_bootstrap(trial->cluster), TRIAL_SESSION_MS,
		trial->kind->transaction_ms ? trial->kind->transaction_ms
					    : TRIAL_TRANSACTION_MS,
		trial->kind->cooperative ? COOPERATIVE : "",
		trial->options->verbose ? ", \"debug\": \"cgrp,eos\"" : "",
		trial->kind->small_queue ? SMALL_QUEUE : 100000, patience, trial->in,
		trial->out, trial->more, trial->dead, steps.data,
		trial->kind->commit_ms ? trial->kind->commit_ms : 100);
	fclose(file);
	weir__buffer_fini(&steps);
}

static void
name_all(struct trial *trial, const char *root)
{
	static unsigned trials;

	snprintf(trial->name, sizeof(trial->name), "t%u-%s", ++trials, trial->kind->name);
	snprintf(trial->in, sizeof(trial->in), "%s-in", trial->name);
	snprintf(trial->out, sizeof(trial->out), "%s-out", trial->name);
	snprintf(trial->more, sizeof(trial->more), "%s-more", trial->name);
	snprintf(trial->dead, sizeof(trial->dead), "%s-dead", trial->name);
	snprintf(trial->folder, sizeof(trial->folder), "%s/%s", root, trial->name);
	mkdir(trial->folder, 0777);
	for (size_t index = 0; index < TRIAL_MAX_INSTANCES; index++) {
		static const char *const names[] = {"one", "two", "guest", "one"};
		static const char *const ids[] = {"one", "two", "guest", "twin"};

		trial->instances[index].name = names[index];
		trial->instances[index].id = ids[index];
	}
}

/* As the oracle's processor declares them. */
static void
name_changelog(struct trial *trial, int store, const char *name)
{
	snprintf(trial->changelog[store], sizeof(trial->changelog[store]),
		 "%s." WEIR_ORACLE_STORE_STEP ".%s.changelog.%s", trial->name, name, trial->in);
	trial->changelogs[store] = trial->changelog[store];
}

static void
open_oracle(struct trial *trial)
{
	struct weir_properties properties = {0};
	struct weir_error error = {0};

	weir__properties_set(&properties, "bootstrap.servers",
			     cluster_direct(trial->cluster));
	trial->broker =
		weir__kafka_open(&properties, &logger, weir__clock_system(), &error);
	weir__properties_fini(&properties);
	trial->inputs[0] = trial->in;
	trial->outputs[0] = trial->out;
	trial->outputs[1] = trial->more;
	name_changelog(trial, 0, "seen");
	name_changelog(trial, 1, "counts");
	trial->oracle = (struct weir_oracle_config){
		.broker = trial->broker,
		.clock = weir__clock_system(),
		.guarantee = trial->guarantee,
		.group = trial->name,
		.inputs = trial->inputs,
		.input_count = 1,
		.outputs = trial->outputs,
		.output_count = 2,
		.dead_letter = trial->dead,
		.sums = weir__oracle_steps_sum(trial->guarantee) && !has_tally(trial),
		.stores = has_stores(trial),
		.changelogs = has_stores(trial) ? trial->changelogs : NULL,
		.patience_ms = 30000,
	};
}

static void
begin(struct trial *trial, const char *root)
{
	name_all(trial, root);
	open_oracle(trial);
	make_topic(trial, trial->in, IN_PARTITIONS);
	make_topic(trial, trial->out, OUT_PARTITIONS);
	make_topic(trial, trial->more, MORE_PARTITIONS);
	make_topic(trial, trial->dead, 1);
	feed_wait_in_sync(trial);
	write_pipeline(trial);
	pthread_create(&trial->feeder, NULL, feed_run, trial);
	pthread_create(&trial->noisemaker, NULL, noise_run, trial);
	trial->watcher = weir__watcher_start(&trial->oracle);
	for (int index = 0; index < trial->kind->instances; index++)
		instance_start(trial, &trial->instances[index]);
}

/* ---- after ---- */

static void
heal(struct trial *trial)
{
	proxy_heal(trial->proxy);
	for (int broker = 1; broker <= TRIAL_BROKERS; broker++) {
		if (trial->broker_dead[broker])
			cluster_restart(trial->cluster, broker);
		trial->broker_dead[broker] = false;
	}
}

static bool
feed_is_done(const struct trial *trial)
{
	return trial->feed_done;
}

static bool
all_is_committed(const struct trial *trial)
{
	return weir__watcher_is_done(trial->watcher);
}

/* However long it takes, as long as it goes on. */
static bool
wait_until(struct trial *trial, bool (*holds)(const struct trial *))
{
	int64_t give_up_ms = trial_now_ms() + TRIAL_PATIENCE_MS, before = -1;

	while (!holds(trial) && trial_now_ms() < give_up_ms &&
	       trial->stops < TRIAL_MAX_STOPS) {
		int64_t progress = trial->fed + weir__watcher_committed(trial->watcher);

		trial_pass(trial, 50);
		if (progress != before)
			give_up_ms = trial_now_ms() + TRIAL_PATIENCE_MS;
		before = progress;
	}
	return holds(trial);
}

/* All is whole again: what was fed has to be committed. */
static void
finish(struct trial *trial)
{
	bool is_done = wait_until(trial, feed_is_done);

	weir__watcher_ask(trial->watcher);
	is_done = wait_until(trial, all_is_committed) && is_done;
	if (!is_done && trial->stops < TRIAL_MAX_STOPS)
		trial_trouble(trial, "nothing was committed in %d s, and it is not all",
			      TRIAL_PATIENCE_MS / 1000);
	for (size_t index = 0; index < TRIAL_MAX_INSTANCES; index++)
		instance_stop(trial, &trial->instances[index]);
}

static void
judge(struct trial *trial)
{
	struct weir_error error = {0};

	atomic_store(&trial->feed_give_up, true);
	pthread_join(trial->feeder, NULL);
	if (trial->feed_failed || trial->fed != trial->sent)
		trial_trouble(trial, "%d of %d records reached the input", trial->fed,
			      trial->sent);
	if (weir__watcher_end(trial->watcher, &trial->verdict, &error))
		trial_trouble(trial, "the watch could not compare what it had seen: %s",
			      error.message);
	error = (struct weir_error){0};
	if (weir__oracle_check(&trial->oracle, &trial->verdict, &error))
		trial_trouble(trial, "oracle: %s", error.message);
}

static enum result
result_of(const struct trial *trial)
{
	if (*trial->trouble ||
	    !weir__oracle_holds(&trial->verdict, trial->guarantee, NULL))
		return RESULT_FAIL;
	return hit_what_was_meant(trial) ? RESULT_PASS : RESULT_UNKNOWN;
}

const char *
result_name(enum result result)
{
	static const char *const names[] = {"PASS", "FAIL", "UNKNOWN"};

	return names[result];
}

enum result
trial_run(struct trial *trial, const struct trial_case *kind,
	  enum weir_guarantee guarantee, const struct trial_options *options,
	  struct cluster *cluster, struct proxy *proxy, const char *root)
{
	memset(trial, 0, sizeof(*trial));
	trial->kind = kind;
	trial->guarantee = guarantee;
	trial->options = options;
	trial->cluster = cluster;
	trial->proxy = proxy;
	trial->seconds = options->seconds * (kind->times ? kind->times : 1);
	begin(trial, root);
	trial->end_ms = trial_now_ms() + (int64_t)trial->seconds * 1000;
	trial_pass(trial, 500);
	while (!is_over(trial)) {
		kind->round(trial);
		trial->round++;
	}
	atomic_store(&trial->feed_stop, true);
	heal(trial);
	pthread_join(trial->noisemaker, NULL);
	finish(trial);
	judge(trial);
	instances_end(trial);
	weir__broker_close(trial->broker);
	return result_of(trial);
}
