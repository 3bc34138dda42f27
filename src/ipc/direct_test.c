#include "ipc/direct.h"

#include "base/must.h"
#include "base/testing.h"
#include "ipc/channel.h"
#include "ipc/echo_for_tests.h"

struct scene {
	struct world *world;
	struct peer *peer;
	struct echo_room room;
	struct service service;
	int64_t patience;
	bool has_left;
	struct signal left;
	enum asked result;
};

static void serve(struct scene *scene)
{
	direct_peer_connect(scene->peer, scene->world, &scene->service, (struct caller){ .room = 4, .number = 42 });
}

static enum asked ask(struct scene *scene, struct echo request)
{
	struct arena arena = { 0 };
	struct echo answer;
	const enum asked asked =
		peer_ask(scene->peer, &echo_question, &request, &answer, &arena, world_now(scene->world) + scene->patience);
	if (asked == ASKED_OK) {
		expect_view("text", answer.text, request.text);
		expect_view("bulk", answer.bulk, request.bulk);
		assert_true(answer.number == request.number && answer.flag == request.flag);
	}
	arena_deinit(&arena);
	return asked;
}

static void ask_for_ever(void *argument)
{
	struct scene *scene = argument;
	scene->result = ask(scene, (struct echo){ .wish = ECHO_NEVER });
	scene->has_left = true;
	signal_wake_all(&scene->left);
}

static struct task *start_call(struct scene *scene)
{
	struct task *task = task_start(scene->world, "asks", ask_for_ever, scene);
	while (scene->room.running == 0)
		task_yield();
	return task;
}

static void wait_left(struct scene *scene)
{
	while (!scene->has_left)
		signal_wait(&scene->left, NEVER_DUE);
}

/* ---- stories */

static void what_is_asked_is_answered(void *argument)
{
	struct scene *scene = argument;
	serve(scene);
	assert_int_equal(ask(scene, (struct echo){ .number = 7, .flag = true, .text = VIEW("t\0"), .bulk = VIEW("b") }),
	                 ASKED_OK);
	assert_int_equal(scene->room.last_caller.number, 42);
	assert_int_equal(ask(scene, (struct echo){ .wish = ECHO_AFTER_A_WHILE }), ASKED_OK);
}

static void what_cannot_travel_is_refused(void *argument)
{
	struct scene *scene = argument;
	struct arena arena = { 0 };
	struct echo answer;
	uint64_t number = 5;
	serve(scene);
	const int64_t deadline = world_now(scene->world) + MINUTE;
	assert_int_equal(ask(scene, (struct echo){ .text = { "", 1001 } }), ASKED_FAILED);
	assert_int_equal(ask(scene, (struct echo){ .bulk = { "", CHANNEL_PAYLOAD_MAX } }), ASKED_FAILED);
	assert_int_equal(ask(scene, (struct echo){ .wish = ECHO_TOO_LARGE }), ASKED_FAILED);
	assert_int_equal(peer_ask(scene->peer, &unknown_question, &(struct echo){ 0 }, &answer, &arena, deadline),
	                 ASKED_FAILED);
	assert_int_equal(peer_ask(scene->peer, &malformed_question, &number, &number, &arena, deadline), ASKED_FAILED);
	assert_int_equal(ask(scene, (struct echo){ 0 }), ASKED_OK);
	arena_deinit(&arena);
}

static void nobody_there_is_waited_for(void *argument)
{
	struct scene *scene = argument;
	scene->patience = 5 * MILLISECOND;
	assert_int_equal(ask(scene, (struct echo){ 0 }), ASKED_LATE);
	serve(scene);
	assert_int_equal(ask(scene, (struct echo){ .wish = ECHO_AFTER_A_WHILE }), ASKED_LATE);
	scene->patience = MINUTE;
	assert_int_equal(ask(scene, (struct echo){ 0 }), ASKED_OK);
	while (scene->room.running > 0)
		task_sleep(scene->world, MILLISECOND);
	assert_int_equal(scene->room.cancelled, 0);
}

static void a_room_that_dies_loses_its_calls(void *argument)
{
	struct scene *scene = argument;
	serve(scene);
	const uint64_t generation = peer_generation(scene->peer);
	start_call(scene);
	direct_peer_disconnect(scene->peer);
	assert_int_equal(scene->room.callers_gone, 0);
	wait_left(scene);
	assert_int_equal(scene->result, ASKED_LOST);
	assert_int_equal(scene->room.cancelled, 1);
	assert_int_equal(scene->room.callers_gone, 1);
	assert_false(scene->room.ran_when_caller_left);
	serve(scene);
	assert_true(peer_generation(scene->peer) > generation);
	assert_int_equal(ask(scene, (struct echo){ 0 }), ASKED_OK);
}

static void a_cancelled_asker_leaves(void *argument)
{
	struct scene *scene = argument;
	serve(scene);
	struct task *task = start_call(scene);
	task_cancel(task);
	wait_left(scene);
	assert_int_equal(scene->result, ASKED_CANCELLED);
	assert_int_equal(scene->room.running, 1);
}

static void a_room_may_leave_without_calls(void *argument)
{
	struct scene *scene = argument;
	serve(scene);
	direct_peer_disconnect(scene->peer);
	assert_int_equal(scene->room.callers_gone, 1);
	direct_peer_disconnect(scene->peer);
	assert_int_equal(scene->room.callers_gone, 1);
}

/* ---- the frame */

struct told {
	struct scene scene;
	void (*story)(void *argument);
};

static void run_story(void *argument)
{
	struct told *told = argument;
	told->story(&told->scene);
	direct_peer_disconnect(told->scene.peer);
}

static void tell(void (*story)(void *argument))
{
	struct told told = { .story = story };
	told.scene.world = told.scene.room.world = world_real_new(NULL);
	told.scene.peer = direct_peer_new(told.scene.world, "echo");
	told.scene.service = echo_service(&told.scene.room);
	told.scene.patience = MINUTE;
	signal_init(&told.scene.left);
	task_start(told.scene.world, "story", run_story, &told);
	world_real_run(told.scene.world);
	assert_int_equal(told.scene.room.running, 0);
	peer_free(told.scene.peer);
	world_real_free(told.scene.world);
}

#define STORY(name)                                                                                                  \
	static void test_##name(void **state)                                                                            \
	{                                                                                                                \
		(void)state;                                                                                                 \
		tell(name);                                                                                                  \
	}
STORY(what_is_asked_is_answered)
STORY(what_cannot_travel_is_refused)
STORY(nobody_there_is_waited_for)
STORY(a_room_that_dies_loses_its_calls)
STORY(a_cancelled_asker_leaves)
STORY(a_room_may_leave_without_calls)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_asked_is_answered),  cmocka_unit_test(test_what_cannot_travel_is_refused),
		cmocka_unit_test(test_nobody_there_is_waited_for), cmocka_unit_test(test_a_room_that_dies_loses_its_calls),
		cmocka_unit_test(test_a_cancelled_asker_leaves),   cmocka_unit_test(test_a_room_may_leave_without_calls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
