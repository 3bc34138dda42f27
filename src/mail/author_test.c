#include "mail/author.h"

#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/text.h"

/* Addresses in their canonical spelling, joined by a blank; or "!" and a part of the reason. */
static const struct author_case {
	const char *name, *body, *expected;
} author_cases[] = {
	{ "bare address", " bob@example.com", "bob@example.com" },
	{ "no blank after the colon", "bob@example.com", "bob@example.com" },
	{ "trailing blank", " bob@example.com ", "bob@example.com" },
	{ "domain in upper case", " bob@EXAMPLE.Com", "bob@example.com" },
	{ "in brackets", " <bob@example.com>", "bob@example.com" },
	{ "all that an atom may have", " !#$%&'*+-/=?^_`{|}~@example.com", "!#$%&'*+-/=?^_`{|}~@example.com" },
	{ "name", " Bob <bob@example.com>", "bob@example.com" },
	{ "name of two words", " Bob Smith <bob@example.com>", "bob@example.com" },
	{ "no blank after the name", " Bob<bob@example.com>", "bob@example.com" },
	{ "initial with its dot", " John Q. Public <jqp@example.com>", "jqp@example.com" },
	{ "quoted name", " \"Smith, Bob\" <bob@example.com>", "bob@example.com" },
	{ "quoted name with an address", " \"x@evil.example\" <bob@example.com>", "bob@example.com" },
	{ "quoted name with brackets", " \"<x@evil.example>\" <bob@example.com>", "bob@example.com" },
	{ "quoted name with quotes", " \"Bob \\\"B\\\" Smith\" <bob@example.com>", "bob@example.com" },
	{ "quoted name with a parenthesis", " \"Bob (\" <bob@example.com>", "bob@example.com" },
	{ "quoted and plain words", " \"Bob\" von Smith <bob@example.com>", "bob@example.com" },
	{ "empty quoted name", " \"\" <bob@example.com>", "bob@example.com" },
	{ "encoded word as name", " =?utf-8?Q?B=C3=B6b?= <bob@example.com>", "bob@example.com" },
	{ "two encoded words", " =?utf-8?B?QsO2Yg==?= =?utf-8?B?QsO2Yg==?= <bob@example.com>", "bob@example.com" },
	{ "UTF-8 name",
	  " B\xc3\xb6"
	  "b <bob@example.com>",
	  "bob@example.com" },
	{ "UTF-8 in a quoted name",
	  " \"B\xc3\xb6"
	  "b\" <bob@example.com>",
	  "bob@example.com" },
	{ "UTF-8 local-part",
	  " b\xc3\xb6"
	  "b@example.com",
	  "b\xc3\xb6"
	  "b@example.com" },
	{ "UTF-8 domain",
	  " bob@b\xc3\xbc"
	  "cher.example",
	  "bob@xn--bcher-kva.example" },
	{ "fold before the address", "\r\n bob@example.com", "bob@example.com" },
	{ "fold after the name", " Bob\r\n\t<bob@example.com>", "bob@example.com" },
	{ "fold with many blanks", " Bob\r\n  \t <bob@example.com>", "bob@example.com" },
	{ "fold in a quoted name", " \"Bob\r\n Smith\" <bob@example.com>", "bob@example.com" },
	{ "blanks in the brackets", " < bob@example.com >", "bob@example.com" },
	{ "comment after", " bob@example.com (Bob Smith)", "bob@example.com" },
	{ "comment before", " (Bob) bob@example.com", "bob@example.com" },
	{ "comment in a name", " Bob (the man) Smith <bob@example.com>", "bob@example.com" },
	{ "comment in a comment", " bob@example.com (a (b) c)", "bob@example.com" },
	{ "escaped parenthesis", " bob@example.com (a \\) b)", "bob@example.com" },
	{ "comment with a comma", " bob@example.com (Smith, Bob)", "bob@example.com" },
	{ "two", " a@example.com, b@example.org", "a@example.com b@example.org" },
	{ "two with names", " A <a@example.com>,\r\n \"B\" <b@example.org>", "a@example.com b@example.org" },
	{ "comma without a blank", " a@example.com,b@example.org", "a@example.com b@example.org" },
	{ "group", " Us: a@example.com, B <b@example.org>;", "a@example.com b@example.org" },
	{ "group of one", " \"We, us\":a@example.com;", "a@example.com" },
	{ "empty group", " Undisclosed:;", "" },
	{ "empty group with a comment", " Undisclosed: (nobody) ;", "" },
	{ "group and address", " Us: a@example.com;, b@example.org", "a@example.com b@example.org" },
	{ "address and group", " b@example.org, Us: a@example.com;", "b@example.org a@example.com" },
	{ "quoted local-part that needs none", " \"bob\"@example.com", "bob@example.com" },
	{ "quoted local-part with a blank", " \"bob smith\"@example.com", "\"bob smith\"@example.com" },
	{ "plus and equals", " bob+x=y@example.com", "bob+x=y@example.com" },
	{ "dots in the local-part", " a.b.c@example.com", "a.b.c@example.com" },
	{ "A-label", " bob@xn--bcher-kva.example", "bob@xn--bcher-kva.example" },

	{ "nothing", "", "!missing" },
	{ "blanks", " \t", "!missing" },
	{ "comment only", " (Bob)", "!missing" },
	{ "name only", " Bob", "!without an address" },
	{ "quoted address only", " \"bob@example.com\"", "!without an address" },
	{ "empty brackets", " Bob <>", "!between the angle" },
	{ "name in the brackets", " Bob <bob>", "!between the angle" },
	{ "no domain", " bob@", "!domain is empty" },
	{ "no local-part", " @example.com", "!missing" },
	{ "no end of brackets", " Bob <bob@example.com", "!within the angle" },
	{ "end of brackets only", " bob@example.com>", "!other than a comma" },
	{ "two brackets", " <<bob@example.com>>", "!between the angle" },
	{ "two pairs of brackets", " <a@example.com><b@example.org>", "!other than a comma" },
	{ "two addresses without a comma", " a@example.com b@example.org", "!other than a comma" },
	{ "address as an unquoted name", " a@example.com <b@example.org>", "!other than a comma" },
	{ "name with an at", " Bob @ Work <b@example.org>", "!blank or comment" },
	{ "address after the brackets", " <a@example.com> b@example.org", "!other than a comma" },
	{ "name after the brackets", " <a@example.com> Bob", "!other than a comma" },
	{ "two in the brackets", " <a@example.com, b@example.org>", "!within the angle" },
	{ "name of words and an address", " Bob bob@example.com", "!blank or comment" },
	{ "leading comma", " , a@example.com", "!missing" },
	{ "trailing comma", " a@example.com,", "!missing" },
	{ "two commas", " a@example.com,, b@example.org", "!missing" },
	{ "semicolon between", " a@example.com; b@example.org", "!other than a comma" },
	{ "blank before the at", " bob @example.com", "!blank or comment" },
	{ "blank after the at", " bob@ example.com", "!domain is empty" },
	{ "blank around a dot", " bob@example .com", "!other than a comma" },
	{ "blank in the local-part", " b . ob@example.com", "!blank or comment" },
	{ "fold in the domain", " bob@example.\r\n com", "!ends in a dot" },
	{ "comment before the at", " bob(x)@example.com", "!blank or comment" },
	{ "comment after the at", " bob@(x)example.com", "!domain is empty" },
	{ "comment in the domain", " bob@example(x).com", "!other than a comma" },
	{ "comment in the brackets", " <(x)bob@example.com>", "!comment stands within" },
	{ "comment before the end of brackets", " <bob@example.com(x)>", "!within the angle" },
	{ "comment with an address", " bob@example.com (x@evil.example)", "!comment has" },
	{ "comment with brackets", " bob (<x>) <bob@example.com>", "!comment has" },
	{ "comment with a quote", " a@example.com (\"), b@example.org (\")", "!comment has" },
	{ "comment without an end", " bob@example.com (Bob", "!without an end" },
	{ "end of a comment only", " bob@example.com)", "!must be quoted" },
	{ "quotes without an end", " \"Bob <bob@example.com>", "!without an end" },
	{ "backslash at the end", " \"Bob\\", "!without an end" },
	{ "backslash outside quotes", " Bob\\ <bob@example.com>", "!must be quoted" },
	{ "source route", " <@a.example,@b.example:bob@example.com>", "!source route" },
	{ "literal", " bob@[192.0.2.1]", "!address literal" },
	{ "literal in brackets", " <bob@[192.0.2.1]>", "!address literal" },
	{ "bracket in a name", " [Bob] <bob@example.com>", "!bracket" },
	{ "numbers as domain", " bob@192.0.2.1", "!IP address" },
	{ "underscore in the domain", " bob@a_b.example", "!letters, digits" },
	{ "domain ends in a hyphen", " bob@example-.com", "!hyphen" },
	{ "encoded word as address", " =?utf-8?Q?bob=40example.com?=", "!without an address" },
	{ "encoded word in the brackets", " <=?utf-8?Q?bob=40example.com?=>", "!between the angle" },
	{ "encoded word as local-part", " =?utf-8?Q?bob?=@example.com", "!encoded word" },
	{ "encoded word without an end", " =?utf-8?Q?bob@example.com", "!encoded word" },
	{ "encoded word in the local-part", " x=?utf-8?Q?bob?=@example.com", "!encoded word" },
	{ "encoded word with a comma", " =?utf-8?Q?Smith,_Bob?= <bob@example.com>", "!without an address" },
	{ "encoded word that says an address", " =?utf-8?Q?x=40evil.example?= <bob@example.com>", "bob@example.com" },
	{ "encoded word that says commas and quotes", " =?utf-8?Q?Smith=2C_=22B=22?= <bob@example.com>",
	  "bob@example.com" },
	{ "encoded word in Japanese", " =?ISO-2022-JP?B?GyRCPDw+PhsoQg==?= <bob@example.com>", "bob@example.com" },
	{ "encoded word that says an address in brackets", " =?utf-8?Q?=3Cx=40evil.example=3E?= <bob@example.com>",
	  "!encoded word hides" },
	{ "the same in base64", " =?utf-8?B?PHhAZXZpbC5leGFtcGxlPg==?= <bob@example.com>", "!encoded word hides" },
	{ "the same in quotes", " \"=?utf-8?Q?=22_=3Cx=40evil.example=3E?=\" <bob@example.com>", "!encoded word hides" },
	{ "the same in a comment", " bob@example.com (=?utf-8?Q?=3Cx=40evil.example=3E?=)", "!encoded word hides" },
	{ "the same as a group's name", " =?utf-8?Q?=3Cx=40evil.example=3E?=: bob@example.com;", "!encoded word hides" },
	{ "the same over two words", " =?utf-8?Q?=3Cx=40evil.example=3E y?= <bob@example.com>", "!encoded word hides" },
	{ "encoded word with NUL", " =?utf-8?Q?x=40evil.example=00?= <bob@example.com>", "!encoded word hides" },
	{ "encoded word with a line end", " =?utf-8?Q?x=0A?= <bob@example.com>", "!encoded word hides" },
	{ "domain in the other form of ü",
	  " bob@bu\xcc\x88"
	  "cher.example",
	  "!normal form" },
	{ "domain with a capital Ü",
	  " bob@b\xc3\x9c"
	  "cher.example",
	  "!normal form" },
	{ "domain with an ideographic dot",
	  " bob@example\xe3\x80\x82"
	  "com",
	  "!normal form" },
	{ "domain in full width", " bob@\xef\xbd\x85xample.com", "!normal form" },
	{ "domain with a zero-width blank", " <bob@exam\xe2\x80\x8bple.com>", "!normal form" },
	{ "domain that ends in a zero-width blank", " bob@example.com\xe2\x80\x8b", "!normal form" },
	{ "domain with a soft hyphen", " bob@exam\xc2\xadple.com", "!normal form" },
	{ "domain of no IDN", " bob@\xe2\x98\x83.example", "!" },
	{ "at in a quoted local-part", " \"x@evil.example\"@example.com", "!readers disagree" },
	{ "bracket in a quoted local-part", " \"x>\"@example.com", "!readers disagree" },
	{ "quote in a quoted local-part", " \"x\\\"\"@example.com", "!readers disagree" },
	{ "obsolete local-part", " \"a\".\"b\"@example.com", "!follows the quotes" },
	{ "quotes within a word", " a\"b\"@example.com", "!must be quoted" },
	{ "dot first", " .bob@example.com", "!begins with a dot" },
	{ "dot last", " bob.@example.com", "!dot" },
	{ "two dots", " a..b@example.com", "!dot" },
	{ "domain ends in a dot", " bob@example.com.", "!ends in a dot" },
	{ "two ats", " a@b@example.com", "!other than a comma" },
	{ "group without an end", " Us: a@example.com", "!semicolon" },
	{ "empty group without an end", " Us:", "!missing" },
	{ "group in a group", " Us: Them: a@example.com;;", "!within a group" },
	{ "group without a name", " : a@example.com;", "!missing" },
	{ "group with an address as name", " a@example.com: b@example.org;", "!other than a comma" },
	{ "trailing comma in a group", " Us: a@example.com, ;", "!missing" },
	{ "word after a group", " Us: a@example.com; Bob", "!other than a comma" },
	{ "line of blanks", " Bob\r\n \r\n <bob@example.com>", "!blanks only" },
	{ "line of blanks at the end", " bob@example.com\r\n ", "!blanks only" },
	{ "line of blanks in quotes", " \"Bob\r\n \r\n x\" <bob@example.com>", "!blanks only" },
	{ "line of many blanks", " Bob\r\n  \t \r\n <bob@example.com>", "!blanks only" },
	{ "line without its blank", " Bob\r\n<bob@example.com>", "!control" },
	{ "CRLF at the end", " bob@example.com\r\n", "!control" },
	{ "blank before the at in the brackets", " <bob @example.com>", "!between the angle" },
	{ "bare CR", " Bob\r <bob@example.com>", "!control" },
	{ "bare LF", " Bob\n <bob@example.com>", "!must be quoted" },
	{ "escape", " Bob\x1b <bob@example.com>", "!must be quoted" },
	{ "escape in quotes", " \"Bob\x1b\" <bob@example.com>", "!control" },
	{ "delete", " bob\x7f@example.com", "!must be quoted" },
	{ "Latin-1",
	  " B\xf6"
	  "b <bob@example.com>",
	  "!neither ASCII nor UTF-8" },
	{ "escaped UTF-8",
	  " \"B\\\xc3\xb6"
	  "b\" <bob@example.com>",
	  "!not ASCII" },
	{ "full-width at",
	  " bob\xef\xbc\xa0"
	  "example.com",
	  "!without an address" },
};

