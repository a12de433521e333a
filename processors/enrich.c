/*
 * The processor `enrich`: puts what a table has of a record's key into the record's value.
 *
 * Knows where the key is and what is taken from the table. Both values are handled as the
 * bytes they are, so that every other byte of the record leaves as it came. Keeps nothing
 * from record to record; the thread of the task's worker.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include <weir/json.h>

#include "enrich.h"
#include "place.h"

#define OUTPUT "output:"
#define OUTPUT_SIZE (sizeof(OUTPUT) - 1)
#define SHOWN_MAX 80 /* bytes of a key in a reason */

struct enrich_options {
	const char *table;
	const char *on;
	const char *into;
	struct weir_strings fields;
	const char *missing;
};

static const struct weir_option options[] = {
	WEIR_OPT_TABLE_REQUIRED(struct enrich_options, table, "the table to look things up in"),
	WEIR_OPT_STRING_REQUIRED(struct enrich_options, on,
				 "what to look up: key, header:NAME or a JSON pointer into the "
				 "value"),
	WEIR_OPT_POINTER_REQUIRED(struct enrich_options, into,
				  "where in the value to put what was found; \"\" puts each of "
				  "`fields` into the value itself"),
	WEIR_OPT_STRINGS(struct enrich_options, fields,
			 "which members of the table's value to take, by name or JSON pointer "
			 "(default: all of it)"),
	WEIR_OPT_STRING(struct enrich_options, missing, "reject",
			"what to do with a record of which the table has nothing: reject, "
			"keep, drop or output:NAME"),
	WEIR_OPT_END};

enum missing { MISSING_REJECT, MISSING_KEEP, MISSING_DROP, MISSING_OUTPUT };

struct enrich {
	struct weir_table *table;
	enum missing missing;
	int output;    /* MISSING_OUTPUT */
	char **fields; /* as JSON pointers */
	size_t field_count;
};

/* ---- what is missing ---- */

static enum missing
missing_of(const struct enrich_options *opts)
{
	return strcmp(opts->missing, "keep") == 0   ? MISSING_KEEP
	       : strcmp(opts->missing, "drop") == 0 ? MISSING_DROP
	       : opts->missing[0] == 'o'            ? MISSING_OUTPUT
						    : MISSING_REJECT;
}

/* True: it is done, the record as it came; false: it has to be rejected. */
static bool
is_left_alone(struct weir_context *ctx, const struct enrich *enrich)
{
	struct weir_emit emit = {.size = sizeof(emit), .output = enrich->output};

	if (enrich->missing == MISSING_KEEP)
		weir_emit_same(ctx);
	if (enrich->missing == MISSING_OUTPUT)
		weir_emit(ctx, &emit);
	return enrich->missing != MISSING_REJECT;
}

static int
shown(struct weir_bytes key)
{
	return key.size < SHOWN_MAX ? (int)key.size : SHOWN_MAX;
}

/* ---- the key ---- */

/*
 * A string without its quotes and escapes, a number, true or false as it stands there. Null,
 * an object or an array is no key. *owned is to be freed.
 */
