/*
 * Prints what the pipeline committed. Knows the form of each line; hides that the records
 * come from topics of the embedded broker, which forgets what was printed. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <base/units.h>

#include "pipe_output.h"

#define SHOWN_BYTES 200 /* of a rejected value on standard error */

static struct pipe_sink *
find_sink(const struct pipe_outputs *outputs, const char *topic)
{
	size_t i;

	for (i = 0; i < outputs->count; i++)
		if (strcmp(outputs->sinks[i].topic, topic) == 0)
			return &outputs->sinks[i];
	return NULL;
}

static void
add_sink(struct pipe_outputs *outputs, struct pipe_sink sink)
{
	outputs->sinks = weir__realloc(outputs->sinks,
				       (outputs->count + 1) * sizeof(*outputs->sinks));
	outputs->sinks[outputs->count++] = sink;
}

/* Two outputs may go to one file: it is opened once, or they would overwrite each other.
 */
static int
open_file(struct pipe_outputs *outputs, struct pipe_sink *sink, struct weir_error *error)
{
	size_t i;

	if (!sink->path || strcmp(sink->path, "-") == 0) {
		sink->path = NULL;
		sink->file = stdout;
		return 0;
	}
	for (i = 0; i < outputs->count; i++)
		if (outputs->sinks[i].path &&
		    strcmp(outputs->sinks[i].path, sink->path) == 0)
			sink->file = outputs->sinks[i].file;
	if (!sink->file)
		sink->file = fopen(sink->path, "we");
	if (!sink->file)
		return weir_error_set(error, WEIR_EIO, "%s: %s", sink->path,
				      strerror(errno));
	return 0;
}

static int
check_mappings(const struct weir_pipeline *pipeline, const struct pipe_mapping *mappings,
	       size_t mapping_count, struct weir_error *error)
{
	const char **names = weir__calloc(pipeline->output_count + 1, sizeof(*names));
	int code = 0;
	size_t i;

	for (i = 0; i < pipeline->output_count; i++)
		names[i] = pipeline->outputs[i].name;
	for (i = 0; i < mapping_count && code == 0; i++) {
		const char *nearest;

		if (weir__pipeline_output(pipeline, mappings[i].name) >= 0)
			continue;
		nearest = weir__nearest(mappings[i].name, names);
		code = weir_error_set(error, WEIR_EINVALID,
				      "--output: %s has no output %s%s%s%s",
				      pipeline->path, mappings[i].name,
				      nearest ? " (did you mean " : "",
				      nearest ? nearest : "", nearest ? "?)" : "");
	}
	free(names);
	return code;
}

static int
add_output(struct pipe_outputs *outputs, const struct weir_output_topic *output,
	   const struct pipe_mapping *mappings, size_t mapping_count,
	   struct weir_error *error)
{
	struct pipe_sink sink = {.topic = output->topic};
	size_t i;

	for (i = 0; i < mapping_count; i++)
		if (strcmp(mappings[i].name, output->name) == 0)
			sink.path = mappings[i].path;
	/* what was not asked for by name is told apart from the main output */
	if (!sink.path && strcmp(output->name, "default") != 0)
		sink.label = output->name;
	if (find_sink(outputs, output->topic))
		return 0;
	if (open_file(outputs, &sink, error) != 0)
		return error->code;
	add_sink(outputs, sink);
	return 0;
}

static int
add_dead_letters(struct pipe_outputs *outputs, const char *topic, const char *path,
		 struct weir_error *error)
{
	struct pipe_sink sink = {.topic = topic, .path = path, .dead_letters = !path};

	if (!topic || find_sink(outputs, topic))
		return 0;
	if (path && open_file(outputs, &sink, error) != 0)
		return error->code;
	if (!path)
		sink.file = stderr;
	add_sink(outputs, sink);
	return 0;
}

static int
open_reader(struct pipe_outputs *outputs, struct weir_memory *memory,
	    struct weir_error *error)
{
	struct weir_offset *places = weir__calloc(outputs->count + 1, sizeof(*places));
	size_t i;

	for (i = 0; i < outputs->count; i++)
		places[i].topic = outputs->sinks[i].topic;
	outputs->reader = weir__broker_reader_open(weir__memory_broker(memory), places,
						   outputs->count, true, error);
	free(places);
	return outputs->reader ? 0 : error->code;
}

int
weir__pipe_outputs_open(struct pipe_outputs *outputs,
			const struct weir_pipeline *pipeline,
			const struct pipe_mapping *mappings, size_t mapping_count,
			const char *dead_letters, struct weir_memory *memory,
			struct weir_error *error)
{
	int code = check_mappings(pipeline, mappings, mapping_count, error);
	size_t i;

