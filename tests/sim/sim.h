/*
 * The simulation: fleets of real workers on the embedded broker, in one thread, under a
 * virtual clock, with one seed a run.
 *
 *   plan.c      what a seed means: topology, load, schedule of faults
 *   world.c     processes, the clock, one step after the other, until all is settled
 *   process.c   a process: pipeline, chain, workers; it dies and is started again
 *   proxy.c     between worker and broker: crashes, pauses and faults inside a call
 *   fault.c     which fault is due, and what each of them hit
 *   load.c      input records, some of them in transactions that are aborted
 *   shrink.c    the smallest schedule that still fails
 *
 * Nothing here knows what is inside a worker.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTS_SIM_H
#define WEIR_TESTS_SIM_H

#include <broker/memory.h>
#include <run/worker.h>

#include <testing/oracle.h>

#define SIM_FAULTS 24     /* of a plan, at most */
#define SIM_PROCESSES 8   /* at a time, at most */
#define SIM_WORKERS 4     /* of a process, at most */
#define SIM_OPERATIONS 14 /* values of enum weir_memory_op */

/* ---- faults ---- */

/* What was going on when a fault struck. */
#define SIM_IDLE 1      /* nothing in hand */
#define SIM_OPEN 2      /* a transaction, or outputs whose offsets are not committed */
#define SIM_COMMIT 4    /* a commit in flight */
#define SIM_IN_REBALANCE 8 /* a rebalance event not yet answered */
#define SIM_SITUATIONS 4

/*
 * Faults: name, what it is, in which situations a campaign must have seen it strike. The
 * first ones strike between steps, the others in a call to the broker.
 */
#define SIM_FAULT_MAP(X)                                                                   \
	X(CRASH, "a process dies between two steps", SIM_OPEN | SIM_IN_REBALANCE)             \
	X(PAUSE, "a process stands still, and comes back", SIM_OPEN | SIM_IN_REBALANCE)       \
	X(TWIN, "it stands still, and another of its name starts", SIM_OPEN)               \
	X(REBALANCE, "the group rebalances", SIM_OPEN)                                     \
	X(JOIN, "another instance starts", SIM_OPEN)                                       \
	X(LEAVE, "an instance drains and leaves", SIM_OPEN)                                \
	X(BROKER_SLOW, "the broker answers nothing for a while", SIM_OPEN)                 \
	X(CRASH_BEFORE, "a process dies in a call, before its effect",                     \
	  SIM_OPEN | SIM_COMMIT | SIM_IN_REBALANCE)                                           \
	X(CRASH_AFTER, "a process dies in a call, after its effect",                       \
	  SIM_OPEN | SIM_COMMIT | SIM_IN_REBALANCE)                                           \
	X(PAUSE_BEFORE, "a process stands still in a call, before its effect",             \
	  SIM_OPEN | SIM_COMMIT | SIM_IN_REBALANCE)                                           \
	X(PAUSE_AFTER, "a process stands still in a call, after its effect",               \
	  SIM_OPEN | SIM_COMMIT | SIM_IN_REBALANCE)                                           \
	X(REBALANCE_IN, "the group rebalances in a call", SIM_OPEN | SIM_COMMIT)           \
	X(AGAIN, "a call is not done yet", SIM_OPEN | SIM_COMMIT | SIM_IN_REBALANCE)          \
	X(ABORT, "a call says: abort the batch", SIM_OPEN | SIM_COMMIT)                    \
	X(FATAL, "a call fails for good", SIM_OPEN | SIM_COMMIT | SIM_IN_REBALANCE)           \
	X(UNKNOWN_DONE, "outcome unknown, and it has happened", SIM_OPEN | SIM_COMMIT)     \
	X(UNKNOWN_NOT, "outcome unknown, and it has not happened", SIM_OPEN | SIM_COMMIT)  \
	X(UNKNOWN_LATE, "outcome unknown, and it happens later", SIM_OPEN | SIM_COMMIT)    \
	X(TAINT, "a request is repeated, its twin arrives later", SIM_OPEN | SIM_COMMIT)   \
	X(LOSE_DELIVERY, "the delivery of a message fails", SIM_OPEN)                      \
	X(REFUSE_SIZE, "a batch is refused for its size", SIM_OPEN)

enum sim_fault_kind {
#define SIM_FAULT_ENUM(name, title, meant) SIM_##name,
	SIM_FAULT_MAP(SIM_FAULT_ENUM)
#undef SIM_FAULT_ENUM
	SIM_FAULT_KINDS,
	SIM_FIRST_IN_CALL = SIM_CRASH_BEFORE
};

