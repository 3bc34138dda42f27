/* The real world on the loopback: connections, listeners, deadlines. */
#include "base/must.h"
#include "base/testing.h"
#include "base/text.h"
#include "task/world.h"

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct scene {
	struct world *world;
	struct listener *listener;
	struct endpoint endpoint; /* of the listener */
	struct connection *client;
	struct connection *server;
};

static int listen_on_loopback(struct endpoint *endpoint, int backlog)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(descriptor, (struct sockaddr *)&address, length), 0);
	assert_int_equal(getsockname(descriptor, (struct sockaddr *)&address, &length), 0);
	if (backlog >= 0)
		assert_int_equal(listen(descriptor, backlog), 0);
	*endpoint = (struct endpoint){ .family = 4, .address = { 127, 0, 0, 1 }, .port = ntohs(address.sin_port) };
	return descriptor;
}

static int64_t soon(struct scene *scene, int64_t duration)
{
	return world_now(scene->world) + duration;
}

static enum connect_result dial(struct scene *scene, int64_t deadline)
{
	return scene->world->operations->connect(scene->world, &scene->endpoint, NULL, deadline, &scene->client);
}

static enum wait_result take(struct scene *scene, int64_t deadline)
{
	return scene->world->operations->accept(scene->world, scene->listener, deadline, &scene->server);
}

static void connect_both(struct scene *scene)
{
	assert_int_equal(dial(scene, soon(scene, MINUTE)), CONNECT_OK);
	assert_int_equal(take(scene, soon(scene, MINUTE)), WAIT_DONE);
}

static void close_both(struct scene *scene)
{
	connection_close(scene->client);
	connection_close(scene->server);
	scene->client = scene->server = NULL;
}

/* ---- stories, each told by one task */

static void both_ends_know_each_other(void *argument)
{
	struct scene *scene = argument;
	struct text name = TEXT_LIMIT(64);
	text_add_endpoint(&name, &scene->endpoint);
	expect_view("name of the listener", listener_name(scene->listener), text_view(&name));
	connect_both(scene);
	assert_true(endpoint_equal_address(&scene->client->remote, &scene->endpoint));
	assert_int_equal(scene->client->remote.port, scene->endpoint.port);
	assert_int_equal(scene->client->local.port, scene->server->remote.port);
	assert_true(connection_descriptor(scene->client) >= 0);
	close_both(scene);
	text_deinit(&name);
}

static void bytes_go_both_ways(void *argument)
{
	struct scene *scene = argument;
	char bytes[64];
	size_t length = 0;
	connect_both(scene);
	assert_int_equal(connection_write(scene->client, VIEW("hello"), soon(scene, MINUTE)), IO_OK);
	assert_int_equal(connection_read(scene->server, bytes, sizeof(bytes), soon(scene, MINUTE), &length), IO_OK);
	expect_view("read", view_bytes(bytes, length), VIEW("hello"));
	assert_int_equal(connection_write(scene->server, VIEW("bye"), soon(scene, MINUTE)), IO_OK);
	connection_close(scene->server);
	scene->server = NULL;
	assert_int_equal(connection_read(scene->client, bytes, sizeof(bytes), soon(scene, MINUTE), &length), IO_OK);
	expect_view("read", view_bytes(bytes, length), VIEW("bye"));
	for (int i = 0; i < 2; i++)
		assert_int_equal(connection_read(scene->client, bytes, 1, soon(scene, MINUTE), &length), IO_END);
	close_both(scene);
}

static void silence_ends_at_the_deadline(void *argument)
{
	struct scene *scene = argument;
	char byte;
	size_t length = 0;
	connect_both(scene);
	const int64_t deadline = soon(scene, 20 * MILLISECOND);
	assert_int_equal(connection_read(scene->client, &byte, 1, deadline, &length), IO_LATE);
	assert_true(world_now(scene->world) >= deadline);
	assert_int_equal(take(scene, soon(scene, 0)), WAIT_LATE);
	static char much[1 << 20];
	enum io_result written = IO_OK;
	for (int i = 0; i < 64 && written == IO_OK; i++)
		written = connection_write(scene->client, view_bytes(much, sizeof(much)), soon(scene, 20 * MILLISECOND));
	assert_int_equal(written, IO_LATE);
	close_both(scene);
}

