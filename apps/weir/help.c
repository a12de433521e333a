/*
 * Prints help in one look: usage, a few sentences, options in aligned columns, an
 * example. Knows the width (80) and the columns; everything else comes from the command's
 * rows.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <string.h>

#include <base/alloc.h>
#include <broker/kafka.h>

#include "options.h"

#define WIDTH 80
#define HELP_COLUMN 30

/* Print `text` from column `column` on, further lines behind `indent` blanks. */
static void
wrap_from(FILE *out, const char *text, int column, int indent)
{
	bool first = true;

	while (*text) {
		size_t word = strcspn(text, " \n");

		if (!first && column + 1 + (int)word > WIDTH) {
			fprintf(out, "\n%*s", indent, "");
			column = indent;
		} else if (!first) {
			fputc(' ', out);
			column++;
		}
		fwrite(text, 1, word, out);
		column += (int)word;
		text += word;
		text += strspn(text, " ");
		first = false;
		if (*text == '\n') { /* a paragraph of its own */
			fprintf(out, "\n%*s", *++text ? indent : 0, "");
			column = indent;
			first = true;
		}
	}
	fputc('\n', out);
}

void
weir__help_wrap(FILE *out, const char *text, int indent)
{
	fprintf(out, "%*s", indent, "");
	wrap_from(out, text, indent, indent);
}

void
weir__help_continue(FILE *out, const char *text, int indent)
{
	wrap_from(out, text, indent, indent);
}

void
weir__help_row(FILE *out, const char *name, const char *help)
{
	int used = fprintf(out, "  %s", name);

	if (used + 2 > HELP_COLUMN)
		fprintf(out, "\n%*s", HELP_COLUMN, "");
	else
		fprintf(out, "%*s", HELP_COLUMN - used, "");
	wrap_from(out, help, HELP_COLUMN, HELP_COLUMN);
}

static void
print_flags(FILE *out, const struct weir_flag *flags)
{
	for (; flags && flags->name; flags++) {
		struct weir_buffer name = {0};

		if (flags->key < WEIR_LONG_ONLY)
			weir__buffer_printf(&name, "-%c, ", flags->key);
		else
			weir__buffer_add_text(&name, "    ");
		weir__buffer_printf(&name, "--%s%s%s", flags->name,
				    flags->argument ? " " : "",
				    flags->argument ? flags->argument : "");
		weir__help_row(out, name.data, flags->help);
		weir__buffer_fini(&name);
	}
}

static void
print_example(FILE *out, const char *line)
{
	fputs("\nExample:\n", out);
	while (*line) {
		size_t size = strcspn(line, "\n");

		fprintf(out, "  %.*s\n", (int)size, line);
		line += size;
		line += *line == '\n';
	}
}

void
weir__help_print(const struct weir_command *command, FILE *out)
{
	fprintf(out, "Usage: weir %s %s\n\n", command->name, command->usage);
	weir__help_wrap(out, command->text, 0);
	fputs("\nOptions:\n", out);
	print_flags(out, command->flags);
	if (command->connects)
		print_flags(out, weir__flags_connect);
	print_flags(out, weir__flags_common);
	print_example(out, command->example);
}

void
weir__version_print(FILE *out)
{
	fprintf(out, "weir %s, librdkafka %s\n", PACKAGE_VERSION, weir__kafka_version());
}
