#include "mail/address.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/text.h"

static const struct path_case {
	const char *name, *path;
	const char *local_part; /* NULL: refused, and written is a part of the reason */
	const char *written;
	bool utf8;
} path_cases[] = {
	{ "plain", "<bob@example.com>", "bob", "bob@example.com", false },
	{ "domain in upper case", "<Bob@EXAMPLE.com>", "Bob", "Bob@example.com", false },
	{ "trailing dot", "<bob@example.com.>", "bob", "bob@example.com", false },
	{ "all of atext", "<!#$%&'*+-/=?^_`{|}~@example.com>", "!#$%&'*+-/=?^_`{|}~", "!#$%&'*+-/=?^_`{|}~@example.com",
	  false },
	{ "dots", "<a.b.c@example.com>", "a.b.c", "a.b.c@example.com", false },
	{ "percent hack is opaque", "<a%b@example.com>", "a%b", "a%b@example.com", false },
	{ "bang path is opaque", "<a!b@example.com>", "a!b", "a!b@example.com", false },
	{ "needless quotes", "<\"bob\"@example.com>", "bob", "bob@example.com", false },
	{ "needless backslash", "<\"b\\ob\"@example.com>", "bob", "bob@example.com", false },
	{ "blank in quotes", "<\"a b\"@example.com>", "a b", "\"a b\"@example.com", false },
	{ "at in quotes", "<\"a@b\"@example.com>", "a@b", "\"a@b\"@example.com", false },
	{ "quote in quotes", "<\"a\\\"b\"@example.com>", "a\"b", "\"a\\\"b\"@example.com", false },
	{ "backslash in quotes", "<\"a\\\\b\"@example.com>", "a\\b", "\"a\\\\b\"@example.com", false },
	{ "bracket in quotes", "<\"a>b\"@example.com>", "a>b", "\"a>b\"@example.com", false },
	{ "dot at the end in quotes", "<\"a.\"@example.com>", "a.", "\"a.\"@example.com", false },
	{ "nothing in quotes", "<\"\"@example.com>", "", "\"\"@example.com", false },
	{ "literal", "<bob@[192.0.2.1]>", "bob", "bob@[192.0.2.1]", false },
	{ "IPv6 literal", "<bob@[IPv6:2001:db8::1]>", "bob", "bob@[IPv6:2001:db8::1]", false },
	{ "UTF-8 local-part",
	  "<b\xc3\xb6"
	  "b@example.com>",
	  "b\xc3\xb6"
	  "b",
	  "b\xc3\xb6"
	  "b@example.com",
	  true },
	{ "UTF-8 in quotes", "<\"b\xc3\xb6 b\"@example.com>", "b\xc3\xb6 b", "\"b\xc3\xb6 b\"@example.com", true },
	{ "UTF-8 domain",
	  "<bob@b\xc3\xbc"
	  "cher.example>",
	  "bob", "bob@xn--bcher-kva.example", true },
	{ "source route", "<@a.example,@b.example:bob@example.com>", "bob", "bob@example.com", false },
	{ "source route of one", "<@a.example:bob@example.com>", "bob", "bob@example.com", false },
	{ "no brackets", "bob@example.com", NULL, "angle brackets", false },
	{ "no end", "<bob@example.com", NULL, "angle brackets", false },
	{ "one bracket", "<", NULL, "angle brackets", false },
	{ "empty", "", NULL, "angle brackets", false },
	{ "blank before", " <bob@example.com>", NULL, "angle brackets", false },
	{ "name before", "Bob <bob@example.com>", NULL, "angle brackets", false },
	{ "two pairs of brackets", "<<bob@example.com>>", NULL, "must be quoted", false },
	{ "blank inside", "<bob @example.com>", NULL, "blank", false },
	{ "blank at the front", "< bob@example.com>", NULL, "blank", false },
	{ "blank at the end", "<bob@example.com >", NULL, "letters, digits", false },
	{ "no at", "<bob>", NULL, "no @", false },
	{ "no local-part", "<@example.com>", NULL, "before the @", false },
	{ "no domain", "<bob@>", NULL, "domain is empty", false },
	{ "two ats", "<a@b@example.com>", NULL, "letters, digits", false },
	{ "dot first", "<.bob@example.com>", NULL, "dot", false },
	{ "dot last", "<bob.@example.com>", NULL, "dot", false },
	{ "two dots", "<a..b@example.com>", NULL, "dot", false },
	{ "comma", "<a,b@example.com>", NULL, "must be quoted", false },
	{ "two addresses", "<a@example.com,b@example.com>", NULL, "letters, digits", false },
	{ "two paths", "<a@example.com><b@example.com>", NULL, "letters, digits", false },
	{ "parentheses", "<bob(x)@example.com>", NULL, "must be quoted", false },
	{ "backslash outside quotes", "<b\\ob@example.com>", NULL, "must be quoted", false },
	{ "quotes do not end", "<\"bob@example.com>", NULL, "closing quote", false },
	{ "quotes end in a backslash", "<\"bob\\>", NULL, "closing quote", false },
	{ "word after quotes", "<\"a\"b@example.com>", NULL, "follows the quotes", false },
	{ "quotes within", "<a\"b\"@example.com>", NULL, "must be quoted", false },
	{ "only quotes", "<\"bob\">", NULL, "no @", false },
	{ "CR LF in quotes", "<\"a\r\nRCPT TO:\"@example.com>", NULL, "control", false },
	{ "tab in quotes", "<\"a\tb\"@example.com>", NULL, "control", false },
	{ "CR LF", "<bob\r\n@example.com>", NULL, "must be quoted", false },
	{ "escape", "<bob\x1b@example.com>", NULL, "must be quoted", false },
	{ "CR LF in the domain", "<bob@example.com\r\nDATA>", NULL, "letters, digits", false },
	{ "underscore in the domain", "<bob@a_b.example>", NULL, "letters, digits", false },
	{ "address without brackets", "<bob@192.0.2.1>", NULL, "IP address", false },
	{ "literal without an end", "<bob@[192.0.2.1>", NULL, "literal", false },
	{ "empty literal", "<bob@[]>", NULL, "literal", false },
	{ "blank in a literal", "<bob@[192.0.2.1 ]>", NULL, "literal", false },
	{ "literal in a literal", "<bob@[[192.0.2.1]]>", NULL, "literal", false },
	{ "domain after a literal", "<bob@[192.0.2.1].example.com>", NULL, "literal", false },
	{ "Latin-1",
	  "<b\xf6"
	  "b@example.com>",
	  NULL, "UTF-8", false },
	{ "overlong at",
	  "<a\xc1\x80"
	  "b@example.com>",
	  NULL, "UTF-8", false },
	{ "escaped UTF-8",
	  "<\"b\\\xc3\xb6"
	  "b\"@example.com>",
	  NULL, "control", false },
	{ "route without an address", "<@a.example:>", NULL, "before the @", false },
	{ "route without at", "<@a.example,b.example:bob@example.com>", NULL, "source route", false },
	{ "route with a bad domain", "<@a_b.example:bob@example.com>", NULL, "source route", false },
	{ "route with an empty hop", "<@a.example,:bob@example.com>", NULL, "source route", false },
	{ "route with a blank", "<@a.example, @b.example:bob@example.com>", NULL, "source route", false },
	{ "bare postmaster", "<Postmaster>", NULL, "no @", false },
};

