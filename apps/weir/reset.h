/*
 * What the parts of `weir reset` share: the plan, which says all that is to be done.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_APPS_RESET_H
#define WEIR_APPS_RESET_H

#include <run/app.h>
#include <state/stores.h>

#include "consume_run.h"
#include "options.h"

/* One partition of an input. */
struct reset_input {
	const char *topic;
	int32_t partition;
	int64_t low, high;
	int64_t committed; /* WEIR_OFFSET_NONE: nothing is */
	char *metadata;    /* beside it; NULL: none */
	int64_t start;     /* where the app would go on now */
	int64_t to;
};

/* The stores of one task. */
struct reset_folder {
	char *path;
	int64_t bytes;
};

struct reset_changelog {
	const char *name;
	bool is_there;
	int64_t records; /* at most: marks of transactions count */
};

struct reset {
	struct weir_arguments args;
	struct weir_app *app;
	const struct weir_pipeline *pipeline;
	struct weir_stores *stores; /* NULL: no step has any */
	struct weir_broker *broker;
	const char *to_text;
	struct weir_from to;
	bool yes, json;

	int *locks; /* of the instances that have a folder here */
	size_t lock_count;

	struct reset_input *inputs;
	size_t input_count;
	struct reset_folder *folders;
	size_t folder_count;
	struct reset_changelog *changelogs;
	size_t changelog_count;
	bool unfinished; /* one that was begun before was not finished */
};

/*
 * Lock the app's instances on this machine, and find their stores' folders. Returns 0 or a
 * WEIR_E*; WEIR_ELOCKED: one of them runs.
 */
int weir__reset_find_folders(struct reset *reset, struct weir_error *error);

/*
 * Ask the cluster for the rest: members, which there must not be, places and changelogs.
 * Returns 0 or a WEIR_E*.
 */
int weir__reset_find_places(struct reset *reset, struct weir_error *error);

void weir__reset_plan_fini(struct reset *reset);

/* The plan, on standard output; `done`: it was carried out. */
void weir__reset_print(const struct reset *reset);
void weir__reset_print_json(const struct reset *reset, bool done);

/* Records of this partition that will be read again (below 0), or skipped. */
int64_t weir__reset_moves(const struct reset_input *input);

#endif