static void one_reading_or_none(void **state)
{
	(void)state;
	struct text said = TEXT_LIMIT(1000);
	for (size_t i = 0; i < sizeof(author_cases) / sizeof(author_cases[0]); i++) {
		const struct author_case *row = &author_cases[i];
		struct arena arena = { 0 };
		struct author_list list = { 0 };
		struct view why = VIEW_NONE;
		text_clear(&said);
		const bool certain = author_parse(view_of(row->body), &arena, &list, &why) == AUTHOR_OK;
		if (!certain) {
			text_print(&said, "!%.*s", VIEW_PRINT(why));
		}
		for (size_t each = 0; certain && each < list.count; each++) {
			text_add(&said, each > 0 ? VIEW(" ") : VIEW_NONE);
			address_write(&said, &list.mailboxes[each]);
		}
		const struct view expected = view_of(row->expected);
		const bool met = certain ? view_equal(text_view(&said), expected)
		                         : view_starts(expected, VIEW("!")) &&
		                               view_find(text_view(&said), view_from(expected, 1)) != VIEW_NOT_FOUND;
		if (!met) {
			fail_msg("%s: %s, not %s", row->name, text_cstring(&said), row->expected);
		}
		arena_deinit(&arena);
	}
	text_deinit(&said);
}

static void nul_is_no_end(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	struct author_list list;
	struct view why = VIEW_NONE;
	assert_int_equal(author_parse(VIEW("bob@example.com\0"), &arena, &list, &why), AUTHOR_UNCERTAIN);
	assert_int_equal(author_parse(VIEW("\"a\0b\" <bob@example.com>"), &arena, &list, &why), AUTHOR_UNCERTAIN);
	assert_int_equal(author_parse(VIEW("bob@example.com (a\0)"), &arena, &list, &why), AUTHOR_UNCERTAIN);
	arena_deinit(&arena);
}

