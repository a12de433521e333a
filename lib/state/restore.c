/*
 * Restoring stores: where each begins, what is read, when it is whole.
 *
 * Knows when what a store has is of no use: its place is before the changelog's beginning, or
 * behind its end. The thread of the states.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <base/fault_point.h>
#include <base/mutation.h>
#include <state/restore.h>

/* Others wait while it asks; a slow cluster gets more time from try to try. */
#define ASK_FIRST_MS 250
#define ASK_MAX_MS 2000
#define RETRY_MS 1000
#define RETRY_NEW_MS 100 /* a topic that was made a moment ago is not known to all yet */
#define COMPLAIN_MS 10000
#define STEP_RECORDS 1000
#define COMMIT_RECORDS 50000
#define COMMIT_BYTES ((size_t)16 << 20)
#define PROGRESS_MS 5000

/* One changelog partition. */
struct part {
	struct weir_state *state;
	size_t store;
	const char *topic;
	size_t changelog; /* its number among all */
	int32_t partition;
	int64_t next;   /* to be read */
	int64_t target; /* whole when `next` is here */
};

struct weir_restore {
	struct weir_broker *broker;
	struct weir_stores *stores;
	const struct weir_clock *clock;
	const struct weir_logger *logger;
	struct part *parts;
	size_t count;
	bool is_prepared; /* the changelogs are there, and which they are is known */
	bool targets_known;
	struct weir_reader *reader;
	int ask_ms;
	int64_t not_before_ms; /* something failed: not at once again */
	int64_t complain_ms;   /* when that is said again */
	struct weir_error denied; /* what only an administrator can mend */
	bool is_busy;
	uint64_t records;
	unsigned uncommitted;
	size_t uncommitted_bytes;
	int64_t started_ms, progress_ms;
};

struct weir_restore *
weir__restore_new(struct weir_broker *broker, struct weir_stores *stores,
                  const struct weir_clock *clock, const struct weir_logger *logger)
{
	struct weir_restore *restore = weir__calloc(1, sizeof(*restore));

	restore->broker = broker;
	restore->stores = stores;
	restore->clock = clock;
	restore->logger = logger;
	restore->ask_ms = ASK_FIRST_MS;
	restore->started_ms = clock->monotonic_ms(clock);
	restore->progress_ms = restore->started_ms + PROGRESS_MS;
	return restore;
}

void
weir__restore_free(struct weir_restore *restore)
{
	if (!restore)
		return;
	weir__reader_close(restore->reader);
	free(restore->parts);
	free(restore);
}

void
weir__restore_add(struct weir_restore *restore, struct weir_state *state, const char *topic,
                  int32_t partition)
{
	size_t stores = weir__stores_count(restore->stores), all;
	size_t first = weir__stores_first(restore->stores, topic);
	const char *const *changelogs = weir__stores_changelogs(restore->stores, &all);

	restore->parts = weir__realloc(restore->parts,
	                               (restore->count + stores) * sizeof(*restore->parts));
	for (size_t store = 0; store < stores; store++)
		restore->parts[restore->count++] = (struct part){
			.state = state,
			.store = store,
			.topic = changelogs[first + store],
			.changelog = first + store,
			.partition = partition,
		};
}

void
weir__restore_remove(struct weir_restore *restore, struct weir_state *state)
{
	size_t kept = 0;

	for (size_t index = 0; index < restore->count; index++)
		if (restore->parts[index].state != state)
			restore->parts[kept++] = restore->parts[index];
	restore->count = kept;
}

bool
weir__restore_is_empty(const struct weir_restore *restore)
{
	return restore->count == 0;
}

bool
weir__restore_is_busy(const struct weir_restore *restore)
{
	return restore->is_busy;
}

/* ---- a state that failed, or is whole ---- */

static enum weir_restored
broken(struct weir_restore *restore, struct weir_state *state, struct weir_state **which)
{
	weir__restore_remove(restore, state);
	*which = state;
	return WEIR_RESTORE_BROKEN;
}

