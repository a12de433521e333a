/*
 * Records into topics and out of them. Knows who may be fed and who is read, and that a store
 * is what its changelogs have, a table what its topic has: the last record of each key. The
 * caller's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include <base/units.h>
#include <state/stores.h>
#include <testing/test_private.h>
#include <weir/json.h>

/* ---- which topics ---- */

/* By its name, or its topic's. */
static const char *
find_table(const struct weir_pipeline *pipeline, const char *name)
{
	for (size_t index = 0; index < pipeline->table_count; index++)
		if (strcmp(pipeline->tables[index].name, name) == 0)
			return pipeline->tables[index].topic;
	for (size_t index = 0; index < pipeline->table_count; index++)
		if (strcmp(pipeline->tables[index].topic, name) == 0)
			return pipeline->tables[index].topic;
	return NULL;
}

/* The topic of the input or table of that name; NULL with the message. */
static const char *
find_feedable(struct weir_test *test, const char *topic)
{
	const struct weir_pipeline *pipeline = test->pipeline;
	const char *of_table = topic ? find_table(pipeline, topic) : NULL;

	if (!topic)
		return pipeline->inputs[0];
	for (size_t index = 0; index < pipeline->input_count; index++)
		if (strcmp(pipeline->inputs[index], topic) == 0)
			return pipeline->inputs[index];
	if (of_table)
		return of_table;
	weir__test_fail(test, WEIR_ENOTFOUND, "%s is neither an input nor a table "
	                                      "(the first input is %s)",
	                topic, pipeline->inputs[0]);
	return NULL;
}

static const char *
find_readable(struct weir_test *test, const char *topic)
{
	const struct weir_pipeline *pipeline = test->pipeline;
	const char **names = weir__calloc(pipeline->output_count + 2, sizeof(*names));
	const char *found = NULL, *nearest;
	size_t count = 0;

	for (size_t index = 0; index < pipeline->output_count; index++)
		names[count++] = pipeline->outputs[index].topic;
	if (pipeline->dead_letter_topic)
		names[count++] = pipeline->dead_letter_topic;
	for (size_t index = 0; topic && index < count; index++)
		if (strcmp(names[index], topic) == 0)
			found = names[index];
	if (!topic)
		found = pipeline->dead_letter_topic;
	nearest = topic ? weir__nearest(topic, names) : NULL;
	if (!found && !topic)
		weir__test_fail(test, WEIR_ENOTFOUND, "the pipeline has no dead letters");
	else if (!found)
		weir__test_fail(test, WEIR_ENOTFOUND, "no output goes to the topic %s%s%s%s",
		                topic, nearest ? " (did you mean " : "", nearest ? nearest : "",
		                nearest ? "?)" : "");
	free(names);
	return found;
}

/* ---- in ---- */

static int
feed(struct weir_test *test, const char *topic, const struct weir_test_record *record)
{
	struct weir_message message = {
		.key = record->key,
		.value = record->value,
		.headers = record->headers,
		.header_count = record->header_count,
		.timestamp_ms = record->timestamp_ms ? record->timestamp_ms : test->clock.now_ms,
	};

	topic = find_feedable(test, topic);
	if (!topic)
		return WEIR_ENOTFOUND;
	if (weir__memory_append(test->memory, topic, record->partition, &message) != 0)
		return weir__test_fail(test, WEIR_EINVALID, "%s has %d partitions: there is no %d "
		                                            "(weir_test_set_partitions)",
		                       topic, (int)weir__test_partitions_of(test, topic),
		                       (int)record->partition);
	test->table_records += find_table(test->pipeline, topic) != NULL;
	return 0;
}

int
weir_test_feed(struct weir_test *test, const struct weir_test_record *record)
{
	if (weir__test_loaded(test) != 0)
		return WEIR_ESTATE;
	if (record->size < sizeof(*record))
		return weir__test_fail(test, WEIR_EINVALID, "the record's size is not set: "
		                                            "{.size = sizeof(record)}");
	return feed(test, record->topic, record);
}

static struct weir_bytes
text_bytes(const char *text)
{
	return (struct weir_bytes){text, text ? strlen(text) : 0};
}

