/*
 * weir new: a project for a processor. Knows its options, and what to say next. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "new.h"
#include "options.h"

enum new_key { KEY_STATE = WEIR_OWN, KEY_MAKE, KEY_AUTOTOOLS, KEY_MESON };

static const struct weir_flag new_flags[] = {
	{KEY_STATE, "state", NULL,
	 "a processor that keeps state: a store, and a case with a crash"},
	{KEY_MAKE, "make", NULL, "build it by a Makefile (the default)"},
	{KEY_AUTOTOOLS, "autotools", NULL, "build it by configure.ac and Makefile.am"},
	{KEY_MESON, "meson", NULL, "build it by meson.build"},
	WEIR_FLAG_END,
};

static void
say_what_next(const struct weir_new *new)
{
	char *try = weir__new_try_lines(new);

	printf("%s: a processor, its test cases, a pipeline and a build\n\n"
	       "  cd %s\n"
	       "  %s\n"
	       "  %s\n\n"
	       "%s/README.md says more.\n",
	       new->name, new->name, weir__new_check_lines(new), try, new->name);
	free(try);
}

static int
make(struct weir_arguments *args, const struct weir_new *new)
{
	struct weir_error error = {0};

	if (weir__new_check_name(new->name, &error) != 0)
		return weir__arguments_bad(args, "%s", error.message);
	if (weir__new_write(new, &error) != 0) {
		args->status = weir__command_fail(args->command, WEIR_EXIT_FAILED, "%s",
						  error.message);
		return -1;
	}
	if (!args->quiet)
		say_what_next(new);
	return 0;
}

/* The build that a key names; two different ones are a contradiction. */
static void
take_build(struct weir_arguments *args, int key, int *chosen)
{
	if (*chosen && *chosen != key)
		weir__arguments_bad(args, "one of --make, --autotools and --meson");
	*chosen = key;
}

static int
run_new(const struct weir_command *command, int argc, char **argv)
{
	static const char *const names[] = {"NAME"};
	struct weir_new new = {0};
	struct weir_arguments args;
	const char *value;
	int key, build = 0;

	weir__arguments_init(&args, command, argc, argv);
	while ((key = weir__arguments_next(&args, &value)) > 0) {
		if (key == KEY_STATE)
			new.has_state = true;
		else
			take_build(&args, key, &build);
	}
	if (!args.done)
		weir__arguments_operands(&args, 1, 1, names);
	if (!args.done) {
		new.name = args.operands[0];
		new.build = build == KEY_AUTOTOOLS ? WEIR_NEW_AUTOTOOLS
			    : build == KEY_MESON   ? WEIR_NEW_MESON
						   : WEIR_NEW_MAKE;
		make(&args, &new);
	}
	return weir__arguments_fini(&args);
}

const struct weir_command weir__command_new = {
	.name = "new",
	.summary = "begin a processor of your own: C file, test, pipeline, build",
	.usage = "NAME [--state] [--make|--autotools|--meson]",
	.text = "Makes a folder NAME with a processor in C, test cases for weir test, a pipeline "
		"file, a README and a build that finds weir by pkg-config. It builds and its "
		"tests pass as it is: change it from there. What it has written is yours, under "
		"any license.\n"
		"NAME is the processor's name, too: a letter, then letters, digits, - and _. A "
		"folder that exists is left alone.",
	.flags = new_flags,
	.level = WEIR_LOG_WARNING,
	.example = "weir new orders && cd orders && make check\n"
		   "weir new totals --state --meson",
	.run = run_new,
};
