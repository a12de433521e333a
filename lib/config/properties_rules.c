/*
 * Which librdkafka properties a guarantee can bear: one table, and the times that must
 * fit.
 *
 * What is allowed is listed rather than what is not, so that another spelling of a bad
 * value does not slip through. Names that librdkafka knows as aliases stand in one row.
 *
 * Any thread; nothing is kept.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <config/properties.h>

#define CONSUMER WEIR_CLIENT_CONSUMER
#define PRODUCER WEIR_CLIENT_PRODUCER
#define BOTH (WEIR_CLIENT_CONSUMER | WEIR_CLIENT_PRODUCER)

#define EXACTLY (1u << WEIR_EXACTLY_ONCE)
#define AT_LEAST (1u << WEIR_AT_LEAST_ONCE)
#define AT_MOST (1u << WEIR_AT_MOST_ONCE)
#define ALL (EXACTLY | AT_LEAST | AT_MOST)

#define YES "true|t|1"
#define NO "false|f|0"

/* librdkafka's own defaults, where the user's value is not given */
#define MAX_POLL_INTERVAL_MS 300000

struct rule {
	const char *names;
	unsigned clients;
	unsigned guarantees;
	const char *allowed; /* values; NULL: none but those not refused */
	const char *refused; /* values; NULL with `allowed` NULL: the property is weir's
				own */
	bool is_of_idempotence; /* does not hold once enable.idempotence is off */
	const char *reason;
};

static const struct rule rules[] = {
	/* what weir names itself, so that ids are stable and never collide */
	{"group.id", BOTH, ALL, .reason = "it is the app's name"},
	{"group.instance.id", BOTH, ALL,
	 .reason = "it is made of the instance and the worker"},
	{"transactional.id", BOTH, ALL,
	 .reason = "it is made of the app, the instance and the worker"},
	{"group.protocol", CONSUMER, ALL, "classic",
	 .reason = "fencing relies on the classic group protocol"},

	/* offsets: committed by weir alone, with or after what they stand for */
	{"enable.auto.commit|auto.commit.enable", CONSUMER, ALL, NO,
	 .reason = "offsets would be committed behind weir's back"},
	{"enable.auto.offset.store", CONSUMER, ALL, NO,
	 .reason = "offsets would be committed behind weir's back"},
	{"offset.store.method", CONSUMER, ALL, "broker",
	 .reason = "offsets are kept by the group coordinator"},
	{"auto.offset.reset", CONSUMER, ALL,
	 .reason = "weir finds where to start; the pipeline file has "
		   "/kafka/auto.offset.reset"},
	{"enable.partition.eof", CONSUMER, ALL, YES,
	 .reason = "weir learns from it that an end is reached"},
	/* proved with 2.0.2, and 2.12.1 has the same lines */
	{"check.crcs", CONSUMER, ALL, NO,
	 .reason = "librdkafka ends the process when it meets a damaged batch"},
	{"isolation.level", CONSUMER, EXACTLY, "read_committed",
	 .reason = "aborted records would be processed, and offsets read too early"},

	/* the producer */
	{"enable.idempotence", PRODUCER, EXACTLY, YES,
	 .reason = "a retried request would write its records twice"},
	{"enable.idempotence", PRODUCER, AT_MOST, NO,
	 .reason = "the idempotent producer retries, and this one must not"},
	{"acks|request.required.acks", PRODUCER, EXACTLY | AT_LEAST, "all|-1",
	 .reason = "a record could be lost with the broker that acknowledged it"},
	{"acks|request.required.acks", PRODUCER, AT_MOST, .reason = "weir sets it, to 1"},
	{"retries|message.send.max.retries", PRODUCER, EXACTLY, .refused = "0",
	 .reason = "each failed request would abort a batch"},
	{"retries|message.send.max.retries", PRODUCER, AT_LEAST, .refused = "0",
	 .is_of_idempotence = true, .reason = "the idempotent producer must retry"},
	{"retries|message.send.max.retries", PRODUCER, AT_MOST,
	 .reason = "weir sets it, to 0"},
	{"max.in.flight.requests.per.connection|max.in.flight", PRODUCER, EXACTLY,
	 "1|2|3|4|5",
	 .reason = "the idempotent producer keeps order among 5 requests at most"},
	{"max.in.flight.requests.per.connection|max.in.flight", PRODUCER, AT_LEAST,
	 "1|2|3|4|5", .is_of_idempotence = true,
	 .reason = "the idempotent producer keeps order among 5 requests at most"},
	{"queuing.strategy", PRODUCER, ALL, "fifo",
	 .reason = "records would change their order"},
	{"delivery.report.only.error", PRODUCER, ALL, NO,
	 .reason = "weir counts what was delivered"},
};

/* Is `text` among "a|b|c"? */
static bool
is_among(const char *list, const char *text)
{
	size_t length = strlen(text);

	for (;;) {
		size_t size = strcspn(list, "|");

		if (size == length && strncasecmp(list, text, size) == 0)
			return true;
		if (list[size] == '\0')
			return false;
		list += size + 1;
	}
}

static bool
is_broken(const struct rule *rule, const struct weir_property *item)
{
	if (!is_among(rule->names, item->name))
		return false;
	if (rule->allowed)
		return !is_among(rule->allowed, item->value);
	return !rule->refused || is_among(rule->refused, item->value);
}

static void
describe(const struct rule *rule, const struct weir_property *item,
	 enum weir_guarantee guarantee, char *text, size_t size)
{
	const char *under = rule->guarantees == ALL ? "" : " under ";
	const char *name = rule->guarantees == ALL ? "" : weir__guarantee_name(guarantee);

