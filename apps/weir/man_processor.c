/*
 * The man page of a processor, from its descriptor alone: so a plugin's author has one for
 * nothing. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>

#include "describe.h"
#include "man.h"

static void
print_top(FILE *out, const struct weir_processor *descriptor)
{
	char *name = weir__format("weir-%s", descriptor->name);

	weir__man_title(out, name, "7", "Processors of weir");
	fputs(".SH NAME\n", out);
	weir__man_text(out, name);
	fputs(" \\- ", out);
	weir__man_text(out, weir__describe_summary(descriptor));
	fputs("\n.SH SYNOPSIS\n.nf\n\"steps\": [ { \"use\": \"", out);
	weir__man_text(out, descriptor->name);
	fputs("\", \"with\": { ... } } ]\n.fi\n.SH DESCRIPTION\n", out);
	weir__man_paragraphs(out, descriptor->text ? descriptor->text
						   : weir__describe_summary(descriptor));
	free(name);
}

static void
print_row(FILE *out, const char *name, const char *help)
{
	fputs(".TP\n.B ", out);
	weir__man_text(out, name);
	fputc('\n', out);
	weir__man_text(out, help && *help ? help : "(no help)");
	fputc('\n', out);
}

static void
print_outputs(FILE *out, const struct weir_registered *processor)
{
	struct weir_output output;

	fputs(".SH OUTPUTS\n", out);
	print_row(out, "(next)", WEIR_DESCRIBE_NEXT);
	for (size_t i = 0; weir__registered_output(processor, i, &output); i++)
		print_row(out, output.name, output.help);
	if (processor->descriptor.flags & WEIR_ANY_OUTPUT)
		print_row(out, "(any)", WEIR_DESCRIBE_ANY);
}

static void
print_stores(FILE *out, const struct weir_registered *processor)
{
	struct weir_store_row store;

	for (size_t i = 0; weir__registered_store(processor, i, &store); i++) {
		char *help = weir__describe_store(&store);

		if (i == 0)
			fputs(".SH STORES\n", out);
		print_row(out, store.name, help);
		free(help);
	}
	if (!processor->descriptor.stores)
		return;
	fputs(".PP\nA store is kept for each partition of the input, as old as its committed "
	      "offset, in\n.IR state_dir .\nBehind it stands the topic\n"
	      ".IR APP . STEP . STORE .changelog. INPUT ,\nfrom which it is rebuilt.\n",
	      out);
}

static void
print_see_also(FILE *out, const char *name)
{
	fputs(".SH SEE ALSO\n", out);
	/* these are programs of one step, too */
	if (strcmp(name, "dedup") == 0 || strcmp(name, "enrich") == 0)
		fprintf(out, ".BR weir\\-%s (1),\n", name);
	fputs(".BR weir (1),\n.BR weir\\-describe (1),\n.BR weir\\-pipeline (5)\n", out);
}

void
weir__man_processor(FILE *out, const struct weir_registered *processor)
{
	char *example = weir__describe_example(processor);
	struct weir_option first;

	print_top(out, &processor->descriptor);
	fputs(".SH OPTIONS\n", out);
	if (weir__option_row(&processor->options, 0, &first))
		weir__man_rows(out, "", &processor->options);
	else
		fputs("None.\n", out);
	print_outputs(out, processor);
	print_stores(out, processor);
	fputs(".SH EXAMPLE\nA pipeline file:\n", out);
	weir__man_lines(out, example);
	print_see_also(out, processor->descriptor.name);
	free(example);
}
