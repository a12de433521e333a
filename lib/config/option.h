/*
 * Option tables: rows of struct weir_option fill a struct from JSON, print help, and
 * document. The framework's own settings and the processors' options are such tables.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_CONFIG_OPTION_H
#define WEIR_CONFIG_OPTION_H

#include <jansson.h>

#include <base/alloc.h>
#include <weir/processor.h>

/*
 * Row types beside those of processor.h, for the pipeline file only: JSON that is taken as
 * it is. The member is a `const json_t *`, borrowed from the object that was parsed.
 */
enum weir_option_inner_type {
	WEIR_OPTION_OBJECT = 64,
	WEIR_OPTION_ARRAY = 65
};

/* A table whose rows may be longer or shorter than ours (a plugin of another minor version). */
struct weir_option_table {
	const struct weir_option *rows; /* ends with a row without name; NULL: no options */
	size_t row_size;                /* step from row to row */
};

/* Row `index`, as ours: members that the table's rows lack are zero. False behind the last. */
bool weir__option_row(const struct weir_option_table *table, size_t index,
                      struct weir_option *row);

/*
 * Fill `target` (zeroed by the caller, `target_size` bytes) from `object` by the table's
 * rows: type, range, required, default. `object` NULL counts as {}.
 *
 * A key whose value is null counts as absent, so that --set can take a setting back. A
 * whole number or a truth value may be given as a string too, since ${NAME} makes strings.
 *
 * Strings and lists are copied into `arena`. `where` is the place for messages, a JSON
 * pointer ("/steps/0/with"). An unknown key names the nearest known one.
 *
 * Returns 0 or WEIR_EINVALID with "WHERE/key: what is wrong, what was expected".
 */
int weir__options_parse(const struct weir_option_table *table, const json_t *object,
                        const char *where, void *target, size_t target_size,
                        struct weir_arena *arena, struct weir_error *error);

/* Is the table itself sound (types, offsets within target_size, defaults that parse)? */
int weir__options_check_table(const struct weir_option_table *table, size_t target_size,
                              struct weir_error *error);

/* Add the rows as help text, one option a paragraph: name, type, default, range, help. */
void weir__options_help(const struct weir_option_table *table, struct weir_buffer *out);

/* Add what a value of this row is, in a line: "duration, default 30s, 1ms to 1d". */
void weir__option_words(const struct weir_option *row, struct weir_buffer *out);

/* The rows as JSON for `weir describe --json`; new reference. */
json_t *weir__options_json(const struct weir_option_table *table);

/* The row of this name. False when there is none. */
bool weir__option_find(const struct weir_option_table *table, const char *name,
                       struct weir_option *row);

/* "string", "duration", ... ; static. */
const char *weir__option_type_name(int32_t type);

#endif
