/*
 * A session: the operations of the interface, handed to its consumer and its producer.
 *
 * Knows what to answer where there is only one of the two. The worker's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <stdlib.h>

#include <broker/kafka_private.h>

static struct kafka_session *
of(struct weir_session *base)
{
	return (struct kafka_session *)base;
}

static enum weir_outcome
session_init(struct weir_session *base, int timeout_ms, struct weir_error *error)
{
	struct kafka_session *session = of(base);

	if (!session->producer)
		return WEIR_SUCCESS;
	return weir__kafka_producer_init(session->producer, timeout_ms, error);
}

static enum weir_outcome
session_subscribe(struct weir_session *base, struct weir_error *error)
{
	assert(of(base)->consumer);
	return weir__kafka_consumer_subscribe(of(base)->consumer, error);
}

/* Delivery reports wait while records stream: send, flush and commit serve them, too. */
static void
session_poll(struct weir_session *base, int timeout_ms, struct weir_event *event)
{
	struct kafka_session *session = of(base);
	struct kafka_producer *producer = session->producer;

	if (session->consumer) {
		weir__kafka_consumer_poll(session->consumer, timeout_ms, event);
	} else {
		event->type = WEIR_EVENT_IDLE;
		rd_kafka_poll(producer->client->rk, timeout_ms);
	}
	if (event->type == WEIR_EVENT_RECORD || !producer)
		return;
	weir__kafka_producer_serve(producer);
	if (event->type == WEIR_EVENT_IDLE)
		weir__kafka_client_watch(producer->client);
}

static enum weir_outcome
session_answer(struct weir_session *base, struct weir_error *error)
{
	return weir__kafka_rebalance_answer(of(base)->consumer, error);
}

static void
session_pause(struct weir_session *base, struct weir_partition *partition)
{
	weir__kafka_pause(of(base)->consumer, (struct kafka_partition *)partition, true);
}

static void
session_resume(struct weir_session *base, struct weir_partition *partition)
{
	weir__kafka_resume(of(base)->consumer, (struct kafka_partition *)partition);
}

static enum weir_outcome
session_rewind(struct weir_session *base, struct weir_partition *partition, int64_t offset,
               int timeout_ms, struct weir_error *error)
{
	return weir__kafka_rewind(of(base)->consumer, (struct kafka_partition *)partition, offset,
	                          timeout_ms, error);
}

static enum weir_outcome
session_begin(struct weir_session *base, struct weir_error *error)
{
	return weir__kafka_begin(of(base)->producer, error);
}

static enum weir_outcome
session_commit(struct weir_session *base, const struct weir_offset *offsets, size_t count,
               int timeout_ms, struct weir_error *error)
{
	return weir__kafka_commit(of(base)->producer, offsets, count, timeout_ms, error);
}

static enum weir_outcome
session_abort(struct weir_session *base, int timeout_ms, struct weir_error *error)
{
	return weir__kafka_abort(of(base)->producer, timeout_ms, error);
}

static enum weir_outcome
session_flush(struct weir_session *base, int timeout_ms, struct weir_error *error)
{
	if (!of(base)->producer)
		return WEIR_SUCCESS;
	return weir__kafka_producer_flush(of(base)->producer, timeout_ms, error);
}

static size_t
session_failures(struct weir_session *base, struct weir_delivery_failure *failures, size_t max)
{
	if (!of(base)->producer)
		return 0;
	return weir__kafka_producer_failures(of(base)->producer, failures, max);
}

static enum weir_outcome
session_commit_offsets(struct weir_session *base, const struct weir_offset *offsets,
                       size_t count, int timeout_ms, struct weir_error *error)
{
	assert(of(base)->consumer); /* only a member may */
	return weir__kafka_commit_offsets(of(base)->consumer, offsets, count, timeout_ms, error);
}

