/*
 * A real Kafka for a test program: brokers that live in a temporary folder until the
 * cluster is closed or the process that opened it is gone, however it went.
 *
 *   int main(void)
 *   {
 *           const char *why = cluster_missing();
 *           if (why)
 *                   return weir_test_skip(why);
 *           return weir_test_run(suite());
 *   }
 *
 * In an unchecked fixture a cluster is opened once and serves all forked tests; in a
 * checked one each test has its own. Starting one takes 1 to 4 s: set the timeout of the
 * test case (tcase_set_timeout). It is all done by the script `kafka` beside this file.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTS_KAFKA_CLUSTER_H
#define WEIR_TESTS_KAFKA_CLUSTER_H

struct cluster;

/* Why no Kafka can run here (no Java, no jars): for weir_test_skip(). NULL: it can. Static. */
const char *cluster_missing(void);

/*
 * Start `brokers` brokers, ids from 1, with further options of `kafka start`, NULL-terminated
 * (or NULL): {"-p", "log.retention.ms=1000", "--secure", NULL}.
 *
 * Ends the test with the script's message when it does not start: never NULL.
 */
struct cluster *cluster_open(int brokers, const char *const *options);

/* Kill all brokers, remove all files. NULL is fine. */
void cluster_close(struct cluster *cluster);

/* The same, but logs and data stay, in this folder; the caller frees its name. */
char *cluster_close_keeping(struct cluster *cluster);

/* bootstrap.servers; the cluster's. */
const char *cluster_bootstrap(const struct cluster *cluster);

/*
 * The same brokers at the addresses where they know each other: with "--proxied" the way
 * around the proxy (tests/proxy); no login is asked for there. The cluster's.
 */
const char *cluster_direct(const struct cluster *cluster);

/* Do something to one broker; ends the test when that cannot be done. */
void cluster_kill(struct cluster *cluster, int broker);    /* kill -9 */
void cluster_pause(struct cluster *cluster, int broker);   /* SIGSTOP */
void cluster_resume(struct cluster *cluster, int broker);  /* SIGCONT */
void cluster_restart(struct cluster *cluster, int broker); /* stop in good order, start, wait */

#endif
