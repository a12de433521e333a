/*
 * Prints the man page: the text in weir.1.in, its option sections made from the tables of
 * the commands and of the pipeline file. Knows roff's few rules of escaping. Runs while
 * weir is built.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <config/pipeline.h>

#include "apps/weir/options.h"

/* Text as text: no character of it is a request or an escape. */
static void
print_text(const char *text)
{
	bool at_start = true;

	for (; *text; text++) {
		if (at_start && (*text == '.' || *text == '\''))
			fputs("\\&", stdout);
		if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == '-')
			fputs("\\-", stdout);
		else
			putchar(*text);
		at_start = *text == '\n';
	}
}

static void
print_flag(const struct weir_flag *flag)
{
	printf(".TP\n\\fB");
	if (flag->key < WEIR_LONG_ONLY)
		printf("\\-%c\\fR, \\fB", flag->key);
	fputs("\\-\\-", stdout);
	print_text(flag->name);
	fputs("\\fR", stdout);
	if (flag->argument) {
		fputs(" \\fI", stdout);
		print_text(flag->argument);
		fputs("\\fR", stdout);
	}
	putchar('\n');
	print_text(flag->help);
	putchar('\n');
}

static void
print_flags(const struct weir_flag *flags)
{
	for (; flags && flags->name; flags++)
		print_flag(flags);
}

static void
print_command(const struct weir_command *command)
{
	printf(".SS weir %s ", command->name);
	print_text(command->usage);
	putchar('\n');
	print_text(command->text);
	putchar('\n');
	print_flags(command->flags);
	printf(".PP\n.nf\n");
	print_text(command->example);
	printf("\n.fi\n");
}

static void
print_commands(void)
{
	size_t i;

	for (i = 0; weir__commands[i]; i++)
		print_command(weir__commands[i]);
	printf(".SS Options of commands that connect without a pipeline file\n");
	print_flags(weir__flags_connect);
	printf(".SS Options of every command\n");
	print_flags(weir__flags_common);
}

static void
print_row(const char *section, const struct weir_option *row)
{
	printf(".TP\n\\fB");
	print_text(section);
	putchar('/');
	print_text(row->name);
	printf("\\fR (%s", weir__option_type_name(row->type));
	if (row->choices) {
		fputs(": ", stdout);
		print_text(row->choices);
	}
	if (row->flags & WEIR_OPTION_REQUIRED)
		fputs(", required", stdout);
	if (row->standard) {
		fputs(", default ", stdout);
		print_text(row->standard);
	}
	printf(")\n");
	print_text(row->help);
	putchar('\n');
}

static void
print_pipeline(void)
{
	const struct weir_section *section;
	struct weir_option row;
	size_t i;

	for (section = weir__pipeline_sections(); section->path; section++) {
		printf(".SS ");
		print_text(section->path[0] ? section->path : "/");
		printf(": %s\n", section->help);
		for (i = 0; weir__option_row(&section->table, i, &row); i++)
			print_row(section->path, &row);
		if (section->other_keys) {
			printf(".PP\n");
			print_text(section->other_keys);
			putchar('\n');
		}
	}
}

static void
print_line(char *line)
{
	char *mark = strstr(line, "@VERSION@");

	if (strcmp(line, "@COMMANDS@\n") == 0)
		print_commands();
	else if (strcmp(line, "@PIPELINE@\n") == 0)
		print_pipeline();
	else if (mark)
		printf("%.*s%s%s", (int)(mark - line), line, PACKAGE_VERSION,
		       mark + strlen("@VERSION@"));
	else
		fputs(line, stdout);
}

int
main(int argc, char **argv)
{
	FILE *source = argc == 2 ? fopen(argv[1], "re") : NULL;
	char line[1024];

	if (!source) {
		fprintf(stderr, "manual: %s: %s\n", argc == 2 ? argv[1] : "no source",
			strerror(errno));
		return 1;
	}
	while (fgets(line, sizeof(line), source))
		print_line(line);
	fclose(source);
	return fflush(stdout) != 0;
}
