/*
 * One librdkafka handle with the callbacks that each of ours has: its log, its errors, and
 * what is known of the way to the brokers.
 *
 * Brokers out of reach are no error (librdkafka goes on trying): it is logged, with how
 * long it has lasted, at a bounded rate. Refused credentials are one, once no broker is
 * left that takes them. The log callback runs on librdkafka's threads, the error callback
 * on the thread that polls the handle.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <broker/kafka_private.h>

#define FIRST_LOG_INTERVAL_MS 10000
#define LONGEST_LOG_INTERVAL_MS 300000

/*
 * librdkafka's lines by facility, where its level is not ours. Lost connections come as
 * errors too and are summed up by watch(). CONFWARN says that a client ignores a property
 * of the other kind, which is given to both on purpose. What is fatal to a handle is not so
 * to us: its outcome says what it means, and whoever acts on that logs it. TERMINATE counts
 * what a producer had in flight that is thrown away on purpose.
 */
static enum weir_log_level
level_of_line(int level, const char *facility)
{
	static const char *const quiet[] = {"FAIL",   "ERROR", "CONFWARN", "GETPID",
	                                    "TXNERR", "FATAL", "TERMINATE"};

	for (size_t i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++) {
		if (strcmp(facility, quiet[i]) == 0)
			return WEIR_LOG_DEBUG;
	}
	return level <= 4 ? WEIR_LOG_WARNING : WEIR_LOG_DEBUG;
}

static void
log_cb(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	struct kafka_client *client = rd_kafka_opaque(rk);

	if (!client || atomic_load(&client->is_mute))
		return;
	/* The error that reaches the commit names neither topic nor partition. */
	if (strcmp(facility, "ADDPARTS") == 0 && level <= 3) {
		pthread_mutex_lock(&client->complaint_lock);
		snprintf(client->complaint, sizeof(client->complaint), "%s", text);
		pthread_mutex_unlock(&client->complaint_lock);
	}
	weir__log(client->logger, level_of_line(level, facility),
	          "librdkafka client=\"%s\" facility=%s text=\"%s\"", client->name, facility,
	          text);
}

void
weir__kafka_client_add_complaint(struct kafka_client *client, struct weir_error *error)
{
	size_t length = error ? strlen(error->message) : 0;

	pthread_mutex_lock(&client->complaint_lock);
	if (error && client->complaint[0] != '\0')
		snprintf(error->message + length, sizeof(error->message) - length, " (%s)",
		         client->complaint);
	pthread_mutex_unlock(&client->complaint_lock);
}

void
weir__kafka_wait(int ms)
{
	const struct timespec time = {ms / 1000, ms % 1000 * 1000000L};

	nanosleep(&time, NULL);
}

static bool
is_refusal(int code, const char *reason)
{
	/* A broken TLS handshake can be a broker that is going down; a certificate that does
	 * not verify cannot. */
	return code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
	       code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED ||
	       (code == RD_KAFKA_RESP_ERR__SSL && strstr(reason, "certificate"));
}

static void
error_cb(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
	struct kafka_client *client = opaque;
	struct kafka_link *link = &client->link;
	unsigned long answers = atomic_load_explicit(&client->answers, memory_order_relaxed);

	(void)rk;
	if (link->answers != answers)
		link->refused = false;
	if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
		if (!link->all_down || link->answers != answers)
			link->down_since_ms = client->clock->monotonic_ms(client->clock);
		link->all_down = true;
		link->answers = answers;
		return;
	}
	if (code == RD_KAFKA_RESP_ERR__FATAL)
		return; /* comes back from the call, or from poll */
	if (client->on_error)
		client->on_error(client->owner, code, reason);
	if (is_refusal(code, reason)) {
		link->refused = true;
		link->answers = answers;
	}
	if (!link->refused || is_refusal(code, reason))
		snprintf(link->reason, sizeof(link->reason), "%s", reason);
	weir__log(client->logger, WEIR_LOG_DEBUG, "client error client=\"%s\" reason=\"%s\"",
	          client->name, reason);
}

