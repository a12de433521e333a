/*
 * The plan as text, for somebody who meets weir for the first time. Knows the layout: a
 * word on the left, what is so on the right. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <base/units.h>
#include <state/stores.h>

#include "check.h"

#define HOUR_MS 3600000

#define COLUMN 14

static void row(const char *word, const char *format, ...) WEIR_PRINTF(2, 3);

static void
row(const char *word, const char *format, ...)
{
	va_list list;

	printf("%-*s", COLUMN, word);
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	putchar('\n');
}

static const char *
guarantee_words(enum weir_guarantee guarantee)
{
	switch (guarantee) {
	case WEIR_EXACTLY_ONCE:
		return "results, dead letters and offsets are committed in one Kafka "
		       "transaction";
	case WEIR_AT_LEAST_ONCE:
		return "results are delivered, then offsets committed: a crash may "
		       "repeat some";
	default:
		return "offsets are committed, then records processed: a crash may lose "
		       "some";
	}
}

static void
print_app(const struct weir_pipeline *pipeline)
{
	const char *servers =
		weir__properties_get(&pipeline->consumer, "bootstrap.servers");

	row("app", "%s, instance %s, %lld worker%s", pipeline->name, pipeline->instance,
	    (long long)pipeline->workers, pipeline->workers == 1 ? "" : "s");
	row("guarantee", "%s: %s", weir__guarantee_name(pipeline->guarantee),
	    guarantee_words(pipeline->guarantee));
	row("kafka", "%s", servers ? servers : "-");
}

static void
print_inputs(const struct weir_pipeline *pipeline)
{
	static const char *const resets[] = {"the earliest record", "the latest record",
					     "nowhere (an error)"};
	size_t i;

	for (i = 0; i < pipeline->input_count; i++)
		row(i ? "" : "inputs", "%s", pipeline->inputs[i]);
	row("", "(a partition without committed offset starts at %s)",
	    resets[pipeline->offset_reset]);
}

static void
print_step(const struct check *check, size_t index)
{
	const struct weir_step_config *step = &check->pipeline->steps[index];
	json_t *options = weir__check_step_options(check, index);
	const char *name;
	json_t *value;

	printf("%-*s%zu. %s", COLUMN, index ? "" : "steps", index + 1, step->use);
	if (strcmp(step->name, step->use) != 0)
		printf(" (named %s)", step->name);
	putchar('\n');
	json_object_foreach (options, name, value) {
		char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
		bool given = json_object_get(step->with, name) != NULL;

		printf("%*s   %s = %s%s\n", COLUMN, "", name, text,
		       given ? "" : " (default)");
		free(text);
	}
	json_decref(options);
}

static void
print_tables(const struct weir_pipeline *pipeline)
{
	size_t i;

	for (i = 0; i < pipeline->table_count; i++)
		row(i ? "" : "tables", "%s <- %s (kept here in whole; records wait until it is read)",
		    pipeline->tables[i].name, pipeline->tables[i].topic);
}

static void
print_outputs(const struct weir_pipeline *pipeline)
{
	static const char *const rejects[] = {
		"sent there with the reason", "dropped, counted and logged",
		"none: a record that is rejected stops the app"};
	size_t i;

	for (i = 0; i < pipeline->output_count; i++)
		row(i ? "" : "outputs", "%s -> %s", pipeline->outputs[i].name,
		    pipeline->outputs[i].topic);
	if (pipeline->on_reject == WEIR_ON_REJECT_DEAD_LETTER)
		row("dead letters", "%s (rejected records are %s)",
		    pipeline->dead_letter_topic, rejects[0]);
	else
		row("dead letters", "%s", rejects[pipeline->on_reject]);
}

/* A store has a changelog for each input. */
static void
print_stores(const struct check *check)
{
	size_t count, topics, store;
	const struct weir_chain_store *stores = weir__chain_stores(check->chain, &count);
	const char *const *changelogs =
		count ? weir__stores_changelogs(check->stores, &topics) : NULL;
	char ttl[40];

	for (store = 0; store < count; store++) {
		row(store ? "" : "stores", "%s: entries live %s%s", stores[store].name,
		    stores[store].ttl_ms ? "for " : "for ever",
		    stores[store].ttl_ms ? weir__duration_print(stores[store].ttl_ms, ttl,
								sizeof(ttl))
					 : "");
		for (size_t topic = store; topic < topics; topic += count)
			row("", "   changelog topic %s (made when missing)",
			    changelogs[topic]);
	}
}

