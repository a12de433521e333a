/*
 * Expectations: what was to come against what came, and the words for where they differ.
 * Knows what is looked at, and what counts as read then. The caller's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include <testing/test_private.h>

#define RECORD_FIELDS                                                                    \
	(WEIR_TEST_KEY | WEIR_TEST_VALUE | WEIR_TEST_HEADERS | WEIR_TEST_PARTITION |     \
	 WEIR_TEST_TIMESTAMP)
#define LETTER_FIELDS (RECORD_FIELDS | WEIR_TEST_REASON | WEIR_TEST_STEP)
#define ENTRY_FIELDS                                                                     \
	(WEIR_TEST_KEY | WEIR_TEST_VALUE | WEIR_TEST_PARTITION | WEIR_TEST_TIMESTAMP)
#define SHOWN_MAX 10 /* records that differ, in one message */

/* What is looked at. */
struct subject {
	const char *name;
	unsigned fields;   /* that may be compared */
	unsigned standard; /* that are shown of a record that nobody expected */
	struct weir_test_record *const *records;
	size_t count;
};

/* ---- the message ---- */

/* What is worth saying of records that nobody expected. */
static unsigned
standard_fields(const struct subject *subject)
{
	unsigned fields = subject->standard;

	for (size_t index = 0; index < subject->count; index++) {
		const struct weir_test_record *record = subject->records[index];

		if (record->key.data)
			fields |= WEIR_TEST_KEY;
		for (size_t header = 0; header < record->header_count; header++)
			if (!(fields & WEIR_TEST_DEAD) ||
			    !weir__test_header_is_ours(record->headers[header].name))
				fields |= subject->fields & WEIR_TEST_HEADERS;
	}
	return fields;
}

/* As many differences as are good to read. */
static void
describe(const struct subject *subject, const struct weir_test_pattern *patterns, size_t count,
         struct weir_buffer *out)
{
	size_t most = count > subject->count ? count : subject->count;
	unsigned standard = standard_fields(subject);
	size_t shown = 0;

	for (size_t index = 0; index < most && shown <= SHOWN_MAX; index++) {
		const struct weir_test_record *got =
			index < subject->count ? subject->records[index] : NULL;
		const struct weir_test_pattern *expected = index < count ? &patterns[index] : NULL;
		struct weir_buffer difference = {0};

		if (expected && got &&
		    !weir__test_differs(expected, got, standard & WEIR_TEST_DEAD, &difference))
			continue;
		if (shown++ == SHOWN_MAX) {
			weir__buffer_add_text(out, "\n  ...");
			weir__buffer_fini(&difference);
			break;
		}
		weir__buffer_printf(out, "\n  record %zu\n    expected ", index + 1);
		if (expected)
			weir__test_pattern_print(expected, out);
		else
			weir__buffer_add_text(out, "no more");
		weir__buffer_add_text(out, "\n    got      ");
		if (got)
			weir__test_record_print(got, expected ? expected->fields |
			                                                (standard & WEIR_TEST_DEAD)
			                                      : standard,
			                        out);
		else
			weir__buffer_add_text(out, "no more");
		if (difference.size)
			weir__buffer_printf(out, "\n    %s", difference.data);
		weir__buffer_fini(&difference);
	}
}

/* The usual reasons why less came than was expected. */
static void
add_hints(struct weir_test *test, bool is_dead, struct weir_buffer *out)
{
	struct weir_test_topic *letters = NULL;
	const struct weir_test_record *first;
	struct weir_bytes step, reason;

	if (test->down)
		weir__buffer_printf(out, "\n  the pipeline %s, and is not started again yet",
		                    test->down);
	if (!is_dead && test->pipeline->dead_letter_topic)
		letters = weir__test_pull(test, NULL);
	if (!letters || letters->seen == letters->count)
		return;
	first = letters->records[letters->seen];
	step = weir__test_header(first, "weir.step");
	reason = weir__test_header(first, "weir.reason");
	weir__buffer_printf(out, "\n  there are dead letters: %zu, the first by step %.*s: %.*s",
	                    letters->count - letters->seen, (int)step.size,
	                    step.data ? (const char *)step.data : "", (int)reason.size,
	                    reason.data ? (const char *)reason.data : "");
}

static void
keep_got(struct weir_test *test, const struct subject *subject,
         const struct weir_test_pattern *patterns, size_t count)
{
	unsigned fields = subject->standard & WEIR_TEST_DEAD;
	struct weir_buffer out = {0};

	for (size_t index = 0; index < count; index++)
		fields |= patterns[index].fields;
	if (count == 0)
		fields = standard_fields(subject);
	weir__buffer_add_text(&out, "[");
	for (size_t index = 0; index < subject->count; index++) {
		weir__buffer_add_text(&out, index ? ",\n  " : "\n  ");
		weir__test_record_print(subject->records[index], fields, &out);
	}
	weir__buffer_add_text(&out, subject->count ? "\n]" : "]");
	test->got = out.data;
}

/* ---- expectations ---- */

static bool
all_as_expected(const struct subject *subject, const struct weir_test_pattern *patterns,
                size_t count)
{
	struct weir_buffer difference = {0};
	bool all = count == subject->count;

	for (size_t index = 0; all && index < count; index++)
		all = !weir__test_differs(&patterns[index], subject->records[index],
		                      subject->standard & WEIR_TEST_DEAD, &difference);
	weir__buffer_fini(&difference);
	return all;
}

static const char *
plural(size_t count)
{
	return count == 1 ? "" : "s";
}

