#include "base/id.h"

#include "base/testing.h"

static const struct text_case {
	const char *name;
	struct message_id id;
	const char *text;
} text_cases[] = {
	{ "all zero", { { 0 } }, "00000000000000000000000000" },
	{ "all ones",
	  { { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 } },
	  "7zzzzzzzzzzzzzzzzzzzzzzzzz" },
	{ "last bit", { { [15] = 1 } }, "00000000000000000000000001" },
	{ "first bit", { { 128 } }, "40000000000000000000000000" },
	/* The example of the ULID specification's time part: 01ARZ3NDEK is 1469922850259. */
	{ "time", { { 0x01, 0x56, 0x3e, 0x3a, 0xb5, 0xd3 } }, "01arz3ndek0000000000000000" },
};

static void test_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(text_cases); i++) {
		const struct text_case *row = &text_cases[i];
		struct text text = TEXT_LIMIT(ID_TEXT_LENGTH);
		struct message_id read;
		text_add_id(&text, &row->id);
		expect_view(row->name, text_view(&text), view_of(row->text));
		expect_number(row->name, id_parse(text_view(&text), &read), true);
		expect_number(row->name, id_equal(&read, &row->id), true);
		text_deinit(&text);
	}
}

static const struct refused_case {
	const char *name;
	struct view text;
} refused_cases[] = {
	{ "empty", { NULL, 0 } },
	{ "short", VIEW_INIT("0000000000000000000000000") },
	{ "long", VIEW_INIT("000000000000000000000000000") },
	{ "more than 128 bits", VIEW_INIT("80000000000000000000000000") },
	{ "letter outside the alphabet", VIEW_INIT("0000000000000u000000000000") },
	{ "look-alike", VIEW_INIT("000000000000000000000000o0") },
	{ "NUL", VIEW_INIT("0000000000000\0"
	                   "000000000000") },
	{ "first outside the alphabet", VIEW_INIT("-0000000000000000000000000") },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(refused_cases); i++) {
		struct message_id id = { { 1, 2, 3 } };
		const struct message_id before = id;
		expect_number(refused_cases[i].name, id_parse(refused_cases[i].text, &id), false);
		expect_number(refused_cases[i].name, id_equal(&id, &before), true);
	}
	struct message_id upper;
	assert_true(id_parse(VIEW("01ARZ3NDEK0000000000000000"), &upper));
	assert_int_equal(id_wall(&upper), INT64_C(1469922850259) * 1000);
}

static void test_sorts_by_time(void **state)
{
	(void)state;
	static const uint8_t high[10] = { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 };
	static const uint8_t low[10] = { 0 };
	const struct message_id earlier = id_make(INT64_C(1795430593123456), high);
	const struct message_id later = id_make(INT64_C(1795430593124000), low);
	assert_true(id_compare(&earlier, &later) < 0);
	assert_int_equal(id_wall(&earlier), INT64_C(1795430593123000));
	expect_view("random part", view_from(id_view(&earlier), 6), view_bytes(high, sizeof(high)));
	assert_int_equal(id_view(&later).length, 16);
	struct text a = TEXT_LIMIT(26);
	struct text b = TEXT_LIMIT(26);
	text_add_id(&a, &earlier);
	text_add_id(&b, &later);
	assert_true(view_compare(text_view(&a), text_view(&b)) < 0);
	text_deinit(&a);
	text_deinit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_sorts_by_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
