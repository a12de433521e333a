/*
 * Making a producer ready: how large its topics let messages be, and init_transactions.
 *
 * The limits are asked from the topics before the first message, because the broker refuses
 * a whole batch when it is larger than its topic allows. The session's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>

#include <broker/kafka_private.h>

/* Kafka's default max.message.bytes, and librdkafka's default batch.size. */
#define STANDARD_MESSAGE_BYTES 1048588
#define STANDARD_BATCH_BYTES 1000000

/* Kafka's limit is on the batch: its header, and at most so much around one record. */
#define BATCH_HEADER_BYTES 61
#define RECORD_OVERHEAD_BYTES 36
#define OVERHEAD_BYTES (BATCH_HEADER_BYTES + RECORD_OVERHEAD_BYTES)

/* librdkafka sizes a batch by estimate; this much stays free. */
#define BATCH_MARGIN_BYTES 256

void
weir__kafka_producer_assume_limits(struct kafka_producer *producer)
{
	for (size_t i = 0; i < producer->output_count; i++)
		producer->outputs[i].max_bytes = STANDARD_MESSAGE_BYTES - OVERHEAD_BYTES;
	producer->message_bytes = STANDARD_MESSAGE_BYTES;
	producer->batch_bytes = STANDARD_BATCH_BYTES;
}

/* The user's own value, or weir's. */
static size_t
value_of(const struct kafka_producer *producer, const char *property, size_t otherwise)
{
	const char *text =
		weir__properties_get(&producer->session->producer_properties, property);
	size_t own = text ? (size_t)strtoull(text, NULL, 10) : 0;

	return own > 0 ? own : otherwise;
}

static size_t
smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * What the topic takes, and what fits: a message larger than the whole queue would wait for
 * room in it for ever. A topic may be set to take more than librdkafka can be set to.
 */
static size_t
limit_of(const struct kafka_producer *producer, int64_t topic_bytes)
{
	size_t bytes = topic_bytes > 0 ? (size_t)topic_bytes : STANDARD_MESSAGE_BYTES;

	bytes = smaller(bytes, value_of(producer, "message.max.bytes",
	                                KAFKA_LARGEST_MESSAGE_BYTES));
	return smaller(bytes, value_of(producer, "queue.buffering.max.kbytes",
	                               KAFKA_QUEUE_KBYTES) *
	                              1024);
}

/* Take over what the topics say. True if the handle has to be made anew for it. */
static bool
take_limits(struct kafka_producer *producer, const struct kafka_topic_settings *settings)
{
	size_t smallest = STANDARD_BATCH_BYTES + BATCH_MARGIN_BYTES;
	size_t largest = STANDARD_MESSAGE_BYTES;
	size_t batch_bytes;

	for (size_t i = 0; i < producer->output_count; i++) {
		size_t bytes = limit_of(producer, settings[i].max_message_bytes);

		producer->outputs[i].max_bytes =
			bytes > OVERHEAD_BYTES ? bytes - OVERHEAD_BYTES : 0;
		smallest = bytes < smallest ? bytes : smallest;
		largest = bytes > largest ? bytes : largest;
	}
	batch_bytes = smallest > 2 * BATCH_MARGIN_BYTES ? smallest - BATCH_MARGIN_BYTES
	                                                : smallest / 2 + 1;
	producer->knows_limits = true;
	if (batch_bytes == producer->batch_bytes && largest == producer->message_bytes)
		return false;
	producer->batch_bytes = batch_bytes;
	producer->message_bytes = largest;
	return true;
}

static enum weir_outcome
judge_topic(struct kafka_producer *producer, const struct kafka_output *output,
            rd_kafka_resp_err_t code, struct weir_error *error)
{
	if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
		if (weir__kafka_may_be_new(&producer->unknown_since_ms, producer->client->clock))
			return WEIR_AGAIN;
		weir__kafka_error_set(error, code, output->topic,
		                      "this output topic does not exist");
		return WEIR_FATAL;
	}
	/* Not being allowed to see the settings is no fault: sending is another right. */
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		weir__log(producer->client->logger, WEIR_LOG_INFO,
		          "largest message not known, assuming the default topic=%s reason=\"%s\"",
		          output->topic, rd_kafka_err2str(code));
	return WEIR_SUCCESS;
}

static enum weir_outcome
ask_limits(struct kafka_producer *producer, int timeout_ms, struct weir_error *error)
{
	size_t count = producer->output_count;
	const char **topics = weir__calloc(count, sizeof(*topics));
	struct kafka_topic_settings *settings = weir__calloc(count, sizeof(*settings));
	enum weir_outcome outcome = WEIR_SUCCESS;
	rd_kafka_resp_err_t code;

	for (size_t i = 0; i < count; i++)
		topics[i] = producer->outputs[i].topic;
	code = weir__kafka_topic_settings(producer->client->rk, topics, count, settings,
	                                  timeout_ms);
	weir__kafka_producer_serve(producer);
	/* A cluster that cannot tell its topics' settings. */
	if (code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE)
		code = RD_KAFKA_RESP_ERR_NO_ERROR;
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		outcome = weir__kafka_take_code(KAFKA_STEP_QUERY, code,
		                                "cannot read the outputs' settings", error);
	for (size_t i = 0; i < count && outcome == WEIR_SUCCESS; i++)
		outcome = judge_topic(producer, &producer->outputs[i], settings[i].code, error);
	if (outcome == WEIR_AGAIN) /* the answer may have come at once */
		weir__kafka_wait(timeout_ms < 100 ? timeout_ms : 100);
	if (outcome == WEIR_SUCCESS && take_limits(producer, settings))
		outcome = weir__kafka_producer_replace(producer, error);
	free(topics);
	free(settings);
	return outcome;
}

static enum weir_outcome
init_transactions(struct kafka_producer *producer, int timeout_ms, struct weir_error *error)
{
	enum weir_outcome outcome;
	rd_kafka_error_t *failure;

	failure = rd_kafka_init_transactions(producer->client->rk,
	                                     timeout_ms < 100 ? 100 : timeout_ms);
	weir__kafka_producer_serve(producer);
	outcome = weir__kafka_take_error(KAFKA_STEP_INIT, failure,
	                                 producer->session->config.transactional_id, error);
	/* Fenced while it was not even ready: its handle is dead, the next one fences back. */
	if (outcome == WEIR_UNKNOWN || outcome == WEIR_ABORT) {
		if (weir__kafka_producer_replace(producer, error) != WEIR_SUCCESS)
			return WEIR_FATAL;
		if (error)
			*error = (struct weir_error){0};
		return WEIR_AGAIN;
	}
	if (outcome == WEIR_SUCCESS)
		producer->is_initialised = true;
	return outcome;
}

enum weir_outcome
weir__kafka_producer_init(struct kafka_producer *producer, int timeout_ms,
                          struct weir_error *error)
{
	enum weir_outcome outcome = WEIR_SUCCESS;

	if (!producer->knows_limits)
		outcome = ask_limits(producer, timeout_ms, error);
	if (outcome == WEIR_SUCCESS && producer->is_transactional && !producer->is_initialised)
		outcome = init_transactions(producer, timeout_ms, error);
	if (outcome != WEIR_AGAIN)
		return outcome;
	weir__kafka_client_watch(producer->client);
	return weir__kafka_client_refused(producer->client, error) ? WEIR_FATAL : WEIR_AGAIN;
}
