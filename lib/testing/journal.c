/*
 * Reads the debug lines of lib/run/batch.c and recover.c. A line that is not known, or
 * not as expected, says nothing.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <testing/journal.h>

void
weir__journal_open(struct weir_journal *journal, const char *path)
{
	*journal = (struct weir_journal){.fd = open(path, O_RDONLY | O_CLOEXEC)};
}

void
weir__journal_close(struct weir_journal *journal)
{
	if (journal->fd > 0)
		close(journal->fd);
	journal->fd = -1;
	weir__buffer_fini(&journal->rest);
}

/* The number behind "NAME="; -1: there is none. */
static int64_t
field(const char *line, const char *name)
{
	const char *at = strstr(line, name);

	return at ? strtoll(at + strlen(name), NULL, 10) : -1;
}

/* A batch has ended. Returns how many outputs it had, dead letters aside. */
static int64_t
end_batch(struct weir_journal_worker *worker, const char *line)
{
	int64_t before = worker->outputs;

	worker->in_hand = worker->committing = false;
	worker->outputs = field(line, " emitted=") - field(line, " dead_letters=");
	return worker->outputs - before;
}

static void
take_line(struct weir_journal *journal, const char *line)
{
	int64_t number = field(line, " worker=");
	struct weir_journal_worker *worker;

	if (number < 0 || number >= WEIR_JOURNAL_WORKERS)
		return;
	worker = &journal->workers[number];
	if (strstr(line, " batch begins ")) {
		worker->in_hand = true;
	} else if (strstr(line, " batch commits ")) {
		worker->committing = field(line, " records=") > 0;
	} else if (strstr(line, " batch committed ")) {
		journal->committed += end_batch(worker, line);
		journal->batches += field(line, " records=") > 0;
	} else if (strstr(line, " batch aborted ")) {
		journal->aborted += end_batch(worker, line);
	} else if (strstr(line, " batch unknown ")) {
		end_batch(worker, line);
		journal->uncertain = true;
	} else if (strstr(line, " partitions assigned ")) {
		journal->assigned = true;
	}
}

static void
take_lines(struct weir_journal *journal)
{
	char *start = journal->rest.data, *end;
	size_t left;

	while ((end = strchr(start, '\n'))) {
		*end = '\0';
		take_line(journal, start);
		start = end + 1;
	}
	left = strlen(start);
	memmove(journal->rest.data, start, left + 1);
	journal->rest.size = left;
}

void
weir__journal_read(struct weir_journal *journal)
{
	char bytes[8192];
	ssize_t size;

	while (journal->fd > 0 && (size = read(journal->fd, bytes, sizeof(bytes))) > 0) {
		weir__buffer_add(&journal->rest, bytes, (size_t)size);
		take_lines(journal);
	}
}

bool
weir__journal_has_open(const struct weir_journal *journal)
{
	for (size_t index = 0; index < WEIR_JOURNAL_WORKERS; index++) {
		if (journal->workers[index].in_hand &&
		    !journal->workers[index].committing)
			return true;
	}
	return false;
}

bool
weir__journal_is_committing(const struct weir_journal *journal)
{
	for (size_t index = 0; index < WEIR_JOURNAL_WORKERS; index++) {
		if (journal->workers[index].committing)
			return true;
	}
	return false;
}
