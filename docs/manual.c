/*
 * Prints a man page: of weir the text in weir.1.in, its option sections made from the tables
 * of the commands and of the pipeline file; of a ready program (apps/ready), which is named
 * behind the source, the text in ready.1.in. Knows roff's few rules of escaping. Runs while
 * weir is built.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <config/pipeline.h>

#include "apps/weir-dedup/program.h"
#include "apps/weir-enrich/program.h"
#include "apps/weir/options.h"

static const struct ready_program *const ready_programs[] = {&ready_dedup, &ready_enrich};

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

/* letter 0: it has none */
static void
print_option(int letter, const char *name, const char *argument, const char *help)
{
	printf(".TP\n\\fB");
	if (letter)
		printf("\\-%c\\fR, \\fB", letter);
	fputs("\\-\\-", stdout);
	print_text(name);
	fputs("\\fR", stdout);
	if (argument) {
		fputs(" \\fI", stdout);
		print_text(argument);
		fputs("\\fR", stdout);
	}
	putchar('\n');
	print_text(help);
	putchar('\n');
}

static void
print_flag(const struct weir_flag *flag)
{
	print_option(flag->key < WEIR_LONG_ONLY ? flag->key : 0, flag->name, flag->argument,
		     flag->help);
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

/* ---- ready programs ---- */

static const struct ready_program *
find_program(const char *name)
{
	for (size_t i = 0; i < sizeof(ready_programs) / sizeof(ready_programs[0]); i++)
		if (strcmp(ready_programs[i]->name, name) == 0)
			return ready_programs[i];
	return NULL;
}

static void
print_ready_options(const struct ready_program *program)
{
	const struct ready_option *option;

	for (size_t index = 0; (option = ready_option(program, index)); index++)
		print_option(option->letter, option->name, option->argument, option->help);
}

static void
print_capitals(const char *text)
{
	char capitals[40];
	size_t size = 0;

	for (; text[size] && size + 1 < sizeof(capitals); size++)
		capitals[size] = (char)toupper((unsigned char)text[size]);
	capitals[size] = '\0';
	print_text(capitals);
}

/* True: the line was a mark. */
static bool
print_ready_mark(const struct ready_program *program, const char *line)
{
	const struct {
		const char *mark, *text;
	} texts[] = {
		{"@NAME@\n", program->name},   {"@SUMMARY@\n", program->summary},
		{"@USAGE@\n", program->usage}, {"@TEXT@\n", program->text},
		{"@EXAMPLE@\n", program->example},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(line, texts[i].mark) == 0) {
			print_text(texts[i].text);
			putchar('\n');
			return true;
		}
	if (strcmp(line, "@OPTIONS@\n") != 0)
		return false;
	print_ready_options(program);
	return true;
}

/* ---- lines of the source ---- */

static void
print_line(const struct ready_program *program, char *line)
{
	char *mark = strstr(line, "@VERSION@"), *name = strstr(line, "@TITLE@");

	if (program && print_ready_mark(program, line))
		return;
	if (strcmp(line, "@COMMANDS@\n") == 0) {
		print_commands();
	} else if (strcmp(line, "@PIPELINE@\n") == 0) {
		print_pipeline();
	} else if (mark) {
		*mark = '\0';
		if (program && name) {
			printf("%.*s", (int)(name - line), line);
			print_capitals(program->name);
			line = name + strlen("@TITLE@");
		}
		printf("%s%s%s", line, PACKAGE_VERSION, mark + strlen("@VERSION@"));
	} else {
		fputs(line, stdout);
	}
}

int
main(int argc, char **argv)
{
	FILE *source = argc > 1 ? fopen(argv[1], "re") : NULL;
	const struct ready_program *program = argc > 2 ? find_program(argv[2]) : NULL;
	char line[1024];

	if (!source || (argc > 2 && !program)) {
		fprintf(stderr, "manual: %s: %s\n", argv[argc - 1],
			source ? "no such program" : strerror(errno));
		return 1;
	}
	while (fgets(line, sizeof(line), source))
		print_line(program, line);
	fclose(source);
	return fflush(stdout) != 0;
}
