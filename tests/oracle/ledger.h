/*
 * The ledger: every input record with what is expected of it and what was seen.
 *
 * Inputs are added as they are read; outputs are entered one by one, in the order of their
 * partitions. A check keeps one ledger, a watch another.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTS_ORACLE_LEDGER_H
#define WEIR_TESTS_ORACLE_LEDGER_H

#include "tests/oracle/oracle.h"

/* An input record. */
struct oracle_record {
	uint64_t id;
	bool present; /* committed, not a marker or aborted */
	bool reject, early, hold, counted;
	uint8_t copies;
	uint8_t output[ORACLE_COPIES];
	uint8_t seen[ORACLE_COPIES];
	uint8_t dead;
	uint8_t summed;
};

struct oracle_input {
	const char *topic;
	int32_t id;
	int64_t low;       /* offset of records[0] */
	int64_t count;     /* of records[] */
	int64_t capacity;
	struct oracle_record *records;
	int64_t committed; /* as last read; or WEIR_OFFSET_NONE */
	int64_t checked;   /* a watch: everything below was found complete */
	int64_t seen_end;  /* behind the last offset of which an output was seen */
	char *seen_where;  /* that output; owned */
};

/* What was read of an output: enough to know it again. */
struct oracle_sighting {
	int64_t offset;
	int64_t source_offset; /* -1: a sum, tick or foreign */
	int32_t source_input;  /* index of the input partition */
	int32_t copy;          /* or ORACLE_DEAD */
};
#define ORACLE_DEAD (-1)
#define ORACLE_OTHER (-2)

/* What came last from one input partition, in one output partition. */
struct oracle_order {
	int64_t record[2]; /* of those that were held, and of the others */
	int64_t tick;
};

struct oracle_output {
	const char *topic;
	int32_t id;
	bool dead_letters;
	int64_t position; /* of the reader */
	struct oracle_sighting *sightings;
	size_t sighting_count, sighting_capacity;
	struct oracle_order *order; /* by input partition */
};

struct oracle_ledger {
	const struct oracle_config *config;
	struct oracle_verdict *verdict;
	struct oracle_input *inputs;
	size_t input_count;
	struct oracle_output *outputs;
	size_t output_count;
	struct { int32_t input; int64_t offset; } *ids; /* plain: where each id is */
	size_t id_count;
};

int oracle_ledger_init(struct oracle_ledger *ledger, const struct oracle_config *config,
		       struct oracle_verdict *verdict, struct weir_error *error);
void oracle_ledger_fini(struct oracle_ledger *ledger);

struct oracle_input *oracle_ledger_input(struct oracle_ledger *ledger, const char *topic,
					 size_t topic_size, int32_t partition);
struct oracle_output *oracle_ledger_output(struct oracle_ledger *ledger, const char *topic,
					   int32_t partition);

void oracle_ledger_add_input(struct oracle_ledger *ledger, struct oracle_input *input,
			     int64_t offset, const struct weir_message *message);
/* Have the inputs been read as far as the record that this output is of? */
bool oracle_ledger_is_known(struct oracle_ledger *ledger, const struct oracle_output *output,
			    const int64_t *input_positions,
			    const struct weir_message *message);
void oracle_ledger_add_output(struct oracle_ledger *ledger, struct oracle_output *output,
			      int64_t offset, const struct weir_message *message);

/* The record, or NULL: nothing committed is there. */
struct oracle_record *oracle_input_record(const struct oracle_input *input, int64_t offset);

enum oracle_state { ORACLE_NOTHING, ORACLE_PART, ORACLE_ALL };
/* How much of what the record asks for was seen. */
enum oracle_state oracle_record_state(const struct oracle_ledger *ledger,
				      const struct oracle_record *record);
/* LOST or TORN, for a record below the committed offset that is not complete. */
void oracle_ledger_report(struct oracle_ledger *ledger, const struct oracle_input *input,
			  int64_t offset, const char *when);

#endif