static struct weir_bytes
key_of(struct weir_bytes json, json_t **owned)
{
	const char *text = json.data;
	struct weir_bytes none = {NULL, 0};

	if (text[0] == 'n' || text[0] == '{' || text[0] == '[')
		return none;
	if (text[0] != '"')
		return json;
	if (!memchr(text, '\\', json.size))
		return (struct weir_bytes){text + 1, json.size - 2};
	*owned = json_loadb(text, json.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	return *owned ? (struct weir_bytes){json_string_value(*owned),
					    json_string_length(*owned)}
		      : none;
}

/* data NULL: it has none. */
static struct weir_bytes
find_key(const struct enrich_options *opts, const struct weir_record *record, json_t **owned)
{
	struct weir_bytes found = {NULL, 0};

	if (!place_is_pointer(opts->on))
		return place_bytes(record, opts->on);
	if (weir_json_find(weir_record_value(record), opts->on, &found) != 0)
		return found;
	return key_of(found, owned);
}

/* ---- what is put in ---- */

/* Put `value` into *text, which moves to new memory, and free the memory it was in. */
static bool
set(struct weir_bytes *text, char **owned, const char *pointer, struct weir_bytes value)
{
	size_t size = 0;
	char *changed = weir_json_set(*text, pointer, value, &size);

	if (!changed)
		return false;
	free(*owned);
	*owned = changed;
	*text = (struct weir_bytes){changed, size};
	return true;
}

/* The last token of a pointer names the member in the record. */
static const char *
name_of(const char *pointer)
{
	return strrchr(pointer, '/');
}

/* Those fields that `info` has, into *text. */
static bool
set_fields(const struct enrich *enrich, struct weir_bytes *text, char **owned,
	   struct weir_bytes info)
{
	struct weir_bytes field;

	for (size_t i = 0; i < enrich->field_count; i++)
		if (weir_json_find(info, enrich->fields[i], &field) == 0 &&
		    !set(text, owned, name_of(enrich->fields[i]), field))
			return false;
	return true;
}

static enum weir_verdict
no_place(struct weir_context *ctx)
{
	const struct enrich_options *opts = weir_options(ctx);

	return weir_reject(ctx,
			   "nothing can be put at \"%.80s\": what should hold it is no object, "
			   "and no array with that element",
			   opts->into);
}

static enum weir_verdict
put(struct weir_context *ctx, const struct enrich *enrich, const struct weir_record *record,
    struct weir_bytes info)
{
	const struct enrich_options *opts = weir_options(ctx);
	struct weir_bytes value = weir_record_value(record);
	struct weir_bytes taken = {"{}", 2};
	char *owned = NULL, *owned_taken = NULL;
	bool done;

	if (enrich->field_count == 0) {
		done = set(&value, &owned, opts->into, info);
	} else if (opts->into[0] == '\0') {
		done = set_fields(enrich, &value, &owned, info);
	} else {
		done = set_fields(enrich, &taken, &owned_taken, info) &&
		       set(&value, &owned, opts->into, taken);
	}
	if (done)
		weir_emit_value(ctx, value);
	free(owned);
	free(owned_taken);
	return done ? WEIR_DONE : no_place(ctx);
}

/* ---- the record ---- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* JSON without the blanks around it. */
static struct weir_bytes
trimmed(struct weir_bytes json)
{
	const char *begin = json.data, *end = begin + json.size;

	while (is_blank(*begin))
		begin++;
	while (is_blank(end[-1]))
		end--;
	return (struct weir_bytes){begin, (size_t)(end - begin)};
}

static enum weir_verdict
reject_info(struct weir_context *ctx, struct weir_bytes key, const char *why)
{
	const struct enrich_options *opts = weir_options(ctx);

	return weir_reject(ctx, "table %s, \"%.*s\": %s", opts->table, shown(key),
			   (const char *)key.data, why);
}

static enum weir_verdict
nothing_to_look_up(struct weir_context *ctx, const struct enrich *enrich,
		   const struct weir_record *record)
{
	const struct enrich_options *opts = weir_options(ctx);
	struct weir_bytes found;

	if (is_left_alone(ctx, enrich))
		return WEIR_DONE;
	if (place_is_pointer(opts->on) &&
	    weir_json_find(weir_record_value(record), opts->on, &found) == 0 &&
	    *(const char *)found.data != 'n')
		return weir_reject(ctx,
				   "nothing to look up: nothing at \"%.80s\" that can be a key",
				   opts->on);
	return place_reject(ctx, record, "nothing to look up", opts->on);
}

static enum weir_verdict
not_there(struct weir_context *ctx, const struct enrich *enrich, struct weir_bytes key)
{
	const struct enrich_options *opts = weir_options(ctx);

	return is_left_alone(ctx, enrich)
		       ? WEIR_DONE
		       : weir_reject(ctx, "table %s has no \"%.*s\"", opts->table, shown(key),
				     (const char *)key.data);
}

/* What the table has is foreign, too. */
static enum weir_verdict
look_up(struct weir_context *ctx, const struct enrich *enrich, const struct weir_record *record,
	struct weir_bytes key)
{
	struct weir_error error;
	struct weir_bytes info;
	int code;

	if (!key.data)
		return nothing_to_look_up(ctx, enrich, record);
	error.code = 0; /* all of it is too much to be zeroed for each record */
	error.message[0] = '\0';
	code = weir_table_get_checked(enrich->table, key, weir_json_check, &info, &error);
	if (code == WEIR_ENOTFOUND)
		return not_there(ctx, enrich, key);
	if (code == WEIR_EJSON)
		return reject_info(ctx, key, error.message);
	if (code != 0)
		return weir_retry(ctx, "the table cannot be read"); /* the app stops */
	info = trimmed(info);
	if (enrich->field_count > 0 && *(const char *)info.data != '{')
		return reject_info(ctx, key, "value is no object, and has no fields");
	return put(ctx, enrich, record, info);
}

static enum weir_verdict
enrich_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	const struct enrich_options *opts = weir_options(ctx);
	const struct enrich *enrich = memory;
	enum weir_verdict verdict;
	json_t *owned = NULL;

	if (!weir_record_value(record).data) /* null can hold nothing */
		return is_left_alone(ctx, enrich)
			       ? WEIR_DONE
			       : weir_reject(ctx, "nothing to enrich: the value is null");
	if (!place_is_pointer(opts->on)) /* known before the value is read */
		weir_table_expect(enrich->table, place_bytes(record, opts->on));
	if (weir_json_precheck(ctx, record, WEIR_JSON_ANY_NUMBER) != WEIR_DONE)
		return WEIR_REJECT;
	verdict = look_up(ctx, enrich, record, find_key(opts, record, &owned));
	json_decref(owned);
	return verdict;
}

