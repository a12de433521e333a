/*
 * Prints a verification. Knows how to say what was hit under each guarantee. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <base/units.h>

#include "plugins.h"
#include "verify_report.h"

static const char *const hit_keys[] = {"open_batch", "commit_in_flight", "rebalance",
				       "zombie"};

/* ---- the plan ---- */

static const char *
duration(int64_t ms, char text[32])
{
	return weir__duration_print(ms, text, 32);
}

static void
print_topic(const struct weir_scratch_topic *topic)
{
	printf("  topic %s: %" PRId32 " partition%s", topic->name, topic->partitions,
	       topic->partitions == 1 ? "" : "s");
	if (topic->replication > 0)
		printf(", replication %" PRId32, topic->replication);
	if (topic->min_insync > 0)
		printf(", min.insync.replicas %" PRId64, topic->min_insync);
	printf(topic->is_found ? ", as %s\n" : " (%s is not there, or may not be described)\n", topic->like);
}

void
weir__verify_print_plan(const struct verify_report *report)
{
	const struct weir_scratch *scratch = weir__verify_scratch(report->verify);
	char length[32], frozen[32];

	printf("%s under %s. Its steps are replaced by a numbered copy; all other\n"
	       "settings are its own.%s\n\nMade for this, and removed at the end:\n",
	       report->path, weir__guarantee_name(report->pipeline->guarantee),
	       scratch->changelogs  ? " As they do, it keeps state in stores."
	       : report->has_stores ? " Of stores at-most-once promises nothing."
				    : "");
	for (size_t index = 0; index < scratch->topic_count; index++)
		print_topic(&scratch->topics[index]);
	printf("  group %s\n\n%s of faults over %" PRId64
	       " records: instances are killed with -9, stopped for\n"
	       "%s and continued, ended and joined by others.\n\n",
	       scratch->app, duration(report->length_ms, length), report->records,
	       duration(weir__verify_frozen_ms(report->pipeline), frozen));
	fflush(stdout);
}

/* ---- the verdict ---- */

/* "an open transaction" under exactly-once; batches have none under the others. */
static const char *
hit_title(const struct verify_report *report, int hit)
{
	static const char *const transactional[] = {"an open transaction",
						    "a commit in flight", "a rebalance",
						    "an open transaction (zombie)"};
	static const char *const plain[] = {"an open batch", "a commit in flight",
					    "a rebalance", "an open batch (zombie)"};

	return report->pipeline->guarantee == WEIR_EXACTLY_ONCE ? transactional[hit]
								: plain[hit];
}

static void
print_faults(const struct verify_report *report)
{
	const struct weir_verify_counts *counts = weir__verify_counts(report->verify);

	printf("\n  %-28s %10u\n", "killed with -9", counts->kills);
	printf("  %-28s %10u\n", "stopped, and continued", counts->freezes);
	printf("  %-28s %10u\n", "ended by SIGTERM", counts->stops);
	printf("  %-28s %10u\n", "joined", counts->joins);
	for (int hit = 0; hit < WEIR_VERIFY_HITS; hit++) {
		char title[64];

		snprintf(title, sizeof(title), "hit %s", hit_title(report, hit));
		printf("  %-32s %6u  of %u aimed at it\n", title, counts->hit[hit],
		       counts->aimed[hit]);
	}
}

/* Why this was not hit, in words. */
static void
explain_missing(const struct verify_report *report, int hit, char *text, size_t size)
{
	const struct weir_verify_counts *counts = weir__verify_counts(report->verify);
	int64_t needed_ms = weir__verify_zombie_ms(report->pipeline);
	char needed[32], length[32];

	if (counts->aimed[hit])
		snprintf(text, size, "%u %s aimed at it, too early or too late",
			 counts->aimed[hit], counts->aimed[hit] == 1 ? "was" : "were");
	else if (hit == WEIR_VERIFY_ZOMBIE && needed_ms > report->length_ms)
		snprintf(text, size, "not tried: it takes %s, and --for was %s",
			 duration(needed_ms, needed), duration(report->length_ms, length));
	else
		snprintf(text, size, "not tried: its moment did not come");
}

/* The time in which each fault has its turn; where that was not enough, more. */
static int64_t
advised_ms(const struct verify_report *report)
{
	int64_t enough_ms = weir__verify_enough_ms(report->pipeline);

	return report->length_ms < enough_ms ? enough_ms : 2 * report->length_ms;
}

static void
print_unknown(const struct verify_report *report)
{
	const struct weir_verify_counts *counts = weir__verify_counts(report->verify);
	char text[200], advised[32];

	printf("nothing wrong was seen, but no fault hit\n");
	for (int hit = 0; hit < WEIR_VERIFY_HITS; hit++) {
		if (counts->hit[hit])
			continue;
		explain_missing(report, hit, text, sizeof(text));
		printf("  %s (%s)\n", hit_title(report, hit), text);
	}
	printf("and without that it is no proof. Pass --for %s, or more.\n",
	       duration(advised_ms(report), advised));
}

