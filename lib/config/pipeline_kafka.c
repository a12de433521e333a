/*
 * The `kafka` section: properties for both clients and for one, those that are weir's own
 * to read, and whether the guarantee can bear them.
 *
 * Property values are never quoted in messages, but for those that the rules refuse by
 * name, none of which is secret.
 *
 * Any thread; nothing is kept.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <config/json_pointer.h>
#include <config/pipeline_file.h>

#define MOST_PROPERTIES 500

static char *
place_of(const char *where, const char *name)
{
	struct weir_buffer place = {0};

	weir__buffer_add_text(&place, where);
	weir__json_pointer_add(&place, name);
	return place.data;
}

static int
set_property(struct weir_properties *properties, const char *where, const char *name,
	     const json_t *value, struct weir_error *error)
{
	char *text = NULL;
	char *place;

	switch (json_typeof(value)) {
	case JSON_NULL:
		return 0;
	case JSON_STRING:
	case JSON_TRUE:
	case JSON_FALSE:
	case JSON_INTEGER:
	case JSON_REAL:
		break;
	default:
		place = place_of(where, name);
		weir_error_set(error, WEIR_EINVALID,
			       "%s: expected a string, a number, true or false", place);
		free(place);
		return WEIR_EINVALID;
	}
	if (json_is_string(value)) {
		weir__properties_set(properties, name, json_string_value(value));
		return 0;
	}
	text = json_dumps(value, JSON_ENCODE_ANY);
	weir__properties_set(properties, name, text);
	free(text);
	return 0;
}

static int
set_all(struct weir_properties *properties, const char *where, const json_t *object,
	const struct weir_option_table *own, bool is_own_allowed,
	struct weir_error *error)
{
	struct weir_option row;
	const char *name;
	json_t *value;

	if (json_object_size(object) > MOST_PROPERTIES)
		return weir_error_set(error, WEIR_ELIMIT, "%s: more than %d properties",
				      where, MOST_PROPERTIES);
	json_object_foreach ((json_t *)object, name, value) {
		int code;

		if (weir__option_find(own, name, &row)) {
			if (is_own_allowed)
				continue;
			return weir_error_set(error, WEIR_EINVALID,
					      "%s/%s: belongs in /kafka itself", where,
					      name);
		}
		code = set_property(properties, where, name, value, error);
		if (code)
			return code;
	}
	return 0;
}

/* The section's own keys, without the properties among them. */
static json_t *
own_keys(const json_t *section, const struct weir_option_table *own)
{
	json_t *keys = json_object();
	struct weir_option row;

	for (size_t i = 0; weir__option_row(own, i, &row); i++) {
		json_t *value = json_object_get(section, row.name);

		if (value)
			json_object_set(keys, row.name, value);
	}
	return keys;
}

/* Where the property at fault stands: in the client's own object, or for both. */
static int
report(const struct weir_property_fault *fault, const struct weir_file_kafka *kafka,
       struct weir_error *error)
{
	bool is_producer = fault->client == WEIR_CLIENT_PRODUCER;
	const char *where = is_producer ? "/kafka/producer/" : "/kafka/consumer/";

	if (!json_object_get(is_producer ? kafka->producer : kafka->consumer,
			     fault->name))
		where = "/kafka/";
	if (*fault->name == '/') /* a place in the file already */
		where = "";
	return weir_error_set(error, WEIR_EINVALID, "%s%s: %s", where, fault->name,
			      fault->text);
}

static int
check(const struct weir_pipeline *pipeline, const struct weir_file_kafka *kafka,
      struct weir_error *error)
{
	struct weir_times times = {
		.transaction_timeout_ms = pipeline->transaction_timeout_ms,
		.session_timeout_ms = pipeline->session_timeout_ms,
		.drain_ms = pipeline->drain_ms,
		.commit_interval_ms = pipeline->commit_interval_ms,
	};
	struct weir_property_fault fault;

	if (weir__properties_find_fault(&pipeline->consumer, &pipeline->producer,
					pipeline->guarantee, &fault))
		return report(&fault, kafka, error);
	if (weir__properties_find_time_fault(&pipeline->consumer, &pipeline->producer,
					     pipeline->guarantee, &times, &fault))
		return report(&fault, kafka, error);
	return 0;
}

int
weir__pipeline_build_kafka(struct weir_pipeline *pipeline,
			   const struct weir_file_root *root, struct weir_error *error)
{
	const struct weir_section *section = weir__pipeline_section("/kafka");
	const struct weir_option_table *own = &section->table;
	struct weir_file_kafka kafka = {0};
	json_t *keys = own_keys(root->kafka, own);
	int code;

	code = weir__options_parse(own, keys, section->path, &kafka, sizeof(kafka),
				   &pipeline->arena, error);
	if (code == 0)
		code = set_all(&pipeline->client, "/kafka", root->kafka, own, true,
			       error);
	weir__properties_copy(&pipeline->consumer, &pipeline->client);
	weir__properties_copy(&pipeline->producer, &pipeline->client);
	if (code == 0)
		code = set_all(&pipeline->consumer, "/kafka/consumer", kafka.consumer,
			       own, false, error);
	if (code == 0)
		code = set_all(&pipeline->producer, "/kafka/producer", kafka.producer,
			       own, false, error);
	pipeline->offset_reset = (enum weir_reset)kafka.auto_offset_reset;
	pipeline->transaction_timeout_ms = kafka.transaction_timeout_ms;
	pipeline->session_timeout_ms = kafka.session_timeout_ms;
	pipeline->drain_ms =
		root->drain_timeout ? root->drain_timeout : kafka.session_timeout_ms / 2;
	if (code == 0)
		code = check(pipeline, &kafka, error);
	json_decref(keys);
	return code;
}
