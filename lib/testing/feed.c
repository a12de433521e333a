/*
 * The feed's thread: a session of the broker that only sends.
 *
 * Other threads see three numbers and two flags of it. The error is written before the
 * flag that tells of it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <testing/feed.h>

#define SLICE_MS 50

struct weir_feed {
	struct weir_feed_config config;
	struct weir_session *session;
	pthread_t thread;
	unsigned seed;
	atomic_bool ends, stops, done, failed;
	atomic_llong sent;
	struct weir_error error;
};

static int64_t
now_ms(const struct weir_feed *feed)
{
	return feed->config.clock->monotonic_ms(feed->config.clock);
}

static void
fail(struct weir_feed *feed, const char *reason)
{
	if (atomic_load(&feed->failed))
		return;
	weir_error_set(&feed->error, WEIR_EBROKER, "a record did not reach the input: %s",
		       reason);
	atomic_store(&feed->failed, true);
}

static bool
goes_on(const struct weir_feed *feed)
{
	return !atomic_load(&feed->stops) && !atomic_load(&feed->failed);
}

static void
take_failures(struct weir_feed *feed)
{
	struct weir_delivery_failure failure;

	while (weir__session_failures(feed->session, &failure, 1))
		fail(feed, failure.reason);
}

/* A call that is repeated until it is done. */
static void
settle(struct weir_feed *feed,
       enum weir_outcome (*call)(struct weir_session *, int, struct weir_error *))
{
	struct weir_error error = {0};
	enum weir_outcome outcome = WEIR_AGAIN;

	while (outcome == WEIR_AGAIN && goes_on(feed))
		outcome = call(feed->session, SLICE_MS, &error);
	if (outcome != WEIR_SUCCESS && outcome != WEIR_AGAIN)
		fail(feed, error.message);
	take_failures(feed);
}

static void
send_one(struct weir_feed *feed)
{
	uint64_t id = (uint64_t)atomic_load(&feed->sent);
	char text[WEIR_ORACLE_LOAD_SIZE], key[24];
	struct weir_oracle_load load;
	struct weir_message message = {.timestamp_ms = -1, .partition = WEIR_BY_KEY};
	struct weir_error error = {0};
	enum weir_outcome outcome = WEIR_AGAIN;

	weir__oracle_load_invent(&load, id, &feed->config.variety, &feed->seed);
	message.value = (struct weir_bytes){text, weir__oracle_load_print(&load, text)};
	message.key = (struct weir_bytes){
		key, (size_t)snprintf(key, sizeof(key), "%" PRIu64, id)};
	while (outcome == WEIR_AGAIN && goes_on(feed))
		outcome = weir__session_send(feed->session,
					     (int)(id % feed->config.input_count),
					     &message, id, SLICE_MS, &error);
	if (outcome == WEIR_SUCCESS)
		atomic_fetch_add(&feed->sent, 1);
	else if (outcome != WEIR_AGAIN)
		fail(feed, error.message);
}

static void *
feed_main(void *opaque)
{
	struct weir_feed *feed = opaque;
	int64_t records = feed->config.records, length_ms = feed->config.length_ms;
	int64_t start_ms;

	settle(feed, feed->session->ops->init);
	start_ms = now_ms(feed);
	while (goes_on(feed) && (feed->sent < records || !feed->ends)) {
		int64_t due = (now_ms(feed) - start_ms) * records / length_ms;

		if (feed->ends && due > records)
			due = records;
		while (feed->sent < due && goes_on(feed))
			send_one(feed);
		weir__session_flush(feed->session, SLICE_MS, NULL);
		take_failures(feed);
		poll(NULL, 0, SLICE_MS / 5);
	}
	settle(feed, feed->session->ops->flush);
	atomic_store(&feed->done, true);
	return NULL;
}

struct weir_feed *
weir__feed_start(const struct weir_feed_config *config, struct weir_error *error)
{
	struct weir_feed *feed = weir__calloc(1, sizeof(*feed));
	struct weir_properties producer = {0};
	const struct weir_session_config session = {
		.name = "feed",
		.guarantee = WEIR_AT_LEAST_ONCE,
		.outputs = config->inputs,
		.output_count = config->input_count,
		.producer = &producer,
	};
	sigset_t all, before;

	feed->config = *config;
	feed->seed = config->seed;
	if (config->producer)
		weir__properties_copy(&producer, config->producer);
	/* an idempotent one of librdkafka 2.0.2 can end when a broker does */
	weir__properties_set(&producer, "enable.idempotence", "false");
	feed->session = weir__broker_session_open(config->broker, &session, error);
	weir__properties_fini(&producer);
	if (!feed->session) {
		free(feed);
		return NULL;
	}
	sigfillset(&all); /* signals are for the thread that waits for them */
	pthread_sigmask(SIG_BLOCK, &all, &before);
	if (pthread_create(&feed->thread, NULL, feed_main, feed) != 0)
		abort();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return feed;
}

void
weir__feed_end(struct weir_feed *feed)
{
	atomic_store(&feed->ends, true);
}

bool
weir__feed_is_done(const struct weir_feed *feed)
{
	return atomic_load(&feed->done);
}

bool
weir__feed_has_failed(const struct weir_feed *feed, struct weir_error *error)
{
	if (!atomic_load(&feed->failed))
		return false;
	weir_error_set(error, feed->error.code, "%s", feed->error.message);
	return true;
}

int64_t
weir__feed_sent(const struct weir_feed *feed)
{
	return atomic_load(&feed->sent);
}

void
weir__feed_free(struct weir_feed *feed)
{
	if (!feed)
		return;
	atomic_store(&feed->stops, true);
	pthread_join(feed->thread, NULL);
	weir__session_close(feed->session);
	free(feed);
}