/* ---- fields as pointers ---- */

/* A name is a pointer of one token, with its ~ and / escaped. Heap. */
static char *
field_pointer(const char *field)
{
	char *pointer = malloc(2 * strlen(field) + 2), *to = pointer;

	if (!pointer)
		abort(); /* out of memory ends the process */
	if (field[0] == '/')
		return strcpy(pointer, field);
	*to++ = '/';
	for (; *field; field++) {
		if (*field == '~' || *field == '/')
			*to++ = '~';
		*to++ = *field == '~' ? '0' : *field == '/' ? '1' : *field;
	}
	*to = '\0';
	return pointer;
}

static void
free_fields(char **fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(fields[i]);
	free(fields);
}

static char **
field_pointers(const struct weir_strings *fields)
{
	char **pointers = calloc(fields->count + 1, sizeof(*pointers));

	if (!pointers)
		abort();
	for (size_t i = 0; i < fields->count; i++)
		pointers[i] = field_pointer(fields->items[i]);
	return pointers;
}

static int
enrich_open(struct weir_context *ctx, void *memory, struct weir_error *error)
{
	const struct enrich_options *opts = weir_options(ctx);
	struct enrich *enrich = memory;

	enrich->missing = missing_of(opts);
	enrich->output = WEIR_NEXT;
	if (enrich->missing == MISSING_OUTPUT)
		enrich->output = weir_output_find(ctx, opts->missing + OUTPUT_SIZE);
	if (enrich->missing == MISSING_OUTPUT && enrich->output < 0)
		return weir_error_set(error, WEIR_EINVALID,
				      "missing: the pipeline has no output \"%.80s\"",
				      opts->missing + OUTPUT_SIZE);
	enrich->table = weir_table_find(ctx, opts->table);
	if (!enrich->table)
		return weir_error_set(error, WEIR_ENOTFOUND, "table %s is not kept here",
				      opts->table);
	enrich->field_count = opts->fields.count;
	enrich->fields = field_pointers(&opts->fields);
	return 0;
}

