/*
 * The feeding thread: it steps the tables until it is told to stop, or they cannot go on.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <run/table_feed.h>
#include <run/threads.h>

#define STEP_WAIT_MS 100

struct weir_table_feed {
	struct weir_tables *tables;
	pthread_t thread;
	int wake;
	atomic_bool stops, has_failed;
	struct weir_error error; /* meant when it has failed */
};

static void *
run(void *opaque)
{
	struct weir_table_feed *feed = opaque;
	bool told = false;
	int code = 0;

	while (!code && !atomic_load_explicit(&feed->stops, memory_order_relaxed)) {
		code = weir__tables_step(feed->tables, STEP_WAIT_MS, &feed->error);
		if (told || !weir__tables_are_read(feed->tables))
			continue;
		told = true;
		weir__wake(feed->wake);
	}
	weir__tables_rest(feed->tables);
	if (code) {
		atomic_store(&feed->has_failed, true);
		weir__wake(feed->wake);
	}
	return NULL;
}

struct weir_table_feed *
weir__table_feed_start(struct weir_tables *tables, int wake, struct weir_error *error)
{
	struct weir_table_feed *feed = weir__calloc(1, sizeof(*feed));
	int code;

	feed->tables = tables;
	feed->wake = wake;
	code = weir__thread_start(&feed->thread, run, feed);
	if (!code)
		return feed;
	free(feed);
	weir_error_set(error, WEIR_EIO, "cannot start the thread that reads tables: %s",
	               strerror(code));
	return NULL;
}

bool
weir__table_feed_has_failed(const struct weir_table_feed *feed)
{
	return feed && atomic_load(&feed->has_failed);
}

int
weir__table_feed_end(struct weir_table_feed *feed, struct weir_error *error)
{
	int code = 0;

	if (!feed)
		return 0;
	atomic_store(&feed->stops, true);
	pthread_join(feed->thread, NULL);
	if (atomic_load(&feed->has_failed))
		code = weir_error_set(error, feed->error.code, "%s", feed->error.message);
	free(feed);
	return code;
}
