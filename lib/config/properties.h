/*
 * librdkafka properties as people give them (`kafka` in the pipeline file, -X and -F on
 * the command line), and which of them would break a guarantee.
 *
 * Knows names and rules only; librdkafka itself checks values when a client is made.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_CONFIG_PROPERTIES_H
#define WEIR_CONFIG_PROPERTIES_H

#include <stdbool.h>
#include <stddef.h>

#include <config/guarantee.h>
#include <weir/error.h>

/* A list of NAME=VALUE, in order; setting a name again replaces it. Owns its strings. */
struct weir_property {
	char *name;
	char *value;
};
struct weir_properties {
	struct weir_property *items;
	size_t count;
};

void weir__properties_set(struct weir_properties *properties, const char *name, const char *value);
/* Set unless it is there already. */
void weir__properties_default(struct weir_properties *properties, const char *name,
                              const char *value);
/* Borrowed, or NULL. */
const char *weir__properties_get(const struct weir_properties *properties, const char *name);
/* Nothing happens when it is not there. */
void weir__properties_remove(struct weir_properties *properties, const char *name);
/* Set in *to all that *from has. */
void weir__properties_copy(struct weir_properties *to, const struct weir_properties *from);
void weir__properties_fini(struct weir_properties *properties);

/* Is it a name whose value is never printed (passwords, keys, tokens)? */
bool weir__property_secret(const char *name);

/*
 * Read a file of NAME=VALUE lines (kcat's -F: # comments, blank lines) into `properties`.
 *
 * Returns 0 or a WEIR_E* with "FILE:LINE: reason".
 */
int weir__properties_read(struct weir_properties *properties, const char *path,
                          struct weir_error *error);

#endif
