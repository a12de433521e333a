/*
 * The feed: numbered records into the input, at an even rate, on a thread of its own.
 *
 * By librdkafka itself, so that weir's own producer is not what fills the input. A record
 * says what is to become of it (testing/oracle.h). It is delivered however long that takes, some
 * twice: an idempotent producer of librdkafka 2.0.2 can end when a broker does, and for the
 * oracle a record is what it is by its place, not by its id; or, to steps with stores, one that
 * they have to drop.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "tests/guarantees/trial.h"

#define SLICE_MS 50

static void
demand(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "feed: %s\n", what);
	abort();
}

static void
delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
	struct trial *trial = opaque;

	(void)rk;
	if (message->err)
		atomic_store(&trial->feed_failed, true);
	else
		atomic_fetch_add(&trial->fed, 1);
}

static rd_kafka_t *
open_producer(struct trial *trial)
{
	const char *const settings[][2] = {
		{"bootstrap.servers", cluster_direct(trial->cluster)},
		{"client.id", "feed"},
		{"acks", "all"},
		{"message.timeout.ms", "0"},
		{"queue.buffering.max.messages", "10000"},
		{"linger.ms", "5"},
	};
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[256];
	rd_kafka_t *rk;

	for (size_t index = 0; index < sizeof(settings) / sizeof(settings[0]); index++)
		demand(!rd_kafka_conf_set(conf, settings[index][0], settings[index][1],
					  text, sizeof(text)),
		       text);
	rd_kafka_conf_set_dr_msg_cb(conf, delivered);
	rd_kafka_conf_set_opaque(conf, trial);
	rd_kafka_conf_set_log_cb(conf, NULL);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	demand(rk != NULL, text);
	return rk;
}

static void
send_one(struct trial *trial, rd_kafka_t *rk, int id, unsigned *seed)
{
	const struct weir_oracle_variety variety = {
		.outputs = 2,
		.may_reject = true,
		.may_hold = trial->oracle.sums,
		.may_retry = true,
	};
	struct weir_oracle_load load;
	char text[WEIR_ORACLE_LOAD_SIZE], key[24];
	size_t size;
	rd_kafka_resp_err_t code;

	weir__oracle_load_invent(&load, (uint64_t)id, &variety, seed);
	size = weir__oracle_load_print(&load, text);
	snprintf(key, sizeof(key), "%d", id);
	/* a full queue has room when reports of deliveries are taken, by this thread */
	while ((code = rd_kafka_producev(
			rk, RD_KAFKA_V_TOPIC(trial->in),
			RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
			RD_KAFKA_V_KEY(key, strlen(key)), RD_KAFKA_V_VALUE(text, size),
			RD_KAFKA_V_END)) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		rd_kafka_poll(rk, SLICE_MS);
	demand(!code, rd_kafka_err2str(code));
}

void *
feed_run(void *opaque)
{
	struct trial *trial = opaque;
	rd_kafka_t *rk = open_producer(trial);
	int records = trial->options->records;
	int64_t length_ms = (int64_t)trial->seconds * 1000;
	int64_t start_ms = trial_now_ms();
	unsigned seed = (unsigned)start_ms;

	/* as many as were asked for, and on, slower, as long as faults go on */
	while (trial->sent < records || !trial->feed_stop) {
		int64_t passed_ms = trial_now_ms() - start_ms;
		int64_t over_ms = passed_ms > length_ms ? passed_ms - length_ms : 0;
		int due = (int)(records * (passed_ms - over_ms + over_ms / 5) / length_ms);

		if (trial->feed_stop && due > records)
			due = records;
		while (trial->sent < due && !trial->feed_pause)
			send_one(trial, rk, trial->sent++, &seed);
		rd_kafka_poll(rk, SLICE_MS);
	}
	while (rd_kafka_flush(rk, 1000) && !trial->feed_give_up)
		;
	rd_kafka_destroy(rk);
	atomic_store(&trial->feed_done, true);
	return NULL;
}

/* ---- replicas ---- */

/* What is not whole, in words; empty: all is. */
static void
find_behind(const struct rd_kafka_metadata_topic *topic, char *text, size_t size)
{
	for (int index = 0; index < topic->partition_cnt; index++) {
		const struct rd_kafka_metadata_partition *one = &topic->partitions[index];

		if (one->isr_cnt < one->replica_cnt || one->leader < 0)
			snprintf(text, size, "%s[%d] has %d of %d in sync, leader %d",
				 topic->topic, (int)one->id, one->isr_cnt,
				 one->replica_cnt, (int)one->leader);
	}
}

/* The trial's topics begin with its name, and so do changelogs, which weir makes. */
static bool
is_in_sync(const struct rd_kafka_metadata *metadata, const char *name, char *text,
	   size_t size)
{
	int own = 0;

	text[0] = '\0';
	for (int index = 0; index < metadata->topic_cnt; index++) {
		const struct rd_kafka_metadata_topic *topic = &metadata->topics[index];
		bool is_own = !strncmp(topic->topic, name, strlen(name));

		own += is_own;
		if (is_own || !strncmp(topic->topic, "__", 2))
			find_behind(topic, text, size);
	}
	if (own < TRIAL_TOPICS)
		snprintf(text, size, "%d of %d topics are there", own, TRIAL_TOPICS);
	if (metadata->broker_cnt < TRIAL_BROKERS)
		snprintf(text, size, "%d of %d brokers are there", metadata->broker_cnt,
			 TRIAL_BROKERS);
	return !*text;
}

void
feed_wait_in_sync(struct trial *trial)
{
	rd_kafka_t *rk = open_producer(trial);
	int64_t give_up_ms = trial_now_ms() + TRIAL_PATIENCE_MS;
	int in_a_row = 0; /* one broker answers for all, but not each time the same */
	const struct rd_kafka_metadata *metadata;
	char behind[300] = "no broker answers";

	while (in_a_row < 5 && trial_now_ms() < give_up_ms) {
		trial_pass(trial, 100);
		if (rd_kafka_metadata(rk, 1, NULL, &metadata, 5000))
			continue;
		in_a_row = is_in_sync(metadata, trial->name, behind, sizeof(behind))
				   ? in_a_row + 1
				   : 0;
		rd_kafka_metadata_destroy(metadata);
	}
	if (in_a_row < 5)
		trial_trouble(trial, "replicas do not come back in sync: %s", behind);
	rd_kafka_destroy(rk);
}
