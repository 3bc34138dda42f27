#include "base/json.h"

#include "base/testing.h"

static const struct string_case {
	const char *name;
	struct view value;
	const char *json;
} string_cases[] = {
	{ "empty", { NULL, 0 }, "\"\"" },
	{ "plain", VIEW_INIT("a b/c"), "\"a b/c\"" },
	{ "quote and backslash", VIEW_INIT("\"\\"), "\"\\\"\\\\\"" },
	{ "short escapes", VIEW_INIT("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"" },
	{ "control", VIEW_INIT("\0\x1b\x7f"), "\"\\u0000\\u001b\\u007f\"" },
	{ "two bytes", VIEW_INIT("\xc3\xa9"), "\"\xc3\xa9\"" },
	{ "three bytes", VIEW_INIT("\xe2\x82\xac"), "\"\xe2\x82\xac\"" },
	{ "four bytes", VIEW_INIT("\xf0\x9f\x93\xa7"), "\"\xf0\x9f\x93\xa7\"" },
	{ "lone continuation", VIEW_INIT("a\x80z"), "\"a\xef\xbf\xbdz\"" },
	{ "cut", VIEW_INIT("\xe2\x82"), "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ "cut by a letter", VIEW_INIT("\xe2\x82z"), "\"\xef\xbf\xbd\xef\xbf\xbdz\"" },
	{ "overlong slash", VIEW_INIT("\xc0\xaf"), "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ "overlong of three", VIEW_INIT("\xe0\x80\xaf"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ "surrogate", VIEW_INIT("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ "last before the surrogates", VIEW_INIT("\xed\x9f\xbf"), "\"\xed\x9f\xbf\"" },
	{ "last of all", VIEW_INIT("\xf4\x8f\xbf\xbf"), "\"\xf4\x8f\xbf\xbf\"" },
	{ "beyond the last", VIEW_INIT("\xf4\x90\x80\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ "never a byte of UTF-8", VIEW_INIT("\xff"), "\"\xef\xbf\xbd\"" },
};

static void test_strings(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(string_cases); i++) {
		const struct string_case *row = &string_cases[i];
		struct text text = TEXT_LIMIT(200);
		struct json json = json_on(&text);
		json_add_string(&json, row->value);
		expect_view(row->name, text_view(&text), view_of(row->json));
		text_deinit(&text);
	}
}

static void test_commas(void **state)
{
	(void)state;
	struct text text = TEXT_LIMIT(500);
	struct json json = json_on(&text);
	json_open_object(&json);
	json_member_string(&json, VIEW("a"), VIEW("b"));
	json_member_string_optional(&json, VIEW("left out"), VIEW(""));
	json_member_string_optional(&json, VIEW("c"), VIEW("d"));
	json_member_integer(&json, VIEW("n"), INT64_MIN);
	json_key(&json, VIEW("list"));
	json_open_array(&json);
	json_add_boolean(&json, true);
	json_add_boolean(&json, false);
	json_add_null(&json);
	json_open_object(&json);
	json_close_object(&json);
	json_open_array(&json);
	json_close_array(&json);
	json_add_integer(&json, 1);
	json_close_array(&json);
	json_key(&json, VIEW("e\""));
	json_add_string(&json, VIEW("f"));
	json_close_object(&json);
	expect_view("document", text_view(&text),
	            VIEW("{\"a\":\"b\",\"c\":\"d\",\"n\":-9223372036854775808,\"list\":[true,false,null,{},[],1],"
	                 "\"e\\\"\":\"f\"}"));
	text_deinit(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_strings), cmocka_unit_test(test_commas) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
