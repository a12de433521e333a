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
#include <stdint.h>

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

/* ---- which properties a guarantee can bear (properties_rules.c) ---- */

enum weir_client {
	WEIR_CLIENT_CONSUMER = 1,
	WEIR_CLIENT_PRODUCER = 2
};

/* A property that may not be what it is. */
struct weir_property_fault {
	enum weir_client client; /* in whose list it is */
	const char *name;        /* borrowed from the list, or static */
	char text[256];          /* "may not be "false" under exactly-once: ..." */
};

/* The first property that would break `guarantee`. False: there is none. */
bool weir__properties_find_fault(const struct weir_properties *consumer,
                                 const struct weir_properties *producer,
                                 enum weir_guarantee guarantee,
                                 struct weir_property_fault *fault);

/*
 * Refuse properties that would break `guarantee`. Either list may be NULL.
 *
 * Returns 0 or WEIR_EINVALID with "NAME: may not be ...: reason".
 */
int weir__properties_check(const struct weir_properties *consumer,
                           const struct weir_properties *producer,
                           enum weir_guarantee guarantee, struct weir_error *error);

/* Times that are not in the property lists but must fit those that are. */
struct weir_times {
	int64_t transaction_timeout_ms;
	int64_t session_timeout_ms;
	int64_t drain_ms;
	int64_t commit_interval_ms;
};

/*
 * Do the times fit together: drain < session timeout <= max.poll.interval.ms, and under
 * exactly-once message.timeout.ms <= transaction timeout < max.poll.interval.ms? If not,
 * fault->name is a property, or a JSON pointer into the pipeline file. True: a fault.
 */
bool weir__properties_find_time_fault(const struct weir_properties *consumer,
                                      const struct weir_properties *producer,
                                      enum weir_guarantee guarantee,
                                      const struct weir_times *times,
                                      struct weir_property_fault *fault);

#endif
