/*
 * Creates topics on a cluster, for the shell tests: topics BROKERS PARTITIONS NAME[:POLICY]...,
 * where POLICY is its cleanup.policy. They are known to who asks when it ends: the controller
 * has a topic before its brokers tell of it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <broker/kafka.h>

#define TIMEOUT_MS 30000
#define PAUSE_MS 50

static bool
is_known(struct weir_broker *broker, const char *topic, struct weir_error *error)
{
	struct weir_cluster_info info = {0};
	int code = weir__broker_describe(broker, &topic, 1, &info, TIMEOUT_MS, error);
	bool is_known = code == 0 && info.topics[0].error == 0;

	weir__cluster_info_fini(&info);
	return is_known;
}

static int
await(struct weir_broker *broker, const char *topic, struct weir_error *error)
{
	for (int waited_ms = 0; waited_ms < TIMEOUT_MS; waited_ms += PAUSE_MS) {
		if (is_known(broker, topic, error))
			return 0;
		poll(NULL, 0, PAUSE_MS);
	}
	return weir_error_set(error, WEIR_ETIMEOUT, "%s is still not known", topic);
}

static int
create(struct weir_broker *broker, char *name, int partitions, struct weir_error *error)
{
	struct weir_properties settings = {0};
	char *policy = strchr(name, ':');
	int code;

	if (policy) {
		*policy++ = '\0';
		weir__properties_set(&settings, "cleanup.policy", policy);
	}
	code = weir__broker_topic_create(broker, name, partitions, -1, &settings, TIMEOUT_MS,
					 error);
	weir__properties_fini(&settings);
	return code;
}

int
main(int argc, char **argv)
{
	const struct weir_logger logger = {.level = WEIR_LOG_ERROR};
	struct weir_properties properties = {0};
	struct weir_error error = {0};
	struct weir_broker *broker;
	int code = 0;
	int i;

	if (argc < 4)
		return 2;
	weir__properties_set(&properties, "bootstrap.servers", argv[1]);
	broker = weir__kafka_open(&properties, &logger, weir__clock_system(), &error);
	for (i = 3; broker && i < argc && code == 0; i++)
		code = create(broker, argv[i], atoi(argv[2]), &error);
	for (i = 3; broker && i < argc && code == 0; i++)
		code = await(broker, argv[i], &error);
	if (!broker || code != 0)
		fprintf(stderr, "topics: %s\n", error.message);
	weir__broker_close(broker);
	weir__properties_fini(&properties);
	return !broker || code != 0;
}
