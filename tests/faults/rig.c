/*
 * The rig: a cluster for the program, and for each test its topics, its folder, and the
 * session that feeds its input.
 *
 * The cluster and the folder are the program's, since libcheck forks each test; handles of
 * librdkafka are the test's own. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <broker/kafka.h>

#include <base/folder.h>

#include "tests/faults/rig.h"

static struct cluster *cluster;
static bool is_secure;
static char root[128];
static struct weir_logger logger = {.level = WEIR_LOG_ERROR};

/* ---- the program's ---- */

void
rig_folder_setup(void)
{
	const char *tmpdir = getenv("TMPDIR");

	snprintf(root, sizeof(root), "%s/weir-faults-XXXXXX", tmpdir ? tmpdir : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(root));
}

/* Kafka looks for transactions that outlived their timeout each 10 s otherwise. */
#define LOOK_OFTEN "-p", "transaction.abort.timed.out.transaction.cleanup.interval.ms=500"

/* ... and cleans compacted topics each 15 s. */
#define CLEAN_OFTEN "-p", "log.cleaner.backoff.ms=200"

static void
open_cluster(int brokers, bool secure)
{
	const char *const options[] = {LOOK_OFTEN, CLEAN_OFTEN, secure ? "--secure" : NULL, NULL};

	is_secure = secure;
	cluster = cluster_open(brokers, options);
}

void
rig_cluster_setup(void)
{
	open_cluster(1, false);
}

void
rig_cluster_setup_three(void)
{
	open_cluster(3, false);
}

void
rig_setup(void)
{
	rig_folder_setup();
	open_cluster(1, false);
}

void
rig_setup_secure(void)
{
	rig_folder_setup();
	open_cluster(1, true);
}

void
rig_folder_teardown(void)
{
	weir__folder_remove(root);
}

void
rig_cluster_teardown(void)
{
	cluster_close(cluster);
	cluster = NULL;
}

void
rig_teardown(void)
{
	rig_cluster_teardown();
	rig_folder_teardown();
}

struct cluster *
rig_cluster(void)
{
	return cluster;
}

int64_t
rig_now_ms(void)
{
	const struct weir_clock *clock = weir__clock_system();

	return clock->monotonic_ms(clock);
}

void
rig_pass(int64_t ms)
{
	const struct timespec time = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&time, NULL);
}

int
rig_rounds(int standard)
{
	const char *text = getenv("WEIR_FAULT_ROUNDS");
	int rounds = text ? atoi(text) * standard / 50 : standard;

	return rounds > 0 ? rounds : 1;
}

void
rig_random_start(void)
{
	const char *text = getenv("WEIR_FAULT_SEED");
	unsigned seed = text ? (unsigned)strtoul(text, NULL, 10)
	                     : (unsigned)time(NULL) ^ (unsigned)getpid() << 16;

	printf("# WEIR_FAULT_SEED=%u\n", seed);
	fflush(stdout);
	srandom(seed);
}

int
rig_random(int below)
{
	return (int)(random() % below);
}

static void
print_child(struct rig_child *child)
{
	char *text = rig_stderr(child);
	size_t size = strlen(text);

	if (rig_ended(child))
		fprintf(stderr, "--- %s, status %d\n", child->log, child->status);
	else
		fprintf(stderr, "--- %s, runs\n", child->log);
	fputs(size > 8192 && !getenv("WEIR_FAULT_LOGS") ? text + size - 8192 : text, stderr);
	free(text);
}

void
rig_fail(const struct rig *rig, const char *format, ...)
{
	char reason[512];
	va_list args;

	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	for (size_t index = 0; index < rig->child_count; index++)
		print_child(rig->children[index]);
	if (getenv("WEIR_FAULT_HOLD")) { /* to look at the cluster; SIGCONT goes on */
		fprintf(stderr, "--- %s: %s\n", rig->name, reason);
		raise(SIGSTOP);
	}
	ck_abort_msg("%s: %s", rig->name, reason);
	abort(); /* not reached */
}

/* ---- a test's ---- */

void
rig_properties(struct weir_properties *properties)
{
	weir__properties_set(properties, "bootstrap.servers",
	                     cluster ? cluster_bootstrap(cluster) : "127.0.0.1:1");
	if (!is_secure)
		return;
	weir__properties_set(properties, "security.protocol", "sasl_plaintext");
	weir__properties_set(properties, "sasl.mechanism", "PLAIN");
	weir__properties_set(properties, "sasl.username", "admin");
	weir__properties_set(properties, "sasl.password", "admin-secret");
}

