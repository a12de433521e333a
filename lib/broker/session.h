/*
 * A session: what one worker knows of Kafka, that is one consumer in a group and one
 * producer, and what each call of theirs comes to. Half of the broker interface
 * (broker/broker.h), which includes it.
 *
 * Every operation that can fail for reasons outside ends in one of the classes of enum
 * weir_outcome, which says what to do; no librdkafka code leaves kafka*.c.
 *
 * A session belongs to one thread. Every call is bounded by its `timeout_ms` (about; 0
 * never waits) and is meant to be stepped: WEIR_AGAIN means "the same call with the same
 * arguments, later".
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_BROKER_SESSION_H
#define WEIR_BROKER_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <broker/message.h>
#include <config/pipeline.h>
#include <config/properties.h>

/* What an operation came to, that is: what to do now. */
enum weir_outcome {
	WEIR_SUCCESS = 0,  /* done */
	WEIR_TAINTED,      /* done; but replace the producer before the next begin, because a
	                      late request of this one could still act (KAFKA-17754) */
	WEIR_AGAIN,        /* not done yet: the same call with the same arguments again */
	WEIR_ABORT,        /* nothing of this batch is or will be committed: abort it */
	WEIR_UNKNOWN,      /* it may be committed, or not, or yet become so; or the producer is
	                      no longer usable: replace it, then read the committed offsets.
	                      Error code WEIR_EFENCED: the producer was fenced, by the broker's
	                      transaction timeout or by a twin; which of them, the consumer
	                      learns within a heartbeat */
	WEIR_FENCED,       /* another instance of the same name took over: stop, never retry */
	WEIR_FATAL         /* going on makes no sense: stop with the error */
};

/* "done", "tainted", ...; static. */
const char *weir__outcome_name(enum weir_outcome outcome);

#define WEIR_OFFSET_NONE (-1) /* no committed offset */

/* Why committed offsets are not told, though the broker answers. */
#define WEIR_HELD_BACK "a transaction that has not ended holds them back"

/* A place in a topic. Topic and metadata are borrowed. */
struct weir_offset {
	const char *topic;
	int32_t partition;
	int64_t offset;       /* or WEIR_OFFSET_NONE */
	const char *metadata; /* with a committed offset; NULL: none. When read: owned by the
	                         session or broker until its next call */
};

/*
 * A partition this session owns, from its ASSIGNED event until the REVOKED or LOST event
 * that names it was answered. The session's memory; `task` is the worker's.
 */
struct weir_partition {
	const char *topic;
	int32_t id;
	int64_t start; /* set by the worker before it answers ASSIGNED: where to read from */
	void *task;
};

enum weir_event_type {
	WEIR_EVENT_IDLE = 0, /* nothing came within the timeout */
	WEIR_EVENT_RECORD,   /* partition, offset, message (borrowed until the next poll) */
	WEIR_EVENT_END,      /* partition has been read to its end for now: `offset` is the
	                        position there, which counts control markers */
	WEIR_EVENT_ASSIGNED, /* partitions: newly given; set `start` of each, then answer */
	WEIR_EVENT_REVOKED,  /* partitions: to give back; finish with them, then answer */
	WEIR_EVENT_LOST,     /* partitions: gone already; drop what is in hand, then answer */
	WEIR_EVENT_GAP,      /* partition's position is outside its log (retention passed it), or
	                        was before a rewind: nothing more comes until the next rewind */
	WEIR_EVENT_FAILED    /* outcome and error: FENCED or FATAL; ABORT never comes here */
};

struct weir_event {
	enum weir_event_type type;
	struct weir_partition *partition;   /* RECORD, END, GAP */
	int64_t offset;                     /* RECORD, END, GAP (the position asked for) */
	struct weir_message message;        /* RECORD */
	struct weir_partition **partitions; /* ASSIGNED, REVOKED, LOST; may be none at all;
	                                       the list is gone when it is answered */
	size_t partition_count;
	enum weir_outcome outcome;          /* FAILED */
	const struct weir_error *error;     /* FAILED; the session's, until the next poll */
};

/* A message that was sent and could not be delivered. */
struct weir_delivery_failure {
	uint64_t tag;              /* as given to send */
	int output;
	bool refused;              /* the broker refused its batch for what is in it: size, time,
	                              a key that is missing; repeating does not help */
	enum weir_outcome outcome; /* ABORT: the batch; FATAL: rights or topic are missing */
	char reason[256];
};

/*
 * What a session is opened with. Everything is borrowed for the call only.
 *
 * Without inputs there is no consumer, without outputs no producer. With a
 * transactional_id the producer is transactional; `guarantee` sets the rest.
 */
struct weir_session_config {
	const char *name;             /* in the log: "worker 0" */
	enum weir_guarantee guarantee;
	const char *group;            /* consumer group */
	const char *group_instance;   /* static member's name; NULL: dynamic member */
	const char *transactional_id; /* NULL: not transactional */
	const char *const *inputs;    /* topics */
	size_t input_count;
	const char *const *outputs;   /* topics; send() names them by index */
	size_t output_count;
	int64_t transaction_timeout_ms;
	int64_t session_timeout_ms;
	const struct weir_properties *consumer; /* may be NULL */
	const struct weir_properties *producer; /* may be NULL */
};

