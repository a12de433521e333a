/*
 * A verification: a user's settings on the user's cluster, under faults, judged by the
 * oracle.
 *
 *   scratch     topics and a group of its own, made like the pipeline's
 *   feed        writes numbered records into the inputs
 *   watcher     reads the outputs all the while, as a reader downstream does
 *   instances   child processes: `weir run FILE` with names, topics and steps replaced
 *   faults      kill -9, SIGSTOP beyond the timeouts, SIGTERM, instances that come and go
 *   verdict     the oracle's, and what the faults have hit
 *
 * An instance's own log aims a fault: it is stopped first, so that what the log says holds.
 * That the fault hit is then proven by what a third party can see. An open transaction left
 * aborted records, a commit in flight left outputs that its instance never knew to be
 * committed; a rebalance, and that a zombie had been given up, the group's coordinator says.
 *
 * One thread drives it; feed and watcher have their own.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTING_VERIFY_H
#define WEIR_TESTING_VERIFY_H

#include <testing/oracle.h>
#include <testing/scratch.h>

struct weir_verify;

/* All borrowed until the verification is closed. */
struct weir_verify_config {
	const struct weir_pipeline *pipeline; /* as loaded from `path` with `overrides` */
	const char *path;
	const struct weir_override *overrides;
	size_t override_count;
	const char *program;   /* weir itself */
	const char *folder;    /* it is there: for logs and locks */
	const char *prefix;    /* of all names on the cluster */
	bool stores;           /* the pipeline's steps keep some: so do the copies */
	int64_t length_ms;     /* of the faults */
	int64_t records;       /* in that time */
	int timeout_ms;        /* of a cluster that does not answer */
	unsigned seed;
	const struct weir_logger *logger;
	bool (*is_interrupted)(void);
	void (*report)(void *opaque, const struct weir_verify *verify); /* while it waits */
	void *opaque;
};

enum weir_verify_result {
	WEIR_VERIFY_PASS,
	WEIR_VERIFY_WRONG,   /* the oracle found what the guarantee forbids */
	WEIR_VERIFY_UNKNOWN, /* nothing wrong, but some fault did not hit what it should */
	WEIR_VERIFY_FAILED   /* it could not be done, see trouble */
};
/* "PASS", ...; static. */
const char *weir__verify_result_name(enum weir_verify_result result);

/* What a fault is meant to hit: name, what it is called, what proves it. */
#define WEIR_VERIFY_HIT_MAP(X)                                                             \
	X(OPEN, "an open batch", "killed")                                                 \
	X(COMMIT, "a commit in flight", "killed")                                          \
	X(REBALANCE, "a rebalance", "killed")                                              \
	X(ZOMBIE, "an open batch, given up", "stopped beyond the timeouts, then continued")

enum weir_verify_hit {
#define WEIR_VERIFY_HIT_ENUM(name, what, how) WEIR_VERIFY_##name,
	WEIR_VERIFY_HIT_MAP(WEIR_VERIFY_HIT_ENUM)
#undef WEIR_VERIFY_HIT_ENUM
	WEIR_VERIFY_HITS
};

/* Faults so far. */
struct weir_verify_counts {
	unsigned kills, freezes, stops, joins;
	unsigned aimed[WEIR_VERIFY_HITS]; /* faults that were meant to */
	unsigned hit[WEIR_VERIFY_HITS];   /* and did; known at the end */
};

/*
 * Name the scratch topics and make them; nothing runs yet. NULL with *error, and nothing is
 * left behind that could be removed.
 */
struct weir_verify *weir__verify_open(const struct weir_verify_config *config,
				      struct weir_error *error);

/* Do it. Ends early when interrupted. */
enum weir_verify_result weir__verify_run(struct weir_verify *verify);

/* Of a verification, at any time; borrowed. */
const struct weir_scratch *weir__verify_scratch(const struct weir_verify *verify);
const struct weir_verify_counts *weir__verify_counts(const struct weir_verify *verify);
const struct weir_oracle_verdict *weir__verify_verdict(const struct weir_verify *verify);
/* Why it failed, in one line; empty: nothing went wrong besides what the oracle found. */
const char *weir__verify_trouble(const struct weir_verify *verify);
int64_t weir__verify_left_ms(const struct weir_verify *verify); /* of the faults */
int64_t weir__verify_fed(const struct weir_verify *verify);     /* records */
/* How long one is stopped to be a zombie; and with what becomes of it then. */
int64_t weir__verify_frozen_ms(const struct weir_pipeline *pipeline);
int64_t weir__verify_zombie_ms(const struct weir_pipeline *pipeline);
/* In so much time each fault has its turn, more than once. */
int64_t weir__verify_enough_ms(const struct weir_pipeline *pipeline);

/*
 * Remove what was made on the cluster, unless `keep`; `give_up` ends the wait for the group.
 * Returns 0, or a WEIR_E* with what is left.
 */
int weir__verify_close(struct weir_verify *verify, bool keep, bool (*give_up)(void),
		       struct weir_error *error);

#endif