int
weir_test_feed_text(struct weir_test *test, const char *topic, const char *key,
                    const char *value)
{
	struct weir_test_record record = {
		.partition = WEIR_BY_KEY, .key = text_bytes(key), .value = text_bytes(value)};

	return weir__test_loaded(test) ? WEIR_ESTATE : feed(test, topic, &record);
}

/* JSON is printed; what it says of bytes is in the record already. */
static struct weir_bytes
to_bytes(struct weir_test *test, const json_t *json, struct weir_bytes bytes)
{
	size_t size;
	char *text;

	if (!json)
		return bytes;
	text = weir_json_print(json, &size);
	bytes = weir__arena_copy(&test->passing, (struct weir_bytes){text, size});
	free(text);
	return bytes;
}

int
weir_test_feed_json(struct weir_test *test, const char *topic, const char *json)
{
	const unsigned fields = WEIR_TEST_KEY | WEIR_TEST_VALUE | WEIR_TEST_HEADERS |
	                        WEIR_TEST_PARTITION | WEIR_TEST_TIMESTAMP | WEIR_TEST_TOPIC;
	struct weir_test_pattern *patterns;
	struct weir_error error = {0};
	json_t *root;
	size_t count;
	int code = weir__test_loaded(test);

	if (code)
		return code;
	code = weir__test_patterns_read(json, fields, &test->passing, &root, &patterns, &count,
	                                &error);
	if (code)
		return weir__test_fail(test, code, "%s", error.message);
	for (size_t index = 0; code == 0 && index < count; index++) {
		struct weir_test_pattern *pattern = &patterns[index];
		struct weir_test_record *record = &pattern->record;

		record->key = to_bytes(test, pattern->key, record->key);
		record->value = to_bytes(test, pattern->value, record->value);
		if (!(pattern->fields & WEIR_TEST_PARTITION))
			record->partition = WEIR_BY_KEY;
		code = feed(test, record->topic ? record->topic : topic, record);
	}
	json_decref(root);
	return code;
}

/* ---- out ---- */

/* A copy that lasts as long as `arena`. */
static struct weir_test_record *
copy_record(struct weir_arena *arena, const struct weir_offset *place,
            const struct weir_message *message)
{
	struct weir_test_record *record = weir__arena_alloc(arena, sizeof(*record));
	struct weir_header *headers =
		weir__arena_alloc(arena, message->header_count * sizeof(*headers));

	*record = (struct weir_test_record){
		.size = sizeof(*record),
		.partition = place->partition,
		.topic = weir__arena_strdup(arena, place->topic),
		.offset = place->offset,
		.timestamp_ms = message->timestamp_ms,
		.key = weir__arena_copy(arena, message->key),
		.value = weir__arena_copy(arena, message->value),
		.headers = headers,
		.header_count = message->header_count,
	};
	for (size_t index = 0; index < message->header_count; index++)
		headers[index] = (struct weir_header){
			weir__arena_strdup(arena, message->headers[index].name),
			weir__arena_copy(arena, message->headers[index].value)};
	return record;
}

static int
by_place(const void *a, const void *b)
{
	const struct weir_test_record *one = *(struct weir_test_record *const *)a;
	const struct weir_test_record *other = *(struct weir_test_record *const *)b;

	if (one->partition != other->partition)
		return one->partition < other->partition ? -1 : 1;
	return one->offset < other->offset ? -1 : one->offset > other->offset;
}

/* A reader of all its partitions, of what is committed. */
static struct weir_reader *
open_reader(const struct weir_test *test, const char *topic)
{
	struct weir_cluster_info info = {0};
	struct weir_offset *places;
	struct weir_reader *reader = NULL;

	if (weir__broker_describe(weir__test_broker(test), &topic, 1, &info, 0, NULL) != 0 ||
	    info.topics[0].error)
		goto out;
	places = weir__calloc((size_t)info.topics[0].partitions, sizeof(*places));
	for (int32_t index = 0; index < info.topics[0].partitions; index++)
		places[index] = (struct weir_offset){.topic = topic, .partition = index};
	reader = weir__broker_reader_open(weir__test_broker(test), places,
	                                  (size_t)info.topics[0].partitions, true, NULL);
	free(places);
out:
	weir__cluster_info_fini(&info);
	return reader;
}

