/*
 * The plan as JSON, and the parts of it that the text shows too. Secrets are left out
 * here, in one place. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <string.h>

#include <config/option.h>
#include <state/stores.h>

#include "check.h"

#define HIDDEN "(secret)"

json_t *
weir__check_step_options(const struct check *check, size_t step)
{
	const struct weir_registered *processor =
		weir__chain_processor(check->chain, step);
	const json_t *with = check->pipeline->steps[step].with;
	json_t *options = json_object();
	struct weir_option row;
	size_t i;

	for (i = 0; weir__option_row(&processor->options, i, &row); i++) {
		json_t *given = json_object_get(with, row.name);

		if ((row.flags & WEIR_OPTION_SECRET) && given)
			json_object_set_new(options, row.name, json_string(HIDDEN));
		else if (given)
			json_object_set(options, row.name, given);
		else if (row.standard && !(row.flags & WEIR_OPTION_SECRET))
			json_object_set_new(options, row.name, json_string(row.standard));
	}
	return options;
}

json_t *
weir__check_properties(const struct weir_properties *properties)
{
	json_t *object = json_object();
	size_t i;

	for (i = 0; i < properties->count; i++) {
		const struct weir_property *property = &properties->items[i];
		const char *value =
			weir__property_secret(property->name) ? HIDDEN : property->value;

		json_object_set_new(object, property->name, json_string(value));
	}
	return object;
}

static json_t *
inputs_json(const struct weir_pipeline *pipeline)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < pipeline->input_count; i++)
		json_array_append_new(list, json_string(pipeline->inputs[i]));
	return list;
}

static json_t *
steps_json(const struct check *check)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < check->pipeline->step_count; i++)
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:o}", "name",
						check->pipeline->steps[i].name, "use",
						check->pipeline->steps[i].use, "with",
						weir__check_step_options(check, i)));
	return list;
}

static json_t *
outputs_json(const struct weir_pipeline *pipeline)
{
	json_t *object = json_object();
	size_t i;

	for (i = 0; i < pipeline->output_count; i++)
		json_object_set_new(object, pipeline->outputs[i].name,
				    json_string(pipeline->outputs[i].topic));
	return object;
}

static json_t *
tables_json(const struct weir_pipeline *pipeline)
{
	json_t *object = json_object();
	size_t i;

	for (i = 0; i < pipeline->table_count; i++)
		json_object_set_new(object, pipeline->tables[i].name,
				    json_string(pipeline->tables[i].topic));
	return object;
}

static json_t *
stores_json(const struct check *check)
{
	json_t *list = json_array();
	size_t count, topics, store;
	const struct weir_chain_store *stores = weir__chain_stores(check->chain, &count);
	const char *const *changelogs =
		count ? weir__stores_changelogs(check->stores, &topics) : NULL;

	for (store = 0; store < count; store++) {
		json_t *names = json_array();

		for (size_t topic = store; topic < topics; topic += count)
			json_array_append_new(names, json_string(changelogs[topic]));
		json_array_append_new(list, json_pack("{s:s, s:I, s:o}", "name",
						      stores[store].name, "ttl_ms",
						      (json_int_t)stores[store].ttl_ms,
						      "changelogs", names));
	}
	return list;
}

/* null: not told */
static void
set_retention(json_t *json, const struct weir_topic_info *changelog)
{
	bool is_known = changelog->delete_retention_ms >= 0;

	json_object_set_new(json, "compacted",
			    is_known ? json_boolean(changelog->is_compacted) : json_null());
	json_object_set_new(json, "delete_retention_ms",
			    is_known ? json_integer(changelog->delete_retention_ms)
				     : json_null());
}

static json_t *
topics_json(const struct check *check)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < check->topic_count; i++) {
		const struct weir_topic_info *topic = &check->cluster.topics[i];
		json_t *json = json_pack("{s:s, s:s}", "name", check->topics[i].name,
					 "role", check->topics[i].role);

		if (weir__check_is_made_later(check, i)) {
			json_object_set_new(json, "made_at_start", json_true());
		} else if (topic->error != 0) {
			json_object_set_new(json, "error",
					    json_string(weir_strerror(topic->error)));
		} else {
			json_object_set_new(json, "partitions",
					    json_integer(topic->partitions));
			json_object_set_new(json, "replication",
					    json_integer(topic->replication));
			json_object_set_new(json, "min_insync_replicas",
					    json_integer(topic->min_insync));
			json_object_set_new(json, "max_message_bytes",
					    json_integer(topic->max_message_bytes));
			if (check->topics[i].input)
				set_retention(json, topic);
		}
		json_array_append_new(list, json);
	}
	return list;
}

static json_t *
ids_json(const struct weir_pipeline *pipeline)
{
	json_t *instances = json_array();
	json_t *transactions = json_array();
	int64_t i;

	for (i = 0; i < pipeline->workers; i++) {
		json_array_append_new(
			instances,
			json_sprintf("%s.%lld", pipeline->instance, (long long)i));
		json_array_append_new(transactions,
				      json_sprintf("%s/%s/%lld", pipeline->name,
						   pipeline->instance, (long long)i));
	}
	if (pipeline->guarantee != WEIR_EXACTLY_ONCE)
		json_array_clear(transactions);
	return json_pack("{s:s, s:o, s:o}", "group", pipeline->name, "group_instance_ids",
			 instances, "transactional_ids", transactions);
}

json_t *
weir__check_json(const struct check *check)
{
	const struct weir_pipeline *pipeline = check->pipeline;
	json_t *warnings = json_array();
	json_t *plan;
	size_t i;

	for (i = 0; i < check->warning_count; i++)
		json_array_append_new(warnings, json_string(check->warnings[i]));
	plan = json_pack(
		"{s:b, s:s, s:s, s:s, s:I, s:o, s:o, s:o, s:s?, s:o, s:o, s:o, s:o}",
		"ok", 1, "name", pipeline->name, "instance", pipeline->instance,
		"guarantee", weir__guarantee_name(pipeline->guarantee), "workers",
		(json_int_t)pipeline->workers, "inputs", inputs_json(pipeline), "steps",
		steps_json(check), "outputs", outputs_json(pipeline), "dead_letter_topic",
		pipeline->dead_letter_topic, "ids", ids_json(pipeline), "consumer",
		weir__check_properties(&pipeline->consumer), "producer",
		weir__check_properties(&pipeline->producer), "warnings", warnings);
	json_object_set_new(plan, "tables", tables_json(pipeline));
	json_object_set_new(plan, "stores", stores_json(check));
	if (check->connected)
		json_object_set_new(plan, "cluster",
				    json_pack("{s:s, s:i, s:o}", "id",
					      check->cluster.cluster_id, "brokers",
					      (int)check->cluster.broker_count, "topics",
					      topics_json(check)));
	return plan;
}
