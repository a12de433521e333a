/*
 * A topic that a command is to use, and the cluster that it is in.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_APPS_TOPIC_H
#define WEIR_APPS_TOPIC_H

#include <broker/broker.h>

struct weir_topic {
	char cluster_id[64];
	int32_t partitions;
};

/*
 * Find out whether there is a cluster, and whether the topic is in it. `right` ("READ", ...) is
 * what a message says is missing.
 *
 * Returns 0, WEIR_ENOTFOUND, WEIR_EDENIED, or what describing the cluster came to.
 */
int weir__topic_find(struct weir_broker *broker, const char *name, const char *right,
		     int64_t timeout_ms, struct weir_topic *topic, struct weir_error *error);

/*
 * As weir__broker_range() and weir__broker_offset_at(), which try once: again until
 * `timeout_ms` is over, for partitions whose leader is just elected.
 */
int weir__topic_range(struct weir_broker *broker, const char *name, int32_t partition,
		      int64_t *low, int64_t *high, int64_t timeout_ms,
		      struct weir_error *error);
int weir__topic_offset_at(struct weir_broker *broker, const char *name, int32_t partition,
			  int64_t timestamp_ms, int64_t *offset, int64_t timeout_ms,
			  struct weir_error *error);

#endif