static bool
check(struct weir_test *test, const struct subject *subject,
      const struct weir_test_pattern *patterns, size_t count)
{
	struct weir_buffer out = {0};

	keep_got(test, subject, patterns, count);
	if (all_as_expected(subject, patterns, count))
		return true;
	weir__buffer_printf(&out, "%s: expected %zu record%s, got %zu", subject->name, count,
	                    plural(count), subject->count);
	describe(subject, patterns, count, &out);
	add_hints(test, subject->standard & WEIR_TEST_DEAD, &out);
	weir__buffer_fini(&test->message);
	test->message = out;
	return false;
}

/* A record of which nothing is said would be met by any. */
static bool
check_patterns(struct weir_test *test, const struct weir_test_pattern *patterns, size_t count)
{
	for (size_t index = 0; index < count; index++)
		if (!patterns[index].fields) {
			weir__test_fail(test, WEIR_EINVALID,
			                "/%zu: nothing is expected of this record", index);
			return false;
		}
	return true;
}

static bool
expect_json(struct weir_test *test, const struct subject *subject, const char *text)
{
	struct weir_test_pattern *patterns;
	struct weir_error error = {0};
	json_t *json;
	size_t count;
	bool is_met;

	if (weir__test_patterns_read(text, subject->fields, &test->passing, &json, &patterns,
	                             &count, &error) != 0) {
		weir__test_fail(test, error.code, "%s", error.message);
		return false;
	}
	is_met = check_patterns(test, patterns, count) && check(test, subject, patterns, count);
	json_decref(json);
	return is_met;
}

/* False: it cannot be looked at. */
static bool
begin(struct weir_test *test)
{
	free(test->got);
	test->got = NULL;
	return weir__test_look(test) == 0;
}

/* What came to a topic and was not looked at yet; false: it cannot be read. */
static bool
subject_of(struct weir_test *test, const char *topic, struct weir_test_topic **found,
           struct subject *subject)
{
	const char *dead = test->pipeline->dead_letter_topic;
	bool is_dead = !topic || (dead && strcmp(topic, dead) == 0);

	*found = weir__test_pull(test, topic);
	if (!*found)
		return false;
	*subject = (struct subject){
		.name = (*found)->name,
		.fields = is_dead ? LETTER_FIELDS : RECORD_FIELDS,
		.standard = is_dead ? WEIR_TEST_VALUE | WEIR_TEST_STEP | WEIR_TEST_REASON |
		                              WEIR_TEST_DEAD
		                    : WEIR_TEST_VALUE,
		.records = (*found)->records + (*found)->seen,
		.count = (*found)->count - (*found)->seen,
	};
	if (weir__test_partitions_of(test, (*found)->name) > 1)
		subject->standard |= WEIR_TEST_PARTITION;
	return true;
}

bool
weir_test_expect(struct weir_test *test, const char *topic, const char *json)
{
	struct weir_test_topic *found;
	struct subject subject;
	bool is_met;

	if (!begin(test) || !subject_of(test, topic, &found, &subject))
		return false;
	is_met = expect_json(test, &subject, json);
	if (test->got)
		found->seen = found->count;
	return is_met;
}

bool
weir_test_expect_text(struct weir_test *test, const char *topic, const char *key,
                      const char *value)
{
	struct weir_test_pattern pattern = {
		.fields = WEIR_TEST_KEY | WEIR_TEST_VALUE,
		.record = {.key = {key, key ? strlen(key) : 0},
	                   .value = {value, value ? strlen(value) : 0}},
	};
	struct weir_test_topic *found;
	struct subject subject;

	if (!begin(test) || !subject_of(test, topic, &found, &subject))
		return false;
	if (subject.count > 1)
		subject.count = 1;
	found->seen += subject.count;
	return check(test, &subject, &pattern, 1);
}

static bool
expect_entries(struct weir_test *test, const char *name, const char *json,
               int (*read)(struct weir_test *test, const char *name,
                           struct weir_test_list *list))
{
	struct subject subject = {
		.name = name, .fields = ENTRY_FIELDS, .standard = WEIR_TEST_KEY | WEIR_TEST_VALUE};
	struct weir_test_list list;
	bool is_met;

	if (!begin(test) || read(test, name, &list) != 0)
		return false;
	subject.records = list.records;
	subject.count = list.count;
	for (size_t index = 0; index < list.count; index++)
		if (list.records[index]->partition > 0)
			subject.standard |= WEIR_TEST_PARTITION;
	is_met = expect_json(test, &subject, json);
	free(list.records);
	return is_met;
}

bool
weir_test_expect_store(struct weir_test *test, const char *store, const char *json)
{
	return expect_entries(test, store, json, weir__test_store);
}

bool
weir_test_expect_table(struct weir_test *test, const char *table, const char *json)
{
	return expect_entries(test, table, json, weir__test_table);
}

static bool
expect_no_more_in(struct weir_test *test, const char *topic)
{
	struct weir_test_topic *found;
	struct subject subject;

	return subject_of(test, topic, &found, &subject) &&
	       (subject.count == 0 || check(test, &subject, NULL, 0));
}

bool
weir_test_expect_no_more(struct weir_test *test)
{
	const struct weir_pipeline *pipeline;

	if (!begin(test))
		return false;
	pipeline = test->pipeline;
	if (pipeline->dead_letter_topic && !expect_no_more_in(test, NULL))
		return false;
	for (size_t index = 0; index < pipeline->output_count; index++)
		if (!expect_no_more_in(test, pipeline->outputs[index].topic))
			return false;
	return true;
}

const char *
weir_test_got(const struct weir_test *test)
{
	return test->got;
}
