/*
 * Creates topics on a cluster, for the shell tests: topics BROKERS PARTITIONS NAME...
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>

#include <broker/kafka.h>

#define TIMEOUT_MS 30000

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
		code = weir__broker_topic_create(broker, argv[i], atoi(argv[2]), -1, NULL,
						 TIMEOUT_MS, &error);
	if (!broker || code != 0)
		fprintf(stderr, "topics: %s\n", error.message);
	weir__broker_close(broker);
	weir__properties_fini(&properties);
	return !broker || code != 0;
}
