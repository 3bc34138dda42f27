#include "base/view.h"

#include "base/testing.h"

static const struct compare_case {
	const char *name;
	struct view a, b;
	bool equal, equal_nocase;
	int order;
} compare_cases[] = {
	{ "both none", VIEW_INIT(""), { NULL, 0 }, true, true, 0 },
	{ "same", VIEW_INIT("abc"), VIEW_INIT("abc"), true, true, 0 },
	{ "letter case", VIEW_INIT("aBc"), VIEW_INIT("AbC"), false, true, 1 },
	{ "shorter first", VIEW_INIT("ab"), VIEW_INIT("abc"), false, false, -1 },
	{ "longer", VIEW_INIT("abc"), VIEW_INIT("ab"), false, false, 1 },
	{ "bytes above ASCII are not folded", VIEW_INIT("\xc4"), VIEW_INIT("\xe4"), false, false, -1 },
	{ "@ and ` are no letters", VIEW_INIT("@"), VIEW_INIT("`"), false, false, -1 },
	{ "[ and { are no letters", VIEW_INIT("["), VIEW_INIT("{"), false, false, -1 },
	{ "NUL counts", VIEW_INIT("a\0b"), VIEW_INIT("a\0c"), false, false, -1 },
	{ "unsigned", VIEW_INIT("\x7f"), VIEW_INIT("\x80"), false, false, -1 },
};

static int sign(int number)
{
	return (number > 0) - (number < 0);
}

static void test_compare(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(compare_cases); i++) {
		const struct compare_case *row = &compare_cases[i];
		expect_number(row->name, view_equal(row->a, row->b), row->equal);
		expect_number(row->name, view_equal_constant_time(row->a, row->b), row->equal);
		expect_number(row->name, view_equal_nocase(row->a, row->b), row->equal_nocase);
		expect_number(row->name, sign(view_compare(row->a, row->b)), row->order);
		expect_number(row->name, sign(view_compare(row->b, row->a)), -row->order);
	}
}

static const struct find_case {
	const char *name;
	struct view in, needle;
	size_t first;
	bool starts, ends, starts_nocase, ends_nocase;
} find_cases[] = {
	{ "empty in empty", { NULL, 0 }, VIEW_INIT(""), 0, true, true, true, true },
	{ "empty in some", VIEW_INIT("abc"), VIEW_INIT(""), 0, true, true, true, true },
	{ "some in empty", { NULL, 0 }, VIEW_INIT("a"), VIEW_NOT_FOUND, false, false, false, false },
	{ "at the start", VIEW_INIT("abc"), VIEW_INIT("ab"), 0, true, false, true, false },
	{ "at the end", VIEW_INIT("abc"), VIEW_INIT("bc"), 1, false, true, false, true },
	{ "whole", VIEW_INIT("abc"), VIEW_INIT("abc"), 0, true, true, true, true },
	{ "longer than all", VIEW_INIT("abc"), VIEW_INIT("abcd"), VIEW_NOT_FOUND, false, false, false, false },
	{ "other case at the start", VIEW_INIT("ABc"), VIEW_INIT("ab"), VIEW_NOT_FOUND, false, false, true, false },
	{ "other case at the end", VIEW_INIT("aBC"), VIEW_INIT("bc"), VIEW_NOT_FOUND, false, false, false, true },
	{ "after a false start", VIEW_INIT("aab"), VIEW_INIT("ab"), 1, false, true, false, true },
};

static void test_find(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(find_cases); i++) {
		const struct find_case *row = &find_cases[i];
		expect_number(row->name, (int64_t)view_find(row->in, row->needle), (int64_t)row->first);
		expect_number(row->name, view_starts(row->in, row->needle), row->starts);
		expect_number(row->name, view_ends(row->in, row->needle), row->ends);
		expect_number(row->name, view_starts_nocase(row->in, row->needle), row->starts_nocase);
		expect_number(row->name, view_ends_nocase(row->in, row->needle), row->ends_nocase);
	}
	expect_number("first byte", (int64_t)view_find_byte(VIEW("a.b.c"), '.'), 1);
	expect_number("last byte", (int64_t)view_find_last_byte(VIEW("a.b.c"), '.'), 3);
	expect_number("no byte", (int64_t)view_find_byte(VIEW("abc"), '.'), -1);
	expect_number("no last byte", (int64_t)view_find_last_byte(VIEW_NONE, '.'), -1);
	expect_number("not past the end", (int64_t)view_find_byte(view_first(VIEW("ab."), 2), '.'), -1);
}

