/*
 * Options by a table with a row of every type: what is taken is within its bounds and
 * what was written; what is refused is refused in one line that names the place and holds
 * no secret; the help text and JSON of the table do not change from it.
 *
 * Input: the object as JSON.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <base/units.h>
#include <config/json_pointer.h>
#include <config/option.h>

#include "tests/fuzz/fuzz.h"

/* Found in a message it would be a leak; it is long enough not to be there by chance. */
#define SECRET "hunter2-hunter2"
#define SECRET_NUMBER 771177117711

struct all {
	const char *text;
	const char *needed;
	const char *secret;
	int64_t secret_number;
	int64_t secret_size;
	int secret_choice;
	const char *secret_pointer;
	bool secret_truth;
	struct weir_strings secret_list;
	bool truth;
	int64_t number;
	int64_t any;
	int64_t duration;
	int64_t size;
	int choice;
	struct weir_strings list;
	const char *pointer;
	const json_t *object;
	const json_t *array;
};

#define ROW(m, type, flags, standard, min, max, choices)                                 \
	WEIR_OPT_ROW(struct all, m, (int32_t)(type), flags, standard, min, max, choices, \
		     "help")
static const struct weir_option rows[] = {
	ROW(text, WEIR_OPTION_STRING, 0, "standard", 0, 0, NULL),
	ROW(needed, WEIR_OPTION_STRING, WEIR_OPTION_REQUIRED, NULL, 0, 0, NULL),
	ROW(secret, WEIR_OPTION_STRING, WEIR_OPTION_SECRET, NULL, 0, 0, NULL),
	ROW(secret_number, WEIR_OPTION_INT, WEIR_OPTION_SECRET, NULL, 1, 10, NULL),
	ROW(secret_size, WEIR_OPTION_SIZE, WEIR_OPTION_SECRET, NULL, 1, 10, NULL),
	ROW(secret_choice, WEIR_OPTION_CHOICE, WEIR_OPTION_SECRET, NULL, 0, 0, "a|b"),
	ROW(secret_pointer, WEIR_OPTION_POINTER, WEIR_OPTION_SECRET, NULL, 0, 0, NULL),
	ROW(secret_truth, WEIR_OPTION_BOOL, WEIR_OPTION_SECRET, NULL, 0, 0, NULL),
	ROW(secret_list, WEIR_OPTION_STRINGS, WEIR_OPTION_SECRET, NULL, 0, 0, NULL),
	ROW(truth, WEIR_OPTION_BOOL, 0, "true", 0, 0, NULL),
	ROW(number, WEIR_OPTION_INT, 0, "7", -10, 1000, NULL),
	ROW(any, WEIR_OPTION_INT, 0, NULL, 0, 0, NULL),
	ROW(duration, WEIR_OPTION_DURATION, 0, "24h", 1, 86400000, NULL),
	ROW(size, WEIR_OPTION_SIZE, 0, "64MiB", 1, INT64_C(1) << 40, NULL),
	ROW(choice, WEIR_OPTION_CHOICE, 0, "keep", 0, 0, "keep|drop|reject"),
	ROW(list, WEIR_OPTION_STRINGS, 0, "[\"a\", \"b\"]", 0, 0, NULL),
	ROW(pointer, WEIR_OPTION_POINTER, 0, "/a/0", 0, 0, NULL),
	ROW(object, WEIR_OPTION_OBJECT, 0, NULL, 0, 0, NULL),
	ROW(array, WEIR_OPTION_ARRAY, 0, "[]", 0, 0, NULL),
	WEIR_OPT_END,
};
static const struct weir_option_table table = {rows, sizeof(rows[0])};

