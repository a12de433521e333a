/*
 * The oracle: reads what a third party can read, and says what became of every record.
 *
 * It believes topics and committed offsets alone, through lib/broker/broker.h, and never
 * asks weir. Ends of topics are found as a careful reader finds them: the end is asked
 * through a read_uncommitted handle, then read_committed is read until its position
 * passes it. So it serves the simulation on the embedded broker and a real cluster alike.
 *
 *   load        what an input record says shall become of it: a function of its value
 *   processor   linked in: does that, and says in headers which record an output is of
 *   check       reads everything once and fills a verdict
 *   watch       a reader beside the running app: what it saw must stay, and no batch may
 *               be seen in part
 *
 * One thread. Needs no test library.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTS_ORACLE_H
#define WEIR_TESTS_ORACLE_H

#include <stdio.h>

#include <broker/broker.h>
#include <config/guarantee.h>
#include <weir/processor.h>

/* ---- the load ---- */

#define ORACLE_COPIES 3 /* outputs of one record at most */
#define ORACLE_OUTPUTS 3
#define ORACLE_LOAD_SIZE 64

/*
 * What an input record is and what becomes of it, written as its value: "ID PLAN [WORD]...".
 * A value that is a number alone means the plan "a".
 *
 *   PLAN   one letter a copy: a is the output "default", b and c are the outputs of that
 *          name; "-" is none; a last "x" means: then reject it
 *   early  it is rejected by the first step
 *   hold   a step with the role "hold" keeps it in memory and emits it at the batch's end
 *   retry  "try again later" whenever the service is down: every other 100 ms
 *   slow=N takes N ms
 */
struct oracle_load {
	uint64_t id; /* unique over all inputs */
	int copies;
	int output[ORACLE_COPIES];
	bool reject;
	bool early;
	bool hold;
	bool retry;
	int64_t slow_ms;
};

bool oracle_load_parse(struct weir_bytes value, struct oracle_load *load);
/* Returns the length; `text` has ORACLE_LOAD_SIZE bytes. */
size_t oracle_load_print(const struct oracle_load *load, char *text);
/* Does a step with the role "sum" count it? Not what may be rejected or offered again. */
bool oracle_load_is_counted(const struct oracle_load *load);

/* ---- the processor ---- */

/*
 * Linked in, or as the plugin tests/oracle/.libs/oracle.so for `weir run`.
 *
 * "oracle", with the option `role`:
 *   copy   (default; the last step) emits what the plan says, with the header
 *          "oracle.source": TOPIC/PARTITION/OFFSET/COPY
 *   pass   emits the record as it is
 *   hold   keeps those that say so until the batch's end
 *   sum    counts in memory, and at the batch's end emits one record with the header
 *          "oracle.sum": TOPIC/PARTITION/FIRST/LAST/COUNT
 *   tally  the same at each tick, over batches: its memory has a rollback; what it has not
 *          emitted goes with the task
 * and `tick`: at this interval emit a record with the header "oracle.tick":
 * TOPIC/PARTITION/LAST, the last offset that this step has seen.
 */
const struct weir_processor *oracle_processor(void);

/* How slow records pass their time; NULL: they sleep. */
typedef void (*oracle_sleep_fn)(void *opaque, int64_t ms);
void oracle_processor_set_sleep(oracle_sleep_fn sleep, void *opaque);

/* ---- the verdict ---- */

/* Everything that can be wrong: name, what it is called in the table, what it means. */
#define ORACLE_FINDING_MAP(X)                                                              \
	X(LOST, "lost", "below the committed offset, and no output")                       \
	X(REPEATED, "repeated", "an output more than once")                                \
	X(TORN, "torn", "some outputs of a record or batch, and not the others")           \
	X(DISORDERED, "out of order", "behind an output of a later record")                \
	X(BEYOND, "beyond the committed offset", "an output of a record not yet committed") \
	X(UNCOMMITTED, "uncommitted input", "an output of a record of an aborted transaction") \
	X(FOREIGN, "unexpected", "an output that no input record asks for")                \
	X(MISCOUNTED, "miscounted", "a sum kept in memory that is not that of its batch")  \
	X(RETRACTED, "taken back", "seen by a reader, and not there later")                \
	X(REGRESSED, "offset went back", "a committed offset below an earlier one")        \
	X(OPEN, "open transactions", "a partition whose last stable offset is not its end") \
	X(BEHIND, "not committed to the end", "a partition whose committed offset is not its end")

