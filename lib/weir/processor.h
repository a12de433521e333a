/*
 * Writing a processor: a descriptor, its options, and the calls its callbacks make.
 *
 * A processor is data: one const descriptor names its options, its outputs and its
 * callbacks, so that tools list, check and document it without running it. It is
 * linked into a program, or built as a plugin (`WEIR_PLUGIN`), which does not link
 * libweir: the `weir_*` names resolve from the process that loads it.
 *
 * A processor opens once per task (one partition of one input topic) and its
 * callbacks run on the one thread of the task's worker, never two at a time.
 *
 * ABI log
 *   1   first version; then added: stores (the descriptor's `stores`, weir_store_*),
 *       `doubt`, tables (WEIR_OPTION_TABLE, weir_table_*), and JSON as it is written
 *       (weir_json_check, weir_json_find, weir_json_set, WEIR_JSON_ANY_NUMBER), the
 *       descriptor's `text` and `example`, weir_table_get_checked, weir_table_expect
 * Appending a member to a struct that carries its size, or a function, keeps the ABI
 * number; changing or removing anything raises it. docs/plugins.md says more, also of
 * finding out what a processor does wrong ("debug_plugins": true in the pipeline file).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_PROCESSOR_H
#define WEIR_PROCESSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_PROCESSOR_ABI 1

/* ---- plain values ---- */

/* Bytes that belong to somebody else. data NULL means null, which is not empty. */
struct weir_bytes {
	const void *data;
	size_t size;
};

/* A record header. Names may repeat; the value may be null. */
struct weir_header {
	const char *name;
	struct weir_bytes value;
};

/* A record on its way through the chain: read it by the calls below. */
struct weir_record;

/* What a callback may use: its options, emits, clock, log. Valid from open to close. */
struct weir_context;

/* ---- verdicts ---- */

/*
 * What a callback wants done.
 *
 * WEIR_DONE    the record is processed; what it emitted may be sent.
 * WEIR_REJECT  the record cannot be processed, now or ever: nothing it emitted, in any
 *              step, is sent; it becomes a dead letter with the reason of weir_reject().
 * WEIR_RETRY   try again later (a service is down): nothing remains of this attempt; its
 *              partition waits and keeps its order, the others go on.
 * WEIR_STOP    stop the app with an error (weir_stop()): going on would do harm.
 *
 * Memory that a step changed for a record which this or a later step rejects or retries
 * is the processor's own matter: change it last, or keep what must be right in a store.
 */
enum weir_verdict {
	WEIR_DONE = 0,
	WEIR_REJECT = 1,
	WEIR_RETRY = 2,
	WEIR_STOP = 3
};

/* ---- options ---- */

enum weir_option_type {
	WEIR_OPTION_STRING = 1, /* const char *         NULL when absent without default */
	WEIR_OPTION_BOOL = 2,   /* bool */
	WEIR_OPTION_INT = 3,    /* int64_t              within min and max */
	WEIR_OPTION_DURATION = 4, /* int64_t, in ms     "100ms", "24h"; within min and max */
	WEIR_OPTION_SIZE = 5,   /* int64_t, in bytes    "64MiB"; within min and max */
	WEIR_OPTION_CHOICE = 6, /* int                  index into `choices` */
	WEIR_OPTION_STRINGS = 7, /* struct weir_strings one string or an array of them */
	WEIR_OPTION_POINTER = 8, /* const char *         a JSON pointer (RFC 6901), checked */
	WEIR_OPTION_TABLE = 9   /* const char *         one of the pipeline's tables, checked */
};

/* The value of a WEIR_OPTION_STRINGS. */
struct weir_strings {
	const char *const *items;
	size_t count;
};

enum weir_option_flag {
	WEIR_OPTION_REQUIRED = 1, /* absent is an error */
	WEIR_OPTION_SECRET = 2    /* never printed or logged */
};

/*
 * One option: a row of a table that ends with WEIR_OPT_END.
 *
 * `standard` is the default as a person would write it in the pipeline file, NULL for
 * none (zero, false, NULL). The rows parse, check, print help and document.
 */
struct weir_option {
	const char *name;
	int32_t type;   /* enum weir_option_type */
	uint32_t flags; /* enum weir_option_flag, or'ed */
	size_t offset;  /* of the member in the options struct */
	const char *standard;
	int64_t min, max; /* INT, DURATION, SIZE: inclusive; both 0 means any from 0 up */
	const char *choices; /* CHOICE: "keep|drop|reject" */
	const char *help;    /* one line, no full stop */
};

