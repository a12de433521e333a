/*
 * Reading topics into tables: where each partition begins, what comes, when all was read.
 *
 * Knows when what a table has is of no use: its place is outside the topic. Before the workers
 * run it is then read anew; while they run the app has to stop, since they would find it half
 * empty. The feeding thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <base/mutation.h>
#include <state/tables_private.h>

#define ASK_FIRST_MS 250
#define ASK_MAX_MS 2000
#define RETRY_MS 1000
#define MISSING_MS 10000 /* a topic that is not there for so long is gone */
#define COMPLAIN_MS 10000
#define PROGRESS_MS 5000
#define DESCRIBE_MS 60000 /* topics grow seldom */
#define REFRESH_MS 60000
#define FAILING_MAX_MS 30000
#define STEP_RECORDS 1000
#define COMMIT_RECORDS 50000
#define COMMIT_BYTES ((size_t)16 << 20)

static int64_t
now(const struct weir_tables *tables)
{
	return tables->config.clock->monotonic_ms(tables->config.clock);
}

static int64_t
wall_now(const struct weir_tables *tables)
{
	return tables->config.clock->wall_ms(tables->config.clock);
}

/* ---- what failed ---- */

/* On the cluster's side. Returns 0, or the error when it cannot mend. */
static int
try_later(struct weir_tables *tables, const struct weir_error *reason, struct weir_error *error)
{
	int64_t now_ms = now(tables);

	weir__reader_close(tables->reader);
	tables->reader = NULL;
	tables->targets_known = false;
	tables->not_before_ms = now_ms + RETRY_MS;
	tables->ask_ms = tables->ask_ms * 2 < ASK_MAX_MS ? tables->ask_ms * 2 : ASK_MAX_MS;
	if (reason->code != WEIR_ENOTFOUND)
		tables->missing_ms = 0;
	else if (tables->missing_ms == 0)
		tables->missing_ms = now_ms;
	else if (now_ms - tables->missing_ms > MISSING_MS)
		return weir_error_set(error, WEIR_ENOTFOUND, "%s", reason->message);
	if (now_ms >= tables->complain_ms) {
		weir__log(tables->config.logger, WEIR_LOG_WARNING,
		          "tables cannot be read, trying on reason=\"%s\"", reason->message);
		tables->complain_ms = now_ms + COMPLAIN_MS;
	}
	return 0;
}

/* On the disk: what was not committed is read again. */
static void
write_failed(struct weir_tables *tables, struct weir_kept *kept, const struct weir_error *reason)
{
	tables->failing_ms = tables->failing_ms ? 2 * tables->failing_ms : RETRY_MS;
	if (tables->failing_ms > FAILING_MAX_MS)
		tables->failing_ms = FAILING_MAX_MS;
	weir__log(tables->config.logger, WEIR_LOG_ERROR,
	          "table cannot be written, trying on table=%s in_ms=%" PRId64 " reason=\"%s\"",
	          kept->name, tables->failing_ms, reason->message);
	weir__state_abort(kept->state);
	kept->reopen = true;
	weir__reader_close(tables->reader);
	tables->reader = NULL;
	tables->targets_known = false;
	tables->not_before_ms = now(tables) + tables->failing_ms;
}

/* ---- keeping what was read ---- */

static bool
is_read(const struct weir_tables *tables, const struct weir_kept *kept)
{
	const struct weir_part *part = &tables->parts[kept->first_part];

	for (int32_t index = 0; index < kept->partitions; index++)
		if (part[index].next < part[index].target)
			return false;
	return true;
}

static int
commit(struct weir_tables *tables, struct weir_kept *kept, struct weir_error *error)
{
	int64_t *positions = weir__calloc((size_t)kept->partitions + 1, sizeof(*positions));
	int code;

	for (int32_t index = 0; index < kept->partitions; index++)
		positions[index] = tables->parts[kept->first_part + (size_t)index].next;
	if (is_read(tables, kept))
		weir__state_caught_up(kept->state);
	code = weir__state_commit(kept->state, positions, error);
	free(positions);
	return code;
}

