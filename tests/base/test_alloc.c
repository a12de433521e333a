/*
 * The arena and the buffer.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>

#include "tests/harness.h"

START_TEST(arena_pieces_are_aligned_and_apart)
{
	struct weir_arena arena = {0};
	unsigned char *pieces[500];
	size_t sizes[500];

	for (size_t i = 0; i < 500; i++) {
		sizes[i] = (i * 7919) % 700 + (i == 250 ? 3000000 : 0);
		pieces[i] = weir__arena_alloc(&arena, sizes[i]);
		ck_assert_uint_eq((uintptr_t)pieces[i] % alignof(max_align_t), 0);
		memset(pieces[i], (int)(i % 251), sizes[i]);
	}
	for (size_t i = 0; i < 500; i++) {
		size_t wrong = 0;

		for (size_t j = 0; j < sizes[i]; j++)
			wrong += pieces[i][j] != i % 251;
		ck_assert_msg(wrong == 0, "piece %zu: %zu bytes overwritten", i, wrong);
	}
	weir__arena_fini(&arena);
}
END_TEST

START_TEST(arena_reset_gives_the_same_memory_again)
{
	struct weir_arena arena = {0};
	void *first = weir__arena_alloc(&arena, 100);

	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < 50; i++)
			memset(weir__arena_alloc(&arena, 1000), round, 1000);
		ck_assert_uint_ge(arena.used_bytes, 50000);
		weir__arena_reset(&arena);
		ck_assert_uint_eq(arena.used_bytes, 0);
		ck_assert_ptr_eq(weir__arena_alloc(&arena, 100), first);
	}
	weir__arena_fini(&arena);
	ck_assert_ptr_null(arena.first);
}
END_TEST

START_TEST(arena_that_was_only_made_of_zeroes_can_be_reset_and_ended)
{
	struct weir_arena arena = {0};

	weir__arena_reset(&arena);
	weir__arena_fini(&arena);
	ck_assert_ptr_nonnull(weir__arena_alloc(&arena, 0));
	weir__arena_fini(&arena);
}
END_TEST

START_TEST(arena_larger_than_is_kept_survives_its_reset)
{
	struct weir_arena arena = {0};

	memset(weir__arena_alloc(&arena, 5000000), 1, 5000000);
	weir__arena_reset(&arena);
	memset(weir__arena_alloc(&arena, 10), 2, 10);
	memset(weir__arena_alloc(&arena, 5000000), 3, 5000000);
	weir__arena_fini(&arena);
}
END_TEST

START_TEST(copies_keep_null_and_empty_apart)
{
	struct weir_arena arena = {0};
	struct weir_bytes null = weir__arena_copy(&arena, (struct weir_bytes){NULL, 0});
	struct weir_bytes empty = weir__arena_copy(&arena, (struct weir_bytes){"", 0});
	struct weir_bytes text = weir__arena_copy(&arena, (struct weir_bytes){"a\0b", 3});

	ck_assert_ptr_null(null.data);
	ck_assert_ptr_nonnull(empty.data);
	ck_assert_uint_eq(empty.size, 0);
	ck_assert_uint_eq(text.size, 3);
	ck_assert_mem_eq(text.data, "a\0b", 3);
	weir__arena_fini(&arena);
}
END_TEST

START_TEST(buffer_grows_and_keeps_a_nul_behind)
{
	struct weir_buffer buffer = {0};
	size_t size = 0;

	for (int i = 0; i < 10000; i++) {
		weir__buffer_printf(&buffer, "%d,", i);
		ck_assert_uint_gt(buffer.size, size);
		size = buffer.size;
		ck_assert_int_eq(buffer.data[size], '\0');
	}
	weir__buffer_add(&buffer, "\0x", 2);
	weir__buffer_add(&buffer, NULL, 0);
	weir__buffer_add_text(&buffer, "end");
	ck_assert_uint_eq(buffer.size, size + 5);
	ck_assert_mem_eq(buffer.data + size, "\0xend", 6);
	ck_assert_int_eq(strncmp(buffer.data, "0,1,2,3,", 8), 0);
	weir__buffer_fini(&buffer);
	ck_assert_ptr_null(buffer.data);
	weir__buffer_fini(&buffer);
}
END_TEST

START_TEST(copies_of_text_end_where_asked)
{
	char *text = weir__strndup("abcdef", 3);
	char *shorter = weir__strndup("ab", 30);
	char *formatted = weir__format("%s-%d", text, 7);

	ck_assert_str_eq(text, "abc");
	ck_assert_str_eq(shorter, "ab");
	ck_assert_str_eq(formatted, "abc-7");
	free(text);
	free(shorter);
	free(formatted);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("alloc");
	TCase *tcase = tcase_create("alloc");

	tcase_add_test(tcase, arena_pieces_are_aligned_and_apart);
	tcase_add_test(tcase, arena_reset_gives_the_same_memory_again);
	tcase_add_test(tcase, arena_that_was_only_made_of_zeroes_can_be_reset_and_ended);
	tcase_add_test(tcase, arena_larger_than_is_kept_survives_its_reset);
	tcase_add_test(tcase, copies_keep_null_and_empty_apart);
	tcase_add_test(tcase, buffer_grows_and_keeps_a_nul_behind);
	tcase_add_test(tcase, copies_of_text_end_where_asked);
	suite_add_tcase(suite, tcase);
	return weir_test_run(suite);
}