	if (!rule->allowed && !rule->refused)
		snprintf(text, size, "may not be set%s%s: %s", under, name, rule->reason);
	else
		snprintf(text, size, "may not be \"%.40s\"%s%s: %s", item->value, under,
			 name, rule->reason);
}

static bool
find_fault(const struct weir_properties *properties, enum weir_client client,
	   bool is_idempotent, enum weir_guarantee guarantee,
	   struct weir_property_fault *fault)
{
	for (size_t i = 0; properties && i < properties->count; i++) {
		const struct weir_property *item = &properties->items[i];

		for (size_t j = 0; j < sizeof(rules) / sizeof(rules[0]); j++) {
			const struct rule *rule = &rules[j];

			if (!(rule->clients & client) ||
			    !(rule->guarantees & (1u << guarantee)))
				continue;
			if (rule->is_of_idempotence && !is_idempotent)
				continue;
			if (!is_broken(rule, item))
				continue;
			fault->client = client;
			fault->name = item->name;
			describe(rule, item, guarantee, fault->text, sizeof(fault->text));
			return true;
		}
	}
	return false;
}

bool
weir__properties_find_fault(const struct weir_properties *consumer,
			    const struct weir_properties *producer,
			    enum weir_guarantee guarantee,
			    struct weir_property_fault *fault)
{
	const char *idempotence =
		producer ? weir__properties_get(producer, "enable.idempotence") : NULL;
	bool is_idempotent = !idempotence || !is_among(NO, idempotence);

	return find_fault(consumer, CONSUMER, is_idempotent, guarantee, fault) ||
	       find_fault(producer, PRODUCER, is_idempotent, guarantee, fault);
}

int
weir__properties_check(const struct weir_properties *consumer,
		       const struct weir_properties *producer,
		       enum weir_guarantee guarantee, struct weir_error *error)
{
	struct weir_property_fault fault;

	if (!weir__properties_find_fault(consumer, producer, guarantee, &fault))
		return 0;
	return weir_error_set(error, WEIR_EINVALID, "%s: %s", fault.name, fault.text);
}

/* ---- times ---- */

/* A time and what it is called: a property, or a key of the pipeline file. */
struct named_time {
	const char *name;
	int64_t ms;
};

/*
 * The property's time under the name it was given by, else `otherwise`. A value that is
 * no number is left to librdkafka, which names it.
 */
static struct named_time
time_of(const struct weir_properties *properties, const char *name, const char *alias,
	int64_t otherwise)
{
	const char *value = properties ? weir__properties_get(properties, name) : NULL;
	struct named_time time = {name, otherwise};
	long long number;
	char *end;

	if (!value && properties && alias &&
	    (value = weir__properties_get(properties, alias)))
		time.name = alias;
	if (!value || !*value)
		return time;
	errno = 0;
	number = strtoll(value, &end, 10);
	if (*end == '\0' && errno == 0)
		time.ms = number;
	return time;
}

/* Is `time` beyond `limit`, or also no less than it? Then that is the fault. */
static bool
is_beyond(struct named_time time, struct named_time limit, bool is_equal_fine,
	  enum weir_client client, struct weir_property_fault *fault)
{
	if (time.ms < limit.ms || (is_equal_fine && time.ms == limit.ms))
		return false;
	fault->client = client;
	fault->name = time.name;
	snprintf(fault->text, sizeof(fault->text),
		 "%" PRId64 " ms is %s %s, %" PRId64 " ms", time.ms,
		 is_equal_fine ? "above" : "not below", limit.name, limit.ms);
	return true;
}

static bool
find_transaction_fault(const struct weir_properties *producer,
		       const struct weir_times *times, struct named_time poll,
		       struct weir_property_fault *fault)
{
	struct named_time transaction = {"transaction.timeout.ms",
					 times->transaction_timeout_ms};
	struct named_time message = time_of(producer, "message.timeout.ms",
					    "delivery.timeout.ms", transaction.ms);
	struct named_time sock = time_of(producer, "socket.timeout.ms", NULL, 0);
	struct named_time interval = {"/commit/interval", times->commit_interval_ms};
	/* a batch is committed at 60 % of its transaction's time at the latest */
	struct named_time deadline = {"60 % of transaction.timeout.ms",
				      transaction.ms * 6 / 10};

	if (message.ms == 0) {
		fault->client = PRODUCER;
		fault->name = message.name;
		snprintf(fault->text, sizeof(fault->text),
			 "0 means no limit, but transaction.timeout.ms is %" PRId64 " ms",
			 transaction.ms);
		return true;
	}
	return is_beyond(transaction, poll, false, PRODUCER, fault) ||
	       is_beyond(message, transaction, true, PRODUCER, fault) ||
	       is_beyond(sock, transaction, true, PRODUCER, fault) ||
	       is_beyond(interval, deadline, true, PRODUCER, fault);
}

bool
weir__properties_find_time_fault(const struct weir_properties *consumer,
				 const struct weir_properties *producer,
				 enum weir_guarantee guarantee,
				 const struct weir_times *times,
				 struct weir_property_fault *fault)
{
	struct named_time poll =
		time_of(consumer, "max.poll.interval.ms", NULL, MAX_POLL_INTERVAL_MS);
	struct named_time session = {"session.timeout.ms", times->session_timeout_ms};
	struct named_time drain = {"/drain_timeout", times->drain_ms};

	/* else the group gives the partitions away while this one still commits */
	if (is_beyond(drain, session, false, CONSUMER, fault) ||
	    is_beyond(session, poll, true, CONSUMER, fault))
		return true;
	return guarantee == WEIR_EXACTLY_ONCE &&
	       find_transaction_fault(producer, times, poll, fault);
}
