/*
 * Work and time of a test: workers are stepped in turn until nothing is left to do, and the
 * clock goes from one thing that is due to the next. Knows what counts as nothing to do, and
 * how an instance crashes, is fenced, and comes back. The caller's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <base/folder.h>
#include <run/instance.h>
#include <testing/test_private.h>

#define ROUNDS_WITHOUT_WORK 64 /* then only time helps: a back-off */
#define MEND_STEP_MS 10
#define MEND_MAX_MS 300000
#define RESTING_ROUNDS 2
#define TABLE_STEP_RECORDS 1000
#define TABLE_MAP_BYTES ((size_t)1 << 30)

/* ---- a commit that fails ---- */

/*
 * A twin of this worker, with its ids: it fences the producer, takes the member's place, and is
 * gone. So it is the worker that finds somebody in its place, whatever it does next.
 */
static void
take_over(struct weir_test *test, const char *session_name)
{
	const struct weir_pipeline *pipeline = test->pipeline;
	int worker = atoi(session_name + strcspn(session_name, "0123456789"));
	char *member = weir__format("%s.%d", pipeline->instance, worker);
	char *id = weir__format("%s/%s/%d", pipeline->name, pipeline->instance, worker);
	const char *output = pipeline->output_count ? pipeline->outputs[0].topic : NULL;
	struct weir_session_config config = {
		.name = "twin",
		.guarantee = pipeline->guarantee,
		.group = pipeline->name,
		.group_instance = member,
		.transactional_id = pipeline->guarantee == WEIR_EXACTLY_ONCE ? id : NULL,
		.inputs = pipeline->inputs,
		.input_count = pipeline->input_count,
		.outputs = &output,
		.output_count = output ? 1 : 0,
		.transaction_timeout_ms = pipeline->transaction_timeout_ms,
		.session_timeout_ms = pipeline->session_timeout_ms,
	};
	struct weir_session *twin =
		weir__broker_session_open(weir__test_broker(test), &config, NULL);

	if (twin) {
		weir__session_init(twin, 0, NULL);
		weir__session_subscribe(twin, NULL);
		weir__memory_session_crash(twin);
	}
	free(id);
	free(member);
}

static enum weir_memory_fault
strike(void *opaque, const char *session_name, enum weir_memory_op op)
{
	struct weir_test *test = opaque;
	enum weir_test_failure failure = test->failure;
	bool is_commit = test->pipeline->guarantee == WEIR_EXACTLY_ONCE
	                         ? op == WEIR_MEMORY_COMMIT
	                         : op == WEIR_MEMORY_COMMIT_OFFSETS;

	if (!failure || !is_commit)
		return WEIR_MEMORY_NO_FAULT;
	test->failure = 0;
	test->failures++;
	switch (failure) {
	case WEIR_TEST_ABORTED:
		return WEIR_MEMORY_FAIL_ABORT;
	case WEIR_TEST_UNKNOWN_DONE:
		return WEIR_MEMORY_UNKNOWN_DONE;
	case WEIR_TEST_UNKNOWN_NOT_DONE:
		return WEIR_MEMORY_UNKNOWN_NOT;
	case WEIR_TEST_FENCED:
		take_over(test, session_name);
		break;
	}
	return WEIR_MEMORY_NO_FAULT;
}

void
weir_test_fail_commit(struct weir_test *test, enum weir_test_failure failure)
{
	weir__test_begin(test);
	test->failure = failure;
}

uint64_t
weir_test_failures(const struct weir_test *test)
{
	return test->failures;
}

/* ---- its life ---- */

static int
start(struct weir_test *test)
{
	struct weir_driven_config config = {
		.pipeline = test->pipeline,
		.chain = test->chain,
		.broker = weir__test_broker(test),
		.clock = &test->clock.clock,
		.logger = &test->logger,
		.table_map_bytes = TABLE_MAP_BYTES,
		.table_step_records = TABLE_STEP_RECORDS,
	};
	struct weir_error error = {0};

	if (test->driven.worker_count > 0)
		return 0;
	weir__memory_set_fault(test->memory, strike, test);
	test->down = NULL;
	test->table_records = 0;
	if (weir__driven_start(&test->driven, &config, &error) == 0)
		return 0;
	test->down = "could not start";
	return weir__test_fail(test, error.code, "%s", error.message);
}

