/*
 * The rig of the fault tests: a real Kafka, `weir run` as child processes, and an oracle
 * that believes topics and committed offsets alone.
 *
 *   START_TEST(killed_run_loses_nothing)
 *   {
 *           struct rig *rig = rig_open("killed", "exactly-once");
 *           struct rig_child *child;
 *
 *           rig_produce(rig, 1000);
 *           child = rig_run(rig, "--until-end", NULL);
 *           ...
 *           ck_assert_int_eq(rig_exit(child), 0);
 *           rig_expect_exactly_once(rig);
 *           rig_close(rig);
 *   }
 *
 * A record's value is its id, a number counted from 0, and so is its key. What a test waits
 * for it waits for with RIG_WAIT; no test sleeps and hopes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTS_FAULTS_RIG_H
#define WEIR_TESTS_FAULTS_RIG_H

#include <sys/types.h>

#include <broker/broker.h>

#include "tests/harness.h"
#include "tests/kafka/cluster.h"

/* Nothing takes this long, however loaded the machine is. */
#define RIG_PATIENCE_MS 60000
#define RIG_TEST_TIMEOUT_S 240

#define RIG_IN_PARTITIONS 4
#define RIG_OUT_PARTITIONS 3
#define RIG_MAX_CHILDREN 256
#define RIG_MAX_SETTINGS 16

/* ---- rig.c: the cluster of a program, and a test's topics, files and input ---- */

/* Unchecked fixtures: one broker for the test case; with --secure in the second. */
void rig_setup(void);
void rig_setup_secure(void);
void rig_teardown(void);
/* The same in halves, for tests that hurt their cluster: an unchecked one for the folder, and a
 * checked one for brokers of each test's own. */
void rig_folder_setup(void);
void rig_folder_teardown(void);
void rig_cluster_setup(void);
void rig_cluster_setup_three(void);
void rig_cluster_teardown(void);
struct cluster *rig_cluster(void);

struct rig {
	char name[48]; /* the app's, so the group's */
	char guarantee[16];
	char in[64], out[64], dead[64];
	char folder[256];   /* pipeline.json, state, stderr of children */
	char pipeline[320]; /* path */
	const char *program; /* another weir than the one that was built; NULL: that one */
	size_t file_bytes;   /* the largest file that a run may write; 0: any */
	struct weir_broker *broker;
	struct weir_session *feed; /* produces to `in`; opened when first needed */
	size_t ids;                /* produced so far */
	char *settings[RIG_MAX_SETTINGS]; /* for --set, of each run */
	size_t setting_count;
	struct rig_child *children[RIG_MAX_CHILDREN];
	size_t child_count;
};

/*
 * Topics NAME-in, NAME-out and NAME-dead, and a pipeline file over them: no steps, commits
 * every 20 ms, session and transaction timeout 6 s, instance "one".
 */
struct rig *rig_open(const char *name, const char *guarantee);
/* The same without a cluster that answers: no topics are made. */
struct rig *rig_open_offline(const char *name, const char *guarantee);
void rig_close(struct rig *rig);
/* A setting of all runs to come: "/commit/interval=%dms", ... */
void rig_set(struct rig *rig, const char *format, ...) __attribute__((format(printf, 2, 3)));

void rig_topic(struct rig *rig, const char *topic, int32_t partitions);
/* The next `count` ids into the input, delivered when this returns. */
void rig_produce(struct rig *rig, size_t count);
/* The next id, with a value of about `size` bytes: the id, a colon, and padding. */
void rig_produce_padded(struct rig *rig, size_t size);
/* Any record into the input, delivered when this returns. */
void rig_produce_record(struct rig *rig, struct weir_bytes key, struct weir_bytes value);
/* The next `count` ids in one transaction that is then committed, or aborted: then the same
 * ids come again in the next call. */
void rig_produce_transaction(struct rig *rig, size_t count, bool commit);

/* A file in the rig's folder; its path is borrowed until the next call. */
const char *rig_path(const struct rig *rig, const char *name);
void rig_file_make(const struct rig *rig, const char *name);
void rig_file_remove(const struct rig *rig, const char *name);

int64_t rig_now_ms(void);
/* Rounds of the tests that have many: `standard`, or in proportion to WEIR_FAULT_ROUNDS, which
 * stands for the 50 of the suite. */
int rig_rounds(int standard);
/* Seeded from the clock or WEIR_FAULT_SEED; the seed is printed. */
void rig_random_start(void);
int rig_random(int below);

