#include "cli/cli.h"

#include "base/testing.h"

static const struct line_case {
	const char *name;
	const char *words[7];
	int count;
	const char *noun, *verb; /* NULL noun: none */
	size_t arguments;
	const char *option, *value;
	bool good;
} line_cases[] = {
	{ "noun and verb", { "account", "list" }, 2, "account", "list", 0, NULL, NULL, true },
	{ "noun alone is a verb", { "trace", "01" }, 2, "trace", NULL, 1, NULL, NULL, true },
	{ "option with a value", { "account", "add", "a", "--label", "L" }, 5, "account", "add", 1, "label", "L", true },
	{ "option joined", { "account", "add", "--label=L=", "a" }, 4, "account", "add", 1, "label", "L=", true },
	{ "option empty", { "account", "add", "--label=", "a" }, 4, "account", "add", 1, "label", "", true },
	{ "flag", { "queue", "cancel", "--all" }, 3, "queue", "cancel", 0, "all", "", true },
	{ "global before", { "--json", "queue", "list" }, 3, "queue", "list", 0, NULL, NULL, true },
	{ "global between", { "queue", "--socket", "/s", "list" }, 4, "queue", "list", 0, NULL, NULL, true },
	{ "after two hyphens all are arguments",
	  { "account", "show", "--", "--json" },
	  4,
	  "account",
	  "show",
	  1,
	  NULL,
	  NULL,
	  true },
	{ "help of a noun", { "queue", "--help" }, 2, NULL, NULL, 1, NULL, NULL, true },
	{ "help as a word", { "help" }, 1, NULL, NULL, 0, NULL, NULL, true },
	{ "help of a verb as a word", { "help", "queue", "list" }, 3, "queue", "list", 0, NULL, NULL, true },
	{ "help of nothing that is there", { "help", "queue", "nope" }, 3, NULL, NULL, 2, NULL, NULL, false },
	{ "help as an argument", { "account", "show", "help" }, 3, "account", "show", 1, NULL, NULL, true },
	{ "version beside others", { "--json", "--version" }, 2, NULL, NULL, 0, NULL, NULL, true },
	{ "a name that is empty", { "account", "show", "" }, 3, "account", "show", 1, NULL, NULL, false },
	{ "an id that is empty", { "trace", "" }, 2, "trace", NULL, 1, NULL, NULL, false },
	{ "a text that is empty", { "parse", "address", "" }, 3, "parse", "address", 1, NULL, NULL, true },
	{ "a reason where none is kept", { "queue", "retry", "--reason=x" }, 3, "queue", "retry", 0, NULL, NULL, false },
	{ "nothing", { NULL }, 0, NULL, NULL, 0, NULL, NULL, true },
	{ "unknown noun", { "nope" }, 1, NULL, NULL, 1, NULL, NULL, false },
	{ "unknown verb", { "queue", "nope" }, 2, NULL, NULL, 2, NULL, NULL, false },
	{ "verb missing", { "queue" }, 1, NULL, NULL, 1, NULL, NULL, false },
	{ "argument missing", { "account", "show" }, 2, "account", "show", 0, NULL, NULL, false },
	{ "argument too many", { "account", "show", "a", "b" }, 4, "account", "show", 2, NULL, NULL, false },
	{ "option of another verb", { "account", "show", "a", "--label=x" }, 4, "account", "show", 1, NULL, NULL, false },
	{ "option without its value", { "account", "add", "a", "--label" }, 4, "account", "add", 1, NULL, NULL, false },
	{ "flag with a value", { "queue", "cancel", "--all=yes" }, 3, "queue", "cancel", 0, NULL, NULL, false },
	{ "part of an option's name", { "account", "add", "a", "--lab=x" }, 4, "account", "add", 1, NULL, NULL, false },
	{ "one hyphen", { "queue", "list", "-x" }, 3, "queue", "list", 0, NULL, NULL, false },
};

