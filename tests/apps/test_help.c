/*
 * The help of each command against the tables that getopt's are made from: nothing is left
 * out, in --help or in the man page, and what is named there is taken.
 *
 * The command runs as a child; the tables come from the library it is linked with.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <base/alloc.h>

#include "apps/weir/options.h"
#include "tests/harness.h"

#define LONGEST_LINE 90
#define MANUAL "docs/weir.1"
#define LONGEST_PATH 64

/* All that a program prints, and its exit status; the caller frees. */
static char *
output_of(const char *line, int *status)
{
	struct weir_buffer text = {0};
	FILE *pipe = popen(line, "r");
	char part[512];
	size_t size;
	int ended;

	ck_assert_ptr_nonnull(pipe);
	while ((size = fread(part, 1, sizeof(part), pipe)) > 0)
		weir__buffer_add(&text, part, size);
	weir__buffer_add_text(&text, "");
	ended = pclose(pipe);
	ck_assert(WIFEXITED(ended));
	*status = WEXITSTATUS(ended);
	return text.data;
}

/* What `weir COMMAND WORDS` prints on one of its outputs, the other thrown away. */
static char *
said(const char *words, const char *redirection, int *status)
{
	char *line = weir__format("exec ./weir %s %s </dev/null", words, redirection);
	char *text = output_of(line, status);

	free(line);
	return text;
}

#define STDOUT_ALONE "2>/dev/null"
#define STDERR_ALONE "2>&1 >/dev/null"

/* ---- the tables ---- */

typedef void (*flag_fn)(const struct weir_command *command, const struct weir_flag *flag,
			const char *text);

static void
each_of(const struct weir_command *command, const struct weir_flag *flags, flag_fn check,
	const char *text)
{
	for (; flags && flags->name; flags++)
		check(command, flags, text);
}

/* Each option that the command takes. */
static void
each_flag(const struct weir_command *command, flag_fn check, const char *text)
{
	each_of(command, command->flags, check, text);
	if (command->connects)
		each_of(command, weir__flags_connect, check, text);
	each_of(command, weir__flags_common, check, text);
}

/* "-c, --count N", as help and man page have it. */
static char *
title_of(const struct weir_flag *flag)
{
	const char *argument = flag->argument ? flag->argument : "";
	const char *blank = flag->argument ? " " : "";

	if (flag->key < WEIR_LONG_ONLY)
		return weir__format("-%c, --%s%s%s", flag->key, flag->name, blank,
				    argument);
	return weir__format("--%s%s%s", flag->name, blank, argument);
}

/* The text with each run of blanks and line ends as one blank. */
static char *
flat(const char *text)
{
	struct weir_buffer out = {0};

	while (*text) {
		size_t word = strcspn(text, " \n");

		weir__buffer_add(&out, text, word);
		text += word;
		if (*text)
			weir__buffer_add_text(&out, " ");
		text += strspn(text, " \n");
	}
	weir__buffer_add_text(&out, "");
	return out.data;
}

/* ---- --help ---- */

static void
expect_in_help(const struct weir_command *command, const struct weir_flag *flag,
	       const char *help)
{
	char *title = title_of(flag), *words = flat(flag->help);
	char *row = weir__format(" %s %s ", title, words);

	ck_assert_msg(strstr(help, row) != NULL, "weir %s --help has no \"%s\"",
		      command->name, row);
	free(row);
	free(words);
	free(title);
}

static void
expect_narrow(const struct weir_command *command, const char *help)
{
	for (; *help; help += strcspn(help, "\n"), help += *help == '\n')
		ck_assert_msg(strcspn(help, "\n") <= LONGEST_LINE,
			      "weir %s --help: %.*s is too wide", command->name,
			      (int)strcspn(help, "\n"), help);
}

START_TEST(help_is_on_standard_output_and_names_every_option)
{
	static const char *const ways[][2] = {{"", "--help"}, {"", "-h"}, {"help", ""}};
	const struct weir_command *command = weir__commands[_i];

	for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++) {
		char words[64];
		char *help, *text;
		int status;

		snprintf(words, sizeof(words), "%s %s %s", ways[way][0], command->name,
			 ways[way][1]);
		text = said(words, STDERR_ALONE, &status);
		ck_assert_msg(status == 0 && !*text, "weir %s: %s", words, text);
		free(text);
		help = said(words, STDOUT_ALONE, &status);
		ck_assert_int_eq(status, 0);
		expect_narrow(command, help);
		text = flat(help);
		each_flag(command, expect_in_help, text);
		free(text);
		free(help);
	}
}
END_TEST

/* ---- what is named is taken ---- */

