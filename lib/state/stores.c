/*
 * Names, topics and folders of an app's stores.
 *
 * Knows what a changelog topic must be like, and makes it so: compacted, since the last value
 * of a key is what counts, and with tombstones that stay for days, so that a store which was
 * away for a while still learns what was deleted. Any thread, once made.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <base/random.h>
#include <base/units.h>
#include <state/stores.h>

#define DELETE_RETENTION_MS INT64_C(604800000) /* 7 days, */
#define SOURCE_MS 3600000 /* and less than an hour more: see weir__stores_source() */
#define TOPIC_NAME_MAX 249
/*
 * Of a task, what waits in memory for LMDB: some MiB with small keys, fewer writes where batches
 * are kept small. A restart after a kill reads as much again from the changelog.
 */
#define MERGE_ENTRIES 65536
#define MERGE_ENTRY_BYTES 1024
#define MERGE_MS 1000

struct weir_stores {
	struct weir_stores_config config;
	struct weir_store_config *stores;
	char **inputs;
	char **changelogs;
	size_t changelog_count;
	struct weir_folders *folders;
	pthread_mutex_t mutex;
	int64_t max_age_ms; /* 0: not known yet; by `mutex` */
	uint32_t *sources;  /* of the changelogs; 0: not known; by `mutex` */
};

/* ---- lifecycle ---- */

char *
weir__changelog_name(const char *app, const char *store, const char *input)
{
	return weir__format("%s.%s.changelog.%s", app, store, input);
}

static int
name_changelogs(struct weir_stores *stores, struct weir_error *error)
{
	const struct weir_stores_config *config = &stores->config;

	for (size_t input = 0; input < config->input_count; input++) {
		for (size_t store = 0; store < config->store_count; store++) {
			char *name = weir__changelog_name(config->app,
			                                  config->stores[store].name,
			                                  config->inputs[input]);

			stores->changelogs[stores->changelog_count++] = name;
			if (strlen(name) > TOPIC_NAME_MAX)
				return weir_error_set(error, WEIR_EINVALID,
				                      "the changelog %s would have a name of %zu "
				                      "characters, and a topic's has at most %d: "
				                      "shorten the name of the app or the step",
				                      name, strlen(name), TOPIC_NAME_MAX);
		}
	}
	return 0;
}

static void
copy_config(struct weir_stores *stores, const struct weir_stores_config *config)
{
	stores->config = *config;
	stores->config.app = weir__strdup(config->app);
	stores->config.folder = weir__strdup(config->folder);
	stores->stores = weir__calloc(config->store_count + 1, sizeof(*stores->stores));
	for (size_t index = 0; index < config->store_count; index++)
		stores->stores[index] = (struct weir_store_config){
			.name = weir__strdup(config->stores[index].name),
			.ttl_ms = config->stores[index].ttl_ms,
		};
	stores->config.stores = stores->stores;
	stores->inputs = weir__calloc(config->input_count + 1, sizeof(char *));
	for (size_t index = 0; index < config->input_count; index++)
		stores->inputs[index] = weir__strdup(config->inputs[index]);
	stores->config.inputs = (const char *const *)stores->inputs;
}

struct weir_stores *
weir__stores_new(const struct weir_stores_config *config, struct weir_error *error)
{
	struct weir_stores *stores = weir__calloc(1, sizeof(*stores));

	copy_config(stores, config);
	stores->folders = weir__folders_new();
	pthread_mutex_init(&stores->mutex, NULL);
	stores->changelogs =
		weir__calloc(config->input_count * config->store_count + 1, sizeof(char *));
	stores->sources = weir__calloc(config->input_count * config->store_count + 1,
	                               sizeof(*stores->sources));
	if (name_changelogs(stores, error) == 0)
		return stores;
	weir__stores_free(stores);
	return NULL;
}