static void
enrich_close(struct weir_context *ctx, void *memory)
{
	struct enrich *enrich = memory;

	(void)ctx;
	free_fields(enrich->fields, enrich->field_count);
}

/* ---- options ---- */

static int
check_field(char **fields, size_t index, struct weir_error *error)
{
	int code = place_check("fields", fields[index], error);

	for (size_t i = 0; !code && i < index; i++)
		if (strcmp(name_of(fields[i]), name_of(fields[index])) == 0)
			code = weir_error_set(error, WEIR_EINVALID,
					      "fields: \"%.80s\" and \"%.80s\" would have one "
					      "name",
					      fields[i], fields[index]);
	return code;
}

static int
check_fields(const struct enrich_options *opts, struct weir_error *error)
{
	char **fields = field_pointers(&opts->fields);
	int code = 0;

	if (opts->fields.items && opts->fields.count == 0)
		code = weir_error_set(error, WEIR_EINVALID, "fields: the list is empty");
	for (size_t i = 0; !code && i < opts->fields.count; i++)
		code = check_field(fields, i, error);
	free_fields(fields, opts->fields.count);
	return code;
}

static int
enrich_check(const void *memory, struct weir_error *error)
{
	const struct enrich_options *opts = memory;
	int code = place_check("on", opts->on, error);

	if (code)
		return code;
	if (missing_of(opts) == MISSING_OUTPUT
		    ? strncmp(opts->missing, OUTPUT, OUTPUT_SIZE) != 0 ||
			      !opts->missing[OUTPUT_SIZE]
		    : missing_of(opts) == MISSING_REJECT && strcmp(opts->missing, "reject") != 0)
		return weir_error_set(error, WEIR_EINVALID,
				      "missing: \"%.80s\" is not reject, keep, drop or "
				      "output:NAME",
				      opts->missing);
	if (opts->into[0] == '\0' && opts->fields.count == 0)
		return weir_error_set(error, WEIR_EINVALID,
				      "into: \"\" is all of the value, and takes only what "
				      "`fields` names");
	return check_fields(opts, error);
}

static const char description[] =
	"Looks each record up in a table, a compacted topic that is kept here in whole, and puts "
	"what stands there into the record's value, which is JSON. Every other byte of the value "
	"stays as it came; so do key, headers and time.\n\n"
	"The table's key is compared byte by byte with the record's key or header, with a string "
	"in the value without quotes and escapes, or with a number as it is written there.\n\n"
	"A record is enriched with what the table has when the record is processed. Table and "
	"input are two topics, and nothing orders a change of the one against a record of the "
	"other: `missing` says what becomes of a record that came too early.";

static const char example[] =
	"{\n"
	"  \"name\": \"orders-full\",\n"
	"  \"kafka\": { \"bootstrap.servers\": \"localhost:9092\" },\n"
	"  \"inputs\": [\"orders\"],\n"
	"  \"tables\": { \"customers\": { \"topic\": \"customers\" } },\n"
	"  \"steps\": [\n"
	"    { \"use\": \"enrich\",\n"
	"      \"with\": { \"table\": \"customers\", \"on\": \"/customer\", \"into\": \"/customer_info\" } }\n"
	"  ],\n"
	"  \"outputs\": { \"default\": \"orders-full\" },\n"
	"  \"dead_letter\": { \"topic\": \"orders-dead\" }\n"
	"}";

const struct weir_processor weir_enrich = {
	WEIR_PROCESSOR_HEADER,
	.name = "enrich",
	.summary = "look each record up in a table, and put what stands there into its value",
	.options = options,
	.options_size = sizeof(struct enrich_options),
	.flags = WEIR_ANY_OUTPUT, /* for `missing` */
	.memory_size = sizeof(struct enrich),
	.check = enrich_check,
	.open = enrich_open,
	.close = enrich_close,
	.record = enrich_record,
	.text = description,
	.example = example,
};

WEIR_PLUGIN(weir_enrich);
