#include "base/arena.h"

#include "base/testing.h"

#include <stdalign.h>

static void test_lends_zeroed_and_aligned(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	for (size_t round = 0; round < 3; round++) {
		for (size_t size = 1; size < 6000; size = size * 3 + 1) {
			char *memory = arena_alloc(&arena, 1, size);
			assert_int_equal((uintptr_t)memory % alignof(max_align_t), 0);
			for (size_t i = 0; i < size; i++) {
				assert_int_equal(memory[i], 0);
				memory[i] = 'x';
			}
		}
		arena_clear(&arena);
		assert_int_equal(arena.used, 0);
	}
	arena_deinit(&arena);
}

static void test_pieces_do_not_overlap(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	struct view copies[500];
	for (size_t i = 0; i < 500; i++)
		copies[i] = arena_print(&arena, "%0*zu", (int)(1 + i * 7 % 300), i);
	for (size_t i = 0; i < 500; i++) {
		uint64_t number = 0;
		assert_true(view_to_u64(copies[i], &number));
		assert_int_equal(number, i);
	}
	arena_deinit(&arena);
}

static void test_copies_are_terminated(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	const struct view copy = arena_copy(&arena, view_first(VIEW("abcdef"), 3));
	assert_int_equal(copy.length, 3);
	assert_string_equal(copy.data, "abc");
	assert_string_equal(arena_cstring(&arena, VIEW_NONE), "");
	expect_view("print", arena_print(&arena, "%s-%d", "a", 7), VIEW("a-7"));
	arena_deinit(&arena);
}

static void test_small_pieces_share_a_block(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	const char *first = arena_alloc(&arena, 1, 1);
	arena_alloc(&arena, 1, 4050); /* a block of its own */
	const char *second = arena_alloc(&arena, 1, 1);
	assert_int_equal(second - first, alignof(max_align_t));
	arena_clear(&arena);
	assert_ptr_equal(arena_alloc(&arena, 1, 1), first);
	arena_deinit(&arena);
}

/* 2 x 32 bytes of what is lent, and a large piece leaves nothing behind. */
static void test_limit_and_clear(void **state)
{
	(void)state;
	struct arena arena = { .limit = 64 };
	arena_alloc(&arena, 1, 17);
	assert_int_equal(arena.used, 32);
	arena_alloc(&arena, 2, 16);
	arena_clear(&arena);
	arena_alloc(&arena, 64, 1);
	arena_deinit(&arena);

	struct arena large = { 0 };
	arena_alloc(&large, 1, 1 << 20);
	arena_clear(&large);
	assert_null(large.blocks);
	arena_alloc(&large, 1, 1);
	arena_clear(&large);
	assert_non_null(large.blocks);
	arena_deinit(&large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lends_zeroed_and_aligned), cmocka_unit_test(test_pieces_do_not_overlap),
		cmocka_unit_test(test_copies_are_terminated),    cmocka_unit_test(test_small_pieces_share_a_block),
		cmocka_unit_test(test_limit_and_clear),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
