/*
 * A trial: `weir run` under one guarantee on a real cluster, while one kind of fault goes
 * on; then the oracle's verdict.
 *
 *   cluster, proxy    the program's, one after the other's use
 *   feed              a thread that writes numbered records, at an even rate
 *   noise             a thread that writes others, and aborts them
 *   watch             a thread that reads all the while, read_committed (testing/watcher.h)
 *   instances         child processes, each with a client.id of its own, so that the
 * proxy can tell what each is in the middle of faults            what a case does, again
 * and again, until its time is over
 *
 * Feed, noise, watch and oracle go around the proxy, so the network they have is whole.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTS_GUARANTEES_TRIAL_H
#define WEIR_TESTS_GUARANTEES_TRIAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include <testing/child.h>
#include <testing/oracle.h>
#include <testing/watcher.h>

#include "tests/kafka/cluster.h"
#include "tests/proxy/proxy.h"

#define TRIAL_BROKERS 3
#define TRIAL_TOPICS 4
#define TRIAL_SESSION_MS 6000
#define TRIAL_TRANSACTION_MS 6000
#define TRIAL_LONGER_MS 60000 /* faults go on so long to hit what they are meant to */
#define TRIAL_PATIENCE_MS                                                                \
	180000 /* nothing takes this long, however loaded the machine is */
#define TRIAL_MAX_INSTANCES 4
#define TRIAL_MAX_STOPS 20
#define TRIAL_MAX_FAULTS 16

struct trial_options {
	const char *weir; /* the program; NULL: the one that was built */
	int seconds;
	int records;
	int taken; /* late requests that the broker has to take; 0: none has to */
	int message_ms; /* at-least-once: for so long a message is tried */
	bool verbose, keep, stores;
};

struct instance {
	const char *name; /* of the setting `instance` */
	const char *id;   /* client.id, and folder of its state */
	struct weir_child child;
	unsigned runs; /* so far: each has a log of its own */
};

/* What faults met. Counted in faults. */
struct hits {
	unsigned faults;
	unsigned transaction; /* a batch was open */
	unsigned commit;      /* a commit was in flight */
	unsigned rebalance;
	unsigned late;       /* a request was held back past the end of its transaction */
	unsigned late_taken; /* the broker took it nevertheless */
	unsigned unknown;    /* nobody told an instance what became of its transaction */
	unsigned unknown_done; /* and it was committed */
};

struct trial {
	const struct trial_case *kind;
	enum weir_guarantee guarantee;
	const struct trial_options *options;
	struct cluster *cluster;
	struct proxy *proxy;
	char name[64], in[80], out[80], more[80], dead[80];
	char folder[256];
	struct weir_broker *broker;
	struct weir_oracle_config oracle;
	char changelog[2][200];
	const char *inputs[1], *outputs[2], *changelogs[2];
	struct instance instances[TRIAL_MAX_INSTANCES];
	bool broker_dead[TRIAL_BROKERS + 1];
	int seconds;    /* of feed and faults */
	int64_t end_ms; /* of the faults */
	unsigned round; /* of the case */
	int pass[TRIAL_MAX_FAULTS]; /* the order of this pass through "everything" */
	struct hits hits;
	unsigned stops;    /* instances that ended by themselves */
	char trouble[400]; /* the first thing that went wrong besides the oracle's
			      findings */

	pthread_t feeder, noisemaker;
	struct weir_watcher *watcher;
	atomic_int fed;   /* records delivered to the input */
	atomic_int noise; /* records in the input whose transaction was aborted */
	int sent;       /* by the feed */
	atomic_bool feed_stop, feed_failed, feed_done, feed_give_up;
	atomic_bool feed_pause; /* of feed and noise, for as long as it is set */
	struct weir_oracle_verdict verdict;
};

/* A case: rounds of faults, and what they are meant to hit. */
typedef void (*fault_fn)(struct trial *trial);
struct trial_case {
	const char *name;
	const char *summary;
	fault_fn round;
	int instances;          /* at start */
	bool transactions_only; /* makes sense under exactly-once alone */
	struct hits meant;      /* at least these */
	int commit_ms;          /* commit interval; 0: the default */
	int times;              /* as long as the others; 0: once */
	bool cooperative;       /* a rebalance leaves an instance what it may keep */
	bool tally;             /* under exactly-once a count over batches, instead of sums */
	bool ticking;           /* it needs the tally's ticks, also where there could be stores */
	bool small_queue;       /* of the producer: sending has to wait */
	int transaction_ms;     /* transaction.timeout.ms; 0: TRIAL_TRANSACTION_MS */
};
const struct trial_case *trial_cases(size_t *count);

