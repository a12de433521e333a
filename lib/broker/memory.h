/*
 * The embedded broker: a log in memory with Kafka's semantics, for `weir pipe`, tests of
 * processors, and the simulation. One thread uses the broker and all its sessions.
 *
 * True to Kafka: partitions with offsets that control markers take too; last stable offset
 * and read_committed; consumer groups with generations and static members; transactional
 * offsets that stay pending until the group's own marker; fencing by producer epoch and by
 * group instance; transaction timeout on the clock; markers that reach each partition and
 * the group as separate steps, in any order.
 *
 * Poll never waits. A session's heartbeats are its calls; its timeouts are those of its
 * config (0: none) and, for rebalances, the consumer property max.poll.interval.ms. With
 * partition.assignment.strategy "cooperative-sticky" only what moves is revoked. Topics
 * take the settings max.message.bytes and min.insync.replicas. What is sent reaches its
 * partition at poll, flush and commit, or when 64 messages wait: what is written to one
 * partition at once is a batch. While the markers of a producer's last transaction are not
 * all written, begin and send still work, flush and commit answer AGAIN.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_BROKER_MEMORY_H
#define WEIR_BROKER_MEMORY_H

#include <broker/broker.h>

struct weir_memory;

/* Where a fault can be put: one value an operation of the interface. */
enum weir_memory_op {
	WEIR_MEMORY_INIT, WEIR_MEMORY_SUBSCRIBE, WEIR_MEMORY_POLL, WEIR_MEMORY_ANSWER,
	WEIR_MEMORY_REWIND, WEIR_MEMORY_BEGIN, WEIR_MEMORY_SEND, WEIR_MEMORY_COMMIT,
	WEIR_MEMORY_ABORT, WEIR_MEMORY_FLUSH, WEIR_MEMORY_COMMIT_OFFSETS, WEIR_MEMORY_COMMITTED,
	WEIR_MEMORY_RANGE, WEIR_MEMORY_REPLACE
};

/*
 * What a fault does to the operation it meets. An operation that cannot answer UNKNOWN
 * answers AGAIN instead (and with LATE nothing comes later); other faults that it cannot
 * show pass it by.
 */
enum weir_memory_fault {
	WEIR_MEMORY_NO_FAULT = 0,
	WEIR_MEMORY_FAIL_AGAIN,   /* nothing happens; AGAIN */
	WEIR_MEMORY_FAIL_ABORT,   /* nothing happens; ABORT (where the operation can say so) */
	WEIR_MEMORY_FAIL_FATAL,   /* nothing happens; FATAL */
	WEIR_MEMORY_UNKNOWN_DONE, /* it happens; UNKNOWN is answered */
	WEIR_MEMORY_UNKNOWN_NOT,  /* it does not happen, nor later; UNKNOWN is answered */
	WEIR_MEMORY_UNKNOWN_LATE, /* UNKNOWN now; the request reaches the broker later (a step) */
	WEIR_MEMORY_TAINT,        /* it happens, after a retry: TAINTED where it can be said */
	WEIR_MEMORY_LOSE_DELIVERY, /* SEND: its delivery fails */
	WEIR_MEMORY_REFUSE_SIZE   /* SEND: the broker refuses its batch as too large */
};

/* Asked at each operation of each session; NULL hook: no faults. */
typedef enum weir_memory_fault (*weir_memory_fault_fn)(void *opaque, const char *session_name,
                                                       enum weir_memory_op op);

/* `clock` and `logger` outlive the broker. */
struct weir_memory *weir__memory_open(const struct weir_clock *clock,
                                      const struct weir_logger *logger);

/* The interface of it; closing it frees all. */
struct weir_broker *weir__memory_broker(struct weir_memory *memory);

void weir__memory_set_fault(struct weir_memory *memory, weir_memory_fault_fn fault, void *opaque);

/*
 * Steps that the broker has yet to do on its own: markers to write (one a partition, one a
 * group), late requests to receive. By default they are done at once (late requests at
 * the next call); with `manual` they wait for weir__memory_step().
 */
void weir__memory_set_manual(struct weir_memory *memory, bool manual);
size_t weir__memory_steps(const struct weir_memory *memory);
/* Do step `index` (below weir__memory_steps()). */
void weir__memory_step(struct weir_memory *memory, size_t index);

/*
 * Do members and transactions time out by the clock (default yes)? A session's heartbeats
 * are its calls, so where one record may take long, and nobody else could take over, as in
 * `weir pipe`, switch it off.
 */
void weir__memory_set_expiry(struct weir_memory *memory, bool expiry);

/*
 * Do topics made from now on give what is sent to them the time of its arrival, as with
 * log.message.timestamp.type LogAppendTime (default no)? Their own setting goes before.
 */
void weir__memory_set_stamping(struct weir_memory *memory, bool stamps);

/* A process dies: its session ends without a word to the broker; free of the handle. */
void weir__memory_session_crash(struct weir_session *session);

/* All groups rebalance now, as if a member had come or gone. */
void weir__memory_rebalance(struct weir_memory *memory);

/*
 * Somebody deletes a topic. Its offsets begin anew when it is made again; readers are told
 * (FAILED, or GAP when it is there again). For topics that no session has open.
 */
void weir__memory_delete_topic(struct weir_memory *memory, const char *topic);

/* Drop records below `offset` (retention); forget a group's offsets (expiry). */
void weir__memory_delete_records(struct weir_memory *memory, const char *topic,
                                 int32_t partition, int64_t offset);
void weir__memory_forget_group(struct weir_memory *memory, const char *group);

/*
 * The topic's largest record (default 1 MiB). A bigger one is refused with its batch.
 * Sessions that are open go on to know the limit of before, so the broker refuses them.
 */
void weir__memory_set_max_message(struct weir_memory *memory, const char *topic, size_t bytes);

/* How many messages a producer holds at most (default 100 000). */
void weir__memory_set_queue(struct weir_memory *memory, size_t messages);

/*
 * Append committed records, as a producer without transactions does; to WEIR_BY_KEY: to the
 * partition of the key, the first when it is null.
 */
int weir__memory_append(struct weir_memory *memory, const char *topic, int32_t partition,
                        const struct weir_message *message);

/* Open transactions now; for oracles. */
size_t weir__memory_open_transactions(const struct weir_memory *memory);

#endif
