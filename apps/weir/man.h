/*
 * Man pages: text as roff, and the parts that pages are made of.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_APPS_MAN_H
#define WEIR_APPS_MAN_H

#include <stdio.h>

#include <config/option.h>
#include <processor/registry.h>

#include "command.h"

/* ".TH NAME SECTION ..."; the name in capitals. */
void weir__man_title(FILE *out, const char *name, const char *section, const char *heading);

/* Text as text: no character of it is a request or an escape. Without newline. */
void weir__man_text(FILE *out, const char *text);

/* Sentences; a newline, or several, ends a paragraph. */
void weir__man_paragraphs(FILE *out, const char *text);

/* Lines as they are, in a block that is not filled. */
void weir__man_lines(FILE *out, const char *lines);

/* The paragraph of an option; letter 0: it has none, argument NULL: it takes none. */
void weir__man_option(FILE *out, int letter, const char *name, const char *argument,
                      const char *help);
void weir__man_flags(FILE *out, const struct weir_flag *flags);

/* The paragraphs of an option table; each name behind `prefix`. */
void weir__man_rows(FILE *out, const char *prefix, const struct weir_option_table *table);

/* The whole page of a processor, weir-NAME(7). */
void weir__man_processor(FILE *out, const struct weir_registered *processor);

#endif
