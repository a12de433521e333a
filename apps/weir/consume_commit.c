/*
 * Committing as a member of a group. At least once: lines are written, then committed. At
 * most once: a batch of records is committed, then written. One thread.
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

bool
weir__group_at_most_once(const struct weir_consume_group *group)
{
	return group->run->config->guarantee == WEIR_AT_MOST_ONCE;
}

/* *count is what there is to commit; a list to free. */
static struct weir_offset *
offsets_to_commit(const struct weir_consumption *run, size_t *count)
{
	struct weir_offset *offsets =
		weir__calloc((size_t)run->topic.partitions + 1, sizeof(*offsets));
	int32_t i;

	*count = 0;
	for (i = 0; i < run->topic.partitions; i++) {
		const struct weir_consume_partition *partition = &run->partitions[i];

		if (partition->handle &&
		    (partition->begun || partition->next != partition->kept))
			offsets[(*count)++] = (struct weir_offset){run->config->topic, i,
								   partition->next, NULL};
	}
	return offsets;
}

static enum weir_outcome
commit_call(const struct weir_consume_group *group, const struct weir_offset *offsets,
	    size_t count, struct weir_error *reason)
{
	const struct weir_consumption *run = group->run;
	int64_t since_ms = weir__consume_now(run);
	enum weir_outcome outcome;

	do {
		memset(reason, 0, sizeof(*reason));
		outcome = weir__session_commit_offsets(group->session, offsets, count,
						       SLICE_MS, reason);
	} while (outcome == WEIR_AGAIN && weir__interrupt_count() < 2 &&
		 weir__consume_now(run) - since_ms < run->config->timeout_ms);
	return outcome;
}

/*
 * Commit the positions. *refused: the group has moved on, nothing is committed. Returns 0
 * or a WEIR_E*.
 */
static int
commit(struct weir_consume_group *group, bool *refused, struct weir_error *error)
{
	struct weir_consumption *run = group->run;
	struct weir_error reason = {0};
	size_t count;
	struct weir_offset *offsets = offsets_to_commit(run, &count);
	enum weir_outcome outcome = WEIR_SUCCESS;
	size_t i;

	*refused = false;
	if (count > 0)
		outcome = commit_call(group, offsets, count, &reason);
	if (outcome == WEIR_SUCCESS || outcome == WEIR_TAINTED) {
		for (i = 0; i < count; i++) {
			struct weir_consume_partition *partition =
				&run->partitions[offsets[i].partition];

			partition->kept = offsets[i].offset;
			partition->begun = false;
		}
		run->kept_ms = weir__consume_now(run);
		run->since_kept = 0;
		run->bytes_since_kept = 0;
	}
	free(offsets);
	switch (outcome) {
	case WEIR_SUCCESS:
	case WEIR_TAINTED:
		return 0;
	case WEIR_ABORT:
		*refused = true;
		weir__log(run->config->logger, WEIR_LOG_WARNING,
			  "commit refused, the group moved on group=%s reason=\"%s\"",
			  run->config->group, reason.message);
		return 0;
	case WEIR_AGAIN:
		return weir_error_set(error, WEIR_ETIMEOUT,
				      "the commit got no answer in time");
	case WEIR_FENCED:
		return weir_error_set(error, WEIR_EFENCED,
				      "another member of the same name took "
				      "over");
	default:
		return weir_error_set(error, reason.code ? reason.code : WEIR_EBROKER,
				      "commit: %s", reason.message);
	}
}

int
weir__group_write(struct weir_consume_group *group, struct weir_error *error)
{
	return weir__consume_write(group->run, group->run->config->fd, "standard output",
				   error);
}

/*
 * At most once: forget the records in hand, and offer those of partitions that are still
 * ours again: nothing of them was committed.
 */
int
weir__group_drop(struct weir_consume_group *group, struct weir_error *error)
{
	struct weir_consumption *run = group->run;
	int32_t i;

	run->out.size = 0;
	run->taken -= run->in_hand;
	run->in_hand = 0;
	for (i = 0; i < run->topic.partitions; i++) {
		struct weir_consume_partition *partition = &run->partitions[i];
		enum weir_outcome outcome = WEIR_SUCCESS;
		int64_t since_ms = weir__consume_now(run);

		if (!partition->handle || partition->next == partition->kept)
			continue;
		partition->next = partition->kept;
		do
			outcome = weir__session_rewind(group->session, partition->handle,
						       partition->kept, SLICE_MS, error);
		while (outcome == WEIR_AGAIN &&
		       weir__consume_now(run) - since_ms < run->config->timeout_ms);
		if (outcome != WEIR_SUCCESS)
			return weir_error_set(error, WEIR_EBROKER,
					      "%s[%" PRId32 "]: cannot be read again",
					      run->config->topic, i);
	}
	return 0;
}

/* Commit, then write: what is written never comes again. */
static int
settle_at_most_once(struct weir_consume_group *group, bool *refused,
		    struct weir_error *error)
{
	struct weir_consumption *run = group->run;
	uint64_t in_hand = run->in_hand;
	int code = commit(group, refused, error);

	if (code == WEIR_ETIMEOUT && in_hand > 0)
		weir__log(run->config->logger, WEIR_LOG_ERROR,
			  "not written, and maybe committed records=%" PRIu64, in_hand);
	if (code == 0 && *refused)
		return weir__group_drop(group, error);
	return code ? code : weir__group_write(group, error);
}

/* Write, then commit: what is committed has been written. */
static int
settle_at_least_once(struct weir_consume_group *group, bool *refused,
		     struct weir_error *error)
{
	int code = weir__group_write(group, error);

	return code ? code : commit(group, refused, error);
}

int
weir__group_settle(struct weir_consume_group *group, bool *refused,
		   struct weir_error *error)
{
	return weir__group_at_most_once(group)
		       ? settle_at_most_once(group, refused, error)
		       : settle_at_least_once(group, refused, error);
}
