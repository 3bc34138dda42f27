#include "mail/token.h"

#include "base/testing.h"

#define PREFIX VIEW("elastx-mrs")
/* sha256("user@domain.com") */
#define HEX "f7ee5ec7312165148b69fcca1d29075b14b8aef0b5048a332b18b88d09069fb7"

/* The customer page's own example, by its own command. */
static void writing(void **state)
{
	(void)state;
	struct text token = TEXT_LIMIT(256);
	token_write(PREFIX, VIEW("user@domain.com"), &token);
	expect_view("the page's example", text_view(&token), VIEW("elastx-mrs=" HEX));
	text_deinit(&token);
}

static const struct match_case {
	const char *name;
	struct view text;
	bool matches;
} match_cases[] = {
	{ "exact", VIEW_INIT("elastx-mrs=" HEX), true },
	{ "blanks around", VIEW_INIT(" \telastx-mrs=" HEX "  "), true },
	{ "upper case hex", VIEW_INIT("elastx-mrs=F7EE5EC7312165148B69FCCA1D29075B14B8AEF0B5048A332B18B88D09069FB7"),
	  true },
	{ "prefix in upper case", VIEW_INIT("ELASTX-MRS=" HEX), false },
	{ "another prefix", VIEW_INIT("elasty-mrs=" HEX), false },
	{ "longer prefix", VIEW_INIT("xelastx-mrs=" HEX), false },
	{ "no prefix", VIEW_INIT(HEX), false },
	{ "blank behind the equals sign", VIEW_INIT("elastx-mrs= " HEX), false },
	{ "quotes", VIEW_INIT("\"elastx-mrs=" HEX "\""), false },
	{ "more behind", VIEW_INIT("elastx-mrs=" HEX " x"), false },
	{ "one digit more", VIEW_INIT("elastx-mrs=" HEX "0"), false },
	{ "another digit", VIEW_INIT("elastx-mrs=f7ee5ec7312165148b69fcca1d29075b14b8aef0b5048a332b18b88d09069fb8"),
	  false },
	{ "cut", VIEW_INIT("elastx-mrs=f7ee5ec7"), false },
	{ "prefix only", VIEW_INIT("elastx-mrs="), false },
	{ "nothing", VIEW_INIT(""), false },
};

static void matching(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(match_cases); i++)
		expect_number(match_cases[i].name, token_matches(match_cases[i].text, VIEW("elastx-mrs=" HEX)),
		              match_cases[i].matches);
	/* A token that was never written matches nothing. */
	assert_false(token_matches(VIEW_NONE, VIEW_NONE));
	assert_false(token_matches(VIEW("a"), VIEW("a")));
}

static void ours(void **state)
{
	(void)state;
	assert_true(token_is_ours(VIEW("elastx-mrs=x"), PREFIX));
	assert_true(token_is_ours(VIEW(" elastx-mrs="), PREFIX));
	assert_false(token_is_ours(VIEW("elastx-mrs"), PREFIX));
	assert_false(token_is_ours(VIEW("elastx-mrsx=1"), PREFIX));
}