static void
print_commit(const struct weir_pipeline *pipeline)
{
	char interval[40];
	char bytes[40];

	row("commit", "every %s, %lld records or %s, whichever is first",
	    weir__duration_print(pipeline->commit_interval_ms, interval,
				 sizeof(interval)),
	    (long long)pipeline->commit_records,
	    weir__size_print(pipeline->commit_bytes, bytes, sizeof(bytes)));
}

/* Who sets up access rights needs these names. */
static void
print_ids(const struct weir_pipeline *pipeline)
{
	char last[32] = "";

	if (pipeline->workers > 1)
		snprintf(last, sizeof(last), " to %lld",
			 (long long)pipeline->workers - 1);
	row("ids", "consumer group      %s", pipeline->name);
	row("", "group.instance.id   %s.0%s", pipeline->instance, last);
	if (pipeline->guarantee == WEIR_EXACTLY_ONCE)
		row("", "transactional.id    %s/%s/0%s", pipeline->name,
		    pipeline->instance, last);
}

static void
print_properties(const char *word, const struct weir_properties *properties)
{
	json_t *shown = weir__check_properties(properties);
	const char *name;
	json_t *value;

	json_object_foreach (shown, name, value) {
		if (strcmp(name, "bootstrap.servers") == 0)
			continue; /* shown above */
		row(word, "%s = %s", name, json_string_value(value));
		word = "";
	}
	json_decref(shown);
}

static void
print_retention(const struct weir_topic_info *changelog)
{
	int64_t ms = changelog->delete_retention_ms;
	char duration[40];

	/* the milliseconds are there to tell changelogs apart */
	if (ms >= HOUR_MS)
		ms -= ms % HOUR_MS;
	if (ms >= 0)
		printf(", %s, deletions stay %s",
		       changelog->is_compacted ? "compacted" : "not compacted",
		       weir__duration_print(ms, duration, sizeof(duration)));
}

static void
print_cluster(const struct check *check)
{
	size_t i;

	row("cluster", "%s, %d broker%s", check->cluster.cluster_id,
	    (int)check->cluster.broker_count,
	    check->cluster.broker_count == 1 ? "" : "s");
	for (i = 0; i < check->topic_count; i++) {
		const struct weir_topic_info *topic = &check->cluster.topics[i];

		if (topic->error != 0) {
			row(i ? "" : "topics", "%s (%s): %s", topic->name,
			    check->topics[i].role,
			    weir__check_is_made_later(check, i)
				    ? "is made when the app starts"
				    : weir_strerror(topic->error));
			continue;
		}
		printf("%-*s%s (%s): %d partition%s, replication %d", COLUMN,
		       i ? "" : "topics", check->topics[i].name, check->topics[i].role,
		       (int)topic->partitions, topic->partitions == 1 ? "" : "s",
		       (int)topic->replication);
		if (topic->min_insync >= 0)
			printf(", min.insync.replicas %lld",
			       (long long)topic->min_insync);
		if (check->topics[i].input)
			print_retention(topic);
		putchar('\n');
	}
}

void
weir__check_print(const struct check *check)
{
	const struct weir_pipeline *pipeline = check->pipeline;
	size_t i;

	print_app(pipeline);
	print_inputs(pipeline);
	for (i = 0; i < pipeline->step_count; i++)
		print_step(check, i);
	if (pipeline->step_count == 0)
		row("steps", "none: records are copied");
	print_tables(pipeline);
	print_outputs(pipeline);
	print_stores(check);
	print_commit(pipeline);
	print_ids(pipeline);
	row("state", "%s", pipeline->state_dir ? pipeline->state_dir : "-");
	print_properties("consumer", &pipeline->consumer);
	print_properties("producer", &pipeline->producer);
	if (check->connected)
		print_cluster(check);
	for (i = 0; i < check->warning_count; i++) {
		printf("%s%-*s", i ? "" : "\n", COLUMN, "warning");
		weir__help_continue(stdout, check->warnings[i], COLUMN);
	}
}
