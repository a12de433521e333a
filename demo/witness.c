/*
 * The demo's witness: makes topics, kills a pipeline in the middle of its work, starts it
 * again, and counts what is in the topics afterwards. It looks at topics only; what the
 * pipeline says of itself does not matter to it.
 *
 * Results go to stdout as one line of NAME=VALUE words. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <base/alloc.h>
#include <broker/kafka.h>

#define TIMEOUT_MS 30000
#define RUN_TIMEOUT_MS 120000
#define MAX_PARTITIONS 16
#define MAX_KEY 1000000
#define ENDED_BY_ITSELF 3 /* exit status: there was no middle to kill it in */

static const char usage[] =
	"Usage: witness create BROKERS PARTITIONS TOPIC[:compact]...\n"
	"       witness kill BROKERS TOPIC RECORDS COMMAND...\n"
	"                 run COMMAND, kill -9 it when RECORDS are in TOPIC, run it "
	"again\n"
	"       witness count BROKERS INPUT OUTPUT DEAD\n"
	"                 compare by key, which is a number, 1 and up\n";

static struct weir_logger logger = {.level = WEIR_LOG_ERROR};

static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("witness: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

static int64_t
now_ms(void)
{
	const struct weir_clock *clock = weir__clock_system();

	return clock->wall_ms(clock);
}

static void
sleep_ms(long ms)
{
	struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&pause, NULL);
}

static struct weir_broker *
connect_to(const char *brokers)
{
	struct weir_properties properties = {0};
	struct weir_error error = {0};
	struct weir_broker *broker;

	weir__properties_set(&properties, "bootstrap.servers", brokers);
	broker = weir__kafka_open(&properties, &logger, weir__clock_system(), &error);
	weir__properties_fini(&properties);
	if (!broker)
		fail("%s", error.message);
	return broker;
}

/* ---- topics ---- */

static int32_t
partitions_of(struct weir_broker *broker, const char *topic)
{
	struct weir_cluster_info info = {0};
	struct weir_error error = {0};
	int32_t partitions = 0;

	if (weir__broker_describe(broker, &topic, 1, &info, TIMEOUT_MS, &error) != 0)
		fail("%s", error.message);
	if (info.topics[0].error == 0)
		partitions = info.topics[0].partitions;
	weir__cluster_info_fini(&info);
	if (partitions > MAX_PARTITIONS)
		fail("%s: %d partitions", topic, partitions);
	return partitions;
}

/* The broker stamps records as they come in: its clock says when they were written. */
static void
create_topic(struct weir_broker *broker, int partitions, const char *name, bool compacted)
{
	struct weir_properties settings = {0};
	struct weir_error error = {0};

	weir__properties_set(&settings, "message.timestamp.type", "LogAppendTime");
	if (compacted)
		weir__properties_set(&settings, "cleanup.policy", "compact");
	if (weir__broker_topic_create(broker, name, partitions, -1, &settings, TIMEOUT_MS,
				      &error) != 0)
		fail("%s", error.message);
	weir__properties_fini(&settings);
	for (int tries = 0; partitions_of(broker, name) == 0; tries++) {
		if (tries == 100)
			fail("%s does not appear", name);
		sleep_ms(50);
	}
}

static int
create(const char *brokers, int partitions, char **topics)
{
	struct weir_broker *broker = connect_to(brokers);

	for (; *topics; topics++) {
		char *kind = strchr(*topics, ':');

		if (kind)
			*kind++ = '\0';
		create_topic(broker, partitions, *topics,
			     kind && strcmp(kind, "compact") == 0);
	}
	weir__broker_close(broker);
	return 0;
}

/* A topic that is read from its beginning. */
struct reading {
	struct weir_reader *reader;
	int32_t partitions;
	int64_t end[MAX_PARTITIONS]; /* as it was when reading began */
	int64_t position[MAX_PARTITIONS];
	struct weir_message message;
	const char *topic;
};

