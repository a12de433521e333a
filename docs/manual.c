/*
 * Prints the man pages: of a command of weir from its table (`manual command NAME`), of a
 * ready program from ready.1.in and its table, and the other pages from their sources, in
 * which lines between @ are filled in: from the tables of the commands and of the pipeline
 * file, and from the installed headers. Runs while weir is built.
 *
 * Pages of processors are printed by `weir describe --man`.
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

#include "apps/weir-dedup/program.h"
#include "apps/weir-enrich/program.h"
#include "apps/weir/man.h"
#include "apps/weir/options.h"

static const struct ready_program *const ready_programs[] = {&ready_dedup, &ready_enrich};

/* ---- commands ---- */

/* A sentence for the exit statuses that only some commands have. */
static const struct {
	const char *command, *status, *text;
} more_statuses[] = {
	{"run", "3", "another instance of the same name took over"},
	{"verify", "1", "something was found wrong, or it could not be done"},
	{"verify", "4", "unknown: nothing was found wrong, but not every fault hit its mark"},
};

static const struct weir_command *
find_command(const char *name)
{
	for (size_t i = 0; weir__commands[i]; i++)
		if (strcmp(weir__commands[i]->name, name) == 0)
			return weir__commands[i];
	return NULL;
}

static void
print_status(const char *status, const char *text)
{
	printf(".TP\n.B %s\n%s\n", status, text);
}

static void
print_statuses(const struct weir_command *command)
{
	bool has_own_one = strcmp(command->name, "verify") == 0;

	printf(".SH EXIT STATUS\n");
	print_status("0", strcmp(command->name, "run") == 0 ? "drained and committed" : "done");
	if (!has_own_one)
		print_status("1", "it was tried, and failed");
	print_status("2", "bad usage or a bad file: nothing was begun");
	for (size_t i = 0; i < sizeof(more_statuses) / sizeof(more_statuses[0]); i++)
		if (strcmp(more_statuses[i].command, command->name) == 0)
			print_status(more_statuses[i].status, more_statuses[i].text);
}

static void
print_command_page(const struct weir_command *command)
{
	char *name = weir__format("weir-%s", command->name);

	printf(".\\\" SPDX-License-Identifier: BSD-2-Clause\n");
	weir__man_title(stdout, name, "1", "User Commands");
	printf(".SH NAME\n");
	weir__man_text(stdout, name);
	printf(" \\- ");
	weir__man_text(stdout, command->summary);
	printf("\n.SH SYNOPSIS\n.B weir %s\n", command->name);
	weir__man_text(stdout, command->usage);
	printf("\n.SH DESCRIPTION\n");
	weir__man_paragraphs(stdout, command->text);
	printf(".SH OPTIONS\n");
	weir__man_flags(stdout, command->flags);
	if (command->connects)
		weir__man_flags(stdout, weir__flags_connect);
	weir__man_flags(stdout, weir__flags_common);
	print_statuses(command);
	printf(".SH EXAMPLES\n.nf\n");
	weir__man_text(stdout, command->example);
	printf("\n.fi\n.SH SEE ALSO\n.BR weir (1),\n.BR weir\\-pipeline (5)\n");
	free(name);
}

/* In weir(1): a line each, its page has the rest. */
static void
print_commands(void)
{
	for (size_t i = 0; weir__commands[i]; i++) {
		printf(".TP\n.BR weir\\-%s (1)\n", weir__commands[i]->name);
		weir__man_text(stdout, weir__commands[i]->summary);
		putchar('\n');
	}
}

static void
print_common_flags(void)
{
	printf(".SS Options of commands that connect without a pipeline file\n");
	weir__man_flags(stdout, weir__flags_connect);
	printf(".SS Options of every command\n");
	weir__man_flags(stdout, weir__flags_common);
}

/* ---- the pipeline file ---- */

static void
print_pipeline(void)
{
	const struct weir_section *section;

	for (section = weir__pipeline_sections(); section->path; section++) {
		char *prefix = weir__format("%s/", section->path);

		printf(".SS ");
		weir__man_text(stdout, section->path[0] ? section->path : "/");
		printf(": %s\n", section->help);
		weir__man_rows(stdout, prefix, &section->table);
		if (section->other_keys) {
			printf(".PP\n");
			weir__man_text(stdout, section->other_keys);
			putchar('\n');
		}
		free(prefix);
	}
}

/* ---- headers ---- */

/* Of a terminal's 80 columns, without the page's indent. */
#define DECLARATION_COLUMNS 72

/* Without what stands behind the declaration, and without its attribute. */
static void
cut(char *line)
{
	char *end = strchr(line, ';');
	char *attribute = strstr(line, "WEIR_PRINTF");

	if (end)
		end[1] = '\0';
	while (attribute && attribute > line && attribute[-1] == ' ')
		attribute--;
	if (attribute)
		strcpy(attribute, ";");
	line[strcspn(line, "\n")] = '\0';
}

