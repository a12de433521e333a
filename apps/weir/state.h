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

/* The folder of one task. */
struct state_task {
	char *folder;
	char *topic; /* of the input */
	int32_t partition;
	int64_t bytes; /* its files take on the disk */
};

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
};

/* What the stores in `folder` take on the disk. False: there are none. */
bool weir__state_bytes(const char *folder, int64_t *bytes);

/* The time to live of that store; 0: for ever, also when no step declares it. */
int64_t weir__state_ttl_ms(const struct state *state, const char *store);

/* Each returns the exit status. */
int weir__state_list(struct state *state);
int weir__state_dump(struct state *state, const char *store);
int weir__state_get(struct state *state, const char *store, const char *key);
int weir__state_delete(struct state *state);

#endif
