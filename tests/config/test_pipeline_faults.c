/*
 * Pipeline files that are JSON but no pipeline: each ends in one line with file, place
 * and reason.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <config/pipeline.h>

#include "tests/config/expect_fault.h"
#include "tests/harness.h"

#define MIB ((size_t)1024 * 1024)

#define SMALL                                                                            \
	"{\"name\": \"orders\", \"instance\": \"i\", \"inputs\": [\"in\", \"in2\"],"     \
	" \"outputs\": {\"default\": \"out\"}}"

struct fault_case {
	const char *pointer; /* of the override put into the small file */
	const char *value;
	const char *message;
};

static void
expect_faults(const struct fault_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct weir_override override = {cases[i].pointer, cases[i].value};

		expect_fault(SMALL, strlen(SMALL), &override, 1, cases[i].message);
	}
}

#define EXPECT_FAULTS(cases) expect_faults(cases, sizeof(cases) / sizeof(cases[0]))

START_TEST(keys_types_and_ranges_are_checked)
{
	static const struct fault_case cases[] = {
		{"/inptus", "1",
		 "p.json: /inptus: unknown key; did you mean \"inputs\"?"},
		{"/commit/intervall", "1s",
		 "p.json: /commit/intervall: unknown key; did you mean \"interval\"?"},
		{"/errors/retry", "1",
		 "p.json: /errors/retry: unknown key; known are ..."},
		{"/dead_letter/topics", "x",
		 "p.json: /dead_letter/topics: unknown key; did you mean \"topic\"?"},
		{"/name", "null",
		 "p.json: /name: missing; expected: name of the app: ..."},
		{"/name", "{}", "p.json: /name: expected a string, found an object"},
		{"/guarantee", "exactly",
		 "p.json: /guarantee: expected one of "
		 "exactly-once|at-least-once|at-most-once, found "
		 "\"exactly\""},
		{"/workers", "0", "p.json: /workers: 0 is out of range (1 to 64)"},
		{"/workers", "65", "p.json: /workers: 65 is out of range (1 to 64)"},
		{"/workers", "-1", "p.json: /workers: -1 is out of range (1 to 64)"},
		{"/workers", "two",
		 "p.json: /workers: expected a whole number, found \"two\""},
		{"/commit/interval", "0",
		 "p.json: /commit/interval: 0 is out of range (1ms to 10m)"},
		{"/commit/interval", "10",
		 "p.json: /commit/interval: expected a duration with its unit, like "
		 "\"100ms\" or "
		 "\"24h\", found \"10\""},
		{"/commit/records", "0",
		 "p.json: /commit/records: 0 is out of range (1 to 10000000)"},
		{"/commit/bytes", "64MB",
		 "p.json: /commit/bytes: expected a size with its unit, ..."},
		{"/commit", "5", "p.json: /commit: expected an object, found 5"},
		{"/errors", "[]", "p.json: /errors: expected an object, found a list"},
		{"/errors/retry_attempts", "-1",
		 "p.json: /errors/retry_attempts: -1 is out of range (0 to 1000000)"},
		{"/errors/retry_backoff", "1m",
		 "p.json: /errors/retry_backoff: is above retry_backoff_max"},
		{"/errors/on_reject", "dead-letter",
		 "p.json: /errors/on_reject: \"dead-letter\" needs /dead_letter/topic"},
		{"/steps", "{}", "p.json: /steps: expected a list, found an object"},
		{"/steps", "[7]", "p.json: /steps/0: expected an object"},
		{"/steps", "[{}]",
		 "p.json: /steps/0/use: missing; expected: name of the processor, ..."},
		{"/steps", "[{\"use\": \"jq\", \"with\": []}]",
		 "p.json: /steps/0/with: expected an object, found a list"},
		{"/steps", "[{\"use\": \"jq\", \"wiht\": {}}]",
		 "p.json: /steps/0/wiht: unknown key; did you mean \"with\"?"},
		{"/tables", "[]", "p.json: /tables: expected an object, found a list"},
		{"/tables", "{\"t\": {}}",
		 "p.json: /tables/t/topic: missing; expected: topic of the table, ..."},
		{"/tables", "{\"t\": \"people\"}",
		 "p.json: /tables/t: expected an object with the table's topic: "
		 "{\"topic\": \"...\"}"},
		{"/tables", "{\"t\": {\"topik\": \"x\"}}",
		 "p.json: /tables/t/topik: unknown key; did you mean \"topic\"?"},
		{"/tables", "{\"a/b\": {\"topic\": \"x\"}}",
		 "p.json: /tables/a~1b: \"a/b\" is not a name ..."},
		{"/tables", "{\"t\": {\"topic\": \"a b\"}}",
		 "p.json: /tables/t/topic: \"a b\" is not a topic ..."},
		{"/tables", "{\"t\": {\"topic\": \"x\"}, \"u\": {\"topic\": \"x\"}}",
		 "p.json: /tables/u/topic: \"x\" is the topic of table t already"},
		{"/outputs", "{}",
		 "p.json: /outputs: expected at least one name with its topic"},
		{"/outputs/default", "null",
		 "p.json: /outputs: expected at least one name with its topic"},
		{"/outputs", "{\"late\": \"t\"}",
		 "p.json: /outputs/default: missing; without steps, records are copied "
		 "there"},
		{"/outputs/late", "7",
		 "p.json: /outputs/late: expected a topic (a string)"},
		{"/inputs", "[]", "p.json: /inputs: expected at least one topic"},
		{"/inputs", "null", "p.json: /inputs: missing; expected: topics to read"},
		{"/dead_letter", "{}",
		 "p.json: /dead_letter/topic: missing; expected: topic of the dead "
		 "letters"},
		{"/plugins", "[\"\"]", "p.json: /plugins/0: is empty"},
		{"/state_dir", "", "p.json: /state_dir: is empty"},
	};

	EXPECT_FAULTS(cases);
}
END_TEST

