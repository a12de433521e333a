/*
 * JSON Schema of option tables; each function gives a new reference, and takes those of its
 * json_t arguments.
 *
 * What is made here refers to "#/$defs/variable": a string with ${NAME} or @file:PATH in it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_CONFIG_OPTION_SCHEMA_H
#define WEIR_CONFIG_OPTION_SCHEMA_H

#include <config/option.h>

/* The object that a table describes: its keys, and no others. */
json_t *weir__schema_object(const struct weir_option_table *table);

/* One key of it, with its help and default, whose value `value` describes. */
json_t *weir__schema_row(const struct weir_option *row, json_t *value);

/* The whole pipeline file, without steps' options; "$defs" has what it refers to. */
json_t *weir__schema_pipeline(void);

/* Parts: a reference to "#/$defs/NAME", a string of this pattern, one of two, one or a list. */
json_t *weir__schema_ref(const char *name);
json_t *weir__schema_pattern(const char *pattern);
json_t *weir__schema_any(json_t *first, json_t *second);
json_t *weir__schema_strings(json_t *item);

#endif
