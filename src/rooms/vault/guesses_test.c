#include "rooms/vault/guesses.h"

#include "base/testing.h"
#include "base/text.h"

enum { BLOCKED_AFTER = 30 };

static const struct view name = VIEW_INIT("a@example.com");
static const struct view client = VIEW_INIT("192.0.2.1");

static void each_guess_waits_longer(void **state)
{
	(void)state;
	static const int seconds[] = { 1, 1, 1, 2, 4, 8, 16, 16, 16 };
	struct guesses guesses;
	guesses_init(&guesses, 1);
	for (size_t i = 0; i < CASES(seconds); i++)
		assert_int_equal(guesses_add(&guesses, name, client, HOUR), seconds[i] * SECOND);
	/* The name counts wherever the guess comes from, and so does the client for whatever name. */
	assert_int_equal(guesses_add(&guesses, name, VIEW("198.51.100.1"), HOUR), 16 * SECOND);
	assert_int_equal(guesses_add(&guesses, VIEW("b@example.com"), client, HOUR), 16 * SECOND);
	assert_int_equal(guesses_add(&guesses, VIEW("c@example.com"), VIEW("198.51.100.2"), HOUR), SECOND);
	guesses_deinit(&guesses);
}

static void time_forgives(void **state)
{
	(void)state;
	struct guesses guesses;
	guesses_init(&guesses, 1);
	for (unsigned i = 0; i < 8; i++)
		guesses_add(&guesses, name, client, HOUR);
	assert_int_equal(guesses_add(&guesses, name, client, HOUR + 5 * MINUTE), 2 * SECOND); /* the fourth */
	assert_int_equal(guesses_add(&guesses, name, client, 2 * HOUR), SECOND);
	guesses_deinit(&guesses);
}

static void a_network_is_turned_away(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		struct view guesser, other;
		bool blocked;
	} cases[] = {
		{ "the same", VIEW_INIT("192.0.2.1"), VIEW_INIT("192.0.2.1"), true },
		{ "its neighbour", VIEW_INIT("192.0.2.1"), VIEW_INIT("192.0.2.2"), false },
		{ "the same /64", VIEW_INIT("2001:db8::1"), VIEW_INIT("2001:db8::ffff:1"), true },
		{ "another /64", VIEW_INIT("2001:db8::1"), VIEW_INIT("2001:db8:0:1::1"), false },
		{ "not an address", VIEW_INIT("?"), VIEW_INIT("?"), true },
	};
	for (size_t i = 0; i < CASES(cases); i++) {
		struct guesses guesses;
		guesses_init(&guesses, 1);
		for (unsigned j = 0; j < BLOCKED_AFTER; j++) {
			struct text each = TEXT_LIMIT(16);
			text_print(&each, "n%u", j);
			expect_number(cases[i].name, guesses_is_blocked(&guesses, cases[i].guesser, HOUR), false);
			guesses_add(&guesses, text_view(&each), cases[i].guesser, HOUR);
			text_deinit(&each);
		}
		expect_number(cases[i].name, guesses_is_blocked(&guesses, cases[i].other, HOUR), cases[i].blocked);
		expect_number(cases[i].name, guesses_is_blocked(&guesses, cases[i].guesser, HOUR + MINUTE), false);
		guesses_deinit(&guesses);
	}
}

/* The right password of an account is not kept out by guesses from elsewhere: only networks are turned away. */
static void a_name_is_never_turned_away(void **state)
{
	(void)state;
	struct guesses guesses;
	guesses_init(&guesses, 1);
	for (unsigned i = 0; i < 1000; i++) {
		struct text from = TEXT_LIMIT(32);
		text_print(&from, "10.0.%u.%u", i / 250, i % 250);
		guesses_add(&guesses, name, text_view(&from), HOUR);
		text_deinit(&from);
	}
	assert_false(guesses_is_blocked(&guesses, client, HOUR));
	guesses_deinit(&guesses);
}

static void memory_is_bounded(void **state)
{
	(void)state;
	struct guesses guesses;
	guesses_init(&guesses, 1);
	for (unsigned i = 0; i < 40000; i++) {
		struct text from = TEXT_LIMIT(32);
		text_print(&from, "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
		guesses_add(&guesses, text_view(&from), text_view(&from), HOUR);
		text_deinit(&from);
	}
	assert_true(guesses.counts.count <= 65536);
	/* So many at once that everybody waits; an hour later there is room again. */
	assert_int_equal(guesses_add(&guesses, VIEW("new"), client, HOUR), 16 * SECOND);
	assert_int_equal(guesses_add(&guesses, VIEW("new"), client, 2 * HOUR), SECOND);
	guesses_deinit(&guesses);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_guess_waits_longer),  cmocka_unit_test(time_forgives),
		cmocka_unit_test(a_network_is_turned_away), cmocka_unit_test(a_name_is_never_turned_away),
		cmocka_unit_test(memory_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
