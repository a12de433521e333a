/*
 * Files of cases for `weir test`, checked as far as they can be without running anything.
 * Knows which members there are and where, so that a misspelt one is no case that passes.
 * One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <base/units.h>
#include <config/json_pointer.h>

#include "test_cases.h"

#define PARTITIONS_MAX 1000
#define PROCESS_MAX 1000000000

static const char *const file_members[] = {"about", "pipeline", "step", "plugins", "cases", NULL};
static const char *const case_members[] = {"name", "about", "pipeline", "step", "partitions",
					   "set", "tables", "given", "expect", "do", NULL};
static const char *const step_members[] = {"use", "with", NULL};
static const char *const expect_members[] = {"outputs", "dead_letters", "stores", "tables",
					     "stops", NULL};
static const char *const actions[] = {"given",   "expect", "process", "settle",      "advance",
				      "crash",   "stop",   "lose_disk", "fail_commit", NULL};
static const char *const failures[] = {"aborted", "fenced", "unknown-done", "unknown-not-done",
				       NULL};

/* Where the check is, and what it knows. */
struct check {
	const struct weir_cases *cases;
	const char *name; /* of the case; NULL: in none */
	struct weir_buffer pointer;
	bool update;
	bool expects; /* the case expects something */
	struct weir_error *error;
};

static int
fault(const struct check *check, const char *format, ...) WEIR_PRINTF(2, 3);

static int
fault(const struct check *check, const char *format, ...)
{
	const char *pointer = check->pointer.size ? check->pointer.data : "/";
	char reason[256];
	va_list args;

	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	if (check->name)
		return weir_error_set(check->error, WEIR_EINVALID,
				      "%s: case \"%.100s\": %.300s: %s", check->cases->path,
				      check->name, pointer, reason);
	return weir_error_set(check->error, WEIR_EINVALID, "%s: %.300s: %s",
			      check->cases->path, pointer, reason);
}

static bool
is_one_of(const char *name, const char *const *names)
{
	while (*names && strcmp(*names, name) != 0)
		names++;
	return *names != NULL;
}

static int
unknown(struct check *check, const char *what, const char *name, const char *const *names)
{
	const char *nearest = weir__nearest(name, names);

	return fault(check, "unknown %s%s%s%s", what, nearest ? "; did you mean \"" : "",
		     nearest ? nearest : "", nearest ? "\"?" : "");
}

static int
check_members(struct check *check, json_t *object, const char *const *names)
{
	const char *name;
	json_t *value;

	if (!json_is_object(object))
		return fault(check, "expected an object");
	json_object_foreach (object, name, value) {
		if (is_one_of(name, names))
			continue;
		weir__json_pointer_enter(&check->pointer, name);
		return unknown(check, "member", name, names);
	}
	return 0;
}

/* ---- small things ---- */

static int
check_text(struct check *check, const json_t *json)
{
	if (!json_is_string(json) || json_string_length(json) == 0 ||
	    strlen(json_string_value(json)) != json_string_length(json))
		return fault(check, "expected a string, not empty");
	return 0;
}

static int
check_true(struct check *check, const json_t *json)
{
	return json_is_true(json) ? 0 : fault(check, "expected true");
}

static int
check_list(struct check *check, const json_t *json)
{
	return json_is_array(json) ? 0 : fault(check, "expected a list of records");
}

static int
check_given(struct check *check, const json_t *json)
{
	return json_array_size(json) > 0 ? 0 : fault(check, "expected a list of records, not "
							    "empty");
}

static int
check_duration(struct check *check, const json_t *json)
{
	int64_t ms;

	if (json_is_string(json) && weir__duration_parse(json_string_value(json), &ms) == 0 &&
	    ms > 0)
		return 0;
	return fault(check, "expected a duration like \"100ms\" or \"24h\"");
}

static int
check_number(struct check *check, const json_t *json, json_int_t max)
{
	if (json_is_integer(json) && json_integer_value(json) > 0 &&
	    json_integer_value(json) <= max)
		return 0;
	return fault(check, "expected a whole number from 1 to %lld", (long long)max);
}

static int
check_failure(struct check *check, const json_t *json)
{
	if (json_is_string(json) && is_one_of(json_string_value(json), failures))
		return 0;
	return fault(check, "expected \"aborted\", \"fenced\", \"unknown-done\" or "
			    "\"unknown-not-done\"");
}

