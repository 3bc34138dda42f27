#include "base/must.h"
#include "rooms/control.h"

#include "base/bytes.h"
#include "base/testing.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

struct scene {
	struct world *world;
	int ours, theirs;
	struct text packet;
};

static void send_raw(struct scene *scene, struct view bytes, const int *descriptors, size_t count)
{
	union {
		char bytes[CMSG_SPACE(4 * sizeof(int))];
		struct cmsghdr alignment;
	} control = { { 0 } };
	struct iovec part = { .iov_base = (void *)(uintptr_t)bytes.data, .iov_len = bytes.length };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	if (count > 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		struct cmsghdr *about = CMSG_FIRSTHDR(&message);
		must(about != NULL);
		about->cmsg_level = SOL_SOCKET;
		about->cmsg_type = SCM_RIGHTS;
		about->cmsg_len = CMSG_LEN(count * sizeof(int));
		bytes_copy(CMSG_DATA(about), 4 * sizeof(int), view_bytes(descriptors, count * sizeof(int)));
	}
	assert_true(sendmsg(scene->theirs, &message, 0) >= 0);
}

/* The lowest number that is free: it grows when a descriptor was left open. */
static int next_descriptor(void)
{
	const int descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(descriptor);
	return descriptor;
}

static void messages_arrive(void *argument)
{
	struct scene *scene = argument;
	const struct control_message messages[] = {
		{ .kind = CONTROL_IDENTITY, .number = UINT32_MAX, .other = 7, .text = VIEW("/var"), .descriptor = -1 },
		{ .kind = CONTROL_ASK, .caller = UINT64_MAX, .descriptor = scene->ours },
		{ .kind = CONTROL_RELOADED, .text = VIEW("a\0b"), .descriptor = -1 },
	};
	for (size_t i = 0; i < CASES(messages); i++) {
		struct control_message got;
		assert_int_equal(control_send(scene->world, scene->theirs, &messages[i]), CONTROL_OK);
		assert_int_equal(control_receive(scene->world, scene->ours, &scene->packet, &got), CONTROL_OK);
		assert_int_equal(got.kind, messages[i].kind);
		assert_int_equal(got.number, messages[i].number);
		assert_int_equal(got.other, messages[i].other);
		assert_true(got.caller == messages[i].caller);
		expect_view("text", got.text, messages[i].text);
		assert_true((got.descriptor >= 0) == (messages[i].descriptor >= 0));
		if (got.descriptor >= 0) {
			assert_true((fcntl(got.descriptor, F_GETFD) & FD_CLOEXEC) != 0);
			close(got.descriptor);
		}
	}
}

/* From a room that was taken over: the end of its messages, and nothing of it stays open. */
static void rubbish_is_the_end(void *argument)
{
	struct scene *scene = argument;
	const int several[] = { scene->ours, scene->ours, scene->ours, scene->ours };
	static const char whole[21] = { CONTROL_READY };
	const struct {
		const char *name;
		struct view bytes;
		size_t descriptors;
	} cases[] = {
		{ "a byte", VIEW("\1"), 0 },
		{ "no kind of ours", VIEW("\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), 0 },
		{ "cut off", { whole, 20 }, 1 },
		{ "a text past the end", VIEW("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\5\0\0\0ab"), 0 },
		{ "bytes behind", VIEW("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0ab"), 1 },
		{ "two descriptors", { whole, 21 }, 2 },
		{ "four descriptors", { whole, 21 }, 4 },
	};
	const int before = next_descriptor();
	for (size_t i = 0; i < CASES(cases); i++) {
		struct control_message got;
		send_raw(scene, cases[i].bytes, several, cases[i].descriptors);
		expect_number(cases[i].name, control_receive(scene->world, scene->ours, &scene->packet, &got), CONTROL_END);
		expect_number(cases[i].name, next_descriptor(), before);
	}
}

static void too_long_is_the_end(void *argument)
{
	struct scene *scene = argument;
	struct control_message got;
	struct text packet = TEXT_LIMIT(CONTROL_PACKET_MOST + 1);
	while (text_add_byte(&packet, 0))
		;
	send_raw(scene, text_view(&packet), NULL, 0);
	assert_int_equal(control_receive(scene->world, scene->ours, &scene->packet, &got), CONTROL_END);
	text_deinit(&packet);
}

static void the_other_end_may_be_gone(void *argument)
{
	struct scene *scene = argument;
	struct control_message got;
	shutdown(scene->theirs, SHUT_RDWR);
	assert_int_equal(control_receive(scene->world, scene->ours, &scene->packet, &got), CONTROL_END);
	assert_int_equal(
		control_send(scene->world, scene->ours, &(struct control_message){ .kind = CONTROL_READY, .descriptor = -1 }),
		CONTROL_END);
}

static void tell(void (*story)(void *argument))
{
	struct scene scene = { .world = world_real_new(NULL) };
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	scene.ours = ends[0];
	scene.theirs = ends[1];
	task_start(scene.world, "story", story, &scene);
	world_real_run(scene.world);
	text_deinit(&scene.packet);
	close(scene.ours);
	close(scene.theirs);
	world_real_free(scene.world);
}

#define STORY(name)                                                                                                  \
	static void test_##name(void **state)                                                                            \
	{                                                                                                                \
		(void)state;                                                                                                 \
		tell(name);                                                                                                  \
	}
STORY(messages_arrive)
STORY(rubbish_is_the_end)
STORY(too_long_is_the_end)
STORY(the_other_end_may_be_gone)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages_arrive),
		cmocka_unit_test(test_rubbish_is_the_end),
		cmocka_unit_test(test_too_long_is_the_end),
		cmocka_unit_test(test_the_other_end_may_be_gone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