static int
commit(struct weir_restore *restore, struct weir_state *state, struct weir_error *error)
{
	int64_t *positions =
		weir__calloc(weir__stores_count(restore->stores) + 1, sizeof(*positions));
	int code;

	for (size_t index = 0; index < restore->count; index++)
		if (restore->parts[index].state == state)
			positions[restore->parts[index].store] = restore->parts[index].next;
	WEIR_FAULT_POINT(RESTORE_COMMIT_NEXT);
	code = weir__state_commit(state, positions, error);
	WEIR_FAULT_POINT(RESTORE_COMMITTED);
	free(positions);
	return code;
}

static bool
is_whole(const struct weir_restore *restore, const struct weir_state *state)
{
	for (size_t index = 0; index < restore->count; index++)
		if (restore->parts[index].state == state &&
		    restore->parts[index].next < restore->parts[index].target)
			return false;
	return true;
}

static enum weir_restored
ready(struct weir_restore *restore, struct weir_state *state, struct weir_state **which,
      struct weir_error *error)
{
	weir__state_caught_up(state);
	if (commit(restore, state, error))
		return broken(restore, state, which);
	weir__restore_remove(restore, state);
	*which = state;
	if (restore->count == 0)
		weir__log(restore->logger, WEIR_LOG_INFO,
		          "stores restored records=%" PRIu64 " ms=%" PRId64, restore->records,
		          restore->clock->monotonic_ms(restore->clock) - restore->started_ms);
	return WEIR_RESTORE_READY;
}

/* ---- where to begin ---- */

static void
try_later(struct weir_restore *restore, const struct weir_error *error)
{
	int64_t now_ms = restore->clock->monotonic_ms(restore->clock);

	if (error->code == WEIR_EDENIED) {
		restore->denied = *error;
	} else if (restore->complain_ms == 0 && error->code == WEIR_ENOTFOUND) {
		restore->complain_ms = now_ms + COMPLAIN_MS;
	} else if (now_ms >= restore->complain_ms) {
		weir__log(restore->logger, WEIR_LOG_WARNING,
		          "stores cannot be restored yet, trying on reason=\"%s\"",
		          error->message);
		restore->complain_ms = now_ms + COMPLAIN_MS;
	}
	restore->ask_ms = restore->ask_ms * 2 < ASK_MAX_MS ? restore->ask_ms * 2 : ASK_MAX_MS;
	weir__reader_close(restore->reader);
	restore->reader = NULL;
	restore->is_prepared = restore->targets_known = false;
	restore->not_before_ms =
		now_ms + (error->code == WEIR_ENOTFOUND ? RETRY_NEW_MS : RETRY_MS);
}

/* Is it another one than the store was filled from, of the same name? */
static bool
is_another(const struct weir_restore *restore, const struct part *part)
{
	uint32_t kept = weir__state_source(part->state, part->store);
	uint32_t source = weir__stores_source(restore->stores, part->changelog);

	return kept && source && kept != source;
}

/* The store's place is none in its changelog: nothing that it has can be trusted. */
static int
begin_anew(struct weir_restore *restore, const struct part *part, int64_t low, int64_t high,
           struct weir_error *error)
{
	const char *why = is_another(restore, part) ? "the changelog was made anew, or given "
	                                              "another delete.retention.ms"
	                  : part->next < low ? "the changelog no longer has what follows"
	                                     : "the changelog was made anew or truncated";

	weir__log(restore->logger, WEIR_LOG_WARNING,
	          "store is rebuilt from its changelogs changelog=%s[%" PRId32
	          "] position=%" PRId64 " log_start=%" PRId64 " log_end=%" PRId64
	          " reason=\"%s\"",
	          part->topic, part->partition, part->next, low, high, why);
	return weir__state_wipe(part->state, error);
}

