/*
 * What the files of the Kafka broker share. Nothing outside lib/broker/kafka*.c includes
 * this, nor rdkafka.h.
 *
 * A broker holds properties and one plain client for questions; a session holds a consumer
 * (the group's member) and a producer, each behind a client; a client is one librdkafka
 * handle with the callbacks that every handle needs.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_BROKER_KAFKA_PRIVATE_H
#define WEIR_BROKER_KAFKA_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include <base/alloc.h>
#include <broker/kafka.h>

/* The largest message that librdkafka can be set to, and the producer's queue where the user
 * does not say otherwise. */
#define KAFKA_LARGEST_MESSAGE_BYTES 1000000000
#define KAFKA_QUEUE_KBYTES 131072

/* librdkafka's calls that wait and then forget: with less they would never get an answer. */
#define KAFKA_SHORTEST_WAIT_MS 1000

/* ---- kafka_error.c: codes to outcomes ---- */

/* Which call an error came from: the same code means different things. */
enum kafka_step {
	KAFKA_STEP_INIT,          /* init_transactions */
	KAFKA_STEP_BEGIN,
	KAFKA_STEP_SEND,          /* also delivery reports */
	KAFKA_STEP_OFFSETS,       /* send_offsets_to_transaction: nothing is committed yet */
	KAFKA_STEP_COMMIT,        /* commit_transaction was called: point of no return */
	KAFKA_STEP_ABORT,
	KAFKA_STEP_GROUP_COMMIT,  /* offsets alone, as a member */
	KAFKA_STEP_POLL,          /* consumer errors */
	KAFKA_STEP_QUERY          /* questions: offsets, watermarks, descriptions */
};

/* An error as librdkafka tells it. */
struct kafka_fault {
	rd_kafka_resp_err_t code;
	bool is_fatal;       /* the handle is of no more use */
	bool requires_abort; /* of the transaction */
	bool is_retriable;
};

struct kafka_fault weir__kafka_fault(const rd_kafka_error_t *error);
/* Where there is only a code: it says itself whether trying again can help. */
struct kafka_fault weir__kafka_fault_code(rd_kafka_resp_err_t code);
/* The one translation into what to do. SUCCESS for no error. */
enum weir_outcome weir__kafka_outcome(enum kafka_step step, struct kafka_fault fault);
/* WEIR_EDENIED, WEIR_ENOTFOUND, WEIR_ETIMEOUT, ... */
int weir__kafka_error_code(rd_kafka_resp_err_t code);
/* "the right to ..." that the code says is missing, or NULL. */
const char *weir__kafka_missing_right(rd_kafka_resp_err_t code);
/*
 * What to name in an error of this code: the right that is missing may be to something else
 * than what was asked about. Borrows from both.
 */
const char *weir__kafka_object(const struct weir_session_config *config,
                               rd_kafka_resp_err_t code, const char *otherwise);
/* "what: text", with the missing right where there is one. `what` may be NULL. */
void weir__kafka_error_set(struct weir_error *error, rd_kafka_resp_err_t code, const char *what,
                           const char *text);
/* The same of a call that needs another right to its topic or group than to read or write;
 * NULL: it needs none. */
void weir__kafka_chore_error_set(struct weir_error *error, rd_kafka_resp_err_t code,
                                 const char *what, const char *text, const char *right);
/* Translate, set *error and destroy `failure` (NULL: success). */
enum weir_outcome weir__kafka_take_error(enum kafka_step step, rd_kafka_error_t *failure,
                                         const char *what, struct weir_error *error);
enum weir_outcome weir__kafka_take_code(enum kafka_step step, rd_kafka_resp_err_t code,
                                        const char *what, struct weir_error *error);

/* ---- kafka_client.c: one librdkafka handle and its callbacks ---- */

/* What is known of the way to the brokers; the thread that polls the handle keeps it, and
 * where that are several (weir__kafka_client_explain()), whoever has the client's lock. */
struct kafka_link {
	bool all_down;
	bool refused;          /* a broker did not take our credentials */
	unsigned long answers; /* as it was when the brokers went down */
	int64_t down_since_ms;
	int64_t next_log_ms;
	int64_t log_interval_ms;
	char reason[384];
};

struct kafka_consumer;