static void a_reset_is_told_from_then_on(void *argument)
{
	struct scene *scene = argument;
	const struct linger linger = { .l_onoff = 1 };
	char byte;
	size_t length = 0;
	connect_both(scene);
	const int descriptor = connection_descriptor(scene->server);
	assert_int_equal(setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	connection_close(scene->server);
	scene->server = NULL;
	for (int i = 0; i < 2; i++)
		assert_int_equal(connection_read(scene->client, &byte, 1, soon(scene, MINUTE), &length), IO_FAILED);
	assert_int_equal(connection_write(scene->client, VIEW("x"), soon(scene, MINUTE)), IO_FAILED);
	expect_view("problem", connection_problem(scene->client), VIEW("read: Connection reset by peer"));
	close_both(scene);
}

static void connecting_says_what_is_wrong(void *argument)
{
	struct scene *scene = argument;
	struct connection *connection = NULL;
	struct endpoint absent;
	struct endpoint nowhere;
	const int silent = listen_on_loopback(&absent, -1); /* bound, and does not listen */
	const struct world_operations *operations = scene->world->operations;
	assert_true(endpoint_parse(VIEW("203.0.113.7:25"), &nowhere));
	assert_int_equal(operations->connect(scene->world, &absent, NULL, soon(scene, MINUTE), &connection),
	                 CONNECT_REFUSED);
	assert_int_equal(operations->connect(scene->world, &scene->endpoint, &nowhere, soon(scene, MINUTE), &connection),
	                 CONNECT_FAILED);
	assert_null(connection);
	close(silent);
}

static void a_local_address_is_used(void *argument)
{
	struct scene *scene = argument;
	const struct endpoint local = { .family = 4, .address = { 127, 0, 0, 2 } };
	assert_int_equal(scene->world->operations->connect(scene->world, &scene->endpoint, &local, soon(scene, MINUTE),
	                                                   &scene->client),
	                 CONNECT_OK);
	assert_int_equal(take(scene, soon(scene, MINUTE)), WAIT_DONE);
	assert_true(endpoint_equal_address(&scene->server->remote, &local));
	close_both(scene);
}

static void no_descriptor_left_is_waited_for(void *argument)
{
	struct scene *scene = argument;
	struct rlimit before;
	assert_int_equal(dial(scene, soon(scene, MINUTE)), CONNECT_OK);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	const struct rlimit none = { .rlim_cur = 0, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	struct connection *connection = NULL;
	assert_int_equal(
		scene->world->operations->connect(scene->world, &scene->endpoint, NULL, soon(scene, MINUTE), &connection),
		CONNECT_FAILED);
	const clock_t busy = clock();
	assert_int_equal(take(scene, soon(scene, 250 * MILLISECOND)), WAIT_LATE);
	assert_true(clock() - busy < CLOCKS_PER_SEC / 10); /* it did not spin */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(take(scene, soon(scene, MINUTE)), WAIT_DONE);
	close_both(scene);
}

static void cancelled_tasks_accept_nothing(void *argument)
{
	struct scene *scene = argument;
	assert_int_equal(dial(scene, soon(scene, MINUTE)), CONNECT_OK);
	task_cancel(task_current());
	assert_int_equal(take(scene, soon(scene, MINUTE)), WAIT_CANCELLED);
	/* What needs no wait still goes, so that a session can say goodbye. */
	assert_int_equal(connection_write(scene->client, VIEW("bye"), soon(scene, MINUTE)), IO_OK);
	char byte;
	size_t length = 0;
	assert_int_equal(connection_read(scene->client, &byte, 1, soon(scene, MINUTE), &length), IO_CANCELLED);
	close_both(scene);
}

/* ---- a fast sender */

struct flood {
	struct scene *scene;
	size_t left;
	int64_t longest; /* between two turns of the other task */
	bool ended;
};

static void flood_read(void *argument)
{
	struct flood *flood = argument;
	static char bytes[65536];
	size_t length = 0;
	while (flood->left > 0 &&
	       connection_read(flood->scene->server, bytes, sizeof(bytes), NEVER_DUE, &length) == IO_OK)
		flood->left -= length;
	flood->ended = true;
}

static void flood_count_turns(void *argument)
{
	struct flood *flood = argument;
	for (size_t before = flood->left; !flood->ended; before = flood->left) {
		task_yield();
		const int64_t step = (int64_t)(before - flood->left);
		flood->longest = step > flood->longest ? step : flood->longest;
	}
}

static void a_fast_sender_lets_others_run(void *argument)
{
	enum { AMOUNT = 64 << 20 };
	static char much[1 << 20];
	struct flood flood = { .scene = argument, .left = AMOUNT };
	struct task_group group;
	task_group_init(&group);
	connect_both(flood.scene);
	task_group_start(&group, flood.scene->world, "reading", flood_read, &flood);
	task_group_start(&group, flood.scene->world, "turning", flood_count_turns, &flood);
	for (size_t sent = 0; sent < AMOUNT; sent += sizeof(much))
		assert_int_equal(connection_write(flood.scene->client, view_bytes(much, sizeof(much)), NEVER_DUE), IO_OK);
	assert_int_equal(task_group_wait(&group, NEVER_DUE), WAIT_DONE);
	assert_int_equal(flood.left, 0);
	assert_true(flood.longest <= 16 * 65536);
	close_both(flood.scene);
}

/* ---- the frame */

static void tell(void (*story)(void *argument))
{
	struct scene scene = { .world = world_real_new(NULL) };
	scene.listener = listener_of_descriptor(scene.world, listen_on_loopback(&scene.endpoint, 16));
	task_start(scene.world, "story", story, &scene);
	world_real_run(scene.world);
	assert_int_equal(scheduler_task_count(scene.world->scheduler), 0);
	listener_free(scene.listener);
	world_real_free(scene.world);
}

#define STORY(name)                                                                                                  \
	static void test_##name(void **state)                                                                            \
	{                                                                                                                \
		(void)state;                                                                                                 \
		tell(name);                                                                                                  \
	}
STORY(both_ends_know_each_other)
STORY(bytes_go_both_ways)
STORY(silence_ends_at_the_deadline)
STORY(a_reset_is_told_from_then_on)
STORY(connecting_says_what_is_wrong)
STORY(a_local_address_is_used)
STORY(no_descriptor_left_is_waited_for)
STORY(cancelled_tasks_accept_nothing)
STORY(a_fast_sender_lets_others_run)

static void the_clock_and_the_dice_are_real(void **state)
{
	(void)state;
	struct world *world = world_real_new(NULL);
	const int64_t now = world_now(world);
	assert_true(world_now(world) >= now);
	assert_true(world_wall(world) > INT64_C(1600000000) * SECOND);
	assert_int_not_equal(world_random_u64(world), world_random_u64(world));
	world_real_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ends_know_each_other),
		cmocka_unit_test(test_bytes_go_both_ways),
		cmocka_unit_test(test_silence_ends_at_the_deadline),
		cmocka_unit_test(test_a_reset_is_told_from_then_on),
		cmocka_unit_test(test_connecting_says_what_is_wrong),
		cmocka_unit_test(test_a_local_address_is_used),
		cmocka_unit_test(test_no_descriptor_left_is_waited_for),
		cmocka_unit_test(test_cancelled_tasks_accept_nothing),
		cmocka_unit_test(test_a_fast_sender_lets_others_run),
		cmocka_unit_test(the_clock_and_the_dice_are_real),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