enum oracle_finding {
#define ORACLE_FINDING_ENUM(name, title, meaning) ORACLE_##name,
	ORACLE_FINDING_MAP(ORACLE_FINDING_ENUM)
#undef ORACLE_FINDING_ENUM
	ORACLE_FINDINGS
};

struct oracle_verdict {
	uint64_t sent;         /* committed input records */
	uint64_t delivered;    /* of them, with all their outputs or their dead letter */
	uint64_t outputs;      /* records in the outputs */
	uint64_t dead_letters;
	uint64_t looks;        /* times that a watch found everything at rest and compared */
	uint64_t found[ORACLE_FINDINGS];
	char example[ORACLE_FINDINGS][200]; /* the first of each, in words */
};

/* Count one finding; the first keeps its words. */
void oracle_verdict_add(struct oracle_verdict *verdict, enum oracle_finding finding,
			const char *format, ...) WEIR_PRINTF(3, 4);

/* "lost", "out of order", ...; static. */
const char *oracle_finding_title(enum oracle_finding finding);
/* "LOST", ...; static. */
const char *oracle_finding_name(enum oracle_finding finding);

/* Does the guarantee forbid it? At-least-once may repeat, at-most-once may lose. */
bool oracle_forbids(enum weir_guarantee guarantee, enum oracle_finding finding);

/* Nothing was found that the guarantee forbids; else *first is the first of that. */
bool oracle_holds(const struct oracle_verdict *verdict, enum weir_guarantee guarantee,
		  enum oracle_finding *first);

/* The table: one row a count, with what the guarantee says of it, and the examples. */
void oracle_print(FILE *to, const struct oracle_verdict *verdict,
		  enum weir_guarantee guarantee);

/* ---- what is looked at ---- */

/* All borrowed while a check or watch goes on. */
struct oracle_config {
	struct weir_broker *broker;
	const struct weir_clock *clock; /* for patience */
	enum weir_guarantee guarantee;
	const char *group;
	const char *const *inputs;
	size_t input_count;
	const char *const *outputs; /* topics of the letters a, b and c; may be the same */
	size_t output_count;
	const char *dead_letter;    /* NULL: there is none */
	bool plain;      /* no steps: a record is copied, and known by its id alone */
	bool sums;       /* there is a step with the role "sum" */
	bool may_reject; /* any record may have become a dead letter, instead of its outputs */
	int64_t patience_ms; /* to wait out open transactions; 0: what is there is there */
};

/*
 * Read everything that is in the topics, to their ends. The app is at rest. *verdict is
 * added to, so it is zeroed first.
 *
 * Returns 0 or a WEIR_E* when the topics could not be read.
 */
int oracle_check(const struct oracle_config *config, struct oracle_verdict *verdict,
		 struct weir_error *error);

/* ---- the watch ---- */

struct oracle_watch;

/* NULL with *error when the topics could not be read. *config is borrowed. */
struct oracle_watch *oracle_watch_open(const struct oracle_config *config,
				       struct weir_error *error);

/*
 * Read on, waiting `timeout_ms` at most, and compare with the committed offsets as they
 * are now. At exactly-once, when all outputs have been read to their ends between two
 * readings of unchanged committed offsets, everything below those is there and nothing
 * from above.
 */
int oracle_watch_look(struct oracle_watch *watch, int timeout_ms, struct weir_error *error);

/* Is everything sent so far committed, as far as the last look saw? */
bool oracle_watch_is_done(const struct oracle_watch *watch);

/* The committed offsets of all inputs together, at the last look: they grow. */
int64_t oracle_watch_committed(const struct oracle_watch *watch);

/*
 * Compare all that was seen with what is there now, and add what this watch found to
 * *verdict.
 */
int oracle_watch_finish(struct oracle_watch *watch, struct oracle_verdict *verdict,
			struct weir_error *error);
void oracle_watch_close(struct oracle_watch *watch);

#endif