static void test_parts(void **state)
{
	(void)state;
	expect_view("from", view_from(VIEW("abc"), 1), VIEW("bc"));
	expect_view("from beyond", view_from(VIEW("abc"), 9), VIEW(""));
	expect_view("from of none", view_from(VIEW_NONE, 9), VIEW(""));
	expect_view("first", view_first(VIEW("abc"), 2), VIEW("ab"));
	expect_view("first beyond", view_first(VIEW("abc"), VIEW_NOT_FOUND), VIEW("abc"));
	expect_view("slice", view_slice(VIEW("abcd"), 1, 2), VIEW("bc"));
	expect_view("slice beyond", view_slice(VIEW("abcd"), 3, 2), VIEW("d"));
	expect_view("trim", view_trim(VIEW(" \t\r\na b\r\n ")), VIEW("a b"));
	expect_view("trim all", view_trim(VIEW(" \t ")), VIEW(""));
	expect_view("trim keeps other controls", view_trim(VIEW("\va\f")), VIEW("\va\f"));
}

static const struct split_case {
	const char *name;
	struct view list;
	const char *parts[5];
} split_cases[] = {
	{ "none", { NULL, 0 }, { NULL } },
	{ "empty has one empty part", VIEW_INIT(""), { "" } },
	{ "one", VIEW_INIT("a"), { "a" } },
	{ "three", VIEW_INIT("a,bc,d"), { "a", "bc", "d" } },
	{ "empty ones count", VIEW_INIT(",a,,"), { "", "a", "", "" } },
};

static void test_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(split_cases); i++) {
		const struct split_case *row = &split_cases[i];
		struct view rest = row->list;
		struct view part = VIEW_NONE;
		size_t count = 0;
		while (view_split(&rest, ',', &part)) {
			if (row->parts[count] == NULL)
				fail_msg("%s: more parts than expected", row->name);
			expect_view(row->name, part, view_of(row->parts[count++]));
		}
		if (row->parts[count] != NULL)
			fail_msg("%s: only %zu parts", row->name, count);
	}
}

static const struct number_case {
	const char *name;
	struct view text;
	bool good;
	uint64_t number;
} number_cases[] = {
	{ "nothing", VIEW_INIT(""), false, 0 },
	{ "zero", VIEW_INIT("0"), true, 0 },
	{ "leading zeros", VIEW_INIT("007"), true, 7 },
	{ "largest", VIEW_INIT("18446744073709551615"), true, UINT64_MAX },
	{ "one too many", VIEW_INIT("18446744073709551616"), false, 0 },
	{ "ten times too many", VIEW_INIT("184467440737095516150"), false, 0 },
	{ "sign", VIEW_INIT("+1"), false, 0 },
	{ "minus", VIEW_INIT("-1"), false, 0 },
	{ "blank before", VIEW_INIT(" 1"), false, 0 },
	{ "blank after", VIEW_INIT("1 "), false, 0 },
	{ "hexadecimal", VIEW_INIT("0x10"), false, 0 },
	{ "NUL after", VIEW_INIT("1\0"), false, 0 },
};

static void test_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(number_cases); i++) {
		const struct number_case *row = &number_cases[i];
		uint64_t number = 4711;
		expect_number(row->name, view_to_u64(row->text, &number), row->good);
		if (number != (row->good ? row->number : 4711))
			fail_msg("%s: the number is %llu", row->name, (unsigned long long)number);
	}
}

static void test_bytes(void **state)
{
	(void)state;
	for (int i = 0; i < 256; i++) {
		const char byte = (char)i;
		const bool digit = i >= '0' && i <= '9';
		const bool upper = i >= 'A' && i <= 'Z';
		const bool lower = i >= 'a' && i <= 'z';
		assert_int_equal(byte_is_digit(byte), digit);
		assert_int_equal(byte_is_alpha(byte), upper || lower);
		assert_int_equal(byte_is_alnum(byte), upper || lower || digit);
		assert_int_equal(byte_is_print(byte), i >= 32 && i < 127);
		assert_int_equal(byte_is_blank(byte), i == 32 || i == 9);
		assert_int_equal(byte_lower(byte), upper ? (char)(i + 32) : byte);
		const size_t value = view_find_byte(VIEW("0123456789abcdef"), upper ? (char)(i + 32) : byte);
		assert_int_equal(byte_hex_value(byte), value == VIEW_NOT_FOUND ? -1 : (int)value);
	}
}

static void test_hash(void **state)
{
	(void)state;
	assert_true(view_hash(VIEW("a"), 1) == view_hash(VIEW("a"), 1));
	assert_true(view_hash(VIEW("a"), 1) != view_hash(VIEW("a"), 2));
	assert_true(view_hash(VIEW("a"), 1) != view_hash(VIEW("b"), 1));
	assert_true(view_hash(VIEW("ab"), 1) != view_hash(VIEW("ba"), 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compare), cmocka_unit_test(test_find),    cmocka_unit_test(test_parts),
		cmocka_unit_test(test_split),   cmocka_unit_test(test_numbers), cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_hash),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
