#include "base/random.h"

#include "base/testing.h"

/* splitmix64 of seed 0 begins e220a8397b1dcdaf 6e789e6aa1b965f4 06c45d188009454f f88bb8a8724c81ec, as its authors
 * publish; one step of xoshiro256** on that state is worked out by hand. */
static void test_same_on_every_machine(void **state)
{
	(void)state;
	struct random random;
	random_seed(&random, 0);
	assert_true(random.state[0] == UINT64_C(0xe220a8397b1dcdaf));
	assert_true(random.state[1] == UINT64_C(0x6e789e6aa1b965f4));
	assert_true(random.state[2] == UINT64_C(0x06c45d188009454f));
	assert_true(random.state[3] == UINT64_C(0xf88bb8a8724c81ec));
	assert_true(random_next(&random) == UINT64_C(0x99ec5f36cb75f2b4));
	struct random again;
	random_seed(&again, 0);
	random_next(&again);
	for (unsigned i = 0; i < 100; i++)
		assert_true(random_next(&random) == random_next(&again));
}

static void test_below(void **state)
{
	(void)state;
	struct random random;
	random_seed(&random, 5);
	unsigned seen[6] = { 0 };
	for (unsigned i = 0; i < 6000; i++)
		seen[random_below(&random, 6)]++;
	for (unsigned i = 0; i < 6; i++)
		assert_in_range(seen[i], 850, 1150);
	assert_int_equal(random_below(&random, 1), 0);
	for (unsigned i = 0; i < 1000; i++)
		assert_true(random_below(&random, UINT64_C(3) << 62) < UINT64_C(3) << 62);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_on_every_machine),
		cmocka_unit_test(test_below),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
