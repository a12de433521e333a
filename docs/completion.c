/*
 * Prints what a shell completes of weir, weir-dedup and weir-enrich: `completion bash`, zsh
 * or fish. Commands and options come from their tables; names of processors are asked of
 * `weir list` when they are completed. Runs while weir is built.
 *
 * Knows what stands for what in the tables: FILE is a file, GUARANTEE one of three words.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "apps/weir-dedup/program.h"
#include "apps/weir-enrich/program.h"
#include "apps/weir/options.h"

/* What may stand for an argument: words with blanks between, or one of these. */
#define FILES "<files>"
#define FOLDERS "<folders>"
#define PROCESSORS "<processors>"
#define NOTHING "<nothing>"

#define GUARANTEES "exactly-once at-least-once at-most-once"

/* Of an option of this command, or of all (NULL). */
static const struct {
	const char *subject, *option, *argument, *values;
} arguments[] = {
	{"produce", "format", NULL, "lines json"},
	{"consume", "format", NULL, "value key-value json"},
	{"consume", "from", NULL, "beginning end"},
	{"state", "format", NULL, "text json"},
	{"reset", "to", NULL, "earliest latest"},
	{"weir-dedup", "missing", NULL, "reject pass drop"},
	{"weir-dedup", "late", NULL, "pass drop reject"},
	{"weir-enrich", "missing", NULL, "reject keep drop"},
	{NULL, "isolation", NULL, "read_committed read_uncommitted"},
	{NULL, "on-gap", NULL, "stop continue"},
	{NULL, NULL, "GUARANTEE", GUARANTEES},
	{NULL, NULL, "FILE", FILES},
	{NULL, NULL, "PATH", FILES},
	{NULL, NULL, "DIR", FOLDERS},
};

struct option {
	int letter; /* 0: none */
	const char *name, *argument, *help;
};

/* A command of weir, or a program. */
struct subject {
	const char *name, *operands;
	struct option options[64];
	size_t count;
};

static void
add_flags(struct subject *subject, const struct weir_flag *flags)
{
	for (; flags && flags->name; flags++)
		subject->options[subject->count++] = (struct option){
			flags->key < WEIR_LONG_ONLY ? flags->key : 0, flags->name,
			flags->argument, flags->help};
}

static struct subject
of_command(const struct weir_command *command)
{
	struct subject subject = {.name = command->name, .operands = NOTHING};

	if (strstr(command->usage, "PROCESSOR"))
		subject.operands = PROCESSORS;
	else if (strstr(command->usage, "FILE"))
		subject.operands = FILES;
	add_flags(&subject, command->flags);
	if (command->connects)
		add_flags(&subject, weir__flags_connect);
	add_flags(&subject, weir__flags_common);
	return subject;
}

static struct subject
of_program(const struct ready_program *program)
{
	struct subject subject = {.name = program->name, .operands = NOTHING};
	const struct ready_option *row;

	for (size_t i = 0; (row = ready_option(program, i)); i++)
		subject.options[subject.count++] =
			(struct option){row->letter, row->name, row->argument, row->help};
	return subject;
}

static const char *
values_of(const struct subject *subject, const struct option *option)
{
	for (size_t i = 0; i < sizeof(arguments) / sizeof(arguments[0]); i++) {
		if (arguments[i].subject && strcmp(arguments[i].subject, subject->name) != 0)
			continue;
		if (arguments[i].option && strcmp(arguments[i].option, option->name) != 0)
			continue;
		if (arguments[i].argument && strcmp(arguments[i].argument, option->argument) != 0)
			continue;
		return arguments[i].values;
	}
	return NOTHING;
}

/* The help up to its first semicolon, within single quotes, `escaped` behind a backslash. */
static void
print_help(const char *help, const char *escaped)
{
	for (; *help && *help != ';'; help++) {
		if (*help == '\'')
			fputs("'\\'", stdout);
		else if (strchr(escaped, *help))
			putchar('\\');
		putchar(*help);
	}
}

/* ---- bash ---- */

static void
bash_subject(const struct subject *subject)
{
	printf("    %s)\n        options='", subject->name);
	for (size_t i = 0; i < subject->count; i++)
		printf("%s--%s", i ? " " : "", subject->options[i].name);
	printf("'\n        operands='%s'\n        case $before in\n", subject->operands);
	for (size_t i = 0; i < subject->count; i++) {
		const struct option *option = &subject->options[i];

		if (!option->argument)
			continue;
		printf("        --%s", option->name);
		if (option->letter)
			printf("|-%c", option->letter);
		printf(") values='%s' ;;\n", values_of(subject, option));
	}
	printf("        esac\n        ;;\n");
}

