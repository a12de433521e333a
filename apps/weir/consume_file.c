/*
 * Exactly once into a file: FILE holds lines, FILE.weir says how much of it counts and
 * where to go on. FILE.weir is replaced only after the data before it is on disk, so a
 * restart after any end cuts FILE to that length and reads on from those offsets. One
 * thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "consume_run.h"
#include "position.h"

static const char *
format_name(const struct weir_consumption *run)
{
	switch (run->config->format.kind) {
	case WEIR_FORMAT_JSON:
		return "json";
	case WEIR_FORMAT_KEY_VALUE:
		return "key-value";
	default:
		return "value";
	}
}

static int
file_error(const struct weir_consumption *run, struct weir_error *error)
{
	return weir_error_set(error, WEIR_EIO, "%s: %s", run->config->to,
			      strerror(errno));
}

/* ---- FILE.weir ---- */

/* The text member `name` must be `expected`. */
static int
check_same(const struct weir_consumption *run, const json_t *state, const char *name,
	   const char *what, const char *expected, struct weir_error *error)
{
	const char *text = json_string_value(json_object_get(state, name));

	if (!text)
		return weir_error_set(error, WEIR_EJSON,
				      "%s: no \"%s\": not written by weir consume",
				      run->state_path, name);
	if (strcmp(text, expected) != 0)
		return weir_error_set(
			error, WEIR_ESTATE, "%s: %s was filled from %s %s, this is %s",
			run->state_path, run->config->to, what, text, expected);
	return 0;
}

static int
take_offsets(struct weir_consumption *run, const json_t *offsets,
	     struct weir_error *error)
{
	size_t count = json_array_size(offsets);
	int32_t i;

	if (!json_is_array(offsets))
		return weir_error_set(error, WEIR_EJSON,
				      "%s: no \"offsets\": not written by weir "
				      "consume",
				      run->state_path);
	if (count > (size_t)run->topic.partitions)
		return weir_error_set(error, WEIR_ESTATE,
				      "%s: %zu partitions were read, %s has %" PRId32
				      ": the topic was made anew",
				      run->state_path, count, run->config->topic,
				      run->topic.partitions);
	for (i = 0; i < run->topic.partitions; i++) {
		const json_t *offset = json_array_get(offsets, (size_t)i);

		/* a partition that is new since then begins at its first record */
		if (offset &&
		    (!json_is_integer(offset) || json_integer_value(offset) < 0))
			return weir_error_set(error, WEIR_EJSON,
					      "%s: offsets[%" PRId32 "] is no offset",
					      run->state_path, i);
		run->partitions[i].next = offset ? json_integer_value(offset) : 0;
		run->partitions[i].kept =
			offset ? run->partitions[i].next : WEIR_OFFSET_NONE;
	}
	return 0;
}

static int
take_length(struct weir_consumption *run, const json_t *length, int64_t size,
	    struct weir_error *error)
{
	if (!json_is_integer(length) || json_integer_value(length) < 0)
		return weir_error_set(error, WEIR_EJSON,
				      "%s: no \"length\": not written by weir "
				      "consume",
				      run->state_path);
	run->length = json_integer_value(length);
	if (size < run->length)
		return weir_error_set(error, WEIR_ESTATE,
				      "%s: has %" PRId64 " bytes, %s vouches for %" PRId64
				      ": the file lost its end",
				      run->config->to, size, run->state_path,
				      run->length);
	return 0;
}

static int
take_state(struct weir_consumption *run, const json_t *state, int64_t size,
	   struct weir_error *error)
{
	int code = check_same(run, state, "cluster", "the cluster", run->topic.cluster_id,
			      error);

	if (code == 0)
		code = check_same(run, state, "topic", "the topic", run->config->topic,
				  error);
	if (code == 0)
		code = check_same(run, state, "format", "records in --format",
				  format_name(run), error);
	if (code == 0)
		code = take_offsets(run, json_object_get(state, "offsets"), error);
	if (code == 0)
		code = take_length(run, json_object_get(state, "length"), size, error);
	return code;
}

static int
write_state(struct weir_consumption *run, struct weir_error *error)
{
	json_t *offsets = json_array();
	json_t *state;
	int32_t i;
	int code;

	for (i = 0; i < run->topic.partitions; i++)
		json_array_append_new(offsets, json_integer(run->partitions[i].next));
	state = json_pack("{s:s, s:s, s:s, s:I, s:o}", "cluster", run->topic.cluster_id,
			  "topic", run->config->topic, "format", format_name(run),
			  "length", (json_int_t)run->length, "offsets", offsets);
	code = weir__position_write(run->state_path, state, error);
	json_decref(state);
	return code;
}

