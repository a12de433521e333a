/*
 * The position of a source: committed in Kafka with the records, as the offset of a group
 * of the source's name on partition 0 of the topic, and kept in a file beside the input
 * to notice when Kafka has forgotten it. Decides which position may be believed. One
 * thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "interrupt.h"
#include "produce_run.h"

#define SLICE_MS 500
#define KEEP_EVERY_MS 1000
#define ASK_TIMES 4              /* a resigning coordinator can say "none" for a moment */
#define FORGET_MS (86400 * 1000) /* offsets last 7 days by default: well below it */

/* What the position file says. */
struct kept {
	bool exists;
	int64_t position;
	int64_t written_ms;
};

void
weir__source_init(struct weir_production *run)
{
	const struct weir_produce_config *config = run->config;

	run->transactional_id = weir__format("weir-produce/%s", config->source);
	/* a source's name has no dot, so the two parts cannot be mixed up */
	run->position_path = weir__format("%s.%s.%s.weir", config->path, config->source,
					  config->topic);
}

void
weir__source_fini(struct weir_production *run)
{
	free(run->position_path);
	run->position_path = NULL;
}

/* ---- the position file ---- */

static int
read_kept(const struct weir_production *run, struct kept *kept, struct weir_error *error)
{
	const char *cluster;
	json_int_t position;
	json_int_t written;
	json_t *json;
	int code = weir__position_read(run->position_path, &json, error);

	memset(kept, 0, sizeof(*kept));
	if (code != 0 || !json)
		return code;
	if (json_unpack(json, "{s:s, s:I, s:I}", "cluster", &cluster, "position",
			&position, "written_ms", &written) != 0 ||
	    position < 0 || written < 0)
		code = weir_error_set(error, WEIR_EJSON,
				      "%s: not a position file of weir",
				      run->position_path);
	else if (strcmp(cluster, run->topic.cluster_id) != 0)
		code = weir_error_set(
			error, WEIR_ESTATE,
			"%s: is for the cluster %s, this is %s; remove it to put %s "
			"into this one from the beginning",
			run->position_path, cluster, run->topic.cluster_id,
			run->config->path);
	else
		*kept = (struct kept){true, position, written};
	json_decref(json);
	return code;
}

static int
write_kept(struct weir_production *run, struct weir_error *error)
{
	const struct weir_clock *clock = run->config->clock;
	json_t *json =
		json_pack("{s:s, s:s, s:s, s:I, s:I}", "source", run->config->source,
			  "topic", run->config->topic, "cluster", run->topic.cluster_id,
			  "position", (json_int_t)run->position, "written_ms",
			  (json_int_t)clock->wall_ms(clock));
	int code = weir__position_write(run->position_path, json, error);

	json_decref(json);
	run->position_kept = true;
	run->position_kept_ms = weir__produce_now(run);
	return code;
}

int
weir__source_keep(struct weir_production *run, bool now, struct weir_error *error)
{
	if (!now && weir__produce_now(run) - run->position_kept_ms < KEEP_EVERY_MS)
		return 0;
	return write_kept(run, error);
}

/* ---- the committed offset ---- */

/* *offset: the position, or WEIR_OFFSET_NONE; *mark is valid with a position. */
static int
read_committed(struct weir_production *run, int64_t *position,
	       struct weir_source_mark *mark, struct weir_error *error)
{
	struct weir_offset offset = {run->config->topic, 0, WEIR_OFFSET_NONE, NULL};
	int64_t since_ms = weir__produce_now(run);
	struct weir_error reason;
	enum weir_outcome outcome;

	do {
		memset(&reason, 0, sizeof(reason));
		outcome = weir__session_committed(run->session, &offset, 1, SLICE_MS,
						  &reason);
	} while (outcome == WEIR_AGAIN && weir__produce_again(run, since_ms));
	if (outcome != WEIR_SUCCESS)
		return weir_error_set(error, reason.code ? reason.code : WEIR_ETIMEOUT,
				      "the position of --source %s cannot be read: %s",
				      run->config->source,
				      reason.code ? reason.message : "no answer in time");
	*position = offset.offset;
	if (offset.offset == WEIR_OFFSET_NONE)
		return 0;
	if (weir__source_mark_parse(offset.metadata, mark) != 0)
		return weir_error_set(
			error, WEIR_ESTATE,
			"the group %s has an offset on %s[0] that is no position of "
			"weir produce: take another --source",
			run->config->source, run->config->topic);
	return 0;
}

/* There is a position in Kafka: is this still the file it was in? */
static int
check_file(struct weir_production *run, const struct kept *kept,
	   const struct weir_source_mark *mark, int64_t position,
	   struct weir_error *error)
{
	const char *path = run->config->path;
	struct stat status;

	if (fstat(run->input.fd, &status) != 0 || status.st_size < position)
		return weir_error_set(
			error, WEIR_ESTATE,
			"%s: is shorter than what --source %s has put into %s: %" PRId64
			" bytes",
			path, run->config->source, run->config->topic, position);
	if (!weir__fingerprint_matches(run->input.fd, &mark->fingerprint))
		return weir_error_set(
			error, WEIR_ESTATE,
			"%s: is not the file that --source %s began with (its first "
			"%" PRId64 " bytes differ): another file needs another --source",
			path, run->config->source, mark->fingerprint.size);
	if (kept->exists && kept->position > position)
		return weir_error_set(
			error, WEIR_ESTATE,
			"%s: position %" PRId64
			" was committed, and now Kafka has %" PRId64
			": going on would put lines in twice; remove the file "
			"if that is wanted",
			run->position_path, kept->position, position);
	return 0;
}

