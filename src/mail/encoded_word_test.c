#include "mail/encoded_word.h"

#include <time.h>

#include "base/testing.h"
#include "base/text.h"

static const struct {
	const char *name, *text;
	bool begins, hides;
} rows[] = {
	{ "nothing", "", false, false },
	{ "plain", "<tom@example.com>", false, false },
	{ "a name", "=?utf-8?Q?B=C3=B6b?=", true, false },
	{ "a name in base64", "=?utf-8?B?QsO2Yg==?=", true, false },
	{ "a comma, quotes and an at", "=?utf-8?Q?Smith=2C_=22Bob=22_=40_work?=", true, false },
	{ "an opening bracket", "=?utf-8?Q?=3Cceo?=", true, true },
	{ "a closing bracket in lower case", "=?utf-8?q?ceo=3e?=", true, true },
	{ "brackets in base64", "=?utf-8?B?PGNlb0B2aWN0aW0uY29tPg==?=", true, true },
	{ "brackets in base64, a blank within", "=?utf-8?b?PG Nlb0B2aWN0aW0uY29tPg==?=", true, true },
	{ "a bracket as it is in Q", "=?utf-8?q?<ceo?=", true, false }, /* hidden from nobody */
	{ "NUL", "=?utf-8?Q?ceo=40victim.com=00?=", true, true },
	{ "NUL in base64", "=?utf-8?B?Y2VvQHZpY3RpbS5jb20A?=", true, true },
	{ "a line end", "=?utf-8?Q?=0D=0AFrom:_ceo=40victim.com?=", true, true },
	{ "a tab", "=?utf-8?Q?Tom=09B?=", true, false },
	{ "escape", "=?us-ascii?Q?=1B[2J?=", true, true },
	{ "delete", "=?us-ascii?Q?=7f?=", true, true },
	{ "a language tag", "=?utf-8*en?Q?=3C?=", true, true },
	{ "no charset", "=??Q?=3C?=", true, true },
	{ "an unknown encoding", "=?utf-8?X?=3C?=", true, false },
	{ "an unknown encoding before a known one", "=?utf-8?X?=?utf-8?q?=3C?=", true, true },
	{ "without an end", "=?utf-8?q?=3C", true, true },
	{ "cut within its digits", "=?utf-8?q?=3", true, false },
	{ "the second word", "=?utf-8?q?Tom?= =?utf-8?q?=3Cceo=3E?=", true, true },
	{ "words without a blank between", "=?utf-8?q?Tom?==?utf-8?q?=3C?=", true, true },
	{ "a word that begins at another's end", "=?utf-8?q?=?utf-8?q?=3C?=", true, true },
	{ "a word within another", "=?utf-8?b?x=?utf-8?q?=3C?=", true, true },
	{ "Japanese, whose bytes look like brackets", "=?ISO-2022-JP?B?GyRCPDw+PhsoQg==?=", true, false },
	{ "Japanese with a line end", "=?ISO-2022-JP?Q?=1B$B=0A?=", true, true },
	{ "half of a beginning", "=?utf-8", false, false },
	{ "charset alone", "=?utf-8?q", false, false },
	{ "an atom that looks like it", "a=?b", false, false },
};

static void what_is_hidden(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(rows); i++) {
		expect_number(rows[i].name, encoded_word_begins(view_of(rows[i].text)), rows[i].begins);
		expect_number(rows[i].name, encoded_words_hide(view_of(rows[i].text)), rows[i].hides);
	}
}

static void linear(void **state)
{
	(void)state;
	static const char *const pieces[] = { "=?", "=?a?q?", "=?a?b?", "?=", "=?a", "?", "=?a?x?=" };
	const clock_t start = clock();
	for (size_t i = 0; i < CASES(pieces); i++) {
		struct text text = TEXT_LIMIT((size_t)4 * 1024 * 1024);
		for (size_t count = 0; count < 60000; count++)
			text_add(&text, view_of(pieces[i]));
		assert_false(encoded_words_hide(text_view(&text)));
		text_deinit(&text);
	}
	assert_true((clock() - start) / CLOCKS_PER_SEC < 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_hidden), cmocka_unit_test(linear) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
