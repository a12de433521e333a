/*
 * What the files of the embedded broker share. The broker's side (logs, groups,
 * transaction coordinator) never points to a session, as a real broker knows its clients
 * by their ids only: so a session can end at any moment without a word.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_BROKER_MEMORY_PRIVATE_H
#define WEIR_BROKER_MEMORY_PRIVATE_H

#include <base/alloc.h>
#include <base/units.h>
#include <broker/memory.h>

/* What a record weighs beside its bytes: batch header, lengths, deltas (Kafka's v2 format). */
#define WEIR_MEMORY_OVERHEAD 82
#define WEIR_MEMORY_HEADER_OVERHEAD 10

/* ---- logs ---- */

enum weir_memory_span_state { WEIR_SPAN_OPEN, WEIR_SPAN_COMMITTED, WEIR_SPAN_ABORTED };

/* The records of one transaction in one partition. */
struct weir_memory_span {
	struct weir_memory_span *previous, *next; /* open ones of the log, by first offset */
	int64_t first;
	enum weir_memory_span_state state;
	unsigned refs; /* its records, and 1 while open */
};

/* A record or control marker; one block with all its bytes. */
struct weir_memory_record {
	struct weir_message message;
	struct weir_memory_span *span; /* NULL: not of a transaction */
	size_t size;                   /* as max.message.bytes counts */
	unsigned refs;
	bool marker;
};

/* What a partition knows of a transactional producer. */
struct weir_memory_writer {
	struct weir_memory_writer *next;
	int64_t producer_id;
	int32_t epoch;
	struct weir_memory_span *span; /* open here, or NULL */
};

/*
 * A partition. Every offset from low to high is taken, by a record or a marker: record
 * `offset` is ring[offset % capacity].
 */
struct weir_memory_log {
	struct weir_memory_topic *topic;
	int32_t id;
	size_t index; /* among all logs: where groups keep its offset */
	struct weir_memory_record **ring;
	size_t capacity; /* power of two */
	int64_t low, high;
	struct weir_memory_span *open_first, *open_last;
	struct weir_memory_writer *writers;
	uint64_t refused; /* the drain in which a batch for it was refused */
};

struct weir_memory_topic {
	char *name;
	int32_t partition_count;
	struct weir_memory_log **logs;
	size_t max_message_bytes;
	int32_t replication;
	int64_t min_insync;
	int64_t delete_retention_ms;
	bool is_compacted; /* told, not done */
	bool stamps_arrival;
};

/* A copy of `message`, with one reference; a time of -1 becomes `now_ms`. */
struct weir_memory_record *weir__memory_record_new(const struct weir_message *message,
                                                   int64_t now_ms);
void weir__memory_record_release(struct weir_memory_record *record);

struct weir_memory_log *weir__memory_log_new(struct weir_memory_topic *topic, int32_t id,
                                             size_t index);
void weir__memory_log_free(struct weir_memory_log *log);
/* Append; takes `record`; returns its offset. */
int64_t weir__memory_log_append(struct weir_memory_log *log, struct weir_memory_record *record);
/* Append as part of the writer's open transaction, which starts here if there is none. */
int64_t weir__memory_log_write(struct weir_memory_log *log, struct weir_memory_writer *writer,
                               struct weir_memory_record *record);
/* Append the control marker that ends the writer's transaction here. */
void weir__memory_log_mark(struct weir_memory_log *log, struct weir_memory_writer *writer,
                           bool commit);
struct weir_memory_writer *weir__memory_log_writer(struct weir_memory_log *log,
                                                   int64_t producer_id);
void weir__memory_log_delete(struct weir_memory_log *log, int64_t offset);
int64_t weir__memory_log_stable(const struct weir_memory_log *log);
int64_t weir__memory_log_offset_at(const struct weir_memory_log *log, int64_t timestamp_ms);

/* A place from which a log is read. */
struct weir_memory_cursor {
	struct weir_memory_log *log;
	int64_t position;
	int64_t ended; /* the position whose END was told, or -1 */
	bool gap;      /* told that the position is outside the log: nothing until a seek */
};

