#include "cli/cli.h"

#include "base/testing.h"

#include <unistd.h>

static const struct file_case {
	const char *name;
	size_t length, limit;
	bool good;
} file_cases[] = {
	{ "empty", 0, 1024, true },
	{ "shorter than a piece, in a small text", 33, 1024, true },
	{ "as long as the limit", 1024, 1024, true },
	{ "longer than the limit", 1025, 1024, false },
	{ "more than the half of its limit", 40000, 65536, true },
};

static void test_files(void **state)
{
	(void)state;
	static char bytes[65536];
	for (size_t i = 0; i < CASES(file_cases); i++) {
		const struct file_case *row = &file_cases[i];
		struct text text = TEXT_LIMIT(row->limit);
		int ends[2];
		assert_int_equal(pipe(ends), 0);
		for (size_t at = 0; at < row->length; at++)
			bytes[at] = (char)('a' + at % 26);
		assert_int_equal(write(ends[1], bytes, row->length), (ssize_t)row->length);
		close(ends[1]);
		expect_number(row->name, file_read_all(ends[0], &text), row->good);
		if (row->good)
			expect_view(row->name, text_view(&text), view_bytes(bytes, row->length));
		close(ends[0]);
		text_deinit(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
