/*
 * Reading topics into tables: what comes, when it is kept, when all was read, and what is done
 * when cluster or disk fail. The feeding thread.
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
#define REFRESH_MS 60000
#define FAILING_MAX_MS 30000
#define STEP_RECORDS 1000
#define COMMIT_RECORDS 50000
#define COMMIT_BYTES ((size_t)16 << 20)

/* ---- what failed ---- */

/* On the cluster's side. Returns 0, or the error when it cannot mend. */
int
weir__tables_try_later(struct weir_tables *tables, const struct weir_error *reason, struct weir_error *error)
{
	int64_t now_ms = weir__tables_now(tables);

	weir__reader_close(tables->reader);
	tables->reader = NULL;
	tables->targets_known = false;
	tables->not_before_ms = now_ms + RETRY_MS;
	tables->ask_ms = tables->ask_ms * 2 < ASK_MAX_MS ? tables->ask_ms * 2 : ASK_MAX_MS;
	if (reason->code == WEIR_EDENIED)
		return weir_error_set(error, WEIR_EDENIED, "tables cannot be read: %s",
		                      reason->message);
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
		tables->complained = true;
	}
	return 0;
}

/* On the disk: what was not committed is read again. */
static void
write_failed(struct weir_tables *tables, struct weir_kept *kept, const struct weir_error *reason)
{
	tables->uncommitted = tables->uncommitted_bytes = 0;
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
	tables->not_before_ms = weir__tables_now(tables) + tables->failing_ms;
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
	weir__versions_commit(kept->versions);
	code = weir__state_commit(kept->state, positions, error);
	if (!code)
		weir__versions_committed(kept->versions);
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

/* ---- files ---- */

/*
 * While this waits nobody begins to look; and somebody may look for long. So it is tried now
 * and then.
 */
static bool
lock(struct weir_tables *tables, struct weir_kept *kept, int wait_ms)
{
	if (weir__kept_lock(kept, wait_ms))
		return true;
	if (wait_ms > 0)
		tables->not_before_ms = weir__tables_now(tables) + RETRY_MS;
	return false;
}

/* Files that are to be opened anew. False: somebody looks at the moment, or *error. */
static bool
reopen(struct weir_tables *tables, int wait_ms, struct weir_error *error)
{
	for (size_t index = 0; index < tables->config.count; index++) {
		struct weir_kept *kept = &tables->kept[index];

		if (!kept->reopen)
			continue;
		if (!lock(tables, kept, wait_ms))
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

		if (weir__tables_now(tables) < kept->grow_ms ||
		    !weir__state_lacks_room(kept->state))
			continue;
		if (!lock(tables, kept, wait_ms))
			return false;
		weir__state_grow(kept->state);
		weir__kept_unlock(kept);
		if (weir__state_lacks_room(kept->state))
			kept->grow_ms = weir__tables_now(tables) + COMPLAIN_MS;
	}
	return true;
}

/* ---- the reader ---- */

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
		return weir__tables_try_later(tables, &inner, error);
	if (!atomic_load(&tables->are_read))
		weir__log(tables->config.logger, WEIR_LOG_INFO,
		          "reading tables tables=%zu partitions=%zu offsets=%" PRIu64,
		          tables->config.count, tables->part_count, left(tables));
	else if (tables->complained)
		weir__log(tables->config.logger, WEIR_LOG_INFO,
		          "tables are read again offsets=%" PRIu64, left(tables));
	tables->complained = false;
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
	weir__versions_change(kept->versions, message->key);
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
		return weir__tables_try_later(tables, &inner, error);
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
	int64_t now_ms = weir__tables_now(tables);

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
	          tables->records, weir__tables_now(tables) - tables->started_ms);
	atomic_store(&tables->are_read, true);
}

/* As much as a commit is to have: it stays in memory until then. */
static bool
is_full(const struct weir_tables *tables)
{
	return tables->uncommitted >= COMMIT_RECORDS ||
	       tables->uncommitted_bytes >= COMMIT_BYTES;
}

static int
read_some(struct weir_tables *tables, int wait_ms, struct weir_error *error)
{
	int most = tables->config.step_records ? tables->config.step_records : STEP_RECORDS;
	bool more = true;
	int code = 0;

	for (int count = 0; more && count < most && !code && !is_full(tables); count++)
		code = read_one(tables, count ? 0 : wait_ms, &more, error);
	if (code || !tables->reader)
		return code;
	/* when little comes at a time, it is seen at once */
	if (tables->uncommitted > 0 && (!more || is_full(tables)))
		commit_all(tables, false);
	if (weir__tables_now(tables) >= tables->refresh_ms && commit_all(tables, true))
		tables->refresh_ms = weir__tables_now(tables) + REFRESH_MS;
	if (tables->reader)
		settle(tables);
	show_progress(tables);
	return 0;
}

/* ---- a step ---- */

static void
begin(struct weir_tables *tables)
{
	tables->started_ms = weir__tables_now(tables);
	tables->ask_ms = ASK_FIRST_MS;
	tables->refresh_ms = tables->started_ms + REFRESH_MS;
	tables->heard_ms = weir__tables_wall_now(tables);
}

/* Up to the reader. True: it is there. */
static bool
prepare(struct weir_tables *tables, int wait_ms, struct weir_error *error)
{
	struct weir_error inner = {0};

	if (!tables->are_described || weir__tables_now(tables) >= tables->describe_ms) {
		if (weir__tables_check_age(tables, error) ||
		    (tables->targets_known && !commit_all(tables, true)))
			return false;
		if (weir__tables_describe(tables, &inner)) {
			weir__tables_try_later(tables, &inner, error);
			return false;
		}
	}
	if (!reopen(tables, wait_ms, error) || !make_room(tables, wait_ms))
		return false;
	if (!tables->targets_known) {
		weir__reader_close(tables->reader);
		tables->reader = NULL;
		if (weir__tables_find_targets(tables, error) || !tables->targets_known)
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
	pause_ms = tables->not_before_ms - weir__tables_now(tables);
	if (pause_ms > 0) {
		if (wait_ms > 0)
			poll(NULL, 0, pause_ms < wait_ms ? (int)pause_ms : wait_ms);
		return 0;
	}
	if (!prepare(tables, wait_ms, error))
		return error->code;
	return read_some(tables, wait_ms, error);
}