struct weir_session;

/*
 * The calls of a session. See the inline functions below for what each does.
 */
struct weir_session_ops {
	enum weir_outcome (*init)(struct weir_session *, int timeout_ms, struct weir_error *);
	enum weir_outcome (*subscribe)(struct weir_session *, struct weir_error *);
	void (*poll)(struct weir_session *, int timeout_ms, struct weir_event *);
	enum weir_outcome (*answer)(struct weir_session *, struct weir_error *);
	void (*pause)(struct weir_session *, struct weir_partition *);
	void (*resume)(struct weir_session *, struct weir_partition *);
	enum weir_outcome (*rewind)(struct weir_session *, struct weir_partition *, int64_t offset,
	                            int timeout_ms, struct weir_error *);
	enum weir_outcome (*begin)(struct weir_session *, struct weir_error *);
	enum weir_outcome (*send)(struct weir_session *, int output, const struct weir_message *,
	                          uint64_t tag, int timeout_ms, struct weir_error *);
	enum weir_outcome (*commit)(struct weir_session *, const struct weir_offset *, size_t count,
	                            int timeout_ms, struct weir_error *);
	enum weir_outcome (*abort)(struct weir_session *, int timeout_ms, struct weir_error *);
	enum weir_outcome (*flush)(struct weir_session *, int timeout_ms, struct weir_error *);
	size_t (*failures)(struct weir_session *, struct weir_delivery_failure *, size_t max);
	enum weir_outcome (*commit_offsets)(struct weir_session *, const struct weir_offset *,
	                                    size_t count, int timeout_ms, struct weir_error *);
	enum weir_outcome (*committed)(struct weir_session *, struct weir_offset *, size_t count,
	                               int timeout_ms, struct weir_error *);
	enum weir_outcome (*range)(struct weir_session *, const char *topic, int32_t partition,
	                           int64_t *low, int64_t *high, int timeout_ms,
	                           struct weir_error *);
	int64_t (*delivered)(struct weir_session *, int output, int32_t partition);
	size_t (*max_message_bytes)(struct weir_session *, int output);
	enum weir_outcome (*replace)(struct weir_session *, struct weir_error *);
	void (*close)(struct weir_session *);
};

struct weir_session {
	const struct weir_session_ops *ops; /* first member of each implementation */
};

/*
 * Make the producer ready; with a transactional id this fences an older producer of that
 * id and ends its open transaction (so committed offsets are settled afterwards). Comes
 * before subscribe, and after replace. SUCCESS, AGAIN, FENCED or FATAL.
 */
static inline enum weir_outcome
weir__session_init(struct weir_session *session, int timeout_ms, struct weir_error *error)
{
	return session->ops->init(session, timeout_ms, error);
}

/* Join the group for the inputs. SUCCESS or FATAL. */
static inline enum weir_outcome
weir__session_subscribe(struct weir_session *session, struct weir_error *error)
{
	return session->ops->subscribe(session, error);
}

/*
 * Wait for the next event and serve delivery reports. While a rebalance event has not been
 * answered the same event comes again, after all of the timeout.
 */
static inline void
weir__session_poll(struct weir_session *session, int timeout_ms, struct weir_event *event)
{
	session->ops->poll(session, timeout_ms, event);
}

/*
 * Answer the rebalance event that poll gave: take over what was ASSIGNED, from `start` of
 * each, or let go what was REVOKED or LOST (then the handles are gone). SUCCESS, FENCED, FATAL.
 */
static inline enum weir_outcome
weir__session_answer(struct weir_session *session, struct weir_error *error)
{
	return session->ops->answer(session, error);
}

/* No records of this partition until resume; nothing already given is taken back. */
static inline void
weir__session_pause(struct weir_session *session, struct weir_partition *partition)
{
	session->ops->pause(session, partition);
}
static inline void
weir__session_resume(struct weir_session *session, struct weir_partition *partition)
{
	session->ops->resume(session, partition);
}

/*
 * The next record of `partition` shall be the first at or after `offset`; nothing that was
 * fetched before is given any more. Also on a paused partition. SUCCESS, AGAIN or FATAL.
 */
static inline enum weir_outcome
weir__session_rewind(struct weir_session *session, struct weir_partition *partition,
                     int64_t offset, int timeout_ms, struct weir_error *error)
{
	return session->ops->rewind(session, partition, offset, timeout_ms, error);
}

/* Begin a transaction. SUCCESS, UNKNOWN or FATAL. */
static inline enum weir_outcome
weir__session_begin(struct weir_session *session, struct weir_error *error)
{
	return session->ops->begin(session, error);
}

