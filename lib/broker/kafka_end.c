/*
 * The end of a handle that librdkafka may not end: in a thread of its own, which is waited
 * for, but not for ever.
 *
 * rd_kafka_destroy() waits for each partition that something still holds. One that it gave
 * up because its topic is gone, or may no longer be read, is sometimes held by nobody and
 * never let go (2.0.2). Nothing is in flight then that could matter: who closes has
 * committed what it wanted, and left the group.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <time.h>

#include <broker/kafka_private.h>

struct ending { /* whoever comes last frees it */
	struct kafka_client *client;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool is_over, is_left;
};

static void
ending_free(struct ending *ending)
{
	pthread_mutex_destroy(&ending->lock);
	pthread_cond_destroy(&ending->changed);
	free(ending);
}

static void *
end_alone(void *opaque)
{
	struct ending *ending = opaque;
	struct kafka_client *client = ending->client;
	bool is_left;

	rd_kafka_destroy_flags(client->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	client->rk = NULL;
	pthread_mutex_lock(&ending->lock);
	weir__kafka_client_free(client);
	ending->is_over = true;
	is_left = ending->is_left;
	pthread_cond_signal(&ending->changed);
	pthread_mutex_unlock(&ending->lock);
	if (is_left)
		ending_free(ending);
	return NULL;
}

static struct ending *
ending_new(struct kafka_client *client)
{
	struct ending *ending = weir__calloc(1, sizeof(*ending));
	pthread_condattr_t attributes;

	ending->client = client;
	pthread_mutex_init(&ending->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&ending->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	return ending;
}

/* False: it takes longer than that, and goes on alone. */
static bool
ending_wait(struct ending *ending, int timeout_ms)
{
	struct timespec until;
	bool is_over;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += timeout_ms % 1000 * 1000000L;
	until.tv_sec += timeout_ms / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&ending->lock);
	while (!ending->is_over &&
	       pthread_cond_timedwait(&ending->changed, &ending->lock, &until) == 0)
		;
	is_over = ending->is_over;
	ending->is_left = !is_over;
	/* whoever keeps the log may be gone before it ends */
	if (!is_over)
		atomic_store(&ending->client->is_mute, true);
	pthread_mutex_unlock(&ending->lock);
	return is_over;
}

void
weir__kafka_client_end(struct kafka_client *client, int timeout_ms)
{
	const struct weir_logger *logger = client->logger;
	struct ending *ending = ending_new(client);
	pthread_t thread;

	if (pthread_create(&thread, NULL, end_alone, ending) != 0) {
		end_alone(ending);
		ending_free(ending);
		return;
	}
	pthread_detach(thread);
	if (ending_wait(ending, timeout_ms))
		ending_free(ending);
	else
		weir__log(logger, WEIR_LOG_DEBUG,
		          "librdkafka does not end a handle, it is left behind");
}