void
weir__stores_free(struct weir_stores *stores)
{
	if (!stores)
		return;
	for (size_t index = 0; index < stores->changelog_count; index++)
		free(stores->changelogs[index]);
	for (size_t index = 0; index < stores->config.input_count; index++)
		free(stores->inputs[index]);
	for (size_t index = 0; index < stores->config.store_count; index++)
		free((char *)stores->stores[index].name);
	free(stores->changelogs);
	free(stores->sources);
	free(stores->inputs);
	free(stores->stores);
	free((char *)stores->config.app);
	free((char *)stores->config.folder);
	weir__folders_free(stores->folders);
	pthread_mutex_destroy(&stores->mutex);
	free(stores);
}

size_t
weir__stores_count(const struct weir_stores *stores)
{
	return stores->config.store_count;
}

const char *const *
weir__stores_changelogs(const struct weir_stores *stores, size_t *count)
{
	*count = stores->changelog_count;
	return (const char *const *)stores->changelogs;
}

size_t
weir__stores_first(const struct weir_stores *stores, const char *input)
{
	size_t index = 0;

	while (index < stores->config.input_count && strcmp(stores->inputs[index], input) != 0)
		index++;
	return index * stores->config.store_count;
}

/* ---- changelog topics ---- */

uint32_t
weir__stores_source(struct weir_stores *stores, size_t index)
{
	uint32_t source;

	pthread_mutex_lock(&stores->mutex);
	source = stores->sources[index];
	pthread_mutex_unlock(&stores->mutex);
	return source;
}

static int64_t
new_retention_ms(void)
{
	return DELETE_RETENTION_MS + (int64_t)(weir__random() % SOURCE_MS);
}

static void
set_source(struct weir_stores *stores, size_t index, int64_t retention_ms)
{
	pthread_mutex_lock(&stores->mutex);
	stores->sources[index] = retention_ms > 0 ? (uint32_t)retention_ms : 0;
	pthread_mutex_unlock(&stores->mutex);
}

static int
create(struct weir_stores *stores, struct weir_broker *broker, size_t index,
       const struct weir_topic_info *input, int timeout_ms, struct weir_error *error)
{
	const char *name = stores->changelogs[index];
	int64_t retention_ms = new_retention_ms();
	struct weir_properties settings = {0};
	struct weir_error inner = {0};
	char number[24];
	int code;

	weir__properties_set(&settings, "cleanup.policy", "compact");
	/* whatever the cluster does otherwise: an entry's time is its message's */
	weir__properties_set(&settings, "message.timestamp.type", "CreateTime");
	snprintf(number, sizeof(number), "%" PRId64, retention_ms);
	weir__properties_set(&settings, "delete.retention.ms", number);
	snprintf(number, sizeof(number), "%" PRId64, input->min_insync);
	if (input->min_insync > 0)
		weir__properties_set(&settings, "min.insync.replicas", number);
	code = weir__broker_topic_create(broker, name, input->partitions, input->replication,
	                                 &settings, timeout_ms, &inner);
	weir__properties_fini(&settings);
	if (code && code != WEIR_EEXISTS) /* another instance was first */
		return weir_error_set(error, code, "cannot create the changelog %s: %s", name,
		                      inner.message);
	set_source(stores, index, code ? 0 : retention_ms);
	weir__log(stores->config.logger, WEIR_LOG_INFO,
	          "changelog created topic=%s partitions=%" PRId32, name, input->partitions);
	return 0;
}

static void
warn_of_settings(const struct weir_stores *stores, const struct weir_topic_info *changelog)
{
	if (!changelog->is_compacted && changelog->delete_retention_ms >= 0)
		weir__log(stores->config.logger, WEIR_LOG_WARNING,
		          "changelog is not compacted only: it will lose state or grow without "
		          "end topic=%s (set its cleanup.policy to compact)",
		          changelog->name);
	if (changelog->stamps_arrival)
		weir__log(stores->config.logger, WEIR_LOG_WARNING,
		          "changelog does not keep the times of entries: after a restore they "
		          "expire at another time topic=%s (set its message.timestamp.type to "
		          "CreateTime)",
		          changelog->name);
}