static void
write_pipeline(const struct rig *rig)
{
	FILE *file = fopen(rig->pipeline, "w");
	struct weir_properties properties = {0};

	ck_assert_ptr_nonnull(file);
	rig_properties(&properties);
	fprintf(file, "{\"name\": \"%s\", \"instance\": \"one\", \"guarantee\": \"%s\",\n",
	        rig->name, rig->guarantee);
	fprintf(file, " \"kafka\": {");
	for (size_t index = 0; index < properties.count; index++)
		fprintf(file, "\"%s\": \"%s\", ", properties.items[index].name,
		        properties.items[index].value);
	fprintf(file, "\"session.timeout.ms\": 6000, \"transaction.timeout.ms\": 6000},\n");
	fprintf(file, " \"inputs\": [\"%s\"], \"outputs\": {\"default\": \"%s\"},\n", rig->in,
	        rig->out);
	fprintf(file, " \"commit\": {\"interval\": \"20ms\"}, \"state_dir\": \"%s/state\"}\n",
	        rig->folder);
	ck_assert_int_eq(fclose(file), 0);
	weir__properties_fini(&properties);
}

struct rig *
rig_open_offline(const char *name, const char *guarantee)
{
	struct rig *rig = weir__calloc(1, sizeof(*rig));
	struct weir_properties properties = {0};
	struct weir_error error = {0};

	snprintf(rig->name, sizeof(rig->name), "%s", name);
	snprintf(rig->guarantee, sizeof(rig->guarantee), "%s", guarantee);
	snprintf(rig->in, sizeof(rig->in), "%s-in", name);
	snprintf(rig->out, sizeof(rig->out), "%s-out", name);
	snprintf(rig->dead, sizeof(rig->dead), "%s-dead", name);
	snprintf(rig->folder, sizeof(rig->folder), "%s/%s-%d", root, name, (int)getpid());
	snprintf(rig->pipeline, sizeof(rig->pipeline), "%s/pipeline.json", rig->folder);
	ck_assert_int_eq(mkdir(rig->folder, 0777), 0);
	write_pipeline(rig);
	rig_properties(&properties);
	rig->broker =
		weir__kafka_open(&properties, &logger, weir__clock_system(), &error);
	ck_assert_msg(rig->broker != NULL, "%s", error.message);
	weir__properties_fini(&properties);
	return rig;
}

struct rig *
rig_open(const char *name, const char *guarantee)
{
	struct rig *rig = rig_open_offline(name, guarantee);

	rig_topic(rig, rig->in, RIG_IN_PARTITIONS);
	rig_topic(rig, rig->out, RIG_OUT_PARTITIONS);
	rig_topic(rig, rig->dead, 1);
	return rig;
}

void
rig_close(struct rig *rig)
{
	rig_children_kill(rig);
	for (size_t index = 0; index < rig->setting_count; index++)
		free(rig->settings[index]);
	weir__session_close(rig->feed);
	weir__broker_close(rig->broker);
	free(rig);
}

void
rig_set(struct rig *rig, const char *format, ...)
{
	char text[2048];
	va_list args;

	va_start(args, format);
	ck_assert_int_lt(vsnprintf(text, sizeof(text), format, args), (int)sizeof(text));
	va_end(args);
	ck_assert(rig->setting_count < RIG_MAX_SETTINGS);
	rig->settings[rig->setting_count++] = weir__strdup(text);
}

void
rig_topic(struct rig *rig, const char *topic, int32_t partitions)
{
	struct weir_error error = {0};
	int code = weir__broker_topic_create(rig->broker, topic, partitions, -1, NULL,
	                                     RIG_PATIENCE_MS, &error);

	ck_assert_msg(code == 0, "%s: %s", topic, error.message);
	rig_size(rig, topic); /* made is not yet known: this waits for it */
}

const char *
rig_path(const struct rig *rig, const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", rig->folder, name);
	return path;
}

void
rig_file_make(const struct rig *rig, const char *name)
{
	FILE *file = fopen(rig_path(rig, name), "w");

	ck_assert_ptr_nonnull(file);
	fclose(file);
}

void
rig_file_remove(const struct rig *rig, const char *name)
{
	ck_assert_int_eq(unlink(rig_path(rig, name)), 0);
}

/* ---- producing ---- */

