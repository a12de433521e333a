/*
 * The tables of `weir pipe`: files of lines in place of topics. And keys of lines, which its
 * input has too.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_PIPE_TABLES_H
#define WEIR_PIPE_TABLES_H

#include <broker/memory.h>
#include <config/pipeline.h>
#include <state/tables.h>

#include "options.h"

/* NAME=TEXT; name NULL: of all tables. */
struct pipe_table_option {
	char *name;
	const char *text;
};

struct pipe_tables {
	struct pipe_table_option *files, *keys;
	size_t file_count, key_count;
};

/* --table NAME=FILE and --table-key [NAME=]POINTER. Return 0, or -1: said. */
int weir__pipe_tables_take(struct pipe_tables *tables, struct weir_arguments *args,
                           const char *value);
int weir__pipe_tables_take_key(struct pipe_tables *tables, struct weir_arguments *args,
                               const char *value);

/*
 * Put all files into the topics of their tables, which are there; `folder` is where the tables
 * are to be kept. Returns 0 or a WEIR_E*.
 */
int weir__pipe_tables_fill(const struct pipe_tables *tables, const struct weir_pipeline *pipeline,
                           const char *folder, struct weir_memory *memory,
                           struct weir_error *error);

/* They are read: let the broker forget the topics. */
void weir__pipe_tables_forget(const struct weir_pipeline *pipeline, struct weir_memory *memory);

void weir__pipe_tables_fini(struct pipe_tables *tables);

/*
 * What `pointer` names in the line: a string without its quotes and escapes, all else as it
 * is written. Heap, and its *size; NULL: null, or nothing is there, or the line is no JSON.
 */
char *weir__pipe_line_key(struct weir_bytes line, const char *pointer, size_t *size);

#endif
