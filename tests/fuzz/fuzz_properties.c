/*
 * Files of properties (-F), and texts of the command line: what was read is written and
 * reads back the same; a fault is told with its line and without a value. Also where to
 * begin (-o), and the partition of a key.
 *
 * Input: the file, then -o's text.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include <broker/memory_private.h>
#include <config/properties.h>

#include "apps/weir/consume_run.h"
#include "tests/fuzz/fuzz.h"

static int
read_file(struct weir_bytes text, struct weir_properties *properties,
	  struct weir_error *error)
{
	static char path[40];
	static int fd = -1;

	if (fd < 0) {
		fd = fuzz_file("properties");
		fuzz_file_path(fd, path, sizeof(path));
	}
	fuzz_file_put(fd, text);
	return weir__properties_read(properties, path, error);
}

static void
check_reads_back(const struct weir_properties *properties)
{
	struct weir_properties back = {0};
	struct weir_error error = {0};
	struct weir_buffer text = {0};

	weir__buffer_add_text(&text, "");
	for (size_t i = 0; i < properties->count; i++)
		weir__buffer_printf(&text, "%s=%s\n", properties->items[i].name,
				    properties->items[i].value);
	FUZZ_CHECK(read_file((struct weir_bytes){text.data, text.size}, &back, &error) ==
			   0,
		   "%s", error.message);
	FUZZ_CHECK(back.count == properties->count, "%zu became %zu: %s",
		   properties->count, back.count, text.data);
	for (size_t i = 0; i < properties->count; i++)
		FUZZ_CHECK(strcmp(properties->items[i].name, back.items[i].name) == 0 &&
				   strcmp(properties->items[i].value,
					  back.items[i].value) == 0,
			   "%s=%s became %s=%s", properties->items[i].name,
			   properties->items[i].value, back.items[i].name,
			   back.items[i].value);
	weir__properties_fini(&back);
	weir__buffer_fini(&text);
}

/* What the rules say of them, under each guarantee. */
static void
check_rules(const struct weir_properties *properties)
{
	const struct weir_times times = {15000, 10000, 5000, 100};

	for (int guarantee = WEIR_EXACTLY_ONCE; guarantee <= WEIR_AT_MOST_ONCE;
	     guarantee++) {
		struct weir_property_fault fault = {0};
		struct weir_error error = {0};
		int code = weir__properties_check(properties, properties,
						  (enum weir_guarantee)guarantee, &error);

		if (code) {
			char *name =
				weir__strndup(error.message, strcspn(error.message, ":"));

			fuzz_check_error(code, &error);
			FUZZ_CHECK(!weir__property_secret(name), "%s", error.message);
			free(name);
		}
		if (weir__properties_find_time_fault(properties, properties,
						     (enum weir_guarantee)guarantee,
						     &times, &fault))
			FUZZ_CHECK(fault.name && *fault.text, "a fault without words");
	}
}

static void
check_from(const char *text)
{
	struct weir_from from = {0};

	if (weir__from_parse(text, &from) != 0)
		return;
	FUZZ_CHECK(from.kind <= WEIR_FROM_TIME, "%s", text);
	if (from.kind == WEIR_FROM_LAST || from.kind == WEIR_FROM_OFFSET)
		FUZZ_CHECK(from.value >= 0, "%s is %lld", text, (long long)from.value);
}

/* The embedded broker puts a key where librdkafka does. */
static void
check_partition(struct weir_bytes key)
{
	uint32_t hash = weir__memory_murmur2(key.data, key.size);
	int32_t partition = rd_kafka_msg_partitioner_murmur2(NULL, key.data, key.size,
							     INT32_MAX, NULL, NULL);

	FUZZ_CHECK(partition == (int32_t)((hash & 0x7fffffff) % INT32_MAX),
		   "%d for hash %u", partition, hash);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_bytes input = {data, size};
	struct weir_bytes text = fuzz_part(&input);
	char *from = fuzz_part_text(&input);
	struct weir_properties properties = {0};
	struct weir_error error = {0};
	int code = read_file(text, &properties, &error);

	if (code) {
		fuzz_check_error(code, &error);
		FUZZ_CHECK(strncmp(error.message, "/proc/", 6) == 0, "%s", error.message);
	}
	check_reads_back(&properties);
	check_rules(&properties);
	check_from(from);
	check_partition(text);
	weir__properties_fini(&properties);
	free(from);
	return 0;
}
