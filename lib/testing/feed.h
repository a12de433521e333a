/*
 * The feed: numbered records into the inputs, at an even rate, on a thread of its own.
 *
 * A record says what is to become of it (oracle.h). It is delivered, or the feed has failed;
 * some twice, maybe: for the oracle a record is what it is by its place, not by its id.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTING_FEED_H
#define WEIR_TESTING_FEED_H

#include <testing/oracle.h>

/* All borrowed while the feed lives. */
struct weir_feed_config {
	struct weir_broker *broker;
	const struct weir_clock *clock;
	const struct weir_properties *producer; /* may be NULL */
	const char *const *inputs;
	size_t input_count;
	struct weir_oracle_variety variety;
	int64_t records;   /* so many within `length_ms`, and on at this rate until its end */
	int64_t length_ms;
	unsigned seed;
};

struct weir_feed;

/* NULL with *error for properties that a producer cannot have. */
struct weir_feed *weir__feed_start(const struct weir_feed_config *config,
				   struct weir_error *error);

/* Send what is left of `records`, and no more. Returns at once. */
void weir__feed_end(struct weir_feed *feed);
/* After the end: is all that was sent delivered? Also true when it failed. */
bool weir__feed_is_done(const struct weir_feed *feed);
/* Has a record not been delivered? *error (may be NULL) says why. */
bool weir__feed_has_failed(const struct weir_feed *feed, struct weir_error *error);
/* So far. */
int64_t weir__feed_sent(const struct weir_feed *feed);

/* Stop at once, whatever is on its way. NULL is fine. */
void weir__feed_free(struct weir_feed *feed);

#endif
