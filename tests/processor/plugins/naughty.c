/*
 * A plugin that does what it may not, as its option says; the rest is as it should be.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <weir/json.h>

struct naughty_options {
	const char *how;
};

static const struct weir_option options[] = {
	WEIR_OPT_STRING(struct naughty_options, how, "not", "what it does"), WEIR_OPT_END};

struct naughty {
	const char *kept;
	const json_t *kept_json;
	const struct weir_record *kept_record;
	char *own;
};

/* What is leaked stays reachable, so that a leak checker has nothing to say of the tests. */
struct leaked {
	struct leaked *next;
	json_t *json;
};
static struct leaked *all_leaked;
static struct weir_context *first_ctx; /* of the step that was opened first */
static volatile size_t touched;

static bool
does(const struct weir_context *ctx, const char *how)
{
	const struct naughty_options *opts = weir_options(ctx);

	return strcmp(opts->how, how) == 0;
}

static void
leak(json_t *json)
{
	struct leaked *leaked = malloc(sizeof(*leaked));

	leaked->next = all_leaked;
	leaked->json = json;
	all_leaked = leaked;
}

static void *
emit_elsewhere(void *opaque)
{
	weir_emit_same(opaque);
	return NULL;
}

static int
naughty_open(struct weir_context *ctx, void *memory, struct weir_error *error)
{
	struct naughty *naughty = memory;

	(void)error;
	naughty->own = strdup("own");
	if (does(ctx, "be used by others"))
		first_ctx = ctx;
	if (does(ctx, "leak task"))
		leak(NULL);
	return 0;
}

static void
naughty_close(struct weir_context *ctx, void *memory)
{
	struct naughty *naughty = memory;

	(void)ctx;
	free(naughty->own);
}

/* Use what the record before this one left. */
static void
use_kept(struct weir_context *ctx, const struct naughty *naughty)
{
	if (naughty->kept && does(ctx, "emit kept"))
		weir_emit_value(ctx, (struct weir_bytes){naughty->kept, 1});
	else if (naughty->kept)
		touched += (size_t)naughty->kept[0];
	if (naughty->kept_json)
		touched += json_object_size(naughty->kept_json);
	if (naughty->kept_record)
		touched += weir_record_key(naughty->kept_record).size;
}

static void
keep(struct weir_context *ctx, struct naughty *naughty, const struct weir_record *record)
{
	if (does(ctx, "keep value") || does(ctx, "emit kept"))
		naughty->kept = weir_record_value(record).data;
	if (does(ctx, "keep key"))
		naughty->kept = weir_record_key(record).data;
	if (does(ctx, "keep json"))
		naughty->kept_json = weir_record_json(ctx, record);
	if (does(ctx, "keep record"))
		naughty->kept_record = record;
}

static enum weir_verdict
naughty_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	struct naughty *naughty = memory;
	json_t *json = json_pack("{s:s}", "a", "b");
	pthread_t thread;

	use_kept(ctx, naughty);
	keep(ctx, naughty, record);
	if (does(ctx, "leak record"))
		leak(NULL);
	if (does(ctx, "leak json"))
		leak(json_incref(json));
	json_decref(json);
	free(naughty->own);
	naughty->own = malloc(100);
	if (does(ctx, "emit in a thread") &&
	    pthread_create(&thread, NULL, emit_elsewhere, ctx) == 0)
		pthread_join(thread, NULL);
	if (does(ctx, "use others"))
		weir_emit_same(first_ctx);
	if (does(ctx, "reject"))
		return weir_reject(ctx, "rejected");
	if (weir_emit_same(ctx) && does(ctx, "go on")) {
		weir_emit_same(ctx);
		weir_emit_same(ctx);
	}
	return WEIR_DONE;
}

static const struct weir_processor processor = {
	WEIR_PROCESSOR_HEADER,
	.name = "naughty",
	.options = options,
	.options_size = sizeof(struct naughty_options),
	.memory_size = sizeof(struct naughty),
	.open = naughty_open,
	.close = naughty_close,
	.record = naughty_record,
};

WEIR_PLUGIN(processor);
