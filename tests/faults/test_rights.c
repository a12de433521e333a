/*
 * The table of rights in docs/operating.md, row by row: with what it says, and nothing else,
 * each command does its work on a Kafka that asks for rights; without one of them it does not,
 * and names the right and what it is for. What the table says is read from the page, so that
 * the two cannot part.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/folder.h>

#include "tests/faults/rig.h"

#define MAX_RIGHTS 40

/* ---- the page ---- */

/* What stands in its second column, as Kafka's ACLs have it; APP is the rig's app. */
static const struct place {
	const char *words, *what, *name;
} places[] = {
	{"each topic of `inputs`", "topic", "APP-in"},
	{"each topic of `tables`", "topic", "APP-table"},
	{"each topic of `outputs`", "topic", "APP-out"},
	{"the topic of `dead_letter`", "topic", "APP-dead"},
	{"topics `APP.`, prefixed", "topic", "APP.*"},
	{"group `APP`", "group", "APP"},
	{"transactional ids `APP/`, prefixed", "transaction", "APP/*"},
	{"topics `weir-verify`, prefixed", "topic", "weir-verify*"},
	{"groups `weir-verify`, prefixed", "group", "weir-verify*"},
	{"transactional ids `weir-verify`, prefixed", "transaction", "weir-verify*"},
	{"`TOPIC`", "topic", "APP-in"},
	{"transactional ids `weir-produce-once/TOPIC/`, prefixed", "transaction",
         "weir-produce-once/APP-in/*"},
	{"transactional id `weir-produce/NAME`", "transaction", "weir-produce/APP"},
	{"group `NAME`", "group", "APP"},
};

struct right {
	const char *what; /* static */
	char name[80];
	char right[32]; /* lower case */
};

struct rights {
	struct right items[MAX_RIGHTS];
	size_t count;
};

/* The next cell of a row of a table, without the blanks around it; NULL: no more. */
static char *
next_cell(char **row)
{
	char *cell = *row + strspn(*row, "| "), *end = strchr(cell, '|');

	if (!end)
		return NULL;
	*row = end;
	while (end > cell && end[-1] == ' ')
		end--;
	if (end < *row)
		*end = '\0';
	return cell;
}

static void
add_right(struct rights *rights, const struct place *place, const char *app, const char *word)
{
	const char *at = strstr(place->name, "APP");
	int before = at ? (int)(at - place->name) : (int)strlen(place->name);
	struct right *right = &rights->items[rights->count++];
	size_t size = strcspn(word, ",");

	ck_assert_uint_lt(rights->count, MAX_RIGHTS);
	right->what = place->what;
	snprintf(right->name, sizeof(right->name), "%.*s%s%s", before, place->name, at ? app : "",
	         at ? at + 3 : "");
	ck_assert_uint_lt(size, sizeof(right->right));
	for (size_t i = 0; i < size; i++)
		right->right[i] = (char)tolower((unsigned char)word[i]);
	right->right[size] = '\0';
}

static void
add_row(struct rights *rights, const char *app, const char *where, const char *words)
{
	const struct place *place = places;

	while (strcmp(place->words, where) != 0)
		ck_assert_msg(++place < places + sizeof(places) / sizeof(places[0]),
		              "the page names \"%s\", which this test does not know", where);
	for (; *words; words += strspn(words, ", ")) {
		add_right(rights, place, app, words);
		words += strcspn(words, ",");
	}
}

/* Add what the table says of `use`, its first column, which stands in the first of its rows. */
static void
read_page(struct rights *rights, const char *app, const char *use)
{
	FILE *page = fopen(WEIR_OPERATING, "r");
	char line[512], current[128] = "";
	size_t count = rights->count;

	ck_assert_ptr_nonnull(page);
	while (fgets(line, sizeof(line), page) && strcmp(line, "### Rights\n") != 0)
		;
	while (fgets(line, sizeof(line), page) && line[0] != '#') {
		char *row = line + (line[0] == '|'), *first, *where, *words;

		if (line[0] != '|' || line[1] == '-')
			continue;
		if (strncmp(line, "| | ", 4) == 0)
			row += 2;
		else if ((first = next_cell(&row)))
			snprintf(current, sizeof(current), "%s", first);
		where = next_cell(&row);
		row++;
		words = where ? next_cell(&row) : NULL;
		if (words && strcmp(current, use) == 0)
			add_row(rights, app, where, words);
	}
	fclose(page);
	ck_assert_msg(rights->count > count, "the page says nothing of \"%s\"", use);
}

/* ---- the commands ---- */

