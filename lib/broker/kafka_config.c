/*
 * Properties of each kind of client: what was measured to be fast, what the user wants, and
 * what the guarantee needs, in this order, the later ones winning.
 *
 * Chosen at run time by rd_kafka_version(), compiled against any. Any thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <base/mutation.h>
#include <broker/kafka_private.h>

/* From here on fetch.queue.backoff.ms exists. */
#define VERSION_WITH_FETCH_BACKOFF 0x02020000
#define VERSION_WITH_COOPERATIVE_CLOSE 0x02030000
#define VERSION_WITH_COOPERATIVE_END 0x02060100

#define MAX_POLL_INTERVAL_MS 300000 /* librdkafka's default */

static void
force(struct weir_properties *properties, const char *name, const char *value)
{
	/* Behind the user's: an alias of the name (acks, request.required.acks) sets the same
	 * property, and librdkafka keeps what comes last. */
	weir__properties_remove(properties, name);
	weir__properties_set(properties, name, value);
}

static void
set_number(struct weir_properties *properties, const char *name, int64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRId64, value);
	weir__properties_set(properties, name, text);
}

static rd_kafka_conf_t *
conf_of(const struct weir_properties *properties, struct weir_error *error)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[512];

	for (size_t i = 0; i < properties->count; i++) {
		const struct weir_property *item = &properties->items[i];

		if (rd_kafka_conf_set(conf, item->name, item->value, text, sizeof(text)) ==
		    RD_KAFKA_CONF_OK)
			continue;
		/* librdkafka repeats the value in its text. */
		if (weir__property_secret(item->name))
			weir_error_set(error, WEIR_EINVALID,
			               "librdkafka refuses the value of %s", item->name);
		else
			weir_error_set(error, WEIR_EINVALID, "%s=%s: %s", item->name,
			               item->value, text);
		rd_kafka_conf_destroy(conf);
		return NULL;
	}
	return conf;
}

static void
add_common_defaults(struct weir_properties *properties)
{
	weir__properties_set(properties, "client.id", "weir");
	/* Small requests must not wait for the answers to others. */
	weir__properties_set(properties, "socket.nagle.disable", "true");
	/* Brokers close idle connections; that is no news. */
	weir__properties_set(properties, "log.connection.close", "false");
}

/* The session's own list, where it is whole: the broker's may hold what is meant for another
 * kind of client. */
static void
add_user(struct weir_properties *properties, const struct kafka_broker *broker,
         const struct weir_properties *own)
{
	if (!own || !weir__properties_get(own, "bootstrap.servers"))
		weir__properties_copy(properties, &broker->properties);
	if (own)
		weir__properties_copy(properties, own);
}