struct kafka_client {
	rd_kafka_t *rk;
	char name[96]; /* "worker 0 producer" */
	const struct weir_logger *logger;
	const struct weir_clock *clock;
	void *owner; /* struct kafka_consumer, kafka_producer, kafka_reader, or NULL */
	/* told of errors that belong to no call; NULL: nobody is */
	void (*on_error)(void *owner, int code, const char *reason);
	struct kafka_link link;
	/* written by librdkafka's threads: */
	atomic_bool is_mute; /* set when it is left behind: nothing is logged any more */
	atomic_bool is_tainted;
	atomic_ulong answers;    /* but for those before a connection is of use */
	atomic_ulong handshakes; /* and those */
	atomic_ulong offset_answers; /* to OffsetFetch, whatever they say */
	atomic_ulong end_answers;    /* to EndTxn, likewise */
	atomic_ulong txn_offset_answers; /* to TxnOffsetCommit, likewise */
	pthread_mutex_t complaint_lock;
	char complaint[256]; /* the last log line that says more than its error code */
};

/*
 * Make a handle; takes `conf`, also on failure. `name` and `role` make its name.
 */
struct kafka_client *weir__kafka_client_new(rd_kafka_type_t type, rd_kafka_conf_t *conf,
                                            const char *name, const char *role,
                                            const struct weir_logger *logger,
                                            const struct weir_clock *clock, void *owner,
                                            struct weir_error *error);
void weir__kafka_client_free(struct kafka_client *client);
/* Log how long the brokers have been out of reach, at a bounded rate. */
void weir__kafka_client_watch(struct kafka_client *client);
/* Have the brokers refused our credentials? Then *error says so. */
bool weir__kafka_client_refused(struct kafka_client *client, struct weir_error *error);
/*
 * A client that several threads ask through had no answer in time: poll it, and say in *error
 * what is known of the way to the brokers. FATAL when they refuse our credentials, else AGAIN.
 */
enum weir_outcome weir__kafka_client_explain(struct kafka_client *client, const char *what,
                                             struct weir_error *error);
/* librdkafka's own error does not say which topic it may not write to: add what its log said. */
void weir__kafka_client_add_complaint(struct kafka_client *client, struct weir_error *error);

/* ---- kafka_end.c ---- */

/* A handle ends within a fraction of it, or never. */
#define KAFKA_END_MS 5000

/* Free it, without telling the group; what takes longer than that goes on alone. */
void weir__kafka_client_end(struct kafka_client *client, int timeout_ms);

/* ---- kafka_taint.c ---- */

/* Watch this configuration's handle: sets what of its client librdkafka's threads write. */
void weir__kafka_taint_watch(rd_kafka_conf_t *conf, struct kafka_client *client);
/* Does a request of this kind that got this error leave a producer tainted? */
bool weir__kafka_taints(int16_t api_key, rd_kafka_resp_err_t code);

/* Wait, so that a caller that repeats its call does not spin. */
void weir__kafka_wait(int ms);

/* ---- kafka_config.c ---- */

#define KAFKA_TRANSACTION_TIMEOUT_MS 15000
#define KAFKA_SESSION_TIMEOUT_MS 10000

struct kafka_broker;

rd_kafka_conf_t *weir__kafka_conf_plain(const struct kafka_broker *broker, const char *group,
                                        bool read_committed, struct weir_error *error);
rd_kafka_conf_t *weir__kafka_conf_consumer(const struct kafka_broker *broker,
                                           const struct weir_session_config *config,
                                           struct weir_error *error);
/* `batch_bytes` and `message_bytes`: 0 leaves librdkafka's. The user's win over both. */
rd_kafka_conf_t *weir__kafka_conf_producer(const struct kafka_broker *broker,
                                           const struct weir_session_config *config,
                                           size_t batch_bytes, size_t message_bytes,
                                           struct weir_error *error);

/* ---- kafka_record.c ---- */

/* Room for the headers of one record at a time; zero-initialised is empty, free items. */
struct kafka_headers {
	struct weir_header *items;
	size_t capacity;
};

void weir__kafka_headers_take(rd_kafka_headers_t *headers, struct kafka_headers *room,
                              struct weir_message *message);

/* What librdkafka gives becomes a message, all of which borrows from `record` and `room`. */
static inline void
weir__kafka_record_take(const rd_kafka_message_t *record, struct kafka_headers *room,
                        struct weir_message *message)
{
	rd_kafka_headers_t *headers;

