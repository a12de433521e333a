/*
 * The simulated world, shared by the files of one run.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTS_SIM_WORLD_H
#define WEIR_TESTS_SIM_WORLD_H

#include "tests/sim/sim.h"

struct sim_process;

/* First there are faults, then what is left comes through, then all leave. */
enum sim_phase { SIM_FAULTY, SIM_SETTLING, SIM_DRAINING };

/* Between a worker and the embedded broker. */
struct sim_proxy {
	struct weir_session session; /* first: the interface */
	struct sim_process *process;
	struct weir_session *inner;
	bool in_hand;     /* sent or begun since the last commit */
	bool committing;  /* a commit has begun and not ended */
	bool rebalancing; /* an event waits for its answer */
};

struct sim_process {
	struct weir_broker broker; /* first: what its workers see */
	struct sim_world *world;
	char name[16];
	char folder[80]; /* of its stores; what dies leaves it to who is started again */
	struct weir_pipeline *pipeline;
	struct weir_chain *chain;
	struct weir_stores *stores;
	struct weir_tables *tables;
	struct weir_worker *workers[SIM_WORKERS];
	bool asleep[SIM_WORKERS]; /* in a slow record */
	bool drained[SIM_WORKERS];
	struct sim_proxy *proxies[SIM_WORKERS];
	int worker_count;
	int frames;         /* calls of it on the stack: not yet to be freed */
	int pauses;         /* calls of it that stand still */
	int64_t paused_to;  /* stands still between steps */
	bool dead;          /* the broker hears no more of it */
	bool ended;         /* to be freed */
	bool leaving;
	bool fatal;         /* was told so: it may stop */
};

/* Who is to be started again, and when. */
struct sim_restart {
	char name[16];
	int64_t at_ms;
};

struct sim_world {
	const struct sim_plan *plan;
	struct sim_hits *hits;
	bool verbose;
	struct sim_result *result;
	struct sim_random random;
	struct sim_fault faults[SIM_FAULTS];
	unsigned calls[SIM_OPERATIONS];
	unsigned rebalance_calls[SIM_OPERATIONS];
	unsigned step;
	int depth; /* of worlds within calls that stand still */
	enum sim_phase phase;

	struct weir_virtual_clock clock;
	struct weir_logger logger;
	struct weir_memory *memory;
	struct weir_broker *broker;
	struct weir_registry *registry;
	struct weir_oracle_config oracle;
	struct weir_oracle_watch *watch;

	struct sim_process *processes[SIM_PROCESSES];
	struct sim_restart restarts[SIM_PROCESSES];
	int restart_count;
	char folder[48];   /* of all folders */
	int folders;       /* made */
	int names;         /* given out */
	bool twins;        /* two of one name have met, or may */
	struct sim_process *stepping; /* whose frame is on top */
	int stepping_worker;
	int64_t slow_to;   /* the broker answers nothing until then */
	enum weir_memory_fault armed; /* for the call under way */
	enum weir_memory_op armed_for;

	struct weir_session *loader; /* puts records in by transactions */
	int loader_state;
	int loaded;
	bool commits; /* that transaction will be committed */
};

void sim_log(const struct sim_world *world, const char *format, ...) WEIR_PRINTF(2, 3);
void sim_fail(struct sim_world *world, enum sim_failure failure, const char *format, ...)
	WEIR_PRINTF(3, 4);
bool sim_has_failed(const struct sim_world *world);

/* ---- world.c ---- */

/* Let `ms` pass for everybody but who is marked as standing still. */
void sim_pass(struct sim_world *world, int64_t ms);

/* ---- table.c ---- */

void sim_table_open(struct sim_world *world);
/* Maybe one more record in the topic. */
void sim_table_step(struct sim_world *world);
/* Read it for a process that starts. False: *error. */
bool sim_table_start(struct sim_process *process, struct weir_error *error);
/* Maybe read on. */
void sim_table_feed(struct sim_process *process);

/* ---- process.c ---- */

struct sim_process *sim_process_start(struct sim_world *world, const char *name);
/* From here on the broker hears nothing of it. */
void sim_process_kill(struct sim_process *process);
void sim_process_free(struct sim_process *process);
/* One step of one of its workers. */
void sim_process_step(struct sim_process *process, int index);
void sim_process_leave(struct sim_process *process);
void sim_restart_later(struct sim_world *world, const char *name, int64_t after_ms);
bool sim_process_can_run(const struct sim_process *process);
unsigned sim_process_situation(const struct sim_process *process);

/* ---- proxy.c ---- */

struct weir_session *sim_proxy_open(struct sim_process *process,
				    const struct weir_session_config *config,
				    struct weir_error *error);

/* ---- fault.c ---- */

/* The fault for this call, which is counted; NULL: none. */
struct sim_fault *sim_fault_in_call(struct sim_world *world, enum weir_memory_op operation,
				    const struct sim_proxy *proxy);
/* Faults that strike between steps, those of now. */
void sim_faults_between_steps(struct sim_world *world);
void sim_fault_hit(struct sim_world *world, enum sim_fault_kind kind, unsigned situation);

/* ---- load.c ---- */

void sim_load_open(struct sim_world *world);
void sim_load_close(struct sim_world *world);
/* Maybe one more record. */
void sim_load_step(struct sim_world *world);
bool sim_load_is_done(const struct sim_world *world);

#endif
