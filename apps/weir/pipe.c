/*
 * weir pipe: lines through a pipeline on the embedded broker, with a real worker that is
 * stepped here. Knows how much may be in hand, and when all of it is committed; what is
 * committed is printed and forgotten, so that memory stays bounded. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <base/alloc.h>
#include <base/units.h>
#include <processor/chain.h>
#include <run/app.h>
#include <testing/driven.h>

#include "app_options.h"
#include "lines.h"
#include "pipe_clock.h"
#include "pipe_output.h"
#include "pipe_stores.h"
#include "pipe_tables.h"

#define STEPS_A_ROUND 1000
#define STEPS_WITHOUT_WORK 16 /* then there is none for now */
#define IDLE_WAIT_MS 50       /* ticks still come */
#define BUSY_WAIT_MS 2
#define SKIP_MS 10
#define RECORD_OVERHEAD 128 /* what a record costs beside its value, roughly */

enum pipe_key { KEY_SET = WEIR_OWN, KEY_OUTPUT, KEY_INPUT, KEY_KEY, KEY_DEAD_LETTERS,
		KEY_TABLE, KEY_TABLE_KEY };

static const struct weir_flag pipe_flags[] = {
	{KEY_OUTPUT, "output", "NAME=FILE",
	 "write the values of output NAME to FILE, \"-\" for standard output; may be "
	 "repeated"},
	{KEY_DEAD_LETTERS, "dead-letters", "FILE",
	 "write rejected values to FILE, instead of a line on standard error"},
	{KEY_INPUT, "input", "TOPIC",
	 "the input that lines go to (default: the first one)"},
	{KEY_KEY, "key", "POINTER",
	 "a record's key: what this JSON pointer names in the line"},
	{KEY_TABLE, "table", "NAME=FILE",
	 "the lines of FILE are the records of table NAME: a key, a tab and the value; with "
	 "--table-key the line is the value"},
	{KEY_TABLE_KEY, "table-key", "[NAME=]POINTER",
	 "a table record's key: what this JSON pointer names in the line; of table NAME, or of "
	 "all"},
	{KEY_SET, "set", "POINTER=VALUE",
	 "override a setting of the file, named by JSON pointer; VALUE is JSON, else a "
	 "string; may be repeated"},
	WEIR_FLAG_END,
};

struct pipe {
	struct weir_arguments args;
	struct weir_app *app;
	struct pipe_mapping *mappings;
	size_t mapping_count;
	const char *dead_letters;
	const char *input;
	const char *key_pointer;

	const struct weir_pipeline *pipeline;
	struct weir_chain *chain;
	struct pipe_clock clock;
	struct weir_memory *memory;
	struct pipe_stores stores;
	struct pipe_tables tables;
	struct weir_driven driven;
	struct weir_worker *worker; /* its only one */
	enum weir_worker_status worker_status;
	struct pipe_outputs outputs;
	struct weir_lines lines;

	int64_t appended;  /* records put into the input */
	int64_t committed; /* of them */
	size_t in_hand;    /* bytes appended and not known to be committed */
	int64_t mark;      /* when this many are committed, mark_bytes of in_hand are */
	size_t mark_bytes;
	bool moved; /* did the last round do anything */
};

/* ---- setting up ---- */

/* Why the worker stopped is said once, at the end, in the command's own words. */
static void
write_log(void *opaque, enum weir_log_level level, const char *line)
{
	static const char stopping[] = "stopping worker=";
	struct weir_logger to_stderr = {.level = level};

	(void)opaque;
	if (strncmp(line, stopping, sizeof(stopping) - 1) != 0)
		weir__log(&to_stderr, level, "%s", line);
}

static int
check_input(struct pipe *pipe)
{
	const struct weir_pipeline *pipeline = pipe->pipeline;
	size_t i;

	if (!pipe->input)
		pipe->input = pipeline->inputs[0];
	for (i = 0; i < pipeline->input_count; i++)
		if (strcmp(pipeline->inputs[i], pipe->input) == 0)
			return 0;
	return weir__arguments_bad(&pipe->args, "--input: %s is no input of %s",
				   pipe->input, pipeline->path);
}

