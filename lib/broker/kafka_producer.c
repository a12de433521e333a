/*
 * A session's producer: its making and replacing, sending, and what became of messages.
 *
 * send is the hot path: topic handles are made at open (the first message to an unknown
 * topic waits for metadata), headers only where there are any. A producer is replaced when
 * it is tainted, fenced or fatal: the old handle is thrown away with all that it had in
 * flight, the outputs stay. The session's thread; delivery reports come on it too.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <broker/kafka_private.h>

/* Reports are served once in so many sends: serving takes a lock. */
#define SENDS_BETWEEN_SERVES 256

/*
 * Is it for what the messages are? Their size; their time (the topic's
 * message.timestamp.after.max.ms); a key that is missing, on a compacted topic.
 */
static bool
is_refusal(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
	       code == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE ||
	       code == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP ||
	       code == RD_KAFKA_RESP_ERR_INVALID_RECORD;
}

void
weir__kafka_failure_add(struct kafka_producer *producer, uint64_t tag, int output,
                        rd_kafka_resp_err_t code)
{
	const char *right = weir__kafka_missing_right(code);
	struct weir_delivery_failure *failure;
	enum weir_outcome outcome =
		weir__kafka_outcome(KAFKA_STEP_SEND, weir__kafka_fault_code(code));

	producer->has_gap = producer->is_transactional;
	if (producer->failure_count == KAFKA_MAX_FAILURES)
		return;
	if (!producer->failures)
		producer->failures = weir__alloc(KAFKA_MAX_FAILURES * sizeof(*failure));
	failure = &producer->failures[producer->failure_count++];
	failure->tag = tag;
	failure->output = output;
	/* The broker checks the whole batch, so all its messages come with this: they are
	 * suspects, not all guilty. */
	failure->refused = is_refusal(code);
	failure->outcome = outcome == WEIR_FATAL ? WEIR_FATAL : WEIR_ABORT;
	snprintf(failure->reason, sizeof(failure->reason), "%s: %s%s%s",
	         weir__kafka_object(&producer->session->config, code,
	                            producer->outputs[output].topic),
	         rd_kafka_err2str(code), right ? "; missing: " : "", right ? right : "");
}

static void
note_delivered(struct kafka_output *output, int32_t partition, int64_t offset)
{
	if (partition < 0)
		return;
	if (partition >= output->partition_count) {
		output->delivered = weir__realloc(output->delivered,
		                                  ((size_t)partition + 1) * sizeof(int64_t));
		while (output->partition_count <= partition)
			output->delivered[output->partition_count++] = WEIR_OFFSET_NONE;
	}
	if (offset > output->delivered[partition])
		output->delivered[partition] = offset;
}

void
weir__kafka_delivery_cb(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
	struct kafka_client *client = opaque;
	struct kafka_producer *producer = client->owner;
	struct kafka_output *output = rd_kafka_topic_opaque(message->rkt);

	(void)rk;
	if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
		note_delivered(output, message->partition, message->offset);
		return;
	}
	/* Purged by our own abort or replacement: no failure. */
	if (message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
	    message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
		return;
	weir__kafka_failure_add(producer, (uint64_t)(uintptr_t)message->_private, output->index,
	                        message->err);
}

size_t
weir__kafka_producer_failures(struct kafka_producer *producer,
                              struct weir_delivery_failure *failures, size_t max)
{
	size_t count;

	weir__kafka_producer_serve(producer);
	count = producer->failure_count < max ? producer->failure_count : max;
	if (count == 0)
		return 0;
	memcpy(failures, producer->failures, count * sizeof(*failures));
	producer->failure_count -= count;
	memmove(producer->failures, producer->failures + count,
	        producer->failure_count * sizeof(*failures));
	return count;
}

void
weir__kafka_producer_serve(struct kafka_producer *producer)
{
	producer->sends_unserved = 0;
	rd_kafka_poll(producer->client->rk, 0);
}

static enum weir_outcome
fail_send(struct kafka_producer *producer, struct kafka_output *output, uint64_t tag,
          rd_kafka_resp_err_t code, int timeout_ms, struct weir_error *error)
{
	const struct weir_session_config *config = &producer->session->config;
	enum weir_outcome outcome;
	char text[256];
	rd_kafka_resp_err_t fatal;

	if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
		rd_kafka_poll(producer->client->rk, timeout_ms); /* waits for reports */
		weir__kafka_client_watch(producer->client);
		return WEIR_AGAIN;
	}
	fatal = rd_kafka_fatal_error(producer->client->rk, text, sizeof(text));
	if (fatal != RD_KAFKA_RESP_ERR_NO_ERROR) {
		producer->is_dead = true;
		weir__kafka_error_set(error, fatal,
		                      weir__kafka_object(config, fatal, output->topic), text);
		return weir__kafka_missing_right(fatal) ? WEIR_FATAL : WEIR_UNKNOWN;
	}
	/* librdkafka would commit the transaction without this message. */
	producer->must_abort = producer->is_transactional;
	if (code == RD_KAFKA_RESP_ERR__STATE && producer->phase == KAFKA_PHASE_OPEN) {
		outcome = weir__kafka_transaction_failed(producer, KAFKA_STEP_SEND, error);
		if (outcome == WEIR_FATAL)
			weir__kafka_client_add_complaint(producer->client, error);
		return outcome;
	}
	if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
		weir__kafka_failure_add(producer, tag, output->index, code);
	return weir__kafka_take_code(KAFKA_STEP_SEND, code,
	                             weir__kafka_object(config, code, output->topic), error);
}

