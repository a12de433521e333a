/*
 * Stores of the rig's app, read by nobody but the test: LMDB through lib/state, changelogs
 * and input as any read_committed consumer reads them.
 *
 * One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <base/folder.h>
#include <state/stores.h>

#include "tests/faults/rig_stores.h"

#define STEP "copy"

static struct weir_logger silent = {.level = WEIR_LOG_ERROR};

struct rig *
rig_open_stores(const char *name, const char *guarantee)
{
	struct rig *rig = rig_open_offline(name, guarantee);

	rig_topic(rig, rig->in, RIG_STORE_PARTITIONS);
	rig_topic(rig, rig->out, RIG_OUT_PARTITIONS);
	rig_set(rig, "/steps=[{\"use\": \"oracle-store\", \"name\": \"" STEP "\"}]");
	setenv(WEIR_ORACLE_ENVIRONMENT, "1", 1);
	return rig;
}

const char *
rig_changelog(const struct rig *rig, const char *store)
{
	static char name[160];

	snprintf(name, sizeof(name), "%s." STEP ".%s.changelog.%s", rig->name, store, rig->in);
	return name;
}

void
rig_state_delete(const struct rig *rig)
{
	ck_assert_int_eq(weir__folder_remove(rig_path(rig, "state")), 0);
}

/* ---- pictures ---- */

static long
number(struct weir_bytes bytes)
{
	char text[24] = "";
	char *end;
	long value;

	ck_assert_uint_gt(bytes.size, 0);
	ck_assert_uint_lt(bytes.size, sizeof(text));
	memcpy(text, bytes.data, bytes.size);
	value = strtol(text, &end, 10);
	ck_assert_msg(*end == '\0' && value >= 0, "not a number: %s", text);
	return value;
}

static void
draw_seen(struct rig_picture *picture, int32_t partition, struct weir_bytes key, bool there)
{
	long id = number(key);

	ck_assert_int_lt(partition, RIG_STORE_PARTITIONS);
	ck_assert_int_lt(id, RIG_STORE_IDS);
	picture->seen[partition][id] = there;
}

static void
draw_count(struct rig_picture *picture, int32_t partition, struct weir_bytes key,
           struct weir_bytes value)
{
	long group = number(key);

	ck_assert_int_lt(partition, RIG_STORE_PARTITIONS);
	ck_assert_int_lt(group, WEIR_ORACLE_GROUPS);
	picture->counts[partition][group] = value.data ? number(value) : 0;
}

static void
draw_store(struct rig_picture *picture, int32_t partition, struct weir_state *state)
{
	struct weir_bytes key, value, none = {NULL, 0};
	struct weir_iterator *iterator;

	iterator = weir_store_range(weir__state_store(state, 0), none, none);
	while (weir_iterator_next(iterator, &key, &value) == 0)
		draw_seen(picture, partition, key, true);
	iterator = weir_store_range(weir__state_store(state, 1), none, none);
	while (weir_iterator_next(iterator, &key, &value) == 0)
		draw_count(picture, partition, key, value);
}

struct rig_picture *
rig_picture_stores(struct rig *rig)
{
	struct rig_picture *picture = weir__calloc(1, sizeof(*picture));
	const struct weir_store_config configs[] = {{STEP ".seen", 0}, {STEP ".counts", 0}};
	char folder[400];
	const char *input = rig->in;
	struct weir_stores_config config = {
		.app = rig->name,
		.folder = folder,
		.stores = configs,
		.store_count = 2,
		.inputs = &input,
		.input_count = 1,
		.batch_bytes = 1 << 20,
		.clock = weir__clock_system(),
		.logger = &silent,
	};
	struct weir_error error = {0};
	struct weir_stores *stores;

	snprintf(folder, sizeof(folder), "%s/state/%s/one", rig->folder, rig->name);
	stores = weir__stores_new(&config, &error);
	ck_assert_msg(stores != NULL, "%s", error.message);
	for (int32_t id = 0; id < RIG_STORE_PARTITIONS; id++) {
		struct weir_state *state = weir__stores_open(stores, input, id, &error);

		ck_assert_msg(state != NULL, "%s", error.message);
		draw_store(picture, id, state);
		weir__state_crash(state); /* reading leaves it as it was */
	}
	weir__stores_free(stores);
	return picture;
}

