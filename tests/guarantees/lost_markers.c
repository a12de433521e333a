/*
 * Apache Kafka alone, without weir: commits that it acknowledged are gone after kill -9.
 *
 * Plain librdkafka producers commit one record after the other. All brokers die at once and
 * start again; each producer waits for the answer to the commit it is in, and does nothing
 * more. Then a read_committed reader looks for every record whose commit was answered with
 * success. docs/guarantees.md, "When every copy of a partition dies at once", says why some
 * are not there.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <librdkafka/rdkafka.h>

#include "tests/kafka/cluster.h"

#define WRITERS 16      /* so that some commit is at its most vulnerable whenever it ends */
#define PARTITIONS 3
#define MAX_COMMITS 100000
#define WARM_COMMITS 20
#define PATIENCE_MS 120000
#define LATE_MS 20000 /* what is not there by then is not merely late */
#define TOPIC "ledger"

static const char usage[] =
	"Usage: lost_markers [option]...\n"
	"Commits to a real Kafka while all its brokers die by kill -9; counts commits that were\n"
	"acknowledged and that no reader ever sees.\n"
	"\n"
	"  -n N   brokers; from 3 on everything is replicated 3 times (1)\n"
	"  -r N   rounds, each with a new cluster, until one shows it (5)\n"
	"\n"
	"Exit: 0 it has happened, 1 not, 2 usage, 77 no Kafka.\n";

struct writer {
	int id;
	const char *bootstrap;
	pthread_t thread;
	atomic_int committed; /* acknowledged: records 0 to committed - 1 */
	bool in_doubt;        /* its last commit had another answer than success */
	bool *seen;
};

static atomic_bool stop;

static void
demand(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "lost_markers: %s\n", what);
	exit(1);
}

static void
pass(int ms)
{
	const struct timespec time = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&time, NULL);
}

static rd_kafka_t *
open_client(rd_kafka_type_t type, const char *const settings[][2], size_t count)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[256];
	rd_kafka_t *rk;

	for (size_t i = 0; i < count; i++)
		demand(!rd_kafka_conf_set(conf, settings[i][0], settings[i][1], text,
		                          sizeof(text)),
		       text);
	rd_kafka_conf_set_log_cb(conf, NULL);
	rk = rd_kafka_new(type, conf, text, sizeof(text));
	demand(rk != NULL, text);
	return rk;
}

/* ---- writing ---- */

/* The same call until it is answered for good. */
static bool
commit(rd_kafka_t *rk)
{
	for (int waited_ms = 0; waited_ms < PATIENCE_MS; waited_ms += 1000) {
		rd_kafka_error_t *error = rd_kafka_commit_transaction(rk, 1000);
		bool again = error && rd_kafka_error_is_retriable(error);

		if (!error)
			return true;
		rd_kafka_error_destroy(error);
		if (!again)
			return false;
	}
	return false;
}

static bool
write_one(struct writer *writer, rd_kafka_t *rk)
{
	char value[32];
	rd_kafka_error_t *error = rd_kafka_begin_transaction(rk);
	rd_kafka_resp_err_t code;

	if (error) {
		rd_kafka_error_destroy(error);
		return false;
	}
	snprintf(value, sizeof(value), "%d %d", writer->id, atomic_load(&writer->committed));
	code = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(TOPIC),
	                         RD_KAFKA_V_PARTITION(writer->id % PARTITIONS),
	                         RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
	                         RD_KAFKA_V_VALUE(value, strlen(value)), RD_KAFKA_V_END);
	return !code && commit(rk);
}

static void *
write_all(void *opaque)
{
	struct writer *writer = opaque;
	char id[32];
	const char *const settings[][2] = {
		{"bootstrap.servers", writer->bootstrap},
		{"transactional.id", id},
		{"transaction.timeout.ms", "60000"},
		{"linger.ms", "0"},
		{"retry.backoff.ms", "10"},
	};
	rd_kafka_t *rk;
	rd_kafka_error_t *error;

	snprintf(id, sizeof(id), "writer-%d", writer->id);
	rk = open_client(RD_KAFKA_PRODUCER, settings, sizeof(settings) / sizeof(settings[0]));
	error = rd_kafka_init_transactions(rk, PATIENCE_MS);
	demand(!error, "a producer does not get ready");
	while (!stop && !writer->in_doubt && writer->committed < MAX_COMMITS) {
		if (write_one(writer, rk))
			atomic_fetch_add(&writer->committed, 1);
		else
			writer->in_doubt = true;
	}
	rd_kafka_destroy(rk);
	return NULL;
}

/* ---- reading ---- */

static void
note(struct writer *writers, const rd_kafka_message_t *message)
{
	char text[32] = "";
	int id, number;

	memcpy(text, message->payload,
	       message->len < sizeof(text) ? message->len : sizeof(text) - 1);
	if (sscanf(text, "%d %d", &id, &number) == 2 && id >= 0 && id < WRITERS && number >= 0 &&
	    number < MAX_COMMITS)
		writers[id].seen[number] = true;
}

