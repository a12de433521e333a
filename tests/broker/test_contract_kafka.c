/*
 * The broker's contract over a real Kafka of one broker.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <librdkafka/rdkafka.h>

#include <broker/kafka.h>

#include "tests/broker/contract.h"
#include "tests/kafka/cluster.h"

static const char *bootstrap;
static struct weir_logger logger = {.level = WEIR_LOG_WARNING};

static struct weir_broker *
open_broker(void)
{
	struct weir_properties properties = {0};
	struct weir_error error = {0};
	struct weir_broker *broker;

	weir__properties_set(&properties, "bootstrap.servers", bootstrap);
	if (getenv("WEIR_TEST_STRATEGY")) /* "cooperative-sticky": not the default, but allowed */
		weir__properties_set(&properties, "partition.assignment.strategy",
		                     getenv("WEIR_TEST_STRATEGY"));
	if (getenv("WEIR_TEST_DEBUG")) { /* "cgrp,fetch,eos": librdkafka's own log */
		weir__properties_set(&properties, "debug", getenv("WEIR_TEST_DEBUG"));
		logger.level = WEIR_LOG_DEBUG;
	}
	broker = weir__kafka_open(&properties, &logger, weir__clock_system(), &error);
	ck_assert_msg(broker != NULL, "%s", error.message);
	weir__properties_fini(&properties);
	return broker;
}

static void
close_broker(struct weir_broker *broker)
{
	weir__broker_close(broker);
}

static void
pass(int64_t ms)
{
	const struct timespec time = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&time, NULL);
}

/* Not in the interface: weir never deletes records. */
static void
delete_records(const char *topic, int32_t partition, int64_t offset)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_DeleteRecords_t *request;
	rd_kafka_queue_t *queue;
	rd_kafka_event_t *event;
	char text[256];
	rd_kafka_t *rk;

	rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, text, sizeof(text));
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	ck_assert_msg(rk != NULL, "%s", text);
	queue = rd_kafka_queue_new(rk);
	rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
	request = rd_kafka_DeleteRecords_new(list);
	rd_kafka_DeleteRecords(rk, &request, 1, NULL, queue);
	event = rd_kafka_queue_poll(queue, -1);
	ck_assert_msg(!rd_kafka_event_error(event), "%s", rd_kafka_event_error_string(event));
	rd_kafka_event_destroy(event);
	rd_kafka_DeleteRecords_destroy(request);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(rk);
}

static const struct weir_contract_fixture fixture = {
	.name = "contract over Kafka",
	.slice_ms = 100,
	.patience_ms = 30000,
	.session_timeout_ms = 6000,
	.case_timeout_s = 90,
	.open = open_broker,
	.close = close_broker,
	.pass = pass,
	.delete_records = delete_records,
};

int
main(void)
{
	const char *why = cluster_missing();
	struct cluster *cluster;

	if (why)
		return weir_test_skip(why);
	cluster = cluster_open(1, NULL);
	bootstrap = cluster_bootstrap(cluster);
	weir_test_run(weir_contract_suite(&fixture));
	cluster_close(cluster);
	return 0;
}