static bool
have_drained(const struct weir_test *test)
{
	bool all = true;

	for (size_t index = 0; index < test->driven.worker_count; index++)
		all &= weir__worker_step(test->driven.workers[index], 0) != WEIR_WORKER_RUNS;
	return all;
}

/* All workers commit what is in hand, and leave; one that has ended already stays so. */
static bool
drain(struct weir_test *test)
{
	int64_t end_ms = test->clock.now_ms + MEND_MAX_MS;
	bool all = false;

	for (size_t index = 0; index < test->driven.worker_count; index++)
		weir__worker_drain(test->driven.workers[index]);
	for (int round = 1; !all && test->clock.now_ms < end_ms; round++) {
		all = have_drained(test);
		if (!all && round % ROUNDS_WITHOUT_WORK == 0)
			weir__virtual_clock_advance(&test->clock, MEND_STEP_MS);
	}
	return all;
}

/* A worker has stopped: as in weir_app_run() the others leave, and the app ends. */
static int
stopped(struct weir_test *test, const struct weir_worker *worker)
{
	struct weir_error error = *weir__worker_error(worker);

	drain(test);
	weir__driven_end(&test->driven);
	test->down = "stopped with an error";
	return weir__test_fail(test, error.code ? error.code : WEIR_EBROKER, "%s",
	                       error.message);
}

void
weir_test_crash(struct weir_test *test)
{
	weir__test_begin(test);
	weir__driven_crash(&test->driven);
	test->down = "crashed";
}

void
weir_test_lose_disk(struct weir_test *test)
{
	char *folder;

	weir_test_crash(test);
	if (!test->pipeline)
		return;
	folder = weir__instance_folder(test->pipeline);
	weir__folder_remove(folder);
	free(folder);
}

int
weir_test_stop(struct weir_test *test)
{
	struct weir_error error = {0};
	bool has_drained;

	if (weir__test_loaded(test) != 0)
		return WEIR_ESTATE;
	has_drained = drain(test);
	for (size_t index = 0; index < test->driven.worker_count; index++) {
		const struct weir_error *own = weir__worker_error(test->driven.workers[index]);

		if (own->code)
			weir_error_set(&error, own->code, "%s", own->message);
	}
	weir__driven_end(&test->driven);
	test->down = "was stopped";
	if (!has_drained)
		weir_error_set(&error, WEIR_ETIMEOUT, "the workers do not drain");
	return error.code ? weir__test_fail(test, error.code, "%s", error.message) : 0;
}

/* ---- stepping ---- */

/* Grows with all that a worker does. */
static uint64_t
work_done(const struct weir_test *test)
{
	uint64_t sum = 0;

	for (size_t index = 0; index < test->driven.worker_count; index++) {
		const struct weir_worker_counts *counts =
			weir__worker_counts(test->driven.workers[index]);

		sum += counts->records + counts->committed + counts->emitted + counts->batches +
		       counts->aborts + counts->retries + counts->replacements;
	}
	return sum;
}

static uint64_t
records_done(const struct weir_test *test)
{
	uint64_t sum = 0;

	for (size_t index = 0; index < test->driven.worker_count; index++)
		sum += weir__worker_counts(test->driven.workers[index])->records;
	return sum;
}

/* Do all workers rest, and own all partitions of the inputs between them? */
static bool
all_rest(const struct weir_test *test)
{
	int64_t partitions = 0;

	for (size_t index = 0; index < test->pipeline->input_count; index++)
		partitions += weir__test_partitions_of(test, test->pipeline->inputs[index]);
	for (size_t index = 0; index < test->driven.worker_count; index++) {
		const struct weir_worker *worker = test->driven.workers[index];

		if (!weir__worker_rests(worker))
			return false;
		partitions -= weir__worker_counts(worker)->tasks;
	}
	return partitions == 0;
}

/* What was fed to tables is there before the next record is processed. */
static int
feed_tables(struct weir_test *test)
{
	struct weir_error error = {0};

	while (test->driven.tables && test->table_records > 0) {
		if (weir__tables_step(test->driven.tables, 0, &error) != 0) {
			weir__driven_end(&test->driven);
			test->down = "stopped with an error";
			return weir__test_fail(test, error.code, "%s", error.message);
		}
		test->table_records -= test->table_records < TABLE_STEP_RECORDS
		                               ? test->table_records
		                               : TABLE_STEP_RECORDS;
	}
	return 0;
}

