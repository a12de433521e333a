/*
 * The verdict: what each guarantee forbids, and the table that says how it went.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdarg.h>

#include "tests/oracle/oracle.h"

void
oracle_verdict_add(struct oracle_verdict *verdict, enum oracle_finding finding,
		   const char *format, ...)
{
	va_list arguments;

	if (verdict->found[finding]++)
		return;
	va_start(arguments, format);
	vsnprintf(verdict->example[finding], sizeof(verdict->example[finding]), format,
		  arguments);
	va_end(arguments);
}

const char *
oracle_finding_title(enum oracle_finding finding)
{
	static const char *const titles[] = {
#define ORACLE_FINDING_TITLE(name, title, meaning) title,
		ORACLE_FINDING_MAP(ORACLE_FINDING_TITLE)
#undef ORACLE_FINDING_TITLE
	};

	return titles[finding];
}

const char *
oracle_finding_name(enum oracle_finding finding)
{
	static const char *const names[] = {
#define ORACLE_FINDING_NAME(name, title, meaning) #name,
		ORACLE_FINDING_MAP(ORACLE_FINDING_NAME)
#undef ORACLE_FINDING_NAME
	};

	return names[finding];
}

bool
oracle_forbids(enum weir_guarantee guarantee, enum oracle_finding finding)
{
	switch (finding) {
	case ORACLE_LOST:
	case ORACLE_TORN:
		return guarantee != WEIR_AT_MOST_ONCE;
	case ORACLE_REPEATED:
	case ORACLE_BEYOND:
		return guarantee != WEIR_AT_LEAST_ONCE;
	case ORACLE_DISORDERED:
	case ORACLE_MISCOUNTED:
	case ORACLE_REGRESSED:
		/*
		 * Without transactions one who lost its partition may still have outputs
		 * under way, and a commit that was refused after one without an answer
		 * goes back to where the batch began.
		 */
		return guarantee == WEIR_EXACTLY_ONCE;
	default:
		return true;
	}
}

bool
oracle_holds(const struct oracle_verdict *verdict, enum weir_guarantee guarantee,
	     enum oracle_finding *first)
{
	for (int finding = 0; finding < ORACLE_FINDINGS; finding++) {
		if (!verdict->found[finding] || !oracle_forbids(guarantee, finding))
			continue;
		if (first)
			*first = finding;
		return false;
	}
	return true;
}

void
oracle_print(FILE *to, const struct oracle_verdict *verdict,
	     enum weir_guarantee guarantee)
{
	fprintf(to, "  %-28s %10" PRIu64 "\n", "sent", verdict->sent);
	fprintf(to, "  %-28s %10" PRIu64 "\n", "delivered", verdict->delivered);
	fprintf(to, "  %-28s %10" PRIu64 "\n", "records in outputs", verdict->outputs);
	fprintf(to, "  %-28s %10" PRIu64 "\n", "dead letters", verdict->dead_letters);
	for (int finding = 0; finding < ORACLE_FINDINGS; finding++) {
		uint64_t count = verdict->found[finding];

		fprintf(to, "  %-28s %10" PRIu64 "%s\n", oracle_finding_title(finding),
			count,
			!count                               ? ""
			: oracle_forbids(guarantee, finding) ? "  WRONG"
							     : "  allowed");
		if (count)
			fprintf(to, "      %s\n", verdict->example[finding]);
	}
}