START_TEST(names_and_topics_cannot_leave_their_place)
{
	static const struct fault_case cases[] = {
		{"/name", "a/b", "p.json: /name: \"a/b\" is not a name (letters, ..."},
		{"/name", "..", "p.json: /name: \"..\" is not a name (letters, ..."},
		{"/name", "", "p.json: /name: \"\" is not a name (letters, ..."},
		{"/instance", "../x",
		 "p.json: /instance: \"../x\" is not a name (letters, ..."},
		{"/instance", "host.example",
		 "p.json: /instance: \"host.example\" is not a name ..."},
		{"/steps", "[{\"use\": \"../jq\"}]",
		 "p.json: /steps/0/use: \"../jq\" is not a name ..."},
		{"/steps", "[{\"use\": \"jq\", \"name\": \"a/b\"}]",
		 "p.json: /steps/0/name: \"a/b\" is not a name ..."},
		{"/outputs/a~1b", "t",
		 "p.json: /outputs/a~1b: \"a/b\" is not a name ..."},
		{"/inputs/0", "a/b",
		 "p.json: /inputs/0: \"a/b\" is not a topic (letters, digits, . - and _, "
		 "at most 249)"},
		{"/inputs/0", "..", "p.json: /inputs/0: \"..\" is not a topic ..."},
		{"/inputs/0", "^orders.*",
		 "p.json: /inputs/0: \"^orders.*\" is not a topic ..."},
		{"/outputs/default", "a b",
		 "p.json: /outputs/default: \"a b\" is not a topic ..."},
		{"/dead_letter/topic", "../dead",
		 "p.json: /dead_letter/topic: \"../dead\" is not a topic ..."},
	};

	EXPECT_FAULTS(cases);
}
END_TEST

START_TEST(what_must_not_meet_is_kept_apart)
{
	static const struct fault_case cases[] = {
		{"/inputs/-", "in",
		 "p.json: /inputs/2: \"in\" is there already, as /inputs/0"},
		{"/outputs/again", "in2",
		 "p.json: /outputs/again: \"in2\" is an input too: its records would "
		 "come back for "
		 "ever"},
		{"/dead_letter/topic", "in",
		 "p.json: /dead_letter/topic: \"in\" is an input too: its records would "
		 "come back "
		 "for ever"},
		{"/dead_letter/topic", "out",
		 "p.json: /dead_letter/topic: \"out\" is the topic of /outputs/default "
		 "too: dead "
		 "letters would stand among its records"},
		{"/steps",
		 "[{\"use\": \"a\", \"name\": \"x\"}, {\"use\": \"b\", \"name\": \"x\"}]",
		 "p.json: /steps/1/name: \"x\" is the name of /steps/0 already"},
		{"/steps", "[{\"use\": \"a\"}, {\"use\": \"b\", \"name\": \"a\"}]",
		 "p.json: /steps/1/name: \"a\" is the name of /steps/0 already"},
		{"/steps",
		 "[{\"use\": \"b\", \"name\": \"a-2\"}, {\"use\": \"a\"}, {\"use\": "
		 "\"a\"}]",
		 "p.json: /steps/2/name: \"a-2\" is the name of /steps/0 already"},
		{"/steps", "[{\"use\": \"r\", \"outputs\": {\"late\": \"none\"}}]",
		 "p.json: /steps/0/outputs/late: there is no \"none\" in /outputs"},
		{"/steps", "[{\"use\": \"r\", \"outputs\": {\"late\": 7}}]",
		 "p.json: /steps/0/outputs/late: expected a name from /outputs (a "
		 "string)"},
	};

	EXPECT_FAULTS(cases);
}
END_TEST

