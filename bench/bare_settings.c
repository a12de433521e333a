/*
 * librdkafka's settings for the bare loop, asked from the room that knows them. Only this
 * file of the benchmarks looks into lib/broker. Weir's callbacks stay out: the loop sets
 * its own, and those it does not set are cleared.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bench/bare_settings.h>
#include <broker/kafka_private.h>

/* The default of topics, which weir reads from the broker. */
#define MAX_MESSAGE_BYTES 1048588

static rd_kafka_conf_t *
or_exit(rd_kafka_conf_t *conf, const struct weir_error *error)
{
	if (conf)
		return conf;
	fprintf(stderr, "bare_loop: %s\n", error->message);
	exit(1);
}

/* Below, `id` is longer lived than the configuration that is made of it. */
static struct weir_session_config
session_config(const struct bare_settings *settings, const char *id)
{
	return (struct weir_session_config){
		.name = "bare",
		.guarantee =
			settings->exactly_once ? WEIR_EXACTLY_ONCE : WEIR_AT_LEAST_ONCE,
		.group = settings->group,
		.group_instance = "bare.0",
		.transactional_id = settings->exactly_once ? id : NULL,
		.transaction_timeout_ms = KAFKA_TRANSACTION_TIMEOUT_MS,
		.session_timeout_ms = KAFKA_SESSION_TIMEOUT_MS,
	};
}

static void
set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char text[256];

	if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) == RD_KAFKA_CONF_OK)
		return;
	fprintf(stderr, "bare_loop: %s\n", text);
	exit(1);
}

static void
set_pair(rd_kafka_conf_t *conf, const char *pair)
{
	const char *value = strchr(pair, '=');
	char name[128];

	if (!value || (size_t)(value - pair) >= sizeof(name)) {
		fprintf(stderr, "bare_loop: -X %s: not NAME=VALUE\n", pair);
		exit(2);
	}
	snprintf(name, sizeof(name), "%.*s", (int)(value - pair), pair);
	set(conf, name, value + 1);
}

static void
set_brokers(struct kafka_broker *broker, const struct bare_settings *settings)
{
	weir__properties_set(&broker->properties, "bootstrap.servers", settings->brokers);
}

rd_kafka_conf_t *
bare_producer_conf(const struct bare_settings *settings)
{
	struct kafka_broker broker = {0};
	struct weir_session_config config;
	struct weir_error error = {0};
	rd_kafka_conf_t *conf;
	char id[300];

	snprintf(id, sizeof(id), "%s/bare/0", settings->group);
	config = session_config(settings, id);
	set_brokers(&broker, settings);
	conf = or_exit(weir__kafka_conf_producer(&broker, &config, MAX_MESSAGE_BYTES,
						 MAX_MESSAGE_BYTES, &error),
		       &error);
	weir__properties_fini(&broker.properties);
	return conf;
}

rd_kafka_conf_t *
bare_consumer_conf(const struct bare_settings *settings)
{
	struct kafka_broker broker = {0};
	struct weir_session_config config = session_config(settings, NULL);
	struct weir_error error = {0};
	rd_kafka_conf_t *conf;

	set_brokers(&broker, settings);
	conf = or_exit(weir__kafka_conf_consumer(&broker, &config, &error), &error);
	weir__properties_fini(&broker.properties);
	/* weir finds its start itself; the loop leaves it to librdkafka */
	set(conf, "auto.offset.reset", "earliest");
	for (size_t i = 0; settings->extra[i]; i++)
		set_pair(conf, settings->extra[i]);
	return conf;
}