static int
count_lost(const struct writer *writers)
{
	int lost = 0;

	for (int id = 0; id < WRITERS; id++) {
		for (int number = 0; number < writers[id].committed; number++)
			lost += !writers[id].seen[number];
	}
	return lost;
}

/* Read all partitions for as long as something that was acknowledged is missing. */
static void
read_all(struct writer *writers, const char *bootstrap)
{
	const char *const settings[][2] = {
		{"bootstrap.servers", bootstrap},
		{"group.id", "reader"},
		{"isolation.level", "read_committed"},
		{"enable.auto.commit", "false"},
	};
	rd_kafka_t *rk = open_client(RD_KAFKA_CONSUMER, settings,
	                             sizeof(settings) / sizeof(settings[0]));
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(PARTITIONS);

	for (int32_t id = 0; id < PARTITIONS; id++)
		rd_kafka_topic_partition_list_add(list, TOPIC, id)->offset =
			RD_KAFKA_OFFSET_BEGINNING;
	rd_kafka_assign(rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	for (int quiet_ms = 0; quiet_ms < LATE_MS && count_lost(writers);) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, 100);

		if (message && !message->err)
			note(writers, message);
		quiet_ms = message && !message->err ? 0 : quiet_ms + 100;
		if (message)
			rd_kafka_message_destroy(message);
	}
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
}

/* ---- a round ---- */

static void
make_topic(const char *bootstrap)
{
	const char *const settings[][2] = {{"bootstrap.servers", bootstrap}};
	rd_kafka_t *rk = open_client(RD_KAFKA_PRODUCER, settings, 1);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(TOPIC, PARTITIONS, -1, NULL, 0);
	rd_kafka_event_t *answer;

	rd_kafka_CreateTopics(rk, &topic, 1, NULL, queue);
	answer = rd_kafka_queue_poll(queue, PATIENCE_MS);
	demand(answer && !rd_kafka_event_error(answer), "the topic cannot be made");
	rd_kafka_event_destroy(answer);
	rd_kafka_NewTopic_destroy(topic);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(rk);
}

static void
kill_all(struct cluster *cluster, int brokers)
{
	for (int broker = 1; broker <= brokers; broker++)
		cluster_kill(cluster, broker);
	atomic_store(&stop, true); /* each is in the middle of a commit */
	for (int broker = 1; broker <= brokers; broker++)
		cluster_restart(cluster, broker);
}

static void
wait_warm(const struct writer *writers)
{
	for (int id = 0; id < WRITERS; id++) {
		while (writers[id].committed < WARM_COMMITS)
			pass(10);
	}
	pass((int)(random() % 200));
}

static int
run(int brokers)
{
	/* Kafka's own defaults; those of other tests are shorter */
	static const char *const options[] = {"-p", "broker.session.timeout.ms=9000", "-p",
	                                      "broker.heartbeat.interval.ms=2000", NULL};
	struct writer writers[WRITERS];
	struct cluster *cluster = cluster_open(brokers, options);
	int committed = 0, in_doubt = 0, lost;

	make_topic(cluster_bootstrap(cluster));
	memset(writers, 0, sizeof(writers));
	atomic_store(&stop, false);
	for (int id = 0; id < WRITERS; id++) {
		writers[id].id = id;
		writers[id].bootstrap = cluster_bootstrap(cluster);
		writers[id].seen = calloc(MAX_COMMITS, sizeof(bool));
		demand(writers[id].seen != NULL, "out of memory");
		pthread_create(&writers[id].thread, NULL, write_all, &writers[id]);
	}
	wait_warm(writers);
	kill_all(cluster, brokers);
	for (int id = 0; id < WRITERS; id++) {
		pthread_join(writers[id].thread, NULL);
		committed += writers[id].committed;
		in_doubt += writers[id].in_doubt;
	}
	read_all(writers, cluster_bootstrap(cluster));
	lost = count_lost(writers);
	printf("%d commits acknowledged, %d without a clear answer; of the acknowledged ones, "
	       "%d cannot be read %d s later\n",
	       committed, in_doubt, lost, LATE_MS / 1000);
	fflush(stdout);
	for (int id = 0; id < WRITERS; id++)
		free(writers[id].seen);
	cluster_close(cluster);
	return lost;
}

int
main(int argc, char **argv)
{
	const char *why = cluster_missing();
	int brokers = 1, rounds = 5, lost = 0, option;

	while ((option = getopt(argc, argv, "n:r:h")) != -1) {
		switch (option) {
		case 'n':
			brokers = atoi(optarg);
			break;
		case 'r':
			rounds = atoi(optarg);
			break;
		default:
			fputs(usage, option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : 2;
		}
	}
	if (optind != argc || brokers < 1 || rounds < 1) {
		fputs(usage, stderr);
		return 2;
	}
	if (why) {
		fprintf(stderr, "lost_markers: %s\n", why);
		return 77;
	}
	srandom((unsigned)time(NULL));
	while (rounds-- > 0 && lost == 0)
		lost = run(brokers);
	return lost == 0;
}