static void forward_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(path_cases) / sizeof(path_cases[0]); i++) {
		const struct path_case *row = &path_cases[i];
		struct arena arena = { 0 };
		struct mailbox mailbox = { 0 };
		struct view why = VIEW_NONE;
		const bool good = address_parse_forward_path(view_of(row->path), &arena, &mailbox, &why);
		if (good != (row->local_part != NULL)) {
			fail_msg("%s: %s: %.*s", row->name, good ? "taken" : "refused", VIEW_PRINT(why));
		}
		if (!good && view_find(why, view_of(row->written)) == VIEW_NOT_FOUND) {
			fail_msg("%s: why: %.*s", row->name, VIEW_PRINT(why));
		}
		if (good && (!view_equal(mailbox.local_part, view_of(row->local_part)) || mailbox.utf8 != row->utf8 ||
		             mailbox.has_literal == (mailbox.domain.length > 0))) {
			fail_msg("%s: local-part %.*s", row->name, VIEW_PRINT(mailbox.local_part));
		}
		const struct view written = good ? address_view(&mailbox, &arena) : VIEW_NONE;
		if (good && !view_equal(written, view_of(row->written))) {
			fail_msg("%s: written %.*s", row->name, VIEW_PRINT(written));
		}
		/* What is written reads back as the same. */
		struct mailbox again = { 0 };
		if (good && (!address_parse_mailbox(written, &arena, &again, &why) || !address_equal(&mailbox, &again))) {
			fail_msg("%s: reads back differently: %.*s", row->name, VIEW_PRINT(written));
		}
		bool is_null = true;
		if (address_parse_reverse_path(view_of(row->path), &arena, &again, &is_null, &why) != good ||
		    is_null == good) {
			fail_msg("%s: another answer as reverse-path", row->name);
		}
		arena_deinit(&arena);
	}
}

