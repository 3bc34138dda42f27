#include "base/map.h"

#include "base/random.h"
#include "base/testing.h"

#include <stdio.h>

static void test_puts_and_removes(void **state)
{
	(void)state;
	int one = 1;
	int two = 2;
	bool full = true;
	struct map map = MAP_LIMIT(2, 42);
	assert_null(map_get(&map, VIEW("a")));
	assert_null(map_remove(&map, VIEW("a")));
	assert_null(map_put(&map, VIEW("a"), &one, &full));
	assert_false(full);
	assert_ptr_equal(map_put(&map, VIEW("a"), &two, NULL), &one);
	assert_ptr_equal(map_get(&map, VIEW("a")), &two);
	assert_null(map_put(&map, VIEW(""), &one, &full));
	assert_ptr_equal(map_get(&map, VIEW_NONE), &one);
	assert_null(map_put(&map, VIEW("b"), &one, &full));
	assert_true(full);
	assert_null(map_get(&map, VIEW("b")));
	/* At the limit a key that is there may still change. */
	assert_ptr_equal(map_put(&map, VIEW("a"), &one, &full), &two);
	assert_false(full);
	assert_ptr_equal(map_remove(&map, VIEW("a")), &one);
	assert_null(map_get(&map, VIEW("a")));
	assert_int_equal(map.count, 1);
	map_deinit(&map);
	assert_int_equal(map.limit, 2);
}

static void test_keys_are_copied(void **state)
{
	(void)state;
	int one = 1;
	char key[] = "key";
	struct map map = MAP_LIMIT(10, 0);
	map_put(&map, view_of(key), &one, NULL);
	key[0] = 'K';
	assert_ptr_equal(map_get(&map, VIEW("key")), &one);
	assert_null(map_get(&map, VIEW("Key")));
	map_deinit(&map);
}

enum { KEYS = 500 };

/* Against an array; with few keys at a time and many changes, so that graves fill the table again and again. */
static void test_against_an_array(void **state)
{
	(void)state;
	static int values[KEYS];
	bool in[KEYS] = { false };
	size_t count = 0;
	struct map map = MAP_LIMIT(KEYS, 99);
	struct random random;
	random_seed(&random, 3);
	for (unsigned step = 0; step < 50000; step++) {
		const size_t range = step < 25000 ? KEYS : 20;
		const size_t i = random_below(&random, range);
		char key[16];
		const struct view name = { key, (size_t)snprintf(key, sizeof(key), "key %zu", i) };
		assert_ptr_equal(map_get(&map, name), in[i] ? &values[i] : NULL);
		if (in[i])
			assert_ptr_equal(map_remove(&map, name), &values[i]);
		else
			assert_null(map_put(&map, name, &values[i], NULL));
		in[i] = !in[i];
		count = in[i] ? count + 1 : count - 1;
		assert_int_equal(map.count, count);
	}
	assert_true(map.capacity <= 2048);

	size_t position = 0;
	size_t walked = 0;
	struct view key;
	void *value;
	while (map_walk(&map, &position, &key, &value)) {
		walked++;
		assert_ptr_equal(map_remove(&map, key), value);
	}
	assert_int_equal(walked, count);
	assert_int_equal(map.count, 0);
	map_deinit(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_puts_and_removes),
		cmocka_unit_test(test_keys_are_copied),
		cmocka_unit_test(test_against_an_array),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
