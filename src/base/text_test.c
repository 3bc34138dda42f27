#include "base/text.h"

#include "base/testing.h"

static void test_limit_sticks(void **state)
{
	(void)state;
	struct text text = TEXT_LIMIT(5);
	assert_string_equal(text_cstring(&text), "");
	assert_true(text_add(&text, VIEW("abcd")));
	assert_false(text_add(&text, VIEW("ef")));
	assert_true(text.overflow);
	expect_view("nothing of it was taken", text_view(&text), VIEW("abcd"));
	assert_true(text_add_byte(&text, 'e'));
	assert_true(text.overflow);
	assert_false(text_print(&text, "%d", 1));
	assert_false(text_add_u64(&text, 1));
	assert_false(text_add_hex(&text, VIEW("a")));
	assert_false(text_add_base64(&text, VIEW("a")));
	assert_false(text_add_printable(&text, VIEW("a"), 1));
	assert_null(text_room(&text, 1));
	assert_string_equal(text_cstring(&text), "abcde");
	text_clear(&text);
	assert_false(text.overflow);
	assert_string_equal(text_cstring(&text), "");
	text_deinit(&text);
	assert_int_equal(text.limit, 5);
	assert_true(text_add(&text, VIEW("again")));
	text_deinit(&text);
}

static void test_escapes_are_whole_or_absent(void **state)
{
	(void)state;
	struct text text = TEXT_LIMIT(6);
	assert_false(text_add_printable(&text, VIEW("abc\x01"), 10));
	expect_view("nothing of it was taken", text_view(&text), VIEW(""));
	assert_true(text.overflow);
	text_deinit(&text);
}

static void test_largest_limit(void **state)
{
	(void)state;
	struct text text = TEXT_LIMIT(SIZE_MAX);
	for (unsigned i = 0; i < 1000; i++)
		assert_true(text_add_byte(&text, (char)('a' + i % 26)));
	assert_int_equal(text.length, 1000);
	assert_null(text_room(&text, SIZE_MAX));
	text_deinit(&text);
}

static void test_growth(void **state)
{
	(void)state;
	struct text text = TEXT_LIMIT(100000);
	for (unsigned i = 0; i < 20000; i++)
		assert_true(text_print(&text, "%05u", i));
	assert_int_equal(text.length, 100000);
	assert_false(text_add_byte(&text, 'x'));
	expect_view("the end", view_from(text_view(&text), 99995), VIEW("19999"));
	text_remove_first(&text, 99990);
	assert_string_equal(text_cstring(&text), "1999819999");
	text_truncate(&text, 5);
	assert_string_equal(text_cstring(&text), "19998");
	text_remove_first(&text, 5);
	assert_string_equal(text_cstring(&text), "");
	text_remove_first(&text, 0);
	text_deinit(&text);
}

static void test_numbers(void **state)
{
	(void)state;
	struct text text = TEXT_LIMIT(100);
	text_add_u64(&text, 0);
	text_add_byte(&text, ' ');
	text_add_u64(&text, UINT64_MAX);
	assert_string_equal(text_cstring(&text), "0 18446744073709551615");
	text_deinit(&text);
}

/* RFC 4648 10. */
static const struct encoding_case {
	const char *name;
	struct view bytes;
	const char *base64;
	const char *hex;
} encoding_cases[] = {
	{ "empty", VIEW_INIT(""), "", "" },
	{ "f", VIEW_INIT("f"), "Zg==", "66" },
	{ "fo", VIEW_INIT("fo"), "Zm8=", "666f" },
	{ "foo", VIEW_INIT("foo"), "Zm9v", "666f6f" },
	{ "foob", VIEW_INIT("foob"), "Zm9vYg==", "666f6f62" },
	{ "fooba", VIEW_INIT("fooba"), "Zm9vYmE=", "666f6f6261" },
	{ "foobar", VIEW_INIT("foobar"), "Zm9vYmFy", "666f6f626172" },
	{ "both last letters", VIEW_INIT("\xff\xef\xbe\x00"), "/+++AA==", "ffefbe00" },
};