/*
 * Send to output number `output`: bytes are copied. `tag` comes back with a failure. Unless
 * the message names its partition it is murmur2 of the key, as Java producers do.
 *
 * SUCCESS: queued, and what becomes of it shows in commit, flush or failures. AGAIN: the queue
 * is full. ABORT, UNKNOWN, FATAL.
 */
static inline enum weir_outcome
weir__session_send(struct weir_session *session, int output, const struct weir_message *message,
                   uint64_t tag, int timeout_ms, struct weir_error *error)
{
	return session->ops->send(session, output, message, tag, timeout_ms, error);
}

/*
 * Commit the transaction with these offsets of this session's group: flushes, sends the
 * offsets, commits. Without a consumer the transactional id alone fences.
 *
 * SUCCESS; TAINTED: committed, replace the producer; AGAIN; ABORT: not committed (a delivery
 * failed, the group moved on), call abort; UNKNOWN; FENCED; FATAL.
 */
static inline enum weir_outcome
weir__session_commit(struct weir_session *session, const struct weir_offset *offsets,
                     size_t count, int timeout_ms, struct weir_error *error)
{
	return session->ops->commit(session, offsets, count, timeout_ms, error);
}

/*
 * Abort the transaction: nothing of it will ever be seen by read_committed. Never rewinds
 * the consumer. SUCCESS, TAINTED, AGAIN, UNKNOWN, FENCED or FATAL.
 *
 * UNKNOWN also where the coordinator has not heard of the transaction yet, since it was
 * still ending the one before: it refuses the end with INVALID_TXN_STATE (seen with Apache
 * Kafka 4.3.1 and librdkafka 2.0.2, an abort at once behind a commit).
 */
static inline enum weir_outcome
weir__session_abort(struct weir_session *session, int timeout_ms, struct weir_error *error)
{
	return session->ops->abort(session, timeout_ms, error);
}

/* Wait until every message sent is delivered or failed. SUCCESS (see failures), AGAIN, FATAL. */
static inline enum weir_outcome
weir__session_flush(struct weir_session *session, int timeout_ms, struct weir_error *error)
{
	return session->ops->flush(session, timeout_ms, error);
}

/*
 * Take up to `max` delivery failures since the last call. Purged messages of an aborted
 * transaction are none. Of very many only the first 1000 are kept, and the count of the
 * call that takes them is never 0 while there was one.
 */
static inline size_t
weir__session_failures(struct weir_session *session, struct weir_delivery_failure *failures,
                       size_t max)
{
	return session->ops->failures(session, failures, max);
}

/*
 * Commit offsets alone, as a member of the group. SUCCESS; AGAIN; ABORT: refused because the
 * group moved on (the partitions may be another's by now); FENCED; FATAL.
 */
static inline enum weir_outcome
weir__session_commit_offsets(struct weir_session *session, const struct weir_offset *offsets,
                             size_t count, int timeout_ms, struct weir_error *error)
{
	return session->ops->commit_offsets(session, offsets, count, timeout_ms, error);
}

/*
 * Read the group's committed offsets into offsets[].offset and .metadata, waiting out
 * transactions that hold pending ones (require_stable). SUCCESS, AGAIN (*error says so when it
 * is such a transaction, and is untouched when there was no answer) or FATAL.
 */
static inline enum weir_outcome
weir__session_committed(struct weir_session *session, struct weir_offset *offsets, size_t count,
                        int timeout_ms, struct weir_error *error)
{
	return session->ops->committed(session, offsets, count, timeout_ms, error);
}

/*
 * First offset in the log and the offset behind the last (the high watermark, also where
 * transactions are open). SUCCESS, AGAIN or FATAL.
 */
static inline enum weir_outcome
weir__session_range(struct weir_session *session, const char *topic, int32_t partition,
                    int64_t *low, int64_t *high, int timeout_ms, struct weir_error *error)
{
	return session->ops->range(session, topic, partition, low, high, timeout_ms, error);
}

/* Greatest offset delivered by this producer to that partition; WEIR_OFFSET_NONE: none. */
static inline int64_t
weir__session_delivered(struct weir_session *session, int output, int32_t partition)
{
	return session->ops->delivered(session, output, partition);
}

/*
 * Largest message that this output's topic is known to take; known after init. What goes
 * around a message is taken off already; a header counts as name + value + 10.
 */
static inline size_t
weir__session_max_message_bytes(struct weir_session *session, int output)
{
	return session->ops->max_message_bytes(session, output);
}

/*
 * Drop the producer with all that it had in flight, and make a new one of the same
 * transactional id; init comes next. The consumer stays. SUCCESS or FATAL.
 */
static inline enum weir_outcome
weir__session_replace(struct weir_session *session, struct weir_error *error)
{
	return session->ops->replace(session, error);
}

/*
 * Leave: an open transaction is left to its fate, a dynamic member leaves the group, a
 * static one does not (its partitions wait for its return). NULL is fine.
 */
static inline void
weir__session_close(struct weir_session *session)
{
	if (session)
		session->ops->close(session);
}

#endif
