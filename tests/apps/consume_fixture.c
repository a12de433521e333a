/*
 * The fixture of tests of consuming; see consume_fixture.h.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/apps/consume_fixture.h"

struct transfer_embedded it;

void
consume_append(int first, int last)
{
	int i;

	for (i = first; i <= last; i++) {
		char text[16];
		struct weir_message message = {.value = {text, 0},
					       .timestamp_ms = 1000 + i,
					       .partition = WEIR_BY_KEY};

		message.value.size = (size_t)snprintf(text, sizeof(text), "%d", i);
		ck_assert_int_eq(weir__memory_append(it.memory, "t",
						     i % CONSUME_PARTITIONS, &message),
				 0);
	}
}

static void
set_up(void)
{
	transfer_embedded_open(&it, CONSUME_PARTITIONS);
	consume_append(0, CONSUME_RECORDS - 1);
}

static void
tear_down(void)
{
	transfer_embedded_close(&it);
}

TCase *
consume_case(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	suite_add_tcase(suite, tcase);
	return tcase;
}

struct weir_consume_config
consume_config(void)
{
	return (struct weir_consume_config){
		.topic = "t",
		.read_committed = true,
		.until_end = true,
		.fd = -1,
		.guarantee = WEIR_AT_LEAST_ONCE,
		.commit_records = 10,
		.commit_interval_ms = 60000,
		.commit_bytes = 1 << 20,
		.timeout_ms = 3000,
		.logger = &it.logger,
		.clock = weir__clock_system(),
		.quiet = true,
	};
}

struct weir_consume_config
consume_config_to(const char *path)
{
	struct weir_consume_config config = consume_config();

	config.to = path;
	config.guarantee = WEIR_EXACTLY_ONCE;
	return config;
}

int
consume(const struct weir_consume_config *config, struct weir_error *error)
{
	struct weir_consume_result result;

	memset(error, 0, sizeof(*error));
	return weir__consume(it.broker, config, &result, error);
}

void
consume_well(const struct weir_consume_config *config)
{
	struct weir_error error;

	ck_assert_msg(consume(config, &error) == 0, "%s", error.message);
}

void
consume_badly(const struct weir_consume_config *config, const char *reason)
{
	struct weir_error error;

	ck_assert_int_ne(consume(config, &error), 0);
	ck_assert_msg(strstr(error.message, reason) != NULL, "\"%s\", expected \"%s\"",
		      error.message, reason);
}

int
consume_into(struct weir_consume_config *config, const char *path,
	     struct weir_error *error)
{
	int code;

	config->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	ck_assert_int_ge(config->fd, 0);
	code = consume(config, error);
	close(config->fd);
	config->fd = -1;
	return code;
}

void
consume_check_file(const char *path, int count)
{
	char *text = transfer_read(path);
	const char *wrong = text ? transfer_check_lines(text, count) : "no file";

	ck_assert_msg(wrong == NULL, "%s", wrong);
	free(text);
}

int
consume_count_lines(const char *path)
{
	char *text = transfer_read(path);
	const char *at;
	int count = 0;

	for (at = text; at && (at = strchr(at, '\n')) != NULL; at++)
		count++;
	free(text);
	return count;
}

struct weir_session *
consume_transact_open(const char *value)
{
	static const char *const outputs[] = {"t"};
	const struct weir_session_config config = {.name = "test",
						   .transactional_id = "test",
						   .outputs = outputs,
						   .output_count = 1,
						   .transaction_timeout_ms = 60000};
	const struct weir_message message = {.value = {value, strlen(value)},
					     .timestamp_ms = -1,
					     .partition = WEIR_BY_KEY};
	struct weir_session *session =
		weir__broker_session_open(it.broker, &config, NULL);

	ck_assert_ptr_nonnull(session);
	ck_assert_int_eq(weir__session_init(session, 1000, NULL), WEIR_SUCCESS);
	ck_assert_int_eq(weir__session_begin(session, NULL), WEIR_SUCCESS);
	ck_assert_int_eq(weir__session_send(session, 0, &message, 1, 1000, NULL),
			 WEIR_SUCCESS);
	/* or the abort would drop it before it is in the log */
	ck_assert_int_eq(weir__session_flush(session, 1000, NULL), WEIR_SUCCESS);
	return session;
}

void
consume_transact(const char *value, bool commit)
{
	struct weir_session *session = consume_transact_open(value);

	ck_assert_int_eq(commit ? weir__session_commit(session, NULL, 0, 1000, NULL)
				: weir__session_abort(session, 1000, NULL),
			 WEIR_SUCCESS);
	weir__session_close(session);
}