void weir__memory_cursor_seek(struct weir_memory_cursor *cursor, int64_t offset);
/*
 * RECORD (with *record borrowed and its *offset), END or GAP (*offset: the position; each
 * told once), or IDLE.
 */
enum weir_event_type weir__memory_cursor_next(struct weir_memory_cursor *cursor,
                                              bool read_committed,
                                              struct weir_memory_record **record,
                                              int64_t *offset);

/* ---- groups ---- */

struct weir_memory_member {
	uint64_t id;
	char *instance; /* NULL: dynamic */
	struct weir_memory_topic **topics;
	size_t topic_count;
	int64_t session_timeout_ms; /* 0: none */
	int64_t rebalance_timeout_ms;
	int64_t seen_ms;
	bool joined; /* in the rebalance under way */
	struct weir_memory_log **assigned;
	size_t assigned_count;
	struct weir_memory_log **owned; /* what it joined with: cooperative members only */
	size_t owned_count;
};

struct weir_memory_group_offset {
	int64_t offset;
	char *metadata;
	uint64_t sequence; /* of the commit: the later one wins, also against a late marker */
	unsigned pending;  /* transactions that hold an offset of it */
};

struct weir_memory_group {
	char *name;
	struct weir_memory_member **members;
	size_t member_count;
	int32_t generation;
	bool preparing; /* a rebalance waits for members to join */
	bool withholds; /* partitions are nobody's until their owners give them back */
	int64_t deadline_ms;
	struct weir_memory_group_offset *offsets; /* by index of log */
	size_t offset_count;
	uint64_t sequence;
};

/* How a group sees who asks. */
enum weir_memory_standing {
	WEIR_MEMBER_CURRENT,
	WEIR_MEMBER_STALE,   /* a member, of an older generation */
	WEIR_MEMBER_UNKNOWN, /* none, or no longer */
	WEIR_MEMBER_FENCED   /* another one has its group instance */
};

struct weir_memory_session;

struct weir_memory_group *weir__memory_group_get(struct weir_memory *memory, const char *name);
void weir__memory_group_free(struct weir_memory_group *group);
struct weir_memory_member *weir__memory_group_find(const struct weir_memory_group *group,
                                                   uint64_t id);
/* Join anew: a static member takes over its predecessor's place. Returns the member's id. */
uint64_t weir__memory_group_join(struct weir_memory *memory,
                                 const struct weir_memory_session *session);
/* Join the rebalance under way, as a member that has given up its partitions. */
void weir__memory_group_rejoin(struct weir_memory *memory, struct weir_memory_group *group,
                               struct weir_memory_member *member);
void weir__memory_group_leave(struct weir_memory *memory, struct weir_memory_group *group,
                              uint64_t id);
void weir__memory_group_rebalance(struct weir_memory *memory, struct weir_memory_group *group);
void weir__memory_group_expire(struct weir_memory *memory, struct weir_memory_group *group);
enum weir_memory_standing weir__memory_group_standing(const struct weir_memory_session *session);

struct weir_memory_group_offset *
weir__memory_group_offset(struct weir_memory *memory, struct weir_memory_group *group,
                          const struct weir_memory_log *log);
void weir__memory_group_commit(struct weir_memory *memory, struct weir_memory_group *group,
                               const struct weir_memory_log *log, int64_t offset,
                               const char *metadata, uint64_t sequence);
/*
 * Read committed offsets; metadata is copied into `arena`. SUCCESS, AGAIN while a
 * transaction holds one pending, or FATAL for an unknown topic.
 */
enum weir_outcome weir__memory_group_read(struct weir_memory *memory,
                                          struct weir_memory_group *group,
                                          struct weir_offset *offsets, size_t count,
                                          struct weir_arena *arena, struct weir_error *error);

/* The interface's own calls about a group (memory_offsets.c). */
int weir__memory_offsets_set(struct weir_broker *broker, const char *group,
                             const struct weir_offset *offsets, size_t count, int timeout_ms,
                             struct weir_error *error);
int weir__memory_group_describe(struct weir_broker *broker, const char *group,
                                struct weir_group_info *info, int timeout_ms,
                                struct weir_error *error);

