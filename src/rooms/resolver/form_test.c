#include "rooms/resolver/form.h"

#include "base/testing.h"

#define KEY    "AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH+IIIJJJJKKKK"
#define WANTED "v=DKIM1; k=rsa; p=" KEY

static const struct {
	const char *name;
	struct view seen;
	const char *clause; /* a part of it; "": none */
} rows[] = {
	{ "the right one", VIEW_INIT(WANTED), "" },
	{ "another one", VIEW_INIT("v=DKIM1; k=rsa; p=AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH+IIIJJJJKKKX"), "" },
	{ "another thing", VIEW_INIT("v=spf1 -all"), "" },
	{ "nothing", VIEW_INIT(""), "" },
	{ "too little to tell", VIEW_INIT("v=DKIM1"), "" },
	{ "in quotes", VIEW_INIT("\"" WANTED "\""), "quotes around it" },
	{ "in other quotes", VIEW_INIT("'" WANTED "'"), "quotes around it" },
	{ "quotes inside", VIEW_INIT("v=DKIM1; k=rsa; p=AAAABBBBCCCC\" \"DDDDEEEEFFFFGGGGHHHH+IIIJJJJKKKK"),
	  "quotes inside" },
	{ "backslashes", VIEW_INIT("v=DKIM1\\; k=rsa\\; p=AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH+IIIJJJJKKKK"), "backslashes" },
	{ "brackets", VIEW_INIT("(" WANTED ")"), "brackets" },
	{ "blanks", VIEW_INIT("v=DKIM1; k=rsa; p=AAAABBBBCCCC DDDDEEEEFFFFGGGGHHHH+IIIJJJJKKKK"), "blanks" },
	{ "no blanks", VIEW_INIT("v=DKIM1;k=rsa;p=AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH+IIIJJJJKKKK"), "blanks" },
	{ "cut", VIEW_INIT("v=DKIM1; k=rsa; p=AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH"), "its last part is missing" },
	{ "cut and in quotes", VIEW_INIT("\"v=DKIM1; k=rsa; p=AAAABBBBCCCCDDDD\""), "its last part is missing" },
	{ "without its first part", VIEW_INIT("DDDDEEEEFFFFGGGGHHHH+IIIJJJJKKKK"), "lacks its first part" },
	{ "its last part twice", VIEW_INIT(WANTED "GGGGHHHH+IIIJJJJKKKK"), "a part twice" },
	{ "its first part twice",
	  VIEW_INIT("v=DKIM1; k=rsa; p=AAAABBBBv=DKIM1; k=rsa; p=AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH+IIIJJJJKKKK"),
	  "a part twice" },
	{ "wholly twice", VIEW_INIT(WANTED WANTED), "a part twice" },
	{ "v= in small letters", VIEW_INIT("v=dkim1; k=rsa; p=" KEY), "must stand before the key" },
	{ "v= too short", VIEW_INIT("v=DKIM; k=rsa; p=" KEY), "must stand before the key" },
	{ "v= last", VIEW_INIT("k=rsa; p=" KEY "; v=DKIM1"), "must stand before the key" },
	{ "no semicolons", VIEW_INIT("v=DKIM1 k=rsa p=" KEY), "must stand before the key" },
	{ "a colon", VIEW_INIT("v=DKIM1; k=rsa; p:" KEY), "must stand before the key" },
	{ "nothing before the key", VIEW_INIT(KEY), "v=DKIM1; k=rsa; p= is missing" },
	{ "a key file", VIEW_INIT("v=DKIM1; k=rsa; p=-----BEGIN PUBLIC KEY-----" KEY "-----END PUBLIC KEY-----"),
	  "BEGIN and END" },
	{ "a private key", VIEW_INIT("-----BEGIN PRIVATE KEY-----" KEY), "a private key" },
	{ "its name before it", VIEW_INIT("elastx._domainkey IN TXT " WANTED), "name or type" },
	{ "small letters", VIEW_INIT("v=dkim1; k=rsa; p=aaaabbbbccccddddeeeeffffgggghhhh+iiijjjjkkkk"), "small letters" },
	{ "no plus signs", VIEW_INIT("v=DKIM1; k=rsa; p=AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH IIIJJJJKKKK"), "plus signs" },
	{ "line ends", VIEW_INIT("v=DKIM1; k=rsa; p=AAAABBBBCCCCDDDD\\nEEEEFFFFGGGGHHHH+III\\nJJJJKKKK"),
	  "written as \\n" },
	{ "typographic quotes", VIEW_INIT("\xe2\x80\x9c" WANTED "\xe2\x80\x9d"), "word processors" },
	{ "in the wrong order", VIEW_INIT("GGGGHHHH+IIIJJJJKKKKv=DKIM1; k=rsa; p=AAAABBBBCCCCDDDDEEEEFFFF"),
	  "wrong order" },
};

static void mistakes(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(rows); i++) {
		const struct view clause = form_mistake(rows[i].seen, VIEW(WANTED));
		if (rows[i].clause[0] == '\0' ? clause.length > 0
		                              : view_find(clause, view_of(rows[i].clause)) == VIEW_NOT_FOUND)
			fail_msg("%s: %.*s", rows[i].name, VIEW_PRINT(clause));
	}
}

static void at_255(void **state)
{
	(void)state;
	char long_record[410];
	for (size_t i = 0; i < sizeof(long_record); i++)
		long_record[i] = (char)('A' + i * 7 % 53 % 26);
	const struct view wanted = view_bytes(long_record, sizeof(long_record));
	expect_view("cut", form_mistake(view_first(wanted, 255), wanted),
	            VIEW("the record is cut at 255 octets: all its strings belong into it"));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(mistakes), cmocka_unit_test(at_255) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