/* An object of names, none empty, all of whose values pass. */
static int
check_each(struct check *check, json_t *object,
	   int (*check_one)(struct check *check, const json_t *json))
{
	const char *name;
	json_t *value;

	if (!json_is_object(object) || json_object_size(object) == 0)
		return fault(check, "expected an object, not empty");
	json_object_foreach (object, name, value) {
		size_t size = weir__json_pointer_enter(&check->pointer, name);

		if (check_one(check, value) != 0)
			return WEIR_EINVALID;
		weir__json_pointer_leave(&check->pointer, size);
	}
	return 0;
}

static int
check_partition_count(struct check *check, const json_t *json)
{
	return check_number(check, json, PARTITIONS_MAX);
}

static int
check_setting(struct check *check, const json_t *json)
{
	const char *pointer = strrchr(check->pointer.data, '/') + 1;

	(void)json;
	/* a JSON pointer, escaped in another one */
	return strncmp(pointer, "~1", 2) == 0
		       ? 0
		       : fault(check, "expected a JSON pointer like \"/commit/records\"");
}

/* ---- expectations and actions ---- */

static int
check_expect(struct check *check, json_t *expect)
{
	static const struct {
		const char *name;
		int (*check_one)(struct check *check, const json_t *json);
		bool of_names;
	} parts[] = {
		{"outputs", check_list, true},
		{"dead_letters", check_list, false},
		{"stores", check_list, true},
		{"tables", check_list, true},
		{"stops", check_text, false},
	};

	if (check_members(check, expect, expect_members) != 0)
		return WEIR_EINVALID;
	if (json_object_size(expect) == 0 && !check->update)
		return fault(check, "nothing is expected");
	check->expects = true;
	for (size_t index = 0; index < sizeof(parts) / sizeof(parts[0]); index++) {
		json_t *json = json_object_get(expect, parts[index].name);
		size_t size = weir__json_pointer_enter(&check->pointer, parts[index].name);

		if (json && (parts[index].of_names
				     ? check_each(check, json, parts[index].check_one)
				     : parts[index].check_one(check, json)) != 0)
			return WEIR_EINVALID;
		weir__json_pointer_leave(&check->pointer, size);
	}
	return 0;
}

static int
check_action(struct check *check, const char *name, json_t *value)
{
	if (strcmp(name, "given") == 0)
		return check_given(check, value);
	if (strcmp(name, "expect") == 0)
		return check_expect(check, value);
	if (strcmp(name, "process") == 0)
		return check_number(check, value, PROCESS_MAX);
	if (strcmp(name, "advance") == 0)
		return check_duration(check, value);
	if (strcmp(name, "fail_commit") == 0)
		return check_failure(check, value);
	return check_true(check, value);
}

static int
check_actions(struct check *check, const json_t *list)
{
	size_t index;
	json_t *action;

	if (json_array_size(list) == 0)
		return fault(check, "expected a list of actions, not empty");
	json_array_foreach (list, index, action) {
		size_t size = weir__json_pointer_enter_index(&check->pointer, index);
		const char *name;
		json_t *value;

		if (check_members(check, action, actions) != 0)
			return WEIR_EINVALID;
		if (json_object_size(action) != 1)
			return fault(check, "expected one action: an object with one member");
		json_object_foreach (action, name, value) {
			weir__json_pointer_enter(&check->pointer, name);
			if (check_action(check, name, value) != 0)
				return WEIR_EINVALID;
		}
		weir__json_pointer_leave(&check->pointer, size);
	}
	return 0;
}

/* ---- what is tested ---- */

static int
check_subject(struct check *check, json_t *object)
{
	json_t *pipeline = json_object_get(object, "pipeline");
	json_t *step = json_object_get(object, "step"), *with = json_object_get(step, "with");
	size_t size;

	if (pipeline && step)
		return fault(check, "both \"pipeline\" and \"step\"");
	size = weir__json_pointer_enter(&check->pointer, pipeline ? "pipeline" : "step");
	if (pipeline && !json_is_object(pipeline) && check_text(check, pipeline) != 0)
		return WEIR_EINVALID;
	if (step && check_members(check, step, step_members) != 0)
		return WEIR_EINVALID;
	if (with && !json_is_object(with)) {
		weir__json_pointer_enter(&check->pointer, "with");
		return fault(check, "expected an object of options");
	}
	if (step) {
		weir__json_pointer_enter(&check->pointer, "use");
		if (check_text(check, json_object_get(step, "use")) != 0)
			return WEIR_EINVALID;
	}
	weir__json_pointer_leave(&check->pointer, size);
	return 0;
}

