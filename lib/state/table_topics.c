/*
 * The topics of tables: which partitions they have, and where each is read from and up to.
 *
 * Knows when what a table has is of no use: its place is outside the topic. Before the workers
 * run it is then read anew; while they run the app has to stop, since they would find it half
 * empty. The feeding thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdlib.h>

#include <state/tables_private.h>

#define DESCRIBE_MS 60000 /* topics grow seldom */

/* ---- topics ---- */

int
weir__tables_check_age(const struct weir_tables *tables, struct weir_error *error)
{
	int64_t age_ms = weir__tables_wall_now(tables) - tables->heard_ms;

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
int
weir__tables_describe(struct weir_tables *tables, struct weir_error *error)
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
	tables->describe_ms = weir__tables_now(tables) + DESCRIBE_MS;
	if (!code)
		tables->heard_ms = weir__tables_wall_now(tables);
	return code;
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
	weir__versions_change_all(kept->versions);
	return weir__state_wipe(kept->state, error);
}

/* Returns 0, WEIR_EEXISTS (begun anew: ask again), WEIR_ELIMIT or WEIR_EIO (stop), or what the
 * broker says. */
static int
find_target(struct weir_tables *tables, struct weir_part *part, struct weir_error *error)
{
	struct weir_kept *kept = &tables->kept[part->table];
	int64_t low, high;
	struct weir_error inner = {0};
	int code = weir__broker_range(tables->config.broker, kept->topic, part->partition, &low,
	                              &high, tables->ask_ms, &inner);

	if (code)
		return weir_error_set(error, code, "table %s: %s", kept->name, inner.message);
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
int
weir__tables_find_targets(struct weir_tables *tables, struct weir_error *error)
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
			return weir__tables_try_later(tables, &inner, error);
	}
	tables->targets_known = true;
	tables->missing_ms = 0;
	return 0;
}
