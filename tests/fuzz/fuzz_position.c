/*
 * Position files: FILE.weir of `weir consume --to`, the position file and the committed
 * mark of `weir produce --source`. What is believed fits the data file; what is refused
 * is told in one line, and leaves the data file as it was; what is kept reads back.
 *
 * Input: the position file, the data file, then for a source the committed offset and its
 * metadata.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/weir/consume_run.h"
#include "apps/weir/produce_run.h"
#include "tests/fuzz/fuzz.h"

#define PARTITIONS 3
#define NOW_MS INT64_C(1700000000000)

static char data_path[4200], state_path[4300], source_path[4300];
static struct weir_virtual_clock now;
static const struct weir_logger silent = {.level = (enum weir_log_level) - 1};
static const struct weir_topic topic = {"cluster", PARTITIONS};

static void
set_up(void)
{
	snprintf(data_path, sizeof(data_path), "%s/data", fuzz_folder());
	snprintf(state_path, sizeof(state_path), "%s.weir", data_path);
	snprintf(source_path, sizeof(source_path), "%s.s.t.weir", data_path);
	weir__virtual_clock_init(&now, NOW_MS);
}

static void
put(const char *path, struct weir_bytes bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	FUZZ_CHECK(fd >= 0 && write(fd, bytes.data, bytes.size) == (ssize_t)bytes.size,
		   "cannot write %s", path);
	close(fd);
}

/* The data file begins with `size` bytes of what was put there, and has no more. */
static void
check_data(struct weir_bytes bytes, int64_t size)
{
	char *found = weir__alloc(bytes.size + 1);
	int fd = open(data_path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, found, bytes.size + 1);

	FUZZ_CHECK(got == (ssize_t)size && memcmp(found, bytes.data, (size_t)got) == 0,
		   "%zd bytes, should be %lld of %zu", got, (long long)size, bytes.size);
	close(fd);
	free(found);
}

/* ---- weir consume --to ---- */

static int
open_file(struct weir_consumption *run, const struct weir_consume_config *config,
	  struct weir_consume_partition *partitions, struct weir_error *error)
{
	bool fresh;

	memset(partitions, 0, PARTITIONS * sizeof(*partitions));
	*run = (struct weir_consumption){
		.config = config, .partitions = partitions, .topic = topic, .file = -1};
	return weir__consume_file_open(run, &fresh, error);
}

static void
close_file(struct weir_consumption *run)
{
	weir__consume_file_close(run);
	weir__buffer_fini(&run->out);
	free(run->state_path);
}

/* Keep one record more, and open again. */
static void
check_kept(struct weir_consumption *run, const struct weir_consume_config *config)
{
	struct weir_consume_partition partitions[PARTITIONS];
	struct weir_consume_result result = {0};
	struct weir_consumption again;
	struct weir_error error = {0};
	int64_t length = run->length;

	if (run->partitions[1].next == INT64_MAX)
		return;
	run->partitions[1].next++;
	weir__buffer_add_text(&run->out, "x\n");
	run->result = &result;
	FUZZ_CHECK(weir__consume_file_keep(run, &error) == 0, "%s", error.message);
	weir__consume_file_close(run);
	FUZZ_CHECK(open_file(&again, config, partitions, &error) == 0, "%s",
		   error.message);
	FUZZ_CHECK(again.length == length + 2, "length %lld", (long long)again.length);
	for (int i = 0; i < PARTITIONS; i++)
		FUZZ_CHECK(again.partitions[i].next == run->partitions[i].next,
			   "partition %d", i);
	close_file(&again);
}

