/*
 * What is wrong before the first record: topics that do not exist, credentials that are
 * refused, rights that are missing. Each ends with exit 1 and a line that names it, and
 * `weir check --connect` names it too.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tests/faults/rig.h"

static void
expect_refused(struct rig *rig, const char *name, const char *reason)
{
	struct rig_child *child = rig_run(rig, NULL);

	RIG_EXPECT(rig, rig_exit(child) == 1);
	if (!rig_says(child, name) || !rig_says(child, reason))
		rig_fail(rig, "it does not say \"%s\" and \"%s\"", name, reason);
}

/* ---- topics ---- */

static const struct {
	const char *name;
	const char *setting;
} unknown[] = {
	{"unknown-input", "/inputs=[\"nowhere\"]"},
	{"unknown-output", "/outputs/default=nowhere"},
	{"unknown-dead-letter", "/dead_letter/topic=nowhere"},
};

START_TEST(topic_that_does_not_exist_is_named)
{
	struct rig *rig = rig_open(unknown[_i].name, "exactly-once");

	rig_set(rig, "%s", unknown[_i].setting);
	expect_refused(rig, "nowhere", "not exist");
	rig_close(rig);
}
END_TEST

/* ---- rights ---- */

static struct rig *
open_as_guest(const char *name, const char *guarantee)
{
	struct rig *rig = rig_open(name, guarantee);

	rig_set(rig, "/kafka/sasl.username=guest");
	rig_set(rig, "/kafka/sasl.password=guest-secret");
	return rig;
}

START_TEST(wrong_password_is_said)
{
	struct rig *rig = open_as_guest("password", "exactly-once");
	struct rig_child *child;

	rig_set(rig, "/kafka/sasl.password=wrong-secret");
	child = rig_run(rig, NULL);
	RIG_EXPECT(rig, rig_exit(child) == 1);
	RIG_EXPECT(rig, rig_says(child, "uthentication"));
	RIG_EXPECT(rig, !rig_says(child, "wrong-secret"));
	rig_close(rig);
}
END_TEST

/* Rights are given one after the other; what is missing next is named. */
START_TEST(each_missing_right_is_named)
{
	struct rig *rig = open_as_guest("rights", "exactly-once");
	struct rig_child *child;

	rig_produce(rig, 100);
	expect_refused(rig, "topic rights-in", "the right READ on");
	rig_allow("topic", rig->in, "describe");
	expect_refused(rig, "topic rights-out", "the right WRITE on");
	rig_allow("topic", rig->out, "describe");
	expect_refused(rig, "rights/one/0", "WRITE on the transactional id");
	rig_set(rig, "/guarantee=at-least-once");
	expect_refused(rig, "rights:", "READ on the consumer group");
	rig_allow("group", rig->name, "read");
	expect_refused(rig, rig->in, "READ");
	rig_allow("topic", rig->in, "read");
	expect_refused(rig, rig->out, "WRITE");
	rig_allow("topic", rig->out, "write");
	child = rig_run(rig, "--until-end", NULL);
	RIG_EXPECT(rig, rig_exit(child) == 0);
	rig_expect_exactly_once(rig);
	rig_close(rig);
}
END_TEST

/* ---- check --connect ---- */

/* It exits so, having complained in so many lines, each behind its name. */
static struct rig_child *
expect_checked(struct rig *rig, int status, int lines)
{
	static const char mark[] = "weir check: ";
	struct rig_child *child = rig_check(rig, "--connect", "--timeout", "20s", NULL);
	int exit_status = rig_exit(child), count = 0;
	char *text = rig_stderr(child);

	for (const char *line = text; (line = strstr(line, mark)); line += strlen(mark))
		count++;
	free(text);
	if (exit_status != status || count != lines)
		rig_fail(rig, "exit status %d and %d complaints", exit_status, count);
	return child;
}

START_TEST(check_names_every_topic_without_rights)
{
	struct rig *rig = open_as_guest("checked", "exactly-once");
	struct rig_child *child;

	rig_set(rig, "/dead_letter/topic=%s", rig->dead);
	child = expect_checked(rig, 2, 3);
	RIG_EXPECT(rig, rig_says(child, "topic checked-in (input): not authorized; missing: "
	                                "the right DESCRIBE on the topic"));
	RIG_EXPECT(rig, rig_says(child, "topic checked-out (output default): not authorized;"));
	RIG_EXPECT(rig, rig_says(child, "topic checked-dead (dead letters): not authorized;"));
	rig_allow("topic", rig->in, "read"); /* includes Describe */
	child = expect_checked(rig, 2, 2);
	RIG_EXPECT(rig, !rig_says(child, "(input): not authorized"));
	rig_allow("topic", rig->out, "describe");
	rig_allow("topic", rig->dead, "write");
	expect_checked(rig, 0, 0);
	rig_close(rig);
}
END_TEST

