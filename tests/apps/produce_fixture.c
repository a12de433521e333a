/*
 * The fixture of tests of producing; see produce_fixture.h.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <string.h>

#include "tests/apps/produce_fixture.h"

struct transfer_embedded it;

static void
set_up(void)
{
	transfer_embedded_open(&it, 3);
	transfer_numbers("in", 0, PRODUCE_RECORDS - 1);
}

static void
tear_down(void)
{
	transfer_embedded_close(&it);
}

TCase *
produce_case(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	suite_add_tcase(suite, tcase);
	return tcase;
}

struct weir_produce_config
produce_config(const char *source)
{
	return (struct weir_produce_config){
		.topic = "t",
		.path = "in",
		.source = source,
		.guarantee = WEIR_EXACTLY_ONCE,
		.commit_records = 15,
		.commit_interval_ms = 60000,
		.commit_bytes = 1 << 20,
		.timeout_ms = 3000,
		.logger = &it.logger,
		.clock = weir__clock_system(),
		.quiet = true,
	};
}

int
produce(const struct weir_produce_config *config, struct weir_error *error)
{
	struct weir_produce_result result;

	memset(error, 0, sizeof(*error));
	return weir__produce(it.broker, config, &result, error);
}

void
produce_well(const struct weir_produce_config *config)
{
	struct weir_error error;

	ck_assert_msg(produce(config, &error) == 0, "%s", error.message);
}

void
produce_badly(const struct weir_produce_config *config, const char *reason)
{
	struct weir_error error;

	ck_assert_int_ne(produce(config, &error), 0);
	ck_assert_msg(strstr(error.message, reason) != NULL, "\"%s\", expected \"%s\"",
		      error.message, reason);
}

void
produce_check_topic(int count)
{
	const char *wrong = transfer_check_numbers(it.broker, "t", count);

	ck_assert_msg(wrong == NULL, "%s", wrong);
}

enum weir_memory_fault
produce_strike(void *opaque, const char *session, enum weir_memory_op op)
{
	struct produce_strike *state = opaque;
	const struct produce_plan *plan = state->plan;

	(void)session;
	if (state->first_done && !state->second_done && op == plan->second &&
	    plan->second_fault != WEIR_MEMORY_NO_FAULT) {
		state->second_done = true;
		return plan->second_fault;
	}
	if (state->first_done || op != plan->op || --state->nth > 0)
		return WEIR_MEMORY_NO_FAULT;
	state->first_done = true;
	return plan->fault;
}