/* One step of each worker, until so many records are done. */
static int
step_all(struct weir_test *test, uint64_t until_records)
{
	for (size_t index = 0; index < test->driven.worker_count; index++) {
		struct weir_worker *worker = test->driven.workers[index];

		if (weir__worker_step(worker, 0) != WEIR_WORKER_RUNS)
			return stopped(test, worker);
		if (records_done(test) >= until_records)
			break;
	}
	return 0;
}

/*
 * Until all rest, or `until_records` are done. With `commit` what is in hand is committed as
 * soon as nothing more comes; the clock moves only when that is all that could help.
 */
static int
work(struct weir_test *test, uint64_t until_records, bool commit)
{
	int64_t end_ms = test->clock.now_ms + MEND_MAX_MS;
	int resting = 0, without_work = 0;
	int code = 0;

	while (code == 0 && resting < RESTING_ROUNDS && records_done(test) < until_records) {
		uint64_t before = work_done(test);

		code = step_all(test, until_records);
		if (code)
			break;
		for (size_t index = 0; commit && index < test->driven.worker_count; index++)
			weir__worker_hurry(test->driven.workers[index]);
		without_work = work_done(test) == before ? without_work + 1 : 0;
		resting = without_work && all_rest(test) ? resting + 1 : 0;
		if (without_work < ROUNDS_WITHOUT_WORK || resting)
			continue;
		if (!commit && records_done(test) > 0 && test->clock.now_ms == end_ms - MEND_MAX_MS)
			return 0; /* something is in hand, and nothing more comes */
		without_work = 0;
		weir__virtual_clock_advance(&test->clock, MEND_STEP_MS);
		if (test->clock.now_ms >= end_ms)
			return weir__test_fail(test, WEIR_ETIMEOUT,
			                       "it is not done after %d s of the test's time",
			                       MEND_MAX_MS / 1000);
	}
	return code;
}

static int
begin_work(struct weir_test *test)
{
	int code = start(test);

	return code ? code : feed_tables(test);
}

static int
settle(struct weir_test *test)
{
	int code = begin_work(test);

	return code ? code : work(test, UINT64_MAX, true);
}

int
weir__test_look(struct weir_test *test)
{
	int code = weir__test_loaded(test);

	return code || test->down ? code : settle(test);
}

int
weir_test_settle(struct weir_test *test)
{
	int code = weir__test_loaded(test);

	return code ? code : settle(test);
}

int
weir_test_process(struct weir_test *test, uint64_t records)
{
	uint64_t before, done;
	int code = weir__test_loaded(test);

	if (code == 0)
		code = begin_work(test);
	if (code)
		return code;
	before = records_done(test);
	code = work(test, before + records, false);
	if (code)
		return code;
	done = records_done(test) - before;
	if (done < records)
		return weir__test_fail(test, WEIR_ENOTFOUND,
		                       "%" PRIu64 " of %" PRIu64
		                       " records were processed: there are no more",
		                       done, records);
	return 0;
}

/* ---- time ---- */

int64_t
weir_test_now_ms(const struct weir_test *test)
{
	return test->clock.now_ms;
}

/* When something is due; `end_ms` when nothing is before. */
static int64_t
next_due_ms(const struct weir_test *test, int64_t end_ms)
{
	for (size_t index = 0; index < test->driven.worker_count; index++) {
		int64_t due_ms = weir__worker_next_ms(test->driven.workers[index]);

		if (due_ms < end_ms)
			end_ms = due_ms;
	}
	return end_ms > test->clock.now_ms ? end_ms : test->clock.now_ms + 1;
}

int
weir_test_advance(struct weir_test *test, int64_t by_ms)
{
	int64_t end_ms;
	int code;

	if (weir__test_loaded(test) != 0)
		return WEIR_ESTATE;
	if (by_ms < 0)
		return weir__test_fail(test, WEIR_EINVALID, "time does not go back");
	code = settle(test);
	end_ms = test->clock.now_ms + by_ms;
	while (code == 0 && test->clock.now_ms < end_ms) {
		weir__virtual_clock_advance(&test->clock,
		                            next_due_ms(test, end_ms) - test->clock.now_ms);
		code = settle(test);
	}
	return code;
}