/*
 * A last line without newline was produced as it stood. If the file has grown behind it
 * by a newline first, the line was whole; else it was not, and cannot be taken back.
 */
static int
skip_late_newline(const struct weir_production *run, int64_t *position,
		  struct weir_error *error)
{
	char bytes[2];
	ssize_t got;

	if (*position == 0)
		return 0;
	got = pread(run->input.fd, bytes, sizeof(bytes), *position - 1);
	if (got < 2 || bytes[0] == '\n')
		return 0;
	if (bytes[1] != '\n')
		return weir_error_set(error, WEIR_ESTATE,
				      "%s: the line that ends at byte %" PRId64
				      " had no newline, was "
				      "produced as it stood, and has grown since",
				      run->config->path, *position);
	(*position)++;
	return 0;
}

/* Nothing is committed: because nothing ever was, or because it is forgotten? */
static int
check_fresh(const struct weir_production *run, const struct kept *kept,
	    struct weir_error *error)
{
	const struct weir_clock *clock = run->config->clock;

	if (!kept->exists)
		return 0;
	if (kept->position > 0)
		return weir_error_set(
			error, WEIR_ESTATE,
			"%s: %" PRId64 " bytes were put into %s, but Kafka no longer "
			"knows the position (such offsets expire after 7 days): starting "
			"anew would put lines in twice; remove the file if that is "
			"wanted",
			run->position_path, kept->position, run->config->topic);
	if (clock->wall_ms(clock) - kept->written_ms > FORGET_MS)
		return weir_error_set(
			error, WEIR_ESTATE,
			"%s: a run began more than a day ago, and what it committed may "
			"be forgotten by now: look into %s, and remove the file if "
			"nothing of %s is there",
			run->position_path, run->config->topic, run->config->path);
	return 0;
}

int
weir__source_start(struct weir_production *run, struct weir_error *error)
{
	struct weir_source_mark mark = {0};
	int64_t position = WEIR_OFFSET_NONE;
	struct kept kept;
	int times = 0;
	int code = read_kept(run, &kept, error);

	while (code == 0 && position == WEIR_OFFSET_NONE && times++ < ASK_TIMES) {
		code = read_committed(run, &position, &mark, error);
		if (code == 0 && position == WEIR_OFFSET_NONE && kept.position == 0)
			break;
		if (code == 0 && position == WEIR_OFFSET_NONE && times < ASK_TIMES)
			poll(NULL, 0, SLICE_MS);
	}
	if (code != 0)
		return code;
	if (position == WEIR_OFFSET_NONE) {
		position = 0;
		code = check_fresh(run, &kept, error);
	} else {
		run->ever_committed = true;
		run->fingerprint = mark.fingerprint;
		code = check_file(run, &kept, &mark, position, error);
	}
	/* what is committed stays the yardstick; the input may begin one newline later */
	run->position = position;
	if (code == 0)
		code = skip_late_newline(run, &position, error);
	run->back = position;
	run->position_kept = kept.exists;
	if (code == 0)
		code = weir__input_start(&run->input, position, error);
	if (code == 0 && position > 0)
		weir__log(run->config->logger, WEIR_LOG_INFO,
			  "going on where the last run ended source=%s position=%" PRId64,
			  run->config->source, position);
	return code;
}

/* Longer with each commit, until it covers all that it may. */
static int
take_fingerprint(struct weir_production *run, int64_t after, struct weir_error *error)
{
	if (run->fingerprint.size >= WEIR_FINGERPRINT_MAX)
		return 0;
	/* or the new one would vouch for a file that other lines were taken from */
	if (run->fingerprint.size > 0 &&
	    !weir__fingerprint_matches(run->input.fd, &run->fingerprint))
		return weir_error_set(error, WEIR_ESTATE,
				      "%s: its beginning has changed while it was read",
				      run->config->path);
	if (weir__fingerprint_take(run->input.fd, after, &run->fingerprint) != 0)
		return weir_error_set(error, WEIR_EIO,
				      "%s: has become shorter while it was read",
				      run->config->path);
	return 0;
}

int
weir__source_offset(struct weir_production *run, struct weir_offset *offset,
		    struct weir_error *error)
{
	struct weir_source_mark mark = {.run = run->run};
	int64_t after = run->input.position;
	int code = take_fingerprint(run, after, error);

	if (code != 0)
		return code;
	/* before the first commit: if this run dies, and its offset expires, it leaves a
	 * trace */
	if (!run->position_kept)
		code = write_kept(run, error);
	mark.fingerprint = run->fingerprint;
	*offset = (struct weir_offset){run->config->topic, 0, after,
				       weir__source_mark_print(&mark, run->mark)};
	return code;
}

int
weir__source_ask(struct weir_production *run, int64_t after, int64_t *position,
		 struct weir_error *error)
{
	struct weir_source_mark mark = {0};
	int64_t since_ms = weir__produce_now(run);
	int64_t got;

	for (;;) {
		int code = read_committed(run, &got, &mark, error);

		if (code != 0)
			return code;
		if (got > run->position && mark.run != run->run)
			return WEIR_EFENCED;
		if (got == WEIR_OFFSET_NONE && !run->ever_committed)
			got = 0;
		if (got == run->position || got == after)
			break;
		if (!weir__produce_again(run, since_ms) || weir__interrupt_count() > 0)
			return weir_error_set(error, WEIR_ESTATE,
					      "the position of --source %s is %" PRId64
					      ": expected %" PRId64 " or %" PRId64,
					      run->config->source, got, run->position,
					      after);
		poll(NULL, 0, SLICE_MS);
	}
	*position = got;
	return 0;
}
