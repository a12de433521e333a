/*
 * What the parts of `weir state` share: the app, the choice of the command line, and the
 * folders of tasks that are on this machine.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_APPS_STATE_H
#define WEIR_APPS_STATE_H

#include <run/app.h>
#include <state/view.h>

#include "options.h"

/* The folder of one task, or of a table. */
struct state_task {
	char *folder;
	char *topic;       /* of the input; of the table */
	int32_t partition; /* of a table: -1 */
	const char *table; /* its name; NULL: it is a task's */
	int64_t bytes;     /* its files take on the disk */
};

/* The store in a table's folder that has the entries; the others are there for their places,
 * one for each partition of its topic. */
#define STATE_TABLE_ENTRIES "0"

struct state {
	struct weir_arguments args;
	struct weir_app *app;
	const struct weir_pipeline *pipeline;
	int32_t partition; /* -p; -1: all */
	bool json;         /* --json, or --format json */
	bool base64;       /* KEY is given so */
	bool yes;
	char *folder;      /* STATE_DIR/APP/INSTANCE */
	struct state_task *tasks; /* by topic and partition */
	size_t task_count;
	struct state_task *tables; /* those of the pipeline that are here */
	size_t table_count;
};

/* What the stores in `folder` take on the disk. False: there are none. */
bool weir__state_bytes(const char *folder, int64_t *bytes);

/* The time to live of that store; 0: for ever, also when no step declares it. */
int64_t weir__state_ttl_ms(const struct state *state, const char *store);

/*
 * The end of a changelog or table, for the lag; -1: not known, which was said. *broker NULL: it
 * does not answer, or is closed since it did not.
 */
int64_t weir__state_end(const struct state *state, struct weir_broker **broker,
			const char *topic, int32_t partition);

/* The tables as JSON; *status is set when one cannot be read. As text, below the stores. */
json_t *weir__state_tables(const struct state *state, struct weir_broker **broker, int *status);
void weir__state_tables_print(const json_t *tables);
/* "2026-01-31T12:00:00Z", or "-" when it is no number. */
void weir__state_time_print(const json_t *ms);

/* Each returns the exit status. */
int weir__state_list(struct state *state);
int weir__state_dump(struct state *state, const char *store);
int weir__state_get(struct state *state, const char *store, const char *key);
int weir__state_delete(struct state *state);

#endif