START_TEST(counts_are_bounded)
{
	char *text = malloc(MIB);
	struct weir_override override = {"/inputs", text};
	size_t size = 0;

	text[size++] = '[';
	for (int i = 0; i <= 1000; i++)
		size += (size_t)sprintf(text + size, "%s\"t%d\"", i ? "," : "", i);
	strcpy(text + size, "]");
	expect_fault(SMALL, strlen(SMALL), &override, 1,
		     "p.json: /inputs: 1001 topics are more than 1000");
	size = 0;
	text[size++] = '[';
	for (int i = 0; i <= 100; i++)
		size += (size_t)sprintf(text + size, "%s{\"use\": \"a\"}", i ? "," : "");
	strcpy(text + size, "]");
	override.pointer = "/steps";
	expect_fault(SMALL, strlen(SMALL), &override, 1,
		     "p.json: /steps: 101 are more than 100");
	free(text);
}
END_TEST

START_TEST(properties_that_break_the_guarantee_are_refused_where_they_stand)
{
	static const struct fault_case cases[] = {
		{"/kafka/enable.auto.commit", "true",
		 "p.json: /kafka/enable.auto.commit: may not be \"true\": ..."},
		{"/kafka/consumer/enable.auto.commit", "true",
		 "p.json: /kafka/consumer/enable.auto.commit: may not be \"true\": ..."},
		{"/kafka/consumer/isolation.level", "read_uncommitted",
		 "p.json: /kafka/consumer/isolation.level: may not be "
		 "\"read_uncommitted\" under "
		 "exactly-once: ..."},
		{"/kafka/producer/enable.idempotence", "false",
		 "p.json: /kafka/producer/enable.idempotence: may not be \"false\" under "
		 "exactly-once: ..."},
		{"/kafka/acks", "1",
		 "p.json: /kafka/acks: may not be \"1\" under exactly-once: ..."},
		{"/kafka/transactional.id", "x",
		 "p.json: /kafka/transactional.id: may not be set: ..."},
		{"/kafka/consumer/group.id", "x",
		 "p.json: /kafka/consumer/group.id: may not be set: it is the app's "
		 "name"},
		{"/kafka/consumer/auto.offset.reset", "latest",
		 "p.json: /kafka/consumer/auto.offset.reset: belongs in /kafka itself"},
		{"/kafka/producer/transaction.timeout.ms", "20000",
		 "p.json: /kafka/producer/transaction.timeout.ms: belongs in /kafka "
		 "itself"},
		{"/kafka/auto.offset.reset", "smallest",
		 "p.json: /kafka/auto.offset.reset: expected one of "
		 "earliest|latest|error, found "
		 "\"smallest\""},
		{"/kafka/sasl.password", "[\"hunter2\"]",
		 "p.json: /kafka/sasl.password: expected a string, a number, true or "
		 "false"},
	};

	EXPECT_FAULTS(cases);
}
END_TEST