static enum author_result parse_repeated(const char *piece, size_t count, size_t *addresses)
{
	struct arena arena = { 0 };
	struct author_list list = { 0 };
	struct view why = VIEW_NONE;
	struct text body = TEXT_LIMIT((size_t)4 * 1024 * 1024);
	for (size_t i = 0; i < count; i++) {
		text_add(&body, view_of(piece));
	}
	text_add(&body, VIEW("z@example.com"));
	assert_false(body.overflow);
	const enum author_result result = author_parse(text_view(&body), &arena, &list, &why);
	*addresses = list.count;
	text_deinit(&body);
	arena_deinit(&arena);
	return result;
}

static void the_most(void **state)
{
	(void)state;
	size_t addresses = 0;
	assert_int_equal(parse_repeated("a@example.com, ", AUTHORS_MOST - 1, &addresses), AUTHOR_OK);
	assert_int_equal(addresses, AUTHORS_MOST);
	assert_int_equal(parse_repeated("a@example.com, ", AUTHORS_MOST, &addresses), AUTHOR_UNCERTAIN);
}

/* A field of a megabyte takes time in proportion; were it squared, this would take minutes. */
static void nasty_fields_take_linear_time(void **state)
{
	(void)state;
	static const char *const pieces[] = { "(", "()", "\"\"", "\\", "<", "a ", "a.", "Us:;,", "=?", "(\\", "\r\n a" };
	size_t addresses = 0;
	const clock_t start = clock();
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		parse_repeated(pieces[i], 200000, &addresses);
	}
	assert_true((clock() - start) / CLOCKS_PER_SEC < 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_reading_or_none),
		cmocka_unit_test(nul_is_no_end),
		cmocka_unit_test(the_most),
		cmocka_unit_test(nasty_fields_take_linear_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