/* The file's cluster is not used, nor are the secrets it takes from the environment. */
static int
load(struct pipe *pipe)
{
	struct weir_error error = {0};

	weir_app_set(pipe->app, "/kafka", "{\"bootstrap.servers\": \"embedded\"}");
	weir__pipe_stores_init(&pipe->stores);
	if (pipe->stores.folder[0])
		weir_app_set(pipe->app, "/state_dir", pipe->stores.folder);
	pipe->args.logger.write = write_log;
	weir_app_set_log(pipe->app, pipe->args.logger.level, write_log, NULL);
	if (weir__arguments_load(&pipe->args, pipe->app) != 0)
		return -1;
	pipe->pipeline = weir__app_pipeline(pipe->app);
	if (check_input(pipe) != 0)
		return -1;
	pipe->chain = weir__chain_new(pipe->pipeline, weir__app_registry(pipe->app),
				      &pipe->clock.clock, &pipe->args.logger, &error);
	return pipe->chain ? 0 : weir__arguments_bad(&pipe->args, "%s", error.message);
}

/* The instance, of one worker. Its tables are read once it has started. */
static int
start(struct pipe *pipe, struct weir_error *error)
{
	const struct weir_driven_config config = {
		.pipeline = pipe->pipeline,
		.chain = pipe->chain,
		.broker = weir__memory_broker(pipe->memory),
		.clock = &pipe->clock.clock,
		.logger = &pipe->args.logger,
		.workers = 1,
	};
	int code = weir__pipe_stores_check(&pipe->stores, pipe->chain, error);

	if (code == 0)
		code = weir__pipe_tables_fill(&pipe->tables, pipe->pipeline,
					      pipe->stores.folder, pipe->memory, error);
	if (code == 0)
		code = weir__driven_start(&pipe->driven, &config, error);
	if (code)
		return code;
	weir__pipe_tables_forget(pipe->pipeline, pipe->memory);
	pipe->worker = pipe->driven.workers[0];
	return 0;
}

static int
set_up(struct pipe *pipe)
{
	struct weir_error error = {0};
	int code;

	weir__pipe_clock_init(&pipe->clock);
	if (load(pipe) != 0)
		return -1;
	pipe->memory = weir__memory_open(&pipe->clock.clock, &pipe->args.logger);
	weir__driven_topics(pipe->pipeline, pipe->memory, NULL, NULL, WEIR_LINE_MAX * 2);
	code = weir__pipe_outputs_open(&pipe->outputs, pipe->pipeline, pipe->mappings,
				       pipe->mapping_count, pipe->dead_letters,
				       pipe->memory, &error);
	if (code == 0)
		code = start(pipe, &error);
	if (code)
		return weir__arguments_bad(&pipe->args, "%s", error.message);
	weir__lines_init(&pipe->lines, STDIN_FILENO);
	signal(SIGPIPE, SIG_IGN); /* both are seen as an error of the write */
	signal(SIGXFSZ, SIG_IGN);
	return 0;
}

static void
tear_down(struct pipe *pipe)
{
	size_t i;

	weir__lines_fini(&pipe->lines);
	weir__driven_end(&pipe->driven);
	weir__pipe_tables_fini(&pipe->tables);
	weir__pipe_stores_fini(&pipe->stores);
	weir__chain_free(pipe->chain);
	if (pipe->memory)
		weir__broker_close(weir__memory_broker(pipe->memory));
	for (i = 0; i < pipe->mapping_count; i++)
		free(pipe->mappings[i].name);
	free(pipe->mappings);
	weir_app_free(pipe->app);
}

/* ---- input ---- */

static int
append(struct pipe *pipe, struct weir_bytes line)
{
	struct weir_message message = {.value = line, .timestamp_ms = -1,
				       .partition = WEIR_BY_KEY};
	char *key = NULL;
	int code;

	if (pipe->key_pointer)
		key = weir__pipe_line_key(line, pipe->key_pointer, &message.key.size);
	message.key.data = key;
	code = weir__memory_append(pipe->memory, pipe->input, 0, &message);
	free(key);
	pipe->appended++;
	pipe->in_hand += line.size + RECORD_OVERHEAD;
	return code;
}

static bool
has_room(const struct pipe *pipe)
{
	return pipe->in_hand < (size_t)pipe->pipeline->commit_bytes;
}