/* Returns 0, WEIR_EIO of the state, or what the broker says. */
static int
find_target(struct weir_restore *restore, struct part *part, struct weir_error *error)
{
	uint32_t source = weir__stores_source(restore->stores, part->changelog);
	int64_t low, high;
	int code = weir__broker_range(restore->broker, part->topic, part->partition, &low, &high,
	                              restore->ask_ms, error);

	if (code)
		return code;
	part->next = weir__state_position(part->state, part->store);
	part->target = high;
	if (part->next == 0 ||
	    (part->next >= low && part->next <= high && !is_another(restore, part))) {
		part->next = part->next ? part->next : low;
		if (source)
			weir__state_set_source(part->state, part->store, source);
		return 0;
	}
	code = begin_anew(restore, part, low, high, error);
	return code ? WEIR_EIO : WEIR_EEXISTS; /* all of its stores begin anew */
}

/* Anybody may have deleted one, and made it anew. */
static int
prepare(struct weir_restore *restore, struct weir_error *error)
{
	int code = weir__stores_prepare(restore->stores, restore->broker, restore->ask_ms, error);

	restore->is_prepared = !code;
	return code;
}

/* False: not all are known yet. */
static bool
find_targets(struct weir_restore *restore, struct weir_state **which, struct weir_error *error)
{
	struct weir_error inner = {0};

	if (!restore->is_prepared && prepare(restore, &inner)) {
		try_later(restore, &inner);
		return false;
	}
	for (size_t index = 0; index < restore->count; index++) {
		struct part *part = &restore->parts[index];
		int code = find_target(restore, part, &inner);

		if (code == WEIR_EEXISTS)
			return false;
		if (code == WEIR_EIO) {
			*which = part->state;
			*error = inner;
			return false;
		}
		if (code) {
			try_later(restore, &inner);
			return false;
		}
	}
	restore->targets_known = true;
	return true;
}

static void
open_reader(struct weir_restore *restore)
{
	struct weir_offset *places = weir__calloc(restore->count + 1, sizeof(*places));
	struct weir_error error = {0};
	uint64_t behind = 0;
	size_t count = 0;

	for (size_t index = 0; index < restore->count; index++) {
		const struct part *part = &restore->parts[index];

		if (part->next >= part->target)
			continue;
		behind += (uint64_t)(part->target - part->next);
		places[count++] = (struct weir_offset){
			.topic = part->topic, .partition = part->partition, .offset = part->next};
	}
	weir__log(restore->logger, WEIR_LOG_INFO,
	          "restoring stores changelog_partitions=%zu offsets=%" PRIu64, count, behind);
	restore->reader = weir__broker_reader_open(restore->broker, places, count,
	                                           !WEIR_MUTANT(RESTORE_UNCOMMITTED), &error);
	if (!restore->reader)
		try_later(restore, &error);
	free(places);
}

/* ---- reading ---- */

static struct part *
find_part(struct weir_restore *restore, const struct weir_offset *place)
{
	for (size_t index = 0; index < restore->count; index++)
		if (restore->parts[index].partition == place->partition &&
		    strcmp(restore->parts[index].topic, place->topic) == 0)
			return &restore->parts[index];
	return NULL;
}

static void
show_progress(struct weir_restore *restore)
{
	int64_t now_ms = restore->clock->monotonic_ms(restore->clock);
	uint64_t left = 0;

	if (now_ms < restore->progress_ms)
		return;
	restore->progress_ms = now_ms + PROGRESS_MS;
	for (size_t index = 0; index < restore->count; index++)
		if (restore->parts[index].next < restore->parts[index].target)
			left += (uint64_t)(restore->parts[index].target -
			                   restore->parts[index].next);
	weir__log(restore->logger, WEIR_LOG_INFO,
	          "restoring stores records=%" PRIu64 " offsets_left=%" PRIu64,
	          restore->records, left);
}

/* What was read so far stays, should it end here. */
static int
commit_all(struct weir_restore *restore, struct weir_state **which, struct weir_error *error)
{
	restore->uncommitted = 0;
	restore->uncommitted_bytes = 0;
	for (size_t index = 0; index < restore->count; index++) {
		if (restore->parts[index].store != 0)
			continue; /* a state is committed with all of its stores */
		*which = restore->parts[index].state;
		if (commit(restore, *which, error))
			return WEIR_EIO;
	}
	return 0;
}

