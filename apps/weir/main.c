/*
 * The command `weir`: finds the subcommand and runs it. Knows their list, and that output
 * which could not be written is a failure. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/units.h>
#include <processor/chain.h>

#include "command.h"
#include "options.h"
#include "plugins.h"

static int
print_commands(FILE *out)
{
	size_t i;

	fputs("Usage: weir COMMAND [ARGUMENT]...\n\n", out);
	weir__help_wrap(
		out,
		"Runs C functions (\"processors\") over Kafka topics: reads records, "
		"processes them, writes the results, commits, exactly once if so set.",
		0);
	fputs("\nCommands:\n", out);
	for (i = 0; weir__commands[i]; i++)
		fprintf(out, "  %-10s %s\n", weir__commands[i]->name,
			weir__commands[i]->summary);
	fputs("\nMore: weir COMMAND --help, man weir\n", out);
	return WEIR_EXIT_OK;
}

static const struct weir_command *
find(const char *name)
{
	size_t i;

	for (i = 0; weir__commands[i]; i++)
		if (strcmp(weir__commands[i]->name, name) == 0)
			return weir__commands[i];
	return NULL;
}

static int
say_unknown(const char *name)
{
	const char *names[32] = {NULL};
	const char *nearest;
	size_t i;

	for (i = 0; weir__commands[i] && i + 1 < sizeof(names) / sizeof(names[0]); i++)
		names[i] = weir__commands[i]->name;
	nearest = weir__nearest(name, names);
	if (nearest)
		fprintf(stderr, "weir: unknown command %s (did you mean %s?)\n", name,
			nearest);
	else
		fprintf(stderr, "weir: unknown command %s (weir --help lists them)\n",
			name);
	return WEIR_EXIT_USAGE;
}

static int
dispatch(int argc, char **argv)
{
	const struct weir_command *command;
	const char *word = argc > 1 ? argv[1] : "--help";

	if (strcmp(word, "-V") == 0 || strcmp(word, "--version") == 0) {
		weir__version_print(stdout);
		return WEIR_EXIT_OK;
	}
	if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0)
		return print_commands(stdout);
	if (strcmp(word, "help") == 0) {
		if (argc < 3)
			return print_commands(stdout);
		command = find(argv[2]);
		if (!command)
			return say_unknown(argv[2]);
		weir__help_print(command, stdout);
		return WEIR_EXIT_OK;
	}
	if (word[0] == '-') {
		fprintf(stderr,
			"weir: unknown option %s (a command comes first; weir --help "
			"lists "
			"them)\n",
			word);
		return WEIR_EXIT_USAGE;
	}
	command = find(word);
	return command ? command->run(command, argc - 1, argv + 1) : say_unknown(word);
}

/*
 * A standard descriptor that is closed would be given to the next file that is opened.
 * Take it by one that fails in the direction it is used in.
 */
static void
hold_standard_descriptors(void)
{
	int fd;

	for (fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd ? O_RDONLY : O_WRONLY) != fd)
			abort();
}

int
main(int argc, char **argv)
{
	int status;

	hold_standard_descriptors();
	weir__build_tree_use();
	weir__chain_crash_handlers(); /* each command may load plugins */
	status = dispatch(argc, argv);
	/* a full disk behind stdout is seen only now */
	if ((fflush(stdout) != 0 || ferror(stdout)) && status == WEIR_EXIT_OK) {
		fprintf(stderr, "weir: standard output: %s\n", strerror(errno));
		return WEIR_EXIT_FAILED;
	}
	return status;
}
