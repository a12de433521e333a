/*
 * Consuming as a member of a group: the loop, and what each rebalance asks for. When to
 * write and when to commit is in consume_commit.c. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "consume_group.h"
#include "interrupt.h"

#define SLICE_MS 200
#define WRITE_BYTES (64 << 10)
#define BATCH_MS 100         /* at most once: the longest that records wait for others */
#define LAST_COMMIT_TRIES 25 /* a rebalance on the way out may last some slices */

/* ---- rebalances ---- */

/*
 * Where to read on: what the group committed, else --from. What --from means is settled
 * once: "end" is another place a moment later, and what lies between would be skipped.
 */
static int
start_position(struct weir_consume_group *group, const struct weir_offset *committed,
	       struct weir_consume_partition *partition, struct weir_error *error)
{
	struct weir_consumption *run = group->run;
	int code = 0;

	if (committed->offset != WEIR_OFFSET_NONE) {
		partition->next = committed->offset;
		partition->begun = false;
	} else if (partition->begun) {
		partition->next = partition->kept;
	} else if (committed->partition >= run->partitions_at_start) {
		/* new: nothing of it was there when "end" or a time was meant */
		partition->next = 0;
		partition->begun = true;
	} else {
		code = weir__from_resolve(&run->config->from, run->broker,
					  run->config->topic, committed->partition,
					  &partition->next, run->config->timeout_ms,
					  error);
		partition->begun = code == 0;
	}
	partition->kept = partition->next;
	return code;
}

static int
read_committed(struct weir_consume_group *group, struct weir_offset *offsets,
	       size_t count, struct weir_error *error)
{
	int64_t since_ms = weir__consume_now(group->run);
	struct weir_error reason = {0};
	enum weir_outcome outcome;

	if (count == 0)
		return 0;
	do {
		memset(&reason, 0, sizeof(reason));
		outcome = weir__session_committed(group->session, offsets, count,
						  SLICE_MS, &reason);
	} while (outcome == WEIR_AGAIN && weir__interrupt_count() == 0 &&
		 weir__consume_now(group->run) - since_ms <
			 group->run->config->timeout_ms);
	if (outcome == WEIR_SUCCESS)
		return 0;
	return weir_error_set(error, reason.code ? reason.code : WEIR_ETIMEOUT,
			      "the offsets of group %s cannot be read: %s",
			      group->run->config->group,
			      reason.code ? reason.message : "no answer in time");
}

static int
on_assigned(struct weir_consume_group *group, const struct weir_event *event,
	    struct weir_error *error)
{
	struct weir_consumption *run = group->run;
	struct weir_offset *offsets =
		weir__calloc(event->partition_count + 1, sizeof(*offsets));
	size_t i;
	int code;

	for (i = 0; i < event->partition_count; i++)
		offsets[i] =
			(struct weir_offset){run->config->topic, event->partitions[i]->id,
					     WEIR_OFFSET_NONE, NULL};
	code = read_committed(group, offsets, event->partition_count, error);
	for (i = 0; code == 0 && i < event->partition_count; i++) {
		struct weir_partition *handle = event->partitions[i];
		struct weir_consume_partition *partition;

		if (handle->id >= run->topic.partitions)
			weir__consume_grow(run, handle->id + 1);
		partition = &run->partitions[handle->id];
		code = start_position(group, &offsets[i], partition, error);
		partition->handle = handle;
		partition->held_ms = 0;
		handle->start = partition->next;
	}
	free(offsets);
	group->assigned = true;
	return code;
}

static void
forget(struct weir_consume_partition *partition)
{
	partition->handle = NULL;
	partition->held_ms = 0;
}

static void
let_go(struct weir_consume_group *group, const struct weir_event *event)
{
	size_t i;

	/* in between nothing is owned, which does not mean that nothing is left */
	group->assigned = false;
	for (i = 0; i < event->partition_count; i++)
		if (event->partitions[i]->id < group->run->topic.partitions)
			forget(&group->run->partitions[event->partitions[i]->id]);
}

static int
on_revoked(struct weir_consume_group *group, const struct weir_event *event,
	   struct weir_error *error)
{
	bool refused;
	int code = weir__group_settle(group, &refused, error);

	let_go(group, event);
	return code;
}

/* Gone already: others have the partitions, and read on from what was committed. */
static int
on_lost(struct weir_consume_group *group, const struct weir_event *event,
	struct weir_error *error)
{
	let_go(group, event);
	return weir__group_at_most_once(group) ? weir__group_drop(group, error)
					       : weir__group_write(group, error);
}

static int
on_gap(struct weir_consume_group *group, const struct weir_event *event,
       struct weir_error *error)
{
	struct weir_consumption *run = group->run;
	struct weir_consume_partition *partition = &run->partitions[event->partition->id];
	enum weir_outcome outcome;
	int64_t next;
	int code =
		weir__consume_gap(run, event->partition->id, event->offset, &next, error);

	if (code != 0)
		return code;
	partition->next = next;
	do
		outcome = weir__session_rewind(group->session, event->partition, next,
					       SLICE_MS, error);
	while (outcome == WEIR_AGAIN && weir__interrupt_count() == 0);
	return outcome == WEIR_SUCCESS
		       ? 0
		       : weir_error_set(error, WEIR_EBROKER,
					"%s[%" PRId32 "]: cannot go on",
					run->config->topic, event->partition->id);
}

/* ---- the loop ---- */