/* Check a member that may be missing. */
static int
check_member(struct check *check, const json_t *object, const char *name,
	     int (*check_one)(struct check *check, json_t *json))
{
	json_t *json = json_object_get(object, name);
	size_t size = weir__json_pointer_enter(&check->pointer, name);

	if (json && check_one(check, json) != 0)
		return WEIR_EINVALID;
	weir__json_pointer_leave(&check->pointer, size);
	return 0;
}

static int
check_about(struct check *check, json_t *json)
{
	return check_text(check, json);
}

static int
check_partitions(struct check *check, json_t *json)
{
	return json_is_object(json) ? check_each(check, json, check_partition_count)
				    : check_partition_count(check, json);
}

static int
check_settings(struct check *check, json_t *json)
{
	return check_each(check, json, check_setting);
}

static int
check_tables(struct check *check, json_t *json)
{
	return check_each(check, json, check_list);
}

static int
check_given_member(struct check *check, json_t *json)
{
	return check_given(check, json);
}

static int
check_do(struct check *check, json_t *json)
{
	return check_actions(check, json);
}

static int
check_name(struct check *check, const json_t *cases, size_t index)
{
	json_t *name = json_object_get(json_array_get(cases, index), "name");

	weir__json_pointer_enter(&check->pointer, "name");
	if (!name)
		return fault(check, "a case needs a name");
	if (check_text(check, name) != 0)
		return WEIR_EINVALID;
	for (size_t other = 0; other < index; other++)
		if (json_equal(json_object_get(json_array_get(cases, other), "name"), name))
			return fault(check, "an earlier case has this name");
	return 0;
}

static int
check_case(struct check *check, const json_t *cases, size_t index)
{
	json_t *one = json_array_get(cases, index), *root = check->cases->root;
	size_t size = check->pointer.size;

	check->name = json_string_value(json_object_get(one, "name"));
	check->expects = false;
	if (check_members(check, one, case_members) != 0 ||
	    check_name(check, cases, index) != 0)
		return WEIR_EINVALID;
	weir__json_pointer_leave(&check->pointer, size);
	if (check_subject(check, one) != 0 ||
	    check_member(check, one, "about", check_about) != 0 ||
	    check_member(check, one, "partitions", check_partitions) != 0 ||
	    check_member(check, one, "set", check_settings) != 0 ||
	    check_member(check, one, "tables", check_tables) != 0 ||
	    check_member(check, one, "given", check_given_member) != 0 ||
	    check_member(check, one, "expect", check_expect) != 0 ||
	    check_member(check, one, "do", check_do) != 0)
		return WEIR_EINVALID;
	if (!json_object_get(one, "pipeline") && !json_object_get(one, "step") &&
	    !json_object_get(root, "pipeline") && !json_object_get(root, "step"))
		return fault(check, "what is tested? \"pipeline\" or \"step\" says it, here or "
				    "for all cases");
	if (json_object_get(one, "do") &&
	    (json_object_get(one, "given") || json_object_get(one, "expect")))
		return fault(check, "\"do\" takes the place of \"given\" and \"expect\"");
	if (!check->expects && (!check->update || json_object_get(one, "do")))
		return fault(check, "nothing is expected, so it could not fail");
	return 0;
}

static int
check_plugins(struct check *check, json_t *list)
{
	size_t index;
	json_t *path;

	if (!json_is_array(list))
		return fault(check, "expected a list of files or folders");
	json_array_foreach (list, index, path) {
		size_t size = weir__json_pointer_enter_index(&check->pointer, index);

		if (check_text(check, path) != 0)
			return WEIR_EINVALID;
		weir__json_pointer_leave(&check->pointer, size);
	}
	return 0;
}

static int
check_root(struct check *check)
{
	json_t *root = check->cases->root, *cases;

	if (check_members(check, root, file_members) != 0 || check_subject(check, root) != 0 ||
	    check_member(check, root, "about", check_about) != 0 ||
	    check_member(check, root, "plugins", check_plugins) != 0)
		return WEIR_EINVALID;
	cases = json_object_get(root, "cases");
	weir__json_pointer_enter(&check->pointer, "cases");
	if (json_array_size(cases) == 0)
		return fault(check, "expected a list of cases, not empty");
	for (size_t index = 0; index < json_array_size(cases); index++) {
		size_t size = weir__json_pointer_enter_index(&check->pointer, index);

		if (check_case(check, cases, index) != 0)
			return WEIR_EINVALID;
		weir__json_pointer_leave(&check->pointer, size);
	}
	return 0;
}

int
weir__cases_check(const struct weir_cases *cases, bool update, struct weir_error *error)
{
	struct check check = {.cases = cases, .update = update, .error = error};
	int code = check_root(&check);

	weir__buffer_fini(&check.pointer);
	return code;
}