/* True: all is kept; false: one could not be written, and is tried again. */
static bool
commit_all(struct weir_tables *tables, bool also_idle)
{
	tables->uncommitted = tables->uncommitted_bytes = 0;
	for (size_t index = 0; index < tables->config.count; index++) {
		struct weir_kept *kept = &tables->kept[index];
		struct weir_error error = {0};

		if (!also_idle && !weir__state_has_writes(kept->state))
			continue;
		if (commit(tables, kept, &error)) {
			write_failed(tables, kept, &error);
			return false;
		}
	}
	tables->failing_ms = 0;
	return true;
}

void
weir__tables_rest(struct weir_tables *tables)
{
	if (tables->targets_known)
		commit_all(tables, true);
	for (size_t index = 0; index < tables->config.count; index++)
		if (tables->kept[index].state)
			weir__state_abort(tables->kept[index].state);
}

/* ---- topics ---- */

/*
 * Tombstones of keys that were deleted while the cluster did not answer may be gone. It is asked
 * only every so often, and none is removed at once.
 */
static int
check_age(struct weir_tables *tables, struct weir_error *error)
{
	int64_t age_ms = wall_now(tables) - tables->heard_ms;

	for (size_t index = 0; index < tables->config.count; index++) {
		const struct weir_kept *kept = &tables->kept[index];

		if (atomic_load(&tables->are_read) && kept->max_age_ms &&
		    age_ms > kept->max_age_ms && age_ms > 2 * DESCRIBE_MS)
			return weir_error_set(error, WEIR_ELIMIT,
			                      "table %s: nothing was heard of its topic for "
			                      "%" PRId64 " s, and after %" PRId64
			                      " s it may have forgotten what was deleted; "
			                      "started again, the app reads it anew",
			                      kept->name, age_ms / 1000,
			                      kept->max_age_ms / 1000);
	}
	return 0;
}

static void
take_info(struct weir_tables *tables, struct weir_kept *kept, const struct weir_topic_info *info)
{
	bool is_new = kept->partitions == 0;

	if (is_new && !info->is_compacted && info->delete_retention_ms >= 0)
		weir__log(tables->config.logger, WEIR_LOG_WARNING,
		          "table's topic is not compacted only: what its retention removes stays "
		          "in a table that was read before, and is missing in one that is read "
		          "anew table=%s topic=%s (set its cleanup.policy to compact)",
		          kept->name, kept->topic);
	if (info->delete_retention_ms >= 0)
		kept->max_age_ms = info->delete_retention_ms / 2 + 1;
	if (info->partitions <= kept->partitions)
		return;
	if (!is_new)
		weir__log(tables->config.logger, WEIR_LOG_INFO,
		          "table grows with its topic table=%s partitions=%" PRId32, kept->name,
		          info->partitions);
	kept->partitions = info->partitions;
	kept->reopen = true;
	tables->targets_known = false;
}

/* Which partitions they have. Returns 0 or what the broker says. */
static int
describe(struct weir_tables *tables, struct weir_error *error)
{
	size_t count = tables->config.count;
	const char **names = weir__calloc(count + 1, sizeof(*names));
	struct weir_cluster_info info = {0};
	int code;

	for (size_t index = 0; index < count; index++)
		names[index] = tables->kept[index].topic;
	code = weir__broker_describe(tables->config.broker, names, count, &info, tables->ask_ms,
	                             error);
	for (size_t index = 0; !code && index < count; index++) {
		if (info.topics[index].error)
			code = weir_error_set(error, info.topics[index].error,
			                      "table %s: topic %s: %s", tables->kept[index].name,
			                      names[index],
			                      weir_strerror(info.topics[index].error));
		else
			take_info(tables, &tables->kept[index], &info.topics[index]);
	}
	weir__cluster_info_fini(&info);
	free(names);
	tables->are_described = !code;
	tables->describe_ms = now(tables) + DESCRIBE_MS;
	if (!code)
		tables->heard_ms = wall_now(tables);
	return code;
}