enum result { RESULT_PASS, RESULT_FAIL, RESULT_UNKNOWN };
const char *result_name(enum result result);

/* ---- trial.c ---- */

/* Run one trial; it is printed as it goes. *trial keeps what is asked of it afterwards.
 */
enum result trial_run(struct trial *trial, const struct trial_case *kind,
		      enum weir_guarantee guarantee, const struct trial_options *options,
		      struct cluster *cluster, struct proxy *proxy, const char *root);
void trial_say(const struct trial *trial, const char *format, ...) WEIR_PRINTF(2, 3);
/* The first trouble is kept, and fails the trial. */
void trial_trouble(struct trial *trial, const char *format, ...) WEIR_PRINTF(2, 3);
int64_t trial_now_ms(void);
/* Let time pass; instances that end by themselves meanwhile are counted, and restarted.
 */
void trial_pass(struct trial *trial, int64_t ms);
int trial_random(int below);

/* ---- feed.c, noise.c: each a thread ---- */

void *feed_run(void *opaque);
void *noise_run(void *opaque);
/* Wait until all partitions of these topics, and of Kafka's own, are in sync everywhere.
 */
void feed_wait_in_sync(struct trial *trial);

/* ---- instances.c ---- */

void instance_start(struct trial *trial, struct instance *instance);
/* Has it ended? Its status then: exit status, or 128 + signal. */
bool instance_ended(struct trial *trial, struct instance *instance, int *status);
void instance_kill(struct trial *trial, struct instance *instance);
/* SIGTERM, and wait; it must drain. */
void instance_stop(struct trial *trial, struct instance *instance);
void instance_freeze(struct instance *instance);
void instance_thaw(struct instance *instance);
/* Those that ended by themselves are troubles; they are started again. */
void instances_supervise(struct trial *trial);
void instances_end(struct trial *trial);

/* ---- aim.c ---- */

enum aim {
	AIM_ANY,
	AIM_TRANSACTION,
	AIM_COMMIT,
	AIM_COMMIT_LOST,
	AIM_COMMIT_DONE,
	AIM_REBALANCE
};

/*
 * Wait until an instance (NULL: any) is in the middle of that, and stop everything that
 * goes through the proxy. What is met is counted then. Ended by aim_over().
 *
 *   AIM_COMMIT       its request has not reached the broker, and does when it is over
 *   AIM_COMMIT_LOST  it never will
 *   AIM_COMMIT_DONE  the broker has answered, and the instance does not know
 */
void aim_at(struct trial *trial, struct instance *instance, enum aim aim);
/* Everything goes on, and what was held back is let go. */
void aim_over(struct trial *trial);
/* What it asks for to commit. */
enum proxy_api aim_commit_api(const struct trial *trial);
/* Wait a while for a condition of the proxy's; false: in vain. */
bool aim_wait_caught(struct trial *trial, int64_t ms);
/*
 * Wait until a transaction is open that began after this many had ended, the broker has
 * records of it, and its end is not asked for. True: so it is, and the proxy holds
 * everything, so that it stays so; else in vain, and nothing is held.
 */
bool aim_next_transaction(struct trial *trial, const struct instance *instance,
			  unsigned ended);
/* One running instance, at random. */
struct instance *aim_instance(struct trial *trial);
/* Wait until it has sent a request of this kind; false: in vain. */
bool aim_wait_sent(struct trial *trial, const struct instance *instance,
		   enum proxy_api api);
/* To whom it sends requests of this kind; 1 if it sent none. */
int aim_broker(struct trial *trial, const struct instance *instance, enum proxy_api api);

/* ---- unanswered.c ---- */

#define UNANSWERED_COMMIT_MS 2000

/* A round of that case; four of them are all there is, five without transactions. */
void unanswered(struct trial *trial);
/* A request of this kind, in a revoke, meets that; the instance gives it up. */
void unanswered_in_revoke(struct trial *trial, struct instance *victim, enum proxy_api api,
			  enum proxy_way way);

/* ---- ticks.c ---- */

#define TICKS_TRANSACTION_MS 40000 /* who is frozen in a commit finds it open still */

/* A round of that case; two of them are all there is. */
void ticks(struct trial *trial);

#endif
