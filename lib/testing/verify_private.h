/*
 * Inside of a verification, shared by verify*.c.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTING_VERIFY_PRIVATE_H
#define WEIR_TESTING_VERIFY_PRIVATE_H

#include <testing/child.h>
#include <testing/feed.h>
#include <testing/journal.h>
#include <testing/verify.h>
#include <testing/watcher.h>

#define VERIFY_INSTANCES 3 /* two that stay, and a guest */
#define VERIFY_GUEST 2
#define VERIFY_TAKE_OVER_MS 3000 /* from the continuing of a zombie until it gives way */
#define VERIFY_MOST_STOPS 5 /* by themselves; then there is no use in going on */

struct verify_instance {
	char name[16]; /* of the setting `instance` */
	struct weir_child child;
	struct weir_journal journal;
	size_t run; /* of verify->runs: the present one, or the last */
};

/* From the start of a process to its end. */
struct verify_run {
	int aim;           /* enum weir_verify_hit of the kill that ended it; -1: another end */
	bool uncertain;    /* as in the journal, when it ended */
	int64_t committed; /* likewise */
	int64_t aborted;
};

struct weir_verify {
	struct weir_verify_config config;
	enum weir_guarantee guarantee;
	struct weir_broker *broker;
	struct weir_scratch scratch;
	struct weir_oracle_config oracle;
	struct weir_oracle_verdict verdict;
	struct weir_verify_counts counts;

	struct verify_instance instances[VERIFY_INSTANCES];
	struct verify_run *runs;
	size_t run_count;
	unsigned guests;

	struct weir_feed *feed;
	struct weir_watcher *watcher;
	unsigned seed;
	int64_t end_ms;  /* of the faults; 0: they have not begun */
	unsigned stops;  /* instances that ended by themselves */
	bool is_over;    /* no use in going on: interrupted, or trouble that stays */
	char trouble[400];
};

/* ---- verify.c ---- */

int64_t weir__verify_now_ms(const struct weir_verify *verify);
int weir__verify_random(struct weir_verify *verify, int below);
/* For -v: what is done, and when. */
void weir__verify_say(const struct weir_verify *verify, const char *format, ...)
	WEIR_PRINTF(2, 3);
/* The first trouble is kept; the verification goes on unless `is_over`. */
void weir__verify_trouble_set(struct weir_verify *verify, bool is_over, const char *format,
			      ...) WEIR_PRINTF(3, 4);
/* Let time pass; what ends by itself meanwhile is a trouble, and started again. */
void weir__verify_pass(struct weir_verify *verify, int64_t ms);

/* ---- verify_instances.c ---- */

void weir__verify_start(struct weir_verify *verify, struct verify_instance *instance);
/* kill -9; `aim` is what it is meant to hit. */
void weir__verify_kill(struct weir_verify *verify, struct verify_instance *instance, int aim);
/* SIGTERM, and wait: it must drain. */
void weir__verify_stop(struct weir_verify *verify, struct verify_instance *instance);
void weir__verify_supervise(struct weir_verify *verify);
/* Kill whatever runs. */
void weir__verify_end_instances(struct weir_verify *verify);

/* ---- verify_faults.c ---- */

/* Faults, one kind after the other, until the time is over. */
void weir__verify_faults(struct weir_verify *verify);

/* ---- verify_evidence.c ---- */

/* The oracle's check, and what the faults have hit as the topics tell it. */
int weir__verify_judge(struct weir_verify *verify, struct weir_error *error);

#endif
