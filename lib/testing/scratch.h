/*
 * Scratch topics and a scratch group: made like those of a pipeline, for a while, and
 * removed again.
 *
 * Their names are PREFIX.APP.RANDOM.in, .in2, ..., .out, .b, .c and .dead; the group is
 * PREFIX-APP-RANDOM, which is also the app's name. So they are nobody else's. Changelogs are
 * named by the app itself, and made by it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTING_SCRATCH_H
#define WEIR_TESTING_SCRATCH_H

#include <broker/kafka.h>
#include <testing/oracle.h>

/* A scratch topic and what it is like. */
struct weir_scratch_topic {
	char *name;
	const char *like;    /* the pipeline's topic */
	bool is_found;       /* that one is there; else what follows is a choice */
	int32_t partitions;
	int32_t replication; /* -1: the cluster's default */
	int64_t min_insync;  /* -1: the same */
	bool by_app;         /* a changelog: the app makes it, like its input */
	bool is_made;        /* or may be */
};

struct weir_scratch {
	struct weir_broker *broker; /* borrowed */
	char *app;                  /* and group */
	struct weir_scratch_topic *topics; /* inputs, outputs, dead letters, changelogs */
	size_t topic_count;
	const char **inputs;        /* names; borrowed from the topics */
	size_t input_count;
	const char **outputs;       /* of the letters a, b, c */
	size_t output_count;
	const char *dead_letter;    /* NULL: the pipeline has none */
	const char **changelogs;    /* see struct weir_oracle_config; NULL: no stores */
};

/* How long the prefix may be: the app's name has to fit. */
#define WEIR_SCRATCH_MOST_PREFIX 24

/*
 * Names only; free with weir__scratch_fini(). `pipeline` outlives it. `stores`: with the
 * changelogs of the oracle's steps that have some.
 */
void weir__scratch_name(struct weir_scratch *scratch, const struct weir_pipeline *pipeline,
			const char *prefix, bool stores);

/*
 * Ask what the pipeline's topics are like, and make the scratch ones. What is made when it
 * fails is still to be removed.
 *
 * Returns 0, WEIR_EDENIED when the right to is missing, or another WEIR_E*.
 */
int weir__scratch_make(struct weir_scratch *scratch, struct weir_broker *broker,
		       int timeout_ms, struct weir_error *error);

/*
 * Remove the topics; once the group has no members any more, it too. Waits `patience_ms`
 * for that, or until `give_up` says so.
 *
 * Returns 0, or a WEIR_E* with the first thing that could not be removed.
 */
int weir__scratch_remove(struct weir_scratch *scratch, int64_t patience_ms,
			 bool (*give_up)(void), int timeout_ms, struct weir_error *error);

void weir__scratch_fini(struct weir_scratch *scratch);

#endif
