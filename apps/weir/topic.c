/*
 * Finding a topic and its ends. Knows that a topic which was just created is not known to
 * every broker at once, nor led. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <poll.h>
#include <stdio.h>

#include "interrupt.h"
#include "topic.h"

#define ASK_TIMES 5
#define ASK_AGAIN_MS 250

/* *state is the topic's own error. Returns 0 when the cluster answered. */
static int
ask(struct weir_broker *broker, const char *name, int64_t timeout_ms,
    struct weir_topic *topic, int *state, struct weir_error *error)
{
	struct weir_cluster_info info = {0};
	int code = weir__broker_describe(broker, &name, 1, &info, (int)timeout_ms, error);

	if (code == 0) {
		snprintf(topic->cluster_id, sizeof(topic->cluster_id), "%s",
			 info.cluster_id);
		topic->partitions = info.topics[0].partitions;
		*state = info.topics[0].error;
	}
	weir__cluster_info_fini(&info);
	return code;
}

int
weir__topic_find(struct weir_broker *broker, const char *name, const char *right,
		 int64_t timeout_ms, struct weir_topic *topic, struct weir_error *error)
{
	int state = 0;
	int times;
	int code = 0;

	for (times = 0; times < ASK_TIMES; times++) {
		if (times > 0)
			poll(NULL, 0, ASK_AGAIN_MS);
		code = ask(broker, name, timeout_ms, topic, &state, error);
		if (code != 0 || state != WEIR_ENOTFOUND)
			break;
	}
	if (code != 0)
		return code;
	if (state == WEIR_ENOTFOUND)
		return weir_error_set(error, state, "no topic %s in the cluster", name);
	if (state == WEIR_EDENIED)
		return weir_error_set(error, state, "topic %s: %s; missing: the right %s on "
				      "the topic", name, weir_strerror(state), right);
	if (state != 0)
		return weir_error_set(error, state, "topic %s: %s", name,
				      weir_strerror(state));
	return 0;
}

static int64_t
now_ms(void)
{
	const struct weir_clock *clock = weir__clock_system();

	return clock->monotonic_ms(clock);
}

/* Is `code` worth another try? Waits a little if so; hands the reason over if not. */
static bool
again(int code, int64_t since_ms, int64_t timeout_ms, struct weir_error *reason,
      struct weir_error *error)
{
	if (code == 0)
		return false;
	if (code == WEIR_ETIMEOUT && now_ms() - since_ms < timeout_ms &&
	    weir__interrupt_count() == 0) {
		poll(NULL, 0, ASK_AGAIN_MS);
		*reason = (struct weir_error){0};
		return true;
	}
	weir_error_set(error, code, "%s", reason->message);
	return false;
}

int
weir__topic_range(struct weir_broker *broker, const char *name, int32_t partition,
		  int64_t *low, int64_t *high, int64_t timeout_ms,
		  struct weir_error *error)
{
	struct weir_error reason = {0};
	int64_t since_ms = now_ms();
	int code;

	do
		code = weir__broker_range(broker, name, partition, low, high,
					  (int)timeout_ms, &reason);
	while (again(code, since_ms, timeout_ms, &reason, error));
	return code;
}

int
weir__topic_offset_at(struct weir_broker *broker, const char *name, int32_t partition,
		      int64_t timestamp_ms, int64_t *offset, int64_t timeout_ms,
		      struct weir_error *error)
{
	struct weir_error reason = {0};
	int64_t since_ms = now_ms();
	int code;

	do
		code = weir__broker_offset_at(broker, name, partition, timestamp_ms,
					      offset, (int)timeout_ms, &reason);
	while (again(code, since_ms, timeout_ms, &reason, error));
	return code;
}
