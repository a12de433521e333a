/*
 * The broker interface: all that the rest of weir knows of Kafka. Here the cluster and
 * its readers; what a worker does with it is a session (broker/session.h).
 *
 * Two implementations: kafka*.c (librdkafka) and memory*.c (embedded, with the same
 * semantics; for `weir pipe`, tests and simulation). The contract is tested by one suite
 * over both (tests/broker/contract).
 *
 * A reader belongs to one thread. Every call is bounded by its `timeout_ms` (about).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_BROKER_BROKER_H
#define WEIR_BROKER_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <base/alloc.h>
#include <base/clock.h>
#include <base/log.h>
#include <broker/session.h>
#include <config/properties.h>

struct weir_broker;
struct weir_reader;

/* ---- readers: partitions read without a group ---- */

struct weir_reader_ops {
	enum weir_event_type (*poll)(struct weir_reader *, int timeout_ms, struct weir_offset *place,
	                             struct weir_message *, struct weir_error *);
	void (*close)(struct weir_reader *);
};

struct weir_reader {
	const struct weir_reader_ops *ops;
};

/*
 * Next record (RECORD: place and message, borrowed until the next poll), end of a partition
 * (END: place holds the position, which counts markers), IDLE, GAP (place is outside the
 * log), or FAILED with the error.
 */
static inline enum weir_event_type
weir__reader_poll(struct weir_reader *reader, int timeout_ms, struct weir_offset *place,
                  struct weir_message *message, struct weir_error *error)
{
	return reader->ops->poll(reader, timeout_ms, place, message, error);
}

static inline void
weir__reader_close(struct weir_reader *reader)
{
	if (reader)
		reader->ops->close(reader);
}

/* ---- the cluster ---- */

/* What is known of a topic. `error` is 0, WEIR_ENOTFOUND, WEIR_EDENIED or WEIR_EBROKER. */
struct weir_topic_info {
	const char *name;
	int error;
	int32_t partitions;
	int32_t replication;       /* of its first partition */
	int64_t max_message_bytes; /* -1: not known */
	int64_t min_insync;        /* -1: not known */
	int64_t delete_retention_ms; /* how long tombstones stay; -1: not known */
	bool is_compacted;         /* and never loses a key's last record by age */
	bool stamps_arrival;       /* records get the time when they came, not their own */
};

struct weir_cluster_info {
	char cluster_id[64];
	int32_t broker_count;
	struct weir_topic_info *topics; /* in the order asked for; count as asked for */
	struct weir_arena arena;        /* owns topics */
};

enum weir_group_state {
	WEIR_GROUP_NONE = 0,    /* there is no such group */
	WEIR_GROUP_EMPTY,       /* it has offsets, and no members */
	WEIR_GROUP_STABLE,
	WEIR_GROUP_REBALANCING  /* its members join anew, or wait for their partitions */
};

struct weir_group_member {
	const char *instance; /* group.instance.id; NULL: a dynamic member */
	const char *client;   /* client.id, "" where there is none */
	const char *host;
};

struct weir_group_info {
	enum weir_group_state state;
	struct weir_group_member *members;
	size_t member_count;
	struct weir_arena arena; /* owns members */
};

struct weir_broker_ops {
	int (*describe)(struct weir_broker *, const char *const *topics, size_t count,
	                struct weir_cluster_info *, int timeout_ms, struct weir_error *);
	int (*topic_create)(struct weir_broker *, const char *topic, int32_t partitions,
	                    int32_t replication, const struct weir_properties *settings,
	                    int timeout_ms, struct weir_error *);
	int (*topic_grow)(struct weir_broker *, const char *topic, int32_t partitions,
	                  int timeout_ms, struct weir_error *);
	int (*topic_delete)(struct weir_broker *, const char *topic, int timeout_ms,
	                    struct weir_error *);
	int (*range)(struct weir_broker *, const char *topic, int32_t partition, int64_t *low,
	             int64_t *high, int timeout_ms, struct weir_error *);
	int (*offset_at)(struct weir_broker *, const char *topic, int32_t partition,
	                 int64_t timestamp_ms, int64_t *offset, int timeout_ms,
	                 struct weir_error *);
	int (*committed)(struct weir_broker *, const char *group, struct weir_offset *, size_t count,
	                 int timeout_ms, struct weir_error *);
	int (*offsets_set)(struct weir_broker *, const char *group, const struct weir_offset *,
	                   size_t count, int timeout_ms, struct weir_error *);
	int (*group_describe)(struct weir_broker *, const char *group, struct weir_group_info *,
	                      int timeout_ms, struct weir_error *);
	struct weir_session *(*session_open)(struct weir_broker *, const struct weir_session_config *,
	                                     struct weir_error *);
	struct weir_reader *(*reader_open)(struct weir_broker *, const struct weir_offset *places,
	                                   size_t count, bool read_committed, struct weir_error *);
	void (*close)(struct weir_broker *);
};