static void
open_reading(struct reading *reading, struct weir_broker *broker, const char *topic,
	     bool read_committed)
{
	struct weir_offset places[MAX_PARTITIONS];
	struct weir_error error = {0};

	memset(reading, 0, sizeof(*reading));
	reading->topic = topic;
	reading->partitions = partitions_of(broker, topic);
	if (reading->partitions == 0)
		fail("%s: no such topic", topic);
	for (int32_t i = 0; i < reading->partitions; i++) {
		places[i] = (struct weir_offset){topic, i, 0, NULL};
		if (weir__broker_range(broker, topic, i, &places[i].offset,
				       &reading->end[i], TIMEOUT_MS, &error) != 0)
			fail("%s", error.message);
		reading->position[i] = places[i].offset;
	}
	reading->reader = weir__broker_reader_open(
		broker, places, (size_t)reading->partitions, read_committed, &error);
	if (!reading->reader)
		fail("%s", error.message);
}

/* Next record; false when none came in time. */
static bool
read_one(struct reading *reading, int timeout_ms)
{
	struct weir_error error = {0};
	struct weir_offset place;
	enum weir_event_type type = weir__reader_poll(reading->reader, timeout_ms, &place,
						      &reading->message, &error);

	if (type == WEIR_EVENT_FAILED || type == WEIR_EVENT_GAP)
		fail("%s: %s", reading->topic, error.message);
	if (type == WEIR_EVENT_RECORD)
		reading->position[place.partition] = place.offset + 1;
	if (type == WEIR_EVENT_END)
		reading->position[place.partition] = place.offset;
	return type == WEIR_EVENT_RECORD;
}

/* Has all been read that was there, and were transactions in it decided? */
static bool
is_at_end(const struct reading *reading)
{
	for (int32_t i = 0; i < reading->partitions; i++)
		if (reading->position[i] < reading->end[i])
			return false;
	return true;
}

/* ---- kill ---- */

/* Records written in one life of the program. */
struct life {
	long records;
	int64_t first_ms;
	int64_t last_ms;
};

static void
note(struct life *life, int64_t time_ms)
{
	if (life->records++ == 0 || time_ms < life->first_ms)
		life->first_ms = time_ms;
	if (time_ms > life->last_ms)
		life->last_ms = time_ms;
}

static pid_t
start(char **command)
{
	pid_t pid = fork();

	if (pid < 0)
		fail("fork: %s", strerror(errno));
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	execvp(command[0], command);
	fail("%s: %s", command[0], strerror(errno));
}