/* ---- transaction coordinator ---- */

enum weir_memory_txn_state {
	WEIR_TXN_EMPTY,
	WEIR_TXN_ONGOING,
	WEIR_TXN_PREPARE_COMMIT,
	WEIR_TXN_PREPARE_ABORT,
	WEIR_TXN_COMPLETE_COMMIT,
	WEIR_TXN_COMPLETE_ABORT
};

/* An offset that waits for its transaction's marker. */
struct weir_memory_pending {
	struct weir_memory_group *group;
	struct weir_memory_log *log;
	int64_t offset;
	char *metadata;
	uint64_t sequence;
};

/* All that is known under one transactional id. */
struct weir_memory_txn {
	char *id;
	int64_t producer_id;
	int32_t epoch;
	enum weir_memory_txn_state state;
	int64_t timeout_ms; /* 0: none */
	int64_t started_ms;
	uint64_t serial; /* of the transaction */
	struct weir_memory_log **logs;
	size_t log_count;
	struct weir_memory_group **groups;
	size_t group_count;
	struct weir_memory_pending *pending;
	size_t pending_count;
	size_t markers_left;
};

/* What the coordinator or a partition answers. */
enum weir_memory_answer {
	WEIR_ANSWER_OK,
	WEIR_ANSWER_CONCURRENT, /* markers of the transaction before are still being written */
	WEIR_ANSWER_FENCED,     /* a newer epoch is in charge */
	WEIR_ANSWER_INVALID     /* no such transaction is open */
};

struct weir_memory_txn *weir__memory_txn_get(struct weir_memory *memory, const char *id);
void weir__memory_txn_free(struct weir_memory_txn *txn);
enum weir_memory_answer weir__memory_txn_init(struct weir_memory *memory,
                                              struct weir_memory_txn *txn, int64_t timeout_ms,
                                              int32_t *epoch);
enum weir_memory_answer weir__memory_txn_add_log(struct weir_memory *memory,
                                                 struct weir_memory_txn *txn, int32_t epoch,
                                                 struct weir_memory_log *log);
enum weir_memory_answer weir__memory_txn_add_group(struct weir_memory *memory,
                                                   struct weir_memory_txn *txn, int32_t epoch,
                                                   struct weir_memory_group *group);
/* Hold an offset until the group's marker; after add_group. */
void weir__memory_txn_hold(struct weir_memory *memory, struct weir_memory_txn *txn,
                           struct weir_memory_group *group, struct weir_memory_log *log,
                           const struct weir_offset *offset);
/* Append to a partition; takes `record` when OK. */
enum weir_memory_answer weir__memory_txn_write(struct weir_memory_txn *txn, int32_t epoch,
                                               struct weir_memory_log *log,
                                               struct weir_memory_record *record,
                                               int64_t *offset);
enum weir_memory_answer weir__memory_txn_end(struct weir_memory *memory,
                                             struct weir_memory_txn *txn, int32_t epoch,
                                             bool commit);
bool weir__memory_txn_is_open(const struct weir_memory_txn *txn);
void weir__memory_txn_expire(struct weir_memory *memory, struct weir_memory_txn *txn);

/* ---- steps the broker has yet to do ---- */

enum weir_memory_step_type {
	WEIR_STEP_MARK_LOG,
	WEIR_STEP_MARK_GROUP,
	WEIR_STEP_LATE_END, /* an EndTxn that was under way for long */
	WEIR_STEP_LATE_SEND /* so a produce request */
};

struct weir_memory_step {
	enum weir_memory_step_type type;
	struct weir_memory_txn *txn; /* LATE_SEND: may be NULL */
	int32_t epoch;
	bool commit;
	uint64_t serial;                   /* LATE_SEND */
	struct weir_memory_log *log;       /* MARK_LOG, LATE_SEND */
	struct weir_memory_group *group;   /* MARK_GROUP */
	struct weir_memory_record *record; /* LATE_SEND */
};

/* Add a step; markers are written at once unless steps are manual. */
void weir__memory_step_add(struct weir_memory *memory, const struct weir_memory_step *step);
/* What txn.c does for its own steps. */
void weir__memory_txn_step(struct weir_memory *memory, struct weir_memory_step *step);