/* One poll. Returns whether there may be more at once; *part was moved on, or is NULL. */
static bool
read_one(struct weir_restore *restore, struct part **moved, struct weir_error *error)
{
	struct weir_message message;
	struct weir_offset place;
	struct weir_error inner = {0};
	enum weir_event_type type =
		weir__reader_poll(restore->reader, 0, &place, &message, &inner);
	struct part *part = NULL;

	*moved = NULL;
	if (type == WEIR_EVENT_IDLE)
		return false;
	if (type == WEIR_EVENT_FAILED || type == WEIR_EVENT_GAP) {
		/* a gap: the log's beginning moved on meanwhile; asked anew, that shows */
		weir_error_set(&inner, WEIR_EBROKER, "the changelog's beginning moved");
		try_later(restore, &inner);
		return false;
	}
	part = find_part(restore, &place);
	if (!part)
		return true;
	*moved = part;
	if (type == WEIR_EVENT_END) {
		if (place.offset > part->next)
			part->next = place.offset;
		if (WEIR_MUTANT(RESTORE_TO_STABLE))
			part->target = part->next;
		return true;
	}
	restore->records++;
	restore->uncommitted++;
	restore->uncommitted_bytes += message.key.size + message.value.size;
	part->next = place.offset + 1;
	/* a null key cannot be of ours, and no compacted topic takes one */
	if (message.key.data && weir__state_apply(part->state, part->store, message.key,
	                                          message.value, message.timestamp_ms, error))
		return false;
	WEIR_FAULT_POINT(RESTORE_APPLIED);
	return true;
}

/* As much as a commit is to have: it stays in memory until then. */
static bool
is_full(const struct weir_restore *restore)
{
	return restore->uncommitted >= COMMIT_RECORDS ||
	       restore->uncommitted_bytes >= COMMIT_BYTES;
}

static enum weir_restored
read_some(struct weir_restore *restore, struct weir_state **which, struct weir_error *error)
{
	struct part *part = NULL;
	bool more = true;

	for (int count = 0; more && count < STEP_RECORDS && !is_full(restore); count++) {
		more = read_one(restore, &part, error);
		if (error->code)
			return broken(restore, part->state, which);
		if (part && part->next >= part->target && is_whole(restore, part->state))
			return ready(restore, part->state, which, error);
	}
	restore->is_busy = more;
	if (is_full(restore) && commit_all(restore, which, error))
		return broken(restore, *which, which);
	show_progress(restore);
	return WEIR_RESTORE_GOES_ON;
}

static enum weir_restored
step(struct weir_restore *restore, struct weir_state **state, struct weir_error *error)
{
	if (restore->clock->monotonic_ms(restore->clock) < restore->not_before_ms)
		return WEIR_RESTORE_GOES_ON;
	if (!restore->targets_known && !find_targets(restore, state, error))
		return *state ? broken(restore, *state, state) : WEIR_RESTORE_GOES_ON;
	for (size_t index = 0; index < restore->count; index++)
		if (is_whole(restore, restore->parts[index].state))
			return ready(restore, restore->parts[index].state, state, error);
	if (!restore->reader && restore->count)
		open_reader(restore);
	if (!restore->reader)
		return WEIR_RESTORE_GOES_ON;
	return read_some(restore, state, error);
}

enum weir_restored
weir__restore_step(struct weir_restore *restore, struct weir_state **state,
                   struct weir_error *error)
{
	enum weir_restored restored;

	*state = NULL;
	restore->is_busy = false;
	restored = step(restore, state, error);
	if (restored != WEIR_RESTORE_GOES_ON || !restore->denied.code)
		return restored;
	weir_error_set(error, restore->denied.code, "stores cannot be restored: %s",
	               restore->denied.message);
	return WEIR_RESTORE_DENIED;
}
