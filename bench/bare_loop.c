/*
 * The bare librdkafka loop that weir is measured against: copies topics with key, value,
 * headers and timestamp, exactly once or at least once, and nothing else. No processors,
 * no held emits, no recovery: any failure ends it.
 *
 * It is meant to be as fast as a plain loop gets with these settings (bare_settings.c
 * takes them from weir, so that both have the same), and it obeys the rules without which
 * exactly-once would not hold: init_transactions before the consumer subscribes, static
 * membership, offsets in the transaction, commit called again while retriable.
 *
 * One thread, as a worker of weir.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <bench/bare_settings.h>

#define MAX_PARTITIONS 64
#define CALL_TIMEOUT_MS 5000
#define BATCH_RECORDS 200000
#define SERVE_EVERY 1000 /* records between looks at delivery reports and the clock */

struct loop {
	struct bare_settings settings;
	const char *input;
	const char *output;
	int commit_ms;
	bool until_end;

	rd_kafka_t *consumer;
	rd_kafka_t *producer;
	rd_kafka_topic_t *topic; /* output */

	/* by partition of the input */
	int64_t next[MAX_PARTITIONS]; /* last record + 1 */
	bool is_touched[MAX_PARTITIONS];
	bool is_owned[MAX_PARTITIONS];
	bool is_ended[MAX_PARTITIONS];

	bool is_open; /* something is in hand */
	int64_t commit_at_us;
	unsigned long batch_records;
	unsigned unserved;
	unsigned long records;
	unsigned long batches;
	unsigned long failures;
	int64_t first_us;
	int64_t last_us;
	int64_t committing_us; /* of the time between, in commits */
	int64_t starving_us;   /* of the time between, without input */
};

static volatile sig_atomic_t stopped;

static void
on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static int64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("bare_loop: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

/* ---- transactions ---- */

/* End the program for a failed call; true when the same call shall be made again. */
static bool
must_repeat(rd_kafka_error_t *error, const char *call)
{
	if (!error)
		return false;
	if (!rd_kafka_error_is_retriable(error) ||
	    rd_kafka_error_txn_requires_abort(error))
		fail("%s: %s", call, rd_kafka_error_string(error));
	rd_kafka_error_destroy(error);
	return true;
}

static void
init_transactions(struct loop *loop)
{
	while (must_repeat(rd_kafka_init_transactions(loop->producer, CALL_TIMEOUT_MS),
			   "init_transactions"))
		;
}

static rd_kafka_topic_partition_list_t *
touched_offsets(struct loop *loop)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);

	for (int i = 0; i < MAX_PARTITIONS; i++)
		if (loop->is_touched[i])
			rd_kafka_topic_partition_list_add(list, loop->input, i)->offset =
				loop->next[i];
	return list;
}

static void
commit_transaction(struct loop *loop, const rd_kafka_topic_partition_list_t *offsets)
{
	rd_kafka_consumer_group_metadata_t *group =
		rd_kafka_consumer_group_metadata(loop->consumer);

	while (must_repeat(rd_kafka_send_offsets_to_transaction(loop->producer, offsets,
								group, CALL_TIMEOUT_MS),
			   "send_offsets_to_transaction"))
		;
	while (must_repeat(rd_kafka_commit_transaction(loop->producer, CALL_TIMEOUT_MS),
			   "commit_transaction"))
		;
	rd_kafka_consumer_group_metadata_destroy(group);
}

static void
commit_offsets(struct loop *loop, const rd_kafka_topic_partition_list_t *offsets)
{
	rd_kafka_resp_err_t code;

	while (rd_kafka_flush(loop->producer, CALL_TIMEOUT_MS) !=
	       RD_KAFKA_RESP_ERR_NO_ERROR)
		;
	if (loop->failures > 0)
		fail("%lu records could not be delivered", loop->failures);
	code = rd_kafka_commit(loop->consumer, offsets, 0);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		fail("commit: %s", rd_kafka_err2str(code));
}

static void
commit(struct loop *loop)
{
	rd_kafka_topic_partition_list_t *offsets;
	int64_t begun_us = now_us();

	if (!loop->is_open)
		return;
	offsets = touched_offsets(loop);
	if (loop->settings.exactly_once)
		commit_transaction(loop, offsets);
	else
		commit_offsets(loop, offsets);
	rd_kafka_topic_partition_list_destroy(offsets);
	memset(loop->is_touched, 0, sizeof(loop->is_touched));
	loop->is_open = false;
	loop->batch_records = 0;
	loop->batches++;
	loop->last_us = now_us();
	loop->committing_us += loop->last_us - begun_us;
}

