/*
 * The ledger: every input record with what is expected of it and what was seen.
 *
 * Inputs are added as they are read; outputs are entered one by one, in the order of
 * their partitions. A check keeps one ledger, a watch another.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTING_LEDGER_H
#define WEIR_TESTING_LEDGER_H

#include <testing/oracle.h>

/* An input record. */
struct weir_oracle_record {
	uint64_t id;
	bool present; /* committed, not a marker or aborted */
	bool reject, early, hold, counted, kept;
	bool again; /* its partition had this id before: a step with a store drops it */
	uint8_t copies;
	uint8_t output[WEIR_ORACLE_COPIES];
	uint8_t seen[WEIR_ORACLE_COPIES];
	uint8_t dead;
	uint8_t summed;
	uint32_t stored; /* what its outputs say of the store; 0: nothing */
	uint16_t by; /* 1 + number of the run whose output was seen last; 0: not known */
};

struct weir_oracle_input {
	const char *topic;
	int32_t id;
	int64_t low;   /* offset of records[0] */
	int64_t count; /* of records[] */
	int64_t capacity;
	struct weir_oracle_record *records;
	int64_t committed; /* as last read; or WEIR_OFFSET_NONE */
	int64_t checked;   /* a watch: everything below was found complete */
	int64_t seen_end;  /* behind the last offset of which an output was seen */
	char *seen_where;  /* that output; owned */
};

/* What was read of an output: enough to know it again. */
struct weir_oracle_sighting {
	int64_t offset;
	int64_t source_offset; /* -1: a sum, tick or foreign */
	int32_t source_input;  /* index of the input partition */
	int32_t copy;          /* or WEIR_ORACLE_DEAD */
};
#define WEIR_ORACLE_DEAD (-1)
#define WEIR_ORACLE_OTHER (-2)

/* What came last from one input partition, in one output partition. */
struct weir_oracle_order {
	int64_t record[2]; /* of those that were held, and of the others */
	int64_t tick;
	int64_t next_number; /* of a tally's tick */
};

struct weir_oracle_output {
	const char *topic;
	int32_t id;
	bool dead_letters;
	int64_t position; /* of the reader */
	struct weir_oracle_sighting *sightings;
	size_t sighting_count, sighting_capacity;
	struct weir_oracle_order *order; /* by input partition */
};

struct weir_oracle_ledger {
	const struct weir_oracle_config *config;
	struct weir_oracle_verdict *verdict;
	struct weir_oracle_input *inputs;
	size_t input_count;
	struct weir_oracle_output *outputs;
	size_t output_count;
	struct {
		int32_t input;
		int64_t offset;
	} * ids; /* plain: where each id is; with stores: where it was kept first */
	size_t id_count;
};

int weir__oracle_ledger_init(struct weir_oracle_ledger *ledger,
			     const struct weir_oracle_config *config,
			     struct weir_oracle_verdict *verdict,
			     struct weir_error *error);
void weir__oracle_ledger_fini(struct weir_oracle_ledger *ledger);

struct weir_oracle_input *weir__oracle_ledger_input(struct weir_oracle_ledger *ledger,
						    const char *topic, size_t topic_size,
						    int32_t partition);
struct weir_oracle_output *weir__oracle_ledger_output(struct weir_oracle_ledger *ledger,
						      const char *topic,
						      int32_t partition);

void weir__oracle_ledger_add_input(struct weir_oracle_ledger *ledger,
				   struct weir_oracle_input *input, int64_t offset,
				   const struct weir_message *message);
/* Have the inputs been read as far as the record that this output is of? */
bool weir__oracle_ledger_is_known(struct weir_oracle_ledger *ledger,
				  const struct weir_oracle_output *output,
				  const int64_t *input_positions,
				  const struct weir_message *message);
void weir__oracle_ledger_add_output(struct weir_oracle_ledger *ledger,
				    struct weir_oracle_output *output, int64_t offset,
				    const struct weir_message *message);

/* The record, or NULL: nothing committed is there. */
struct weir_oracle_record *
weir__oracle_input_record(const struct weir_oracle_input *input, int64_t offset);

/* For formats: a place in an input or output. */
#define PLACE "%s[%" PRId32 "]@%" PRId64
#define PLACE_OF(at, offset) (at)->topic, (at)->id, (offset)

/* ---- ledger_ids.c ---- */

void weir__oracle_ledger_remember(struct weir_oracle_ledger *ledger, uint64_t id,
				  const struct weir_oracle_input *input, int64_t offset);
/* False: it is not known. */
bool weir__oracle_ledger_find(const struct weir_oracle_ledger *ledger, uint64_t id,
			      struct weir_oracle_input **input, int64_t *offset);
/* With stores: was a record of this id kept in this partition before? Else it is now. */
bool weir__oracle_ledger_is_again(struct weir_oracle_ledger *ledger,
				  const struct weir_oracle_input *input, int64_t offset,
				  const struct weir_oracle_record *record);

/* ---- ledger_state.c ---- */

/* Note what an output says of its step's store. */
void weir__oracle_ledger_stored(struct weir_oracle_record *record,
				const struct weir_message *message);
/* Exactly-once: was that what the records before it make? All has been read. */
void weir__oracle_ledger_check_state(struct weir_oracle_ledger *ledger,
				     const struct weir_oracle_input *input);

/* ---- check_state.c ---- */

/* All has been read: do the changelogs hold what the inputs say? Returns 0 or a WEIR_E*. */
int weir__oracle_check_changelogs(struct weir_oracle_ledger *ledger, struct weir_error *error);

/* ---- ledger.c ---- */

enum weir_oracle_state { WEIR_ORACLE_NOTHING, WEIR_ORACLE_PART, WEIR_ORACLE_ALL };
/* How much of what the record asks for was seen. */
enum weir_oracle_state weir__oracle_record_state(const struct weir_oracle_ledger *ledger,
						 const struct weir_oracle_record *record);
/* LOST or TORN, for a record below the committed offset that is not complete. */
void weir__oracle_ledger_report(struct weir_oracle_ledger *ledger,
				const struct weir_oracle_input *input, int64_t offset,
				const char *when);

#endif