static rd_kafka_headers_t *
headers_of(const struct weir_message *message)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new(message->header_count);

	for (size_t i = 0; i < message->header_count; i++) {
		const struct weir_header *header = &message->headers[i];

		rd_kafka_header_add(headers, header->name, -1, header->value.data,
		                    (ssize_t)header->value.size);
	}
	return headers;
}

/*
 * librdkafka takes a timestamp of 0 for "now", in all versions and calls: the next one is
 * nearer to the truth. Said once a process, not once a record.
 */
static int64_t
time_of(const struct kafka_producer *producer, const struct kafka_output *output,
        const struct weir_message *message)
{
	struct kafka_broker *broker = producer->session->broker;

	if (message->timestamp_ms > 0)
		return message->timestamp_ms;
	if (message->timestamp_ms < 0)
		return 0;
	if (!atomic_exchange_explicit(&broker->told_of_zero, true, memory_order_relaxed))
		weir__log(broker->logger, WEIR_LOG_WARNING,
		          "librdkafka cannot send timestamp=0 (1970-01-01), 1 ms is sent "
		          "instead; not said again topic=%s",
		          output->topic);
	return 1;
}

enum part {
	PART_TOPIC,
	PART_FLAGS,
	PART_TAG,
	PART_KEY,
	PART_VALUE,
	PART_TIME,
	PARTS_ALWAYS /* then a partition and headers, where a message has them */
};

/* What is the same for each message of an output. */
static void
prepare_parts(struct kafka_output *output)
{
	rd_kafka_vu_t *parts = output->parts;

	parts[PART_TOPIC].vtype = RD_KAFKA_VTYPE_RKT;
	parts[PART_TOPIC].u.rkt = output->handle;
	parts[PART_FLAGS].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
	parts[PART_FLAGS].u.i = RD_KAFKA_MSG_F_COPY;
	parts[PART_TAG].vtype = RD_KAFKA_VTYPE_OPAQUE;
	parts[PART_KEY].vtype = RD_KAFKA_VTYPE_KEY;
	parts[PART_VALUE].vtype = RD_KAFKA_VTYPE_VALUE;
	parts[PART_TIME].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
}

static rd_kafka_resp_err_t
produce(struct kafka_producer *producer, struct kafka_output *output,
        const struct weir_message *message, uint64_t tag)
{
	rd_kafka_vu_t *parts = output->parts;
	rd_kafka_vu_t *end = parts + PARTS_ALWAYS;
	rd_kafka_headers_t *headers = NULL;
	rd_kafka_resp_err_t code;
	rd_kafka_error_t *failure;

	parts[PART_TAG].u.ptr = (void *)(uintptr_t)tag;
	parts[PART_KEY].u.mem.ptr = (void *)message->key.data;
	parts[PART_KEY].u.mem.size = message->key.size;
	parts[PART_VALUE].u.mem.ptr = (void *)message->value.data;
	parts[PART_VALUE].u.mem.size = message->value.size;
	parts[PART_TIME].u.i64 = time_of(producer, output, message);
	if (message->partition != WEIR_BY_KEY) {
		end->vtype = RD_KAFKA_VTYPE_PARTITION;
		end++->u.i32 = message->partition;
	}
	if (message->header_count > 0) {
		headers = headers_of(message);
		end->vtype = RD_KAFKA_VTYPE_HEADERS;
		end++->u.headers = headers;
	}
	failure = rd_kafka_produceva(producer->client->rk, parts, (size_t)(end - parts));
	if (!failure) {
		producer->is_used = true;
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	}
	/* The headers are librdkafka's only when it took the message. */
	if (headers)
		rd_kafka_headers_destroy(headers);
	code = rd_kafka_error_code(failure);
	rd_kafka_error_destroy(failure);
	return code;
}

enum weir_outcome
weir__kafka_send(struct weir_session *base, int output_index,
                 const struct weir_message *message, uint64_t tag, int timeout_ms,
                 struct weir_error *error)
{
	struct kafka_producer *producer = ((struct kafka_session *)base)->producer;
	struct kafka_output *output = &producer->outputs[output_index];
	rd_kafka_resp_err_t code = produce(producer, output, message, tag);