static int
feed(struct pipe *pipe, struct weir_error *error)
{
	struct weir_bytes line;
	bool all_committed = pipe->committed == pipe->appended;
	int wait_ms = pipe->moved ? 0 : all_committed ? IDLE_WAIT_MS : BUSY_WAIT_MS;
	int code;

	while (has_room(pipe) && weir__lines_next(&pipe->lines, &line))
		if ((code = append(pipe, line)) != 0)
			return weir_error_set(error, code, "line %llu: %s",
					      pipe->lines.number, weir_strerror(code));
	if (!has_room(pipe))
		return 0;
	return weir__lines_read(&pipe->lines, wait_ms, error);
}

/* ---- work ---- */

static unsigned long long
work_done(const struct pipe *pipe)
{
	const struct weir_worker_counts *counts = weir__worker_counts(pipe->worker);

	return counts->records + counts->batches + counts->aborts;
}

static void
step(struct pipe *pipe)
{
	unsigned long long before = work_done(pipe);
	unsigned long long last = before;
	int without_work = 0;
	int i;

	for (i = 0; i < STEPS_A_ROUND && without_work < STEPS_WITHOUT_WORK; i++) {
		pipe->worker_status = weir__worker_step(pipe->worker, 0);
		if (pipe->worker_status != WEIR_WORKER_RUNS)
			return;
		without_work = work_done(pipe) == last ? without_work + 1 : 0;
		last = work_done(pipe);
	}
	pipe->moved = last != before;
}

/* Take note of what is committed, and let the broker forget it. */
static int
settle(struct pipe *pipe, struct weir_error *error)
{
	struct weir_offset offset = {.topic = pipe->input};
	int code = weir__broker_committed(weir__memory_broker(pipe->memory),
					  pipe->pipeline->name, &offset, 1, 0, error);

	if (code != 0)
		return code == WEIR_ETIMEOUT ? 0 : code;
	if (offset.offset <= pipe->committed)
		return 0;
	pipe->committed = offset.offset;
	if (pipe->committed >= pipe->mark) {
		pipe->in_hand -= pipe->mark_bytes;
		pipe->mark = pipe->appended;
		pipe->mark_bytes = pipe->in_hand;
	}
	if (pipe->committed == pipe->appended)
		pipe->in_hand = pipe->mark_bytes = 0;
	weir__memory_delete_records(pipe->memory, pipe->input, 0, pipe->committed);
	if (weir__worker_is_idle(pipe->worker))
		weir__pipe_stores_forget(pipe->driven.stores, pipe->memory);
	return 0;
}

/*
 * Nothing moved and no line can be taken: only time helps. Where that is the commit
 * interval, skip it; a step that tries again later waits for something real.
 */
static void
pass_time(struct pipe *pipe)
{
	if (pipe->moved || (has_room(pipe) && !pipe->lines.ended))
		return;
	if (weir__worker_counts(pipe->worker)->retries > 0)
		poll(NULL, 0, BUSY_WAIT_MS);
	else
		weir__pipe_clock_skip(&pipe->clock, SKIP_MS);
}

static int
work_round(struct pipe *pipe, struct weir_error *error)
{
	int code;

	step(pipe);
	code = weir__pipe_outputs_print(&pipe->outputs, pipe->memory, error);
	if (code == 0)
		code = settle(pipe, error);
	if (code == 0 && pipe->worker_status == WEIR_WORKER_RUNS)
		pass_time(pipe);
	return code;
}

static bool
is_finished(const struct pipe *pipe)
{
	return pipe->lines.ended && pipe->lines.start == pipe->lines.end &&
	       pipe->committed == pipe->appended && weir__worker_is_idle(pipe->worker);
}

/* Returns 0 at the end of input, all of it committed and printed, or a WEIR_E*. */
static int
pump(struct pipe *pipe, struct weir_error *error)
{
	int code = 0;

	while (code == 0 && pipe->worker_status == WEIR_WORKER_RUNS &&
	       !is_finished(pipe)) {
		code = feed(pipe, error);
		if (code == 0)
			code = work_round(pipe, error);
	}
	if (code == 0 && pipe->worker_status == WEIR_WORKER_RUNS)
		weir__worker_drain(pipe->worker);
	while (code == 0 && pipe->worker_status == WEIR_WORKER_RUNS)
		code = work_round(pipe, error);
	if (code == 0 && pipe->worker_status != WEIR_WORKER_DRAINED)
		code = weir_error_set(error, weir__worker_error(pipe->worker)->code, "%s",
				      weir__worker_error(pipe->worker)->message);
	return code;
}

