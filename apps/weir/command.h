/*
 * A command of `weir`: its name, its options as a table, and what runs it.
 *
 * getopt's tables, the help text and the man page all come from the rows, so that they
 * cannot disagree.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_APPS_COMMAND_H
#define WEIR_APPS_COMMAND_H

#include <stdbool.h>

#include <weir/processor.h>

/* Exit statuses, the same for every command. */
enum weir_exit {
	WEIR_EXIT_OK = 0,
	WEIR_EXIT_FAILED = 1, /* tried, and it did not work */
	WEIR_EXIT_USAGE = 2,  /* bad arguments, or a bad file: nothing was begun */
	WEIR_EXIT_FENCED = 3  /* another instance of the same name took over */
};

/* Keys from here on have no short letter. */
#define WEIR_LONG_ONLY 256

/* One option of a command: a row of a table that ends with WEIR_FLAG_END. */
struct weir_flag {
	int key;              /* its short letter, or WEIR_LONG_ONLY and up */
	const char *name;     /* long name, without dashes */
	const char *argument; /* what stands for its argument in help; NULL: takes none */
	const char *help;     /* no full stop; wrapped where it is printed */
};
#define WEIR_FLAG_END { 0, NULL, NULL, NULL }

struct weir_command {
	const char *name;
	const char *summary;            /* one line for `weir` alone, no full stop */
	const char *usage;              /* what follows the name: "FILE [OPTION]..." */
	const char *text;               /* what it does, in two or three sentences */
	const struct weir_flag *flags;  /* its own; the common ones are added. NULL: none */
	bool connects;                  /* takes -b, -X, -F and --timeout */
	enum weir_log_level level;      /* of the log without -v and -q */
	const char *example;            /* lines of it, without indent */
	/* argv[0] is the command's name. Returns the exit status. */
	int (*run)(const struct weir_command *command, int argc, char **argv);
};

/* All of them, ended by NULL. */
extern const struct weir_command *const weir__commands[];

/* One a file. */
extern const struct weir_command weir__command_run;
extern const struct weir_command weir__command_check;
extern const struct weir_command weir__command_pipe;
extern const struct weir_command weir__command_produce;
extern const struct weir_command weir__command_consume;
extern const struct weir_command weir__command_list;
extern const struct weir_command weir__command_describe;
extern const struct weir_command weir__command_schema;
extern const struct weir_command weir__command_verify;
extern const struct weir_command weir__command_state;
extern const struct weir_command weir__command_reset;
extern const struct weir_command weir__command_test;
extern const struct weir_command weir__command_new;

#endif
