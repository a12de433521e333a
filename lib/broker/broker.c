/*
 * What the implementations of the broker interface share: the names of outcomes, and the
 * ends of descriptions. Knows no broker; any thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <broker/broker.h>

const char *
weir__outcome_name(enum weir_outcome outcome)
{
	static const char *const names[] = {
		[WEIR_SUCCESS] = "done",   [WEIR_TAINTED] = "tainted", [WEIR_AGAIN] = "again",
		[WEIR_ABORT] = "abort",    [WEIR_UNKNOWN] = "unknown", [WEIR_FENCED] = "fenced",
		[WEIR_FATAL] = "fatal",
	};
	size_t index = (size_t)outcome;

	return index < sizeof(names) / sizeof(names[0]) ? names[index] : "not an outcome";
}

void
weir__cluster_info_fini(struct weir_cluster_info *info)
{
	weir__arena_fini(&info->arena);
	*info = (struct weir_cluster_info){0};
}

void
weir__group_info_fini(struct weir_group_info *info)
{
	weir__arena_fini(&info->arena);
	*info = (struct weir_group_info){0};
}