START_TEST(times_that_do_not_fit_are_refused_where_they_stand)
{
	static const struct fault_case cases[] = {
		{"/drain_timeout", "10s",
		 "p.json: /drain_timeout: 10000 ms is not below session.timeout.ms, "
		 "10000 ms"},
		{"/kafka/session.timeout.ms", "300001",
		 "p.json: /kafka/session.timeout.ms: 300001 ms is above "
		 "max.poll.interval.ms, 300000 "
		 "ms"},
		{"/kafka/transaction.timeout.ms", "300000",
		 "p.json: /kafka/transaction.timeout.ms: 300000 ms is not below "
		 "max.poll.interval.ms, 300000 ms"},
		{"/kafka/consumer/max.poll.interval.ms", "12000",
		 "p.json: /kafka/transaction.timeout.ms: 15000 ms is not below "
		 "max.poll.interval.ms, 12000 ms"},
		{"/kafka/producer/message.timeout.ms", "15001",
		 "p.json: /kafka/producer/message.timeout.ms: 15001 ms is above "
		 "transaction.timeout.ms, 15000 ms"},
		{"/kafka/delivery.timeout.ms", "60000",
		 "p.json: /kafka/delivery.timeout.ms: 60000 ms is above "
		 "transaction.timeout.ms, 15000 "
		 "ms"},
		{"/kafka/producer/message.timeout.ms", "0",
		 "p.json: /kafka/producer/message.timeout.ms: 0 means no limit, but "
		 "transaction.timeout.ms is 15000 ms"},
		{"/kafka/socket.timeout.ms", "60000",
		 "p.json: /kafka/socket.timeout.ms: 60000 ms is above "
		 "transaction.timeout.ms, 15000 "
		 "ms"},
		{"/commit/interval", "10s",
		 "p.json: /commit/interval: 10000 ms is above 60 % of "
		 "transaction.timeout.ms, 9000 "
		 "ms"},
		{"/kafka/transaction.timeout.ms", "999",
		 "p.json: /kafka/transaction.timeout.ms: 999 is out of range (1000 to "
		 "2147483647)"},
	};
	static const struct weir_override fine[] = {
		{"/guarantee", "at-least-once"},
		{"/kafka/message.timeout.ms", "0"},
		{"/commit/interval", "10s"},
	};
	struct weir_error error = {0};
	struct weir_pipeline *pipeline;

	EXPECT_FAULTS(cases);
	pipeline = weir__pipeline_parse(SMALL, strlen(SMALL), "p.json", ".", fine, 3,
					&error);
	ck_assert_msg(pipeline != NULL, "%s", error.message);
	weir__pipeline_free(pipeline);
}
END_TEST

START_TEST(variables_and_files_that_are_not_there_are_named)
{
	static const struct fault_case cases[] = {
		{"/name", "${WEIR_TEST_UNSET}",
		 "p.json: /name: the environment variable WEIR_TEST_UNSET is not set (a "
		 "default is "
		 "written ${WEIR_TEST_UNSET:-...})"},
		{"/inputs/1", "${WEIR_TEST_UNSET}",
		 "p.json: /inputs/1: the environment variable WEIR_TEST_UNSET is not set "
		 "..."},
		{"/kafka/producer/a~1b", "x${WEIR_TEST_UNSET}",
		 "p.json: /kafka/producer/a~1b: the environment variable WEIR_TEST_UNSET "
		 "is ..."},
		{"/name", "${", "p.json: /name: ${ without its }"},
		{"/name", "a${HOME", "p.json: /name: ${ without its }"},
		{"/name", "${}", "p.json: /name: ${}: not the name of a variable"},
		{"/name", "${1A}", "p.json: /name: ${1A}: not the name of a variable"},
		{"/name", "${A B}", "p.json: /name: ${A B}: not the name of a variable"},
		{"/name", "${A-b}", "p.json: /name: ${A-b}: not the name of a variable"},
		{"/kafka/sasl.password", "@file:/none/secret",
		 "p.json: /kafka/sasl.password: /none/secret: No such file or directory"},
		{"/kafka/sasl.password", "@file:weir-test-none",
		 "p.json: /kafka/sasl.password: ./weir-test-none: No such file or "
		 "directory"},
		{"/kafka/sasl.password",
		 "@file:", "p.json: /kafka/sasl.password: ./: Is a directory"},
		{"/kafka/sasl.password", "@file:/dev/zero",
		 "p.json: /kafka/sasl.password: /dev/zero: larger than 1024 KiB"},
		{"/kafka/sasl.password", "@file:${WEIR_TEST_PASSWORD}",
		 "p.json: /kafka/sasl.password: @file:${WEIR_TEST_PASSWORD}: No such "
		 "file or directory"},
		{"/kafka/x", "${WEIR_TEST_BYTES}",
		 "p.json: /kafka/x: what was put in is not valid UTF-8"},
	};

	unsetenv("WEIR_TEST_UNSET");
	setenv("WEIR_TEST_BYTES", "hunter2\xff", 1);
	setenv("WEIR_TEST_PASSWORD", "hunter2", 1);
	EXPECT_FAULTS(cases);
}
END_TEST

