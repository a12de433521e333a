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
#ifndef WEIR_TESTING_ORACLE_H
#define WEIR_TESTING_ORACLE_H

#include <stdio.h>

#include <base/alloc.h>
#include <broker/broker.h>
#include <config/guarantee.h>
#include <weir/processor.h>

/* ---- the load ---- */

#define WEIR_ORACLE_COPIES 3 /* outputs of one record at most */
#define WEIR_ORACLE_OUTPUTS 3
#define WEIR_ORACLE_LOAD_SIZE 64

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
struct weir_oracle_load {
	uint64_t id; /* unique over all inputs; but one that was sent twice is in its
			partition twice, and a step with stores drops the second */
	int copies;
	int output[WEIR_ORACLE_COPIES];
	bool reject;
	bool early;
	bool hold;
	bool retry;
	int64_t slow_ms;
};

bool weir__oracle_load_parse(struct weir_bytes value, struct weir_oracle_load *load);
/* Returns the length; `text` has WEIR_ORACLE_LOAD_SIZE bytes. */
size_t weir__oracle_load_print(const struct weir_oracle_load *load, char *text);

/* What the loads of a test may ask for. */
struct weir_oracle_variety {
	int outputs;     /* letters, from a on: 1 to WEIR_ORACLE_OUTPUTS */
	bool may_reject; /* a few are rejected */
	bool may_hold;   /* a few are held until the batch's end */
	bool may_retry;  /* very few wait to be tried again, and their partition with them */
};
/* A load at random: most are copied, some to several outputs, some nowhere. */
void weir__oracle_load_invent(struct weir_oracle_load *load, uint64_t id,
			      const struct weir_oracle_variety *variety, unsigned *seed);
/* Does a step with the role "sum" count it? Not what may be rejected or offered again. */
bool weir__oracle_load_is_counted(const struct weir_oracle_load *load);

/* ---- the processor ---- */

/*
 * Linked in; `weir run` knows it where WEIR_ORACLE_ENVIRONMENT is set, and never lists it.
 *
 * "oracle", with the option `role`:
 *   copy   (default; the last step) emits what the plan says, with the header
 *          "oracle.source": TOPIC/PARTITION/OFFSET/COPY
 *   pass   emits the record as it is
 *   hold   keeps those that say so until the batch's end
 *   sum    counts in memory, and at the batch's end emits one record with the header
 *          "oracle.sum": TOPIC/PARTITION/FIRST/LAST/COUNT
 *   tally  the same at each tick, over batches: its memory has a rollback; what it has not
 *          emitted goes with the task. Its ticks are numbered from 0, a task's each by one more
 * and `tick`: at this interval emit a record with the header "oracle.tick":
 * TOPIC/PARTITION/LAST[/NUMBER], the last offset that this step has seen; and `by`: a number that
 * sums and copies bear in the header "oracle.by".
 */
const struct weir_processor *weir__oracle_processor(void);

/*
 * "oracle-store", the same with two stores: a copy drops a record whose id it has seen, and its
 * outputs say, in the header "oracle.count", how many of its group it has seen.
 */
const struct weir_processor *weir__oracle_store_processor(void);

/*
 * The steps of a pipeline as JSON: under exactly-once a sum, a hold and a copy, else a copy;
 * with `stores` the copy has them. `by` (-1: none) is their option. Adds to `text`.
 */
void weir__oracle_steps(enum weir_guarantee guarantee, bool stores, int by,
			struct weir_buffer *text);
/* Is there a sum among those steps? */
bool weir__oracle_steps_sum(enum weir_guarantee guarantee);

/* In the environment of a `weir run` that is to know this processor. */
#define WEIR_ORACLE_ENVIRONMENT "WEIR_VERIFY"

/* How slow records pass their time; NULL: they sleep. */
typedef void (*weir_oracle_sleep_fn)(void *opaque, int64_t ms);
void weir__oracle_processor_set_sleep(weir_oracle_sleep_fn sleep, void *opaque);

/* ---- the verdict ---- */

/* Everything that can be wrong: name, what it is called in the table, what it means. */
#define WEIR_ORACLE_FINDING_MAP(X)                                                              \
	X(LOST, "lost", "below the committed offset, and no output")                       \
	X(REPEATED, "repeated", "an output more than once")                                \
	X(TORN, "torn", "some outputs of a record or batch, and not the others")           \
	X(DISORDERED, "out of order", "behind an output of a later record")                \
	X(BEYOND, "beyond the committed offset", "an output of a record not yet committed") \
	X(UNCOMMITTED, "uncommitted input", "an output of a record of an aborted transaction") \
	X(FOREIGN, "unexpected", "an output that no input record asks for")                \
	X(MISCOUNTED, "miscounted", "a count kept in memory that is not that of its batches")  \
	X(MISSTATED, "wrong state", "an output of a store that is not that of its moment")  \
	X(RETRACTED, "taken back", "seen by a reader, and not there later")                \
	X(REGRESSED, "offset went back", "a committed offset below an earlier one")        \
	X(OPEN, "open transactions", "a partition whose last stable offset is not its end") \
	X(BEHIND, "not committed to the end", "a partition whose committed offset is not its end")

