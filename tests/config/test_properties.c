/*
 * Property lists and files, secrets, and which properties a guarantee can bear.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <config/properties.h>

#include "tests/harness.h"

START_TEST(setting_a_name_again_replaces_its_value)
{
	struct weir_properties properties = {0}, copy = {0};

	weir__properties_set(&properties, "a", "1");
	weir__properties_set(&properties, "b", "2");
	weir__properties_set(&properties, "a", "3");
	weir__properties_default(&properties, "b", "4");
	weir__properties_default(&properties, "c", "5");
	ck_assert_uint_eq(properties.count, 3);
	ck_assert_str_eq(weir__properties_get(&properties, "a"), "3");
	ck_assert_str_eq(weir__properties_get(&properties, "b"), "2");
	ck_assert_str_eq(weir__properties_get(&properties, "c"), "5");
	ck_assert_ptr_null(weir__properties_get(&properties, "d"));
	weir__properties_set(&copy, "b", "x");
	weir__properties_copy(&copy, &properties);
	ck_assert_str_eq(weir__properties_get(&copy, "b"), "2");
	weir__properties_remove(&copy, "b");
	weir__properties_remove(&copy, "b");
	ck_assert_uint_eq(copy.count, 2);
	ck_assert_str_eq(weir__properties_get(&copy, "c"), "5");
	weir__properties_fini(&properties);
	weir__properties_fini(&copy);
}
END_TEST

START_TEST(secrets_are_known_by_their_names)
{
	static const char *const secret[] = {"sasl.password",
					     "ssl.key.password",
					     "ssl.key.pem",
					     "ssl.keystore.password",
					     "sasl.oauthbearer.config",
					     "sasl.oauthbearer.client.secret",
					     "SASL.PASSWORD"};
	static const char *const open_names[] = {"bootstrap.servers",
						 "sasl.username",
						 "ssl.key.location",
						 "ssl.certificate.pem",
						 "sasl.oauthbearer.token.endpoint.url",
						 "acks"};

	for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
		ck_assert_msg(weir__property_secret(secret[i]), "%s", secret[i]);
	for (size_t i = 0; i < sizeof(open_names) / sizeof(open_names[0]); i++)
		ck_assert_msg(!weir__property_secret(open_names[i]), "%s", open_names[i]);
}
END_TEST

/* Write `size` bytes to a new file; its name goes into `path`. */
static void
write_file(char *path, const char *text, size_t size)
{
	int file;

	strcpy(path, "/tmp/weir-test-properties-XXXXXX");
	file = mkstemp(path);
	ck_assert_int_ge(file, 0);
	ck_assert_int_eq(write(file, text, size), (ssize_t)size);
	close(file);
}

START_TEST(files_hold_lines_comments_and_blanks)
{
	static const char text[] = "# cluster\n\n  bootstrap.servers = a:9092,b:9092 \r\n"
				   "sasl.password=p=q#r\nempty=\nlast=1";
	struct weir_properties properties = {0};
	struct weir_error error = {0};
	char path[64];

	write_file(path, text, strlen(text));
	ck_assert_int_eq(weir__properties_read(&properties, path, &error), 0);
	unlink(path);
	ck_assert_uint_eq(properties.count, 4);
	ck_assert_str_eq(weir__properties_get(&properties, "bootstrap.servers"),
			 "a:9092,b:9092");
	ck_assert_str_eq(weir__properties_get(&properties, "sasl.password"), "p=q#r");
	ck_assert_str_eq(weir__properties_get(&properties, "empty"), "");
	ck_assert_str_eq(weir__properties_get(&properties, "last"), "1");
	weir__properties_fini(&properties);
}
END_TEST

