/*
 * Programs that run one step without a pipeline file: weir-dedup, weir-enrich. Each says in
 * a table which options it has and what they are in the pipeline that it stands for; the rest
 * is the same for all.
 *
 * By the public headers of libweir only, as any program that links it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_APPS_READY_H
#define WEIR_APPS_READY_H

#include <jansson.h>

#include <weir/app.h>

enum ready_status { READY_FINE = 0, READY_FAILED = 1, READY_USAGE = 2, READY_FENCED = 3 };

/* What an option's argument is in the pipeline. */
enum ready_kind {
	READY_ACTION,      /* nothing: see the program itself */
	READY_SETTING,     /* the pipeline's `member` */
	READY_KAFKA,       /* the librdkafka property `member` */
	READY_PROPERTY,    /* NAME=VALUE of librdkafka */
	READY_PROPERTIES,  /* a file of these */
	READY_INPUT,       /* one of the inputs */
	READY_OUTPUT,      /* the topic of output `member` */
	READY_DEAD_LETTER, /* the topic of dead letters */
	READY_TABLE,       /* the topic of the table that the step's `member` names */
	READY_STEP,        /* the step's `member` */
	READY_STEP_LIST,   /* one of the step's `member`, which is a list when there are several */
	READY_STEP_WORDS   /* the same, several with commas between */
};

/* An option: a row of a table that ends with READY_END. */
struct ready_option {
	char letter;          /* 0: it has none */
	const char *name;     /* without dashes */
	const char *argument; /* what stands for it in help; NULL: takes none */
	const char *help;     /* no full stop; wrapped where it is printed */
	enum ready_kind kind;
	const char *member;
	bool required;
	const char *implies; /* READY_OUTPUT: the step's option that sends records there */
};
#define READY_END { 0, NULL, NULL, NULL, READY_ACTION, NULL, false, NULL }

struct ready_program {
	const char *name;  /* weir-dedup */
	const char *use;   /* the processor, and how the app's name begins */
	const char *summary; /* one line for the man page, no full stop */
	const char *usage; /* the options that are required */
	const char *text;  /* what it does, in two or three sentences */
	const char *example;
	const struct ready_option *options; /* its own */
};

/* Those of all programs: before a program's own, and behind them. */
extern const struct ready_option ready_first[];
extern const struct ready_option ready_last[];

/* Option `index` of all three tables in turn; NULL: no more. */
const struct ready_option *ready_option(const struct ready_program *program, size_t index);

void ready_print_help(const struct ready_program *program);

/* `main`: the command line, then the app. `processor` is the one that it uses. */
int ready_main(const struct ready_program *program, const struct weir_processor *processor,
               int argc, char **argv);

/* One line on stderr, after the program's name. Returns `status`. */
int ready_fail(const struct ready_program *program, int status, const char *format, ...)
	WEIR_PRINTF(3, 4);

/* ---- the pipeline that the command line stands for ---- */

struct ready_pipeline {
	const struct ready_program *program;
	json_t *root; /* owned; the others are in it */
	json_t *kafka, *inputs, *with, *outputs;
};

void ready_pipeline_init(struct ready_pipeline *pipeline, const struct ready_program *program);
void ready_pipeline_fini(struct ready_pipeline *pipeline);

/* What an option says; not of kind READY_ACTION. Returns READY_FINE, or READY_USAGE, said. */
int ready_pipeline_take(struct ready_pipeline *pipeline, const struct ready_option *option,
                        const char *value);

/* All options are taken: the rest of it. As ready_pipeline_take(). */
int ready_pipeline_complete(struct ready_pipeline *pipeline);

/*
 * As text, heap; NULL: the arguments are not UTF-8. `shown`: for people, with secrets as
 * variables of the environment, ${SASL_PASSWORD}.
 */
char *ready_pipeline_print(const struct ready_pipeline *pipeline, bool shown);

#endif
