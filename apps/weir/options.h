/*
 * Reading a command's arguments: its own options, the ones all commands take, and those
 * of commands that talk to a cluster without a pipeline file.
 *
 *   struct weir_arguments args;
 *   const char *value;
 *   int key;
 *
 *   weir__arguments_init(&args, command, argc, argv);
 *   while ((key = weir__arguments_next(&args, &value)) > 0)
 *           if (key == 'c' && weir__arguments_number(&args, value, 1, &count) != 0)
 *                   break;
 *   if (args.done)
 *           return weir__arguments_fini(&args);
 *   ... args.operands[0 .. args.operand_count-1] ...
 *
 * Bad usage prints one line on stderr and sets `done` with status 2, as --help does with
 * status 0.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_APPS_OPTIONS_H
#define WEIR_APPS_OPTIONS_H

#include <stdio.h>

#include <base/log.h>
#include <broker/broker.h>
#include <config/properties.h>

#include "command.h"

/* Keys of the common options that have no letter; a command's own start at WEIR_OWN. */
enum weir_common_key {
	WEIR_KEY_TIMEOUT = WEIR_LONG_ONLY,
	WEIR_OWN = WEIR_LONG_ONLY + 16
};

struct weir_getopt;

struct weir_arguments {
	const struct weir_command *command;
	bool done;  /* return `status` now: help was printed, or usage was bad */
	int status;
	char **operands; /* what is no option; set once next returned 0 */
	int operand_count;

	/* the common options */
	struct weir_logger logger;
	bool quiet;                        /* -q was given */
	struct weir_properties properties; /* of -b, -X and -F, later ones win */
	int64_t timeout_ms;                /* --timeout, 30 s by default */

	int argc;
	char **argv;
	struct weir_getopt *getopt; /* getopt's tables; owned */
};

void weir__arguments_init(struct weir_arguments *args, const struct weir_command *command,
                          int argc, char **argv);

/*
 * The next option of the command's own table: its key, and *value (NULL without argument).
 * Options and operands may be mixed; "--" ends options.
 *
 * Returns 0 at the end, or when `done` is set.
 */
int weir__arguments_next(struct weir_arguments *args, const char **value);

/*
 * Check the number of operands, naming what is missing ("FILE") or too much. `names` has
 * `max` of them. Returns 0, or -1 with `done` set.
 */
int weir__arguments_operands(struct weir_arguments *args, int min, int max,
                             const char *const *names);

/* Values of options; `what` is the option for messages ("--count"). 0, or -1 with `done` set. */
int weir__arguments_number(struct weir_arguments *args, const char *what, const char *value,
                           int64_t min, int64_t max, int64_t *number);
int weir__arguments_duration(struct weir_arguments *args, const char *what, const char *value,
                             int64_t *ms);
/* `names` ends with NULL; *index is the place in it. A bad value names the nearest. */
int weir__arguments_choice(struct weir_arguments *args, const char *what, const char *value,
                           const char *const *names, int *index);
/* "NAME=VALUE" → name (heap, the caller frees) and *text behind '='. */
int weir__arguments_pair(struct weir_arguments *args, const char *what, const char *value,
                         char **name, const char **text);

/* Print "weir NAME: MESSAGE" and set `done` with status 2. Returns -1. */
int weir__arguments_bad(struct weir_arguments *args, const char *format, ...) WEIR_PRINTF(2, 3);

/* Free what init and next took. Returns `status`, so that a command can end with it. */
int weir__arguments_fini(struct weir_arguments *args);

/*
 * Open the cluster that -b, -X and -F name; close with weir__broker_close(), before fini.
 *
 * Returns NULL with `done` set (no brokers given, or a property that librdkafka refuses).
 */
struct weir_broker *weir__arguments_connect(struct weir_arguments *args);

/* Print "weir NAME: MESSAGE" on stderr. Returns `status`. */
int weir__command_fail(const struct weir_command *command, int status, const char *format, ...)
	WEIR_PRINTF(3, 4);

/* ---- help ---- */

/* Print a command's help: usage, text, options, example. 80 columns. */
void weir__help_print(const struct weir_command *command, FILE *out);

/* Print `text` wrapped at 80 columns, each line behind `indent` blanks. */
void weir__help_wrap(FILE *out, const char *text, int indent);

/* The same, when `indent` columns of the first line are written already. */
void weir__help_continue(FILE *out, const char *text, int indent);

/* Print "  NAME   HELP", help aligned and wrapped; longer names get a line of their own. */
void weir__help_row(FILE *out, const char *name, const char *help);

/* "weir 0.1.0, librdkafka 2.0.2" */
void weir__version_print(FILE *out);

/* The rows that every command takes, and those that commands which connect take. */
extern const struct weir_flag weir__flags_common[];
extern const struct weir_flag weir__flags_connect[];

#endif
