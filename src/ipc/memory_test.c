#include "ipc/memory.h"

#include "base/must.h"
#include "base/testing.h"
#include "ipc/direct.h"
#include "ipc/echo_for_tests.h"

/* The echo tells by its number for how many milliseconds it is good. */
static int64_t echo_good_for(const void *answer)
{
	const struct echo *echo = answer;
	return (int64_t)echo->number * MILLISECOND;
}

struct scene {
	struct world *world;
	struct peer *direct;
	struct peer *peer;
	struct echo_room room;
	struct service service;
	struct question question;
	struct arena arena;
};

static void ask(struct scene *scene, struct echo request)
{
	struct echo answer;
	assert_int_equal(
		peer_ask(scene->peer, &scene->question, &request, &answer, &scene->arena, world_now(scene->world) + MINUTE),
		ASKED_OK);
	expect_view("text", answer.text, request.text);
	expect_view("bulk", answer.bulk, request.bulk);
	assert_int_equal(answer.number, request.number);
}

static const struct echo good = { .number = 3600000, .text = VIEW_INIT("a") };

static void an_answer_is_given_again(struct scene *scene)
{
	ask(scene, good);
	ask(scene, good);
	assert_int_equal(scene->room.asked, 1);
	ask(scene, (struct echo){ .number = 3600000, .text = VIEW("b") });
	ask(scene, (struct echo){ .number = 3600000, .text = VIEW("b"), .flag = true });
	assert_int_equal(scene->room.asked, 3);
}

static void its_time_ends(struct scene *scene)
{
	const struct echo brief = { .number = 30 };
	ask(scene, brief);
	task_sleep(scene->world, 31 * MILLISECOND);
	ask(scene, brief);
	assert_int_equal(scene->room.asked, 2);
}

static void what_is_not_good_is_not_kept(struct scene *scene)
{
	ask(scene, (struct echo){ .number = 0 });
	ask(scene, (struct echo){ .number = 0 });
	assert_int_equal(scene->room.asked, 2);
	ask(scene, (struct echo){ .number = 3600000, .bulk = VIEW("large") });
	ask(scene, (struct echo){ .number = 3600000, .bulk = VIEW("large") });
	assert_int_equal(scene->room.asked, 4);
	scene->question.good_for = NULL;
	ask(scene, good);
	ask(scene, good);
	assert_int_equal(scene->room.asked, 6);
}

static void all_is_forgotten(struct scene *scene)
{
	ask(scene, good);
	memory_peer_forget(scene->peer);
	ask(scene, good);
	assert_int_equal(scene->room.asked, 2);
	memory_peer_forget(scene->direct); /* that has no memory */
	ask(scene, good);
	assert_int_equal(scene->room.asked, 2);
}

static void ask_slowly(void *argument)
{
	ask(argument, (struct echo){ .number = 3600000, .wish = ECHO_AFTER_A_WHILE });
}

static void an_answer_on_its_way_is_forgotten_too(struct scene *scene)
{
	task_start(scene->world, "asks", ask_slowly, scene);
	while (scene->room.running == 0)
		task_yield();
	memory_peer_forget(scene->peer);
	while (scene->room.running > 0)
		task_sleep(scene->world, MILLISECOND);
	ask_slowly(scene);
	assert_int_equal(scene->room.asked, 2);
	ask_slowly(scene);
	assert_int_equal(scene->room.asked, 2);
}

static void a_restart_voids_all(struct scene *scene)
{
	ask(scene, good);
	const uint64_t generation = peer_generation(scene->peer);
	direct_peer_disconnect(scene->direct);
	direct_peer_connect(scene->direct, scene->world, &scene->service, (struct caller){ .room = 4 });
	assert_true(peer_generation(scene->peer) > generation);
	ask(scene, good);
	assert_int_equal(scene->room.asked, 2);
}

static void the_oldest_make_room(struct scene *scene)
{
	static char long_text[900];
	const struct view text = view_bytes(long_text, sizeof(long_text));
	for (uint64_t i = 0; i < 8; i++)
		ask(scene, (struct echo){ .number = 3600000 + i, .text = text });
	assert_int_equal(scene->room.asked, 8);
	ask(scene, (struct echo){ .number = 3600007, .text = text });
	assert_int_equal(scene->room.asked, 8);
	ask(scene, (struct echo){ .number = 3600000, .text = text });
	assert_int_equal(scene->room.asked, 9);
}

/* ---- the frame */

struct told {
	struct scene scene;
	void (*story)(struct scene *scene);
};

static void run_story(void *argument)
{
	struct told *told = argument;
	struct scene *scene = &told->scene;
	direct_peer_connect(scene->direct, scene->world, &scene->service, (struct caller){ .room = 4 });
	scene->peer = memory_peer_new(scene->world, scene->direct, 4096);
	told->story(scene);
	direct_peer_disconnect(scene->direct);
}

static void tell(void (*story)(struct scene *scene))
{
	struct told told = { .story = story };
	struct scene *scene = &told.scene;
	scene->world = scene->room.world = world_real_new(NULL);
	scene->direct = direct_peer_new(scene->world, "echo");
	scene->service = echo_service(&scene->room);
	scene->question = echo_question;
	scene->question.good_for = echo_good_for;
	task_start(scene->world, "story", run_story, &told);
	world_real_run(scene->world);
	peer_free(scene->peer);
	peer_free(scene->direct);
	world_real_free(scene->world);
	arena_deinit(&scene->arena);
}

#define STORY(name)                                                                                                  \
	static void test_##name(void **state)                                                                            \
	{                                                                                                                \
		(void)state;                                                                                                 \
		tell(name);                                                                                                  \
	}
STORY(an_answer_is_given_again)
STORY(its_time_ends)
STORY(what_is_not_good_is_not_kept)
STORY(all_is_forgotten)
STORY(an_answer_on_its_way_is_forgotten_too)
STORY(a_restart_voids_all)
STORY(the_oldest_make_room)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_answer_is_given_again),
		cmocka_unit_test(test_its_time_ends),
		cmocka_unit_test(test_what_is_not_good_is_not_kept),
		cmocka_unit_test(test_all_is_forgotten),
		cmocka_unit_test(test_an_answer_on_its_way_is_forgotten_too),
		cmocka_unit_test(test_a_restart_voids_all),
		cmocka_unit_test(test_the_oldest_make_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