/* Wait, 10 ms at a time, until `condition` holds; else the test fails with children's stderr. */
#define RIG_WAIT(rig, condition)                                                         \
	do {                                                                             \
		int64_t rig_deadline_ = rig_now_ms() + RIG_PATIENCE_MS;                  \
		while (!(condition)) {                                                   \
			rig_pass(10);                                                    \
			if (rig_now_ms() > rig_deadline_)                                \
				rig_fail(rig, "waited in vain for: " #condition);        \
		}                                                                        \
	} while (0)
/* For RIG_WAIT, and for holding a fault up for a time. */
void rig_pass(int64_t ms);
/* Fail with what the children said last. */
void rig_fail(const struct rig *rig, const char *format, ...)
	__attribute__((noreturn, format(printf, 2, 3)));
#define RIG_EXPECT(rig, condition)                                                       \
	do {                                                                             \
		if (!(condition))                                                        \
			rig_fail(rig, "%s:%d: %s", __FILE__, __LINE__, #condition);      \
	} while (0)

/* ---- rig_process.c: children ---- */

struct rig_child {
	struct rig *rig;
	pid_t pid;
	char log[320]; /* path of its stderr */
	bool ended;
	int status; /* exit status, or 128 + signal */
};

/* `weir run PIPELINE ARG...`, ended by NULL; the rig frees it, and kills what still runs. */
struct rig_child *rig_run(struct rig *rig, ...);
/* The same for `weir check` and `weir reset`. */
struct rig_child *rig_check(struct rig *rig, ...);
struct rig_child *rig_reset(struct rig *rig, ...);
/* `weir ARG...` and nothing else. */
struct rig_child *rig_weir(struct rig *rig, ...);
void rig_signal(struct rig_child *child, int number);
/* Has it ended by itself? */
bool rig_ended(struct rig_child *child);
/* Wait for its end: exit status, or 128 + signal. */
int rig_exit(struct rig_child *child);
/* Has it written this to stderr? */
bool rig_says(const struct rig_child *child, const char *text);
/* The line with which it ends when it fails, "weir run: ..."; empty: none. Caller frees. */
char *rig_last_words(const struct rig_child *child);
/* All of its stderr; the caller frees. */
char *rig_stderr(const struct rig_child *child);
void rig_children_kill(struct rig *rig);

/* ---- rig_oracle.c: what is in the topics ---- */

typedef void (*rig_record_fn)(void *opaque, const struct weir_offset *place,
                              const struct weir_message *message);

/*
 * All committed records of a topic, to the high watermarks as they are now. Waits while a
 * transaction is open before them; fails when one does not end.
 *
 * Returns how many there were.
 */
size_t rig_read(struct rig *rig, const char *topic, rig_record_fn record, void *opaque);

/* Sum of the high watermarks: grows with records and markers, committed or not. */
int64_t rig_size(struct rig *rig, const char *topic);
/* Sum of the group's committed offsets; -1 while a transaction holds one back. */
int64_t rig_committed(struct rig *rig);
bool rig_committed_to_end(struct rig *rig);
/* The group's committed offset of one input partition; WEIR_OFFSET_NONE: none or pending. */
int64_t rig_committed_at(struct rig *rig, int32_t partition);
int64_t rig_end(struct rig *rig, const char *topic, int32_t partition);
/* Does an open transaction hold back readers of this topic? */
bool rig_transaction_open(struct rig *rig, const char *topic);

struct rig_audit {
	size_t ids;        /* in the input */
	size_t lost;       /* of those, in no output */
	size_t repeated;   /* records too many, outputs and dead letters together */
	size_t foreign;    /* in an output, not in the input */
	size_t disordered; /* first comings that stand before one of an earlier offset */
	size_t dead;       /* records in the dead-letter topic */
};
void rig_audit(struct rig *rig, struct rig_audit *audit);

/* Audit and demand; all input is committed. The counts are printed. */
void rig_expect_exactly_once(struct rig *rig);
void rig_expect_at_least_once(struct rig *rig);
void rig_expect_at_most_once(struct rig *rig);
void rig_expect_guarantee(struct rig *rig); /* the rig's own */

/* ---- rig_admin.c: what weir itself never does to a cluster ---- */

void rig_delete_records(const char *topic, int32_t partition, int64_t before);
void rig_topic_set(const char *topic, const char *name, const char *value);
void rig_topic_delete(const char *topic);
/* Properties with which the rig reaches its cluster. */
void rig_properties(struct weir_properties *properties);

/* ---- rig_acl.c: rights of the user "guest", with --secure ---- */

/*
 * Give and take one, and wait until the broker goes by it: `what` is "topic", "group" or
 * "transaction", `name` may end with * for all names that begin so, `right` "read", ...
 */
void rig_allow(const char *what, const char *name, const char *right);
void rig_deny(const char *what, const char *name, const char *right);

#endif