static void
expect_taken(const struct weir_command *command, const struct weir_flag *flag,
	     const char *unused)
{
	char *words = weir__format("%s --%s%s", command->name, flag->name,
				   flag->argument ? "" : "=x");
	char *wanted = weir__format("--%s %s\n", flag->name,
				    flag->argument ? "needs a value" : "takes no value");
	int status;
	char *text = said(words, STDERR_ALONE, &status);

	(void)unused;
	ck_assert_msg(status == WEIR_EXIT_USAGE && strstr(text, wanted),
		      "weir %s: status %d: %s", words, status, text);
	free(text);
	free(wanted);
	free(words);
}

START_TEST(getopt_takes_every_option)
{
	each_flag(weir__commands[_i], expect_taken, NULL);
}
END_TEST

/* ---- the man page ---- */

/* roff as it is read: without changes of font and escapes. */
static char *
unescape(const char *roff)
{
	struct weir_buffer out = {0};

	while (*roff) {
		if (strncmp(roff, "\\f", 2) == 0 && roff[2]) {
			roff += 3;
		} else if (strncmp(roff, "\\&", 2) == 0) {
			roff += 2;
		} else if (strncmp(roff, "\\(", 2) == 0 && strlen(roff) > 3) {
			weir__buffer_add_text(&out, roff[2] == 'h'   ? "^"
						    : roff[2] == 't' ? "~"
								     : "`");
			roff += 4;
		} else if (*roff == '\\' && roff[1]) {
			weir__buffer_add(&out, roff[1] == 'e' ? "\\" : &roff[1], 1);
			roff += 2;
		} else {
			weir__buffer_add(&out, roff++, 1);
		}
	}
	weir__buffer_add_text(&out, "");
	return out.data;
}

static char *
manual(const char *path)
{
	struct weir_buffer roff = {0};
	FILE *file = fopen(path, "re");
	char part[512], *text;
	size_t size;

	ck_assert_msg(file != NULL, "%s is not built", path);
	while ((size = fread(part, 1, sizeof(part), file)) > 0)
		weir__buffer_add(&roff, part, size);
	fclose(file);
	weir__buffer_add_text(&roff, "");
	text = unescape(roff.data);
	weir__buffer_fini(&roff);
	return text;
}

/* The section of that heading, up to the next one; the caller frees. */
static char *
section(const char *text, const char *heading)
{
	char *head = weir__format("\n%s\n", heading);
	const char *begin = strstr(text, head), *end;

	ck_assert_msg(begin != NULL, "no section %s", heading);
	begin += strlen(head) - 1;
	free(head);
	end = strstr(begin, "\n.S");
	return weir__strndup(begin, end ? (size_t)(end - begin) + 1 : strlen(begin));
}

static void
expect_in_manual(const struct weir_command *command, const struct weir_flag *flag,
		 const char *text)
{
	char *title = title_of(flag);
	char *row = weir__format("\n.TP\n%s\n%s\n", title, flag->help);

	ck_assert_msg(strstr(text, row) != NULL, "%s: no \"%s\" in its page",
		      command ? command->name : "common", row);
	free(row);
	free(title);
}

START_TEST(man_page_has_the_same)
{
	const struct weir_command *command = weir__commands[_i];
	char *usage = weir__format("\n.B weir %s\n%s\n", command->name, command->usage);
	char path[LONGEST_PATH];
	char *text, *part;

	snprintf(path, sizeof(path), "docs/weir-%s.1", command->name);
	text = manual(path);
	ck_assert_msg(strstr(text, usage) != NULL, "%s", path);
	ck_assert_msg(strstr(text, command->summary) != NULL, "%s", path);
	part = section(text, ".SH OPTIONS");
	each_flag(command, expect_in_manual, part);
	free(part);
	free(text);
	free(usage);
}
END_TEST

START_TEST(man_page_of_weir_has_what_commands_share)
{
	char *text = manual(MANUAL);
	char *part = section(text, ".SS Options of every command");

	each_of(NULL, weir__flags_common, expect_in_manual, part);
	free(part);
	part = section(text, ".SS Options of commands that connect without a pipeline file");
	each_of(NULL, weir__flags_connect, expect_in_manual, part);
	free(part);
	for (size_t i = 0; weir__commands[i]; i++)
		ck_assert_msg(strstr(text, weir__commands[i]->summary) != NULL, "%s",
			      weir__commands[i]->name);
	free(text);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("help");
	TCase *tcase = tcase_create("help");
	int count = 0;

	while (weir__commands[count])
		count++;
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, help_is_on_standard_output_and_names_every_option, 0,
			    count);
	tcase_add_loop_test(tcase, getopt_takes_every_option, 0, count);
	tcase_add_loop_test(tcase, man_page_has_the_same, 0, count);
	tcase_add_test(tcase, man_page_of_weir_has_what_commands_share);
	suite_add_tcase(suite, tcase);
	return weir_test_run(suite);
}
