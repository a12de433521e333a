/*
 * A reading: the inputs and outputs read into a ledger, once or again and again.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTING_READING_H
#define WEIR_TESTING_READING_H

#include <testing/ledger.h>

struct weir_oracle_reading {
	const struct weir_oracle_config *config;
	struct weir_oracle_ledger ledger;
	struct weir_reader *inputs, *outputs;
	int64_t *input_ends, *output_ends; /* as asked last, by index in the ledger */
	int64_t *input_positions;
	struct weir_offset *committed;
	bool has_waited_in_vain; /* for the record of the last output that was not known
				  */
};

int weir__oracle_reading_open(struct weir_oracle_reading *reading,
			      const struct weir_oracle_config *config,
			      struct weir_oracle_verdict *verdict,
			      struct weir_error *error);
void weir__oracle_reading_close(struct weir_oracle_reading *reading);

/* Ask the ends of all inputs, or outputs, now. */
int weir__oracle_reading_ask_ends(struct weir_oracle_reading *reading, bool of_inputs,
				  struct weir_error *error);

/*
 * Read until every position has passed the end that was asked; give up when nothing has
 * come for `patience_ms`. *all says if every position has passed its end.
 */
int weir__oracle_reading_pull(struct weir_oracle_reading *reading, bool of_inputs,
			      int64_t patience_ms, bool *all, struct weir_error *error);

/* Read committed offsets into the ledger's inputs; *stable: none of them is pending. */
int weir__oracle_reading_committed(struct weir_oracle_reading *reading,
				   int64_t patience_ms, bool *stable,
				   struct weir_error *error);

#endif
