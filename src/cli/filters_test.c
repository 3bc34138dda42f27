#include "cli/cli.h"

#include "base/testing.h"

static const struct filter_case {
	const char *name;
	enum filter_use use;
	const char *arguments[3];
	size_t count;
	const char *expected; /* the path's arguments; NULL: refused */
} filter_cases[] = {
	{ "none", FILTER_QUEUE, { NULL }, 0, "" },
	{ "key and value", FILTER_QUEUE, { "state=held" }, 1, "?state=held" },
	{ "two", FILTER_QUEUE, { "state=held", "account=a b" }, 2, "?state=held&account=a%20b" },
	{ "an address", FILTER_QUEUE, { "a+b@example.com" }, 1, "?recipient=a%2Bb%40example.com" },
	{ "a domain", FILTER_QUEUE, { "example.com" }, 1, "?recipient_domain=example.com" },
	{ "an id", FILTER_QUEUE, { "01arz3ndek0000000000000000" }, 1, "?id=01arz3ndek0000000000000000" },
	{ "a domain of the history", FILTER_HISTORY, { "example.com" }, 1, "?domain=example.com" },
	{ "a value may hold the sign", FILTER_QUEUE, { "recipient=a=b@c.d" }, 1, "?recipient=a%3Db%40c.d" },
	{ "an unknown key", FILTER_QUEUE, { "recipent=a@b.c" }, 1, NULL },
	{ "an unknown word", FILTER_QUEUE, { "everything" }, 1, NULL },
	{ "a key of the other kind", FILTER_QUEUE, { "since=2h" }, 1, NULL },
	{ "state is not of the history", FILTER_HISTORY, { "state=held" }, 1, NULL },
	{ "no state", FILTER_QUEUE, { "state=waiting" }, 1, NULL },
	{ "no id", FILTER_QUEUE, { "id=01" }, 1, NULL },
	{ "an id is not of the history", FILTER_HISTORY, { "01arz3ndek0000000000000000" }, 1, NULL },
	{ "twice", FILTER_QUEUE, { "state=held", "state=queued" }, 2, NULL },
	{ "no value", FILTER_QUEUE, { "account=" }, 1, NULL },
	{ "not UTF-8", FILTER_QUEUE, { "account=\xff" }, 1, NULL },
};

static void test_filters(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(filter_cases); i++) {
		const struct filter_case *row = &filter_cases[i];
		struct text problem = TEXT_LIMIT(1024);
		struct text path = TEXT_LIMIT(1024);
		json_t *filters = json_object();
		const bool good = filters_read(row->arguments, row->count, row->use, filters, &problem);
		expect_number(row->name, good, row->expected != NULL);
		expect_number(row->name, problem.length == 0, good);
		path_add_filters(&path, filters);
		if (good)
			expect_view(row->name, text_view(&path), view_of(row->expected));
		json_decref(filters);
		text_deinit(&path);
		text_deinit(&problem);
	}
}

static void test_path(void **state)
{
	(void)state;
	struct text path = TEXT_LIMIT(1024);
	text_add(&path, VIEW("/v1/accounts"));
	path_add_part(&path, VIEW("a/b?c%d@\xc3\xbc"));
	path_add_query(&path, "left", NULL);
	path_add_query(&path, "one", "&=");
	path_add_query(&path, "two", "2");
	expect_view("path", text_view(&path), VIEW("/v1/accounts/a%2Fb%3Fc%25d%40%C3%BC?one=%26%3D&two=2"));
	text_deinit(&path);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_filters), cmocka_unit_test(test_path) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
