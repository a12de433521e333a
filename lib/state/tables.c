/*
 * The tables of an app: their files, and the views that workers look through.
 *
 * Knows who may touch LMDB's map when: a view holds its table's lock shared as long as it is of
 * one moment, since files must not be closed nor the map moved under a read transaction.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include <base/loan.h>
#include <base/mutation.h>
#include <state/tables_private.h>

#define BATCH_BYTES ((size_t)64 << 20)
#define CACHE_BYTES ((size_t)32 << 20)
#define CHECKS_MAX 8 /* struct weir_cached has so many bits for them */
#define UNUSED_MS (INT64_C(30) * 24 * 3600 * 1000)

struct weir_table {
	struct weir_kept *kept;
	struct weir_snapshot *snapshot;
	bool is_looking;
	uint64_t version; /* committed before the moment began */
	struct weir_cache *cache;
	weir_table_check_fn checks[CHECKS_MAX]; /* that were asked for, each its bit */
	struct weir_error error;
};

/* ---- lifecycle ---- */

char *
weir__table_folder(const char *instance_folder, const char *topic)
{
	return weir__format("%s/tables/%s", instance_folder, topic);
}

/* A thread that wants it alone must not wait for ever while others look in turns. */
static void
init_lock(pthread_rwlock_t *lock)
{
	pthread_rwlockattr_t attributes;

	pthread_rwlockattr_init(&attributes);
	pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(lock, &attributes);
	pthread_rwlockattr_destroy(&attributes);
}

/* Those of tables that the pipeline no longer has; of its own they would be read anew anyway. */
static void
clean(const struct weir_tables *tables)
{
	char *parent = weir__format("%s/tables", tables->config.folder);

	weir__folders_clean(NULL, parent, UNUSED_MS, tables->config.clock,
	                    tables->config.logger, "table removed: it was not used for long");
	free(parent);
}

struct weir_tables *
weir__tables_new(const struct weir_tables_config *config)
{
	struct weir_tables *tables = weir__calloc(1, sizeof(*tables));

	tables->config = *config;
	tables->kept = weir__calloc(config->count + 1, sizeof(*tables->kept));
	for (size_t index = 0; index < config->count; index++) {
		struct weir_kept *kept = &tables->kept[index];

		kept->name = config->topics[index].name;
		kept->topic = config->topics[index].topic;
		kept->folder = weir__table_folder(config->folder, kept->topic);
		init_lock(&kept->alone);
		kept->versions = weir__versions_new();
	}
	clean(tables);
	tables->config.folder = NULL;
	return tables;
}

static void
end(struct weir_tables *tables, void (*close_state)(struct weir_state *state))
{
	if (!tables)
		return;
	weir__reader_close(tables->reader);
	for (size_t index = 0; index < tables->config.count; index++) {
		struct weir_kept *kept = &tables->kept[index];

		close_state(kept->state);
		pthread_rwlock_destroy(&kept->alone);
		free(kept->folder);
		weir__versions_free(kept->versions);
	}
	free(tables->kept);
	free(tables->parts);
	free(tables);
}

void
weir__tables_free(struct weir_tables *tables)
{
	end(tables, weir__state_close);
}

void
weir__tables_crash(struct weir_tables *tables)
{
	end(tables, weir__state_crash);
}

bool
weir__tables_are_read(const struct weir_tables *tables)
{
	return atomic_load(&tables->are_read) ||
	       (WEIR_MUTANT(TABLE_NOT_AWAITED) && tables->targets_known);
}

/* ---- files ---- */

/* Its topic had more partitions, so it was made anew: their keys would stay for ever. */
static int
drop_former_topic(struct weir_tables *tables, struct weir_kept *kept, struct weir_error *error)
{
	char *next = weir__format("%" PRId32, kept->partitions);
	bool is_other = weir__state_has_kept(kept->state, next);

	free(next);
	if (!is_other)
		return 0;
	weir__log(tables->config.logger, WEIR_LOG_WARNING,
	          "table is read anew table=%s topic=%s partitions=%" PRId32
	          " reason=\"the topic had more partitions: it was made anew\"",
	          kept->name, kept->topic, kept->partitions);
	return weir__state_wipe(kept->state, error);
}

int
weir__kept_open(struct weir_tables *tables, struct weir_kept *kept, struct weir_error *error)
{
	size_t count = (size_t)kept->partitions;
	struct weir_store_config *places = weir__calloc(count + 1, sizeof(*places));
	struct weir_state_config config = {
		.folder = kept->folder,
		.stores = places,
		.store_count = count,
		.clock = tables->config.clock,
		.logger = tables->config.logger,
		.max_age_ms = kept->max_age_ms,
		.batch_bytes = BATCH_BYTES,
		.map_bytes = tables->config.map_bytes,
		.is_table = true,
	};

	for (size_t index = 0; index < count; index++)
		places[index].name = weir__format("%zu", index);
	weir__versions_change_all(kept->versions);
	weir__state_release(kept->state);
	kept->state = weir__state_open(&config, error);
	for (size_t index = 0; index < count; index++)
		free((char *)places[index].name);
	free(places);
	if (!kept->state || drop_former_topic(tables, kept, error))
		return WEIR_EIO;
	weir__versions_committed(kept->versions);
	return 0;
}