	if (++producer->sends_unserved >= SENDS_BETWEEN_SERVES)
		weir__kafka_producer_serve(producer);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return WEIR_SUCCESS;
	return fail_send(producer, output, tag, code, timeout_ms, error);
}

enum weir_outcome
weir__kafka_producer_flush(struct kafka_producer *producer, int timeout_ms,
                           struct weir_error *error)
{
	rd_kafka_resp_err_t code = rd_kafka_flush(producer->client->rk, timeout_ms);

	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return WEIR_SUCCESS; /* a fatal error shows in each message's report */
	weir__kafka_client_watch(producer->client);
	if (weir__kafka_client_refused(producer->client, error))
		return WEIR_FATAL;
	return WEIR_AGAIN;
}

static void
close_topics(struct kafka_producer *producer)
{
	for (size_t i = 0; i < producer->output_count; i++) {
		if (producer->outputs[i].handle)
			rd_kafka_topic_destroy(producer->outputs[i].handle);
		producer->outputs[i].handle = NULL;
	}
}

static void
open_topics(struct kafka_producer *producer)
{
	for (size_t i = 0; i < producer->output_count; i++) {
		struct kafka_output *output = &producer->outputs[i];
		/* A topic has one handle: its reports belong to its first output. */
		struct kafka_output *first = &producer->outputs[output->index];
		rd_kafka_topic_conf_t *conf =
			rd_kafka_default_topic_conf_dup(producer->client->rk);

		rd_kafka_topic_conf_set_opaque(conf, first);
		output->handle = rd_kafka_topic_new(producer->client->rk, output->topic, conf);
		prepare_parts(output);
	}
}

static int
make_client(struct kafka_producer *producer, struct weir_error *error)
{
	struct kafka_session *session = producer->session;
	struct kafka_broker *broker = session->broker;
	rd_kafka_conf_t *conf =
		weir__kafka_conf_producer(broker, &session->config, producer->batch_bytes,
	                                  producer->message_bytes, error);

	if (!conf)
		return WEIR_EINVALID;
	producer->client =
		weir__kafka_client_new(RD_KAFKA_PRODUCER, conf, session->config.name, "producer",
	                               broker->logger, broker->clock, producer, error);
	if (!producer->client)
		return WEIR_EINVALID;
	open_topics(producer);
	return 0;
}

/*
 * Purged first, and without serving: destroying must not wait for messages on their way.
 * Requests already sent may still act at the broker; the next init_transactions of the
 * same id fences them.
 */
static void
drop_client(struct kafka_producer *producer)
{
	if (!producer->client)
		return;
	rd_kafka_purge(producer->client->rk, RD_KAFKA_PURGE_F_QUEUE |
	                                             RD_KAFKA_PURGE_F_INFLIGHT |
	                                             RD_KAFKA_PURGE_F_NON_BLOCKING);
	close_topics(producer);
	weir__kafka_client_end(producer->client, KAFKA_END_MS);
	producer->client = NULL;
}

struct kafka_producer *
weir__kafka_producer_open(struct kafka_session *session, struct weir_error *error)
{
	const struct weir_session_config *config = &session->config;
	struct kafka_producer *producer = weir__calloc(1, sizeof(*producer));

	producer->session = session;
	producer->is_transactional = config->transactional_id != NULL;
	producer->outputs = weir__calloc(config->output_count, sizeof(*producer->outputs));
	producer->output_count = config->output_count;
	for (size_t i = 0; i < config->output_count; i++) {
		size_t first = 0;

		while (strcmp(config->outputs[first], config->outputs[i]) != 0)
			first++;
		producer->outputs[i].topic = config->outputs[i];
		producer->outputs[i].index = (int)first;
	}
	weir__kafka_producer_assume_limits(producer);
	if (make_client(producer, error) != 0) {
		weir__kafka_producer_close(producer);
		return NULL;
	}
	return producer;
}

void
weir__kafka_producer_close(struct kafka_producer *producer)
{
	if (!producer)
		return;
	drop_client(producer);
	for (size_t i = 0; i < producer->output_count; i++)
		free(producer->outputs[i].delivered);
	free(producer->outputs);
	free(producer->failures);
	free(producer);
}

enum weir_outcome
weir__kafka_producer_replace(struct kafka_producer *producer, struct weir_error *error)
{
	/* What was reported so far still tells which records are suspects. */
	if (producer->client)
		weir__kafka_producer_serve(producer);
	drop_client(producer);
	producer->is_initialised = false;
	producer->is_dead = false;
	producer->must_abort = false;
	producer->has_gap = false;
	producer->phase = KAFKA_PHASE_NONE;
	for (size_t i = 0; i < producer->output_count; i++) {
		for (int32_t j = 0; j < producer->outputs[i].partition_count; j++)
			producer->outputs[i].delivered[j] = WEIR_OFFSET_NONE;
	}
	return make_client(producer, error) == 0 ? WEIR_SUCCESS : WEIR_FATAL;
}
