/*
 * "Until end", on a broker whose answers are told: one client asks, in a thread of its own,
 * so that nobody who looks has to wait.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <poll.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <base/alloc.h>
#include <run/mark.h>
#include <run/until_end.h>

#include "tests/harness.h"

#define PATIENCE_MS 20000

/* What each question is answered; the last one goes on. */
struct answer {
	enum weir_outcome outcome;
	int64_t offset;
	const char *metadata;
};

static const struct answer *answers;
static int opened, closed, asked;
static sem_t under_way, go_on; /* a question waits between them when `holds` */
static bool holds;

static enum weir_outcome
committed(struct weir_session *session, struct weir_offset *offsets, size_t count, int timeout_ms,
          struct weir_error *error)
{
	const struct answer *answer = &answers[asked];

	(void)session, (void)timeout_ms, (void)error;
	if (holds) {
		sem_post(&under_way);
		sem_wait(&go_on);
	}
	if (answer->offset < 10 || answer->metadata)
		asked++;
	for (size_t index = 0; index < count; index++) {
		offsets[index].offset = answer->offset;
		offsets[index].metadata = answer->metadata;
	}
	return answer->outcome;
}

static void
close_session(struct weir_session *session)
{
	closed++;
	free(session);
}

static const struct weir_session_ops session_ops = {.committed = committed,
                                                    .close = close_session};

static struct weir_session *
session_open(struct weir_broker *broker, const struct weir_session_config *config,
             struct weir_error *error)
{
	struct weir_session *session = weir__calloc(1, sizeof(*session));

	(void)broker, (void)error;
	ck_assert_str_eq(config->group, "app");
	session->ops = &session_ops;
	opened++;
	return session;
}

static int
range(struct weir_broker *broker, const char *topic, int32_t partition, int64_t *low,
      int64_t *high, int timeout_ms, struct weir_error *error)
{
	(void)broker, (void)topic, (void)partition, (void)timeout_ms, (void)error;
	*low = 0;
	*high = 10;
	return 0;
}

static const struct weir_broker_ops ops = {.range = range, .session_open = session_open};
static struct weir_broker broker = {&ops};
static const char *inputs[] = {"in"};
static struct weir_pipeline pipeline = {.name = "app", .inputs = (void *)inputs,
                                        .input_count = 1};

static struct weir_until_end *
watch(const struct answer *told, int *wake)
{
	struct weir_topic_info topic = {.name = "in", .partitions = 2};
	struct weir_cluster_info info = {.topics = &topic};
	struct weir_error error = {0};
	struct weir_until_end *end = weir__until_end_new(&broker, &pipeline, &info, &error);

	answers = told;
	opened = closed = asked = 0;
	*wake = eventfd(0, 0);
	ck_assert_ptr_nonnull(end);
	ck_assert_int_eq(weir__until_end_watch(end, &broker, *wake, &error), 0);
	return end;
}

START_TEST(one_client_asks_until_all_is_committed)
{
	static const struct answer told[] = {
		{WEIR_AGAIN, 0, NULL}, {WEIR_SUCCESS, WEIR_OFFSET_NONE, NULL},
		{WEIR_FATAL, 0, NULL}, {WEIR_SUCCESS, 7, NULL},
		{WEIR_SUCCESS, 10, WEIR_MARK_RESET}, {WEIR_SUCCESS, 10, NULL},
	};
	int wake;
	struct weir_until_end *end = watch(told, &wake);
	struct pollfd woken = {.fd = wake, .events = POLLIN};
	int64_t total, left;

	ck_assert_int_eq(poll(&woken, 1, PATIENCE_MS), 1);
	ck_assert(weir__until_end_reached(end));
	weir__until_end_progress(end, &total, &left);
	ck_assert_int_eq(total, 20);
	ck_assert_int_eq(left, 0);
	weir__until_end_free(end);
	ck_assert_int_eq(asked, 5);
	ck_assert_int_eq(opened, 1);
	ck_assert_int_eq(closed, 1);
	close(wake);
}
END_TEST

/* A broker that does not answer: a signal is looked at all the same. */
START_TEST(who_looks_does_not_wait_for_an_answer)
{
	static const struct answer told[] = {{WEIR_AGAIN, 0, NULL},
	                                     {WEIR_SUCCESS, 10, NULL}};
	struct weir_until_end *end;
	int wake;

	holds = true;
	sem_init(&under_way, 0, 0);
	sem_init(&go_on, 0, 0);
	end = watch(told, &wake);
	sem_wait(&under_way);
	ck_assert(!weir__until_end_reached(end)); /* else it would be for ever */
	sem_post(&go_on);
	holds = false;
	sem_post(&go_on); /* for one that had begun by then */
	weir__until_end_free(end);
	ck_assert_int_eq(closed, 1);
	close(wake);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("until end");
	TCase *tcase = tcase_create("until end");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, one_client_asks_until_all_is_committed);
	tcase_add_test(tcase, who_looks_does_not_wait_for_an_answer);
	suite_add_tcase(suite, tcase);
	return weir_test_run(suite);
}