/* ---- FILE ---- */

static int
open_locked(struct weir_consumption *run, bool fresh, struct weir_error *error)
{
	struct stat status;

	/* where FILE.weir stands without FILE, none shall appear */
	run->file =
		open(run->config->to, O_RDWR | O_CLOEXEC | (fresh ? O_CREAT : 0), 0666);
	if (run->file < 0 || fstat(run->file, &status) != 0)
		return file_error(run, error);
	if (!S_ISREG(status.st_mode))
		return weir_error_set(error, WEIR_EINVALID, "%s: not a regular file",
				      run->config->to);
	if (flock(run->file, LOCK_EX | LOCK_NB) != 0)
		return errno == EWOULDBLOCK
			       ? weir_error_set(error, WEIR_ELOCKED,
						"%s: another weir consume writes it",
						run->config->to)
			       : file_error(run, error);
	return 0;
}

static int
take_over(struct weir_consumption *run, bool *fresh, struct weir_error *error)
{
	struct stat status;
	json_t *state;
	int code;

	/* only now, under the lock, does FILE.weir stand still */
	code = weir__position_read(run->state_path, &state, error);
	if (code != 0)
		return code;
	*fresh = state == NULL;
	if (fstat(run->file, &status) != 0)
		code = file_error(run, error);
	else if (state)
		code = take_state(run, state, status.st_size, error);
	else if (status.st_size > 0)
		code = weir_error_set(
			error, WEIR_ESTATE,
			"%s: is not empty, and there is no %s: weir did not write it",
			run->config->to, run->state_path);
	json_decref(state);
	if (code == 0 && ftruncate(run->file, run->length) != 0)
		code = file_error(run, error);
	if (code == 0 && lseek(run->file, run->length, SEEK_SET) < 0)
		code = file_error(run, error);
	return code;
}

int
weir__consume_file_open(struct weir_consumption *run, bool *fresh,
			struct weir_error *error)
{
	int code;

	run->state_path = weir__format("%s.weir", run->config->to);
	code = open_locked(run, access(run->state_path, F_OK) != 0, error);
	if (code == 0)
		code = take_over(run, fresh, error);
	if (code != 0 && run->file >= 0) {
		/* not ours: nothing of it is cut */
		close(run->file);
		run->file = -1;
	}
	return code;
}

static bool
moved(const struct weir_consumption *run)
{
	int32_t i;

	for (i = 0; i < run->topic.partitions; i++)
		if (run->partitions[i].next != run->partitions[i].kept)
			return true;
	return false;
}

/* FILE.weir speaks of the file of that name: is it still the one that is written? */
static int
check_name(const struct weir_consumption *run, struct weir_error *error)
{
	struct stat held;
	struct stat named;

	if (fstat(run->file, &held) != 0)
		return file_error(run, error);
	if (stat(run->config->to, &named) == 0 && named.st_dev == held.st_dev &&
	    named.st_ino == held.st_ino)
		return 0;
	return weir_error_set(error, WEIR_ESTATE,
			      "%s: was moved away while it was written: what %s vouches for "
			      "is in the file that was there",
			      run->config->to, run->state_path);
}

int
weir__consume_file_keep(struct weir_consumption *run, struct weir_error *error)
{
	int64_t length;
	int32_t i;
	int code;

	run->kept_ms = weir__consume_now(run);
	run->since_kept = 0;
	run->bytes_since_kept = 0;
	if (!moved(run))
		return 0;
	code = check_name(run, error);
	if (code == 0)
		code = weir__consume_write(run, run->file, run->config->to, error);
	if (code != 0)
		return code;
	length = lseek(run->file, 0, SEEK_CUR);
	if (length < 0 || fsync(run->file) != 0)
		return file_error(run, error);
	run->length = length;
	code = write_state(run, error);
	for (i = 0; code == 0 && i < run->topic.partitions; i++)
		run->partitions[i].kept = run->partitions[i].next;
	return code;
}

void
weir__consume_file_close(struct weir_consumption *run)
{
	if (run->file < 0)
		return;
	/* no matter if it fails: the next run cuts it too */
	if (ftruncate(run->file, run->length) != 0)
		weir__log(run->config->logger, WEIR_LOG_WARNING, "not cut file=%s: %s",
			  run->config->to, strerror(errno));
	close(run->file);
	run->file = -1;
}
