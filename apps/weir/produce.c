/*
 * `weir produce`: arguments to a production (produce_run.h), its result to an exit
 * status. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <base/units.h>
#include <config/json_pointer.h>

#include "command.h"
#include "options.h"
#include "produce_run.h"

enum key {
	KEY_GUARANTEE = WEIR_OWN,
	KEY_SOURCE,
	KEY_KEY,
	KEY_FORMAT,
	KEY_COMMIT_RECORDS
};

static const struct weir_flag flags[] = {
	{KEY_GUARANTEE, "guarantee", "GUARANTEE",
	 "at-most-once, at-least-once (default) or exactly-once, see above"},
	{KEY_SOURCE, "source", "NAME",
	 "exactly-once across runs: keep the position in FILE in Kafka, in the "
	 "transactions "
	 "that hold its records, under this name; implies --guarantee exactly-once"},
	{KEY_FORMAT, "format", "FORMAT",
	 "lines (default): a line is a value; json: a line is a record as weir consume "
	 "--format json prints it (its topic, partition and offset are not used; a null "
	 "timestamp becomes the time of sending, and 0, which librdkafka cannot send, 1)"},
	{KEY_KEY, "key", "POINTER",
	 "take the key from the value, which is JSON: what this JSON pointer names"},
	{'K', "key-separator", "TEXT",
	 "what stands before the first TEXT of a line is the key"},
	{'Z', "null", NULL, "an empty key or value is null (a tombstone), not empty"},
	{'H', "headers", "NAME=VALUE",
	 "add a header to each record, or one without value: NAME; may be repeated"},
	{KEY_COMMIT_RECORDS, "commit-records", "COUNT",
	 "with --source: at most so many records in a transaction (default 10000); one "
	 "also "
	 "ends after 1 second and after 64 MiB"},
	WEIR_FLAG_END};

static const char *const format_names[] = {"lines", "json", NULL};
static const char *const guarantee_names[] = {"exactly-once", "at-least-once",
					      "at-most-once", NULL};

struct arguments {
	struct weir_arguments common;
	struct weir_produce_config config;
	struct weir_header *headers;
	bool guarantee_given;
	bool commit_records_given;
};

static void
add_header(struct arguments *args, const char *value)
{
	struct weir_line_format *format = &args->config.format;
	const char *equals = strchr(value, '=');
	struct weir_header *header;

	if (equals == value || *value == '\0') {
		weir__arguments_bad(&args->common, "--headers %s: expected NAME=VALUE",
				    value);
		return;
	}
	args->headers = weir__realloc(args->headers, (format->header_count + 1) *
							     sizeof(*args->headers));
	header = &args->headers[format->header_count++];
	header->name = equals ? weir__strndup(value, (size_t)(equals - value))
			      : weir__strdup(value);
	header->value = (struct weir_bytes){NULL, 0};
	if (equals)
		header->value = (struct weir_bytes){equals + 1, strlen(equals + 1)};
	format->headers = args->headers;
}

static void
take(struct arguments *args, int key, const char *value)
{
	struct weir_produce_config *config = &args->config;
	int choice = 0;

	switch (key) {
	case KEY_GUARANTEE:
		weir__arguments_choice(&args->common, "--guarantee", value,
				       guarantee_names, &choice);
		config->guarantee = (enum weir_guarantee)choice;
		args->guarantee_given = true;
		break;
	case KEY_SOURCE:
		config->source = value;
		break;
	case KEY_FORMAT:
		weir__arguments_choice(&args->common, "--format", value, format_names,
				       &choice);
		if (choice == 1)
			config->format.kind = WEIR_FORMAT_JSON;
		break;
	case KEY_KEY:
		config->format.key_pointer = value;
		break;
	case 'K':
		config->format.separator = value;
		break;
	case 'Z':
		config->format.null = true;
		break;
	case 'H':
		add_header(args, value);
		break;
	case KEY_COMMIT_RECORDS:
		args->commit_records_given = true;
		weir__arguments_number(&args->common, "--commit-records", value, 1,
				       1000000000, &config->commit_records);
		break;
	}
}

/* What does not go together. */
static int
check_format(struct arguments *args)
{
	const struct weir_line_format *format = &args->config.format;
	bool json = format->kind == WEIR_FORMAT_JSON;

	if (format->separator && *format->separator == '\0')
		return weir__arguments_bad(&args->common, "-K: the separator is empty");
	if (format->separator && format->key_pointer)
		return weir__arguments_bad(&args->common,
					   "-K and --key both name the key");
	if (json && (format->separator || format->key_pointer || format->null))
		return weir__arguments_bad(
			&args->common,
			"%s does not go with --format json, where each record "
			"has its key and its nulls",
			format->separator     ? "-K"
			: format->key_pointer ? "--key"
					      : "-Z");
	if (format->key_pointer && !weir__json_pointer_valid(format->key_pointer))
		return weir__arguments_bad(
			&args->common, "--key %s: not a JSON pointer, such as /order/id",
			format->key_pointer);
	return 0;
}

static int
check_source(struct arguments *args)
{
	struct weir_produce_config *config = &args->config;

	if (!config->source)
		return args->commit_records_given
			       ? weir__arguments_bad(
					 &args->common,
					 "--commit-records needs --source: without it "
					 "the input is one transaction at most")
			       : 0;
	if (!weir__name_valid(config->source))
		return weir__arguments_bad(
			&args->common,
			"--source %s: a name is 1 to 63 letters, digits, - or _, "
			"and begins with a letter or digit",
			config->source);
	if (args->guarantee_given && config->guarantee != WEIR_EXACTLY_ONCE)
		return weir__arguments_bad(&args->common,
					   "--source is exactly-once, not %s",
					   weir__guarantee_name(config->guarantee));
	config->guarantee = WEIR_EXACTLY_ONCE;
	if (!config->path)
		return weir__arguments_bad(
			&args->common,
			"--source needs a FILE: standard input cannot be read "
			"again from a position");
	return 0;
}