/* ---- the broker ---- */

struct weir_memory {
	struct weir_broker broker; /* first: the interface */
	const struct weir_clock *clock;
	const struct weir_logger *logger;
	int64_t now_ms; /* monotonic, when expiries were last looked at */
	bool manual;
	bool no_expiry;
	bool stamps_arrival; /* what new topics do that are not told */
	size_t queue_messages; /* that a producer holds at most */
	weir_memory_fault_fn fault;
	void *fault_opaque;
	struct weir_memory_topic **topics;
	size_t topic_count;
	size_t log_count;
	struct weir_memory_group **groups;
	size_t group_count;
	struct weir_memory_txn **txns;
	size_t txn_count;
	struct weir_memory_step *steps;
	size_t step_count, step_capacity;
	uint64_t member_ids;  /* given out */
	uint64_t drains;      /* of producers' queues */
	uint64_t deletions;   /* of topics */
	uint64_t timed_out;   /* transactions; for who wants to know that it happened */
	struct weir_arena arena; /* metadata read by the last call of committed */
};

/* Every call begins here: time passes, and without `manual` late requests arrive. */
void weir__memory_enter(struct weir_memory *memory);
struct weir_memory_topic *weir__memory_topic(const struct weir_memory *memory,
                                             const char *name);
/* The log, or NULL with the error that names it. */
struct weir_memory_log *weir__memory_find(const struct weir_memory *memory, const char *topic,
                                          int32_t partition, struct weir_error *error);

/* ---- sessions ---- */

/* A partition handle. */
struct weir_memory_partition {
	struct weir_partition partition; /* first: what the worker sees */
	struct weir_memory_cursor cursor;
	bool paused;
};

/* A message sent that has not reached its partition. */
struct weir_memory_queued {
	struct weir_memory_queued *next;
	struct weir_memory_record *record;
	uint64_t tag;
	int output;
	int32_t partition;
	bool refuse; /* a fault: the broker will refuse its batch */
	bool lose;   /* a fault: its delivery fails */
};

/* What a producer knows of a partition of an output. */
struct weir_memory_target {
	uint64_t added; /* the transaction it was last added to */
	int64_t delivered;
};

struct weir_memory_output {
	char *name;
	struct weir_memory_topic *topic; /* NULL until it exists */
	struct weir_memory_target *targets;
	int32_t target_count;            /* a topic can grow */
	size_t known_max_bytes;          /* as read when the session opened */
	uint32_t turn;                   /* for null keys */
};

#define WEIR_MEMORY_FAILURES 1000

struct weir_memory_producer {
	struct weir_memory_txn *txn; /* NULL: not transactional */
	int64_t timeout_ms;
	int32_t epoch;
	bool ready;          /* init has succeeded */
	bool in_transaction;
	bool registered;     /* the coordinator knows of the transaction */
	bool offsets_sent;   /* a commit that is called again only has to end it */
	bool must_abort;     /* a delivery failed, or the group moved on */
	bool broken;         /* outcome unknown or fenced: only replace helps */
	bool tainted;
	uint64_t serial;     /* counts its transactions */
	struct weir_memory_output *outputs;
	size_t output_count;
	struct weir_memory_queued *first, **last;
	size_t queued;
	struct weir_delivery_failure *failures;
	size_t failure_count, failure_capacity;
};

struct weir_memory_session {
	struct weir_session session; /* first: the interface */
	struct weir_memory *memory;
	char *name;
	struct weir_memory_group *group; /* NULL: none was named */
	char *instance;
	char **inputs;
	size_t input_count;
	struct weir_memory_topic **topics; /* of inputs, once subscribed */
	int64_t session_timeout_ms;
	int64_t rebalance_timeout_ms;
	bool read_committed;
	bool subscribed;
	bool cooperative;
	uint64_t member; /* 0: none */
	int32_t generation;
	struct weir_partition **partitions;
	size_t partition_count;
	size_t turn;                     /* the partition to look at first */
	enum weir_event_type pending;    /* a rebalance event not answered, or IDLE */
	struct weir_partition **concerned; /* by that event */
	size_t concerned_count;
	struct weir_memory_record *held; /* the record given last */
	struct weir_error failure;
	struct weir_arena arena;
	struct weir_memory_producer producer;
};