static void
give(struct rig *rig, size_t ids)
{
	static int id;
	char text[40];

	for (; ids > 0; ids--) {
		struct weir_bytes value = {text, 0};

		value.size = (size_t)snprintf(text, sizeof(text), "{\"id\": %d}", ++id);
		rig_produce_record(rig, value, value);
	}
}

static struct rig_child *
run(struct rig *rig)
{
	give(rig, 3);
	/* has no id */
	rig_produce_record(rig, (struct weir_bytes){"x", 1}, (struct weir_bytes){"{}", 2});
	return rig_run(rig, "--until-end", NULL);
}

static struct rig_child *
reset(struct rig *rig)
{
	return rig_reset(rig, "--to", "earliest", "--yes", NULL);
}

static struct rig_child *
verify(struct rig *rig)
{
	return rig_weir(rig, "verify", rig->pipeline, "--for", "1s", "--set", rig->settings[0], "--set",
	                rig->settings[1], NULL);
}

#define AS_GUEST                                                                              \
	"-b", cluster_bootstrap(rig_cluster()), "-X", "security.protocol=sasl_plaintext", "-X", \
		"sasl.mechanism=PLAIN", "-X", "sasl.username=guest", "-X",                      \
		"sasl.password=guest-secret"

static struct rig_child *
produce(struct rig *rig)
{
	return rig_weir(rig, "produce", rig->in, rig->pipeline, AS_GUEST, NULL);
}

static struct rig_child *
produce_once(struct rig *rig)
{
	return rig_weir(rig, "produce", rig->in, rig->pipeline, "--guarantee", "exactly-once",
	                AS_GUEST, NULL);
}

static struct rig_child *
produce_source(struct rig *rig)
{
	return rig_weir(rig, "produce", rig->in, rig->pipeline, "--source", rig->name, AS_GUEST,
	                NULL);
}

static struct rig_child *
consume(struct rig *rig)
{
	return rig_weir(rig, "consume", rig->in, "-e", AS_GUEST, NULL);
}

static struct rig_child *
consume_group(struct rig *rig)
{
	return rig_weir(rig, "consume", rig->in, "-e", "-G", rig->name, AS_GUEST, NULL);
}

#define APP "`weir run`"
#define EXACTLY "... under exactly-once"
#define STORES "... steps with stores"
#define TABLES "... tables"
#define DEAD "... dead letters"

static const struct deed {
	const char *name; /* the app's */
	const char *guarantee;
	const char *uses[6]; /* of the page's table */
	struct rig_child *(*start)(struct rig *rig);
	int status;
} deeds[] = {
	{"exactly", "exactly-once", {APP, EXACTLY}, run, 0},
	{"least", "at-least-once", {APP}, run, 0},
	{"most", "at-most-once", {APP}, run, 0},
	{"exactly-full", "exactly-once", {APP, EXACTLY, STORES, TABLES, DEAD}, run, 0},
	{"least-full", "at-least-once", {APP, STORES, TABLES, DEAD}, run, 0},
	{"most-full", "at-most-once", {APP, STORES, TABLES, DEAD}, run, 0},
	{"reset", "at-least-once", {"`weir reset`"}, reset, 0},
	{"verify", "exactly-once",
         {"`weir verify`", "... under exactly-once, and verify"}, verify, 4 /* too short */},
	{"produce", "", {"`weir produce TOPIC`"}, produce, 0},
	{"produce-once", "",
         {"`weir produce TOPIC`", "... `--guarantee exactly-once`"}, produce_once, 0},
	{"produce-source", "", {"`weir produce TOPIC`", "... `--source NAME`"}, produce_source, 0},
	{"consume", "", {"`weir consume TOPIC`"}, consume, 0},
	{"consume-group", "", {"`weir consume TOPIC`", "... `-G NAME`"}, consume_group, 0},
};

/* ---- rights ---- */

static bool
uses(const struct deed *deed, const char *use)
{
	for (size_t i = 0; deed->uses[i]; i++)
		if (strcmp(deed->uses[i], use) == 0)
			return true;
	return false;
}

static void
set_up(struct rig *rig, const struct deed *deed)
{
	rig_set(rig, "/kafka/sasl.username=guest");
	rig_set(rig, "/kafka/sasl.password=guest-secret");
	if (uses(deed, DEAD))
		rig_set(rig, "/dead_letter/topic=%s", rig->dead);
	else
		rig_set(rig, "/errors/on_reject=drop");
	if (!uses(deed, STORES) && deed->start != reset)
		return;
	rig_set(rig, "/steps=[{\"use\": \"dedup\", \"with\": {\"id\": \"/id\"}}, "
	             "{\"use\": \"enrich\", \"with\": {\"table\": \"t\", \"on\": \"key\", "
	             "\"into\": \"/found\", \"missing\": \"keep\"}}]");
	rig_set(rig, "/tables/t={\"topic\": \"%s-table\"}", rig->name);
}