/* Repeat a call of a session while it says "again". */
#define STEP(outcome, call)                                                              \
	do {                                                                             \
		int64_t step_deadline_ = rig_now_ms() + RIG_PATIENCE_MS;                 \
		while (((outcome) = (call)) == WEIR_AGAIN)                               \
			ck_assert_msg(rig_now_ms() < step_deadline_, "no end of " #call); \
	} while (0)

static struct weir_session *
open_producer(struct rig *rig, const char *transactional_id)
{
	const char *topic = rig->in;
	struct weir_session_config config = {
		.name = "feed",
		.guarantee = transactional_id ? WEIR_EXACTLY_ONCE : WEIR_AT_LEAST_ONCE,
		.transactional_id = transactional_id,
		.outputs = &topic,
		.output_count = 1,
		.transaction_timeout_ms = RIG_PATIENCE_MS,
		.session_timeout_ms = 6000,
	};
	struct weir_error error = {0};
	struct weir_session *session =
		weir__broker_session_open(rig->broker, &config, &error);
	enum weir_outcome outcome;

	ck_assert_msg(session != NULL, "%s", error.message);
	STEP(outcome, weir__session_init(session, 1000, &error));
	ck_assert_msg(outcome == WEIR_SUCCESS, "%s", error.message);
	return session;
}

static void
send_message(struct weir_session *session, struct weir_bytes key, struct weir_bytes value)
{
	struct weir_message message = {.key = key, .value = value, .timestamp_ms = -1,
				       .partition = WEIR_BY_KEY};
	struct weir_error error = {0};
	enum weir_outcome outcome;

	STEP(outcome, weir__session_send(session, 0, &message, 0, 1000, &error));
	ck_assert_msg(outcome == WEIR_SUCCESS, "%s", error.message);
}

static void
send_ids(struct weir_session *session, size_t first, size_t count)
{
	char text[24];

	for (size_t id = first; id < first + count; id++) {
		struct weir_bytes bytes = {text, (size_t)snprintf(text, sizeof(text), "%zu", id)};

		send_message(session, bytes, bytes);
	}
}

static void
flush(struct weir_session *session)
{
	struct weir_delivery_failure failure;
	struct weir_error error = {0};
	enum weir_outcome outcome;

	STEP(outcome, weir__session_flush(session, 1000, &error));
	ck_assert_msg(outcome == WEIR_SUCCESS, "%s", error.message);
	ck_assert_msg(weir__session_failures(session, &failure, 1) == 0, "%s", failure.reason);
}

static struct weir_session *
feed(struct rig *rig)
{
	if (!rig->feed)
		rig->feed = open_producer(rig, NULL);
	return rig->feed;
}

void
rig_produce(struct rig *rig, size_t count)
{
	send_ids(feed(rig), rig->ids, count);
	flush(rig->feed);
	rig->ids += count;
}

void
rig_produce_padded(struct rig *rig, size_t size)
{
	char *text = weir__calloc(1, size + 32);
	int used = snprintf(text, 32, "%zu", rig->ids);
	struct weir_bytes key = {text, (size_t)used};

	text[used] = ':';
	for (size_t at = (size_t)used + 1; at < size; at++) /* nothing to compress */
		text[at] = (char)('0' + random() % 64);
	rig_produce_record(rig, key, (struct weir_bytes){text, size});
	free(text);
	rig->ids++;
}

void
rig_produce_record(struct rig *rig, struct weir_bytes key, struct weir_bytes value)
{
	send_message(feed(rig), key, value);
	flush(rig->feed);
}

void
rig_produce_transaction(struct rig *rig, size_t count, bool commit)
{
	struct weir_session *session = open_producer(rig, "rig/feed");
	struct weir_error error = {0};
	enum weir_outcome outcome = weir__session_begin(session, &error);

	ck_assert_msg(outcome == WEIR_SUCCESS, "%s", error.message);
	send_ids(session, rig->ids, count);
	flush(session); /* so that an aborted one leaves records in the log, too */
	if (commit)
		STEP(outcome, weir__session_commit(session, NULL, 0, 1000, &error));
	else
		STEP(outcome, weir__session_abort(session, 1000, &error));
	ck_assert_msg(outcome == WEIR_SUCCESS || outcome == WEIR_TAINTED, "%s", error.message);
	if (commit)
		rig->ids += count;
	weir__session_close(session);
	/* the end of a transaction is answered before its markers are in the log */
	RIG_WAIT(rig, !rig_transaction_open(rig, rig->in));
}