static void
check_taken(const struct all *all, const json_t *object)
{
	const char *text = json_string_value(json_object_get(object, "needed"));

	FUZZ_CHECK(json_is_object(object), "taken, and is no object");
	FUZZ_CHECK(text && strcmp(all->needed, text) == 0, "%s", all->needed);
	text = json_string_value(json_object_get(object, "text"));
	FUZZ_CHECK(strcmp(all->text, text ? text : "standard") == 0, "%s", all->text);
	FUZZ_CHECK(all->number >= -10 && all->number <= 1000, "number");
	FUZZ_CHECK(all->any >= 0, "any");
	FUZZ_CHECK(all->duration >= 1 && all->duration <= 86400000, "duration");
	FUZZ_CHECK(all->size >= 1 && all->size <= INT64_C(1) << 40, "size");
	FUZZ_CHECK(all->choice >= 0 && all->choice <= 2, "choice");
	FUZZ_CHECK(weir__json_pointer_valid(all->pointer), "%s", all->pointer);
	FUZZ_CHECK(!all->object || json_is_object(all->object), "object");
	for (size_t i = 0; i < all->list.count; i++)
		FUZZ_CHECK(all->list.items[i], "list");
	for (size_t i = 0; i < all->secret_list.count; i++)
		FUZZ_CHECK(all->secret_list.items[i], "secret_list");
}

static void
check_refused(int code, const struct weir_error *error, const json_t *object)
{
	fuzz_check_error(code, error);
	FUZZ_CHECK(strncmp(error->message, "/with", 5) == 0, "no place: %s",
		   error->message);
	/* keys are names and may be said */
	if (!strstr(error->message, "unknown key") && json_is_object(object)) {
		FUZZ_CHECK(strncmp(error->message, "/with/secret", 12) != 0 ||
				   (!strstr(error->message, "hunter") &&
				    !strstr(error->message, "771177117711")),
			   "a secret is told: %s", error->message);
	}
}

static void
check_object(const json_t *object)
{
	struct weir_arena arena = {0};
	struct weir_error error = {0};
	struct all all = {0};
	int code = weir__options_parse(&table, object, "/with", &all, sizeof(all), &arena,
				       &error);

	if (code)
		check_refused(code, &error, object);
	else
		check_taken(&all, object);
	weir__arena_fini(&arena);
}

/* The same with a secret in each place that is for one; `kind` chooses a kind of JSON. */
static void
check_with_secrets(json_t *object, size_t kind)
{
	static const char *const names[] = {
		"secret",         "secret_number", "secret_size", "secret_choice",
		"secret_pointer", "secret_truth",  "secret_list"};
	json_t *values[] = {json_string(SECRET),
			    json_integer(SECRET_NUMBER),
			    json_string("771177117711"),
			    json_string("771177117711GiB"),
			    json_pack("[s, i]", SECRET, 7),
			    json_pack("[I, s]", (json_int_t)SECRET_NUMBER, SECRET)};

	const size_t kinds = sizeof(values) / sizeof(values[0]);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		json_t *copy = json_copy(object);

		json_object_set(copy, names[i], values[(kind + i) % kinds]);
		check_object(copy);
		json_decref(copy);
	}
	for (size_t i = 0; i < kinds; i++)
		json_decref(values[i]);
}

/* ---- units and names, on every string that comes by ---- */

static void
check_units(const char *text)
{
	char printed[40];
	int64_t value, back;

	if (weir__duration_parse(text, &value) == 0)
		FUZZ_CHECK(value >= 0 &&
				   weir__duration_parse(
					   weir__duration_print(value, printed,
								sizeof(printed)),
					   &back) == 0 &&
				   back == value,
			   "%s became %s", text, printed);
	if (weir__size_parse(text, &value) == 0)
		FUZZ_CHECK(value >= 0 &&
				   weir__size_parse(weir__size_print(value, printed,
								     sizeof(printed)),
						    &back) == 0 &&
				   back == value,
			   "%s became %s", text, printed);
	FUZZ_CHECK(!weir__name_valid(text) || weir__topic_valid(text), "%s", text);
}

static void
check_strings(const json_t *object)
{
	const char *name;
	json_t *value;

	json_object_foreach ((json_t *)object, name, value) {
		check_units(name);
		if (json_is_string(value))
			check_units(json_string_value(value));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *object = json_loadb(size ? (const char *)data : "", size,
				    JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);

	if (!object)
		return 0;
	check_object(object);
	check_strings(object);
	if (json_is_object(object) && json_object_size(object) < 50)
		check_with_secrets(object, size);
	json_decref(object);
	return 0;
}
