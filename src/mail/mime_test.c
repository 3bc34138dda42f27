#include "mail/mime.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/arena.h"

static const struct {
	const char *name;
	struct view bytes;
	bool is_7bit, is_utf8;
} byte_cases[] = {
	{ "empty", VIEW_INIT(""), true, true },
	{ "ASCII", VIEW_INIT("abc\x7f"), true, true },
	{ "two bytes", VIEW_INIT("\xc3\xa9"), false, true },
	{ "three bytes",
	  VIEW_INIT("a\xe2\x82\xac"
	            "b"),
	  false, true },
	{ "four bytes", VIEW_INIT("\xf0\x9f\x98\x80"), false, true },
	{ "last code point", VIEW_INIT("\xf4\x8f\xbf\xbf"), false, true },
	{ "beyond the last code point", VIEW_INIT("\xf4\x90\x80\x80"), false, false },
	{ "surrogate", VIEW_INIT("\xed\xa0\x80"), false, false },
	{ "overlong slash", VIEW_INIT("\xc0\xaf"), false, false },
	{ "overlong of three", VIEW_INIT("\xe0\x80\xaf"), false, false },
	{ "overlong of four", VIEW_INIT("\xf0\x80\x80\xaf"), false, false },
	{ "cut short", VIEW_INIT("a\xe2\x82"), false, false },
	{ "continuation alone", VIEW_INIT("\x80"), false, false },
	{ "five bytes", VIEW_INIT("\xf8\x88\x80\x80\x80"), false, false },
	{ "Latin-1", VIEW_INIT("caf\xe9 au lait"), false, false },
};

static void bytes_are_told_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(byte_cases) / sizeof(byte_cases[0]); i++) {
		if (mime_is_7bit(byte_cases[i].bytes) != byte_cases[i].is_7bit) {
			fail_msg("%s: 7-bit", byte_cases[i].name);
		}
		if (mime_is_utf8(byte_cases[i].bytes) != byte_cases[i].is_utf8) {
			fail_msg("%s: UTF-8", byte_cases[i].name);
		}
	}
}

static void one_byte_far_away_counts(void **state)
{
	(void)state;
	char *bytes = calloc(1, 10001);
	assert_true(mime_is_7bit(view_bytes(bytes, 10001)));
	bytes[10000] = (char)0x80;
	assert_false(mime_is_7bit(view_bytes(bytes, 10001)));
	free(bytes);
}

static const struct {
	const char *name, *content_type, *boundary; /* NULL: none */
} boundary_cases[] = {
	{ "token", " multipart/mixed; boundary=abc", "abc" },
	{ "quoted", " multipart/mixed; boundary=\"a b:c\"", "a b:c" },
	{ "quoted pair", " multipart/mixed; boundary=\"a\\bc\"", "abc" },
	{ "letter case", " MultiPart/Alternative; BOUNDARY=x", "x" },
	{ "after another", " multipart/signed; micalg=\"sha;256\"; boundary=x", "x" },
	{ "folds and comments", " multipart/mixed (a (b) \\)) ;\r\n\t (c) boundary (d) = (e) x (f)", "x" },
	{ "not multipart", " text/plain; boundary=x", NULL },
	{ "none", " multipart/mixed", NULL },
	{ "nothing after the semicolon", " multipart/mixed;", NULL },
	{ "empty", " multipart/mixed; boundary=\"\"", NULL },
	{ "ends in a space", " multipart/mixed; boundary=\"a \"", NULL },
	{ "a byte that none may have", " multipart/mixed; boundary=\"a@b\"", NULL },
	{ "no closing quote", " multipart/mixed; boundary=\"abc", NULL },
	{ "backslash at the end", " multipart/mixed; boundary=\"abc\\", NULL },
	{ "70 bytes", " multipart/mixed; boundary=0123456789012345678901234567890123456789012345678901234567890123456789",
	  "0123456789012345678901234567890123456789012345678901234567890123456789" },
	{ "71 bytes",
	  " multipart/mixed; boundary=01234567890123456789012345678901234567890123456789012345678901234567890", NULL },
	{ "71 quoted bytes",
	  " multipart/mixed; boundary=\"01234567890123456789012345678901234567890123456789012345678901234567890\"",
	  NULL },
	{ "comment without an end", " multipart/mixed (; boundary=x", NULL },
	{ "blank line", "", NULL },
};

static void boundaries_are_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(boundary_cases) / sizeof(boundary_cases[0]); i++) {
		struct arena arena = { 0 };
		struct view boundary = VIEW_NONE;
		const char *expected = boundary_cases[i].boundary;
		const bool found = mime_boundary(view_of(boundary_cases[i].content_type), &arena, &boundary);
		if (found != (expected != NULL) || (found && !view_equal(boundary, view_of(expected)))) {
			fail_msg("%s: %s %.*s", boundary_cases[i].name, found ? "found" : "not found", VIEW_PRINT(boundary));
		}
		arena_deinit(&arena);
	}
}

static void a_boundary_is_free_or_not(void **state)
{
	(void)state;
	assert_true(mime_boundary_is_free(VIEW("abc"), VIEW("a\r\n --abc\r\nabc\r\n--ab\r\n")));
	assert_false(mime_boundary_is_free(VIEW("abc"), VIEW("a\r\n--abc\r\n")));
	assert_false(mime_boundary_is_free(VIEW("abc"), VIEW("--abcd")));
	assert_true(mime_boundary_is_free(VIEW("abc"), VIEW("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_told_apart),
		cmocka_unit_test(one_byte_far_away_counts),
		cmocka_unit_test(boundaries_are_found),
		cmocka_unit_test(a_boundary_is_free_or_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