static int
prepare_one(struct weir_stores *stores, struct weir_broker *broker, size_t index,
            const struct weir_topic_info *input, const struct weir_topic_info *changelog,
            int timeout_ms, struct weir_error *error)
{
	int64_t max_age_ms = changelog->delete_retention_ms / 2;

	if (input->error)
		return weir_error_set(error, input->error, "topic %s: %s", input->name,
		                      weir_strerror(input->error));
	if (changelog->error == WEIR_ENOTFOUND)
		return create(stores, broker, index, input, timeout_ms, error);
	if (changelog->error)
		return weir_error_set(error, changelog->error,
		                      "changelog %s: %s (it needs the rights Describe, Read and "
		                      "Write)",
		                      changelog->name, weir_strerror(changelog->error));
	warn_of_settings(stores, changelog);
	set_source(stores, index, changelog->delete_retention_ms);
	if (changelog->delete_retention_ms >= 0) {
		pthread_mutex_lock(&stores->mutex);
		if (stores->max_age_ms == 0 || max_age_ms < stores->max_age_ms)
			stores->max_age_ms = max_age_ms > 0 ? max_age_ms : 1;
		pthread_mutex_unlock(&stores->mutex);
	}
	if (changelog->partitions >= input->partitions)
		return 0;
	weir__log(stores->config.logger, WEIR_LOG_INFO,
	          "changelog grows with its input topic=%s partitions=%" PRId32, changelog->name,
	          input->partitions);
	return weir__broker_topic_grow(broker, changelog->name, input->partitions, timeout_ms,
	                               error);
}

int
weir__stores_prepare(struct weir_stores *stores, struct weir_broker *broker, int timeout_ms,
                     struct weir_error *error)
{
	const struct weir_stores_config *config = &stores->config;
	size_t count = config->input_count + stores->changelog_count;
	const char **names = weir__calloc(count + 1, sizeof(*names));
	struct weir_cluster_info info = {0};
	int code;

	memcpy(names, stores->inputs, config->input_count * sizeof(*names));
	memcpy(names + config->input_count, stores->changelogs,
	       stores->changelog_count * sizeof(*names));
	code = weir__broker_describe(broker, names, count, &info, timeout_ms, error);
	for (size_t index = 0; !code && index < stores->changelog_count; index++)
		code = prepare_one(stores, broker, index,
		                   &info.topics[index / config->store_count],
		                   &info.topics[config->input_count + index], timeout_ms, error);
	weir__cluster_info_fini(&info);
	free(names);
	return code;
}

/* ---- folders ---- */

static int64_t
max_age(struct weir_stores *stores)
{
	int64_t max_age_ms;

	pthread_mutex_lock(&stores->mutex);
	max_age_ms = stores->max_age_ms;
	pthread_mutex_unlock(&stores->mutex);
	return max_age_ms ? max_age_ms : DELETE_RETENTION_MS / 2;
}

static size_t
merge_entries(int64_t batch_bytes)
{
	int64_t entries = batch_bytes / MERGE_ENTRY_BYTES;

	return entries < 1 ? 1 : entries > MERGE_ENTRIES ? MERGE_ENTRIES : (size_t)entries;
}

struct weir_state *
weir__stores_open(struct weir_stores *stores, const char *topic, int32_t partition,
                  struct weir_error *error)
{
	const struct weir_stores_config *config = &stores->config;
	char *folder = weir__format("%s/%s-%" PRId32, config->folder, topic, partition);
	struct weir_state_config state_config = {
		.folder = folder,
		.folders = stores->folders,
		.stores = config->stores,
		.store_count = config->store_count,
		.clock = config->clock,
		.logger = config->logger,
		.keeps_changes = config->keeps_changes,
		.max_age_ms = max_age(stores),
		.batch_bytes = (size_t)config->batch_bytes,
		.merge_entries = merge_entries(config->batch_bytes),
		.merge_ms = MERGE_MS,
	};
	struct weir_state *state = weir__state_open(&state_config, error);

	free(folder);
	return state;
}

/* ---- cleaning ---- */

void
weir__stores_clean(struct weir_stores *stores)
{
	weir__folders_clean(stores->folders, stores->config.folder, max_age(stores),
	                    stores->config.clock, stores->config.logger,
	                    "store removed: its partition has been elsewhere for long");
}
