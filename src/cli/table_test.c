#include "cli/table.h"

#include "base/testing.h"

static const struct table_case {
	const char *name;
	bool colour;
	const char *cells[3][3];
	size_t rows;
	const char *expected;
} table_cases[] = {
	{ "no rows", false, { { NULL } }, 0, "" },
	{ "columns are aligned",
	  false,
	  { { "A", "BB", "C" }, { "aaaa", "b", "c" } },
	  2,
	  "A     BB  C\n"
	  "aaaa  b   c\n" },
	{ "no blanks at the end", false, { { "long", "x", "" }, { "a", "", "" } }, 2, "long  x\na\n" },
	{ "an empty cell keeps its place", false, { { "a", "", "c" }, { "b", "x", "d" } }, 2, "a     c\nb  x  d\n" },
	{ "letters beyond ASCII are one column",
	  false,
	  { { "\xc3\xbc", "x", "" }, { "ab", "y", "" } },
	  2,
	  "\xc3\xbc   x\nab  y\n" },
	{ "control characters are shown, not obeyed",
	  false,
	  { { "a\033[2J", "b\nc", "d\xc2\x9b" } },
	  1,
	  "a?[2J  b?c  d?\n" },
	{ "a state is coloured and its colour takes no column",
	  true,
	  { { "pass", "x", "" }, { "unknown", "y", "" } },
	  2,
	  "\033[32mpass\033[0m     x\n\033[33munknown\033[0m  y\n" },
};

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(table_cases); i++) {
		const struct table_case *row = &table_cases[i];
		struct text text = TEXT_LIMIT(4096);
		struct table table;
		table_init(&table, 3);
		for (size_t r = 0; r < row->rows; r++)
			table_add(&table, row->cells[r]);
		table_write(&table, row->colour, &text);
		expect_view(row->name, text_view(&text), view_of(row->expected));
		table_deinit(&table);
		text_deinit(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_table) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
