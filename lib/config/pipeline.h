/*
 * The pipeline file: parsed, checked, and plain to read from then on.
 *
 * Knows the file's keys (option tables in pipeline_options.c), ${NAME} and @file:PATH,
 * and the --set overrides. Does not know processors: a step's options stay JSON until the
 * chain is built.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_CONFIG_PIPELINE_H
#define WEIR_CONFIG_PIPELINE_H

#include <jansson.h>

#include <base/alloc.h>
#include <config/guarantee.h>
#include <config/option.h>
#include <config/properties.h>
#include <weir/processor.h>

enum weir_on_reject {
	WEIR_ON_REJECT_DEAD_LETTER = 0,
	WEIR_ON_REJECT_DROP = 1,
	WEIR_ON_REJECT_STOP = 2
};
enum weir_on_gap { WEIR_ON_GAP_STOP = 0, WEIR_ON_GAP_CONTINUE = 1 };
enum weir_reset { WEIR_RESET_EARLIEST = 0, WEIR_RESET_LATEST = 1, WEIR_RESET_ERROR = 2 };

/* One name of `outputs` with its topic. */
struct weir_output_topic {
	const char *name;
	const char *topic;
};

/* One name of `tables` with its topic. */
struct weir_table_topic {
	const char *name;
	const char *topic;
};

/* One of `steps`. */
struct weir_step_config {
	const char *name;    /* unique; default: `use`, numbered when used twice */
	const char *use;     /* the processor */
	const json_t *with;  /* its options; NULL when absent */
	const json_t *outputs; /* {"its output": "name in outputs"}; NULL when absent */
	char where[32];      /* "/steps/0", for messages */
};

struct weir_pipeline {
	const char *path; /* of the file, for messages */
	const char *name;
	const char *instance;
	enum weir_guarantee guarantee;

	const char *const *inputs;
	size_t input_count;
	struct weir_output_topic *outputs;
	size_t output_count;
	struct weir_table_topic *tables;
	size_t table_count;
	struct weir_step_config *steps;
	size_t step_count;

	const char *dead_letter_topic; /* NULL: none */
	enum weir_on_reject on_reject; /* STOP when there is no dead-letter topic and it is not "drop" */
	int64_t retry_backoff_ms;      /* doubles to retry_backoff_max_ms */
	int64_t retry_backoff_max_ms;
	int64_t retry_attempts;        /* 0: no limit */
	enum weir_on_gap on_gap;

	int64_t commit_interval_ms;
	int64_t commit_records;
	int64_t commit_bytes;

	int64_t workers;
	const char *const *plugins;
	size_t plugin_count;
	bool debug_plugins;
	const char *state_dir;
	int64_t drain_ms; /* budget for the drain on SIGTERM, below the session timeout */

	enum weir_reset offset_reset;         /* kafka.auto.offset.reset */
	int64_t transaction_timeout_ms;       /* kafka.transaction.timeout.ms, default 15 s */
	int64_t session_timeout_ms;           /* kafka.session.timeout.ms, default 10 s */
	struct weir_properties consumer;      /* librdkafka's, checked against the guarantee */
	struct weir_properties producer;
	struct weir_properties client;        /* those of both, for other clients */

	struct weir_arena arena; /* owns the strings above */
	json_t *root;            /* owns the JSON above */
};

/* One --set POINTER=VALUE: the value is JSON, else a string. */
struct weir_override {
	const char *pointer;
	const char *value;
};

/*
 * Read and check the file at `path`; "-" is not special. At most 1 MiB, at most 64 levels.
 * An output or dead-letter topic that is an input too would loop for ever and is refused, as
 * are dead letters among an output's records.
 *
 * Relative paths in it (plugins, @file:) are taken from the file's folder. `overrides`
 * (count 0: none) are put in before checking; ${NAME} is replaced inside strings after
 * parsing, overrides included.
 *
 * Returns a pipeline to free, or NULL with "FILE: /path/in/it: reason" in *error; where the
 * JSON itself is broken, "FILE:LINE:COLUMN: reason". Property values are never quoted, nor is
 * what ${NAME} or @file: put in a secret's place.
 */
struct weir_pipeline *weir__pipeline_load(const char *path, const struct weir_override *overrides,
                                          size_t override_count, struct weir_error *error);

/* The same from JSON text; `name` stands for the file in messages, `folder` for its folder. */
struct weir_pipeline *weir__pipeline_parse(const char *text, size_t size, const char *name,
                                           const char *folder,
                                           const struct weir_override *overrides,
                                           size_t override_count, struct weir_error *error);

void weir__pipeline_free(struct weir_pipeline *pipeline);

/* The topic of output `name`, and its index in `outputs`; -1 when there is none. */
int weir__pipeline_output(const struct weir_pipeline *pipeline, const char *name);

/* The index of table `name` in `tables`; -1 when there is none. */
int weir__pipeline_table(const struct weir_pipeline *pipeline, const char *name);

/* A section of the file: where it stands, what it is about, its keys. */
struct weir_section {
	const char *path; /* "" is the file itself, "/steps/..." each of the steps */
	const char *help; /* one line, no full stop */
	struct weir_option_table table;
	size_t target_size;
	const char *other_keys; /* what keys beside the table's mean; NULL: there are none */
};

/*
 * All sections, the file itself first, ended by one without path; static. From them come
 * the parsing, the help, the man page and the schema. `outputs` has no table: its keys are
 * names, its values topics.
 */
const struct weir_section *weir__pipeline_sections(void);

#endif