static void
log_summary(const struct pipe *pipe)
{
	const struct weir_worker_counts *counts = weir__worker_counts(pipe->worker);

	weir__log(&pipe->args.logger, WEIR_LOG_INFO,
		  "piped lines=%lld emitted=%llu dead_letters=%llu dropped=%llu "
		  "retries=%llu batches=%llu",
		  (long long)pipe->appended, (unsigned long long)counts->emitted,
		  (unsigned long long)counts->dead_letters,
		  (unsigned long long)counts->dropped,
		  (unsigned long long)counts->retries,
		  (unsigned long long)counts->batches);
}

static int
run_loaded(struct pipe *pipe)
{
	struct weir_error error = {0};
	int code, closed;

	code = pump(pipe, &error);
	closed = weir__pipe_outputs_close(&pipe->outputs, &error);

	if (code == 0 && closed == 0) {
		log_summary(pipe);
		return WEIR_EXIT_OK;
	}
	/* whoever closed the pipe knows: `weir pipe ... | head` is no place for a message
	 */
	if (code == WEIR_ESTATE && !error.code)
		return WEIR_EXIT_FAILED;
	return weir__command_fail(pipe->args.command, WEIR_EXIT_FAILED, "%s",
				  error.message);
}

/* ---- arguments ---- */

static int
take_output(struct pipe *pipe, const char *value)
{
	struct pipe_mapping mapping;

	if (weir__arguments_pair(&pipe->args, "--output", value, &mapping.name,
				 &mapping.path) != 0)
		return -1;
	pipe->mappings = weir__realloc(pipe->mappings, (pipe->mapping_count + 1) *
							       sizeof(*pipe->mappings));
	pipe->mappings[pipe->mapping_count++] = mapping;
	return 0;
}

static int
take_key(struct pipe *pipe, const char *value)
{
	if (value[0] != '/')
		return weir__arguments_bad(
			&pipe->args, "--key: %s is no JSON pointer (like /id)", value);
	pipe->key_pointer = value;
	return 0;
}

static int
take_option(struct pipe *pipe, int key, const char *value)
{
	switch (key) {
	case KEY_OUTPUT:
		return take_output(pipe, value);
	case KEY_KEY:
		return take_key(pipe, value);
	case KEY_TABLE:
		return weir__pipe_tables_take(&pipe->tables, &pipe->args, value);
	case KEY_TABLE_KEY:
		return weir__pipe_tables_take_key(&pipe->tables, &pipe->args, value);
	case KEY_SET:
		return weir__arguments_set(&pipe->args, pipe->app, value);
	case KEY_INPUT:
		pipe->input = value;
		return 0;
	default:
		pipe->dead_letters = value;
		return 0;
	}
}

static int
run_pipe(const struct weir_command *command, int argc, char **argv)
{
	static const char *const names[] = {"FILE"};
	struct pipe pipe = {.app = weir_app_new()};
	const char *value;
	int key;

	weir__arguments_init(&pipe.args, command, argc, argv);
	while ((key = weir__arguments_next(&pipe.args, &value)) > 0)
		take_option(&pipe, key, value);
	if (weir__arguments_operands(&pipe.args, 1, 1, names) == 0 && set_up(&pipe) == 0)
		pipe.args.status = run_loaded(&pipe);
	else
		weir__pipe_outputs_close(&pipe.outputs, NULL);
	tear_down(&pipe);
	return weir__arguments_fini(&pipe.args);
}

const struct weir_command weir__command_pipe = {
	.name = "pipe",
	.summary = "run a pipeline over lines of standard input, without Kafka",
	.usage = "FILE [--output NAME=FILE]... [--table NAME=FILE]...",
	.text = "Runs the pipeline in FILE over the lines of standard input on an "
		"embedded broker, and prints what it commits: the output \"default\" "
		"as it is, other outputs as NAME, a tab and the value, unless --output "
		"says where they go. Rejected records become a line on standard error. "
		"The files of tables are read in whole first. "
		"The last line may lack its newline; an empty line is an empty value; "
		"a null value prints an empty line.",
	.flags = pipe_flags,
	.level = WEIR_LOG_WARNING,
	.example = "weir pipe late.json < flights.jsonl | head -3\n"
		   "weir pipe route.json --output late=late.jsonl < flights.jsonl\n"
		   "weir pipe enrich.json --table airports=airports.jsonl --table-key /iata "
		   "< flights.jsonl",
	.run = run_pipe,
};