	*message = (struct weir_message){
		.key = {record->key, record->key_len},
		.value = {record->payload, record->len},
		.timestamp_ms = rd_kafka_message_timestamp(record, NULL),
		.partition = WEIR_BY_KEY,
	};
	if (rd_kafka_message_headers(record, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
		weir__kafka_headers_take(headers, room, message);
}

/* ---- kafka_consumer.c, kafka_partition.c, kafka_offsets.c ---- */

struct kafka_partition {
	struct weir_partition base;
	int64_t position;    /* behind the last record given */
	int64_t assigned_at; /* where librdkafka was last told to start */
	bool is_paused;      /* told to librdkafka; see weir__kafka_pause() */
	bool is_consumed;    /* a record was given since `assigned_at` */
	bool is_committed;   /* the group has an offset of it */
	bool is_stopped;     /* librdkafka gave up fetching it (GAP) */
};

struct kafka_consumer {
	struct kafka_client *client;
	struct kafka_session *session;
	rd_kafka_topic_t **topics; /* keep the topics' handles alive; see find_partition() */
	size_t topic_count;
	rd_kafka_message_t *held; /* what the last event borrows from */
	struct kafka_headers headers;

	struct kafka_partition **partitions; /* owned now, and those of `event` */
	size_t partition_count;
	/* the partition of the last record, by librdkafka's own pointer */
	const rd_kafka_topic_t *last_topic;
	int32_t last_id;
	struct kafka_partition *last;

	/* the rebalance that waits for an answer; IDLE: none */
	enum weir_event_type rebalance;
	rd_kafka_topic_partition_list_t *rebalance_list;
	struct weir_partition **rebalance_partitions;
	bool is_closing;
	bool is_forgotten; /* the handle is of no more use: poll makes another, see there */

	/* commit_offsets() in flight; its list is kept, to know it again */
	rd_kafka_queue_t *commit_queue;
	rd_kafka_topic_partition_list_t *commit_list;

	rd_kafka_topic_t *missing_topic; /* of `topics`; NULL: none is missing */
	int64_t unknown_since_ms; /* it */
	bool was_missing; /* one of those that were read; see weir__kafka_missing_note() */
	int64_t next_error_log_ms;

	enum weir_outcome failure; /* SUCCESS: none; else poll gives FAILED */
	struct weir_error error;
};

struct kafka_consumer *weir__kafka_consumer_open(struct kafka_session *session,
                                                 struct weir_error *error);
void weir__kafka_consumer_close(struct kafka_consumer *consumer);
enum weir_outcome weir__kafka_consumer_subscribe(struct kafka_consumer *consumer,
                                                 struct weir_error *error);
void weir__kafka_consumer_poll(struct kafka_consumer *consumer, int timeout_ms,
                               struct weir_event *event);
/* Remember a failure for poll: the first one stays. */
void weir__kafka_consumer_fail(struct kafka_consumer *consumer, enum weir_outcome outcome,
                               const char *what, rd_kafka_resp_err_t code, const char *text);
/* Has the consumer become fatal (fenced by a twin)? Then poll and *error say so. */
enum weir_outcome weir__kafka_consumer_check(struct kafka_consumer *consumer,
                                             struct weir_error *error);

/* ---- kafka_missing.c ---- */

/*
 * A topic was just said to be unknown. A new one is not known to every broker at once, so that
 * may be all; true: ask again. *since_ms remembers the first time, 0 is "it was known".
 */
bool weir__kafka_may_be_new(int64_t *since_ms, const struct weir_clock *clock);
/* An input topic of this name is said to be missing. */
void weir__kafka_missing_note(struct kafka_consumer *consumer, const char *name, size_t size);
/* Is it? Then the consumer fails. */
void weir__kafka_missing_check(struct kafka_consumer *consumer);
/* Must a commit wait until that is known? Has waited, then. */
bool weir__kafka_missing_holds(struct kafka_consumer *consumer, int timeout_ms);
void weir__kafka_consumer_error(void *consumer, int code, const char *reason);

void weir__kafka_rebalance_cb(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                              rd_kafka_topic_partition_list_t *list, void *opaque);
/* Make the waiting rebalance an event. */
void weir__kafka_rebalance_event(struct kafka_consumer *consumer, struct weir_event *event);
enum weir_outcome weir__kafka_rebalance_answer(struct kafka_consumer *consumer,
                                               struct weir_error *error);
/* All partitions are lost, whatever rebalance was waiting. */
void weir__kafka_rebalance_lose_all(struct kafka_consumer *consumer);
struct kafka_partition *weir__kafka_partition_find(struct kafka_consumer *consumer,
                                                   const char *topic, int32_t id);
void weir__kafka_partitions_free(struct kafka_consumer *consumer);
void weir__kafka_pause(struct kafka_consumer *consumer, struct kafka_partition *partition,
                       bool pause);
void weir__kafka_resume(struct kafka_consumer *consumer, struct kafka_partition *partition);
enum weir_outcome weir__kafka_rewind(struct kafka_consumer *consumer,
                                     struct kafka_partition *partition, int64_t offset,
                                     int timeout_ms, struct weir_error *error);

/* The group has these offsets now: those below 0 are none. */
void weir__kafka_note_committed(struct kafka_consumer *consumer,
                                const struct weir_offset *offsets, size_t count);
/* The group metadata a transaction's offsets are sent with. NULL: not a member right now. */
rd_kafka_consumer_group_metadata_t *
weir__kafka_member_metadata(struct kafka_consumer *consumer);
enum weir_outcome weir__kafka_commit_offsets(struct kafka_consumer *consumer,
                                             const struct weir_offset *offsets, size_t count,
                                             int timeout_ms, struct weir_error *error);
rd_kafka_topic_partition_list_t *weir__kafka_offset_list(const struct weir_offset *offsets,
                                                         size_t count);
/* Committed offsets of `group`, which is `rk`'s; metadata goes to `arena`. */
enum weir_outcome weir__kafka_committed(rd_kafka_t *rk, const char *group,
                                        struct weir_offset *offsets, size_t count,
                                        struct weir_arena *arena, int timeout_ms,
                                        struct weir_error *error);

/* ---- kafka_producer.c, kafka_init.c, kafka_transaction.c ---- */

#define KAFKA_MAX_FAILURES 1000

struct kafka_output {
	const char *topic;
	rd_kafka_topic_t *handle;
	int index;              /* of the first output with this topic: its state is there */
	size_t max_bytes;       /* of a message's key, value and headers */
	int64_t *delivered;     /* greatest offset by partition */
	int32_t partition_count;
	rd_kafka_vu_t parts[8]; /* of the message to send */
};

enum kafka_phase {
	KAFKA_PHASE_NONE,     /* no transaction */
	KAFKA_PHASE_OPEN,     /* begun */
	KAFKA_PHASE_COMMIT,   /* its offsets were sent, commit_transaction was called */
	KAFKA_PHASE_ABORT,    /* abort_transaction was called */
	KAFKA_PHASE_UNKNOWN   /* the producer is of no more use */
};

struct kafka_producer {
	struct kafka_client *client;
	struct kafka_session *session;
	struct kafka_output *outputs;
	size_t output_count;
	bool is_transactional;
	bool is_initialised;
	bool is_dead;     /* a fatal error: only replacing helps */
	bool is_used;     /* something was sent in this transaction: EndTxn ends it */
	unsigned long end_answers; /* of the client, when its commit began */
	bool must_abort;  /* a message of this transaction was not even queued */
	bool has_gap;     /* a message of a transaction was refused; see finish() */
	bool knows_limits;
	enum kafka_phase phase;
	size_t batch_bytes;   /* as the handle was made with; 0: librdkafka's */
	size_t message_bytes;
	int64_t unknown_since_ms; /* an output's topic is not known; 0: all are */
	unsigned sends_unserved;
	struct weir_delivery_failure *failures;
	size_t failure_count;
	struct weir_error error; /* of the fatal error */
};

struct kafka_producer *weir__kafka_producer_open(struct kafka_session *session,
                                                 struct weir_error *error);
void weir__kafka_producer_close(struct kafka_producer *producer);
enum weir_outcome weir__kafka_producer_replace(struct kafka_producer *producer,
                                               struct weir_error *error);
/* Before the topics were asked: Kafka's defaults. */
void weir__kafka_producer_assume_limits(struct kafka_producer *producer);
enum weir_outcome weir__kafka_producer_init(struct kafka_producer *producer, int timeout_ms,
                                            struct weir_error *error);
/* The transaction failed while nobody asked (librdkafka: erroneous state). Why? */
enum weir_outcome weir__kafka_transaction_failed(struct kafka_producer *producer,
                                                 enum kafka_step step,
                                                 struct weir_error *error);
/* Serve delivery reports and errors, without waiting. */
void weir__kafka_producer_serve(struct kafka_producer *producer);
enum weir_outcome weir__kafka_send(struct weir_session *session, int output,
                                   const struct weir_message *message, uint64_t tag,
                                   int timeout_ms, struct weir_error *error);
enum weir_outcome weir__kafka_producer_flush(struct kafka_producer *producer, int timeout_ms,
                                             struct weir_error *error);
size_t weir__kafka_producer_failures(struct kafka_producer *producer,
                                     struct weir_delivery_failure *failures, size_t max);
void weir__kafka_delivery_cb(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque);
void weir__kafka_failure_add(struct kafka_producer *producer, uint64_t tag, int output,
                             rd_kafka_resp_err_t code);
enum weir_outcome weir__kafka_begin(struct kafka_producer *producer, struct weir_error *error);
enum weir_outcome weir__kafka_commit(struct kafka_producer *producer,
                                     const struct weir_offset *offsets, size_t count,
                                     int timeout_ms, struct weir_error *error);
enum weir_outcome weir__kafka_abort(struct kafka_producer *producer, int timeout_ms,
                                    struct weir_error *error);

/* ---- kafka_session.c, kafka_reader.c, kafka_admin.c, kafka_chores.c ---- */

/* The session's own copy of what it was opened with: producers are made again from it. */
struct kafka_session {
	struct weir_session base;
	struct kafka_broker *broker;
	struct weir_session_config config;
	struct weir_properties consumer_properties;
	struct weir_properties producer_properties;
	struct kafka_consumer *consumer; /* NULL without inputs */
	struct kafka_producer *producer; /* NULL without outputs */
	struct kafka_client *group_client; /* reads offsets of a group without joining it */
	struct weir_arena arena;           /* owns the strings of `config` */
	struct weir_arena committed_arena; /* metadata of the last committed() */
	int64_t unknown_since_ms;          /* range() of a topic that is not known */
};

struct weir_session *weir__kafka_session_open(struct weir_broker *broker,
                                              const struct weir_session_config *config,
                                              struct weir_error *error);
struct weir_reader *weir__kafka_reader_open(struct weir_broker *broker,
                                            const struct weir_offset *places, size_t count,
                                            bool read_committed, struct weir_error *error);

struct kafka_broker {
	struct weir_broker base;
	struct weir_properties properties;
	const struct weir_logger *logger;
	const struct weir_clock *clock;
	/* guards what follows: sessions of several threads ask through it */
	pthread_mutex_t lock;
	struct kafka_client *client; /* made when first needed; reads uncommitted, no group */
	struct weir_arena committed_arena;
	atomic_bool told_of_zero; /* that a timestamp of 0 cannot be sent */
};

/* The plain client; NULL with *error. */
struct kafka_client *weir__kafka_broker_client(struct kafka_broker *broker,
                                               struct weir_error *error);
enum weir_outcome weir__kafka_query_range(struct kafka_broker *broker, const char *topic,
                                          int32_t partition, int64_t *low, int64_t *high,
                                          int timeout_ms, struct weir_error *error);
int weir__kafka_describe(struct weir_broker *broker, const char *const *topics, size_t count,
                         struct weir_cluster_info *info, int timeout_ms,
                         struct weir_error *error);
int weir__kafka_topic_grow(struct weir_broker *broker, const char *topic, int32_t partitions,
                           int timeout_ms, struct weir_error *error);
int weir__kafka_topic_create(struct weir_broker *broker, const char *topic, int32_t partitions,
                             int32_t replication, const struct weir_properties *settings,
                             int timeout_ms, struct weir_error *error);

int weir__kafka_topic_delete(struct weir_broker *base, const char *topic, int timeout_ms,
                             struct weir_error *error);
int weir__kafka_group_describe(struct weir_broker *base, const char *group,
                               struct weir_group_info *info, int timeout_ms,
                               struct weir_error *error);
int weir__kafka_offsets_set(struct weir_broker *base, const char *group,
                            const struct weir_offset *offsets, size_t count, int timeout_ms,
                            struct weir_error *error);

/* Settings of a topic that weir asks for. */
struct kafka_topic_settings {
	rd_kafka_resp_err_t code; /* of the topic */
	int64_t max_message_bytes;
	int64_t min_insync;
	int64_t delete_retention_ms;
	bool is_compacted;
	bool stamps_arrival;
};
/* Ask for the settings of these topics through `rk`. Returns librdkafka's code. */
rd_kafka_resp_err_t weir__kafka_topic_settings(rd_kafka_t *rk, const char *const *topics,
                                               size_t count,
                                               struct kafka_topic_settings *settings,
                                               int timeout_ms);

#endif