/* Until there is no more. */
static void
read_all(struct weir_reader *reader, struct weir_arena *arena,
         struct weir_test_record ***records, size_t *count, size_t *capacity)
{
	struct weir_message message;
	struct weir_offset place;
	enum weir_event_type type;

	while ((type = weir__reader_poll(reader, 0, &place, &message, NULL)) ==
	               WEIR_EVENT_RECORD ||
	       type == WEIR_EVENT_END) {
		if (type == WEIR_EVENT_END)
			continue;
		if (*count == *capacity) {
			*capacity = *capacity ? *capacity * 2 : 16;
			*records = weir__realloc(*records, *capacity * sizeof(**records));
		}
		(*records)[(*count)++] = copy_record(arena, &place, &message);
	}
}

static struct weir_test_topic *
find_topic(struct weir_test *test, const char *name)
{
	struct weir_test_topic *topic;

	for (size_t index = 0; index < test->topic_count; index++)
		if (strcmp(test->topics[index]->name, name) == 0)
			return test->topics[index];
	test->topics = weir__realloc(test->topics,
	                             (test->topic_count + 1) * sizeof(*test->topics));
	topic = weir__alloc(sizeof(*topic));
	test->topics[test->topic_count++] = topic;
	*topic = (struct weir_test_topic){.name = weir__strdup(name),
	                                  .reader = open_reader(test, name)};
	return topic;
}

const char *
weir_test_output(const struct weir_test *test, size_t index)
{
	const struct weir_pipeline *pipeline = test->pipeline;

	return pipeline && index < pipeline->output_count ? pipeline->outputs[index].topic : NULL;
}

struct weir_test_topic *
weir__test_pull(struct weir_test *test, const char *name)
{
	struct weir_test_topic *topic;

	name = find_readable(test, name);
	if (!name)
		return NULL;
	topic = find_topic(test, name);
	if (!topic->reader) {
		weir__test_fail(test, WEIR_EBROKER, "the topic %s cannot be read", name);
		return NULL;
	}
	read_all(topic->reader, &test->arena, &topic->records, &topic->count, &topic->capacity);
	if (topic->count > topic->seen)
		qsort(topic->records + topic->seen, topic->count - topic->seen,
		      sizeof(struct weir_test_record *), by_place);
	return topic;
}

const struct weir_test_record *
weir_test_read(struct weir_test *test, const char *name)
{
	struct weir_test_topic *topic;

	if (weir__test_look(test) != 0)
		return NULL;
	topic = weir__test_pull(test, name);
	if (!topic || topic->seen == topic->count)
		return NULL;
	return topic->records[topic->seen++];
}

/* ---- stores and tables ---- */

static int
compare_bytes(struct weir_bytes a, struct weir_bytes b)
{
	int order = memcmp(a.size ? a.data : "", b.size ? b.data : "",
	                   a.size < b.size ? a.size : b.size);

	return order ? order : a.size < b.size ? -1 : a.size > b.size;
}

/* By key, and what was written last at the end; a stable order of all. */
static int
by_key(const void *a, const void *b)
{
	const struct weir_test_record *one = *(struct weir_test_record *const *)a;
	const struct weir_test_record *other = *(struct weir_test_record *const *)b;
	int order = compare_bytes(one->key, other->key);

	return order ? order : by_place(a, b);
}

static int
by_partition_and_key(const void *a, const void *b)
{
	const struct weir_test_record *one = *(struct weir_test_record *const *)a;
	const struct weir_test_record *other = *(struct weir_test_record *const *)b;

	if (one->partition != other->partition)
		return one->partition < other->partition ? -1 : 1;
	return by_key(a, b);
}