static int
check_operands(struct arguments *args)
{
	static const char *const names[] = {"TOPIC", "FILE"};
	struct weir_produce_config *config = &args->config;

	if (weir__arguments_operands(&args->common, 1, 2, names) != 0)
		return -1;
	config->topic = args->common.operands[0];
	if (!weir__topic_valid(config->topic))
		return weir__arguments_bad(&args->common, "%s: not a topic's name",
					   config->topic);
	if (args->common.operand_count > 1 && strcmp(args->common.operands[1], "-") != 0)
		config->path = args->common.operands[1];
	return 0;
}

/* Properties that would break the guarantee; and a message fails when --timeout is over.
 */
static int
check_properties(struct arguments *args)
{
	struct weir_properties *properties = &args->common.properties;
	struct weir_error error = {0};
	char text[24];

	if (weir__properties_check(NULL, properties, args->config.guarantee, &error) != 0)
		return weir__arguments_bad(&args->common, "%s", error.message);
	if (args->config.guarantee == WEIR_EXACTLY_ONCE ||
	    weir__properties_get(properties, "delivery.timeout.ms"))
		return 0;
	snprintf(text, sizeof(text), "%" PRId64, args->common.timeout_ms);
	weir__properties_default(properties, "message.timeout.ms", text);
	return 0;
}

static int
produce(struct arguments *args)
{
	struct weir_produce_config *config = &args->config;
	struct weir_produce_result result;
	struct weir_error error = {0};
	struct weir_broker *broker = weir__arguments_connect(&args->common);
	int code;

	if (!broker)
		return args->common.status;
	config->timeout_ms = args->common.timeout_ms;
	config->producer = &args->common.properties;
	config->logger = &args->common.logger;
	config->clock = weir__clock_system();
	config->quiet = args->common.quiet;
	code = weir__produce(broker, config, &result, &error);
	weir__broker_close(broker);
	if (code != 0)
		return weir__command_fail(args->common.command, WEIR_EXIT_FAILED, "%s",
					  error.code ? error.message
						     : weir_strerror(code));
	weir__log(config->logger, WEIR_LOG_INFO,
		  "produced topic=%s records=%" PRIu64 " guarantee=%s", config->topic,
		  result.records, weir__guarantee_name(config->guarantee));
	return WEIR_EXIT_OK;
}

static int
run(const struct weir_command *command, int argc, char **argv)
{
	struct arguments args = {0};
	const char *value;
	size_t i;
	int key;

	args.config = (struct weir_produce_config){.guarantee = WEIR_AT_LEAST_ONCE,
						   .commit_records = 10000,
						   .commit_interval_ms = 1000,
						   .commit_bytes = 64 << 20};
	weir__arguments_init(&args.common, command, argc, argv);
	while ((key = weir__arguments_next(&args.common, &value)) > 0)
		take(&args, key, value);
	if (args.config.format.separator && args.config.format.kind == WEIR_FORMAT_VALUE)
		args.config.format.kind = WEIR_FORMAT_KEY_VALUE;
	if (!args.common.done && check_operands(&args) == 0 && check_format(&args) == 0 &&
	    check_source(&args) == 0 && check_properties(&args) == 0)
		args.common.status = produce(&args);
	for (i = 0; i < args.config.format.header_count; i++)
		free((char *)args.headers[i].name);
	free(args.headers);
	return weir__arguments_fini(&args.common);
}

const struct weir_command weir__command_produce = {
	.name = "produce",
	.summary = "put lines into a topic",
	.usage = "TOPIC [FILE] [OPTION]...",
	.text = "Puts each line of FILE, or of standard input (also -), into TOPIC as a "
		"record. "
		"Records with a key go to the partition where Java producers put that "
		"key. The "
		"topic must be there.\n\n"
		"at-least-once waits until every record is on the in-sync replicas; a "
		"record "
		"whose answer got lost may be there although it counts as failed. "
		"at-most-once "
		"sends each record once and waits for its partition's leader only. Both "
		"count "
		"what was not delivered, and exit with 1 if there is any. exactly-once "
		"without "
		"--source puts all of the input into one transaction, so that all of it "
		"becomes "
		"visible or nothing; it may take no longer than the broker lets a "
		"transaction "
		"last (15 minutes by default).\n\n"
		"With --source, FILE is put into TOPIC in many transactions, and each "
		"commits the "
		"position in FILE with its records, as the offset of the consumer group "
		"NAME on "
		"partition 0 of TOPIC. A run that ends anywhere, also by kill -9, goes "
		"on from "
		"there when the same command is given again: each line is in TOPIC once. "
		"So FILE "
		"may grow between runs, but its beginning must stay as it is. A last "
		"line without "
		"newline counts as it stands when the end is reached. "
		"FILE.NAME.TOPIC.weir beside "
		"the input keeps the position too, because Kafka forgets it after 7 days "
		"without "
		"a run: then weir refuses to start anew. Of two runs at the same time "
		"with the "
		"same NAME one ends the other.",
	.flags = flags,
	.connects = true,
	.level = WEIR_LOG_WARNING,
	.example = "weir produce -b localhost:9092 orders orders.jsonl --key /id\n"
		   "weir produce -b localhost:9092 orders orders.jsonl --source "
		   "orders-2024\n"
		   "weir consume -b a:9092 -e --format json t | weir produce -b b:9092 t "
		   "--format json",
	.run = run,
};