static void expect_line(const struct line_case *row, const struct cli *cli)
{
	expect_number(row->name, cli->verb != NULL, row->noun != NULL);
	if (row->noun != NULL) {
		expect_view(row->name, view_of(cli->verb->noun), view_of(row->noun));
		expect_number(row->name, cli->verb->verb != NULL, row->verb != NULL);
	}
	if (row->verb != NULL)
		expect_view(row->name, view_of(cli->verb->verb), view_of(row->verb));
	expect_number(row->name, (int64_t)cli->argument_count, (int64_t)row->arguments);
	if (row->option != NULL) {
		const char *value = cli_option(cli, row->option);
		expect_view(row->name, view_of(value == NULL ? "(none)" : value), view_of(row->value));
	}
}

static void test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(line_cases); i++) {
		const struct line_case *row = &line_cases[i];
		struct text problem = TEXT_LIMIT(4096);
		struct cli cli = { 0 };
		expect_number(row->name, cli_read(&cli, row->count, row->words, &problem), row->good);
		expect_number(row->name, problem.length == 0, row->good);
		expect_line(row, &cli);
		text_deinit(&problem);
	}
}

static const struct {
	const char *name;
	const char *words[6];
	int count;
	const char *told;
} problem_cases[] = {
	{ "the first is missing", { "account", "show" }, 2, "an argument is missing: NAME" },
	{ "the second is missing", { "account", "set", "a" }, 3, "an argument is missing: KEY=VALUE..." },
	{ "it is empty", { "trace", "" }, 2, "an argument is empty: ID" },
	{ "a verb without its noun",
	  { "status" },
	  1,
	  "status is no verb; sealpost --help lists them; perhaps: service status" },
	{ "the noun behind the verb",
	  { "search", "queue" },
	  2,
	  "search is no verb; sealpost --help lists them; perhaps: messages search" },
	{ "no verb at all", { "nope" }, 1, "nope is no verb; sealpost --help lists them" },
	{ "a file for one that reads",
	  { "check", "dkim", "x" },
	  3,
	  "x is too much; a file comes on standard input: < x" },
	{ "blanks without quotes", { "classify", "reply", "250", "ok" }, 4, "ok is too much; quote what has blanks" },
};

static void test_problems(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(problem_cases); i++) {
		struct text problem = TEXT_LIMIT(4096);
		struct cli cli = { 0 };
		assert_false(cli_read(&cli, problem_cases[i].count, problem_cases[i].words, &problem));
		expect_view(problem_cases[i].name, text_view(&problem), view_of(problem_cases[i].told));
		text_deinit(&problem);
	}
}

static void expect_narrow(const char *name, struct view text)
{
	struct view line;
	while (view_split(&text, '\n', &line)) {
		assert_false(view_ends(line, VIEW(" ")));
		if (line.length > 80)
			fail_msg("%s: more than 80 columns: %.*s", name, VIEW_PRINT(line));
	}
}

static void test_usage(void **state)
{
	(void)state;
	struct text all = TEXT_LIMIT(65536);
	cli_write_usage(NULL, &all);
	expect_narrow("usage", text_view(&all));
	assert_true(view_find(text_view(&all), VIEW("  trace             one message's whole story\n")) !=
	            VIEW_NOT_FOUND);
	text_deinit(&all);
}

/* The table itself: every row can be shown, and no two have one name. */
static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < cli_verb_count; i++) {
		const struct cli_verb *verb = &cli_verbs[i];
		assert_non_null(verb->run);
		assert_true(verb->least <= verb->most && verb->most <= CLI_ARGUMENTS_MOST);
		struct text help = TEXT_LIMIT(8192);
		cli_write_help(verb, &help);
		assert_true(help.length > 0 && !help.overflow);
		expect_narrow(verb->noun, text_view(&help));
		text_deinit(&help);
		for (size_t other = 0; other < i; other++)
			assert_false(view_equal(view_of(cli_verbs[other].noun), view_of(verb->noun)) &&
			             view_equal(view_of(cli_verbs[other].verb == NULL ? "" : cli_verbs[other].verb),
			                        view_of(verb->verb == NULL ? "" : verb->verb)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_lines), cmocka_unit_test(test_problems),
		                                cmocka_unit_test(test_usage), cmocka_unit_test(test_table) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
