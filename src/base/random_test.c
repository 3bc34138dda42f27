#include "base/random.h"

#include "base/testing.h"

/* splitmix64 of seed 0 as its authors publish it, and what their xoshiro256** makes of that. */
static void test_same_on_every_machine(void **state)
{
	(void)state;
	struct random random;
	random_seed(&random, 0);
	assert_true(random.state[0] == UINT64_C(0xe220a8397b1dcdaf));
	assert_true(random.state[1] == UINT64_C(0x6e789e6aa1b965f4));
	assert_true(random.state[2] == UINT64_C(0x06c45d188009454f));
	assert_true(random.state[3] == UINT64_C(0xf88bb8a8724c81ec));
	static const uint64_t first[] = { UINT64_C(0x99ec5f36cb75f2b4), UINT64_C(0xbf6e1f784956452a),
		                              UINT64_C(0x1a5f849d4933e6e0), UINT64_C(0x6aa594f1262d2d2c),
		                              UINT64_C(0xbba5ad4a1f842e59) };
	for (size_t i = 0; i < CASES(first); i++)
		assert_true(random_next(&random) == first[i]);
	struct random again;
	random_seed(&again, 0);
	for (size_t i = 0; i < CASES(first); i++)
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
