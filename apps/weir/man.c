/*
 * The parts of man pages: titles, paragraphs, options and tables of options as roff. Knows
 * roff's few rules of escaping; what the pages say comes from elsewhere. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>

#include "man.h"

void
weir__man_text(FILE *out, const char *text)
{
	bool at_start = true;

	for (; *text; text++) {
		if (at_start && (*text == '.' || *text == '\''))
			fputs("\\&", out);
		if (*text == '\\')
			fputs("\\e", out);
		else if (*text == '-')
			fputs("\\-", out);
		else if (*text == '^')
			fputs("\\(ha", out);
		else if (*text == '~')
			fputs("\\(ti", out);
		else if (*text == '`')
			fputs("\\(ga", out);
		else
			fputc(*text, out);
		at_start = *text == '\n';
	}
}

void
weir__man_title(FILE *out, const char *name, const char *section, const char *heading)
{
	fputs(".TH ", out);
	for (; *name; name++)
		fputc(toupper((unsigned char)*name), out);
	fprintf(out, " %s %s \"weir %s\" \"%s\"\n", section, PACKAGE_DATE, PACKAGE_VERSION,
		heading);
}

void
weir__man_paragraphs(FILE *out, const char *text)
{
	while (*text) {
		char *paragraph = weir__strndup(text, strcspn(text, "\n"));

		weir__man_text(out, paragraph);
		fputc('\n', out);
		text += strlen(paragraph);
		text += strspn(text, "\n");
		if (*text)
			fputs(".PP\n", out);
		free(paragraph);
	}
}

void
weir__man_lines(FILE *out, const char *lines)
{
	fputs(".PP\n.nf\n", out);
	weir__man_text(out, lines);
	fputs("\n.fi\n", out);
}

void
weir__man_option(FILE *out, int letter, const char *name, const char *argument, const char *help)
{
	fputs(".TP\n\\fB", out);
	if (letter)
		fprintf(out, "\\-%c\\fR, \\fB", letter);
	fputs("\\-\\-", out);
	weir__man_text(out, name);
	fputs("\\fR", out);
	if (argument) {
		fputs(" \\fI", out);
		weir__man_text(out, argument);
		fputs("\\fR", out);
	}
	fputc('\n', out);
	weir__man_text(out, help);
	fputc('\n', out);
}

void
weir__man_flags(FILE *out, const struct weir_flag *flags)
{
	for (; flags && flags->name; flags++)
		weir__man_option(out, flags->key < WEIR_LONG_ONLY ? flags->key : 0, flags->name,
				 flags->argument, flags->help);
}

void
weir__man_rows(FILE *out, const char *prefix, const struct weir_option_table *table)
{
	struct weir_option row;

	for (size_t i = 0; weir__option_row(table, i, &row); i++) {
		struct weir_buffer words = {0};

		weir__option_words(&row, &words);
		fputs(".TP\n\\fB", out);
		weir__man_text(out, prefix);
		weir__man_text(out, row.name);
		fputs("\\fR (", out);
		weir__man_text(out, words.data);
		fputs(")\n", out);
		weir__man_text(out, row.help);
		fputc('\n', out);
		weir__buffer_fini(&words);
	}
}
