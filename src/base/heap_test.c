#include "base/heap.h"

#include "base/random.h"
#include "base/testing.h"

struct thing {
	struct heap_node node;
	bool in;
};

enum { THINGS = 300 };

static const struct thing *earliest(const struct thing *things)
{
	const struct thing *best = NULL;
	for (size_t i = 0; i < THINGS; i++)
		if (things[i].in && (best == NULL || things[i].node.key < best->node.key))
			best = &things[i];
	return best;
}

/* Any order of adding and removing gives what a search through all gives. */
static void test_against_a_search(void **state)
{
	(void)state;
	struct thing things[THINGS] = { 0 };
	struct heap heap = { 0 };
	struct random random;
	random_seed(&random, 7);
	for (unsigned step = 0; step < 20000; step++) {
		struct thing *thing = &things[random_below(&random, THINGS)];
		if (thing->in)
			heap_remove(&heap, &thing->node);
		else
			heap_add(&heap, &thing->node, (int64_t)random_below(&random, 100) - 50);
		thing->in = !thing->in;
		assert_int_equal(heap_has(&thing->node), thing->in);
		const struct thing *expected = earliest(things);
		const struct heap_node *first = heap_first(&heap);
		assert_int_equal(first == NULL, expected == NULL);
		if (first != NULL)
			assert_int_equal(first->key, expected->node.key);
	}
	heap_deinit(&heap);
}

static void test_leaves_in_order(void **state)
{
	(void)state;
	static const int64_t keys[] = { 5, INT64_MAX, -3, 5, 0, INT64_MIN };
	struct heap_node nodes[CASES(keys)] = { 0 };
	struct heap heap = { 0 };
	assert_null(heap_first(&heap));
	for (size_t i = 0; i < CASES(keys); i++)
		heap_add(&heap, &nodes[i], keys[i]);
	int64_t before = INT64_MIN;
	for (size_t i = 0; i < CASES(keys); i++) {
		struct heap_node *first = heap_first(&heap);
		assert_true(first->key >= before);
		before = first->key;
		heap_remove(&heap, first);
	}
	assert_int_equal(before, INT64_MAX);
	assert_null(heap_first(&heap));
	heap_remove(&heap, &nodes[0]);
	assert_ptr_equal(HEAP_OWNER(&nodes[0], struct thing, node), &nodes[0]);
	heap_deinit(&heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_a_search),
		cmocka_unit_test(test_leaves_in_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
