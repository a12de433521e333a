/*
 * The inside of a struct weir_test, shared by its files:
 *
 *   test.c          life, loading, topics
 *   test_run.c      work, time, trouble
 *   test_records.c  records in and out, stores, tables
 *   test_json.c     records as JSON, and back
 *   test_compare.c  a record against such JSON
 *   test_expect.c   expectations, and what is said when they are not met
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTING_TEST_PRIVATE_H
#define WEIR_TESTING_TEST_PRIVATE_H

#include <jansson.h>

#include <base/alloc.h>
#include <broker/memory.h>
#include <testing/driven.h>
#include <weir/testing.h>

/* A topic that is read: what came, and how much of it the test has seen. */
struct weir_test_topic {
	char *name;
	struct weir_reader *reader;
	struct weir_test_record **records;
	size_t count, capacity;
	size_t seen;
};

struct weir_test_partitions {
	char *topic; /* NULL: of all */
	int32_t count;
};

struct weir_test {
	struct weir_buffer message;
	char *got;

	struct weir_virtual_clock clock;
	struct weir_logger logger;
	struct weir_registry *registry;
	struct weir_override *overrides;
	size_t override_count;
	struct weir_test_partitions *partitions;
	size_t partition_count;
	char folder[80]; /* state_dir; "": could not be made */

	struct weir_pipeline *pipeline; /* NULL: not loaded */
	struct weir_chain *chain;
	struct weir_memory *memory;
	struct weir_driven driven;
	const char *down; /* why it does not run; NULL: it does, or will */
	uint64_t table_records; /* fed to tables since these were stepped */

	enum weir_test_failure failure; /* of the next commit; 0: none */
	uint64_t failures;

	struct weir_test_topic **topics;
	size_t topic_count;
	struct weir_arena arena;  /* of the records that were read */
	struct weir_arena passing; /* of the call at hand */
};

/* ---- test.c ---- */

/* A call begins: there is no message. */
void weir__test_begin(struct weir_test *test);
/* Set the message. Returns `code`. */
int weir__test_fail(struct weir_test *test, int code, const char *format, ...)
	WEIR_PRINTF(3, 4);
/* The same for calls that need a pipeline: 0, or WEIR_ESTATE. */
int weir__test_loaded(struct weir_test *test);
struct weir_broker *weir__test_broker(const struct weir_test *test);
int32_t weir__test_partitions_of(const struct weir_test *test, const char *topic);

/* ---- test_run.c ---- */

/*
 * What is to be looked at is what there is when nothing is left to do; but one that is down
 * stays so, since what it left behind is of interest. As weir_test_settle().
 */
int weir__test_look(struct weir_test *test);

/* ---- test_records.c ---- */

/* Take in what came to a topic; NULL with the message: there is no such topic to read. */
struct weir_test_topic *weir__test_pull(struct weir_test *test, const char *name);

/* Some records, in a list; the list is the caller's to free. */
struct weir_test_list {
	struct weir_test_record **records;
	size_t count;
};

/* What a compacted topic has: the last record of each key, but for those deleted. */
struct weir_test_list weir__test_fold(struct weir_test *test, const char *topic,
                                      bool of_all_partitions);

/* Entries of a store, or of a table; WEIR_ENOTFOUND with the message: there is none such. */
int weir__test_store(struct weir_test *test, const char *store, struct weir_test_list *list);
int weir__test_table(struct weir_test *test, const char *table, struct weir_test_list *list);

/* ---- test_json.c ---- */

enum weir_test_field {
	WEIR_TEST_KEY = 1,
	WEIR_TEST_VALUE = 2,
	WEIR_TEST_HEADERS = 4,
	WEIR_TEST_PARTITION = 8,
	WEIR_TEST_TIMESTAMP = 16,
	WEIR_TEST_REASON = 32,
	WEIR_TEST_STEP = 64,
	WEIR_TEST_TOPIC = 128,
	WEIR_TEST_DEAD = 256 /* none: it is a dead letter, and weir's headers are not shown */
};

/* A record as JSON describes it: some of its fields. */
struct weir_test_pattern {
	unsigned fields; /* enum weir_test_field, or'ed */
	struct weir_test_record record;
	json_t *key, *value; /* borrowed from the JSON; NULL: bytes, in the record */
	struct weir_bytes reason, step;
};

/*
 * Read a list of records, or one, of these fields. Bytes are in `arena`. *json owns what the
 * patterns borrow. Returns 0, or WEIR_EJSON or WEIR_EINVALID with "POINTER: reason".
 */
int weir__test_patterns_read(const char *text, unsigned fields, struct weir_arena *arena,
                             json_t **json, struct weir_test_pattern **patterns, size_t *count,
                             struct weir_error *error);

/* Add these fields of a record as JSON in one line. */
void weir__test_record_print(const struct weir_test_record *record, unsigned fields,
                             struct weir_buffer *out);
void weir__test_pattern_print(const struct weir_test_pattern *pattern, struct weir_buffer *out);

/* Add bytes as JSON: null, an object or list that they are, else a string. */
void weir__test_bytes_print(struct weir_bytes bytes, struct weir_buffer *out);

/* The last header of that name; null: none. */
struct weir_bytes weir__test_header(const struct weir_test_record *record, const char *name);
/* Was it added to a dead letter by weir? */
bool weir__test_header_is_ours(const char *name);

/* Bytes as a JSON value, new reference; NULL: they are none. */
json_t *weir__test_json_of(struct weir_bytes bytes);

/* ---- test_compare.c ---- */

/* Add the first difference; weir's headers of a dead letter are not compared. False: none. */
bool weir__test_differs(const struct weir_test_pattern *pattern,
                        const struct weir_test_record *got, bool is_dead,
                        struct weir_buffer *out);

#endif
