/*
 * The watcher's thread. Knows nothing of what is watched; the watch itself is watch.c.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <testing/watcher.h>

#define LOOK_MS 300

struct weir_watcher {
	const struct weir_oracle_config *config;
	pthread_t thread;
	struct weir_oracle_watch *watch; /* the thread's, until it is joined */
	atomic_bool stops;
	atomic_uint asked; /* how often; 0: never */
	atomic_uint done;  /* the last of them that was found done */
	atomic_llong committed;
};

static void
look(struct weir_watcher *watcher)
{
	struct weir_error error = {0};
	unsigned asked = atomic_load(&watcher->asked);

	if (weir__oracle_watch_look(watcher->watch, LOOK_MS, &error)) {
		poll(NULL, 0, LOOK_MS);
		return;
	}
	atomic_store(&watcher->committed, weir__oracle_watch_committed(watcher->watch));
	if (weir__oracle_watch_is_done(watcher->watch))
		atomic_store(&watcher->done, asked);
}

static void *
watcher_main(void *opaque)
{
	struct weir_watcher *watcher = opaque;

	while (!watcher->watch && !atomic_load(&watcher->stops)) {
		struct weir_error error = {0};

		watcher->watch = weir__oracle_watch_open(watcher->config, &error);
	}
	while (!atomic_load(&watcher->stops))
		look(watcher);
	return NULL;
}

struct weir_watcher *
weir__watcher_start(const struct weir_oracle_config *config)
{
	struct weir_watcher *watcher = weir__calloc(1, sizeof(*watcher));
	sigset_t all, before;

	watcher->config = config;
	sigfillset(&all); /* signals are for the thread that waits for them */
	pthread_sigmask(SIG_BLOCK, &all, &before);
	if (pthread_create(&watcher->thread, NULL, watcher_main, watcher) != 0)
		abort();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return watcher;
}

void
weir__watcher_ask(struct weir_watcher *watcher)
{
	atomic_fetch_add(&watcher->asked, 1);
}

bool
weir__watcher_is_done(const struct weir_watcher *watcher)
{
	unsigned asked = atomic_load(&watcher->asked);

	return asked && atomic_load(&watcher->done) == asked;
}

int64_t
weir__watcher_committed(const struct weir_watcher *watcher)
{
	return atomic_load(&watcher->committed);
}

int
weir__watcher_end(struct weir_watcher *watcher, struct weir_oracle_verdict *verdict,
		  struct weir_error *error)
{
	int code = 0;

	atomic_store(&watcher->stops, true);
	pthread_join(watcher->thread, NULL);
	if (verdict && watcher->watch)
		code = weir__oracle_watch_finish(watcher->watch, verdict, error);
	weir__oracle_watch_close(watcher->watch);
	free(watcher);
	return code;
}
