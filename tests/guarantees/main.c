/*
 * The guarantees on a real cluster: three brokers, a proxy, and cases of faults; a table
 * at the end says what was sent and delivered, what was found wrong, and what the faults
 * met.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <base/folder.h>

#include "tests/guarantees/trial.h"

#define MAX_TRIALS 64

static const char usage[] =
	"Usage: faults [option]... [CASE[/GUARANTEE]]...\n"
	"weir on a real cluster of three brokers, while things go wrong.\n"
	"\n"
	"  -s, --seconds N             how long faults go on in each (60); in "
	"\"everything\"\n"
	"                              five times as long\n"
	"  -n, --records N             how many records are fed meanwhile (100000)\n"
	"      --seed N                of what is chosen at random (default: the time)\n"
	"      --taken N               the broker has to take so many late requests, of "
	"a weir\n"
	"                              that lets it (0)\n"
	"      --message-timeout MS    under at-least-once a message is tried for so "
	"long (3000)\n"
	"      --weir PROGRAM          another build of weir\n"
	"      --keep                  leave logs, pipeline files and what the brokers have, "
	"and\n"
	"                              say where\n"
	"      --tap                   one line of TAP a trial; without Kafka, skip\n"
	"  --stores                    the last step has stores (not at-most-once)\n"
	"  -v, --verbose               say what is done; weir too\n"
	"  -l, --list                  the cases\n"
	"\n"
	"A trial is UNKNOWN when its faults did not meet what they were meant to meet. "
	"Exit: 0\n"
	"all passed, 1 not, 2 usage, 77 no Kafka.\n";

struct settings {
	struct trial_options options;
	unsigned seed;
	bool tap;
};

struct row {
	const struct trial_case *kind;
	enum weir_guarantee guarantee;
	struct weir_oracle_verdict verdict;
	struct hits hits;
	unsigned stops;
	enum result result;
};

/* ---- the table ---- */

static const char *const columns =
	"case             guarantee           sent delivered   lost repeated   torn  "
	"order  "
	"other faults   open commit rebal.   late unknown stops verdict\n";

static uint64_t
other(const struct weir_oracle_verdict *verdict)
{
	uint64_t sum = 0;

	for (int finding = 0; finding < WEIR_ORACLE_FINDINGS; finding++) {
		if (finding != WEIR_ORACLE_LOST && finding != WEIR_ORACLE_REPEATED &&
		    finding != WEIR_ORACLE_TORN && finding != WEIR_ORACLE_DISORDERED)
			sum += verdict->found[finding];
	}
	return sum;
}

static void
print_row(FILE *to, const struct row *row)
{
	const struct weir_oracle_verdict *verdict = &row->verdict;
	const struct hits *hits = &row->hits;

	fprintf(to,
		"%-16s %-13s %10" PRIu64 " %9" PRIu64 " %6" PRIu64 " %8" PRIu64
		" %6" PRIu64 " %6" PRIu64 " %6" PRIu64
		" %6u %6u %6u %6u %3u/%-3u %3u/%-3u %4u %s\n",
		row->kind->name, weir__guarantee_name(row->guarantee), verdict->sent,
		verdict->delivered, verdict->found[WEIR_ORACLE_LOST],
		verdict->found[WEIR_ORACLE_REPEATED], verdict->found[WEIR_ORACLE_TORN],
		verdict->found[WEIR_ORACLE_DISORDERED], other(verdict), hits->faults,
		hits->transaction, hits->commit, hits->rebalance, hits->late_taken,
		hits->late, hits->unknown_done, hits->unknown, row->stops,
		result_name(row->result));
}

/* ---- the trials ---- */

/* CASE or CASE/GUARANTEE */
static bool
is_meant(const char *word, const char *name, const char *guarantee)
{
	size_t length = strcspn(word, "/");

	if (strlen(name) != length || strncmp(word, name, length))
		return false;
	return !word[length] || !strcmp(word + length + 1, guarantee);
}

static void
run_one(struct row *row, const struct settings *settings, struct cluster *cluster,
	struct proxy *proxy, const char *root, size_t number)
{
	static struct trial trial;
	FILE *to = settings->tap ? stdout : stderr;

	row->result = trial_run(&trial, row->kind, row->guarantee, &settings->options,
				cluster, proxy, root);
	row->verdict = trial.verdict;
	row->hits = trial.hits;
	row->stops = trial.stops;
	if (settings->tap)
		printf("%s %zu - %s under %s: %s\n", row->result ? "not ok" : "ok",
		       number, weir__guarantee_name(row->guarantee), row->kind->summary,
		       result_name(row->result));
	fprintf(to, "# %s# ", columns);
	print_row(to, row);
	if (row->result == RESULT_FAIL) {
		fprintf(to, "# %s\n", trial.trouble);
		weir__oracle_print(stderr, &trial.verdict, row->guarantee);
	}
	fflush(to);
}

static size_t
choose(const char *word, struct row *rows)
{
	size_t case_count, count = 0;
	const struct trial_case *cases = trial_cases(&case_count);

	for (size_t index = 0; index < case_count; index++) {
		for (int guarantee = WEIR_EXACTLY_ONCE; guarantee <= WEIR_AT_MOST_ONCE;
		     guarantee++) {
			if ((guarantee && cases[index].transactions_only) ||
			    (word && !is_meant(word, cases[index].name,
					       weir__guarantee_name(guarantee))))
				continue;
			rows[count].kind = &cases[index];
			rows[count++].guarantee = guarantee;
		}
	}
	return count;
}

