/*
 * A state in a folder of its own, under a virtual clock.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTS_STATE_FIXTURE_H
#define WEIR_TESTS_STATE_FIXTURE_H

#include <state/state.h>

/* Stores: 0 "a.plain", 1 "b.other", 2 "c.short" with a time to live of 1000 ms. */
#define FIXTURE_STORES 3
#define FIXTURE_TTL_MS 1000
#define FIXTURE_START_MS 1000000

struct fixture {
	char folder[64];
	struct weir_virtual_clock clock;
	struct weir_logger logger;
	struct weir_state_config config; /* tests may change it before an open */
	struct weir_state *state;
	char log[4096];
};

/* Makes the folder; opens nothing. */
void fixture_init(struct fixture *fixture);
/* Closes, and removes the folder. */
void fixture_fini(struct fixture *fixture);

void fixture_open(struct fixture *fixture);
void fixture_close(struct fixture *fixture);
void fixture_crash(struct fixture *fixture);

struct weir_store *fixture_store(struct fixture *fixture, size_t index);
struct weir_bytes text_bytes(const char *text);

/* One record of this time: put, and leave. */
void fixture_put(struct fixture *fixture, size_t store, int64_t time_ms, const char *key,
                 const char *value);
void fixture_commit(struct fixture *fixture);

/* The value of `key`, or "-". */
const char *fixture_get(struct fixture *fixture, size_t store, const char *key);

/* "key=value key=value", in the order of a walk. */
const char *fixture_walk(struct fixture *fixture, size_t store);

#endif
