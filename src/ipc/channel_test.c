#include "ipc/channel.h"

#include "base/must.h"
#include "base/testing.h"
#include "ipc/echo_for_tests.h"
#include "ipc/frame.h"

#include <sys/socket.h>
#include <unistd.h>

struct scene {
	struct world *world;
	struct peer *peer;
	struct echo_room room;
	struct service service;
	struct task_group serving;
	int64_t patience;
	unsigned calls_left;
	struct signal asked;
	enum asked results[16];
};

static const struct caller asker = { .room = 4, .instance = 1, .number = 42 };

static void socket_pair(int ends[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
}

static void serve_as(struct scene *scene, struct caller caller)
{
	int ends[2];
	socket_pair(ends);
	channel_serve(scene->world, &scene->serving, &scene->service, caller, ends[1]);
	channel_peer_connect(scene->peer, ends[0]);
}

static void serve(struct scene *scene)
{
	serve_as(scene, asker);
}

/* The room dies: its tasks are cancelled, its sockets closed. */
static void die(struct scene *scene)
{
	task_group_cancel(&scene->serving);
	while (task_group_wait(&scene->serving, NEVER_DUE) != WAIT_DONE)
		task_yield();
}

static enum asked ask(struct scene *scene, const struct echo *request, struct echo *answer, struct arena *arena)
{
	return peer_ask(scene->peer, &echo_question, request, answer, arena, world_now(scene->world) + scene->patience);
}

static enum asked ask_wish(struct scene *scene, enum echo_wish wish)
{
	struct arena arena = { 0 };
	struct echo answer;
	const enum asked asked = ask(scene, &(struct echo){ .wish = wish }, &answer, &arena);
	arena_deinit(&arena);
	return asked;
}

/* ---- stories */

static void what_is_asked_is_answered(void *argument)
{
	struct scene *scene = argument;
	static const size_t lengths[] = { 0, 1, 1000, CHANNEL_INLINE_MAX - 100, CHANNEL_INLINE_MAX, 3 << 20 };
	serve(scene);
	for (size_t i = 0; i < CASES(lengths); i++) {
		struct arena arena = { 0 };
		struct echo answer;
		char *bulk = must_alloc(lengths[i] + 1, 1);
		for (size_t j = 0; j < lengths[i]; j++)
			bulk[j] = (char)(j * 7);
		const struct echo request = {
			.number = i, .text = VIEW("t\0x"), .flag = true, .bulk = view_bytes(bulk, lengths[i])
		};
		assert_int_equal(ask(scene, &request, &answer, &arena), ASKED_OK);
		assert_int_equal(answer.number, i);
		assert_true(answer.flag);
		expect_view("text", answer.text, request.text);
		assert_true(view_equal(answer.bulk, request.bulk));
		free(bulk);
		arena_deinit(&arena);
	}
	assert_int_equal(scene->room.last_caller.number, 42);
	assert_int_equal(scene->room.last_caller.room, 4);
}

static void what_is_not_allowed_is_refused(void *argument)
{
	struct scene *scene = argument;
	struct arena arena = { 0 };
	struct echo answer;
	uint64_t number = 5;
	serve(scene);
	const int64_t deadline = world_now(scene->world) + MINUTE;
	assert_int_equal(peer_ask(scene->peer, &unknown_question, &(struct echo){ 0 }, &answer, &arena, deadline),
	                 ASKED_FAILED);
	assert_int_equal(peer_ask(scene->peer, &malformed_question, &number, &number, &arena, deadline), ASKED_FAILED);
	assert_int_equal(scene->room.asked, 0);
	assert_int_equal(ask_wish(scene, ECHO_TOO_LARGE), ASKED_FAILED);
	assert_int_equal(ask(scene, &(struct echo){ .text = { "", 1001 } }, &answer, &arena), ASKED_FAILED);
	assert_int_equal(ask(scene, &(struct echo){ .bulk = { "", CHANNEL_PAYLOAD_MAX } }, &answer, &arena),
	                 ASKED_FAILED);
	/* And the channel goes on. */
	assert_int_equal(ask_wish(scene, ECHO_AT_ONCE), ASKED_OK);
	arena_deinit(&arena);
}

static void the_wiring_has_its_say(void *argument)
{
	struct scene *scene = argument;
	serve_as(scene, (struct caller){ .room = 9 });
	assert_int_equal(ask_wish(scene, ECHO_AT_ONCE), ASKED_FAILED);
	assert_int_equal(scene->room.asked, 0);
}

static void an_answer_too_large_is_a_refusal(void *argument)
{
	struct scene *scene = argument;
	struct arena arena = { 0 };
	struct echo answer;
	char *bulk = must_alloc(CHANNEL_PAYLOAD_MAX, 1);
	/* The request just fits; the answer carries a text besides. */
	serve(scene);
	const struct echo request = { .bulk = { bulk, CHANNEL_PAYLOAD_MAX - 14 } };
	assert_int_equal(ask(scene, &request, &answer, &arena), ASKED_OK);
	assert_int_equal(answer.bulk.length, request.bulk.length);
	const struct echo larger = { .bulk = { bulk, CHANNEL_PAYLOAD_MAX - 13 } };
	assert_int_equal(ask(scene, &larger, &answer, &arena), ASKED_FAILED);
	free(bulk);
	arena_deinit(&arena);
}

static void nobody_there_is_waited_for(void *argument)
{
	struct scene *scene = argument;
	scene->patience = 10 * MILLISECOND;
	assert_int_equal(peer_generation(scene->peer), 0);
	assert_int_equal(ask_wish(scene, ECHO_AT_ONCE), ASKED_LATE);
	scene->patience = MINUTE;
	serve(scene);
	assert_int_equal(peer_generation(scene->peer), 1);
	assert_int_equal(ask_wish(scene, ECHO_AT_ONCE), ASKED_OK);
}

static void a_deadline_ends_the_wait(void *argument)
{
	struct scene *scene = argument;
	serve(scene);
	scene->patience = 5 * MILLISECOND;
	assert_int_equal(ask_wish(scene, ECHO_AFTER_A_WHILE), ASKED_LATE);
	scene->patience = MINUTE;
	/* The late answer is thrown away, and is nobody else's. */
	assert_int_equal(ask_wish(scene, ECHO_AFTER_A_WHILE), ASKED_OK);
	assert_int_equal(ask_wish(scene, ECHO_AT_ONCE), ASKED_OK);
	assert_int_equal(scene->room.asked, 3);
	assert_int_equal(scene->room.cancelled, 0);
}

static void ask_in_background(void *argument)
{
	struct scene *scene = argument;
	const enum asked asked = ask_wish(scene, ECHO_NEVER);
	scene->results[--scene->calls_left] = asked;
	signal_wake_all(&scene->asked);
}

static struct task *start_call(struct scene *scene)
{
	scene->calls_left++;
	struct task *task = task_start(scene->world, "asks", ask_in_background, scene);
	return task;
}

static void wait_running(struct scene *scene, unsigned running)
{
	while (scene->room.running != running)
		task_sleep(scene->world, MILLISECOND);
}

static void wait_calls(struct scene *scene)
{
	while (scene->calls_left > 0)
		signal_wait(&scene->asked, NEVER_DUE);
}

static void a_room_that_dies_loses_its_calls(void *argument)
{
	struct scene *scene = argument;
	serve(scene);
	for (unsigned i = 0; i < 5; i++)
		start_call(scene);
	wait_running(scene, 5);
	die(scene);
	wait_calls(scene);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(scene->results[i], ASKED_LOST);
	assert_int_equal(scene->room.cancelled, 5);
	assert_int_equal(scene->room.callers_gone, 1);
	assert_false(scene->room.ran_when_caller_left);
	serve(scene);
	assert_int_equal(peer_generation(scene->peer), 2);
	assert_int_equal(ask_wish(scene, ECHO_AT_ONCE), ASKED_OK);
}

/* The supervisor sends a fresh socket before the old one's end was seen. */
static void a_new_generation_ends_the_old(void *argument)
{
	struct scene *scene = argument;
	serve(scene);
	start_call(scene);
	wait_running(scene, 1);
	serve(scene);
	assert_int_equal(peer_generation(scene->peer), 2);
	assert_int_equal(ask_wish(scene, ECHO_AT_ONCE), ASKED_OK);
	wait_calls(scene);
	assert_int_equal(scene->results[0], ASKED_LOST);
	wait_running(scene, 0);
}

static void a_cancelled_asker_leaves(void *argument)
{
	struct scene *scene = argument;
	serve(scene);
	struct task *task = start_call(scene);
	wait_running(scene, 1);
	task_cancel(task);
	wait_calls(scene);
	assert_int_equal(scene->results[0], ASKED_CANCELLED);
	assert_int_equal(ask_wish(scene, ECHO_AT_ONCE), ASKED_OK);
}

/* The other end does not read: askers wait in sending, and leave at their deadline. */
static void an_asker_that_cannot_send_is_late(void *argument)
{
	struct scene *scene = argument;
	struct arena arena = { 0 };
	struct echo answer;
	int ends[2];
	char *bulk = must_alloc(CHANNEL_INLINE_MAX, 1);
	socket_pair(ends);
	channel_peer_connect(scene->peer, ends[0]);
	scene->patience = MILLISECOND;
	for (unsigned i = 0; i < 20; i++) {
		const struct echo request = { .bulk = { bulk, CHANNEL_INLINE_MAX - 100 } };
		assert_int_equal(ask(scene, &request, &answer, &arena), ASKED_LATE);
	}
	close(ends[1]);
	free(bulk);
	arena_deinit(&arena);
}

static void ask_large(void *argument)
{
	struct scene *scene = argument;
	struct arena arena = { 0 };
	struct echo answer;
	char *bulk = must_alloc(CHANNEL_INLINE_MAX, 1);
	const struct echo request = { .bulk = { bulk, CHANNEL_INLINE_MAX - 100 } };
	const enum asked asked = ask(scene, &request, &answer, &arena);
	scene->results[--scene->calls_left] = asked;
	free(bulk);
	arena_deinit(&arena);
	signal_wake_all(&scene->asked);
}

/* Askers that wait in sending learn of the end as the others do. */
static void a_room_that_dies_unread_loses_its_calls(void *argument)
{
	struct scene *scene = argument;
	int ends[2];
	socket_pair(ends);
	channel_peer_connect(scene->peer, ends[0]);
	scene->calls_left = CASES(scene->results);
	for (size_t i = 0; i < CASES(scene->results); i++)
		task_start(scene->world, "asks", ask_large, scene);
	task_sleep(scene->world, 5 * MILLISECOND);
	assert_int_equal(scene->calls_left, CASES(scene->results));
	close(ends[1]);
	wait_calls(scene);
	for (size_t i = 0; i < CASES(scene->results); i++)
		assert_int_equal(scene->results[i], ASKED_LOST);
}

/* More questions than are answered at once wait unread; all are answered in the end. */
static void too_many_questions_wait(void *argument)
{
	struct scene *scene = argument;
	enum { MORE = CHANNEL_CALLS_MAX + 100 };
	int ends[2];
	struct text fields = TEXT_LIMIT(100);
	struct wire wire = wire_writer(&fields);
	struct echo request = { .wish = ECHO_NEVER };
	echo_wire(&wire, &request);
	socket_pair(ends);
	channel_serve(scene->world, &scene->serving, &scene->service, asker, ends[1]);
	for (unsigned i = 1; i <= MORE; i++)
		if (frame_send(scene->world, ends[0], (struct frame_header){ .kind = 77, .call = i },
		               (struct frame_payload){ .fields = text_view(&fields) },
		               world_now(scene->world) + 200 * MILLISECOND) != FRAME_OK)
			break;
	task_sleep(scene->world, 10 * MILLISECOND);
	assert_int_equal(scene->room.most_running, CHANNEL_CALLS_MAX);
	close(ends[0]);
	die(scene);
	assert_int_equal(scene->room.running, 0);
	text_deinit(&fields);
}

/* What no program of ours sends ends the channel, and only that. */
static void rubbish_ends_the_channel(void *argument)
{
	struct scene *scene = argument;
	static const struct view packets[] = { VIEW_INIT("x"), VIEW_INIT("PSFS....................") };
	for (size_t i = 0; i <= CASES(packets); i++) {
		int ends[2];
		uint8_t header[FRAME_HEADER_SIZE];
		struct view packet = view_bytes(header, sizeof(header));
		frame_header_write(&(struct frame_header){ .kind = 77, .is_answer = true }, header);
		if (i < CASES(packets))
			packet = packets[i];
		socket_pair(ends);
		channel_serve(scene->world, &scene->serving, &scene->service, asker, ends[1]);
		assert_true(send(ends[0], packet.data, packet.length, 0) > 0);
		while (task_group_wait(&scene->serving, world_now(scene->world) + MINUTE) != WAIT_DONE)
			;
		assert_int_equal(recv(ends[0], header, sizeof(header), 0), 0);
		close(ends[0]);
	}
	assert_int_equal(scene->room.callers_gone, CASES(packets) + 1);
	assert_int_equal(scene->room.asked, 0);
}

/* A room asked that answers what was not asked, or a question with a question, is not listened to. */
static void rubbish_for_an_answer_ends_the_channel(void *argument)
{
	struct scene *scene = argument;
	static const struct frame_header headers[] = {
		{ .kind = 77, .call = 1 },
		{ .kind = 99, .call = 2, .is_answer = true },
	};
	for (size_t i = 0; i < CASES(headers); i++) {
		int ends[2];
		uint8_t header[FRAME_HEADER_SIZE];
		frame_header_write(&headers[i], header);
		socket_pair(ends);
		channel_peer_connect(scene->peer, ends[0]);
		start_call(scene);
		task_yield();
		assert_true(send(ends[1], header, sizeof(header), 0) > 0);
		wait_calls(scene);
		assert_int_equal(scene->results[0], ASKED_LOST);
		close(ends[1]);
	}
}

static void an_answer_that_is_malformed_fails(void *argument)
{
	struct scene *scene = argument;
	int ends[2];
	socket_pair(ends);
	channel_peer_connect(scene->peer, ends[0]);
	start_call(scene);
	task_yield();
	frame_send(scene->world, ends[1], (struct frame_header){ .kind = 77, .call = 1, .is_answer = true },
	           (struct frame_payload){ .fields = VIEW("\xff") }, NEVER_DUE);
	/* An answer to nobody is thrown away. */
	frame_send(scene->world, ends[1], (struct frame_header){ .kind = 77, .call = 9, .is_answer = true },
	           (struct frame_payload){ .fields = VIEW("") }, NEVER_DUE);
	wait_calls(scene);
	assert_int_equal(scene->results[0], ASKED_FAILED);
	close(ends[1]);
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
	die(&told->scene);
	/* An end that was left alone: a last socket, whose other end is closed, lets the peer's reader leave. */
	int ends[2];
	socket_pair(ends);
	channel_peer_connect(told->scene.peer, ends[0]);
	close(ends[1]);
}

static void tell(void (*story)(void *argument))
{
	struct told told = { .story = story };
	told.scene.world = told.scene.room.world = world_real_new(NULL);
	told.scene.peer = channel_peer_new(told.scene.world, "echo");
	told.scene.service = echo_service(&told.scene.room);
	told.scene.patience = MINUTE;
	task_group_init(&told.scene.serving);
	signal_init(&told.scene.asked);
	task_start(told.scene.world, "story", run_story, &told);
	world_real_run(told.scene.world);
	assert_int_equal(scheduler_task_count(told.scene.world->scheduler), 0);
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
STORY(what_is_not_allowed_is_refused)
STORY(the_wiring_has_its_say)
STORY(an_answer_too_large_is_a_refusal)
STORY(nobody_there_is_waited_for)
STORY(a_deadline_ends_the_wait)
STORY(a_room_that_dies_loses_its_calls)
STORY(a_new_generation_ends_the_old)
STORY(a_cancelled_asker_leaves)
STORY(an_asker_that_cannot_send_is_late)
STORY(a_room_that_dies_unread_loses_its_calls)
STORY(too_many_questions_wait)
STORY(rubbish_ends_the_channel)
STORY(rubbish_for_an_answer_ends_the_channel)
STORY(an_answer_that_is_malformed_fails)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_asked_is_answered),
		cmocka_unit_test(test_what_is_not_allowed_is_refused),
		cmocka_unit_test(test_the_wiring_has_its_say),
		cmocka_unit_test(test_an_answer_too_large_is_a_refusal),
		cmocka_unit_test(test_nobody_there_is_waited_for),
		cmocka_unit_test(test_a_deadline_ends_the_wait),
		cmocka_unit_test(test_a_room_that_dies_loses_its_calls),
		cmocka_unit_test(test_a_new_generation_ends_the_old),
		cmocka_unit_test(test_a_cancelled_asker_leaves),
		cmocka_unit_test(test_an_asker_that_cannot_send_is_late),
		cmocka_unit_test(test_a_room_that_dies_unread_loses_its_calls),
		cmocka_unit_test(test_too_many_questions_wait),
		cmocka_unit_test(test_rubbish_ends_the_channel),
		cmocka_unit_test(test_rubbish_for_an_answer_ends_the_channel),
		cmocka_unit_test(test_an_answer_that_is_malformed_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
