/*
 * The list of suspects.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <run/suspect.h>

#include "tests/harness.h"

START_TEST(suspects_are_found_in_any_order_of_adding)
{
	static const int64_t offsets[] = {7, 3, 9, 1, 5, 100, 0, 50, 2, 8};
	struct weir_suspects suspects = {0};

	for (size_t index = 0; index < 10; index++)
		weir__suspects_add(&suspects, offsets[index], WEIR_SUSPECT_SLOW, "slow");
	for (size_t index = 0; index < 10; index++)
		ck_assert_ptr_nonnull(weir__suspects_find(&suspects, offsets[index]));
	ck_assert_ptr_null(weir__suspects_find(&suspects, 4));
	for (size_t index = 1; index < suspects.count; index++)
		ck_assert_int_lt(suspects.items[index - 1].offset, suspects.items[index].offset);
	weir__suspects_fini(&suspects);
}
END_TEST

START_TEST(suspicion_only_grows)
{
	struct weir_suspects suspects = {0};

	weir__suspects_add(&suspects, 5, WEIR_SUSPECT_GUILTY, "first");
	weir__suspects_add(&suspects, 5, WEIR_SUSPECT_REFUSED, "second");
	ck_assert_int_eq(weir__suspects_find(&suspects, 5)->suspicion, WEIR_SUSPECT_GUILTY);
	ck_assert_str_eq(weir__suspects_find(&suspects, 5)->reason, "first");
	weir__suspects_add(&suspects, 5, WEIR_SUSPECT_HOPELESS, "third");
	ck_assert_int_eq(weir__suspects_find(&suspects, 5)->suspicion, WEIR_SUSPECT_HOPELESS);
	ck_assert_uint_eq(suspects.count, 1);
	weir__suspects_fini(&suspects);
}
END_TEST

START_TEST(committed_ones_are_forgotten)
{
	struct weir_suspects suspects = {0};

	weir__suspects_forget(&suspects, 10);
	weir__suspects_add(&suspects, 5, WEIR_SUSPECT_SLOW, "");
	weir__suspects_add(&suspects, 10, WEIR_SUSPECT_SLOW, "");
	weir__suspects_forget(&suspects, 10);
	ck_assert_ptr_null(weir__suspects_find(&suspects, 5));
	ck_assert_ptr_nonnull(weir__suspects_find(&suspects, 10));
	weir__suspects_fini(&suspects);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("suspect");
	TCase *tcase = tcase_create("suspect");

	tcase_add_test(tcase, suspects_are_found_in_any_order_of_adding);
	tcase_add_test(tcase, suspicion_only_grows);
	tcase_add_test(tcase, committed_ones_are_forgotten);
	suite_add_tcase(suite, tcase);
	return weir_test_run(suite);
}