enum weir_oracle_finding {
#define WEIR_ORACLE_FINDING_ENUM(name, title, meaning) WEIR_ORACLE_##name,
	WEIR_ORACLE_FINDING_MAP(WEIR_ORACLE_FINDING_ENUM)
#undef WEIR_ORACLE_FINDING_ENUM
	WEIR_ORACLE_FINDINGS
};

struct weir_oracle_verdict {
	uint64_t sent;         /* committed input records */
	uint64_t delivered;    /* of them, with all their outputs or their dead letter */
	uint64_t outputs;      /* records in the outputs */
	uint64_t dead_letters;
	uint64_t states;       /* entries of stores that were compared */
	uint64_t looks;        /* times that a watch found everything at rest and compared */
	uint64_t found[WEIR_ORACLE_FINDINGS];
	char example[WEIR_ORACLE_FINDINGS][200]; /* the first of each, in words */
};

/* Count one finding; the first keeps its words. */
void weir__oracle_verdict_add(struct weir_oracle_verdict *verdict, enum weir_oracle_finding finding,
			const char *format, ...) WEIR_PRINTF(3, 4);

/* "lost", "out of order", ...; static. */
const char *weir__oracle_finding_title(enum weir_oracle_finding finding);
/* "LOST", ...; static. */
const char *weir__oracle_finding_name(enum weir_oracle_finding finding);

/* Does the guarantee forbid it? At-least-once may repeat, at-most-once may lose. */
bool weir__oracle_forbids(enum weir_guarantee guarantee, enum weir_oracle_finding finding);

/* Nothing was found that the guarantee forbids; else *first is the first of that. */
bool weir__oracle_holds(const struct weir_oracle_verdict *verdict, enum weir_guarantee guarantee,
		  enum weir_oracle_finding *first);

/* The table: one row a count, with what the guarantee says of it, and the examples. */
void weir__oracle_print(FILE *to, const struct weir_oracle_verdict *verdict,
		  enum weir_guarantee guarantee);

/* ---- what is looked at ---- */

/* What one run of an instance left behind, known by the processor's option `by`. */
struct weir_oracle_tally {
	uint64_t outputs; /* records that bear its number */
	uint64_t lost;    /* records lost right behind those that it processed */
};

/* All borrowed while a check or watch goes on. */
struct weir_oracle_config {
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
	bool stores;     /* the copies have a store */
	const char *const *changelogs; /* of these, the two of each input in turn, as the
	                                  processor declares them; NULL: not looked at */
	bool sums;       /* there is a step with the role "sum" */
	bool may_reject; /* any record may have become a dead letter, instead of its outputs */
	bool uncommitted; /* read the outputs uncommitted: for the tallies, all else is void */
	struct weir_oracle_tally *tallies; /* by number of the run; NULL: nobody asks */
	size_t tally_count;
	int64_t patience_ms; /* to wait out open transactions; 0: what is there is there */
};

/*
 * Read everything that is in the topics, to their ends. The app is at rest. *verdict is
 * added to, so it is zeroed first.
 *
 * Returns 0 or a WEIR_E* when the topics could not be read.
 */
int weir__oracle_check(const struct weir_oracle_config *config, struct weir_oracle_verdict *verdict,
		 struct weir_error *error);

/* ---- the watch ---- */

struct weir_oracle_watch;

/* NULL with *error when the topics could not be read. *config is borrowed. */
struct weir_oracle_watch *weir__oracle_watch_open(const struct weir_oracle_config *config,
				       struct weir_error *error);

/*
 * Read on, waiting `timeout_ms` at most, and compare with the committed offsets as they
 * are now. At exactly-once, when all outputs have been read to their ends between two
 * readings of unchanged committed offsets, everything below those is there and nothing
 * from above.
 */
int weir__oracle_watch_look(struct weir_oracle_watch *watch, int timeout_ms, struct weir_error *error);

/* Is everything sent so far committed, as far as the last look saw? */
bool weir__oracle_watch_is_done(const struct weir_oracle_watch *watch);

/* The committed offsets of all inputs together, at the last look: they grow. */
int64_t weir__oracle_watch_committed(const struct weir_oracle_watch *watch);

/*
 * Compare all that was seen with what is there now, and add what this watch found to
 * *verdict.
 */
int weir__oracle_watch_finish(struct weir_oracle_watch *watch, struct weir_oracle_verdict *verdict,
			struct weir_error *error);
void weir__oracle_watch_close(struct weir_oracle_watch *watch);

#endif
