/*
 * Helpers of the tests of produce and consume; see transfer.h.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/weir/topic.h"
#include "tests/apps/transfer.h"

static char folder[64];

int
transfer_run(Suite *suite)
{
	char command[128];
	int result;

	snprintf(folder, sizeof(folder), "/tmp/weir-transfer-XXXXXX");
	if (!mkdtemp(folder))
		return weir_test_skip("no temporary folder");
	result = weir_test_run(suite);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command) == 0 ? result : 1;
}

void
transfer_folder_enter(void)
{
	char name[24];

	snprintf(name, sizeof(name), "%d", (int)getpid());
	ck_assert_int_eq(chdir(folder), 0);
	ck_assert_int_eq(mkdir(name, 0700), 0);
	ck_assert_int_eq(chdir(name), 0);
}

void
transfer_embedded_open(struct transfer_embedded *embedded, int partitions)
{
	transfer_folder_enter();
	embedded->logger.level = WEIR_LOG_ERROR;
	embedded->memory = weir__memory_open(weir__clock_system(), &embedded->logger);
	embedded->broker = weir__memory_broker(embedded->memory);
	ck_assert_int_eq(weir__broker_topic_create(embedded->broker, "t", partitions, 1,
						   NULL, 1000, NULL),
			 0);
}

void
transfer_embedded_close(struct transfer_embedded *embedded)
{
	weir__broker_close(embedded->broker);
}

void
transfer_numbers(const char *path, int first, int last)
{
	FILE *file = fopen(path, "a");
	int i;

	ck_assert_ptr_nonnull(file);
	for (i = first; i <= last; i++)
		fprintf(file, "%d\n", i);
	ck_assert_int_eq(fclose(file), 0);
}

void
transfer_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	ck_assert_int_eq(fclose(file), 0);
}

char *
transfer_read(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;

	if (!file)
		return NULL;
	if (getdelim(&text, &size, '\0', file) < 0) {
		free(text);
		text = strdup("");
	}
	fclose(file);
	return text;
}

/* Mark the number in `text` as seen, once; it must be above *last. */
static const char *
see(char *seen, int count, const char *text, size_t size, int *last)
{
	static char wrong[96];
	char number[24] = "";
	int value;

	snprintf(number, sizeof(number), "%.*s", (int)(size < 20 ? size : 20), text);
	value = atoi(number);
	if (value <= *last) {
		snprintf(wrong, sizeof(wrong), "%d comes behind %d", value, *last);
		return wrong;
	}
	*last = value;
	if (value < 0 || value >= count || seen[value]++) {
		snprintf(wrong, sizeof(wrong), "\"%s\" is %s", number,
			 value < 0 || value >= count ? "not of the input"
						     : "there twice");
		return wrong;
	}
	return NULL;
}

static const char *
missing(const char *seen, int count)
{
	static char wrong[64];
	int i;

	for (i = 0; i < count; i++) {
		if (seen[i])
			continue;
		snprintf(wrong, sizeof(wrong), "%d is missing", i);
		return wrong;
	}
	return NULL;
}

/* All committed records; -1 when the end cannot be reached. `seen` NULL only counts. */
static int
read_topic(struct weir_broker *broker, const char *topic, char *seen, int count,
	   const char **wrong)
{
	struct weir_cluster_info info = {0};
	int32_t partition;
	int total = 0;

	ck_assert_int_eq(weir__broker_describe(broker, &topic, 1, &info, 5000, NULL), 0);
	for (partition = 0; partition < info.topics[0].partitions; partition++) {
		struct weir_offset start = {topic, partition, 0, NULL};
		struct weir_reader *reader;
		int64_t low;
		int64_t high;
		int idle = 0;
		int last = -1;

		ck_assert_int_eq(weir__topic_range(broker, topic, partition, &low, &high,
						   5000, NULL),
				 0);
		if (high == 0)
			continue;
		reader = weir__broker_reader_open(broker, &start, 1, true, NULL);
		ck_assert_ptr_nonnull(reader);
		while (idle < 50) {
			struct weir_offset place;
			struct weir_message message;
			struct weir_error error = {0};
			enum weir_event_type type =
				weir__reader_poll(reader, 100, &place, &message, &error);

			ck_assert_msg(type != WEIR_EVENT_FAILED && type != WEIR_EVENT_GAP,
				      "%s", error.message);
			if (type == WEIR_EVENT_END && place.offset >= high)
				break;
			if (type != WEIR_EVENT_RECORD) {
				idle++;
				continue;
			}
			total++;
			if (seen && !*wrong)
				*wrong = see(seen, count, message.value.data,
					     message.value.size, &last);
		}
		weir__reader_close(reader);
		if (idle == 50)
			total = -1;
		if (total < 0)
			break;
	}
	weir__cluster_info_fini(&info);
	return total;
}

const char *
transfer_check_numbers(struct weir_broker *broker, const char *topic, int count)
{
	const char *wrong = NULL;
	char *seen = calloc((size_t)count + 1, 1);
	int total = read_topic(broker, topic, seen, count, &wrong);

	if (!wrong)
		wrong = total < 0 ? "a transaction is open" : missing(seen, count);
	free(seen);
	return wrong;
}

int
transfer_count(struct weir_broker *broker, const char *topic)
{
	return read_topic(broker, topic, NULL, 0, NULL);
}

const char *
transfer_check_lines(const char *text, int count)
{
	const char *wrong = NULL;
	const char *behind = text + strlen(text);
	char *seen = calloc((size_t)count + 1, 1);

	/* memchr: a checked strchr would measure all that is left, for each line */
	while (!wrong && text < behind) {
		const char *end = memchr(text, '\n', (size_t)(behind - text));
		int last = -1; /* lines of several partitions mix */

		if (!end) {
			wrong = "the last line is not whole";
			break;
		}
		wrong = see(seen, count, text, (size_t)(end - text), &last);
		text = end + 1;
	}
	if (!wrong)
		wrong = missing(seen, count);
	free(seen);
	return wrong;
}
