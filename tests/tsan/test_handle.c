/*
 * ThreadSanitizer and librdkafka get along: the shim is what librdkafka calls, and clients
 * come and go without a report.
 *
 * Built with --with-sanitizer=thread only. No broker is needed: threads start at once.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <dlfcn.h>
#include <stdio.h>

#include <librdkafka/rdkafka.h>

#include "tests/harness.h"

START_TEST(librdkafka_calls_the_shim)
{
	static const char *const names[] = {"thrd_create", "mtx_lock", "cnd_timedwait",
	                                    "call_once"};
	Dl_info program, found;

	ck_assert(dladdr((void *)weir_test_run, &program));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ck_assert(dladdr(dlsym(RTLD_DEFAULT, names[i]), &found));
		ck_assert_msg(found.dli_fbase == program.dli_fbase, "%s is of %s", names[i],
		              found.dli_fname);
	}
}
END_TEST

static const rd_kafka_type_t types[] = {RD_KAFKA_PRODUCER, RD_KAFKA_CONSUMER};

START_TEST(client_comes_and_goes_without_a_report)
{
	char reason[256] = "";
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *client;

	ck_assert_int_eq(rd_kafka_conf_set(conf, "bootstrap.servers", "127.0.0.1:9", reason,
	                                   sizeof(reason)),
	                 RD_KAFKA_CONF_OK);
	ck_assert_int_eq(rd_kafka_conf_set(conf, "group.id", "tsan", reason, sizeof(reason)),
	                 RD_KAFKA_CONF_OK);
	ck_assert_int_eq(rd_kafka_conf_set(conf, "log_level", "0", reason, sizeof(reason)),
	                 RD_KAFKA_CONF_OK);
	client = rd_kafka_new(types[_i], conf, reason, sizeof(reason));
	ck_assert_msg(client != NULL, "%s", reason);
	rd_kafka_poll(client, 200);
	rd_kafka_destroy(client);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("tsan");
	TCase *tcase = tcase_create("handle");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, librdkafka_calls_the_shim);
	tcase_add_loop_test(tcase, client_comes_and_goes_without_a_report, 0, 2);
	suite_add_tcase(suite, tcase);
	return weir_test_run(suite);
}