/* Files that are to be opened anew. False: somebody looks at the moment, or *error. */
static bool
reopen(struct weir_tables *tables, int wait_ms, struct weir_error *error)
{
	for (size_t index = 0; index < tables->config.count; index++) {
		struct weir_kept *kept = &tables->kept[index];

		if (!kept->reopen)
			continue;
		if (!weir__kept_lock(kept, wait_ms))
			return false;
		kept->reopen = false;
		weir__kept_open(tables, kept, error);
		weir__kept_unlock(kept);
		if (error->code)
			return false;
	}
	return true;
}

static bool
make_room(struct weir_tables *tables, int wait_ms)
{
	for (size_t index = 0; index < tables->config.count; index++) {
		struct weir_kept *kept = &tables->kept[index];

		if (!weir__state_lacks_room(kept->state))
			continue;
		if (!weir__kept_lock(kept, wait_ms))
			return false;
		weir__state_grow(kept->state);
		weir__kept_unlock(kept);
	}
	return true;
}

/* ---- where to begin ---- */

static void
list_parts(struct weir_tables *tables)
{
	size_t count = 0;

	for (size_t index = 0; index < tables->config.count; index++)
		count += (size_t)tables->kept[index].partitions;
	tables->parts = weir__realloc(tables->parts, (count + 1) * sizeof(*tables->parts));
	tables->part_count = 0;
	for (size_t index = 0; index < tables->config.count; index++) {
		tables->kept[index].first_part = tables->part_count;
		for (int32_t id = 0; id < tables->kept[index].partitions; id++)
			tables->parts[tables->part_count++] =
				(struct weir_part){.table = index, .partition = id};
	}
}

/*
 * Its place is outside the topic. Returns 0: all of it is read anew; or an error, since it may
 * not be emptied under those who look.
 */
static int
begin_anew(struct weir_tables *tables, struct weir_kept *kept, const struct weir_part *part,
           int64_t low, int64_t high, struct weir_error *error)
{
	const char *why = part->next < low
	                          ? "the topic no longer has what follows"
	                          : "the topic was made anew or truncated";

	if (atomic_load(&tables->are_read))
		return weir_error_set(error, WEIR_ELIMIT,
		                      "table %s: read up to %s[%" PRId32 "]@%" PRId64
		                      ", which has %" PRId64 " to %" PRId64
		                      ": %s; started again, the app reads it anew",
		                      kept->name, kept->topic, part->partition, part->next, low,
		                      high, why);
	weir__log(tables->config.logger, WEIR_LOG_WARNING,
	          "table is read anew table=%s topic=%s[%" PRId32 "] position=%" PRId64
	          " log_start=%" PRId64 " log_end=%" PRId64 " reason=\"%s\"",
	          kept->name, kept->topic, part->partition, part->next, low, high, why);
	return weir__state_wipe(kept->state, error);
}

/* Returns 0, WEIR_EEXISTS (begun anew: ask again), WEIR_ELIMIT or WEIR_EIO (stop), or what the
 * broker says. */
static int
find_target(struct weir_tables *tables, struct weir_part *part, struct weir_error *error)
{
	struct weir_kept *kept = &tables->kept[part->table];
	int64_t low, high;
	int code = weir__broker_range(tables->config.broker, kept->topic, part->partition, &low,
	                              &high, tables->ask_ms, error);

	if (code)
		return code;
	part->next = weir__state_position(kept->state, (size_t)part->partition);
	part->target = high;
	if (part->next == 0) {
		part->next = low;
		return 0;
	}
	if (part->next >= low && part->next <= high)
		return 0;
	code = begin_anew(tables, kept, part, low, high, error);
	return code ? code : WEIR_EEXISTS;
}