/* A token of `hashed` at example.com, for user@domain.com (typed User@Domain.com). */
static const struct mistake_case {
	const char *name;
	struct view hashed; /* empty: text is taken as it is */
	struct view text;
	struct view clause; /* the beginning of what is said; empty: nothing */
} mistake_cases[] = {
	{ "line feed",
	  VIEW_INIT("user@domain.com\n"),
	  { 0 },
	  VIEW_INIT("it is the SHA-256 of the name with a line feed") },
	{ "line end",
	  VIEW_INIT("user@domain.com\r\n"),
	  { 0 },
	  VIEW_INIT("it is the SHA-256 of the name with a line end") },
	{ "as typed, line feed",
	  VIEW_INIT("User@Domain.com\n"),
	  { 0 },
	  VIEW_INIT("it is the SHA-256 of the name with a line feed") },
	{ "quotes", VIEW_INIT("\"user@domain.com\""), { 0 }, VIEW_INIT("it is the SHA-256 of the name in quotes") },
	{ "blank", VIEW_INIT("user@domain.com "), { 0 }, VIEW_INIT("it is the SHA-256 of the name with a blank behind") },
	{ "capitals", VIEW_INIT("USER@DOMAIN.COM"), { 0 }, VIEW_INIT("it is the SHA-256 of another spelling") },
	{ "capitals of all parts",
	  VIEW_INIT("User@Domain.Com"),
	  { 0 },
	  VIEW_INIT("it is the SHA-256 of another spelling") },
	{ "echo that does not know -n",
	  VIEW_INIT("-n user@domain.com\n"),
	  { 0 },
	  VIEW_INIT("it is the SHA-256 of -n and") },
	{ "a part of the name", VIEW_INIT("user"), { 0 }, VIEW_INIT("it is the SHA-256 of what stands before the @") },
	{ "UTF-16",
	  VIEW_INIT("u\0s\0e\0r\0@\0d\0o\0m\0a\0i\0n\0.\0c\0o\0m\0"),
	  { 0 },
	  VIEW_INIT("it is the SHA-256 of the name in UTF-16") },
	{ "capital", VIEW_INIT("User@domain.com"), { 0 }, VIEW_INIT("it is the SHA-256 of another spelling") },
	{ "usual sender",
	  VIEW_INIT("noreply@example.com"),
	  { 0 },
	  VIEW_INIT("it is the SHA-256 of the sender address noreply@example.com, not of the user account") },
	{ "sender and a line feed",
	  VIEW_INIT("info@example.com\n"),
	  { 0 },
	  VIEW_INIT("it is the SHA-256 of the sender address info@example.com") },
	{ "own local part",
	  VIEW_INIT("user@example.com"),
	  { 0 },
	  VIEW_INIT("it is the SHA-256 of the sender address user@") },
	{ "the domain", VIEW_INIT("example.com"), { 0 }, VIEW_INIT("it is the SHA-256 of the domain") },
	{ "nothing hashed",
	  { 0 },
	  VIEW_INIT("elastx-mrs=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
	  VIEW_INIT("it is the SHA-256 of nothing") },
	{ "another account", VIEW_INIT("anna@domain.com"), { 0 }, VIEW_INIT("it is the token of another user account") },
	{ "the name itself", { 0 }, VIEW_INIT("elastx-mrs=user@domain.com"), VIEW_INIT("it is the name itself") },
	{ "MD5", { 0 }, VIEW_INIT("elastx-mrs=d41d8cd98f00b204e9800998ecf8427e"), VIEW_INIT("it is as long as an MD5") },
	{ "SHA-1",
	  { 0 },
	  VIEW_INIT("elastx-mrs=da39a3ee5e6b4b0d3255bfef95601890afd80709"),
	  VIEW_INIT("it is as long as a SHA-1") },
	{ "cut", { 0 }, VIEW_INIT("elastx-mrs=f7ee"), VIEW_INIT("it is cut") },
	{ "too long", { 0 }, VIEW_INIT("elastx-mrs=" HEX "0"), VIEW_INIT("it is too long") },
	{ "not hex",
	  { 0 },
	  VIEW_INIT("elastx-mrs=hello"),
	  VIEW_INIT("what stands behind the equals sign is not 64 digits") },
	{ "base64",
	  { 0 },
	  VIEW_INIT("elastx-mrs=9+5exzEhZRSLafzKHSkHWxS4rvC1BIozKxi4jQkGn7c="),
	  VIEW_INIT("it is written in base64") },
	{ "the command",
	  { 0 },
	  VIEW_INIT("elastx-mrs=$(echo -n \"user@domain.com\" | sha256sum | cut -d ' ' -f 1)"),
	  VIEW_INIT("it is the command itself") },
	{ "what sha256sum adds",
	  { 0 },
	  VIEW_INIT("elastx-mrs=" HEX "  -"),
	  VIEW_INIT("something else stands behind it") },
	{ "with SPF", { 0 }, VIEW_INIT("v=spf1 -all elastx-mrs=" HEX), VIEW_INIT("something else stands before it") },
	{ "twice its word",
	  { 0 },
	  VIEW_INIT("elastx-mrs=elastx-mrs=" HEX),
	  VIEW_INIT("something else stands before it") },
	{ "no word", { 0 }, VIEW_INIT(HEX), VIEW_INIT("elastx-mrs= is missing before it") },
	{ "another word", { 0 }, VIEW_INIT("elastx-msr=" HEX), VIEW_INIT("the word before the equals sign is spelled") },
	{ "a colon", { 0 }, VIEW_INIT("elastx-mrs:" HEX), VIEW_INIT("an equals sign belongs between elastx-mrs and") },
	{ "typographic quotes",
	  { 0 },
	  VIEW_INIT("\xe2\x80\x9c"
	            "elastx-mrs=" HEX "\xe2\x80\x9d"),
	  VIEW_INIT("quotes stand around it") },
	{ "the digits in quotes", { 0 }, VIEW_INIT("elastx-mrs=\"" HEX "\""), VIEW_INIT("quotes stand around it") },
	{ "empty", { 0 }, VIEW_INIT("elastx-mrs="), VIEW_INIT("nothing stands behind") },
	{ "quoted", { 0 }, VIEW_INIT("\"elastx-mrs=" HEX "\""), VIEW_INIT("quotes stand around it") },
	{ "prefix in capitals",
	  { 0 },
	  VIEW_INIT("Elastx-MRS=" HEX),
	  VIEW_INIT("the word before the equals sign is spelled") },
	{ "blank before =", { 0 }, VIEW_INIT("elastx-mrs =" HEX), VIEW_INIT("a blank stands beside the equals sign") },
	{ "blank behind =", { 0 }, VIEW_INIT("elastx-mrs= " HEX), VIEW_INIT("a blank stands beside the equals sign") },
	{ "something else", { 0 }, VIEW_INIT("v=spf1 -all"), { 0 } },
	{ "longer word", { 0 }, VIEW_INIT("elastx-mrs2=x"), { 0 } },
	{ "prefix alone", { 0 }, VIEW_INIT("elastx-mrs"), { 0 } },
	{ "nothing", { 0 }, VIEW_INIT(""), { 0 } },
};

static void mistakes(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	const struct token_owner owner = { VIEW("user@domain.com"), VIEW("User@Domain.com"), VIEW("example.com") };
	for (size_t i = 0; i < CASES(mistake_cases); i++) {
		const struct mistake_case *row = &mistake_cases[i];
		struct text token = TEXT_LIMIT(1024);
		if (row->hashed.length > 0)
			token_write(PREFIX, row->hashed, &token);
		else
			text_add(&token, row->text);
		const struct view said = token_mistake(text_view(&token), PREFIX, &owner, &arena);
		expect_view(row->name, row->clause.length > 0 ? view_first(said, row->clause.length) : said, row->clause);
		text_deinit(&token);
	}
	arena_deinit(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writing),
		cmocka_unit_test(matching),
		cmocka_unit_test(ours),
		cmocka_unit_test(mistakes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