/* Where its line ends: behind the last comma that fits, or else where the parameters begin. */
static size_t
line_size(const char *text, size_t room)
{
	size_t size = 0, parameters = strcspn(text, "(");

	if (strlen(text) <= room)
		return strlen(text);
	for (size_t at = 0; text[at] && at < room; at++)
		if (text[at] == ',')
			size = at + 1;
	return size ? size : parameters + (text[parameters] == '(');
}

/* Over several lines where it has to, each a word deeper than the first. */
static void
print_declaration(const char *text)
{
	static const char indent[] = "    ";
	size_t room = DECLARATION_COLUMNS, size;

	for (; *text; text += size + strspn(text + size, " ")) {
		char line[DECLARATION_COLUMNS * 4];

		size = line_size(text, room);
		snprintf(line, sizeof(line), "%s%.*s", room < DECLARATION_COLUMNS ? indent : "",
			 (int)size, text);
		weir__man_text(stdout, line);
		putchar('\n');
		room = DECLARATION_COLUMNS - strlen(indent);
	}
}

/* The calls that the header declares. */
static void
print_header(const char *path)
{
	static const char mark[] = "WEIR_API ";
	FILE *header = fopen(path, "re");
	struct weir_buffer text = {0};
	bool inside = false;
	char line[1024];

	if (!header) {
		fprintf(stderr, "manual: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	printf(".nf\n");
	while (fgets(line, sizeof(line), header)) {
		bool begins = strncmp(line, mark, strlen(mark)) == 0;
		bool ends = strchr(line, ';') != NULL;
		const char *part = line + (begins ? strlen(mark) : strspn(line, "\t "));

		if (!begins && !inside)
			continue;
		cut(line);
		weir__buffer_printf(&text, "%s%s", inside && *part != ';' ? " " : "", part);
		inside = !ends;
		if (inside)
			continue;
		print_declaration(text.data);
		weir__buffer_fini(&text);
	}
	printf(".fi\n");
	fclose(header);
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
		weir__man_option(stdout, option->letter, option->name, option->argument,
				 option->help);
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
			weir__man_text(stdout, texts[i].text);
			putchar('\n');
			return true;
		}
	if (strcmp(line, "@READY_TITLE@\n") == 0)
		weir__man_title(stdout, program->name, "1", "User Commands");
	else if (strcmp(line, "@SEE_PROCESSOR@\n") == 0)
		printf(".BR weir\\-%s (7)\n", program->use);
	else if (strcmp(line, "@OPTIONS@\n") == 0)
		print_ready_options(program);
	else
		return false;
	return true;
}

/* ---- lines of the source ---- */

/* "@TITLE weir-pipeline 5 File Formats@" */
static bool
print_title(const char *line)
{
	char name[64], section[8], heading[64];

	if (sscanf(line, "@TITLE %63s %7s %63[^@]@", name, section, heading) != 3)
		return false;
	weir__man_title(stdout, name, section, heading);
	return true;
}

static void
print_line(const char *folder, const struct ready_program *program, const char *line)
{
	char header[64];

	if ((program && print_ready_mark(program, line)) || print_title(line))
		return;
	if (strcmp(line, "@COMMANDS@\n") == 0) {
		print_commands();
	} else if (strcmp(line, "@OPTIONS@\n") == 0) {
		print_common_flags();
	} else if (strcmp(line, "@PIPELINE@\n") == 0) {
		print_pipeline();
	} else if (sscanf(line, "@HEADER %63[a-z.]@", header) == 1) {
		char *path = weir__format("%s/../lib/weir/%s", folder, header);

		print_header(path);
		free(path);
	} else {
		fputs(line, stdout);
	}
}

static int
print_source(const char *path, const char *program_name)
{
	const struct ready_program *program = program_name ? find_program(program_name) : NULL;
	FILE *source = fopen(path, "re");
	char *folder = weir__strndup(path, strrchr(path, '/') ? (size_t)(strrchr(path, '/') - path)
							      : 0);
	char line[1024];

	if (!source || (program_name && !program)) {
		fprintf(stderr, "manual: %s: %s\n", source ? program_name : path,
			source ? "no such program" : strerror(errno));
		free(folder);
		return 1;
	}
	while (fgets(line, sizeof(line), source))
		print_line(folder, program, line);
	fclose(source);
	free(folder);
	return 0;
}

int
main(int argc, char **argv)
{
	const struct weir_command *command;
	int status;

	if (argc == 3 && strcmp(argv[1], "command") == 0) {
		command = find_command(argv[2]);
		if (!command) {
			fprintf(stderr, "manual: %s: no such command\n", argv[2]);
			return 1;
		}
		print_command_page(command);
		return fflush(stdout) != 0;
	}
	if (argc < 2) {
		fprintf(stderr, "manual: no source given\n");
		return 1;
	}
	status = print_source(argv[1], argc > 2 ? argv[2] : NULL);
	return fflush(stdout) != 0 ? 1 : status;
}
