/*
 * What the parts of `weir check` share: the loaded app, what the cluster says, warnings.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_APPS_CHECK_H
#define WEIR_APPS_CHECK_H

#include <jansson.h>

#include <run/app.h>

#include "options.h"

/* A topic of the plan and what it is there for ("input", "output late", "dead letters"). */
struct check_topic {
	const char *name;
	char *role;
	const char *input; /* of a changelog; NULL: it is none */
	char *cannot;      /* why it cannot be made, when it is missing; NULL: it can */
};

struct check {
	const struct weir_command *command;
	const struct weir_pipeline *pipeline;
	struct weir_chain *chain;
	struct weir_stores *stores; /* NULL: no step has any */
	char **warnings;
	size_t warning_count;
	struct check_topic *topics; /* each name once */
	size_t topic_count;
	bool connected;
	struct weir_cluster_info cluster; /* when connected; topics in the order above */
};

void weir__check_warn(struct check *check, const char *format, ...) WEIR_PRINTF(2, 3);

/* Warnings that need no cluster. */
void weir__check_pipeline(struct check *check);

/*
 * Ask the cluster, and warn of what weakens the guarantee. Returns the exit status; when it
 * is not 0 the reason is on stderr.
 */
int weir__check_cluster(struct check *check, const struct weir_logger *logger, int timeout_ms);

/* A step's options as they count: given ones, then defaults; secrets are not in it. */
json_t *weir__check_step_options(const struct check *check, size_t step);

/* A changelog that is missing, which is no fault: the app makes it. */
bool weir__check_is_made_later(const struct check *check, size_t topic);

/* The librdkafka properties of the file, without secrets' values. */
json_t *weir__check_properties(const struct weir_properties *properties);

void weir__check_print(const struct check *check);
json_t *weir__check_json(const struct check *check);

#endif