/* ---- records ---- */

static void
open_batch(struct loop *loop)
{
	loop->is_open = true;
	loop->commit_at_us = now_us() + loop->commit_ms * 1000LL;
	if (loop->first_us == 0)
		loop->first_us = now_us();
	if (loop->settings.exactly_once)
		must_repeat(rd_kafka_begin_transaction(loop->producer),
			    "begin_transaction");
}

static void
copy_record(struct loop *loop, rd_kafka_message_t *message)
{
	rd_kafka_headers_t *headers = NULL;
	rd_kafka_resp_err_t code;
	int64_t timestamp_ms = rd_kafka_message_timestamp(message, NULL);

	if (rd_kafka_message_detach_headers(message, &headers) !=
	    RD_KAFKA_RESP_ERR_NO_ERROR)
		headers = NULL;
	for (;;) {
		code = headers ? rd_kafka_producev(
					 loop->producer, RD_KAFKA_V_RKT(loop->topic),
					 RD_KAFKA_V_KEY(message->key, message->key_len),
					 RD_KAFKA_V_VALUE(message->payload, message->len),
					 RD_KAFKA_V_TIMESTAMP(timestamp_ms),
					 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
					 RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END)
			       : rd_kafka_producev(
					 loop->producer, RD_KAFKA_V_RKT(loop->topic),
					 RD_KAFKA_V_KEY(message->key, message->key_len),
					 RD_KAFKA_V_VALUE(message->payload, message->len),
					 RD_KAFKA_V_TIMESTAMP(timestamp_ms),
					 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
					 RD_KAFKA_V_END);
		if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
			break;
		rd_kafka_poll(loop->producer, 10);
	}
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		fail("produce: %s", rd_kafka_err2str(code));
}

static void
take_message(struct loop *loop, rd_kafka_message_t *message)
{
	if (message->partition >= MAX_PARTITIONS)
		fail("partition %d: only %d are known here", message->partition,
		     MAX_PARTITIONS);
	if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		loop->is_ended[message->partition] = true;
		return;
	}
	if (message->err)
		fail("consume: %s", rd_kafka_message_errstr(message));
	if (!loop->is_open)
		open_batch(loop);
	copy_record(loop, message);
	loop->next[message->partition] = message->offset + 1;
	loop->is_touched[message->partition] = true;
	loop->records++;
	loop->batch_records++;
	loop->unserved++;
}

static bool
is_at_end(const struct loop *loop)
{
	bool owns_some = false;

	for (int i = 0; i < MAX_PARTITIONS; i++) {
		if (loop->is_owned[i] && !loop->is_ended[i])
			return false;
		owns_some = owns_some || loop->is_owned[i];
	}
	return owns_some;
}

static int
wait_ms(const struct loop *loop)
{
	int64_t left_us;

	if (!loop->is_open)
		return 100;
	left_us = loop->commit_at_us - now_us();
	return left_us > 0 ? (int)((left_us + 999) / 1000) : 0;
}

static rd_kafka_message_t *
next_message(struct loop *loop)
{
	rd_kafka_message_t *message = rd_kafka_consumer_poll(loop->consumer, 0);
	int64_t begun_us;

	if (message)
		return message;
	begun_us = now_us();
	message = rd_kafka_consumer_poll(loop->consumer, wait_ms(loop));
	if (loop->first_us != 0)
		loop->starving_us += now_us() - begun_us;
	return message;
}

static void
run(struct loop *loop)
{
	while (!stopped && !(loop->until_end && is_at_end(loop))) {
		rd_kafka_message_t *message = next_message(loop);

		if (message) {
			take_message(loop, message);
			rd_kafka_message_destroy(message);
			if (loop->unserved < SERVE_EVERY)
				continue;
		}
		loop->unserved = 0;
		rd_kafka_poll(loop->producer, 0);
		if (loop->is_open && (now_us() >= loop->commit_at_us ||
				      loop->batch_records >= BATCH_RECORDS))
			commit(loop);
	}
	commit(loop);
}

/* ---- start and end ---- */

static void
on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
	struct loop *loop = opaque;

	(void)rk;
	if (message->err && loop->failures++ == 0)
		fprintf(stderr, "bare_loop: not delivered: %s\n",
			rd_kafka_err2str(message->err));
}

static void
on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
	     rd_kafka_topic_partition_list_t *list, void *opaque)
{
	struct loop *loop = opaque;
	bool is_assigned = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;

	if (!is_assigned)
		commit(loop);
	for (int i = 0; i < list->cnt; i++)
		if (list->elems[i].partition < MAX_PARTITIONS)
			loop->is_owned[list->elems[i].partition] = is_assigned;
	rd_kafka_assign(rk, is_assigned ? list : NULL);
}