/* Returns 0; not all may be known yet. */
static int
find_targets(struct weir_tables *tables, struct weir_error *error)
{
	int code;

	list_parts(tables);
	for (size_t index = 0; index < tables->part_count; index++) {
		struct weir_error inner = {0};

		code = find_target(tables, &tables->parts[index], &inner);
		if (code == WEIR_EEXISTS)
			return 0;
		if (code == WEIR_ELIMIT || code == WEIR_EIO)
			return weir_error_set(error, code, "%s", inner.message);
		if (code)
			return try_later(tables, &inner, error);
	}
	tables->targets_known = true;
	tables->missing_ms = 0;
	return 0;
}

static uint64_t
left(const struct weir_tables *tables)
{
	uint64_t left = 0;

	for (size_t index = 0; index < tables->part_count; index++)
		if (tables->parts[index].next < tables->parts[index].target)
			left += (uint64_t)(tables->parts[index].target -
			                   tables->parts[index].next);
	return left;
}

static int
open_reader(struct weir_tables *tables, struct weir_error *error)
{
	struct weir_offset *places = weir__calloc(tables->part_count + 1, sizeof(*places));
	struct weir_error inner = {0};

	for (size_t index = 0; index < tables->part_count; index++)
		places[index] = (struct weir_offset){
			.topic = tables->kept[tables->parts[index].table].topic,
			.partition = tables->parts[index].partition,
			.offset = tables->parts[index].next,
		};
	tables->reader =
		weir__broker_reader_open(tables->config.broker, places, tables->part_count,
	                                 !WEIR_MUTANT(TABLE_UNCOMMITTED), &inner);
	free(places);
	if (!tables->reader)
		return try_later(tables, &inner, error);
	if (!atomic_load(&tables->are_read))
		weir__log(tables->config.logger, WEIR_LOG_INFO,
		          "reading tables tables=%zu partitions=%zu offsets=%" PRIu64,
		          tables->config.count, tables->part_count, left(tables));
	return 0;
}

/* ---- reading ---- */

static struct weir_part *
find_part(struct weir_tables *tables, const struct weir_offset *place)
{
	for (size_t index = 0; index < tables->config.count; index++) {
		const struct weir_kept *kept = &tables->kept[index];

		if (strcmp(kept->topic, place->topic) == 0 && place->partition < kept->partitions)
			return &tables->parts[kept->first_part + (size_t)place->partition];
	}
	return NULL;
}

/* False: it could not be written. */
static bool
take(struct weir_tables *tables, struct weir_part *part, const struct weir_offset *place,
     const struct weir_message *message)
{
	struct weir_kept *kept = &tables->kept[part->table];
	struct weir_error error = {0};

	part->next = place->offset + 1;
	tables->records++;
	if (!message->key.data) {
		if (!kept->warned_of_keys)
			weir__log(tables->config.logger, WEIR_LOG_WARNING,
			          "table's topic has records without a key, which are skipped "
			          "table=%s first=%s[%" PRId32 "]@%" PRId64,
			          kept->name, place->topic, place->partition, place->offset);
		kept->warned_of_keys = true;
		return true;
	}
	tables->uncommitted++;
	tables->uncommitted_bytes += message->key.size + message->value.size;
	if (weir__state_apply(kept->state, 0, message->key, message->value,
	                      message->timestamp_ms, &error) == 0)
		return true;
	write_failed(tables, kept, &error);
	return false;
}

/* One poll. Sets *more: there may be more at once. */
static int
read_one(struct weir_tables *tables, int wait_ms, bool *more, struct weir_error *error)
{
	struct weir_message message;
	struct weir_offset place;
	struct weir_error inner = {0};
	enum weir_event_type type =
		weir__reader_poll(tables->reader, wait_ms, &place, &message, &inner);
	struct weir_part *part;

	*more = false;
	if (type == WEIR_EVENT_IDLE)
		return 0;
	if (type == WEIR_EVENT_FAILED || type == WEIR_EVENT_GAP) {
		/* asked anew, a gap shows what it is */
		if (commit_all(tables, true))
			weir_error_set(&inner, WEIR_EBROKER, "the topic's beginning moved");
		return try_later(tables, &inner, error);
	}
	part = find_part(tables, &place);
	*more = true;
	if (part && type == WEIR_EVENT_END && place.offset > part->next)
		part->next = place.offset;
	else if (part && type == WEIR_EVENT_RECORD)
		*more = take(tables, part, &place, &message);
	return 0;
}

