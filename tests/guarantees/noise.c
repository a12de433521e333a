/*
 * The noise: input records that no app may process, for their producer aborts them. On a
 * thread of its own.
 *
 * An open transaction also keeps read_committed readers waiting for what the feed wrote
 * behind it. A producer that cannot go on is replaced: its transaction then ends by its
 * timeout, or by its successor.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "tests/guarantees/trial.h"

#define PAUSE_MS 500
#define CALL_MS 5000
#define RECORDS 10 /* a transaction */

static bool
ok(rd_kafka_error_t *error)
{
	bool is_ok = !error;

	if (error)
		rd_kafka_error_destroy(error);
	return is_ok;
}

static rd_kafka_t *
open_producer(struct trial *trial)
{
	const char *const settings[][2] = {
		{"bootstrap.servers", cluster_direct(trial->cluster)},
		{"client.id", "noise"},
		{"transactional.id", trial->name},
		{"transaction.timeout.ms", "6000"},
		{"message.timeout.ms", "6000"},
		{"linger.ms", "1"},
	};
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[256];
	rd_kafka_t *rk;

	for (size_t index = 0; index < sizeof(settings) / sizeof(settings[0]); index++)
		rd_kafka_conf_set(conf, settings[index][0], settings[index][1], text,
				  sizeof(text));
	rd_kafka_conf_set_log_cb(conf, NULL);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (rk && !ok(rd_kafka_init_transactions(rk, CALL_MS))) {
		rd_kafka_destroy(rk);
		rk = NULL;
	}
	return rk;
}

/* Once they are there, they are taken back. False: this producer cannot go on. */
static bool
make_some(struct trial *trial, rd_kafka_t *rk)
{
	static const char value[] = "4000000000 ab"; /* as the feed's, of a high number */

	if (!ok(rd_kafka_begin_transaction(rk)))
		return false;
	for (int number = 0; number < RECORDS; number++)
		rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(trial->in),
				  RD_KAFKA_V_KEY(&number, sizeof(number)),
				  RD_KAFKA_V_VALUE((void *)value, strlen(value)),
				  RD_KAFKA_V_END);
	if (!rd_kafka_flush(rk, CALL_MS))
		atomic_fetch_add(&trial->noise, RECORDS);
	return ok(rd_kafka_abort_transaction(rk, CALL_MS));
}

void *
noise_run(void *opaque)
{
	struct trial *trial = opaque;
	rd_kafka_t *rk = NULL;

	while (!trial->feed_stop) {
		if (!rk)
			rk = open_producer(trial);
		if (rk && !trial->feed_pause && !make_some(trial, rk)) {
			rd_kafka_destroy(rk);
			rk = NULL;
		}
		usleep(PAUSE_MS * 1000);
	}
	if (rk)
		rd_kafka_destroy(rk);
	return NULL;
}