	for (i = 0; i < pipeline->output_count && code == 0; i++)
		code = add_output(outputs, &pipeline->outputs[i], mappings, mapping_count,
				  error);
	if (code == 0)
		code = add_dead_letters(outputs, pipeline->dead_letter_topic,
					dead_letters, error);
	if (code == 0)
		code = open_reader(outputs, memory, error);
	return code;
}

static struct weir_bytes
header(const struct weir_message *message, const char *name)
{
	size_t i;

	for (i = 0; i < message->header_count; i++)
		if (strcmp(message->headers[i].name, name) == 0)
			return message->headers[i].value;
	return (struct weir_bytes){"", 0};
}

/* A value for people: cut, and no control bytes that could steer their terminal. */
static void
print_shown(FILE *file, struct weir_bytes value)
{
	const unsigned char *bytes = value.data;
	size_t i;

	if (!value.data)
		fputs("null", file);
	for (i = 0; i < value.size && i < SHOWN_BYTES; i++)
		fputc(bytes[i] < 0x20 || bytes[i] == 0x7f ? '?' : bytes[i], file);
	if (value.size > SHOWN_BYTES)
		fprintf(file, "... (%zu bytes)", value.size);
}

/* Line numbers are offsets + 1: the input topic has no control markers. */
static void
print_dead_letter(FILE *file, const struct weir_message *message)
{
	struct weir_bytes offset = header(message, "weir.source.offset");
	struct weir_bytes step = header(message, "weir.step");
	char *line = weir__strndup(offset.data ? offset.data : "", offset.size);

	fprintf(file,
		"weir pipe: line %lld: %.*s%srejected: ", strtoll(line, NULL, 10) + 1,
		(int)step.size, step.size ? (const char *)step.data : "",
		step.size ? ": " : "");
	print_shown(file, header(message, "weir.reason"));
	fputs(": ", file);
	print_shown(file, message->value);
	fputc('\n', file);
	free(line);
}

static void
print_record(const struct pipe_sink *sink, const struct weir_message *message)
{
	if (sink->dead_letters) {
		print_dead_letter(sink->file, message);
		return;
	}
	if (sink->label)
		fprintf(sink->file, "%s\t", sink->label);
	if (message->value.size)
		fwrite(message->value.data, 1, message->value.size, sink->file);
	fputc('\n', sink->file);
}

static int
flush(const struct pipe_sink *sink, struct weir_error *error)
{
	if (fflush(sink->file) == 0 && !ferror(sink->file))
		return 0;
	if (errno == EPIPE && sink->file == stdout)
		return WEIR_ESTATE;
	return weir_error_set(error, WEIR_EIO, "%s: %s",
			      sink->path ? sink->path : "standard output",
			      strerror(errno));
}

/* Everything that is committed by now. Returns 0 or WEIR_EIO. */
static int
print_committed(struct pipe_outputs *outputs, bool *any, struct weir_error *error)
{
	struct weir_offset place;
	struct weir_message message;
	enum weir_event_type type;

	for (;;) {
		struct pipe_sink *sink;

		type = weir__reader_poll(outputs->reader, 0, &place, &message, error);
		if (type == WEIR_EVENT_IDLE)
			return 0;
		if (type != WEIR_EVENT_RECORD && type != WEIR_EVENT_END)
			return weir_error_set(error, WEIR_EIO,
					      "cannot read what was written");
		sink = find_sink(outputs, place.topic);
		if (type == WEIR_EVENT_RECORD) {
			print_record(sink, &message);
			sink->next = place.offset + 1;
			*any = true;
		} else {
			sink->next = place.offset;
		}
	}
}

int
weir__pipe_outputs_print(struct pipe_outputs *outputs, struct weir_memory *memory,
			 struct weir_error *error)
{
	bool any = false;
	int code = print_committed(outputs, &any, error);
	size_t i;

	if (code != 0 || !any)
		return code;
	for (i = 0; i < outputs->count; i++) {
		code = flush(&outputs->sinks[i], error);
		if (code != 0)
			return code;
		weir__memory_delete_records(memory, outputs->sinks[i].topic, 0,
					    outputs->sinks[i].next);
	}
	return 0;
}

int
weir__pipe_outputs_close(struct pipe_outputs *outputs, struct weir_error *error)
{
	int code = 0;
	size_t i;
	size_t j;

	weir__reader_close(outputs->reader);
	for (i = 0; i < outputs->count; i++) {
		struct pipe_sink *sink = &outputs->sinks[i];

		if (!sink->path || !sink->file)
			continue;
		for (j = i + 1; j < outputs->count; j++) /* shared: closed once */
			if (outputs->sinks[j].file == sink->file)
				outputs->sinks[j].file = NULL;
		if (fclose(sink->file) != 0)
			code = weir_error_set(error, WEIR_EIO, "%s: %s", sink->path,
					      strerror(errno));
	}
	free(outputs->sinks);
	memset(outputs, 0, sizeof(*outputs));
	return code;
}