static void
show_progress(struct weir_tables *tables)
{
	int64_t now_ms = now(tables);

	if (atomic_load(&tables->are_read) || now_ms < tables->progress_ms)
		return;
	if (tables->progress_ms)
		weir__log(tables->config.logger, WEIR_LOG_INFO,
		          "reading tables records=%" PRIu64 " offsets_left=%" PRIu64,
		          tables->records, left(tables));
	tables->progress_ms = now_ms + PROGRESS_MS;
}

static void
settle(struct weir_tables *tables)
{
	if (atomic_load(&tables->are_read) || left(tables) > 0 || !commit_all(tables, true))
		return;
	weir__log(tables->config.logger, WEIR_LOG_INFO,
	          "tables read tables=%zu records=%" PRIu64 " ms=%" PRId64, tables->config.count,
	          tables->records, now(tables) - tables->started_ms);
	atomic_store(&tables->are_read, true);
}

static int
read_some(struct weir_tables *tables, int wait_ms, struct weir_error *error)
{
	bool more = true;
	int code = 0;

	for (int count = 0; more && count < STEP_RECORDS && !code; count++)
		code = read_one(tables, count ? 0 : wait_ms, &more, error);
	if (code || !tables->reader)
		return code;
	/* when little comes at a time, it is seen at once */
	if (tables->uncommitted > 0 && (!more || tables->uncommitted >= COMMIT_RECORDS ||
	                                tables->uncommitted_bytes >= COMMIT_BYTES))
		commit_all(tables, false);
	if (now(tables) >= tables->refresh_ms && commit_all(tables, true))
		tables->refresh_ms = now(tables) + REFRESH_MS;
	if (tables->reader)
		settle(tables);
	show_progress(tables);
	return 0;
}

/* ---- a step ---- */

static void
begin(struct weir_tables *tables)
{
	tables->started_ms = now(tables);
	tables->ask_ms = ASK_FIRST_MS;
	tables->refresh_ms = tables->started_ms + REFRESH_MS;
	tables->heard_ms = wall_now(tables);
}

/* Up to the reader. True: it is there. */
static bool
prepare(struct weir_tables *tables, int wait_ms, struct weir_error *error)
{
	struct weir_error inner = {0};

	if (!tables->are_described || now(tables) >= tables->describe_ms) {
		if (check_age(tables, error) ||
		    (tables->targets_known && !commit_all(tables, true)))
			return false;
		if (describe(tables, &inner)) {
			try_later(tables, &inner, error);
			return false;
		}
	}
	if (!reopen(tables, wait_ms, error) || !make_room(tables, wait_ms))
		return false;
	if (!tables->targets_known) {
		weir__reader_close(tables->reader);
		tables->reader = NULL;
		if (find_targets(tables, error) || !tables->targets_known)
			return false;
	}
	return tables->reader || (open_reader(tables, error) == 0 && tables->reader);
}

int
weir__tables_step(struct weir_tables *tables, int wait_ms, struct weir_error *error)
{
	int64_t pause_ms;

	if (tables->started_ms == 0)
		begin(tables);
	pause_ms = tables->not_before_ms - now(tables);
	if (pause_ms > 0) {
		if (wait_ms > 0)
			poll(NULL, 0, pause_ms < wait_ms ? (int)pause_ms : wait_ms);
		return 0;
	}
	if (!prepare(tables, wait_ms, error))
		return error->code;
	return read_some(tables, wait_ms, error);
}
