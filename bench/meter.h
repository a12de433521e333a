/*
 * The measuring program: it makes topics, fills them, reads them, starts what is measured
 * and takes the time. It knows librdkafka but nothing of weir, so that what it says of weir
 * does not come from weir.
 *
 * All results go to stdout as one line of NAME=VALUE words, for bench/bench to read.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_BENCH_METER_H
#define WEIR_BENCH_METER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <librdkafka/rdkafka.h>

#define METER_MAX_PARTITIONS 64

/* Print "meter: ..." to stderr and end with status 1. */
void meter_fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Wall clock, since what is measured spans processes. */
int64_t meter_now_us(void);

/* ---- topics.c ---- */

/* A client with the setting pairs NAME, VALUE, ..., NULL. */
rd_kafka_t *meter_client(rd_kafka_type_t type, const char *brokers, ...);
/* Make a topic; `append_time`: the broker stamps its records as it appends them. */
void meter_topic_create(const char *brokers, const char *topic, int partitions,
                        bool append_time);
void meter_topic_delete(const char *brokers, const char *topic);
int meter_topic_partitions(rd_kafka_t *rk, const char *topic);
/* A consumer of all partitions, without a group, from the beginning or from the end. */
rd_kafka_t *meter_reader(const char *brokers, const char *topic, bool read_committed,
                         bool from_end);
/* The end of each partition. The caller destroys the list. */
rd_kafka_topic_partition_list_t *meter_topic_ends(rd_kafka_t *rk, const char *topic);
int meter_span(const char *brokers, const char *topic);

/* ---- fill.c ---- */

int meter_fill(const char *brokers, const char *topic, long records, int value_bytes);
/* Records of the ids `first` to `first + ids - 1`, each so many times, in random order. */
int meter_fill_ids(const char *brokers, const char *topic, long first, long ids, int times,
                   int value_bytes);

/* ---- feed.c: a producer at a steady pace, on a thread of its own ---- */

struct meter_feed;
struct meter_feed *meter_feed_start(const char *brokers, const char *topic, int per_second);
void meter_feed_stop(struct meter_feed *feed);
/* When the record was sent, from its value; -1 when it is none of a feed's. */
int64_t meter_feed_sent_us(const void *value, size_t size);

/* ---- process.c ---- */

pid_t meter_spawn(char **command);
long long meter_cpu_us(const struct rusage *usage);
/* Run to its end; prints its CPU time, peak memory and seconds. */
int meter_run(char **command);

/* ---- latency.c, restart.c, drain.c ---- */

int meter_latency(const char *brokers, const char *input, const char *output, int per_second,
                  int seconds, char **command);
int meter_restart(const char *brokers, const char *input, const char *output, int per_second,
                  int rounds, char **command);
/* The same time for one start, and what went before it is the caller's. */
int meter_start(const char *brokers, const char *input, const char *output, int per_second,
                char **command);
/*
 * Run until `group` has committed all of the input, then end it, or kill it; prints CPU time,
 * memory and seconds.
 */
int meter_drain(const char *brokers, const char *input, const char *group, bool kill_hard,
                char **command);

#endif
