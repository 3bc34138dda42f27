#include "base/clock.h"

#include "base/testing.h"
#include "base/text.h"

static const struct time_case {
	const char *name;
	int64_t wall;
	const char *rfc3339;
	const char *rfc5322;
} time_cases[] = {
	{ "epoch", 0, "1970-01-01T00:00:00.000000Z", "Thu, 01 Jan 1970 00:00:00 +0000" },
	{ "day of this test", INT64_C(1795430593) * SECOND + 123456, "2026-11-23T10:43:13.123456Z",
	  "Mon, 23 Nov 2026 10:43:13 +0000" },
	{ "leap day", INT64_C(1709164800) * SECOND, "2024-02-29T00:00:00.000000Z", "Thu, 29 Feb 2024 00:00:00 +0000" },
	{ "last microsecond", INT64_C(1735689600) * SECOND - 1, "2024-12-31T23:59:59.999999Z",
	  "Tue, 31 Dec 2024 23:59:59 +0000" },
	{ "before the epoch", -1, "1969-12-31T23:59:59.999999Z", "Wed, 31 Dec 1969 23:59:59 +0000" },
	{ "whole second before the epoch", -SECOND, "1969-12-31T23:59:59.000000Z", "Wed, 31 Dec 1969 23:59:59 +0000" },
	{ "after 2038", INT64_C(4102444800) * SECOND, "2100-01-01T00:00:00.000000Z", "Fri, 01 Jan 2100 00:00:00 +0000" },
};

static void test_times(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(time_cases); i++) {
		const struct time_case *row = &time_cases[i];
		struct text text = TEXT_LIMIT(40);
		text_add_time_rfc3339(&text, row->wall);
		expect_view(row->name, text_view(&text), view_of(row->rfc3339));
		text_clear(&text);
		text_add_time_rfc5322(&text, row->wall);
		expect_view(row->name, text_view(&text), view_of(row->rfc5322));
		text_deinit(&text);
	}
}

static const struct duration_case {
	int64_t duration;
	const char *text;
} duration_cases[] = {
	{ 0, "0s" },
	{ -5 * SECOND, "0s" },
	{ 999 * MILLISECOND, "0s" },
	{ 30 * SECOND, "30s" },
	{ 90 * SECOND, "1m30s" },
	{ HOUR, "1h" },
	{ 4 * HOUR + 59 * SECOND, "4h59s" },
	{ HOUR + 30 * MINUTE + 5 * SECOND, "1h30m" },
	{ 5 * DAY, "5d" },
	{ 30 * DAY + HOUR, "30d1h" },
};

static void test_durations(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(duration_cases); i++) {
		struct text text = TEXT_LIMIT(40);
		text_add_duration(&text, duration_cases[i].duration);
		expect_view(duration_cases[i].text, text_view(&text), view_of(duration_cases[i].text));
		text_deinit(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_times), cmocka_unit_test(test_durations) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
