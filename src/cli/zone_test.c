#include "cli/zone.h"

#include "base/testing.h"

static const struct zone_case {
	const char *name;
	const char *record_name, *type, *value;
	const char *expected;
} zone_cases[] = {
	{ "short", "example.com", "TXT", "v=spf1 -all", "example.com. IN TXT \"v=spf1 -all\"\n" },
	{ "the root's dot is not doubled", "example.com.", "TXT", "x", "example.com. IN TXT \"x\"\n" },
	{ "empty", "a", "TXT", "", "a. IN TXT \"\"\n" },
	{ "quotes and backslashes", "a", "TXT", "b\"c\\d", "a. IN TXT \"b\\\"c\\\\d\"\n" },
	{ "bytes beyond ASCII are decimal", "a", "TXT", "\xc3\xbc\t", "a. IN TXT \"\\195\\188\\009\"\n" },
	{ "other types stand as they are", "a", "CNAME", "b.example.", "a. IN CNAME b.example.\n" },
};

static void test_zone(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(zone_cases); i++) {
		const struct zone_case *row = &zone_cases[i];
		struct text zone = TEXT_LIMIT(4096);
		zone_add_record(&zone, view_of(row->record_name), view_of(row->type), view_of(row->value));
		expect_view(row->name, text_view(&zone), view_of(row->expected));
		text_deinit(&zone);
	}
}

static const struct split_case {
	const char *name;
	size_t length;
	size_t strings;
} split_cases[] = {
	{ "254 octets", 254, 1 }, { "255 octets", 255, 1 }, { "256 octets", 256, 2 },
	{ "510 octets", 510, 2 }, { "511 octets", 511, 3 },
};

/* RFC 1035 3.3: a character-string has at most 255 octets. */
static void test_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(split_cases); i++) {
		const struct split_case *row = &split_cases[i];
		struct text value = TEXT_LIMIT(1024);
		struct text zone = TEXT_LIMIT(4096);
		size_t quotes = 0;
		while (value.length < row->length)
			text_add_byte(&value, 'x');
		zone_add_record(&zone, VIEW("a"), VIEW("TXT"), text_view(&value));
		size_t run = 0;
		for (size_t at = 0; at < zone.length; at++) {
			run = zone.data[at] == 'x' ? run + 1 : 0;
			quotes += zone.data[at] == '"';
			expect_number(row->name, run <= 255, true);
		}
		expect_number(row->name, (int64_t)quotes, 2 * (int64_t)row->strings);
		text_deinit(&value);
		text_deinit(&zone);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_zone), cmocka_unit_test(test_split) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
