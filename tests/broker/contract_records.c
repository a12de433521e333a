/*
 * The contract of records and places: what is kept of a message, rewind, pause, sizes,
 * partitions, ranges, unknown topics, plain commits.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "tests/broker/contract.h"

void
contract_add_records(Suite *suite, TCase *(*new_case)(Suite *, const char *))
{
	new_case(suite, "records");
}