static void
print_last_line(const struct verify_report *report, enum weir_verify_result result)
{
	const char *guarantee = weir__guarantee_name(report->pipeline->guarantee);

	printf("\n%s: ", weir__verify_result_name(result));
	switch (result) {
	case WEIR_VERIFY_PASS:
		printf("nothing that %s forbids (with your steps replaced)\n", guarantee);
		break;
	case WEIR_VERIFY_WRONG:
		printf("%s was broken; --keep leaves topics and logs to look at\n",
		       guarantee);
		break;
	case WEIR_VERIFY_UNKNOWN:
		print_unknown(report);
		break;
	case WEIR_VERIFY_FAILED:
		printf("%s\n", weir__verify_trouble(report->verify));
		break;
	}
	if (report->folder)
		printf("logs are in %s\n", report->folder);
}

void
weir__verify_print_verdict(const struct verify_report *report,
			   enum weir_verify_result result)
{
	if (result != WEIR_VERIFY_FAILED) {
		weir__oracle_print(stdout, weir__verify_verdict(report->verify),
				   report->pipeline->guarantee);
		print_faults(report);
	}
	print_last_line(report, result);
}

/* ---- JSON ---- */

static json_t *
made_json(const struct weir_scratch *scratch)
{
	json_t *topics = json_array();

	for (size_t index = 0; index < scratch->topic_count; index++)
		json_array_append_new(topics, json_string(scratch->topics[index].name));
	return json_pack("{s:o, s:s}", "topics", topics, "group", scratch->app);
}

static json_t *
found_json(const struct weir_oracle_verdict *verdict, enum weir_guarantee guarantee)
{
	json_t *found = json_object();

	for (int finding = 0; finding < WEIR_ORACLE_FINDINGS; finding++) {
		json_t *row = json_pack("{s:I, s:b}", "count",
					(json_int_t)verdict->found[finding], "allowed",
					!weir__oracle_forbids(guarantee, finding));

		if (verdict->found[finding])
			json_object_set_new(row, "example",
					    json_string(verdict->example[finding]));
		json_object_set_new(found, weir__oracle_finding_title(finding), row);
	}
	return found;
}

static json_t *
missing_json(const struct verify_report *report)
{
	const struct weir_verify_counts *counts = weir__verify_counts(report->verify);
	json_t *missing = json_object();
	char text[200];

	for (int hit = 0; hit < WEIR_VERIFY_HITS; hit++) {
		if (counts->hit[hit])
			continue;
		explain_missing(report, hit, text, sizeof(text));
		json_object_set_new(missing, hit_keys[hit], json_string(text));
	}
	return missing;
}

static json_t *
faults_json(const struct weir_verify_counts *counts)
{
	json_t *faults = json_pack("{s:i, s:i, s:i, s:i}", "kills", counts->kills,
				   "freezes", counts->freezes, "stops", counts->stops,
				   "joins", counts->joins);
	json_t *hits = json_object();

	for (int hit = 0; hit < WEIR_VERIFY_HITS; hit++)
		json_object_set_new(hits, hit_keys[hit],
				    json_pack("{s:i, s:i}", "aimed", counts->aimed[hit],
					      "hit", counts->hit[hit]));
	json_object_set_new(faults, "hits", hits);
	return faults;
}

void
weir__verify_print_json(const struct verify_report *report,
			enum weir_verify_result result)
{
	const struct weir_oracle_verdict *verdict = weir__verify_verdict(report->verify);
	const char *trouble = weir__verify_trouble(report->verify);
	enum weir_guarantee guarantee = report->pipeline->guarantee;
	json_t *json = json_pack("{s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I}", "verdict",
				 weir__verify_result_name(result), "file", report->path,
				 "guarantee", weir__guarantee_name(guarantee),
				 "steps_replaced", 1, "sent", (json_int_t)verdict->sent,
				 "delivered", (json_int_t)verdict->delivered, "outputs",
				 (json_int_t)verdict->outputs, "dead_letters",
				 (json_int_t)verdict->dead_letters, "states",
				 (json_int_t)verdict->states);

	if (*trouble)
		json_object_set_new(json, "trouble", json_string(trouble));
	if (result == WEIR_VERIFY_UNKNOWN) {
		json_object_set_new(json, "missing", missing_json(report));
		json_object_set_new(json, "advised_ms", json_integer(advised_ms(report)));
	}
	json_object_set_new(json, "found", found_json(verdict, guarantee));
	json_object_set_new(json, "faults",
			    faults_json(weir__verify_counts(report->verify)));
	json_object_set_new(json, "made",
			    made_json(weir__verify_scratch(report->verify)));
	weir__json_dump(json);
	json_decref(json);
}