struct weir_broker {
	const struct weir_broker_ops *ops;
};

/*
 * Describe the cluster and these topics. *info is zeroed by the caller and freed with
 * weir__cluster_info_fini(); a topic's own error is in its row. Returns 0 or a WEIR_E*.
 */
static inline int
weir__broker_describe(struct weir_broker *broker, const char *const *topics, size_t count,
                      struct weir_cluster_info *info, int timeout_ms, struct weir_error *error)
{
	return broker->ops->describe(broker, topics, count, info, timeout_ms, error);
}
void weir__cluster_info_fini(struct weir_cluster_info *info);

/* Create a topic; replication -1: the cluster's default. 0, WEIR_EEXISTS, or a WEIR_E*. */
static inline int
weir__broker_topic_create(struct weir_broker *broker, const char *topic, int32_t partitions,
                          int32_t replication, const struct weir_properties *settings,
                          int timeout_ms, struct weir_error *error)
{
	return broker->ops->topic_create(broker, topic, partitions, replication, settings,
	                                 timeout_ms, error);
}

/* Give a topic this many partitions; it may have more already. 0, or a WEIR_E*. */
static inline int
weir__broker_topic_grow(struct weir_broker *broker, const char *topic, int32_t partitions,
                        int timeout_ms, struct weir_error *error)
{
	return broker->ops->topic_grow(broker, topic, partitions, timeout_ms, error);
}

/* Remove a topic; one that is not there is removed. Returns 0 or a WEIR_E*. */
static inline int
weir__broker_topic_delete(struct weir_broker *broker, const char *topic, int timeout_ms,
                          struct weir_error *error)
{
	return broker->ops->topic_delete(broker, topic, timeout_ms, error);
}

/* As weir__session_range(), without a session. Returns 0 or a WEIR_E*. */
static inline int
weir__broker_range(struct weir_broker *broker, const char *topic, int32_t partition,
                   int64_t *low, int64_t *high, int timeout_ms, struct weir_error *error)
{
	return broker->ops->range(broker, topic, partition, low, high, timeout_ms, error);
}

/* The first offset whose record is of this time or later; the end when there is none. */
static inline int
weir__broker_offset_at(struct weir_broker *broker, const char *topic, int32_t partition,
                       int64_t timestamp_ms, int64_t *offset, int timeout_ms,
                       struct weir_error *error)
{
	return broker->ops->offset_at(broker, topic, partition, timestamp_ms, offset, timeout_ms,
	                              error);
}

/*
 * A group's committed offsets, stable ones; metadata lives until the broker's next call.
 * Returns 0 or a WEIR_E* (WEIR_ETIMEOUT while a transaction holds them pending).
 */
static inline int
weir__broker_committed(struct weir_broker *broker, const char *group,
                       struct weir_offset *offsets, size_t count, int timeout_ms,
                       struct weir_error *error)
{
	return broker->ops->committed(broker, group, offsets, count, timeout_ms, error);
}

/*
 * Commit offsets (with their metadata) for a group that has no members: all of them, or none.
 * The broker itself refuses them while it has some (WEIR_ESTATE). Does not look for offsets
 * that a transaction holds pending: those would be committed later, over these.
 *
 * Returns 0 or a WEIR_E*.
 */
static inline int
weir__broker_offsets_set(struct weir_broker *broker, const char *group,
                         const struct weir_offset *offsets, size_t count, int timeout_ms,
                         struct weir_error *error)
{
	return broker->ops->offsets_set(broker, group, offsets, count, timeout_ms, error);
}

/*
 * What the group's coordinator says of it. *info is zeroed by the caller and freed with
 * weir__group_info_fini(). Returns 0 or a WEIR_E*.
 */
static inline int
weir__broker_group_describe(struct weir_broker *broker, const char *group,
                            struct weir_group_info *info, int timeout_ms,
                            struct weir_error *error)
{
	return broker->ops->group_describe(broker, group, info, timeout_ms, error);
}
void weir__group_info_fini(struct weir_group_info *info);

/* Open a session; no network wait. NULL with *error for settings that cannot work. */
static inline struct weir_session *
weir__broker_session_open(struct weir_broker *broker, const struct weir_session_config *config,
                          struct weir_error *error)
{
	return broker->ops->session_open(broker, config, error);
}

/* Open a reader over these places (real offsets, not logical ones). NULL with *error. */
static inline struct weir_reader *
weir__broker_reader_open(struct weir_broker *broker, const struct weir_offset *places,
                         size_t count, bool read_committed, struct weir_error *error)
{
	return broker->ops->reader_open(broker, places, count, read_committed, error);
}

/* Sessions and readers are closed before. NULL is fine. */
static inline void
weir__broker_close(struct weir_broker *broker)
{
	if (broker)
		broker->ops->close(broker);
}

#endif