/* Without a consumer: a client of the group's name that never joins (weir produce --source). */
static struct kafka_client *
group_client(struct kafka_session *session, struct weir_error *error)
{
	rd_kafka_conf_t *conf;

	if (session->consumer)
		return session->consumer->client;
	if (session->group_client)
		return session->group_client;
	conf = weir__kafka_conf_plain(session->broker, session->config.group, true, error);
	if (!conf)
		return NULL;
	session->group_client = weir__kafka_client_new(
		RD_KAFKA_CONSUMER, conf, session->config.name, "offsets", session->broker->logger,
		session->broker->clock, NULL, error);
	return session->group_client;
}

/* What its group's coordinator refuses to tell comes by its queue, and as silence else. */
static enum weir_outcome
take_group_error(const struct kafka_session *session, struct kafka_client *client,
                 struct weir_error *error)
{
	rd_kafka_message_t *message = rd_kafka_consumer_poll(client->rk, 0);
	enum weir_outcome outcome = WEIR_AGAIN;

	if (message && weir__kafka_missing_right(message->err))
		outcome = weir__kafka_take_code(
			KAFKA_STEP_QUERY, message->err,
			weir__kafka_object(&session->config, message->err,
			                   "cannot read committed offsets"),
			error);
	if (message)
		rd_kafka_message_destroy(message);
	return outcome;
}

static enum weir_outcome
session_committed(struct weir_session *base, struct weir_offset *offsets, size_t count,
                  int timeout_ms, struct weir_error *error)
{
	struct kafka_session *session = of(base);
	struct kafka_client *client = group_client(session, error);
	enum weir_outcome outcome;

	if (!client)
		return WEIR_FATAL;
	outcome = weir__kafka_committed(client->rk, session->config.group, offsets, count,
	                                &session->committed_arena, timeout_ms, error);
	if (outcome == WEIR_SUCCESS && session->consumer)
		weir__kafka_note_committed(session->consumer, offsets, count);
	/* A consumer's own errors come by its poll. */
	if (outcome != WEIR_AGAIN || client != session->group_client)
		return outcome;
	rd_kafka_poll(client->rk, 0);
	weir__kafka_client_watch(client);
	if (weir__kafka_client_refused(client, error))
		return WEIR_FATAL;
	return take_group_error(session, client, error);
}

static enum weir_outcome
session_range(struct weir_session *base, const char *topic, int32_t partition, int64_t *low,
              int64_t *high, int timeout_ms, struct weir_error *error)
{
	struct kafka_session *session = of(base);
	struct weir_error own = {0};
	enum weir_outcome outcome = weir__kafka_query_range(session->broker, topic, partition,
	                                                    low, high, timeout_ms, &own);

	if (outcome == WEIR_FATAL && own.code == WEIR_ENOTFOUND) {
		if (weir__kafka_may_be_new(&session->unknown_since_ms, session->broker->clock)) {
			weir__kafka_wait(timeout_ms < 100 ? timeout_ms : 100);
			return WEIR_AGAIN;
		}
	} else {
		session->unknown_since_ms = 0;
	}
	if (outcome != WEIR_SUCCESS && outcome != WEIR_AGAIN)
		weir_error_set(error, own.code, "%s", own.message);
	return outcome;
}

static int64_t
session_delivered(struct weir_session *base, int output, int32_t partition)
{
	struct kafka_producer *producer = of(base)->producer;
	const struct kafka_output *first =
		&producer->outputs[producer->outputs[output].index];

	if (partition < 0 || partition >= first->partition_count)
		return WEIR_OFFSET_NONE;
	return first->delivered[partition];
}

static size_t
session_max_message_bytes(struct weir_session *base, int output)
{
	return of(base)->producer->outputs[output].max_bytes;
}

static enum weir_outcome
session_replace(struct weir_session *base, struct weir_error *error)
{
	if (!of(base)->producer)
		return WEIR_SUCCESS;
	return weir__kafka_producer_replace(of(base)->producer, error);
}

/* The producer goes first: its open transaction, if any, is left to its timeout or to the
 * next init of the same id, and must not see the group move on before. */
