/*
 * The options that all ready programs have, and the help of each program. No state.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <string.h>

#include "ready.h"

#define COLUMN 30
#define WIDTH 90

const struct ready_option ready_first[] = {
	{'b', "brokers", "LIST", "bootstrap.servers of the cluster", READY_KAFKA,
	 "bootstrap.servers", true, NULL},
	{0, "input", "TOPIC", "read this; may be repeated", READY_INPUT, NULL, true, NULL},
	{0, "output", "TOPIC", "write this", READY_OUTPUT, "default", true, NULL},
	READY_END,
};

const struct ready_option ready_last[] = {
	{0, "dead-letter", "TOPIC",
	 "write rejected records here; without it one of them stops the program",
	 READY_DEAD_LETTER, NULL, false, NULL},
	{0, "guarantee", "GUARANTEE", "exactly-once (default), at-least-once, at-most-once",
	 READY_SETTING, "guarantee", false, NULL},
	{0, "name", "NAME",
	 "of the app: consumer group, changelogs, folder of the state (default: what it does, "
	 "and INPUT)",
	 READY_SETTING, "name", false, NULL},
	{0, "instance", "NAME",
	 "of this process, where several share the work (default: the host's name)",
	 READY_SETTING, "instance", false, NULL},
	{0, "state-dir", "DIR", "where the state is kept", READY_SETTING, "state_dir", false,
	 NULL},
	{'X', "property", "NAME=VALUE", "a librdkafka property; may be repeated",
	 READY_PROPERTY, NULL, false, NULL},
	{'F', "properties", "FILE", "librdkafka properties, NAME=VALUE lines; # begins a comment",
	 READY_PROPERTIES, NULL, false, NULL},
	{'e', "until-end", NULL, "stop when all input that is there now is committed",
	 READY_ACTION, NULL, false, NULL},
	{0, "print-pipeline", NULL, "print the pipeline file that this stands for",
	 READY_ACTION, NULL, false, NULL},
	{'v', "verbose", NULL, "log more", READY_ACTION, NULL, false, NULL},
	{'q', "quiet", NULL, "log less", READY_ACTION, NULL, false, NULL},
	{'h', "help", NULL, "print this help", READY_ACTION, NULL, false, NULL},
	{'V', "version", NULL, "print the version", READY_ACTION, NULL, false, NULL},
	READY_END,
};

const struct ready_option *
ready_option(const struct ready_program *program, size_t index)
{
	const struct ready_option *tables[] = {ready_first, program->options, ready_last};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const struct ready_option *row = tables[i]; row->name; row++)
			if (index-- == 0)
				return row;
	return NULL;
}

/* Words with line breaks between, from `column` on; lines begin at `indent`. */
static void
print_wrapped(const char *text, size_t column, size_t indent)
{
	while (*text) {
		size_t size = strcspn(text, " ");

		if (column > indent && column + 1 + size > WIDTH) {
			printf("\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			putchar(' ');
			column++;
		}
		printf("%.*s", (int)size, text);
		column += size;
		text += size + strspn(text + size, " ");
	}
	putchar('\n');
}

static void
print_option(const struct ready_option *option)
{
	char left[80];
	int size = snprintf(left, sizeof(left), "  %c%c%c --%s%s%s", option->letter ? '-' : ' ',
			    option->letter ? option->letter : ' ', option->letter ? ',' : ' ',
			    option->name, option->argument ? " " : "",
			    option->argument ? option->argument : "");

	if (size < COLUMN)
		printf("%-*s", COLUMN, left);
	else
		printf("%s\n%*s", left, COLUMN, "");
	print_wrapped(option->help, COLUMN, COLUMN);
}

void
ready_print_help(const struct ready_program *program)
{
	const struct ready_option *option;
	size_t indent = strlen("Usage: ") + strlen(program->name) + 1;
	char usage[300];

	snprintf(usage, sizeof(usage), "%s [OPTION]...", program->usage);
	printf("Usage: %s ", program->name);
	print_wrapped(usage, indent, indent);
	putchar('\n');
	print_wrapped(program->text, 0, 0);
	printf("SIGTERM or SIGINT (Ctrl-C) drains it; a second one stops at once. Exit status: "
	       "0 drained,\n1 failed, 2 bad usage, 3 another instance of the same name took "
	       "over.\n\nOptions:\n");
	for (size_t index = 0; (option = ready_option(program, index)); index++)
		print_option(option);
	printf("\nExample:\n%s\n", program->example);
}