static void null_path(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	struct mailbox mailbox = { .utf8 = true };
	struct view why = VIEW_NONE;
	bool is_null = false;
	assert_true(address_parse_reverse_path(VIEW("<>"), &arena, &mailbox, &is_null, &why));
	assert_true(is_null);
	assert_true(mailbox.utf8);
	assert_false(address_parse_forward_path(VIEW("<>"), &arena, &mailbox, &why));
	assert_true(view_equal(why, VIEW("the address is empty")));
	assert_false(address_parse_forward_path(VIEW("<a\0b@example.com>"), &arena, &mailbox, &why));
	assert_false(address_parse_forward_path(VIEW("<\"a\0b\"@example.com>"), &arena, &mailbox, &why));
	arena_deinit(&arena);
}

static bool take_length(size_t local_part_length)
{
	struct arena arena = { 0 };
	struct mailbox mailbox;
	struct view why = VIEW_NONE;
	struct text path = TEXT_LIMIT(ADDRESS_PATH_MOST * 2);
	text_add_byte(&path, '<');
	for (size_t i = 0; i < local_part_length; i++) {
		text_add_byte(&path, 'x');
	}
	text_add(&path, VIEW("@example.com>"));
	const bool taken = address_parse_forward_path(text_view(&path), &arena, &mailbox, &why);
	text_deinit(&path);
	arena_deinit(&arena);
	return taken;
}

static void lengths(void **state)
{
	(void)state;
	assert_true(take_length(64));
	assert_true(take_length(65)); /* RFC 5321 4.5.3.1: more than the least is good */
	assert_true(take_length(ADDRESS_LOCAL_PART_MOST));
	assert_false(take_length(ADDRESS_LOCAL_PART_MOST + 1));
	assert_false(take_length(ADDRESS_PATH_MOST));
}

/* A path of that length in all, most of it a route of many hops. */
static bool take_route(size_t length)
{
	struct arena arena = { 0 };
	struct mailbox mailbox;
	struct view why = VIEW_NONE;
	struct text path = TEXT_LIMIT(ADDRESS_PATH_MOST * 2);
	text_add(&path, VIEW("<@a"));
	while (path.length + 19 < length) {
		text_add(&path, VIEW(",@a"));
	}
	text_add(&path, VIEW(":xxxxxxxxxxxxxxxxxxx"));
	text_truncate(&path, length - 13);
	text_add(&path, VIEW("@example.com>"));
	assert_int_equal(path.length, length);
	const bool taken = address_parse_forward_path(text_view(&path), &arena, &mailbox, &why);
	text_deinit(&path);
	arena_deinit(&arena);
	return taken;
}

static void long_paths(void **state)
{
	(void)state;
	struct arena arena = { 0 };
	struct mailbox mailbox;
	struct view why = VIEW_NONE;
	static char blanks[ADDRESS_PATH_MOST + 1];
	assert_true(take_route(ADDRESS_PATH_MOST));
	assert_false(take_route(ADDRESS_PATH_MOST + 1));
	assert_false(address_parse_mailbox(view_bytes(blanks, sizeof(blanks)), &arena, &mailbox, &why));
	assert_true(view_equal(why, VIEW("the address is too long")));
	arena_deinit(&arena);
}

static void postmaster(void **state)
{
	(void)state;
	assert_true(address_is_bare_postmaster(VIEW("<Postmaster>")));
	assert_true(address_is_bare_postmaster(VIEW("<POSTMASTER>")));
	assert_false(address_is_bare_postmaster(VIEW("<postmaster@example.com>")));
	assert_false(address_is_bare_postmaster(VIEW("postmaster")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forward_paths), cmocka_unit_test(null_path),  cmocka_unit_test(lengths),
		cmocka_unit_test(long_paths),    cmocka_unit_test(postmaster),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
