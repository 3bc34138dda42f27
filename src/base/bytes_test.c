/* The source itself: both ways to the checksum are to be tried, whatever machine this is. */
#include "base/bytes.c"

#include "base/random.h"
#include "base/testing.h"

/* RFC 3720 B.4. */
static void test_crc_examples(void **state)
{
	(void)state;
	char block[32];
	memset(block, 0, sizeof(block));
	assert_int_equal(bytes_crc32c(0, view_bytes(block, 32)), 0x8a9136aa);
	memset(block, 0xff, sizeof(block));
	assert_int_equal(bytes_crc32c(0, view_bytes(block, 32)), 0x62a8ab43);
	for (unsigned i = 0; i < 32; i++)
		block[i] = (char)i;
	assert_int_equal(bytes_crc32c(0, view_bytes(block, 32)), 0x46dd794e);
	assert_int_equal(bytes_crc32c(0, VIEW("123456789")), 0xe3069283);
	assert_int_equal(bytes_crc32c(0, VIEW_NONE), 0);
}

static void test_crc_ways_agree(void **state)
{
	(void)state;
	struct random random;
	random_seed(&random, 1);
	unsigned char bytes[100];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)random_next(&random);
	for (size_t from = 0; from < 9; from++) {
		for (size_t length = 0; length < 80; length++) {
			const struct view whole = view_bytes(bytes + from, length);
			const uint32_t expected = ~crc32c_by_table(~0u, bytes + from, length);
			assert_int_equal(bytes_crc32c(0, whole), expected);
			/* In two parts: the same. */
			const uint32_t part = bytes_crc32c(0, view_first(whole, length / 3));
			assert_int_equal(bytes_crc32c(part, view_from(whole, length / 3)), expected);
		}
	}
}

static void test_copies(void **state)
{
	(void)state;
	char target[6] = "-----";
	assert_int_equal(bytes_copy(target, 3, VIEW("abc")), 3);
	assert_string_equal(target, "abc--");
	assert_int_equal(bytes_copy(target, 0, VIEW_NONE), 0);
	bytes_move(target + 1, 4, target, 3);
	assert_string_equal(target, "aabc-");
	assert_true(bytes_to_cstring(target, sizeof(target), VIEW("12345")));
	assert_string_equal(target, "12345");
	assert_false(bytes_to_cstring(target, sizeof(target), VIEW("abcdef")));
	assert_string_equal(target, "abcde");
	assert_false(bytes_to_cstring(target, 1, VIEW("x")));
	assert_string_equal(target, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc_examples),
		cmocka_unit_test(test_crc_ways_agree),
		cmocka_unit_test(test_copies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
