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

/*
 * Not in the interface, since nothing that runs a pipeline needs it: remove a group without
 * members, and its offsets. Returns 0 or a WEIR_E*.
 */
int weir__kafka_group_delete(struct weir_broker *broker, const char *group, int timeout_ms,
                             struct weir_error *error);

/*
 * Would the topic be made? The controller is asked, and nothing is. 0, WEIR_EEXISTS, or a
 * WEIR_E*.
 */
int weir__kafka_topic_try(struct weir_broker *broker, const char *topic, int32_t partitions,
                          int32_t replication, int timeout_ms, struct weir_error *error);

/*
 * What is doubtful about these properties of a consumer, with the librdkafka of the run time;
 * NULL: nothing. Static.
 */
const char *weir__kafka_doubt(const struct weir_properties *consumer);

/* librdkafka's run-time version: "2.0.2"; static. */
const char *weir__kafka_version(void);

#endif
