/*
 * The pipeline file on its way to struct weir_pipeline; for pipeline*.c only.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_CONFIG_PIPELINE_FILE_H
#define WEIR_CONFIG_PIPELINE_FILE_H

#include <config/pipeline.h>

#define WEIR_PIPELINE_MOST_BYTES ((size_t)1024 * 1024)
#define WEIR_PIPELINE_MOST_LEVELS 64

/* What the tables of pipeline_options.c fill; members are named as the keys. */
struct weir_file_root {
	const char *name;
	const char *instance;
	int guarantee;
	const json_t *kafka;
	struct weir_strings inputs;
	const json_t *steps;
	const json_t *tables;
	const json_t *outputs;
	const json_t *dead_letter;
	const json_t *errors;
	const json_t *commit;
	int64_t workers;
	struct weir_strings plugins;
	bool debug_plugins;
	const char *state_dir;
	int64_t drain_timeout; /* 0: half of the session timeout */
	const char *schema;    /* for editors */
};

struct weir_file_kafka {
	int auto_offset_reset;
	int64_t transaction_timeout_ms;
	int64_t session_timeout_ms;
	const json_t *consumer;
	const json_t *producer;
};

struct weir_file_step {
	const char *name;
	const char *use;
	const json_t *with;
	const json_t *outputs;
};

struct weir_file_table {
	const char *topic;
};

struct weir_file_dead_letter {
	const char *topic;
};

struct weir_file_errors {
	int on_reject;
	int64_t retry_backoff;
	int64_t retry_backoff_max;
	int64_t retry_attempts;
	int on_gap;
};

struct weir_file_commit {
	int64_t interval;
	int64_t records;
	int64_t bytes;
};

/* The section at this path, as in its `path`. */
const struct weir_section *weir__pipeline_section(const char *path);

/*
 * Read a file whole, at most `most_bytes`; *text is heap memory, NUL behind it.
 *
 * Returns 0 or a WEIR_E* with "PATH: reason".
 */
int weir__pipeline_read(const char *path, size_t most_bytes, char **text, size_t *size,
                        struct weir_error *error);

/* `path`, or folder/path when it is relative; always with a slash. Heap memory. */
char *weir__pipeline_path(const char *folder, const char *path);

/*
 * Is the JSON text nested deeper than we take? Then *line and *column say where. Looks at
 * brackets and strings only, and says nothing about whether it is JSON at all.
 */
bool weir__pipeline_too_deep(const char *text, size_t size, size_t *line, size_t *column);

/* Put the overrides into `root`. 0 or WEIR_EINVALID with "--set POINTER: reason". */
int weir__pipeline_override(json_t *root, const struct weir_override *overrides, size_t count,
                            struct weir_error *error);

/* Replace ${NAME}, $$ and @file:PATH in all strings of `root`. "/place: reason". */
int weir__pipeline_expand(json_t *root, const char *folder, struct weir_error *error);

/* Check pipeline->root and fill the rest of the pipeline from it. "/place: reason". */
int weir__pipeline_build(struct weir_pipeline *pipeline, const char *folder,
                         struct weir_error *error);

/* Is it a name, a topic? Else WEIR_EINVALID with "PLACE: ...". */
int weir__pipeline_check_name(const char *place, const char *name, struct weir_error *error);
int weir__pipeline_check_topic(const char *place, const char *topic, struct weir_error *error);

/* The `tables` section. */
int weir__pipeline_build_tables(struct weir_pipeline *pipeline, const struct weir_file_root *root,
                                struct weir_error *error);

/* The `kafka` section: properties and times. commit_interval_ms is set already. */
int weir__pipeline_build_kafka(struct weir_pipeline *pipeline, const struct weir_file_root *root,
                               struct weir_error *error);

#endif
