/*
 * The broker interface over librdkafka.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_BROKER_KAFKA_H
#define WEIR_BROKER_KAFKA_H

#include <broker/broker.h>

/*
 * Connect lazily with these properties (of clients that are neither a session's consumer
 * nor its producer: descriptions, readers). `logger` and `clock` outlive the broker.
 *
 * Returns NULL with the property that librdkafka refuses.
 */
struct weir_broker *weir__kafka_open(const struct weir_properties *properties,
                                     const struct weir_logger *logger,
                                     const struct weir_clock *clock, struct weir_error *error);

/* ---- chores on a real cluster (kafka_chores.c), for what is made for a while ---- */

enum weir_group_state {
	WEIR_GROUP_NONE = 0,    /* there is no such group */
	WEIR_GROUP_EMPTY,       /* it has offsets, and no members */
	WEIR_GROUP_STABLE,
	WEIR_GROUP_REBALANCING  /* its members join anew, or wait for their partitions */
};

/*
 * What the group's coordinator says of it, and how many members there are whose
 * group.instance.id begins with `member` (brokers make their member ids from it).
 * Returns 0 or a WEIR_E*.
 */
int weir__kafka_group_describe(struct weir_broker *broker, const char *group,
                               const char *member, enum weir_group_state *state,
                               int *members, int timeout_ms, struct weir_error *error);

/* Remove a topic; one that is not there is removed. Returns 0 or a WEIR_E*. */
int weir__kafka_topic_delete(struct weir_broker *broker, const char *topic, int timeout_ms,
                             struct weir_error *error);

/* Remove a group without members, and its offsets. Returns 0 or a WEIR_E*. */
int weir__kafka_group_delete(struct weir_broker *broker, const char *group, int timeout_ms,
                             struct weir_error *error);

/* librdkafka's run-time version: "2.0.2"; static. */
const char *weir__kafka_version(void);

#endif