bool
weir__kept_lock(struct weir_kept *kept, int wait_ms)
{
	struct timespec until;

	if (wait_ms == 0)
		return pthread_rwlock_trywrlock(&kept->alone) == 0;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += wait_ms % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	return pthread_rwlock_timedwrlock(&kept->alone, &until) == 0;
}

void
weir__kept_unlock(struct weir_kept *kept)
{
	pthread_rwlock_unlock(&kept->alone);
}

/* ---- views ---- */

struct weir_table *
weir__table_new(struct weir_tables *tables, size_t index)
{
	struct weir_table *table = weir__calloc(1, sizeof(*table));

	table->kept = &tables->kept[index];
	table->snapshot = weir__snapshot_new();
	table->cache = weir__cache_new(tables->config.cache_bytes ? tables->config.cache_bytes
	                                                          : CACHE_BYTES);
	return table;
}

void
weir__table_free(struct weir_table *table)
{
	if (!table)
		return;
	weir__table_let_go(table);
	weir__snapshot_free(table->snapshot);
	weir__cache_free(table->cache);
	free(table);
}

static int
look(struct weir_table *table)
{
	struct weir_kept *kept = table->kept;

	pthread_rwlock_rdlock(&kept->alone);
	table->is_looking = true;
	table->version = weir__versions_now(kept->versions);
	if (!kept->state) {
		weir_error_set(&table->error, WEIR_EIO,
		               "table %s cannot be read: its files are not open", kept->name);
	} else if (weir__snapshot_begin(table->snapshot, kept->state, &table->error) == 0) {
		weir__versions_begun(kept->versions);
		return 0;
	}
	weir__table_let_go(table);
	return WEIR_EIO;
}

void
weir__table_let_go(struct weir_table *table)
{
	if (!table->is_looking)
		return;
	weir__snapshot_end(table->snapshot);
	weir__cache_make_room(table->cache);
	table->is_looking = false;
	pthread_rwlock_unlock(&table->kept->alone);
}

/* In the files, as they were at the view's moment; it remembers what it finds. */
static int
search(struct weir_table *table, struct weir_bytes key, uint64_t hash, struct weir_bytes *value,
       struct weir_cached **cached)
{
	const struct weir_bytes none = {NULL, 0};
	int code = weir__snapshot_get(table->snapshot, key, value, &table->error);

	if (code == 0 || code == WEIR_ENOTFOUND)
		*cached = weir__cache_add(table->cache, hash, key, code ? none : *value,
		                          table->version);
	return code;
}

/* *cached is NULL where it could not be remembered. */
static int
find(struct weir_table *table, struct weir_bytes key, struct weir_bytes *value,
     struct weir_cached **cached)
{
	uint64_t hash;

	*cached = NULL;
	if (!key.data)
		return WEIR_ENOTFOUND;
	if (!table->is_looking && look(table))
		return WEIR_EIO;
	hash = weir__versions_hash(table->kept->versions, key);
	*cached = weir__cache_find(table->cache, hash, key);
	if (!*cached ||
	    !weir__versions_hold(table->kept->versions, hash, (*cached)->version))
		return search(table, key, hash, value, cached);
	if (!(*cached)->is_there)
		return WEIR_ENOTFOUND;
	*value = weir__cached_value(*cached);
	return 0;
}

void
weir_table_expect(struct weir_table *table, struct weir_bytes key)
{
	if (key.data)
		weir__cache_expect(table->cache, weir__versions_hash(table->kept->versions, key));
}

int
weir_table_get(struct weir_table *table, struct weir_bytes key, struct weir_bytes *value)
{
	struct weir_cached *cached;
	int code = find(table, key, value, &cached);

	if (!code)
		*value = weir__lend(*value);
	return code;
}

/* The bit that says an entry has passed this check; 0: there are too many. */
static uint8_t
bit_of(struct weir_table *table, weir_table_check_fn check)
{
	for (unsigned index = 0; index < CHECKS_MAX; index++) {
		if (!table->checks[index])
			table->checks[index] = check;
		if (table->checks[index] == check)
			return (uint8_t)(1u << index);
	}
	return 0;
}

int
weir_table_get_checked(struct weir_table *table, struct weir_bytes key,
                       weir_table_check_fn check, struct weir_bytes *value,
                       struct weir_error *error)
{
	struct weir_cached *cached;
	int code = find(table, key, value, &cached);
	uint8_t bit;

	if (code)
		return code;
	*value = weir__lend(*value);
	bit = bit_of(table, check);
	if (cached && (cached->passed & bit))
		return 0;
	code = check(*value, error);
	if (!code && cached)
		cached->passed |= bit;
	return code;
}

const struct weir_error *
weir__table_error(const struct weir_table *table)
{
	return &table->error;
}
