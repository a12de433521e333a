/*
 * librdkafka's settings for the bare loop: those of weir, by weir's own functions, so that
 * a change there is never measured against yesterday's.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_BENCH_BARE_SETTINGS_H
#define WEIR_BENCH_BARE_SETTINGS_H

#include <stdbool.h>

#include <librdkafka/rdkafka.h>

struct bare_settings {
	const char *brokers;
	const char *group;
	bool exactly_once;
	/* NAME=VALUE of the consumer, to try others than weir's; the last is NULL */
	const char *extra[16];
};

/* End the program when librdkafka refuses them. Without weir's callbacks. */
rd_kafka_conf_t *bare_producer_conf(const struct bare_settings *settings);
rd_kafka_conf_t *bare_consumer_conf(const struct bare_settings *settings);

#endif