static void
print_bash(const struct subject *subjects, size_t count, size_t command_count)
{
	printf("# bash completion of weir, weir-dedup and weir-enrich\n"
	       "_weir_subject() {\n    case $1 in\n");
	for (size_t i = 0; i < count; i++)
		bash_subject(&subjects[i]);
	printf("    esac\n}\n\n_weir_commands='");
	for (size_t i = 0; i < command_count; i++)
		printf("%s ", subjects[i].name);
	printf("help'\n\n"
	       "_weir_fill() { # VALUES WORD\n"
	       "    case $1 in\n"
	       "    '" NOTHING "') ;;\n"
	       "    '" FILES "') compopt -o filenames 2>/dev/null\n"
	       "        mapfile -t COMPREPLY < <(compgen -f -- \"$2\") ;;\n"
	       "    '" FOLDERS "') compopt -o filenames 2>/dev/null\n"
	       "        mapfile -t COMPREPLY < <(compgen -d -- \"$2\") ;;\n"
	       "    '" PROCESSORS "')\n"
	       "        mapfile -t COMPREPLY < <(compgen -W \"$(weir list 2>/dev/null | sed 's/ .*//')\" "
	       "-- \"$2\") ;;\n"
	       "    *) mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$2\") ;;\n"
	       "    esac\n}\n\n"
	       "_weir() {\n"
	       "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
	       "    local program=${COMP_WORDS[0]##*/} subject options= operands= values=\n"
	       "    COMPREPLY=()\n"
	       "    subject=$program\n"
	       "    if [ \"$program\" = weir ]; then\n"
	       "        subject=${COMP_WORDS[1]}\n"
	       "        if [ \"$COMP_CWORD\" = 1 ]; then\n"
	       "            _weir_fill \"$_weir_commands --help --version\" \"$word\"\n"
	       "            return\n"
	       "        fi\n"
	       "        if [ \"$subject\" = help ]; then\n"
	       "            _weir_fill \"$_weir_commands\" \"$word\"\n"
	       "            return\n"
	       "        fi\n"
	       "    fi\n"
	       "    _weir_subject \"$subject\"\n"
	       "    if [ -n \"$values\" ]; then\n"
	       "        _weir_fill \"$values\" \"$word\"\n"
	       "    elif [[ $word == -* ]]; then\n"
	       "        _weir_fill \"$options\" \"$word\"\n"
	       "    else\n"
	       "        _weir_fill \"${operands:-" NOTHING "}\" \"$word\"\n"
	       "    fi\n}\n\n"
	       "complete -F _weir weir weir-dedup weir-enrich\n");
}

/* ---- zsh ---- */

static void
zsh_action(const char *values)
{
	if (strcmp(values, FILES) == 0)
		printf("_files");
	else if (strcmp(values, FOLDERS) == 0)
		printf("_files -/");
	else if (strcmp(values, PROCESSORS) == 0)
		printf("_weir_processors");
	else if (strcmp(values, NOTHING) != 0)
		printf("(%s)", values);
}

static void
zsh_argument(const struct subject *subject, const struct option *option)
{
	if (!option->argument)
		return;
	putchar(':');
	print_help(option->argument, ":[]\\");
	putchar(':');
	zsh_action(values_of(subject, option));
}

static void
zsh_option(const struct subject *subject, const struct option *option, bool is_letter)
{
	printf(" \\\n        '*%s", is_letter ? "-" : "--");
	if (is_letter)
		putchar(option->letter);
	else
		printf("%s%s", option->name, option->argument ? "=" : "");
	putchar('[');
	print_help(option->help, "[]\\:");
	putchar(']');
	zsh_argument(subject, option);
	putchar('\'');
}

static void
zsh_subject(const struct subject *subject)
{
	printf("    %s)\n        _arguments -s", subject->name);
	for (size_t i = 0; i < subject->count; i++) {
		zsh_option(subject, &subject->options[i], false);
		if (subject->options[i].letter)
			zsh_option(subject, &subject->options[i], true);
	}
	/* Options may stand behind operands for which there is nothing to offer, too. (No action
	 * at all would be a message, and then a single match is not filled in.) */
	printf(" \\\n        '*: :");
	if (strcmp(subject->operands, NOTHING) == 0)
		printf("{true}");
	zsh_action(subject->operands);
	printf("'\n        ;;\n");
}