static void
check_consume(struct weir_bytes state, struct weir_bytes bytes)
{
	const struct weir_consume_config config = {
		.topic = "t", .to = data_path, .logger = &silent, .clock = &now.clock};
	struct weir_consume_partition partitions[PARTITIONS];
	struct weir_consumption run;
	struct weir_error error = {0};
	int code;

	put(state_path, state);
	put(data_path, bytes);
	code = open_file(&run, &config, partitions, &error);
	if (code) {
		fuzz_check_error(code, &error);
		FUZZ_CHECK(strstr(error.message, data_path), "%s", error.message);
		check_data(bytes, (int64_t)bytes.size);
	} else {
		FUZZ_CHECK(run.length >= 0 && run.length <= (int64_t)bytes.size,
			   "length %lld", (long long)run.length);
		for (int i = 0; i < PARTITIONS; i++)
			FUZZ_CHECK(partitions[i].next >= 0, "partition %d", i);
		check_data(bytes, run.length);
		check_kept(&run, &config);
	}
	close_file(&run);
	unlink(state_path);
}

/* ---- weir produce --source ---- */

/* A session that knows one committed offset. */
struct session {
	struct weir_session session;
	int64_t offset;
	const char *metadata;
};

static enum weir_outcome
committed(struct weir_session *session, struct weir_offset *offsets, size_t count,
	  int timeout_ms, struct weir_error *error)
{
	const struct session *known = (const struct session *)session;

	(void)count;
	(void)timeout_ms;
	(void)error;
	offsets[0].offset = known->offset;
	offsets[0].metadata = known->offset < 0 ? NULL : known->metadata;
	return WEIR_SUCCESS;
}

/* Where Kafka lost a position that the file has, asking again takes its time. */
static bool
would_wait(struct weir_bytes state)
{
	json_t *json = json_loadb(state.data, state.size, JSON_REJECT_DUPLICATES, NULL);
	bool would = json_integer_value(json_object_get(json, "position")) > 0;

	json_decref(json);
	return would;
}

static void
check_source(struct weir_bytes state, struct weir_bytes bytes, const char *offset,
	     const char *metadata)
{
	static const struct weir_session_ops ops = {.committed = committed};
	const struct weir_produce_config config = {.topic = "t",
						   .path = data_path,
						   .source = "s",
						   .logger = &silent,
						   .clock = &now.clock};
	struct session session = {{&ops}, *offset ? atoll(offset) : -1, metadata};
	struct weir_production run = {
		.config = &config, .session = &session.session, .topic = topic};
	struct weir_error error = {0};
	int code;

	if (session.offset < 0)
		session.offset = would_wait(state) ? 0 : WEIR_OFFSET_NONE;
	put(source_path, state);
	put(data_path, bytes);
	weir__source_init(&run);
	FUZZ_CHECK(weir__input_open(&run.input, data_path, &error) == 0, "%s",
		   error.message);
	code = weir__source_start(&run, &error);
	if (code) {
		fuzz_check_error(code, &error);
	} else {
		FUZZ_CHECK(run.position >= 0 && run.position <= (int64_t)bytes.size,
			   "position %lld", (long long)run.position);
		FUZZ_CHECK(run.back == run.position || run.back == run.position + 1,
			   "goes on at %lld", (long long)run.back);
		FUZZ_CHECK(run.input.position == run.back, "is not there");
	}
	check_data(bytes, (int64_t)bytes.size);
	weir__input_close(&run.input);
	weir__source_fini(&run);
	free(run.transactional_id);
	unlink(source_path);
}

static void
check_mark(const char *text)
{
	struct weir_source_mark mark;
	char printed[WEIR_SOURCE_MARK_TEXT];

	if (weir__source_mark_parse(text, &mark) != 0)
		return;
	weir__source_mark_print(&mark, printed);
	FUZZ_CHECK(strcmp(text, printed) == 0, "\"%s\" was taken for \"%s\"", text,
		   printed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_bytes input = {data, size};
	struct weir_bytes state = fuzz_part(&input), bytes = fuzz_part(&input);
	char *offset = fuzz_part_text(&input), *metadata = fuzz_part_text(&input);

	if (!*data_path)
		set_up();
	check_consume(state, bytes);
	check_source(state, bytes, offset, metadata);
	check_mark(metadata);
	free(metadata);
	free(offset);
	return 0;
}
