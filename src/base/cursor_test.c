#include "base/cursor.h"

#include "base/testing.h"
#include "base/text.h"

static void test_round_trip(void **state)
{
	(void)state;
	struct text text = TEXT_LIMIT(100);
	text_add_u8_le(&text, 0xab);
	text_add_u16_le(&text, 0x1234);
	text_add_u32_le(&text, 0xdeadbeef);
	text_add_u64_le(&text, UINT64_C(0x0123456789abcdef));
	text_add_counted(&text, VIEW("hello"));
	text_add_counted(&text, VIEW_NONE);
	expect_view("little-endian", view_first(text_view(&text), 7), VIEW("\xab\x34\x12\xef\xbe\xad\xde"));

	struct cursor cursor = cursor_of(text_view(&text));
	assert_int_equal(cursor_u8(&cursor), 0xab);
	assert_int_equal(cursor_u16(&cursor), 0x1234);
	assert_int_equal(cursor_u32(&cursor), 0xdeadbeef);
	assert_true(cursor_u64(&cursor) == UINT64_C(0x0123456789abcdef));
	expect_view("counted", cursor_counted(&cursor), VIEW("hello"));
	assert_false(cursor_is_done(&cursor));
	expect_view("counted, empty", cursor_counted(&cursor), VIEW(""));
	assert_true(cursor_is_done(&cursor));
	text_deinit(&text);
}

static void read_all(struct cursor *cursor)
{
	cursor_u32(cursor);
	cursor_counted(cursor);
	cursor_u8(cursor);
}

/* Cut anywhere, the record fails, and stays failed. */
static void test_every_cut_fails(void **state)
{
	(void)state;
	const struct view record = VIEW("\x01\x00\x00\x00\x03\x00\x00\x00"
	                                "abc\x09");
	struct cursor whole = cursor_of(record);
	read_all(&whole);
	assert_true(cursor_is_done(&whole));
	for (size_t length = 0; length < record.length; length++) {
		struct cursor cursor = cursor_of(view_first(record, length));
		read_all(&cursor);
		assert_true(cursor.failed);
		assert_false(cursor_is_done(&cursor));
	}
}

static void test_failure_sticks(void **state)
{
	(void)state;
	struct cursor cursor = cursor_of(VIEW("\x05"));
	assert_int_equal(cursor_u16(&cursor), 0);
	assert_true(cursor.failed);
	assert_int_equal(cursor_u8(&cursor), 0);
	expect_view("bytes", cursor_bytes(&cursor, 0), VIEW(""));
	expect_view("counted", cursor_counted(&cursor), VIEW(""));
}

static void test_lying_length(void **state)
{
	(void)state;
	struct cursor cursor = cursor_of(VIEW("\xff\xff\xff\xff"
	                                      "abc"));
	expect_view("counted", cursor_counted(&cursor), VIEW(""));
	assert_true(cursor.failed);
}

static void test_overflow_sticks(void **state)
{
	(void)state;
	struct text text = TEXT_LIMIT(3);
	text_add_u32_le(&text, 1);
	assert_true(text.overflow);
	assert_int_equal(text.length, 0);
	text_deinit(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),      cmocka_unit_test(test_every_cut_fails),
		cmocka_unit_test(test_failure_sticks),  cmocka_unit_test(test_lying_length),
		cmocka_unit_test(test_overflow_sticks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
