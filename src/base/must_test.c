/* Our own bugs end the process with a story: each promise of base/ that aborts, in a child that is to die. */
#include "base/must.h"

#include "base/arena.h"
#include "base/bytes.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "base/random.h"
#include "base/testing.h"
#include "base/text.h"
#include "base/verdict.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void plain(void)
{
	must(1 + 1 == 3);
}

static void arena_past_its_limit(void)
{
	struct arena arena = { .limit = 100 };
	arena_alloc(&arena, 1, 101);
}

static void arena_past_its_limit_in_small_pieces(void)
{
	struct arena arena = { .limit = 1024 };
	for (unsigned i = 0; i < 65; i++)
		arena_alloc(&arena, 1, 1);
}

static void arena_count_times_size_overflows(void)
{
	struct arena arena = { 0 };
	arena_alloc(&arena, SIZE_MAX / 2, 3);
}

static void copy_too_large(void)
{
	char target[3];
	bytes_copy(target, sizeof(target), VIEW("abcd"));
}

static void move_too_large(void)
{
	char target[8] = { 0 };
	bytes_move(target, 2, target + 2, 3);
}

static void listed_twice(void)
{
	struct link link = { 0 };
	struct list list;
	list_init(&list);
	list_add_last(&list, &link);
	list_add_last(&list, &link);
}

static void removed_twice(void)
{
	struct link link = { 0 };
	struct list list;
	list_init(&list);
	list_add_last(&list, &link);
	list_remove(&list, &link);
	list_remove(&list, &link);
}

static void heaped_twice(void)
{
	struct heap heap = { 0 };
	struct heap_node node = { 0 };
	heap_add(&heap, &node, 1);
	heap_add(&heap, &node, 2);
}

static void map_of_null(void)
{
	struct map map = MAP_LIMIT(10, 0);
	map_put(&map, VIEW("a"), NULL, NULL);
}

static void text_extended_past_its_room(void)
{
	struct text text = TEXT_LIMIT(10);
	text_room(&text, 10);
	text_extend(&text, 11);
}

static void text_shortened_too_much(void)
{
	struct text text = TEXT_LIMIT(10);
	text_add(&text, VIEW("abc"));
	text_remove_first(&text, 4);
}

static void later_with_a_permanent_code(void)
{
	verdict_later(550, (struct enhanced_status){ 4, 0, 0 }, VIEW("no"));
}

static void random_below_nothing(void)
{
	struct random random;
	random_seed(&random, 1);
	random_below(&random, 0);
}

static const struct death {
	void (*act)(void);
	const char *story; /* a part of it */
} deaths[] = {
	{ plain, ": plain: must hold: 1 + 1 == 3\n" },
	{ arena_past_its_limit, "arena_room: must hold" },
	{ arena_past_its_limit_in_small_pieces, "arena_room: must hold" },
	{ arena_count_times_size_overflows, "arena_alloc: must hold" },
	{ copy_too_large, "bytes_copy: must hold" },
	{ move_too_large, "bytes_move: must hold" },
	{ listed_twice, "!link_is_listed(link)" },
	{ removed_twice, "list_remove: must hold" },
	{ heaped_twice, "heap_add: must hold" },
	{ map_of_null, "value != NULL" },
	{ text_extended_past_its_room, "text_extend: must hold" },
	{ text_shortened_too_much, "text_remove_first: must hold" },
	{ later_with_a_permanent_code, "verdict_later: must hold" },
	{ random_below_nothing, "bound > 0" },
};

_Noreturn static void die(void (*act)(void), int descriptor)
{
	const struct rlimit no_core = { 0, 0 };
	setrlimit(RLIMIT_CORE, &no_core);
	dup2(descriptor, STDERR_FILENO);
	act();
	_exit(0);
}

static void test_deaths(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(deaths); i++) {
		int ends[2];
		assert_int_equal(pipe(ends), 0);
		const pid_t child = fork();
		if (child == 0)
			die(deaths[i].act, ends[1]);
		close(ends[1]);
		char story[4096];
		const ssize_t length = read(ends[0], story, sizeof(story));
		close(ends[0]);
		int status = 0;
		assert_int_equal(waitpid(child, &status, 0), child);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
			fail_msg("%s: no abort", deaths[i].story);
		if (length <= 0 || view_find(view_bytes(story, (size_t)length), view_of(deaths[i].story)) == VIEW_NOT_FOUND)
			fail_msg("%s: the story is %.*s", deaths[i].story, (int)length, story);
	}
}

static void test_verdicts(void **state)
{
	(void)state;
	assert_true(verdict_is_ok(VERDICT_OK));
	const struct verdict later = verdict_later(451, (struct enhanced_status){ 4, 4, 3 }, VIEW("DNS is slow"));
	const struct verdict never = verdict_never(0, (struct enhanced_status){ 5, 7, 1 }, VIEW("no"));
	assert_int_equal(later.outcome, OUTCOME_LATER);
	assert_int_equal(later.code, 451);
	assert_int_equal(never.outcome, OUTCOME_NEVER);
	assert_false(verdict_is_ok(later));
	assert_false(verdict_is_ok(never));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_deaths), cmocka_unit_test(test_verdicts) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