struct weir_session *weir__memory_session_open(struct weir_broker *broker,
                                               const struct weir_session_config *config,
                                               struct weir_error *error);
struct weir_reader *weir__memory_reader_open(struct weir_broker *broker,
                                             const struct weir_offset *places, size_t count,
                                             bool read_committed, struct weir_error *error);

/* Every call of a session begins here; counts as a heartbeat. */
struct weir_memory_session *weir__memory_session_enter(struct weir_session *base);
/* FATAL: a call that makes no sense at this point. */
enum weir_outcome weir__memory_misuse(struct weir_error *error, const char *why);
/* Has the group something against offsets of this session? SUCCESS, ABORT or FENCED. */
enum weir_outcome weir__memory_check_member(const struct weir_memory_session *session,
                                            struct weir_error *error);

/* ---- rebalances (memory_rebalance.c) ---- */

/* The event that is due, FAILED when fenced, or IDLE. */
enum weir_event_type weir__memory_rebalance_due(struct weir_memory_session *session);
enum weir_outcome weir__memory_answer(struct weir_session *, struct weir_error *);

/* ---- the session's producer (memory_producer.c, memory_commit.c) ---- */

void weir__memory_producer_open(struct weir_memory_session *session,
                                const struct weir_session_config *config);
void weir__memory_producer_close(struct weir_memory_session *session);
/* Let queued messages reach their partitions: SUCCESS, AGAIN, UNKNOWN. */
enum weir_outcome weir__memory_producer_drain(struct weir_memory_session *session);

/* Drop what is queued. */
void weir__memory_producer_purge(struct weir_memory_producer *producer);
/* Nothing more can be done with this producer: UNKNOWN. */
enum weir_outcome weir__memory_give_up(struct weir_memory_producer *producer,
                                       struct weir_error *error, const char *why);

enum weir_outcome weir__memory_init(struct weir_session *, int timeout_ms, struct weir_error *);
enum weir_outcome weir__memory_begin(struct weir_session *, struct weir_error *);
enum weir_outcome weir__memory_send(struct weir_session *, int output,
                                    const struct weir_message *, uint64_t tag, int timeout_ms,
                                    struct weir_error *);
enum weir_outcome weir__memory_commit(struct weir_session *, const struct weir_offset *,
                                      size_t count, int timeout_ms, struct weir_error *);
enum weir_outcome weir__memory_abort(struct weir_session *, int timeout_ms,
                                     struct weir_error *);
enum weir_outcome weir__memory_flush(struct weir_session *, int timeout_ms,
                                     struct weir_error *);
size_t weir__memory_failures(struct weir_session *, struct weir_delivery_failure *, size_t max);
int64_t weir__memory_delivered(struct weir_session *, int output, int32_t partition);
size_t weir__memory_max_message_bytes(struct weir_session *, int output);
enum weir_outcome weir__memory_replace(struct weir_session *, struct weir_error *);

/* Kafka's hash of keys, as Java producers compute it. */
uint32_t weir__memory_murmur2(const void *data, size_t size);
/* Where a message with this key goes; with a null key by that number. */
int32_t weir__memory_partition_of(const struct weir_memory_topic *topic,
				  const struct weir_bytes *key, uint32_t without_key);

/* ---- faults (memory_fault.c) ---- */

/*
 * Ask the hook. A fault that makes no sense for `op` comes back as the nearest that does:
 * what cannot say UNKNOWN says AGAIN, the rest is no fault.
 */
enum weir_memory_fault weir__memory_fault_ask(const struct weir_memory_session *session,
                                              enum weir_memory_op op);
/*
 * Does the fault end the operation before it happens? Then *outcome and *error say how.
 */
bool weir__memory_fault_stops(enum weir_memory_fault fault, enum weir_outcome *outcome,
                              struct weir_error *error);

#endif
