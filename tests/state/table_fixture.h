/*
 * Tables on the embedded broker: `people` with two partitions and `places` with one.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTS_STATE_TABLE_FIXTURE_H
#define WEIR_TESTS_STATE_TABLE_FIXTURE_H

#include <check.h>
#include <string.h>

#include <broker/memory.h>
#include <state/tables.h>

extern struct weir_table_topic topics[2];
extern struct weir_virtual_clock virtual_clock;
extern struct weir_memory *memory;
extern struct weir_broker *broker;
extern struct weir_tables *tables;
extern struct weir_tables_config config;
extern struct weir_table *views[2];
extern struct weir_error failure;
extern char folder[64];
extern char log_text[8192];

void setup(void);
void teardown(void);
/* Compacted. */
void create(const char *topic, int partitions);
/* In good order; `die`: as if the process died. */
void stop(void);
void die(void);
void start(void);
/* 10 ms apart; until it fails. */
void steps(int count);
void start_and_read(void);
struct weir_bytes bytes(const char *text);
/* Append to the topic. */
void put(const char *topic, int partition, const char *key, const char *value);
/* What stands there; "-": nothing. Valid until the next one. */
const char *get_bytes(int table, struct weir_bytes key);
/* In a view of this moment. */
const char *get(int table, const char *key);
/* Read "ann" and "bob", leave, and append "eve" to partition 0. */
void read_and(void (*leave)(void));

#define IS(table, key, value) ck_assert_str_eq(get(table, key), value)
#define LOGGED(part) ck_assert_msg(strstr(log_text, part) != NULL, "%s", log_text)
#define NOT_LOGGED(part) ck_assert_msg(strstr(log_text, part) == NULL, "%s", log_text)

#endif
