/*
 * The keys of the pipeline file: one table a section.
 *
 * Any thread; all of it is constant.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <string.h>

#include <config/pipeline_file.h>

#define MINUTE_MS INT64_C(60000)
#define DAY_MS (24 * 60 * MINUTE_MS)
#define KIB INT64_C(1024)
#define GIB (KIB * KIB * KIB)

#define ROW(m, type, flags, help)                                                        \
	WEIR_OPT_ROW(SECTION, m, type, flags, NULL, 0, 0, NULL, help)

#define SECTION struct weir_file_root
static const struct weir_option root_rows[] = {
	WEIR_OPT_STRING_REQUIRED(
		SECTION, name,
		"name of the app: its consumer group, part of its other names"),
	WEIR_OPT_STRING(
		SECTION, instance, NULL,
		"name of this process, stable over restarts; default: the host's name"),
	WEIR_OPT_CHOICE(SECTION, guarantee, "exactly-once",
			"exactly-once|at-least-once|at-most-once",
			"what holds when a process or a broker dies at any moment"),
	ROW(kafka, WEIR_OPTION_OBJECT, 0, "the cluster: properties of librdkafka"),
	ROW(inputs, WEIR_OPTION_STRINGS, WEIR_OPTION_REQUIRED, "topics to read"),
	ROW(steps, WEIR_OPTION_ARRAY, 0,
	    "processors, in order; without any, records are copied to the output "
	    "\"default\""),
	ROW(tables, WEIR_OPTION_OBJECT, 0,
	    "names with their topics, which are kept here in whole to look things up in"),
	ROW(outputs, WEIR_OPTION_OBJECT, WEIR_OPTION_REQUIRED,
	    "names with their topics; what the last step emits goes to \"default\""),
	ROW(dead_letter, WEIR_OPTION_OBJECT, 0,
	    "where records go that cannot be processed"),
	ROW(errors, WEIR_OPTION_OBJECT, 0,
	    "what to do about records and offsets that fail"),
	ROW(commit, WEIR_OPTION_OBJECT, 0, "when a batch ends: whichever comes first"),
	WEIR_OPT_INT(SECTION, workers, "1", 1, 64,
		     "threads, each with a consumer and a producer of its own"),
	ROW(plugins, WEIR_OPTION_STRINGS, 0,
	    "plugin files, or folders of them; relative to the pipeline file"),
	WEIR_OPT_BOOL(SECTION, debug_plugins, "false",
		      "find processors that keep what they borrowed, leak, or emit where they may "
		      "not; slow"),
	WEIR_OPT_STRING(
		SECTION, state_dir, NULL,
		"folder of locks and stores; default: /var/lib/weir for root, else "
		"weir in $XDG_STATE_HOME or ~/.local/state"),
	WEIR_OPT_DURATION(
		SECTION, drain_timeout, NULL, 1, 60 * MINUTE_MS,
		"time to finish and commit when told to stop, below the session "
		"timeout; default: half of that"),
	{"$schema", WEIR_OPTION_STRING, 0, offsetof(SECTION, schema), NULL, 0, 0, NULL,
	 "for editors: a JSON Schema of this file, see `weir schema`; not looked at"},
	WEIR_OPT_END,
};
#undef SECTION

#define SECTION struct weir_file_kafka
static const struct weir_option kafka_rows[] = {
	{"auto.offset.reset", WEIR_OPTION_CHOICE, 0, offsetof(SECTION, auto_offset_reset),
	 "earliest", 0, 0, "earliest|latest|error",
	 "where a partition starts that never had a committed offset"},
	{"transaction.timeout.ms", WEIR_OPTION_INT, 0,
	 offsetof(SECTION, transaction_timeout_ms), "15000", 1000, INT32_MAX, NULL,
	 "milliseconds after which the cluster aborts the transaction of a dead worker"},
	{"session.timeout.ms", WEIR_OPTION_INT, 0, offsetof(SECTION, session_timeout_ms),
	 "10000", 1000, 3600000, NULL,
	 "milliseconds of silence after which the group gives a worker's partitions "
	 "away"},
	ROW(consumer, WEIR_OPTION_OBJECT, 0, "properties of the consumer alone"),
	ROW(producer, WEIR_OPTION_OBJECT, 0, "properties of the producer alone"),
	WEIR_OPT_END,
};
#undef SECTION

#define SECTION struct weir_file_step
static const struct weir_option step_rows[] = {
	WEIR_OPT_STRING(
		SECTION, name, NULL,
		"name of the step; default: what it uses, numbered when used twice"),
	WEIR_OPT_STRING_REQUIRED(SECTION, use, "name of the processor, see `weir list`"),
	ROW(with, WEIR_OPTION_OBJECT, 0, "the processor's options, see `weir describe`"),
	ROW(outputs, WEIR_OPTION_OBJECT, 0,
	    "the processor's named outputs, each with a name from the file's outputs"),
	WEIR_OPT_END,
};
#undef SECTION

#define SECTION struct weir_file_table
static const struct weir_option table_rows[] = {
	WEIR_OPT_STRING_REQUIRED(
		SECTION, topic,
		"topic of the table, compacted: the last value of each key counts"),
	WEIR_OPT_END,
};
#undef SECTION

#define SECTION struct weir_file_dead_letter
static const struct weir_option dead_letter_rows[] = {
	WEIR_OPT_STRING_REQUIRED(SECTION, topic, "topic of the dead letters"),
	WEIR_OPT_END,
};
#undef SECTION

#define SECTION struct weir_file_errors
static const struct weir_option errors_rows[] = {
	WEIR_OPT_CHOICE(
		SECTION, on_reject, NULL, "dead-letter|drop|stop",
		"a record cannot be processed; default: dead-letter where dead_letter is "
		"given, else stop"),
	WEIR_OPT_DURATION(SECTION, retry_backoff, "100ms", 1, DAY_MS,
			  "wait before a record is tried again, doubled each time"),
	WEIR_OPT_DURATION(SECTION, retry_backoff_max, "30s", 1, DAY_MS,
			  "longest wait before a record is tried again"),
	WEIR_OPT_INT(SECTION, retry_attempts, "0", 0, 1000000,
		     "tries after which a record is rejected; 0: no limit"),
	WEIR_OPT_CHOICE(
		SECTION, on_gap, "stop", "stop|continue",
		"committed offsets are gone from the topic: stop the app, or count and "
		"go on"),
	WEIR_OPT_END,
};
#undef SECTION

#define SECTION struct weir_file_commit
static const struct weir_option commit_rows[] = {
	WEIR_OPT_DURATION(SECTION, interval, "100ms", 1, 10 * MINUTE_MS,
			  "longest time a batch is open"),
	WEIR_OPT_INT(SECTION, records, "200000", 1, 10000000, "most records of a batch"),
	WEIR_OPT_SIZE(SECTION, bytes, "64MiB", KIB, GIB,
		      "bytes, read and emitted or passed from step to step, at which a batch "
		      "ends; the most that one record emits, and an eighth of what a "
		      "batch's end or a tick may"),
	WEIR_OPT_END,
};
#undef SECTION

#define TABLE(rows)                                                                      \
	{                                                                                \
		rows, sizeof(struct weir_option)                                         \
	}
static const struct weir_section sections[] = {
	{"", "the pipeline", TABLE(root_rows), sizeof(struct weir_file_root), NULL},
	{"/kafka", "the cluster", TABLE(kafka_rows), sizeof(struct weir_file_kafka),
	 "any other key is a property of librdkafka, for consumer and producer"},
	{"/steps/...", "one step", TABLE(step_rows), sizeof(struct weir_file_step), NULL},
	{"/tables/...", "one table", TABLE(table_rows), sizeof(struct weir_file_table), NULL},
	{"/dead_letter", "records that cannot be processed", TABLE(dead_letter_rows),
	 sizeof(struct weir_file_dead_letter), NULL},
	{"/errors", "when something fails", TABLE(errors_rows),
	 sizeof(struct weir_file_errors), NULL},
	{"/commit", "when a batch ends", TABLE(commit_rows),
	 sizeof(struct weir_file_commit), NULL},
	{NULL, NULL, {NULL, 0}, 0, NULL},
};

const struct weir_section *
weir__pipeline_sections(void)
{
	return sections;
}

const struct weir_section *
weir__pipeline_section(const char *path)
{
	const struct weir_section *section = sections;

	while (section->path && strcmp(section->path, path) != 0)
		section++;
	assert(section->path);
	return section;
}
