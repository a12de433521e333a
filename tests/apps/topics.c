/*
 * Creates topics on a cluster, for the shell tests: topics BROKERS PARTITIONS NAME[:compact]...
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <broker/kafka.h>

#define TIMEOUT_MS 30000

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
	if (!broker || code != 0)
		fprintf(stderr, "topics: %s\n", error.message);
	weir__broker_close(broker);
	weir__properties_fini(&properties);
	return !broker || code != 0;
}