static void
start(struct loop *loop)
{
	rd_kafka_conf_t *conf = bare_producer_conf(&loop->settings);
	rd_kafka_topic_partition_list_t *topics;
	char text[512];

	rd_kafka_conf_set_opaque(conf, loop);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	loop->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (!loop->producer)
		fail("%s", text);
	loop->topic = rd_kafka_topic_new(loop->producer, loop->output, NULL);
	if (loop->settings.exactly_once)
		init_transactions(loop);

	conf = bare_consumer_conf(&loop->settings);
	rd_kafka_conf_set_opaque(conf, loop);
	rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
	loop->consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	if (!loop->consumer)
		fail("%s", text);
	rd_kafka_poll_set_consumer(loop->consumer);
	topics = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(topics, loop->input, RD_KAFKA_PARTITION_UA);
	if (rd_kafka_subscribe(loop->consumer, topics))
		fail("cannot subscribe to %s", loop->input);
	rd_kafka_topic_partition_list_destroy(topics);
}

static void
finish(struct loop *loop)
{
	rd_kafka_consumer_close(loop->consumer);
	rd_kafka_destroy(loop->consumer);
	rd_kafka_topic_destroy(loop->topic);
	rd_kafka_destroy(loop->producer);
}

static void
print_figures(const struct loop *loop)
{
	struct rusage usage;
	double seconds = (double)(loop->last_us - loop->first_us) / 1e6;
	double cpu_us;

	getrusage(RUSAGE_SELF, &usage);
	cpu_us = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
		 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
	fprintf(stderr,
		"%lu records in %.3f s, %lu batches, %.0f records/s, %.3f us CPU a "
		"record, "
		"%.0f MiB; %.3f s in commits, %.3f s without input\n",
		loop->records, seconds, loop->batches,
		seconds > 0 ? (double)loop->records / seconds : 0,
		loop->records > 0 ? cpu_us / (double)loop->records : 0,
		(double)usage.ru_maxrss / 1024, (double)loop->committing_us / 1e6,
		(double)loop->starving_us / 1e6);
}

static const char usage[] =
	"Usage: bare_loop -b BROKERS -i TOPIC -o TOPIC -G GROUP [option]...\n"
	"Copy a topic with librdkafka alone, until SIGTERM; prints its figures to "
	"stderr.\n"
	"\n"
	"  -b BROKERS    bootstrap.servers\n"
	"  -i TOPIC      read from\n"
	"  -o TOPIC      write to\n"
	"  -G GROUP      consumer group, and the beginning of the transactional id\n"
	"  -g GUARANTEE  exactly-once (default) or at-least-once\n"
	"  -m MS         commit every so many milliseconds (100)\n"
	"  -X NAME=VALUE a setting of the consumer, instead of weir's; may be repeated\n"
	"  -e            stop at the end of the input\n";

static void
parse(struct loop *loop, int argc, char **argv)
{
	size_t extras = 0;
	int option;

	loop->commit_ms = 100;
	loop->settings.exactly_once = true;
	while ((option = getopt(argc, argv, "b:i:o:G:g:m:X:eh")) != -1) {
		switch (option) {
		case 'b':
			loop->settings.brokers = optarg;
			break;
		case 'i':
			loop->input = optarg;
			break;
		case 'o':
			loop->output = optarg;
			break;
		case 'G':
			loop->settings.group = optarg;
			break;
		case 'm':
			loop->commit_ms = atoi(optarg);
			break;
		case 'X':
			if (extras == sizeof(loop->settings.extra) / sizeof(char *) - 1)
				fail("too many -X");
			loop->settings.extra[extras++] = optarg;
			break;
		case 'e':
			loop->until_end = true;
			break;
		case 'g':
			loop->settings.exactly_once = strcmp(optarg, "exactly-once") == 0;
			if (loop->settings.exactly_once ||
			    strcmp(optarg, "at-least-once") == 0)
				break;
			/* fallthrough */
		default:
			fputs(usage, option == 'h' ? stdout : stderr);
			exit(option == 'h' ? 0 : 2);
		}
	}
	if (!loop->settings.brokers || !loop->input || !loop->output ||
	    !loop->settings.group || loop->commit_ms <= 0) {
		fputs(usage, stderr);
		exit(2);
	}
}

int
main(int argc, char **argv)
{
	static struct loop loop;

	parse(&loop, argc, argv);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	start(&loop);
	run(&loop);
	finish(&loop);
	print_figures(&loop);
	return 0;
}