#define WEIR_OPT_ROW(s, m, type, flags, standard, min, max, choices, help) \
	{ #m, type, flags, offsetof(s, m), standard, min, max, choices, help }
#define WEIR_OPT_STRING(s, m, standard, help) \
	WEIR_OPT_ROW(s, m, WEIR_OPTION_STRING, 0, standard, 0, 0, NULL, help)
#define WEIR_OPT_STRING_REQUIRED(s, m, help) \
	WEIR_OPT_ROW(s, m, WEIR_OPTION_STRING, WEIR_OPTION_REQUIRED, NULL, 0, 0, NULL, help)
#define WEIR_OPT_SECRET(s, m, help) \
	WEIR_OPT_ROW(s, m, WEIR_OPTION_STRING, WEIR_OPTION_SECRET, NULL, 0, 0, NULL, help)
#define WEIR_OPT_BOOL(s, m, standard, help) \
	WEIR_OPT_ROW(s, m, WEIR_OPTION_BOOL, 0, standard, 0, 0, NULL, help)
#define WEIR_OPT_INT(s, m, standard, min, max, help) \
	WEIR_OPT_ROW(s, m, WEIR_OPTION_INT, 0, standard, min, max, NULL, help)
#define WEIR_OPT_DURATION(s, m, standard, min_ms, max_ms, help) \
	WEIR_OPT_ROW(s, m, WEIR_OPTION_DURATION, 0, standard, min_ms, max_ms, NULL, help)
#define WEIR_OPT_SIZE(s, m, standard, min, max, help) \
	WEIR_OPT_ROW(s, m, WEIR_OPTION_SIZE, 0, standard, min, max, NULL, help)
#define WEIR_OPT_CHOICE(s, m, standard, choices, help) \
	WEIR_OPT_ROW(s, m, WEIR_OPTION_CHOICE, 0, standard, 0, 0, choices, help)
#define WEIR_OPT_STRINGS(s, m, help) \
	WEIR_OPT_ROW(s, m, WEIR_OPTION_STRINGS, 0, NULL, 0, 0, NULL, help)
#define WEIR_OPT_POINTER(s, m, standard, help) \
	WEIR_OPT_ROW(s, m, WEIR_OPTION_POINTER, 0, standard, 0, 0, NULL, help)
#define WEIR_OPT_POINTER_REQUIRED(s, m, help) \
	WEIR_OPT_ROW(s, m, WEIR_OPTION_POINTER, WEIR_OPTION_REQUIRED, NULL, 0, 0, NULL, help)
#define WEIR_OPT_TABLE_REQUIRED(s, m, help) \
	WEIR_OPT_ROW(s, m, WEIR_OPTION_TABLE, WEIR_OPTION_REQUIRED, NULL, 0, 0, NULL, help)
#define WEIR_OPT_END { NULL, 0, 0, 0, NULL, 0, 0, NULL, NULL }

/* ---- the descriptor ---- */

/* A named output: a row of a table that ends with WEIR_OUTPUT_END. */
struct weir_output {
	const char *name; /* which name of the pipeline's `outputs` it goes to, if not mapped */
	const char *help;
};
#define WEIR_OUTPUT_END { NULL, NULL }

/*
 * A store: keyed state of a task; a row of a table that ends with WEIR_STORE_END. It is as
 * old as the committed offsets of its partition, and comes back after a crash or a move.
 */
struct weir_store_row {
	const char *name; /* [A-Za-z0-9][A-Za-z0-9_-]{0,62}; part of its changelog's name */
	const char *ttl;  /* the DURATION option that says how long entries live (0: for ever);
	                     NULL: for ever */
	const char *help;
};
#define WEIR_STORE_END { NULL, NULL, NULL }

/* The members of a descriptor that name a table of stores. */
#define WEIR_STORES(table) \
	.store_row_size = (uint32_t)sizeof(struct weir_store_row), .stores = (table)

enum weir_processor_flag {
	/* it may emit to any name of the pipeline's `outputs`, found by weir_output_find() */
	WEIR_ANY_OUTPUT = 1
};

/*
 * Check options beyond what their rows say (compile a program, compare two of them).
 * Runs once when the pipeline is loaded, and in `weir check`. Returns 0 or a WEIR_E*.
 */
typedef int (*weir_check_fn)(const void *options, struct weir_error *error);

/*
 * A task starts (or starts anew, after an abort): `memory` is memory_size zeroed bytes.
 * Returns 0 or a WEIR_E*, which stops the app; then close is not called.
 */
typedef int (*weir_open_fn)(struct weir_context *ctx, void *memory, struct weir_error *error);

/* The task ends, or its memory is dropped after an abort. No emits here. */
typedef void (*weir_close_fn)(struct weir_context *ctx, void *memory);

/* One record. Everything reached from `record` is borrowed until the callback returns. */
typedef enum weir_verdict (*weir_record_fn)(struct weir_context *ctx, void *memory,
                                            const struct weir_record *record);

/*
 * The batch is about to be committed; what is emitted here belongs to it. Called for the
 * tasks the batch touched. Only WEIR_DONE and WEIR_STOP are meant here: with no record of
 * the input at hand there is none to set aside or to offer again, so WEIR_REJECT and
 * WEIR_RETRY stop the app as well, also when a later step says so of a record emitted here.
 */
typedef enum weir_verdict (*weir_batch_end_fn)(struct weir_context *ctx, void *memory);

/*
 * The interval asked for by weir_tick_every() has passed (later rather than sooner, and
 * once however many have passed). Only WEIR_DONE and WEIR_STOP are meant here, as in
 * batch_end.
 */
typedef enum weir_verdict (*weir_tick_fn)(struct weir_context *ctx, void *memory,
                                          int64_t now_ms);

/*
 * The batch was aborted: bring memory back to what it was at the last batch_end that was
 * committed. Without this callback the processor is closed and opened anew with zeroed
 * memory instead. Returns 0; anything else closes and opens anew too.
 */
typedef int (*weir_rollback_fn)(struct weir_context *ctx, void *memory);

/*
 * What is doubtful about options that are allowed: one line into `text`, at most `size`
 * bytes with its NUL, or nothing. `weir check` prints it as a warning.
 */
typedef void (*weir_doubt_fn)(const void *options, char *text, size_t size);

struct weir_processor {
	uint32_t abi;  /* WEIR_PROCESSOR_ABI */
	uint32_t size; /* sizeof(struct weir_processor) */
	uint32_t option_row_size; /* sizeof(struct weir_option) */
	uint32_t output_row_size; /* sizeof(struct weir_output) */
	const char *name;    /* [A-Za-z0-9][A-Za-z0-9_-]{0,62} */
	const char *summary; /* one line, no full stop */
	const struct weir_option *options; /* NULL: none */
	size_t options_size;               /* of the struct that the rows fill */
	const struct weir_output *outputs; /* NULL: only the next step */
	uint32_t flags;     /* enum weir_processor_flag, or'ed */
	size_t memory_size; /* per task */
	weir_check_fn check;         /* may be NULL */
	weir_open_fn open;           /* may be NULL */
	weir_close_fn close;         /* may be NULL */
	weir_record_fn record;
	weir_batch_end_fn batch_end; /* may be NULL */
	weir_tick_fn tick;           /* may be NULL */
	weir_rollback_fn rollback;   /* may be NULL */
	uint32_t store_row_size;     /* sizeof(struct weir_store_row); see WEIR_STORES */
	const struct weir_store_row *stores; /* NULL: keeps no state */
	weir_doubt_fn doubt;         /* may be NULL */
	const char *text;    /* what it does, in sentences; an empty line ends a paragraph;
	                        may be NULL, as `example` */
	const char *example; /* a pipeline file that uses it, whole, in lines as a person has them */
};

/* The first members of every descriptor, in order. */
#define WEIR_PROCESSOR_HEADER                                              \
	WEIR_PROCESSOR_ABI, (uint32_t)sizeof(struct weir_processor),       \
		(uint32_t)sizeof(struct weir_option),                      \
		(uint32_t)sizeof(struct weir_output)

/*
 * Make `descriptor` (a struct weir_processor) the one of this plugin. With WEIR_LINKED_IN
 * defined it makes nothing, so that the same file can be linked into a program.
 */
#ifdef WEIR_LINKED_IN
#define WEIR_PLUGIN(descriptor) \
	extern const struct weir_processor *const weir_plugin_not_used
#elif defined(__cplusplus)
#define WEIR_PLUGIN(descriptor)                                            \
	extern "C" WEIR_API const struct weir_processor *const weir_plugin; \
	const struct weir_processor *const weir_plugin = &(descriptor)
#else
#define WEIR_PLUGIN(descriptor)                                            \
	WEIR_API extern const struct weir_processor *const weir_plugin;    \
	const struct weir_processor *const weir_plugin = &(descriptor)
#endif

/* ---- reading a record ---- */

/* Where the record came from: the input's topic, also behind earlier steps. */
WEIR_API const char *weir_record_topic(const struct weir_record *record);
WEIR_API int32_t weir_record_partition(const struct weir_record *record);
WEIR_API int64_t weir_record_offset(const struct weir_record *record);

/* Milliseconds since 1970; -1 when the record has none. */
WEIR_API int64_t weir_record_timestamp_ms(const struct weir_record *record);

/* Key and value; data NULL is null. Borrowed until the callback returns. */
WEIR_API struct weir_bytes weir_record_key(const struct weir_record *record);
WEIR_API struct weir_bytes weir_record_value(const struct weir_record *record);

/* The headers in order. Borrowed until the callback returns. */
WEIR_API size_t weir_record_header_count(const struct weir_record *record);
WEIR_API const struct weir_header *weir_record_header(const struct weir_record *record,
                                                      size_t index);

/*
 * The last header of this name: *value is set and borrowed as above.
 *
 * Returns 0 or WEIR_ENOTFOUND (then *value is untouched).
 */
WEIR_API int weir_record_header_find(const struct weir_record *record, const char *name,
                                     struct weir_bytes *value);

/* ---- emitting ---- */

/* The next step; behind the last step, the pipeline's output "default". */
#define WEIR_NEXT (-1)

/* Which members of a struct weir_emit replace what would be inherited. */
enum weir_emit_set {
	WEIR_EMIT_KEY = 1,
	WEIR_EMIT_VALUE = 2,
	WEIR_EMIT_HEADERS = 4,
	WEIR_EMIT_TIMESTAMP = 8
};

/*
 * A record to emit. Members whose bit in `set` is clear are inherited from the record
 * being processed; in batch_end and tick there is none, and they are null, no headers,
 * and now. Bytes are copied where they must outlive the call.
 */
struct weir_emit {
	uint32_t size; /* sizeof(struct weir_emit) */
	uint32_t set;  /* enum weir_emit_set, or'ed */
	int output;    /* WEIR_NEXT, or from weir_output_find() */
	struct weir_bytes key;
	struct weir_bytes value;
	const struct weir_header *headers;
	size_t header_count;
	/* ms since 1970; below 0: the time when it is sent. librdkafka cannot send 0: 1 it is */
	int64_t timestamp_ms;
};

/*
 * Emit one record. It goes through the following steps before this call returns; what
 * reaches an output is held until the record's last processor has returned.
 *
 * Returns 0, or an error when the record is lost to a later step's verdict or to the
 * bound on a record's emits (`commit.bytes`, for each step): the callback should then
 * return; whatever it returns, the record ends with the verdict that was found first.
 * In batch_end and tick the bound is eight times that, and stops the app; since a batch ends
 * at `commit.bytes`, what a processor has kept of a batch is far from it.
 * Mistakes stop the app: `size` unset, an output number that weir_output_find() did not
 * give, WEIR_NEXT behind the last step where the pipeline has no output "default".
 */
#if defined(__cplusplus) && defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow" /* function and struct share the name, as in C */
#endif
WEIR_API int weir_emit(struct weir_context *ctx, const struct weir_emit *emit);
#if defined(__cplusplus) && defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

/*
 * Emit the record as it is, or with another value, to the next step. As weir_emit();
 * there is no record to emit as it is in batch_end and tick.
 */
WEIR_API int weir_emit_same(struct weir_context *ctx);
WEIR_API int weir_emit_value(struct weir_context *ctx, struct weir_bytes value);

/*
 * The number of the output `name`: one of the descriptor's own, or, with
 * WEIR_ANY_OUTPUT, any of the pipeline's. Stays the same while the app runs.
 *
 * Returns it (0 or more), or WEIR_ENOTFOUND.
 */
WEIR_API int weir_output_find(const struct weir_context *ctx, const char *name);

/* ---- verdicts with a reason ---- */

/*
 * Set the reason: one line, cut at 511 bytes, control bytes in it become ?. Return it:
 * `return weir_reject(ctx, "no /id");`.
 */
WEIR_API enum weir_verdict weir_reject(struct weir_context *ctx, const char *format, ...)
	WEIR_PRINTF(2, 3);
WEIR_API enum weir_verdict weir_retry(struct weir_context *ctx, const char *format, ...)
	WEIR_PRINTF(2, 3);
WEIR_API enum weir_verdict weir_stop(struct weir_context *ctx, const char *format, ...)
	WEIR_PRINTF(2, 3);

/* ---- around ---- */

/* The struct that the descriptor's option rows filled; shared by all tasks, read-only. */
WEIR_API const void *weir_options(const struct weir_context *ctx);

/* The step's name in the pipeline file. */
WEIR_API const char *weir_step_name(const struct weir_context *ctx);

/* Wall-clock milliseconds since 1970, from the clock the app runs on. */
WEIR_API int64_t weir_now_ms(const struct weir_context *ctx);

/* Ask for ticks (1 ms or more; 0 ends them). Meant for open; valid in any callback. */
WEIR_API int weir_tick_every(struct weir_context *ctx, int64_t interval_ms);

enum weir_log_level {
	WEIR_LOG_ERROR = 0,
	WEIR_LOG_WARNING = 1,
	WEIR_LOG_INFO = 2,
	WEIR_LOG_DEBUG = 3
};

/* One line in the app's log, with the step and the record's place. */
WEIR_API void weir_log(struct weir_context *ctx, enum weir_log_level level,
                       const char *format, ...) WEIR_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif

#include <weir/state.h>

#endif
