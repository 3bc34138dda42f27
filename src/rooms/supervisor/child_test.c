#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "rooms/supervisor/child.h"

static void test_delay(void **state)
{
	static const struct {
		const char *name;
		unsigned failures;
		int64_t most;
	} rows[] = {
		{ "mended at once", 0, 0 },
		{ "first repeat", 1, 100 * MILLISECOND },
		{ "doubled", 2, 200 * MILLISECOND },
		{ "doubled again", 5, 1600 * MILLISECOND },
		{ "below the cap", 9, 25600 * MILLISECOND },
		{ "capped", 10, 30 * SECOND },
		{ "capped for ever", 4000000000u, 30 * SECOND },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (uint64_t random = 0; random < 100; random++) {
			const int64_t delay = child_restart_delay(rows[i].failures, random * 0x9e3779b97f4a7c15u);
			if (delay <= rows[i].most && delay >= rows[i].most * 4 / 5)
				continue;
			print_message("%s: %lld\n", rows[i].name, (long long)delay);
			fail();
		}
}

static void test_is_spread(void **state)
{
	(void)state;
	assert_true(child_restart_delay(5, 1) != child_restart_delay(5, 100000));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_delay), cmocka_unit_test(test_is_spread) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
