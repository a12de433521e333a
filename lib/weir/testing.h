/*
 * Testing a processor, or a whole pipeline, in one process and without Kafka.
 *
 *   struct weir_test *test = weir_test_new();
 *   weir_test_add_processor(test, &upper);
 *   weir_test_load_step(test, "upper", "{\"field\": \"/name\"}");
 *   weir_test_feed_json(test, "in", "{\"key\": \"1\", \"value\": {\"name\": \"ann\"}}");
 *   if (!weir_test_expect(test, "out", "[{\"key\": \"1\", \"value\": {\"name\": \"ANN\"}}]"))
 *           fail(weir_test_message(test));
 *   weir_test_free(test);
 *
 * What runs is the real thing: the workers, the stores and the guarantee of the pipeline, on a
 * broker in memory that has Kafka's semantics (transactions, groups, fencing). Threads there
 * are none: the caller's does all the work, and time moves when the caller says so. So a test
 * ends the same way each time.
 *
 * Looking at what came out runs the pipeline first, so that nothing need be waited for. Only one
 * that crashed, was stopped or failed stays down until weir_test_settle(), weir_test_process() or
 * weir_test_advance(): then what it left behind is seen.
 *
 * For any test framework. Calls that return int give 0 or a WEIR_E*, those that return bool
 * say whether it is as expected; weir_test_message() has the words for either. A test
 * belongs to one thread; several of them may be there at a time.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTING_H
#define WEIR_TESTING_H

#include <weir/processor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One pipeline under test, with its broker, its clock and its files. */
struct weir_test;

/* Never NULL; free with weir_test_free(), which removes its files, too. */
WEIR_API struct weir_test *weir_test_new(void);
WEIR_API void weir_test_free(struct weir_test *test); /* NULL is fine */

/*
 * Why the last call failed, or what was not as expected: one line, or several where expected
 * and got stand below each other. "" after one that did not. Borrowed until the next call.
 */
WEIR_API const char *weir_test_message(const struct weir_test *test);

/* ---- what is tested ---- */

/*
 * Where log lines go, those of weir_log() too, up to which level; NULL: to stderr. Without
 * this call nothing is logged. `line` has neither time nor newline.
 */
WEIR_API void weir_test_set_log(struct weir_test *test, enum weir_log_level level,
                                void (*write)(void *opaque, enum weir_log_level level,
                                              const char *line),
                                void *opaque);

/*
 * Make a processor of the program known. The descriptor outlives the test. Others are found
 * where `weir run` finds them.
 */
WEIR_API int weir_test_add_processor(struct weir_test *test,
                                     const struct weir_processor *processor);

/* Load a plugin, or all those of a folder. */
WEIR_API int weir_test_add_plugins(struct weir_test *test, const char *path);

/*
 * Before loading: override one setting of the pipeline, as weir_app_set(). Its `kafka` section
 * is not used, nor is its `state_dir`.
 */
WEIR_API void weir_test_set(struct weir_test *test, const char *pointer, const char *value);

/* Before loading: how many partitions a topic has; topic NULL: each one. 1 by default. */
WEIR_API void weir_test_set_partitions(struct weir_test *test, const char *topic,
                                       int32_t partitions);

/*
 * Load a pipeline: a file, or its text; `name` stands for it in messages, and paths in it are
 * taken from `folder` (NULL: the current one).
 */
WEIR_API int weir_test_load(struct weir_test *test, const char *path);
WEIR_API int weir_test_load_text(struct weir_test *test, const char *text, const char *name,
                                 const char *folder);

/*
 * The same with a pipeline of one step: `with` has its options as JSON (NULL: none). It reads
 * the topic "in", writes "out", and rejects to "dead". Outputs that the processor declares go
 * to topics of their names; so do the tables that its options name.
 */
WEIR_API int weir_test_load_step(struct weir_test *test, const char *use, const char *with);

/* ---- records ---- */

/*
 * A record, to feed or as it was read. Zero it first: `= {.size = sizeof(record)}`.
 */
struct weir_test_record {
	uint32_t size;     /* sizeof(struct weir_test_record) */
	int32_t partition; /* when feeding -1: the one that the key chooses, as producers do */
	const char *topic;
	int64_t offset;       /* not used when feeding */
	int64_t timestamp_ms; /* when feeding 0: the test's time, -1: none */
	struct weir_bytes key, value; /* data NULL is null */
	const struct weir_header *headers;
	size_t header_count;
};

/* What stands for any of the pipeline's input topics but the first has to be named. */
#define WEIR_TEST_INPUT ((const char *)0)

/*
 * Put records into a topic: an input (WEIR_TEST_INPUT: the first one), or a table's, by the name
 * of either. They are copied, and processed by weir_test_settle().
 *
 * Text is NUL-terminated, NULL is null; the key chooses the partition. JSON is one record or a
 * list of them:
 *
 *   {"key": "7", "value": {"price": 1.5}, "headers": [["trace", "x1"]],
 *    "partition": 0, "timestamp": 1767225600000}
 *
 * All members may be missing. A string is the bytes in it, anything else is printed as compact
 * JSON; "key_base64" and "value_base64" hold bytes that are no text.
 */
WEIR_API int weir_test_feed(struct weir_test *test, const struct weir_test_record *record);
WEIR_API int weir_test_feed_text(struct weir_test *test, const char *topic, const char *key,
                                 const char *value);
WEIR_API int weir_test_feed_json(struct weir_test *test, const char *topic, const char *json);

