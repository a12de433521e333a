/*
 * The broker's contract over the embedded broker, under a virtual clock.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <broker/memory.h>

#include "tests/broker/contract.h"

static struct weir_virtual_clock virtual_clock;
static struct weir_memory *memory;

static struct weir_broker *
open_broker(void)
{
	weir__virtual_clock_init(&virtual_clock, 1000000);
	memory = weir__memory_open(&virtual_clock.clock, NULL);
	return weir__memory_broker(memory);
}

static void
close_broker(struct weir_broker *broker)
{
	weir__broker_close(broker);
}

static void
idle(int ms)
{
	weir__virtual_clock_advance(&virtual_clock, ms);
}

static void
pass(int64_t ms)
{
	weir__virtual_clock_advance(&virtual_clock, ms);
}

static void
delete_records(const char *topic, int32_t partition, int64_t offset)
{
	weir__memory_delete_records(memory, topic, partition, offset);
}

static const struct weir_contract_fixture fixture = {
	.name = "contract over the embedded broker",
	.slice_ms = 10,
	.patience_ms = 2000,
	.session_timeout_ms = 10000,
	.open = open_broker,
	.close = close_broker,
	.idle = idle,
	.pass = pass,
	.delete_records = delete_records,
};

int
main(void)
{
	return weir_test_run(weir_contract_suite(&fixture));
}