/* What weir itself decides; the user's were checked against it before. */
static void
remove_own(struct weir_properties *properties)
{
	static const char *const names[] = {
		"group.id",           "group.instance.id",        "transactional.id",
		"enable.auto.commit", "auto.commit.enable",       "auto.offset.reset",
		"isolation.level",    "enable.auto.offset.store", "enable.partition.eof",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		weir__properties_remove(properties, names[i]);
}

/*
 * How much input waits in memory. The limits are of the whole consumer: its partitions'
 * queues all forward to one.
 *
 * Below 2.2 librdkafka does not fetch for a fixed second once the queue is full, so it must
 * hold a second of input, or the input is throttled to what it holds per second.
 */
static void
add_queue_defaults(struct weir_properties *properties)
{
	if (rd_kafka_version() >= VERSION_WITH_FETCH_BACKOFF) {
		weir__properties_set(properties, "fetch.queue.backoff.ms", "5");
		weir__properties_set(properties, "queued.min.messages", "30000");
		weir__properties_set(properties, "queued.max.messages.kbytes", "16384");
	} else {
		weir__properties_set(properties, "queued.min.messages", "1000000");
		weir__properties_set(properties, "queued.max.messages.kbytes", "65536");
	}
}

static void
add_reading(struct weir_properties *properties, bool read_committed)
{
	force(properties, "enable.auto.commit", "false");
	/* END events; positions count control markers only there. */
	force(properties, "enable.partition.eof", "true");
	/* librdkafka must never choose where to read: out of range becomes a GAP event. */
	force(properties, "auto.offset.reset", "error");
	force(properties, "isolation.level",
	      read_committed ? "read_committed" : "read_uncommitted");
}

rd_kafka_conf_t *
weir__kafka_conf_plain(const struct kafka_broker *broker, const char *group,
                       bool read_committed, struct weir_error *error)
{
	struct weir_properties properties = {0};
	rd_kafka_conf_t *conf;

	add_common_defaults(&properties);
	add_queue_defaults(&properties);
	weir__properties_copy(&properties, &broker->properties);
	remove_own(&properties);
	if (group)
		force(&properties, "group.id", group);
	add_reading(&properties, read_committed);
	/* Asking about a topic must not make it. */
	force(&properties, "allow.auto.create.topics", "false");
	conf = conf_of(&properties, error);
	weir__properties_fini(&properties);
	return conf;
}

const char *
weir__kafka_doubt(const struct weir_properties *consumer)
{
	const char *strategy =
		consumer ? weir__properties_get(consumer, "partition.assignment.strategy") : NULL;

	if (!strategy || !strstr(strategy, "cooperative-sticky"))
		return NULL;
	if (rd_kafka_version() < VERSION_WITH_COOPERATIVE_CLOSE)
		return "cooperative-sticky: librdkafka below 2.3.0 ends the process by an assertion "
		       "when it closes while it joins, and below 2.6.1 it can rebalance without end; "
		       "range, the default, has neither";
	if (rd_kafka_version() < VERSION_WITH_COOPERATIVE_END)
		return "cooperative-sticky: librdkafka below 2.6.1 can rebalance without end; range, "
		       "the default, does not";
	return NULL;
}

rd_kafka_conf_t *
weir__kafka_conf_consumer(const struct kafka_broker *broker,
                          const struct weir_session_config *config, struct weir_error *error)
{
	struct weir_properties properties = {0};
	const char *isolation;
	bool read_committed;
	rd_kafka_conf_t *conf;

	add_common_defaults(&properties);
	add_queue_defaults(&properties);
	weir__properties_set(&properties, "allow.auto.create.topics", "false");
	/* see weir__kafka_doubt(); the user may still want another */
	weir__properties_set(&properties, "partition.assignment.strategy", "range");
	set_number(&properties, "session.timeout.ms", config->session_timeout_ms);
	set_number(&properties, "heartbeat.interval.ms",
	           config->session_timeout_ms > 9000 ? 3000 : config->session_timeout_ms / 3);
	add_user(&properties, broker, config->consumer);
	isolation = weir__properties_get(&properties, "isolation.level");
	/* Without read_committed offset fetches do not wait for pending transactional
	 * offsets either, which breaks the fencing by group. */
	read_committed = config->guarantee == WEIR_EXACTLY_ONCE || !isolation ||
	                 strcmp(isolation, "read_uncommitted") != 0;
	read_committed = read_committed && !WEIR_MUTANT(READ_UNCOMMITTED);
	remove_own(&properties);
	force(&properties, "group.id", config->group);
	if (config->group_instance)
		force(&properties, "group.instance.id", config->group_instance);
	add_reading(&properties, read_committed);
	force(&properties, "enable.auto.offset.store", "false");
	conf = conf_of(&properties, error);
	weir__properties_fini(&properties);
	if (conf)
		rd_kafka_conf_set_rebalance_cb(conf, weir__kafka_rebalance_cb);
	return conf;
}

/*
 * A commit waits for its deliveries without polling, so they have to end well before the group
 * takes the partitions away; librdkafka's own is as long as max.poll.interval.ms. A transaction
 * has its timeout instead.
 */
static void
add_patience(struct weir_properties *properties, const struct weir_session_config *config)
{
	const char *interval =
		config->consumer ? weir__properties_get(config->consumer, "max.poll.interval.ms")
				 : NULL;
	long long interval_ms = interval ? strtoll(interval, NULL, 10) : MAX_POLL_INTERVAL_MS;

	if (config->input_count > 0 && interval_ms > 0)
		set_number(properties, "message.timeout.ms", interval_ms * 6 / 10);
}

static void
add_producer_guarantee(struct weir_properties *properties,
                       const struct weir_session_config *config)
{
	if (config->transactional_id) {
		force(properties, "transactional.id", config->transactional_id);
		force(properties, "enable.idempotence", "true");
		force(properties, "acks", "all");
	} else if (config->guarantee == WEIR_AT_MOST_ONCE) {
		force(properties, "retries", "0");
	} else {
		force(properties, "acks", "all");
	}
}

static void
add_producer_defaults(struct weir_properties *properties,
                      const struct weir_session_config *config, size_t batch_bytes,
                      size_t message_bytes)
{
	weir__properties_set(properties, "linger.ms", "5");
	weir__properties_set(properties, "compression.type", "lz4");
	/* Back-to-back transactions wait this long on CONCURRENT_TRANSACTIONS. */
	weir__properties_set(properties, "retry.backoff.ms", "10");
	/* Keys land where Java producers put them. */
	weir__properties_set(properties, "partitioner", "murmur2_random");
	weir__properties_set(properties, "queue.buffering.max.messages", "1000000");
	set_number(properties, "queue.buffering.max.kbytes", KAFKA_QUEUE_KBYTES);
	if (config->guarantee == WEIR_AT_MOST_ONCE && !config->transactional_id)
		weir__properties_set(properties, "acks", "1");
	else
		weir__properties_set(properties, "enable.idempotence", "true");
	if (config->transactional_id)
		set_number(properties, "transaction.timeout.ms",
		           config->transaction_timeout_ms);
	else
		add_patience(properties, config);
	/* The broker checks a whole batch against its topic's limit, so no batch may be
	 * larger than the smallest of them; a message may be as large as the largest. */
	if (batch_bytes > 0)
		set_number(properties, "batch.size", (int64_t)batch_bytes);
	if (message_bytes > 0)
		set_number(properties, "message.max.bytes", (int64_t)message_bytes);
}

rd_kafka_conf_t *
weir__kafka_conf_producer(const struct kafka_broker *broker,
                          const struct weir_session_config *config, size_t batch_bytes,
                          size_t message_bytes, struct weir_error *error)
{
	struct weir_properties properties = {0};
	rd_kafka_conf_t *conf;

	add_common_defaults(&properties);
	add_producer_defaults(&properties, config, batch_bytes, message_bytes);
	add_user(&properties, broker, config->producer);
	remove_own(&properties);
	add_producer_guarantee(&properties, config);
	conf = conf_of(&properties, error);
	weir__properties_fini(&properties);
	/* Always: without it flush and commit wait in slices of 10 ms. */
	if (conf)
		rd_kafka_conf_set_dr_msg_cb(conf, weir__kafka_delivery_cb);
	return conf;
}