static void
on_record(struct weir_consume_group *group, const struct weir_event *event)
{
	struct weir_offset place = {event->partition->topic, event->partition->id,
				    event->offset, NULL};

	if (group->leaving)
		return;
	if (group->run->in_hand == 0)
		group->batch_ms = weir__consume_now(group->run);
	weir__consume_take(group->run, &place, &event->message);
}

static int
on_event(struct weir_consume_group *group, const struct weir_event *event,
	 struct weir_error *error)
{
	bool refused;
	int code = 0;

	switch (event->type) {
	case WEIR_EVENT_IDLE:
		weir__consume_wait(group->run);
		return 0;
	case WEIR_EVENT_RECORD:
		on_record(group, event);
		return 0;
	case WEIR_EVENT_END:
		if (!group->leaving)
			weir__consume_end(group->run, event->partition->id,
					  event->offset);
		return 0;
	case WEIR_EVENT_GAP:
		return on_gap(group, event, error);
	case WEIR_EVENT_FAILED:
		return weir_error_set(error,
				      event->error && event->error->code
					      ? event->error->code
					      : WEIR_EBROKER,
				      "%s",
				      event->error ? event->error->message
						   : weir__outcome_name(event->outcome));
	case WEIR_EVENT_ASSIGNED:
		code = on_assigned(group, event, error);
		break;
	case WEIR_EVENT_REVOKED:
		code = on_revoked(group, event, error);
		break;
	case WEIR_EVENT_LOST:
		code = on_lost(group, event, error);
		break;
	}
	if (code == 0 && weir__session_answer(group->session, error) != WEIR_SUCCESS)
		code = weir_error_set(error, WEIR_EBROKER,
				      "the group refused this member");
	/* where the group begins holds before its first record: a refusal means another
	 * rebalance, which comes here again */
	if (code == 0 && event->type == WEIR_EVENT_ASSIGNED)
		code = weir__group_settle(group, &refused, error);
	return code;
}

static bool
all_done(const struct weir_consume_group *group)
{
	const struct weir_consumption *run = group->run;
	int32_t i;

	if (!group->assigned || !run->config->until_end)
		return false;
	for (i = 0; i < run->topic.partitions; i++)
		if (run->partitions[i].handle && !weir__consume_done(&run->partitions[i]))
			return false;
	return true;
}

/* Write and commit as far as it is time for either. */
static int
put_out(struct weir_consume_group *group, bool idle, struct weir_error *error)
{
	struct weir_consumption *run = group->run;
	const struct weir_consume_config *config = run->config;
	int64_t now_ms = weir__consume_now(run);
	bool full = run->out.size >= WRITE_BYTES;
	bool refused;

	if (weir__group_at_most_once(group)) {
		if (run->in_hand > 0 &&
		    (idle || full || now_ms - group->batch_ms >= BATCH_MS))
			return weir__group_settle(group, &refused, error);
	}
	if (run->since_kept >= (uint64_t)config->commit_records ||
	    run->bytes_since_kept >= config->commit_bytes ||
	    now_ms - run->kept_ms >= config->commit_interval_ms)
		return weir__group_settle(group, &refused, error);
	if (!weir__group_at_most_once(group) && run->out.size > 0 && (idle || full))
		return weir__group_write(group, error);
	return 0;
}

static int
read_all(struct weir_consume_group *group, struct weir_error *error)
{
	struct weir_consumption *run = group->run;
	int code = 0;

	while (code == 0 && !weir__consume_stop(run) && !all_done(group)) {
		struct weir_event event;

		weir__session_poll(group->session, run->out.size ? 0 : SLICE_MS, &event);
		code = on_event(group, &event, error);
		if (code == 0)
			code = put_out(group, event.type == WEIR_EVENT_IDLE, error);
		weir__consume_show(run);
	}
	return code;
}

/* The last commit may meet a rebalance: see it through, then commit again. */
static int
finish(struct weir_consume_group *group, struct weir_error *error)
{
	bool refused;
	int tries = 0;
	int code = weir__group_settle(group, &refused, error);

	group->leaving = true;
	while (code == 0 && refused && tries++ < LAST_COMMIT_TRIES) {
		struct weir_event event;

		weir__session_poll(group->session, SLICE_MS, &event);
		code = on_event(group, &event, error);
		if (code == 0)
			code = weir__group_settle(group, &refused, error);
	}
	return code;
}

static struct weir_session *
open_session(const struct weir_consumption *run, struct weir_error *error)
{
	const struct weir_consume_config *config = run->config;
	struct weir_session_config session = {
		.name = "consume",
		.guarantee = config->guarantee,
		.group = config->group,
		.inputs = &config->topic,
		.input_count = 1,
		.session_timeout_ms = 10000,
		.consumer = config->consumer,
	};

	return weir__broker_session_open(run->broker, &session, error);
}

int
weir__consume_group(struct weir_consumption *run, struct weir_error *error)
{
	struct weir_consume_group group = {.run = run};
	int code;
	int left;

	group.session = open_session(run, error);
	if (!group.session)
		return WEIR_EBROKER;
	if (weir__session_subscribe(group.session, error) != WEIR_SUCCESS)
		code = weir_error_set(error, WEIR_EBROKER,
				      "the group %s refused this member",
				      run->config->group);
	else
		code = read_all(&group, error);
	/* what was read before a gap or a failed poll is fine; after a failed write it is
	 * not */
	left = code == 0 || code == WEIR_ESTATE ? finish(&group, error) : 0;
	weir__session_close(group.session);
	return code ? code : left;
}