static void
watch_until_kill(struct reading *reading, pid_t pid, long records, struct life *life)
{
	int64_t deadline_ms = now_ms() + RUN_TIMEOUT_MS;
	int status;

	while (life->records < records) {
		if (read_one(reading, 20))
			note(life, reading->message.timestamp_ms);
		if (waitpid(pid, &status, WNOHANG) == pid) {
			if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
				exit(ENDED_BY_ITSELF);
			fail("it ended by itself, status %d", status);
		}
		if (now_ms() > deadline_ms)
			fail("%ld records after %d s", life->records,
			     RUN_TIMEOUT_MS / 1000);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	if (!WIFSIGNALED(status))
		exit(ENDED_BY_ITSELF);
}

static void
watch_until_end(struct reading *reading, pid_t pid, int64_t started_ms,
		struct life *before, struct life *after)
{
	int64_t deadline_ms = now_ms() + RUN_TIMEOUT_MS;
	bool runs = true, idle = false;
	int status;

	while (runs || !idle) {
		int64_t time_ms;

		idle = !read_one(reading, runs ? 20 : 300);
		time_ms = reading->message.timestamp_ms;
		if (!idle)
			note(time_ms < started_ms ? before : after, time_ms);
		if (runs && waitpid(pid, &status, WNOHANG) == pid) {
			if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
				fail("it failed after the restart, status %d", status);
			runs = false;
			idle = false;
		}
		if (now_ms() > deadline_ms)
			fail("it has not ended after %d s", RUN_TIMEOUT_MS / 1000);
	}
}

static int
kill_and_restart(const char *brokers, const char *topic, long records, char **command)
{
	struct weir_broker *broker = connect_to(brokers);
	struct reading reading;
	struct life before = {0}, after = {0};
	int64_t started_ms;
	pid_t pid;

	open_reading(&reading, broker, topic, false);
	pid = start(command);
	watch_until_kill(&reading, pid, records, &before);
	sleep_ms(200); /* what it sent last shall be there: times then tell the lives
			  apart */
	started_ms = now_ms();
	pid = start(command);
	watch_until_end(&reading, pid, started_ms, &before, &after);
	weir__reader_close(reading.reader);
	weir__broker_close(broker);
	printf("killed_after=%ld redone_after=%ld first_ms=%lld busy_ms=%lld\n",
	       before.records, after.records,
	       (long long)(after.records ? after.first_ms - started_ms : -1),
	       (long long)(before.last_ms - before.first_ms + after.last_ms -
			   after.first_ms));
	return after.records > 0 ? 0 : ENDED_BY_ITSELF;
}

/* ---- count ---- */

/* How often each key was seen; a byte is enough, it stops at 255. */
struct tally {
	unsigned char *seen;
	long records;
	long late;
	long wrong; /* flights of which the output says something false */
};

static long
key_of(const struct weir_message *message)
{
	char text[16] = {0};
	long key;

	if (message->key.size == 0 || message->key.size >= sizeof(text))
		fail("a record has a key that is no number");
	memcpy(text, message->key.data, message->key.size);
	key = strtol(text, NULL, 10);
	if (key < 1 || key > MAX_KEY)
		fail("a record has the key %s", text);
	return key;
}

/* The witness has its own idea of what the pipeline should have done. */
static void
check_flight(struct tally *tally, const struct weir_message *message)
{
	char text[512] = {0};
	const char *delay;
	bool is_late;

	if (message->value.size < sizeof(text))
		memcpy(text, message->value.data, message->value.size);
	is_late = strstr(text, "\"late\":true");
	delay = strstr(text, "\"delay\":");
	if (!delay || (strtol(delay + strlen("\"delay\":"), NULL, 10) > 15) != is_late)
		tally->wrong++;
	tally->late += is_late;
}

static void
count_topic(struct weir_broker *broker, const char *topic, bool flights,
	    struct tally *tally)
{
	int64_t deadline_ms = now_ms() + TIMEOUT_MS;
	struct reading reading;

	tally->seen = weir__calloc(MAX_KEY + 1, 1);
	open_reading(&reading, broker, topic, true);
	while (!is_at_end(&reading)) {
		long key;

		if (now_ms() > deadline_ms)
			fail("%s: its end cannot be reached; is a transaction open?",
			     topic);
		if (!read_one(&reading, 100))
			continue;
		key = key_of(&reading.message);
		tally->records++;
		tally->seen[key] += tally->seen[key] < 255;
		if (flights)
			check_flight(tally, &reading.message);
	}
	weir__reader_close(reading.reader);
}

static int
count(const char *brokers, const char *input, const char *output, const char *dead)
{
	struct weir_broker *broker = connect_to(brokers);
	struct tally in = {0}, out = {0}, broken = {0};
	long lost = 0, repeated = 0;

	count_topic(broker, input, false, &in);
	count_topic(broker, output, true, &out);
	count_topic(broker, dead, false, &broken);
	for (long key = 1; key <= MAX_KEY; key++) {
		int came = out.seen[key] + broken.seen[key];

		if (in.seen[key] > came)
			lost += in.seen[key] - came;
		if (came > in.seen[key])
			repeated += came - in.seen[key];
	}
	printf("in=%ld out=%ld rejected=%ld lost=%ld repeated=%ld late=%ld wrong=%ld\n",
	       in.records, out.records, broken.records, lost, repeated, out.late,
	       out.wrong);
	free(in.seen);
	free(out.seen);
	free(broken.seen);
	weir__broker_close(broker);
	return 0;
}

int
main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";

	if (strcmp(command, "create") == 0 && argc >= 5)
		return create(argv[2], atoi(argv[3]), argv + 4);
	if (strcmp(command, "kill") == 0 && argc >= 6)
		return kill_and_restart(argv[2], argv[3], atol(argv[4]), argv + 5);
	if (strcmp(command, "count") == 0 && argc == 6)
		return count(argv[2], argv[3], argv[4], argv[5]);
	fputs(usage, stderr);
	return 2;
}
