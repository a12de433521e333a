/*
 * Parts of `weir describe`, and what the man pages of processors share with it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_APPS_DESCRIBE_H
#define WEIR_APPS_DESCRIBE_H

#include <stdbool.h>

#include <processor/registry.h>

#define WEIR_DESCRIBE_NEXT "the next step; behind the last one, the output \"default\""
#define WEIR_DESCRIBE_ANY "every name in the pipeline's outputs"

/* Print the pipeline file's keys on standard output. */
void weir__describe_pipeline(bool json);

/* Print a processor on standard output. */
void weir__describe_text(const struct weir_registered *processor);
void weir__describe_json(const struct weir_registered *processor);

/* Its summary; one that has none says so. */
const char *weir__describe_summary(const struct weir_processor *descriptor);

/* What a store is for, and how long its entries live; the caller frees. */
char *weir__describe_store(const struct weir_store_row *store);

/*
 * A pipeline file that uses it: the descriptor's own example, else one made of its options,
 * with "..." where only a person knows. Heap memory, without newline at the end.
 */
char *weir__describe_example(const struct weir_registered *processor);

#endif