START_TEST(broken_files_are_refused_by_line_without_quoting_them)
{
	static const struct {
		const char *text;
		size_t size;
		const char *reason;
	} cases[] = {
		{"a=1\nhunter2\n", 12, ":2: expected NAME=VALUE"},
		{"=hunter2\n", 9, ":1: no name before the equals sign"},
		{"a=1\nb=\0hunter2\n", 15, ":2: holds a zero byte"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_properties properties = {0};
		struct weir_error error = {0};
		char path[64];

		write_file(path, cases[i].text, cases[i].size);
		ck_assert_int_eq(weir__properties_read(&properties, path, &error),
				 WEIR_EINVALID);
		unlink(path);
		ck_assert_int_eq(strncmp(error.message, path, strlen(path)), 0);
		ck_assert_str_eq(error.message + strlen(path), cases[i].reason);
		weir__properties_fini(&properties);
	}
}
END_TEST

START_TEST(files_that_cannot_be_read_are_named)
{
	struct weir_properties properties = {0};
	struct weir_error missing = {0}, folder = {0}, large = {0};
	char *text = calloc(1, 1100000);
	char path[64];

	ck_assert_int_eq(weir__properties_read(&properties, "/none.conf", &missing),
			 WEIR_ENOTFOUND);
	ck_assert_str_eq(missing.message, "/none.conf: No such file or directory");
	ck_assert_int_eq(weir__properties_read(&properties, "/tmp", &folder), WEIR_EIO);
	ck_assert_str_eq(folder.message, "/tmp: Is a directory");
	memset(text, '#', 1100000);
	write_file(path, text, 1100000);
	ck_assert_int_eq(weir__properties_read(&properties, path, &large), WEIR_ELIMIT);
	unlink(path);
	ck_assert_ptr_nonnull(strstr(large.message, ": larger than 1 MiB"));
	free(text);
}
END_TEST

#define E WEIR_EXACTLY_ONCE
#define L WEIR_AT_LEAST_ONCE
#define M WEIR_AT_MOST_ONCE

struct rule_case {
	enum weir_guarantee guarantee;
	const char *client; /* "c" or "p" */
	const char *name;
	const char *value;
	const char *message; /* NULL: allowed */
};

static void
check_rules(const struct rule_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct rule_case *c = &cases[i];
		struct weir_properties list = {0};
		struct weir_error error = {0};
		bool is_consumer = *c->client == 'c';
		int code;

		weir__properties_set(&list, "linger.ms", "5");
		weir__properties_set(&list, c->name, c->value);
		code = weir__properties_check(is_consumer ? &list : NULL,
					      is_consumer ? NULL : &list, c->guarantee,
					      &error);
		ck_assert_msg(code == (c->message ? WEIR_EINVALID : 0), "%s=%s: %d, %s",
			      c->name, c->value, code, error.message);
		if (c->message)
			ck_assert_str_eq(error.message, c->message);
		weir__properties_fini(&list);
	}
}

START_TEST(what_weir_names_itself_is_refused_under_every_guarantee)
{
	static const char *const own[] = {"group.id", "group.instance.id",
					  "transactional.id"};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		for (int guarantee = E; guarantee <= M; guarantee++) {
			struct weir_properties list = {0};
			struct weir_error error = {0};
			char start[80];

			snprintf(start, sizeof(start), "%s: may not be set: it is ",
				 own[i]);
			weir__properties_set(&list, own[i], "hunter2");
			ck_assert_int_ne(weir__properties_check(
						 &list, NULL,
						 (enum weir_guarantee)guarantee, &error),
					 0);
			ck_assert_int_eq(strncmp(error.message, start, strlen(start)), 0);
			ck_assert_ptr_null(strstr(error.message, "hunter2"));
			ck_assert_int_ne(weir__properties_check(
						 NULL, &list,
						 (enum weir_guarantee)guarantee, NULL),
					 0);
			weir__properties_fini(&list);
		}
	}
}
END_TEST

START_TEST(consumer_properties_that_would_break_a_guarantee_are_refused)
{
	static const struct rule_case cases[] = {
		{E, "c", "enable.auto.commit", "true",
		 "enable.auto.commit: may not be \"true\": offsets would be committed "
		 "behind weir's "
		 "back"},
		{M, "c", "enable.auto.commit", "1",
		 "enable.auto.commit: may not be \"1\": offsets would be committed "
		 "behind weir's "
		 "back"},
		{L, "c", "auto.commit.enable", "true",
		 "auto.commit.enable: may not be \"true\": offsets would be committed "
		 "behind weir's "
		 "back"},
		{L, "c", "enable.auto.commit", "false", NULL},
		{L, "c", "enable.auto.commit", " true",
		 "enable.auto.commit: may not be \" true\": offsets would be committed "
		 "behind weir's "
		 "back"},
		{L, "c", "enable.auto.offset.store", "true",
		 "enable.auto.offset.store: may not be \"true\": offsets would be "
		 "committed behind "
		 "weir's back"},
		{L, "c", "auto.offset.reset", "earliest",
		 "auto.offset.reset: may not be set: weir finds where to start; the "
		 "pipeline file "
		 "has /kafka/auto.offset.reset"},
		{E, "c", "isolation.level", "read_uncommitted",
		 "isolation.level: may not be \"read_uncommitted\" under exactly-once: "
		 "aborted "
		 "records would be processed, and offsets read too early"},
		{E, "c", "isolation.level", "read_committed", NULL},
		{L, "c", "isolation.level", "read_uncommitted", NULL},
		{L, "c", "check.crcs", "true",
		 "check.crcs: may not be \"true\": librdkafka ends the process when it "
		 "meets a damaged batch"},
		{L, "c", "check.crcs", "false", NULL},
		{E, "c", "enable.partition.eof", "false",
		 "enable.partition.eof: may not be \"false\": weir learns from it that "
		 "an end is "
		 "reached"},
		{E, "c", "group.protocol", "consumer",
		 "group.protocol: may not be \"consumer\": fencing relies on the classic "
		 "group "
		 "protocol"},
		{E, "c", "group.protocol", "classic", NULL},
		{E, "c", "fetch.min.bytes", "100", NULL},
		{E, "c", "partition.assignment.strategy", "cooperative-sticky", NULL},
		{E, "c", "acks", "1", NULL}, /* means nothing there */
	};

	check_rules(cases, sizeof(cases) / sizeof(cases[0]));
}
END_TEST

