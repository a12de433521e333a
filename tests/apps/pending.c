/*
 * Holds an offset of a group pending, for the shell tests: pending BROKERS GROUP TOPIC. Prints
 * "held" when its transaction has sent the offset, and aborts it at the end of its input.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>

#include <librdkafka/rdkafka.h>

#define TIMEOUT_MS 30000

static int
done(rd_kafka_error_t *failure)
{
	if (!failure)
		return 1;
	fprintf(stderr, "pending: %s\n", rd_kafka_error_string(failure));
	rd_kafka_error_destroy(failure);
	return 0;
}

static rd_kafka_t *
open_producer(const char *brokers)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[256];

	rd_kafka_conf_set(conf, "bootstrap.servers", brokers, text, sizeof(text));
	rd_kafka_conf_set(conf, "transactional.id", "pending", text, sizeof(text));
	return rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
}

static int
hold(rd_kafka_t *rk, const char *group, const char *topic)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_consumer_group_metadata_t *metadata = rd_kafka_consumer_group_metadata_new(group);
	int held;

	rd_kafka_topic_partition_list_add(list, topic, 0)->offset = 1;
	held = done(rd_kafka_init_transactions(rk, TIMEOUT_MS)) &&
	       done(rd_kafka_begin_transaction(rk)) &&
	       done(rd_kafka_send_offsets_to_transaction(rk, list, metadata, TIMEOUT_MS));
	rd_kafka_consumer_group_metadata_destroy(metadata);
	rd_kafka_topic_partition_list_destroy(list);
	return held;
}

int
main(int argc, char **argv)
{
	rd_kafka_t *rk = argc == 4 ? open_producer(argv[1]) : NULL;
	int held;

	if (!rk)
		return 2;
	held = hold(rk, argv[2], argv[3]);
	if (held) {
		puts("held");
		fflush(stdout);
		while (getchar() != EOF)
			;
		held = done(rd_kafka_abort_transaction(rk, TIMEOUT_MS));
	}
	rd_kafka_destroy(rk);
	return !held;
}