/* It would be made by the app, which needs the right to. */
START_TEST(check_says_when_a_changelog_cannot_be_made)
{
	static const char changelog[] = "keeper.dedup.ids.changelog.keeper-in";
	struct rig *rig = open_as_guest("keeper", "exactly-once");
	struct rig_child *child;

	rig_set(rig, "/steps=[{\"use\": \"dedup\", \"with\": {\"id\": \"key\"}}]");
	rig_allow("topic", rig->in, "read");
	rig_allow("topic", rig->out, "write");
	child = expect_checked(rig, 2, 1);
	RIG_EXPECT(rig, rig_says(child, "(changelog of dedup.ids): not authorized; missing: "
	                                "the right DESCRIBE on the topic"));
	rig_allow("topic", changelog, "write"); /* includes Describe */
	child = expect_checked(rig, 2, 1);
	RIG_EXPECT(rig, rig_says(child, "(changelog of dedup.ids) does not exist, and cannot be "
	                                "made: not authorized; missing: the right CREATE"));
	rig_allow("topic", changelog, "create");
	expect_checked(rig, 0, 0);
	rig_close(rig);
}
END_TEST

static const struct {
	const char *name;
	const char *setting;
	const char *says;
} credentials[] = {
	{"check-password", "/kafka/sasl.password=wrong-secret",
         "weir check: the brokers refuse the credentials: "},
	{"check-user", "/kafka/sasl.username=nobody",
         "weir check: the brokers refuse the credentials: "},
	{"check-mechanism", "/kafka/sasl.mechanism=SCRAM-SHA-256",
         "weir check: the brokers refuse the credentials: "},
	{"check-plaintext", "/kafka/security.protocol=plaintext",
         "no answer in time: the brokers close the connection"},
	{"check-tls", "/kafka/security.protocol=sasl_ssl", "SSL handshake failed"},
};

START_TEST(check_says_that_credentials_are_refused)
{
	struct rig *rig = open_as_guest(credentials[_i].name, "exactly-once");
	struct rig_child *child;

	rig_set(rig, "%s", credentials[_i].setting);
	child = expect_checked(rig, 1, 1);
	if (!rig_says(child, credentials[_i].says))
		rig_fail(rig, "it does not say \"%s\"", credentials[_i].says);
	RIG_EXPECT(rig, !rig_says(child, "-secret"));
	rig_close(rig);
}
END_TEST

/* ---- reset ---- */

static bool
has_no_members(struct rig *rig)
{
	struct weir_group_info info = {0};
	struct weir_error error = {0};
	bool is_empty = !weir__broker_group_describe(rig->broker, rig->name, &info, 5000, &error) &&
	                info.state == WEIR_GROUP_EMPTY;

	weir__group_info_fini(&info);
	return is_empty;
}

/* Half of a reset would keep the app from starting: it is taken back. */
START_TEST(reset_that_may_not_delete_a_changelog_changes_nothing)
{
	static const char changelog[] = "undone.dedup.ids.changelog.undone-in";
	struct rig *rig = open_as_guest("undone", "at-least-once");
	struct rig_child *child;

	rig_set(rig, "/steps=[{\"use\": \"dedup\", \"with\": {\"id\": \"/\"}}]");
	rig_set(rig, "/errors/on_reject=drop");
	rig_allow("topic", rig->in, "read");
	rig_allow("topic", rig->out, "write");
	rig_allow("topic", changelog, "read");
	rig_allow("topic", changelog, "write");
	rig_allow("topic", changelog, "create");
	rig_allow("group", rig->name, "read");
	rig_produce(rig, 100);
	RIG_EXPECT(rig, rig_exit(rig_run(rig, "--until-end", NULL)) == 0);
	RIG_EXPECT(rig, rig_committed_to_end(rig));
	RIG_WAIT(rig, has_no_members(rig));
	child = rig_reset(rig, "--to", "earliest", "--yes", NULL);
	RIG_EXPECT(rig, rig_exit(child) == 1);
	RIG_EXPECT(rig, rig_says(child, changelog));
	RIG_EXPECT(rig, rig_says(child, "; nothing was changed"));
	RIG_EXPECT(rig, rig_committed_to_end(rig));
	rig_produce(rig, 100);
	RIG_EXPECT(rig, rig_exit(rig_run(rig, "--until-end", NULL)) == 0);
	RIG_EXPECT(rig, rig_committed_to_end(rig));
	rig_close(rig);
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("faults");
	TCase *topics = tcase_create("topics");
	TCase *rights = tcase_create("rights");

	tcase_add_unchecked_fixture(topics, rig_setup, rig_teardown);
	tcase_set_timeout(topics, RIG_TEST_TIMEOUT_S);
	tcase_add_loop_test(topics, topic_that_does_not_exist_is_named, 0,
	                    sizeof(unknown) / sizeof(unknown[0]));
	suite_add_tcase(suite, topics);
	tcase_add_unchecked_fixture(rights, rig_setup_secure, rig_teardown);
	tcase_set_timeout(rights, RIG_TEST_TIMEOUT_S);
	tcase_add_test(rights, wrong_password_is_said);
	tcase_add_test(rights, each_missing_right_is_named);
	tcase_add_test(rights, check_names_every_topic_without_rights);
	tcase_add_test(rights, check_says_when_a_changelog_cannot_be_made);
	tcase_add_test(rights, reset_that_may_not_delete_a_changelog_changes_nothing);
	tcase_add_loop_test(rights, check_says_that_credentials_are_refused, 0,
	                    sizeof(credentials) / sizeof(credentials[0]));
	suite_add_tcase(suite, rights);
	return suite;
}

int
main(void)
{
	const char *why = cluster_missing();

	return why ? weir_test_skip(why) : weir_test_run(suite());
}