START_TEST(producer_properties_that_would_break_a_guarantee_are_refused)
{
	static const struct rule_case cases[] = {
		{E, "p", "enable.idempotence", "false",
		 "enable.idempotence: may not be \"false\" under exactly-once: a retried "
		 "request "
		 "would write its records twice"},
		{E, "p", "enable.idempotence", "TRUE", NULL},
		{L, "p", "enable.idempotence", "false", NULL},
		{M, "p", "enable.idempotence", "true",
		 "enable.idempotence: may not be \"true\" under at-most-once: the "
		 "idempotent "
		 "producer retries, and this one must not"},
		{E, "p", "acks", "1",
		 "acks: may not be \"1\" under exactly-once: a record could be lost with "
		 "the broker "
		 "that acknowledged it"},
		{L, "p", "request.required.acks", "0",
		 "request.required.acks: may not be \"0\" under at-least-once: a record "
		 "could be "
		 "lost with the broker that acknowledged it"},
		{L, "p", "acks", "all", NULL},
		{L, "p", "acks", "-1", NULL},
		{M, "p", "acks", "all",
		 "acks: may not be set under at-most-once: weir sets it, to 1"},
		{E, "p", "retries", "0",
		 "retries: may not be \"0\" under exactly-once: each failed request "
		 "would abort a "
		 "batch"},
		{E, "p", "message.send.max.retries", "0",
		 "message.send.max.retries: may not be \"0\" under exactly-once: each "
		 "failed request "
		 "would abort a batch"},
		{E, "p", "retries", "7", NULL},
		{M, "p", "retries", "7",
		 "retries: may not be set under at-most-once: weir sets it, to 0"},
		{E, "p", "max.in.flight", "6",
		 "max.in.flight: may not be \"6\" under exactly-once: the idempotent "
		 "producer keeps "
		 "order among 5 requests at most"},
		{L, "p", "max.in.flight.requests.per.connection", "100",
		 "max.in.flight.requests.per.connection: may not be \"100\" under "
		 "at-least-once: the "
		 "idempotent producer keeps order among 5 requests at most"},
		{E, "p", "max.in.flight.requests.per.connection", "5", NULL},
		{M, "p", "max.in.flight", "100", NULL},
		{E, "p", "queuing.strategy", "lifo",
		 "queuing.strategy: may not be \"lifo\": records would change their "
		 "order"},
		{E, "p", "delivery.report.only.error", "true",
		 "delivery.report.only.error: may not be \"true\": weir counts what was "
		 "delivered"},
		{E, "p", "partitioner", "consistent_random", NULL},
		{E, "p", "compression.type", "zstd", NULL},
		{E, "p", "enable.auto.commit", "true", NULL}, /* means nothing there */
	};

	check_rules(cases, sizeof(cases) / sizeof(cases[0]));
}
END_TEST

START_TEST(without_idempotence_at_least_once_leaves_requests_in_flight_to_the_user)
{
	struct weir_properties producer = {0};

	weir__properties_set(&producer, "max.in.flight", "50");
	weir__properties_set(&producer, "retries", "0");
	weir__properties_set(&producer, "enable.idempotence", "false");
	ck_assert_int_eq(weir__properties_check(NULL, &producer, L, NULL), 0);
	weir__properties_set(&producer, "acks", "1");
	ck_assert_int_ne(weir__properties_check(NULL, &producer, L, NULL), 0);
	weir__properties_fini(&producer);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("properties");
	TCase *tcase = tcase_create("properties");

	tcase_add_test(tcase, setting_a_name_again_replaces_its_value);
	tcase_add_test(tcase, secrets_are_known_by_their_names);
	tcase_add_test(tcase, files_hold_lines_comments_and_blanks);
	tcase_add_test(tcase, broken_files_are_refused_by_line_without_quoting_them);
	tcase_add_test(tcase, files_that_cannot_be_read_are_named);
	tcase_add_test(tcase, what_weir_names_itself_is_refused_under_every_guarantee);
	tcase_add_test(tcase,
		       consumer_properties_that_would_break_a_guarantee_are_refused);
	tcase_add_test(tcase,
		       producer_properties_that_would_break_a_guarantee_are_refused);
	tcase_add_test(
		tcase,
		without_idempotence_at_least_once_leaves_requests_in_flight_to_the_user);
	suite_add_tcase(suite, tcase);
	return weir_test_run(suite);
}