static void
print_zsh(const struct subject *subjects, size_t count, size_t command_count)
{
	printf("#compdef weir weir-dedup weir-enrich\n"
	       "# zsh completion of weir, weir-dedup and weir-enrich\n"
	       "_weir_processors() {\n"
	       "    local -a names\n"
	       "    names=(${(f)\"$(weir list 2>/dev/null | sed 's/ .*//')\"})\n"
	       "    compadd -a names\n}\n\n"
	       "_weir_commands() {\n    local -a commands\n    commands=(\n");
	for (size_t i = 0; i < command_count; i++) {
		printf("        '%s:", subjects[i].name);
		print_help(weir__commands[i]->summary, ":");
		printf("'\n");
	}
	printf("        'help:print the help of a command'\n    )\n"
	       "    _describe command commands\n}\n\n"
	       "_weir_subject() {\n    case $1 in\n");
	for (size_t i = 0; i < count; i++)
		zsh_subject(&subjects[i]);
	printf("    help) _weir_commands ;;\n    esac\n}\n\n"
	       "_weir() {\n"
	       "    local program=${words[1]:t} subject\n"
	       "    if [[ $program != weir ]]; then\n"
	       "        _weir_subject $program\n"
	       "    elif (( CURRENT == 2 )) && [[ $PREFIX = -* ]]; then\n"
	       "        _arguments '--help[print what there is]' '--version[print the version]'\n"
	       "    elif (( CURRENT == 2 )); then\n"
	       "        _weir_commands\n"
	       "    else\n"
	       "        subject=$words[2]\n"
	       "        shift words\n"
	       "        (( CURRENT-- ))\n"
	       "        _weir_subject $subject\n"
	       "    fi\n}\n\n_weir \"$@\"\n");
}

/* ---- fish ---- */

static void
fish_values(const char *values)
{
	if (strcmp(values, FILES) == 0)
		printf(" -r -F");
	else if (strcmp(values, FOLDERS) == 0)
		printf(" -x -a '(__fish_complete_directories)'");
	else if (strcmp(values, NOTHING) == 0)
		printf(" -x");
	else
		printf(" -x -a '%s'", values);
}

static void
fish_subject(const struct subject *subject, bool is_program)
{
	for (size_t i = 0; i < subject->count; i++) {
		const struct option *option = &subject->options[i];

		if (is_program)
			printf("complete -c %s", subject->name);
		else
			printf("complete -c weir -n '__fish_seen_subcommand_from %s'",
			       subject->name);
		if (option->letter)
			printf(" -s %c", option->letter);
		printf(" -l %s", option->name);
		if (option->argument)
			fish_values(values_of(subject, option));
		printf(" -d '");
		print_help(option->help, "\\");
		printf("'\n");
	}
	if (is_program)
		printf("complete -c %s -f\n", subject->name);
	else if (strcmp(subject->operands, PROCESSORS) == 0)
		printf("complete -c weir -n '__fish_seen_subcommand_from %s' -f -a "
		       "'(weir list 2>/dev/null | string replace -r \" .*\" \"\")'\n",
		       subject->name);
	else if (strcmp(subject->operands, FILES) == 0)
		printf("complete -c weir -n '__fish_seen_subcommand_from %s' -F\n",
		       subject->name);
}

static void
print_fish(const struct subject *subjects, size_t count, size_t command_count)
{
	printf("# fish completion of weir, weir-dedup and weir-enrich\n"
	       "complete -c weir -f\n");
	for (size_t i = 0; i < command_count; i++) {
		printf("complete -c weir -n __fish_use_subcommand -a %s -d '", subjects[i].name);
		print_help(weir__commands[i]->summary, "\\");
		printf("'\n");
	}
	printf("complete -c weir -n __fish_use_subcommand -a help -d 'print the help of a command'\n"
	       "complete -c weir -n __fish_use_subcommand -s h -l help -d 'print what there is'\n"
	       "complete -c weir -n __fish_use_subcommand -s V -l version -d 'print the version'\n");
	for (size_t i = 0; i < count; i++)
		fish_subject(&subjects[i], i >= command_count);
}

int
main(int argc, char **argv)
{
	static struct subject subjects[64];
	const char *shell = argc > 1 ? argv[1] : "";
	size_t command_count = 0, count;

	for (; weir__commands[command_count]; command_count++)
		subjects[command_count] = of_command(weir__commands[command_count]);
	count = command_count;
	subjects[count++] = of_program(&ready_dedup);
	subjects[count++] = of_program(&ready_enrich);
	if (strcmp(shell, "bash") == 0) {
		print_bash(subjects, count, command_count);
	} else if (strcmp(shell, "zsh") == 0) {
		print_zsh(subjects, count, command_count);
	} else if (strcmp(shell, "fish") == 0) {
		print_fish(subjects, count, command_count);
	} else {
		fprintf(stderr, "completion: bash, zsh or fish\n");
		return 1;
	}
	return fflush(stdout) != 0;
}
