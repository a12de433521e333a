/*
 * The verdict: what each guarantee forbids, and the table that says how it went.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdarg.h>

#include <testing/oracle.h>

void
weir__oracle_verdict_add(struct weir_oracle_verdict *verdict,
			 enum weir_oracle_finding finding, const char *format, ...)
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
weir__oracle_finding_title(enum weir_oracle_finding finding)
{
	static const char *const titles[] = {
#define WEIR_ORACLE_FINDING_TITLE(name, title, meaning) title,
		WEIR_ORACLE_FINDING_MAP(WEIR_ORACLE_FINDING_TITLE)
#undef WEIR_ORACLE_FINDING_TITLE
	};

	return titles[finding];
}

const char *
weir__oracle_finding_name(enum weir_oracle_finding finding)
{
	static const char *const names[] = {
#define WEIR_ORACLE_FINDING_NAME(name, title, meaning) #name,
		WEIR_ORACLE_FINDING_MAP(WEIR_ORACLE_FINDING_NAME)
#undef WEIR_ORACLE_FINDING_NAME
	};

	return names[finding];
}

bool
weir__oracle_forbids(enum weir_guarantee guarantee, enum weir_oracle_finding finding)
{
	switch (finding) {
	case WEIR_ORACLE_LOST:
	case WEIR_ORACLE_TORN:
		return guarantee != WEIR_AT_MOST_ONCE;
	case WEIR_ORACLE_REPEATED:
	case WEIR_ORACLE_BEYOND:
		return guarantee != WEIR_AT_LEAST_ONCE;
	case WEIR_ORACLE_DISORDERED:
	case WEIR_ORACLE_MISCOUNTED:
	case WEIR_ORACLE_REGRESSED:
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
weir__oracle_holds(const struct weir_oracle_verdict *verdict,
		   enum weir_guarantee guarantee, enum weir_oracle_finding *first)
{
	for (int finding = 0; finding < WEIR_ORACLE_FINDINGS; finding++) {
		if (!verdict->found[finding] || !weir__oracle_forbids(guarantee, finding))
			continue;
		if (first)
			*first = finding;
		return false;
	}
	return true;
}

void
weir__oracle_print(FILE *to, const struct weir_oracle_verdict *verdict,
		   enum weir_guarantee guarantee)
{
	fprintf(to, "  %-28s %10" PRIu64 "\n", "sent", verdict->sent);
	fprintf(to, "  %-28s %10" PRIu64 "\n", "delivered", verdict->delivered);
	fprintf(to, "  %-28s %10" PRIu64 "\n", "records in outputs", verdict->outputs);
	fprintf(to, "  %-28s %10" PRIu64 "\n", "dead letters", verdict->dead_letters);
	if (verdict->states)
		fprintf(to, "  %-28s %10" PRIu64 "\n", "entries of stores compared",
			verdict->states);
	for (int finding = 0; finding < WEIR_ORACLE_FINDINGS; finding++) {
		uint64_t count = verdict->found[finding];

		fprintf(to, "  %-28s %10" PRIu64 "%s\n",
			weir__oracle_finding_title(finding), count,
			!count                                     ? ""
			: weir__oracle_forbids(guarantee, finding) ? "  WRONG"
								   : "  allowed");
		if (count)
			fprintf(to, "      %s\n", verdict->example[finding]);
	}
}