static void
hear_seen(void *opaque, const struct weir_offset *place, const struct weir_message *message)
{
	draw_seen(opaque, place->partition, message->key, message->value.data != NULL);
}

static void
hear_count(void *opaque, const struct weir_offset *place, const struct weir_message *message)
{
	draw_count(opaque, place->partition, message->key, message->value);
}

static void
hear_input(void *opaque, const struct weir_offset *place, const struct weir_message *message)
{
	struct rig_picture *picture = opaque;

	draw_seen(picture, place->partition, message->value, true);
	picture->counts[place->partition][number(message->value) % WEIR_ORACLE_GROUPS]++;
}

struct rig_picture *
rig_picture_changelogs(struct rig *rig)
{
	struct rig_picture *picture = weir__calloc(1, sizeof(*picture));

	rig_read(rig, rig_changelog(rig, "seen"), hear_seen, picture);
	rig_read(rig, rig_changelog(rig, "counts"), hear_count, picture);
	return picture;
}

struct rig_picture *
rig_picture_input(struct rig *rig)
{
	struct rig_picture *picture = weir__calloc(1, sizeof(*picture));

	rig_read(rig, rig->in, hear_input, picture);
	return picture;
}

/* ---- what has to hold ---- */

static void
expect_same(struct rig *rig, const struct rig_picture *left, const struct rig_picture *right,
            const char *names)
{
	for (int id = 0; id < RIG_STORE_PARTITIONS; id++) {
		for (long key = 0; key < RIG_STORE_IDS; key++)
			if (left->seen[id][key] != right->seen[id][key])
				rig_fail(rig, "%s: [%d] id %ld: %d, %d", names, id, key,
				         left->seen[id][key], right->seen[id][key]);
		for (int group = 0; group < WEIR_ORACLE_GROUPS; group++)
			if (left->counts[id][group] != right->counts[id][group])
				rig_fail(rig, "%s: [%d] group %d: %ld, %ld", names, id, group,
				         left->counts[id][group], right->counts[id][group]);
	}
}

void
rig_expect_stores_like_changelogs(struct rig *rig)
{
	struct rig_picture *stores = rig_picture_stores(rig);
	struct rig_picture *changelogs = rig_picture_changelogs(rig);

	expect_same(rig, stores, changelogs, "stores and changelogs");
	free(stores);
	free(changelogs);
}

void
rig_expect_verdict(struct rig *rig)
{
	const char *input = rig->in, *output = rig->out;
	bool exactly = strcmp(rig->guarantee, "exactly-once") == 0;
	struct weir_oracle_config config = {
		.broker = rig->broker,
		.clock = weir__clock_system(),
		.guarantee = exactly ? WEIR_EXACTLY_ONCE : WEIR_AT_LEAST_ONCE,
		.group = rig->name,
		.inputs = &input,
		.input_count = 1,
		.outputs = &output,
		.output_count = 1,
		.stores = true,
		.patience_ms = RIG_PATIENCE_MS / 2,
	};
	struct weir_oracle_verdict verdict = {0};
	enum weir_oracle_finding finding;
	struct weir_error error = {0};

	ck_assert_msg(weir__oracle_check(&config, &verdict, &error) == 0, "%s", error.message);
	RIG_EXPECT(rig, verdict.sent == rig->ids);
	if (!weir__oracle_holds(&verdict, config.guarantee, &finding))
		rig_fail(rig, "%s: %s", weir__oracle_finding_title(finding),
		         verdict.example[finding]);
}

void
rig_expect_stores(struct rig *rig)
{
	struct rig_picture *stores = rig_picture_stores(rig);
	struct rig_picture *input = rig_picture_input(rig);

	expect_same(rig, stores, input, "stores and input");
	free(stores);
	free(input);
	rig_expect_stores_like_changelogs(rig);
	rig_expect_verdict(rig);
}
