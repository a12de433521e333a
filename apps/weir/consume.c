/*
 * `weir consume`: arguments to a consumption (consume_run.h), its result to an exit
 * status. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <base/units.h>

#include "command.h"
#include "consume_run.h"
#include "options.h"

enum key {
	KEY_GUARANTEE = WEIR_OWN,
	KEY_TO,
	KEY_FORMAT,
	KEY_ISOLATION,
	KEY_ON_GAP,
	KEY_COMMIT_RECORDS
};

static const struct weir_flag flags[] = {
	{'G', "group", "NAME", "read as a member of this consumer group, and commit"},
	{KEY_GUARANTEE, "guarantee", "GUARANTEE",
	 "with -G: at-least-once (default) or at-most-once; exactly-once is --to"},
	{KEY_TO, "to", "FILE",
	 "write to FILE instead of standard output, each committed record once, across "
	 "runs"},
	{'o', "from", "PLACE",
	 "begin at: beginning (default), end, an offset, -N (the last N offsets of each "
	 "partition), or a time: @MILLISECONDS or ISO 8601 such as 2024-05-01T12:00Z. It "
	 "counts where the group, or FILE.weir, has no position yet, and is kept there at "
	 "once: a run that ends before its first record does not move the start"},
	{'c', "count", "N", "stop after N records"},
	{'e', "until-end", NULL,
	 "stop at the end that each partition has at start; a transaction that is open "
	 "before it is waited for"},
	{KEY_FORMAT, "format", "FORMAT",
	 "value (default), key-value or json: everything, on one line each"},
	{'K', "key-separator", "TEXT",
	 "between key and value (default a tab); implies --format key-value"},
	{'Z', "null", NULL, "print a null key or value as NULL (otherwise as nothing)"},
	{KEY_ISOLATION, "isolation", "LEVEL",
	 "read_committed (default), or read_uncommitted: also records of transactions "
	 "that are "
	 "open or were aborted"},
	{KEY_ON_GAP, "on-gap", "ACTION",
	 "when records were deleted before they were read: stop (default), or continue "
	 "behind "
	 "them, with a warning that counts them"},
	{KEY_COMMIT_RECORDS, "commit-records", "COUNT",
	 "commit, or keep the position of --to, after so many records (default 100000), "
	 "and "
	 "after 1 second"},
	WEIR_FLAG_END};

static const char *const format_names[] = {"value", "key-value", "json", NULL};
static const char *const isolation_names[] = {"read_committed", "read_uncommitted", NULL};
static const char *const gap_names[] = {"stop", "continue", NULL};
static const char *const guarantee_names[] = {"exactly-once", "at-least-once",
					      "at-most-once", NULL};

struct arguments {
	struct weir_arguments common;
	struct weir_consume_config config;
	bool guarantee_given;
	bool format_given;
	bool commit_records_given;
};

static void
take_from(struct arguments *args, const char *value)
{
	if (weir__from_parse(value, &args->config.from) != 0)
		weir__arguments_bad(
			&args->common,
			"--from %s: expected beginning, end, an offset, -N, "
			"@MILLISECONDS or a time such as 2024-05-01T12:00:00Z",
			value);
}

static void
take_choice(struct arguments *args, int key, const char *value)
{
	struct weir_consume_config *config = &args->config;
	int choice = 0;

	switch (key) {
	case KEY_GUARANTEE:
		weir__arguments_choice(&args->common, "--guarantee", value,
				       guarantee_names, &choice);
		config->guarantee = (enum weir_guarantee)choice;
		args->guarantee_given = true;
		break;
	case KEY_FORMAT:
		weir__arguments_choice(&args->common, "--format", value, format_names,
				       &choice);
		config->format.kind = (enum weir_format_kind)choice;
		args->format_given = true;
		break;
	case KEY_ISOLATION:
		weir__arguments_choice(&args->common, "--isolation", value,
				       isolation_names, &choice);
		config->read_committed = choice == 0;
		break;
	case KEY_ON_GAP:
		weir__arguments_choice(&args->common, "--on-gap", value, gap_names,
				       &choice);
		config->continue_at_gap = choice == 1;
		break;
	}
}

static void
take(struct arguments *args, int key, const char *value)
{
	struct weir_consume_config *config = &args->config;

	switch (key) {
	case 'G':
		config->group = value;
		break;
	case KEY_TO:
		config->to = value;
		break;
	case 'o':
		take_from(args, value);
		break;
	case 'c':
		weir__arguments_number(&args->common, "--count", value, 1, INT64_MAX,
				       &config->count);
		break;
	case 'e':
		config->until_end = true;
		break;
	case 'K':
		config->format.separator = value;
		break;
	case 'Z':
		config->format.null = true;
		break;
	case KEY_COMMIT_RECORDS:
		args->commit_records_given = true;
		weir__arguments_number(&args->common, "--commit-records", value, 1,
				       1000000000, &config->commit_records);
		break;
	default:
		take_choice(args, key, value);
	}
}

static int
check_guarantee(struct arguments *args)
{
	struct weir_consume_config *config = &args->config;
	struct weir_arguments *common = &args->common;

	if (config->to && config->group)
		return weir__arguments_bad(
			common, "--to reads without a group: FILE.weir keeps the "
				"positions, -G does not go with it");
	if (args->guarantee_given && config->guarantee == WEIR_EXACTLY_ONCE &&
	    !config->to)
		return weir__arguments_bad(
			common, "exactly-once needs --to FILE: standard output "
				"cannot be taken back");
	if (args->guarantee_given && config->guarantee != WEIR_EXACTLY_ONCE && config->to)
		return weir__arguments_bad(common, "--to is exactly-once, not %s",
					   weir__guarantee_name(config->guarantee));
	if (args->guarantee_given && !config->to && !config->group)
		return weir__arguments_bad(common,
					   "--guarantee needs -G GROUP: without a group "
					   "nothing is committed");
	if (args->commit_records_given && !config->to && !config->group)
		return weir__arguments_bad(
			common, "--commit-records needs -G or --to: else there "
				"is nothing to commit");
	if (config->to && !config->read_committed)
		return weir__arguments_bad(common,
					   "--to is exactly-once: it reads committed "
					   "records only");
	if (!args->guarantee_given)
		config->guarantee = config->to ? WEIR_EXACTLY_ONCE : WEIR_AT_LEAST_ONCE;
	return 0;
}

static int
check_format(struct arguments *args)
{
	struct weir_line_format *format = &args->config.format;

	if (format->separator && !args->format_given)
		format->kind = WEIR_FORMAT_KEY_VALUE;
	if (format->separator && format->kind != WEIR_FORMAT_KEY_VALUE)
		return weir__arguments_bad(&args->common,
					   "-K goes with --format key-value only");
	if (format->null && format->kind == WEIR_FORMAT_JSON)
		return weir__arguments_bad(&args->common,
					   "-Z does not go with --format json, where "
					   "null is null");
	if (!format->separator)
		format->separator = "\t";
	return 0;
}

static int
check_operands(struct arguments *args)
{
	static const char *const names[] = {"TOPIC"};
	struct weir_consume_config *config = &args->config;

	if (weir__arguments_operands(&args->common, 1, 1, names) != 0)
		return -1;
	config->topic = args->common.operands[0];
	if (!weir__topic_valid(config->topic))
		return weir__arguments_bad(&args->common, "%s: not a topic's name",
					   config->topic);
	if (config->group && *config->group == '\0')
		return weir__arguments_bad(&args->common,
					   "-G: the group's name is empty");
	return 0;
}

static int
check_properties(struct arguments *args)
{
	struct weir_properties *properties = &args->common.properties;
	const char *isolation = weir__properties_get(properties, "isolation.level");
	const char *refresh =
		weir__properties_get(properties, "topic.metadata.refresh.interval.ms");
	struct weir_error error = {0};

	if (isolation && strcmp(isolation, "read_uncommitted") == 0)
		args->config.read_committed = false;
	if (refresh && atoll(refresh) > 0)
		args->config.look_interval_ms = atoll(refresh);
	if (!args->config.read_committed)
		weir__properties_set(properties, "isolation.level", "read_uncommitted");
	if (weir__properties_check(properties, NULL, args->config.guarantee, &error) != 0)
		return weir__arguments_bad(&args->common, "%s", error.message);
	return 0;
}

static int
consume(struct arguments *args)
{
	struct weir_consume_config *config = &args->config;
	struct weir_consume_result result;
	struct weir_error error = {0};
	struct weir_broker *broker = weir__arguments_connect(&args->common);
	int code;

	if (!broker)
		return args->common.status;
	config->timeout_ms = args->common.timeout_ms;
	config->consumer = &args->common.properties;
	config->logger = &args->common.logger;
	config->clock = weir__clock_system();
	config->quiet = args->common.quiet;
	code = weir__consume(broker, config, &result, &error);
	weir__broker_close(broker);
	if (code != 0)
		return weir__command_fail(args->common.command, WEIR_EXIT_FAILED, "%s",
					  error.code ? error.message
						     : weir_strerror(code));
	weir__log(config->logger, WEIR_LOG_INFO,
		  "consumed topic=%s records=%" PRIu64 " gone=%" PRIu64, config->topic,
		  result.records, result.gone);
	return WEIR_EXIT_OK;
}

static int
run(const struct weir_command *command, int argc, char **argv)
{
	struct arguments args = {0};
	const char *value;
	int key;

	args.config = (struct weir_consume_config){.fd = STDOUT_FILENO,
						   .read_committed = true,
						   .commit_records = 100000,
						   .commit_interval_ms = 1000,
						   .look_interval_ms = 30000,
						   .commit_bytes = 64 << 20};
	weir__arguments_init(&args.common, command, argc, argv);
	while ((key = weir__arguments_next(&args.common, &value)) > 0)
		take(&args, key, value);
	if (!args.common.done && check_operands(&args) == 0 &&
	    check_guarantee(&args) == 0 && check_format(&args) == 0 &&
	    check_properties(&args) == 0)
		args.common.status = consume(&args);
	return weir__arguments_fini(&args.common);
}

const struct weir_command weir__command_consume = {
	.name = "consume",
	.summary = "print a topic's records as lines",
	.usage = "TOPIC [OPTION]...",
	.text = "Prints the records of TOPIC, one a line, until it is interrupted, or as "
		"far as "
		"-c and -e say. Order is kept within each partition. Only committed "
		"records are "
		"printed, unless --isolation says otherwise. A value may hold newlines: "
		"what is to "
		"be read back byte for byte takes --format json.\n\n"
		"Without -G nothing is committed, and the next run begins where --from "
		"says. With "
		"-G at-least-once prints records, then commits them: after a crash some "
		"are "
		"printed again. at-most-once commits them, then prints them: after a "
		"crash some "
		"were never printed.\n\n"
		"With --to each committed record is in FILE once, however often weir is "
		"killed and "
		"started again. FILE.weir says how much of FILE counts and where to read "
		"on; at "
		"start FILE is cut to that length. Keep the two together, and start FILE "
		"over by "
		"removing both.",
	.flags = flags,
	.connects = true,
	.level = WEIR_LOG_WARNING,
	.example =
		"weir consume -b localhost:9092 orders -e --format json\n"
		"weir consume -b localhost:9092 orders -G printer | lpr\n"
		"weir consume -b localhost:9092 orders --to orders.jsonl --format json",
	.run = run,
};