struct weir_test_list
weir__test_fold(struct weir_test *test, const char *topic, bool of_all_partitions)
{
	struct weir_reader *reader = open_reader(test, topic);
	struct weir_test_list list = {0};
	size_t capacity = 0, kept = 0;

	if (!reader)
		return list;
	read_all(reader, &test->passing, &list.records, &list.count, &capacity);
	weir__reader_close(reader);
	if (list.count)
		qsort(list.records, list.count, sizeof(struct weir_test_record *),
		      of_all_partitions ? by_key : by_partition_and_key);
	for (size_t index = 0; index < list.count; index++) {
		const struct weir_test_record *record = list.records[index];
		const struct weir_test_record *next =
			index + 1 < list.count ? list.records[index + 1] : NULL;

		if (next && compare_bytes(next->key, record->key) == 0 &&
		    (of_all_partitions || next->partition == record->partition))
			continue;
		if (record->key.data && record->value.data)
			list.records[kept++] = list.records[index];
	}
	list.count = kept;
	return list;
}

static int
no_such(struct weir_test *test, const char *what, const char *name, const char *const *names)
{
	const char *nearest = weir__nearest(name, names);

	return weir__test_fail(test, WEIR_ENOTFOUND, "there is no %s %s%s%s%s", what, name,
	                       nearest ? " (did you mean " : "", nearest ? nearest : "",
	                       nearest ? "?)" : "");
}

static int
check_store(struct weir_test *test, const char *store)
{
	size_t count;
	const struct weir_chain_store *stores = weir__chain_stores(test->chain, &count);
	const char **names = weir__calloc(count + 1, sizeof(*names));
	int code = WEIR_ENOTFOUND;

	for (size_t index = 0; index < count; index++) {
		names[index] = stores[index].name;
		if (strcmp(stores[index].name, store) == 0)
			code = 0;
	}
	if (code)
		no_such(test, "store", store, names);
	free(names);
	return code;
}

/* Takes the records of `more`. */
static void
append(struct weir_test_list *list, struct weir_test_list more)
{
	if (more.count) {
		list->records = weir__realloc(list->records, (list->count + more.count) *
		                                                     sizeof(*list->records));
		memcpy(list->records + list->count, more.records,
		       more.count * sizeof(*list->records));
		list->count += more.count;
	}
	free(more.records);
}

int
weir__test_store(struct weir_test *test, const char *store, struct weir_test_list *list)
{
	const struct weir_pipeline *pipeline = test->pipeline;
	int code = check_store(test, store);

	*list = (struct weir_test_list){0};
	for (size_t index = 0; code == 0 && index < pipeline->input_count; index++) {
		char *changelog =
			weir__changelog_name(pipeline->name, store, pipeline->inputs[index]);

		append(list, weir__test_fold(test, changelog, false));
		free(changelog);
	}
	return code;
}

int
weir__test_table(struct weir_test *test, const char *table, struct weir_test_list *list)
{
	const struct weir_pipeline *pipeline = test->pipeline;
	const char **names = weir__calloc(pipeline->table_count + 1, sizeof(*names));
	int index = weir__pipeline_table(pipeline, table);
	int code = 0;

	for (size_t i = 0; i < pipeline->table_count; i++)
		names[i] = pipeline->tables[i].name;
	if (index < 0)
		code = no_such(test, "table", table, names);
	else
		*list = weir__test_fold(test, pipeline->tables[index].topic, true);
	free(names);
	return code;
}

static int
get(struct weir_test *test, int (*read)(struct weir_test *test, const char *name,
                                        struct weir_test_list *list),
    const char *name, struct weir_bytes key, struct weir_bytes *value)
{
	struct weir_test_list list;
	int code = weir__test_look(test);

	if (code == 0)
		code = read(test, name, &list);
	if (code)
		return code;
	code = WEIR_ENOTFOUND;
	for (size_t index = 0; code && index < list.count; index++)
		if (compare_bytes(list.records[index]->key, key) == 0) {
			*value = list.records[index]->value;
			code = 0;
		}
	free(list.records);
	return code ? weir__test_fail(test, code, "%s has nothing under that key", name) : 0;
}

int
weir_test_store_get(struct weir_test *test, const char *store, struct weir_bytes key,
                    struct weir_bytes *value)
{
	return get(test, weir__test_store, store, key, value);
}

int
weir_test_table_get(struct weir_test *test, const char *table, struct weir_bytes key,
                    struct weir_bytes *value)
{
	return get(test, weir__test_table, table, key, value);
}