/* Its last line says what failed. */
static char *
complaint(const struct rig_child *child)
{
	char *text = rig_stderr(child), *line = text, *words;

	for (char *at = text; (at = strchr(at, '\n')) && at[1]; at++)
		line = at + 1;
	words = strdup(line);
	free(text);
	return words;
}

static bool
names_right(const char *words, const char *right)
{
	static const char either[] = "the right READ (input) or WRITE (output) on";
	char name[48] = "the right ";

	for (size_t i = 0, size = strlen(name); right[i]; i++)
		name[size + i] = (char)toupper((unsigned char)right[i]);
	return strstr(words, name) || ((strcmp(right, "read") == 0 || strcmp(right, "write") == 0) &&
	                               strstr(words, either));
}

static void
expect_named(struct rig *rig, struct rig_child *child, const struct right *right)
{
	char name[80], *words;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(right->name, "*"), right->name);
	if (rig_exit(child) == 0)
		rig_fail(rig, "it does not need %s on %s", right->right, right->name);
	words = complaint(child);
	printf("# %s without %s on %s %s: %s", rig->name, right->right, right->what, right->name, words);
	if (!strstr(words, name) || !names_right(words, right->right))
		rig_fail(rig, "it does not name %s on %s: %s", right->right, right->name, words);
	free(words);
}

/* "create" is needed while there is nothing yet, others when there is something to read. */
static void
take_each_away(struct rig *rig, const struct deed *deed, const struct rights *rights, bool create)
{
	for (size_t i = 0; i < rights->count; i++) {
		const struct right *right = &rights->items[i];

		if ((strcmp(right->right, "create") == 0) != create)
			continue;
		rig_deny(right->what, right->name, right->right);
		expect_named(rig, deed->start(rig), right);
		rig_allow(right->what, right->name, right->right);
	}
}

static void
change_all(const struct rights *rights, void (*change)(const char *, const char *, const char *))
{
	for (size_t i = 0; i < rights->count; i++)
		change(rights->items[i].what, rights->items[i].name, rights->items[i].right);
}

static bool
has_no_members(struct rig *rig)
{
	struct weir_group_info info = {0};
	struct weir_error error = {0};
	bool is_empty = !weir__broker_group_describe(rig->broker, rig->name, &info, 5000, &error) &&
	                info.state == WEIR_GROUP_EMPTY;

	weir__group_info_fini(&info);
	return is_empty;
}

/* Something to take back. */
static void
run_before(struct rig *rig)
{
	static const char *const uses[] = {APP, STORES, TABLES};
	struct rights rights = {.count = 0};

	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++)
		read_page(&rights, rig->name, uses[i]);
	change_all(&rights, rig_allow);
	RIG_EXPECT(rig, rig_exit(run(rig)) == 0);
	RIG_WAIT(rig, has_no_members(rig));
	change_all(&rights, rig_deny);
}

START_TEST(rights_of_the_page_are_enough_and_none_too_many)
{
	const struct deed *deed = &deeds[_i];
	struct rig *rig = rig_open(deed->name, deed->guarantee);
	struct rights rights = {.count = 0};
	char table[64];

	snprintf(table, sizeof(table), "%s-table", rig->name);
	rig_topic(rig, table, 1);
	set_up(rig, deed);
	if (deed->start == reset)
		run_before(rig);
	for (size_t i = 0; deed->uses[i]; i++)
		read_page(&rights, rig->name, deed->uses[i]);
	change_all(&rights, rig_allow);
	if (uses(deed, STORES)) {
		take_each_away(rig, deed, &rights, true);
		RIG_EXPECT(rig, rig_exit(deed->start(rig)) == deed->status);
		weir__folder_remove(rig_path(rig, "state"));
	}
	if (deed->start != verify || rig_rounds(50) > 50) /* each takes it some 10 s */
		take_each_away(rig, deed, &rights, false);
	RIG_EXPECT(rig, rig_exit(deed->start(rig)) == deed->status);
	rig_close(rig);
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("faults");
	TCase *tcase = tcase_create("rights");

	tcase_add_unchecked_fixture(tcase, rig_setup_secure, rig_teardown);
	tcase_set_timeout(tcase, RIG_TEST_TIMEOUT_S);
	tcase_add_loop_test(tcase, rights_of_the_page_are_enough_and_none_too_many, 0,
	                    sizeof(deeds) / sizeof(deeds[0]));
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	const char *why = cluster_missing();

	return why ? weir_test_skip(why) : weir_test_run(suite());
}