static void
session_close(struct weir_session *base)
{
	struct kafka_session *session = of(base);

	weir__kafka_producer_close(session->producer);
	weir__kafka_consumer_close(session->consumer);
	weir__kafka_client_free(session->group_client);
	weir__properties_fini(&session->consumer_properties);
	weir__properties_fini(&session->producer_properties);
	weir__arena_fini(&session->arena);
	weir__arena_fini(&session->committed_arena);
	free(session);
}

static const struct weir_session_ops ops = {
	.init = session_init,
	.subscribe = session_subscribe,
	.poll = session_poll,
	.answer = session_answer,
	.pause = session_pause,
	.resume = session_resume,
	.rewind = session_rewind,
	.begin = session_begin,
	.send = weir__kafka_send,
	.commit = session_commit,
	.abort = session_abort,
	.flush = session_flush,
	.failures = session_failures,
	.commit_offsets = session_commit_offsets,
	.committed = session_committed,
	.range = session_range,
	.delivered = session_delivered,
	.max_message_bytes = session_max_message_bytes,
	.replace = session_replace,
	.close = session_close,
};

static const char *
keep(struct kafka_session *session, const char *text)
{
	return text ? weir__arena_strdup(&session->arena, text) : NULL;
}

static const char *const *
keep_list(struct kafka_session *session, const char *const *names, size_t count)
{
	const char **copy = weir__arena_alloc(&session->arena, count * sizeof(*copy));

	for (size_t i = 0; i < count; i++)
		copy[i] = weir__arena_strdup(&session->arena, names[i]);
	return copy;
}

static void
keep_config(struct kafka_session *session, const struct weir_session_config *config)
{
	struct weir_session_config *own = &session->config;

	*own = *config;
	own->name = keep(session, config->name);
	own->group = keep(session, config->group);
	own->group_instance = keep(session, config->group_instance);
	own->transactional_id = keep(session, config->transactional_id);
	own->inputs = keep_list(session, config->inputs, config->input_count);
	own->outputs = keep_list(session, config->outputs, config->output_count);
	if (own->transaction_timeout_ms <= 0)
		own->transaction_timeout_ms = KAFKA_TRANSACTION_TIMEOUT_MS;
	if (own->session_timeout_ms <= 0)
		own->session_timeout_ms = KAFKA_SESSION_TIMEOUT_MS;
	if (config->consumer)
		weir__properties_copy(&session->consumer_properties, config->consumer);
	if (config->producer)
		weir__properties_copy(&session->producer_properties, config->producer);
	own->consumer = &session->consumer_properties;
	own->producer = &session->producer_properties;
}

static int
check_config(const struct weir_session_config *config, struct weir_error *error)
{
	const struct weir_times times = {
		.transaction_timeout_ms = config->transaction_timeout_ms,
		.session_timeout_ms = config->session_timeout_ms,
	};
	struct weir_property_fault fault;
	int code = weir__properties_check(config->consumer, config->producer,
	                                  config->guarantee, error);

	if (code != 0)
		return code;
	if (config->input_count > 0 && !config->group)
		return weir_error_set(error, WEIR_EINVALID, "inputs need a consumer group");
	/* the times of a consumer bound those of a producer where there is one */
	if (config->input_count > 0 &&
	    weir__properties_find_time_fault(config->consumer, config->producer,
	                                     config->guarantee, &times, &fault))
		return weir_error_set(error, WEIR_EINVALID, "%s: %s", fault.name, fault.text);
	return 0;
}

struct weir_session *
weir__kafka_session_open(struct weir_broker *base, const struct weir_session_config *config,
                         struct weir_error *error)
{
	struct kafka_session *session = weir__calloc(1, sizeof(*session));
	bool is_open;

	session->base.ops = &ops;
	session->broker = (struct kafka_broker *)base;
	keep_config(session, config);
	is_open = check_config(&session->config, error) == 0;
	if (is_open && config->output_count > 0) {
		session->producer = weir__kafka_producer_open(session, error);
		is_open = session->producer != NULL;
	}
	if (is_open && config->input_count > 0) {
		session->consumer = weir__kafka_consumer_open(session, error);
		is_open = session->consumer != NULL;
	}
	if (is_open)
		return &session->base;
	session_close(&session->base);
	return NULL;
}