static void test_encodings(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(encoding_cases); i++) {
		const struct encoding_case *row = &encoding_cases[i];
		struct text text = TEXT_LIMIT(100);
		text_add_base64(&text, row->bytes);
		expect_view(row->name, text_view(&text), view_of(row->base64));
		text_clear(&text);
		text_add_hex(&text, row->bytes);
		expect_view(row->name, text_view(&text), view_of(row->hex));
		text_clear(&text);
		assert_true(text_add_base64_decoded(&text, view_of(row->base64)));
		expect_view(row->name, text_view(&text), row->bytes);
		text_deinit(&text);
	}
}

static const struct decoding_case {
	const char *name;
	struct view encoded;
	const char *decoded; /* NULL: refused */
} decoding_cases[] = {
	{ "no padding", VIEW_INIT("Zm8"), "fo" },
	{ "blanks", VIEW_INIT(" Zm\r\n\t9v Zg==\r\n"), "foof" },
	{ "blank within the padding", VIEW_INIT("Zg= ="), "f" },
	{ "one digit", VIEW_INIT("Z"), NULL },
	{ "one digit too many", VIEW_INIT("Zm9vZ"), NULL },
	{ "half the padding", VIEW_INIT("Zg="), NULL },
	{ "too much padding", VIEW_INIT("Zg==="), NULL },
	{ "padding of nothing", VIEW_INIT("="), NULL },
	{ "padding in the middle", VIEW_INIT("Zg==Zg=="), NULL },
	{ "URL alphabet", VIEW_INIT("-_-_"), NULL },
	{ "quote", VIEW_INIT("\"Zm9v\""), NULL },
	{ "NUL", VIEW_INIT("Zm9v\0"), NULL },
	{ "8-bit", VIEW_INIT("Zm9\xf6"), NULL },
};

static void test_decoding(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(decoding_cases); i++) {
		const struct decoding_case *row = &decoding_cases[i];
		struct text text = TEXT_LIMIT(100);
		text_add(&text, VIEW("before "));
		expect_number(row->name, text_add_base64_decoded(&text, row->encoded), row->decoded != NULL);
		expect_view(row->name, view_from(text_view(&text), 7),
		            row->decoded == NULL ? VIEW("") : view_of(row->decoded));
		text_deinit(&text);
	}
	struct text small = TEXT_LIMIT(2);
	assert_false(text_add_base64_decoded(&small, VIEW("Zm9v")));
	assert_int_equal(small.length, 0);
	assert_true(small.overflow);
	text_deinit(&small);
}

static const struct printable_case {
	const char *name;
	struct view bytes;
	size_t limit;
	const char *shown;
} printable_cases[] = {
	{ "plain", VIEW_INIT("v=spf1 -all"), 200, "v=spf1 -all" },
	{ "quotes", VIEW_INIT("a\"b\\c"), 200, "a\\\"b\\\\c" },
	{ "control", VIEW_INIT("a\r\n\x1b[31m\0\x7f"), 200, "a\\x0d\\x0a\\x1b[31m\\x00\\x7f" },
	{ "8-bit", VIEW_INIT("\xc3\xa9"), 200, "\\xc3\\xa9" },
	{ "as long as allowed", VIEW_INIT("abc"), 3, "abc" },
	{ "cut", VIEW_INIT("abcd"), 3, "abc..." },
	{ "empty", { NULL, 0 }, 3, "" },
};

static void test_printable(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(printable_cases); i++) {
		const struct printable_case *row = &printable_cases[i];
		struct text text = TEXT_LIMIT(1000);
		assert_true(text_add_printable(&text, row->bytes, row->limit));
		expect_view(row->name, text_view(&text), view_of(row->shown));
		text_deinit(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit_sticks),  cmocka_unit_test(test_escapes_are_whole_or_absent),
		cmocka_unit_test(test_largest_limit), cmocka_unit_test(test_growth),
		cmocka_unit_test(test_numbers),       cmocka_unit_test(test_encodings),
		cmocka_unit_test(test_decoding),      cmocka_unit_test(test_printable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