struct sim_fault {
	enum sim_fault_kind kind;
	enum weir_memory_op operation; /* of those in a call */
	bool in_rebalance;             /* of its calls, those alone while one is unanswered */
	unsigned nth;                  /* call of it in this run, or step of the world */
	unsigned target;               /* between steps: which of the processes there are */
	int64_t ms;                    /* how long it stands still */
	bool used;
};

/* Counted over all runs of a campaign. */
struct sim_hits {
	uint64_t kinds[SIM_FAULT_KINDS][SIM_SITUATIONS];
	uint64_t operations[SIM_OPERATIONS][SIM_FAULT_KINDS];
	uint64_t calls[SIM_OPERATIONS];
	/* what comes of faults */
	uint64_t late_ends;       /* EndTxn requests that arrived late */
	uint64_t late_ends_hit;   /* ... while the next transaction was open */
	uint64_t disordered_marks; /* markers that overtook others */
	uint64_t fenced;          /* workers stopped by a twin */
	uint64_t expired;         /* transactions that the broker ended: too old */
	uint64_t looks;           /* times that the watch found all at rest in a run */
	uint64_t runs, steps, records;
};

const char *sim_fault_name(enum sim_fault_kind kind);
const char *sim_fault_title(enum sim_fault_kind kind);
unsigned sim_fault_meant(enum sim_fault_kind kind);
const char *sim_operation_name(enum weir_memory_op operation);
/* Can the operation show this fault? */
bool sim_operation_shows(enum weir_memory_op operation, enum sim_fault_kind kind);

/* ---- plans ---- */

enum sim_role { SIM_ROLE_COPY, SIM_ROLE_PASS, SIM_ROLE_SUM, SIM_ROLE_HOLD, SIM_ROLE_TALLY };

struct sim_plan {
	uint64_t seed;
	enum weir_guarantee guarantee;
	int processes, workers; /* at start; workers each */
	int inputs, input_partitions[2];
	int outputs, output_partitions;
	bool dead_letter;
	bool cooperative;
	bool stores; /* the copy has stores */
	bool moves;  /* and its tasks go from hand to hand */
	bool table;  /* a step in front looks keys up */
	int steps; /* 0: records are copied */
	enum sim_role roles[3];
	int64_t tick_ms; /* of the first step; 0: none */
	int64_t commit_ms, commit_records, commit_bytes;
	int64_t session_ms, transaction_ms;
	int64_t retry_attempts;
	int records;
	bool rejects, retries, slow, transactions; /* in the load */
	unsigned pace_ms;       /* a step takes up to that */
	unsigned newest_first;  /* percent: how often the broker does its newest step */
	unsigned late;          /* percent: how soon late requests arrive */
	unsigned world_steps;   /* within which faults strike between steps */
	int fault_count;
	struct sim_fault faults[SIM_FAULTS];
	bool may_reject; /* some of this can turn any record into a dead letter */
};

/* Smaller than what the seed says; -1: as it says. */
struct sim_cut {
	uint64_t faults; /* bit N: fault N strikes */
	int records, processes, workers, partitions, inputs, outputs;
	bool no_transactions, no_retries, no_slow, no_rejects, no_tick;
};

void sim_cut_none(struct sim_cut *cut);
void sim_plan_make(struct sim_plan *plan, uint64_t seed, const struct sim_cut *cut);
void sim_plan_print(FILE *to, const struct sim_plan *plan);
/* The options that make the same plan of the seed again. */
void sim_cut_print(FILE *to, const struct sim_cut *cut);

/* splitmix64 */
struct sim_random {
	uint64_t state;
};
uint64_t sim_random_next(struct sim_random *random);
unsigned sim_random_below(struct sim_random *random, unsigned limit);
bool sim_random_chance(struct sim_random *random, unsigned percent);

/* ---- a run ---- */

/* How a run ended, when it did not hold. */
enum sim_failure { SIM_HOLDS, SIM_WRONG, SIM_STUCK, SIM_STOPPED };

struct sim_result {
	enum sim_failure failure;
	enum weir_oracle_finding finding; /* WRONG */
	char reason[1200];
	struct weir_oracle_verdict verdict;
};

/* Run it; events are printed when `verbose`. */
void sim_run(const struct sim_plan *plan, struct sim_hits *hits, bool verbose,
	     struct sim_result *result);

/* Cut down until nothing can be left out; returns the runs it took. */
int sim_shrink(uint64_t seed, struct sim_cut *cut, const struct sim_result *result);

#endif