void
weir__kafka_client_watch(struct kafka_client *client)
{
	struct kafka_link *link = &client->link;
	int64_t now_ms;

	if (!link->all_down)
		return;
	now_ms = client->clock->monotonic_ms(client->clock);
	if (atomic_load_explicit(&client->answers, memory_order_relaxed) != link->answers) {
		if (link->log_interval_ms > 0)
			weir__log(client->logger, WEIR_LOG_INFO,
			          "brokers reachable again client=\"%s\" after_ms=%lld",
			          client->name, (long long)(now_ms - link->down_since_ms));
		*link = (struct kafka_link){0};
		return;
	}
	if (link->log_interval_ms > 0 && now_ms < link->next_log_ms)
		return;
	weir__log(client->logger, WEIR_LOG_WARNING,
	          "no broker reachable client=\"%s\" for_ms=%lld reason=\"%s\"", client->name,
	          (long long)(now_ms - link->down_since_ms), link->reason);
	link->log_interval_ms = link->log_interval_ms == 0 ? FIRST_LOG_INTERVAL_MS
	                        : link->log_interval_ms * 2 > LONGEST_LOG_INTERVAL_MS
	                                ? LONGEST_LOG_INTERVAL_MS
	                                : link->log_interval_ms * 2;
	link->next_log_ms = now_ms + link->log_interval_ms;
}

bool
weir__kafka_client_refused(struct kafka_client *client, struct weir_error *error)
{
	struct kafka_link *link = &client->link;

	if (!link->all_down || !link->refused ||
	    atomic_load_explicit(&client->answers, memory_order_relaxed) != link->answers)
		return false;
	weir_error_set(error, WEIR_EDENIED, "the brokers refuse the credentials: %s",
	               link->reason);
	return true;
}

/* What else is known where no error was told. */
static const char *
guess(struct kafka_client *client)
{
	return atomic_load(&client->handshakes) > 0 && atomic_load(&client->answers) == 0
	               ? "the brokers close the connection without a word, as those do that "
	                 "want a login or TLS (see security.protocol)"
	               : "";
}

enum weir_outcome
weir__kafka_client_explain(struct kafka_client *client, const char *what,
                           struct weir_error *error)
{
	enum weir_outcome outcome = WEIR_AGAIN;
	const char *reason;

	pthread_mutex_lock(&client->complaint_lock);
	rd_kafka_poll(client->rk, 0);
	if (client->link.all_down && atomic_load(&client->answers) != client->link.answers)
		client->link = (struct kafka_link){0}; /* what it was told is over */
	if (weir__kafka_client_refused(client, error)) {
		outcome = WEIR_FATAL;
	} else {
		reason = client->link.reason[0] ? client->link.reason : guess(client);
		weir_error_set(error, WEIR_ETIMEOUT, "%s: no answer in time%s%s", what,
		               *reason ? ": " : "", reason);
	}
	pthread_mutex_unlock(&client->complaint_lock);
	return outcome;
}

struct kafka_client *
weir__kafka_client_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, const char *name,
                       const char *role, const struct weir_logger *logger,
                       const struct weir_clock *clock, void *owner, struct weir_error *error)
{
	struct kafka_client *client = weir__calloc(1, sizeof(*client));
	char text[512];

	if (name)
		snprintf(client->name, sizeof(client->name), "%s %s", name, role);
	else
		snprintf(client->name, sizeof(client->name), "%s", role);
	client->logger = logger;
	client->clock = clock;
	client->owner = owner;
	pthread_mutex_init(&client->complaint_lock, NULL);
	rd_kafka_conf_set_opaque(conf, client);
	rd_kafka_conf_set_log_cb(conf, log_cb);
	rd_kafka_conf_set_error_cb(conf, error_cb);
	weir__kafka_taint_watch(conf, client);
	client->rk = rd_kafka_new(type, conf, text, sizeof(text));
	if (!client->rk) {
		weir_error_set(error, WEIR_EINVALID, "librdkafka: %s", text);
		rd_kafka_conf_destroy(conf);
		weir__kafka_client_free(client);
		return NULL;
	}
	return client;
}

void
weir__kafka_client_free(struct kafka_client *client)
{
	if (!client)
		return;
	if (client->rk)
		rd_kafka_destroy(client->rk);
	pthread_mutex_destroy(&client->complaint_lock);
	free(client);
}