/*
 * The next record of an output's topic: only what is committed, and each once. Of several
 * partitions the lower one first.
 *
 * Borrowed until weir_test_free(). NULL: there is no more; or an error, then the message is
 * not "".
 */
WEIR_API const struct weir_test_record *weir_test_read(struct weir_test *test,
                                                       const char *topic);

/* The topic of the pipeline's output number `index`, borrowed; NULL behind the last. */
WEIR_API const char *weir_test_output(const struct weir_test *test, size_t index);

/*
 * What a store has under a key, in any partition, as it was committed; `store` is STEP.STORE
 * ("dedup.ids"). The same of a table.
 *
 * *value is borrowed until the next call. Returns 0, WEIR_ENOTFOUND (there is nothing under
 * the key), or another WEIR_E*.
 */
WEIR_API int weir_test_store_get(struct weir_test *test, const char *store,
                                 struct weir_bytes key, struct weir_bytes *value);
WEIR_API int weir_test_table_get(struct weir_test *test, const char *table,
                                 struct weir_bytes key, struct weir_bytes *value);

/* ---- work and time ---- */

/*
 * Until nothing is left to do: all that was fed is processed and committed, as one batch when
 * it fits. The clock stands still, but while what was broken is mended (a commit that failed).
 *
 * Returns 0, or the error that stopped the app, with its words: WEIR_EPROCESSOR (a processor
 * said so, or a record was rejected without dead letters), WEIR_EFENCED, ... It is down then.
 */
WEIR_API int weir_test_settle(struct weir_test *test);

/*
 * Process so many records, and commit none of them (but where the pipeline's own limits on a
 * batch say so). For a crash in the middle.
 *
 * Returns 0, WEIR_ENOTFOUND when fewer were fed, or as weir_test_settle(). With a pipeline that
 * has no steps it may process more.
 */
WEIR_API int weir_test_process(struct weir_test *test, uint64_t records);

/*
 * Let time go on, with what comes due meanwhile, each at its moment: ticks, records that are to
 * be tried again. Runs the pipeline before and after. As weir_test_settle().
 */
WEIR_API int weir_test_advance(struct weir_test *test, int64_t by_ms);

/* The time, ms since 1970; it begins with 2026-01-01T00:00:00Z. */
WEIR_API int64_t weir_test_now_ms(const struct weir_test *test);

/* ---- trouble ---- */

/*
 * kill -9, now: what is not committed is gone, files are as they are. (`close` of processors
 * is called all the same, so that nothing leaks.) It is down then.
 */
WEIR_API void weir_test_crash(struct weir_test *test);

/* SIGTERM: it commits what is in hand, and ends. It is down then. */
WEIR_API int weir_test_stop(struct weir_test *test);

/* It crashes, and its disk is lost: stores come back from their changelogs alone. */
WEIR_API void weir_test_lose_disk(struct weir_test *test);

enum weir_test_failure {
	WEIR_TEST_ABORTED = 1, /* the broker refuses: the batch is aborted, and tried again */
	WEIR_TEST_FENCED = 2,  /* a twin of the same name took over: the app stops */
	WEIR_TEST_UNKNOWN_DONE = 3,    /* no answer comes; it happened */
	WEIR_TEST_UNKNOWN_NOT_DONE = 4 /* no answer comes; it did not happen */
};

/* The next commit fails; see weir_test_failures() whether one did. */
WEIR_API void weir_test_fail_commit(struct weir_test *test, enum weir_test_failure failure);

/* How many commits failed by weir_test_fail_commit() so far. */
WEIR_API uint64_t weir_test_failures(const struct weir_test *test);

/* ---- expectations ---- */

/*
 * Is this what came to a topic since it was last looked at: these records, in this order, and
 * no more? "[]": none. Runs the pipeline before; what was there then counts as read.
 *
 * `json` is a list of records as weir_test_feed_json() takes them. Members that are missing are
 * not compared, but one must be there. A string is compared byte by byte, anything else as JSON,
 * with the order of members of no matter. Headers are a list of all of them.
 *
 * Dead letters: WEIR_TEST_DEAD_LETTERS as the topic; records have two more members then,
 * "reason" and "step", and their headers are those of the record itself.
 */
WEIR_API bool weir_test_expect(struct weir_test *test, const char *topic, const char *json);
#define WEIR_TEST_DEAD_LETTERS ((const char *)0)

/* Is the next record of the topic this one? As weir_test_read(); NULL is null. */
WEIR_API bool weir_test_expect_text(struct weir_test *test, const char *topic, const char *key,
                                    const char *value);

/*
 * Is this all that a store has, as it was committed; or a table? In the order of keys; of
 * several partitions the lower one first.
 */
WEIR_API bool weir_test_expect_store(struct weir_test *test, const char *store,
                                     const char *json);
WEIR_API bool weir_test_expect_table(struct weir_test *test, const char *table,
                                     const char *json);

/*
 * Has each record that came to an output or to the dead letters been read? For the end of a
 * test, so that nothing comes unexpected.
 */
WEIR_API bool weir_test_expect_no_more(struct weir_test *test);

/*
 * What there was, for the last weir_test_expect() of any kind: JSON as that takes it. NULL:
 * there was no such call, or it failed for another reason. Borrowed until the next call.
 */
WEIR_API const char *weir_test_got(const struct weir_test *test);

#ifdef __cplusplus
}
#endif

#endif