/* What the words ask for, or else all. 0: a word asks for nothing. */
static size_t
choose_all(char **words, int word_count, struct row *rows)
{
	size_t count = 0;

	if (word_count == 0)
		return choose(NULL, rows);
	for (int index = 0; index < word_count && count < MAX_TRIALS / 2; index++) {
		size_t got = choose(words[index], rows + count);

		if (!got)
			return 0;
		count += got;
	}
	return count;
}

static void
close_all(const struct settings *settings, struct cluster *cluster, const char *root)
{
	char *dir;

	if (!settings->options.keep) {
		cluster_close(cluster);
		weir__folder_remove(root);
		return;
	}
	dir = cluster_close_keeping(cluster);
	fprintf(stderr, "# logs are in %s, the brokers' logs and data in %s\n", root, dir);
	free(dir);
}

static int
run_all(const struct settings *settings, struct row *rows, size_t count)
{
	static const char *const cluster_options[] = {
		"--proxied", "-p",
		"transaction.abort.timed.out.transaction.cleanup.interval.ms=500", NULL};
	const char *tmpdir = getenv("TMPDIR");
	struct cluster *cluster;
	struct proxy *proxy;
	char root[200];
	int failures = 0;

	snprintf(root, sizeof(root), "%s/weir-guarantees-XXXXXX",
		 tmpdir ? tmpdir : "/tmp");
	if (!mkdtemp(root)) {
		perror(root);
		return 1;
	}
	cluster = cluster_open(TRIAL_BROKERS, cluster_options);
	proxy = proxy_open(cluster_bootstrap(cluster));
	for (size_t index = 0; index < count; index++) {
		run_one(&rows[index], settings, cluster, proxy, root, index + 1);
		failures += rows[index].result != RESULT_PASS;
	}
	proxy_close(proxy);
	close_all(settings, cluster, root);
	return failures != 0;
}

/* ---- arguments ---- */

static int
list_cases(void)
{
	size_t count;
	const struct trial_case *cases = trial_cases(&count);

	for (size_t index = 0; index < count; index++)
		printf("%-16s %s\n", cases[index].name, cases[index].summary);
	return 0;
}

/* -1: go on; else the exit status. */
static int
parse(int argc, char **argv, struct settings *settings)
{
	enum { OPT_SEED = 256, OPT_TAKEN, OPT_MESSAGE, OPT_WEIR, OPT_KEEP, OPT_TAP, OPT_STORES };
	static const struct option longs[] = {{"case", required_argument, NULL, 'c'},
					      {"guarantee", required_argument, NULL, 'g'},
					      {"seconds", required_argument, NULL, 's'},
					      {"records", required_argument, NULL, 'n'},
					      {"seed", required_argument, NULL, OPT_SEED},
					      {"taken", required_argument, NULL, OPT_TAKEN},
					      {"message-timeout", required_argument, NULL,
					       OPT_MESSAGE},
					      {"weir", required_argument, NULL, OPT_WEIR},
					      {"keep", no_argument, NULL, OPT_KEEP},
					      {"tap", no_argument, NULL, OPT_TAP},
					      {"stores", no_argument, NULL, OPT_STORES},
					      {"verbose", no_argument, NULL, 'v'},
					      {"list", no_argument, NULL, 'l'},
					      {"help", no_argument, NULL, 'h'},
					      {NULL, 0, NULL, 0}};
	int option;

	while ((option = getopt_long(argc, argv, "s:n:vlh", longs, NULL)) != -1) {
		switch (option) {
		case 's':
			settings->options.seconds = atoi(optarg);
			break;
		case 'n':
			settings->options.records = atoi(optarg);
			break;
		case 'v':
			settings->options.verbose = true;
			break;
		case OPT_SEED:
			settings->seed = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case OPT_TAKEN:
			settings->options.taken = atoi(optarg);
			break;
		case OPT_MESSAGE:
			settings->options.message_ms = atoi(optarg);
			break;
		case OPT_WEIR:
			settings->options.weir = optarg;
			break;
		case OPT_KEEP:
			settings->options.keep = true;
			break;
		case OPT_STORES:
			settings->options.stores = true;
			break;
		case OPT_TAP:
			settings->tap = true;
			break;
		case 'l':
			return list_cases();
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs("faults: see --help\n", stderr);
			return 2;
		}
	}
	if (settings->options.seconds > 0 && settings->options.records > 0 &&
	    settings->options.message_ms > 0)
		return -1;
	fputs("faults: bad arguments (see --help)\n", stderr);
	return 2;
}

int
main(int argc, char **argv)
{
	struct settings settings = {
		.options = {.weir = WEIR_PROGRAM, .seconds = 60, .records = 100000, .message_ms = 3000},
		.seed = (unsigned)time(NULL) ^ (unsigned)getpid() << 16,
	};
	struct row rows[MAX_TRIALS] = {0};
	int status = parse(argc, argv, &settings);
	size_t count;
	const char *why;

	if (status >= 0)
		return status;
	count = choose_all(argv + optind, argc - optind, rows);
	if (!count) {
		fputs("faults: no such case or guarantee (see --list)\n", stderr);
		return 2;
	}
	why = cluster_missing();
	if (why) {
		if (settings.tap)
			printf("1..0 # SKIP %s\n", why);
		else
			fprintf(stderr, "faults: %s\n", why);
		return settings.tap ? 0 : 77;
	}
	srandom(settings.seed);
	setenv(WEIR_ORACLE_ENVIRONMENT, "1", 1);
	printf("%sseed %u\n", settings.tap ? "# " : "", settings.seed);
	if (settings.tap)
		printf("1..%zu\n", count);
	fflush(stdout);
	status = run_all(&settings, rows, count);
	for (size_t index = 0; index < count && !settings.tap; index++) {
		if (index == 0)
			fputs(columns, stdout);
		print_row(stdout, &rows[index]);
	}
	return settings.tap ? 0 : status;
}