START_TEST(variables_cannot_blow_the_file_up)
{
	char *value = malloc(100001);
	struct weir_override override = {"/kafka/x",
					 "${W}${W}${W}${W}${W}${W}${W}${W}${W}${W}${W}"};

	memset(value, 'x', 100000);
	value[100000] = '\0';
	setenv("W", value, 1);
	expect_fault(SMALL, strlen(SMALL), &override, 1,
		     "p.json: /kafka/x: larger than 1 MiB with its variables");
	override.value = "[\"${W}${W}${W}${W}${W}\"]";
	for (int i = 0; i < 34; i++) {
		char *at = value + 24 * i;

		memcpy(at, i ? "," : "[", 1);
		memcpy(at + 1, "\"${W}${W}${W}${W}${W}\" ", 23);
	}
	strcpy(value + 24 * 34, "]");
	override.value = value;
	expect_fault(SMALL, strlen(SMALL), &override, 1,
		     "p.json: /kafka/x/33: variables and files come to more than 16 MiB");
	free(value);
}
END_TEST

START_TEST(overrides_that_lead_nowhere_are_refused)
{
	char deep[200] = "", nested[200];
	static const struct fault_case cases[] = {
		{"", "{}",
		 "p.json: --set : expected a JSON pointer like /commit/interval"},
		{"name", "x",
		 "p.json: --set name: expected a JSON pointer like /commit/interval"},
		{"/a~2", "x",
		 "p.json: --set /a~2: expected a JSON pointer like /commit/interval"},
		{"/name/x", "1",
		 "p.json: --set /name/x: \"x\" would stand in what is neither an object "
		 "nor a list, "
		 "or is not valid UTF-8"},
		{"/inputs/3", "x",
		 "p.json: --set /inputs/3: \"3\" is no place in a list of 2 (0 to 2, or "
		 "- to "
		 "append)"},
		{"/inputs/x", "x",
		 "p.json: --set /inputs/x: \"x\" is no place in a list of 2 ..."},
		{"/inputs/9/x", "x",
		 "p.json: --set /inputs/9/x: \"9\" is no place in a list of 2 ..."},
		{"/inputs/0/x", "x",
		 "p.json: --set /inputs/0/x: \"x\" would stand in what is ..."},
		{"/kafka/x", "\xff",
		 "p.json: --set /kafka/x: the value is not valid UTF-8"},
		{"/kafka/\xff", "x",
		 "p.json: --set /kafka/\xff: \"\xff\" would stand in what is ..."},
		{"/kafka/\xff/x", "x",
		 "p.json: --set /kafka/\xff/x: \"\xff\" would stand in ..."},
	};
	struct weir_override override = {deep, "1"};

	EXPECT_FAULTS(cases);
	for (int i = 0; i < 65; i++)
		strcat(deep, "/a");
	expect_fault(SMALL, strlen(SMALL), &override, 1,
		     "p.json: --set: a pointer of more than 64 levels");
	memset(nested, '[', 65);
	nested[65] = '\0';
	override = (struct weir_override){"/steps", nested};
	expect_fault(SMALL, strlen(SMALL), &override, 1,
		     "p.json: --set /steps: nested deeper than 64 levels");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pipeline faults");
	TCase *tcase = tcase_create("pipeline faults");

	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, keys_types_and_ranges_are_checked);
	tcase_add_test(tcase, names_and_topics_cannot_leave_their_place);
	tcase_add_test(tcase, what_must_not_meet_is_kept_apart);
	tcase_add_test(tcase, counts_are_bounded);
	tcase_add_test(tcase,
		       properties_that_break_the_guarantee_are_refused_where_they_stand);
	tcase_add_test(tcase, times_that_do_not_fit_are_refused_where_they_stand);
	tcase_add_test(tcase, variables_and_files_that_are_not_there_are_named);
	tcase_add_test(tcase, variables_cannot_blow_the_file_up);
	tcase_add_test(tcase, overrides_that_lead_nowhere_are_refused);
	suite_add_tcase(suite, tcase);
	return weir_test_run(suite);
}
