#include "ipc/frame.h"

#include "base/bytes.h"
#include "base/must.h"
#include "base/testing.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

struct scene {
	struct world *world;
	int ours, theirs;
	struct frame_reader *reader;
};

static struct frame_header header_of(uint64_t call)
{
	return (struct frame_header){ .kind = 101, .call = call };
}

static size_t open_descriptors(void)
{
	size_t count = 0;
	DIR *folder = opendir("/proc/self/fd");
	while (readdir(folder) != NULL)
		count++;
	closedir(folder);
	return count;
}

static enum frame_result send_text(struct scene *scene, struct view fields, struct view bulk)
{
	return frame_send(scene->world, scene->theirs, header_of(1), (struct frame_payload){ fields, bulk }, NEVER_DUE);
}

static enum frame_result receive(struct scene *scene, struct frame *frame)
{
	return frame_receive(scene->reader, frame);
}

/* Raw bytes with descriptors, as a room taken over might send them. */
static void send_raw(struct scene *scene, struct view packet, const int *descriptors, size_t count)
{
	union {
		char bytes[CMSG_SPACE(4 * sizeof(int))];
		struct cmsghdr alignment;
	} control = { { 0 } };
	struct iovec part = { .iov_base = (void *)(uintptr_t)packet.data, .iov_len = packet.length };
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

static void send_header(struct scene *scene, struct frame_header header, const int *descriptors, size_t count)
{
	uint8_t bytes[FRAME_HEADER_SIZE];
	frame_header_write(&header, bytes);
	send_raw(scene, view_bytes(bytes, sizeof(bytes)), descriptors, count);
}

static struct view pattern(struct text *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		text_add_byte(text, (char)(i * 31 + i / 251));
	return text_view(text);
}

/* ---- stories */

static void any_length_arrives(void *argument)
{
	struct scene *scene = argument;
	static const struct {
		const char *name;
		size_t fields, bulk;
		bool mapped;
	} cases[] = {
		{ "nothing", 0, 0, false },
		{ "fields", 10, 0, false },
		{ "bulk", 0, 10, false },
		{ "both", 10, 10, false },
		{ "as much as fits", 1, CHANNEL_INLINE_MAX - 1, false },
		{ "one more", 1, CHANNEL_INLINE_MAX, true },
		{ "all fields", CHANNEL_INLINE_MAX + 1, 0, true },
		{ "a megabyte", 1000, 1 << 20, true },
	};
	for (size_t i = 0; i < CASES(cases); i++) {
		struct text text = TEXT_LIMIT(2 << 20);
		struct frame frame;
		const struct view all = pattern(&text, cases[i].fields + cases[i].bulk);
		assert_int_equal(send_text(scene, view_first(all, cases[i].fields), view_from(all, cases[i].fields)),
		                 FRAME_OK);
		expect_number(cases[i].name, receive(scene, &frame), FRAME_OK);
		expect_number(cases[i].name, frame.mapping != NULL, cases[i].mapped);
		expect_number(cases[i].name, view_equal(frame.payload, all), true);
		expect_number(cases[i].name, frame.header.kind, 101);
		frame_release(&frame);
		text_deinit(&text);
	}
}

enum kept { KEPT_ALL, KEPT_NO_WRITE, KEPT_NO_SHRINK, KEPT_NO_GROW, KEPT_NO_SEAL, KEPT_NONE };

static int content_with_seals(enum kept kept, size_t length)
{
	static const int seals[] = {
		[KEPT_ALL] = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL,
		[KEPT_NO_WRITE] = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL,
		[KEPT_NO_SHRINK] = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SEAL,
		[KEPT_NO_GROW] = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_SEAL,
		[KEPT_NO_SEAL] = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW,
		[KEPT_NONE] = 0,
	};
	const int descriptor = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(descriptor, (off_t)length), 0);
	assert_int_equal(fcntl(descriptor, F_ADD_SEALS, seals[kept]), 0);
	return descriptor;
}

static void only_what_is_sealed_is_taken(void *argument)
{
	struct scene *scene = argument;
	for (enum kept kept = KEPT_ALL; kept <= KEPT_NONE; kept++) {
		struct frame frame;
		const int descriptor = content_with_seals(kept, 100000);
		send_header(scene, (struct frame_header){ .kind = 1, .is_memfd = true, .length = 100000 }, &descriptor, 1);
		expect_number("sealed", receive(scene, &frame), kept == KEPT_ALL ? FRAME_OK : FRAME_BAD);
		frame_release(&frame);
		close(descriptor);
	}
}

static void content_cannot_be_changed(void *argument)
{
	struct scene *scene = argument;
	struct text text = TEXT_LIMIT(1 << 20);
	struct frame frame;
	assert_int_equal(send_text(scene, VIEW_NONE, pattern(&text, 100000)), FRAME_OK);
	assert_int_equal(receive(scene, &frame), FRAME_OK);
	assert_int_equal(mprotect(frame.mapping, frame.header.length, PROT_READ | PROT_WRITE), -1);
	frame_release(&frame);
	text_deinit(&text);
}

static void a_frame_that_lies_is_bad(void *argument)
{
	struct scene *scene = argument;
	struct frame frame;
	const int sealed = content_with_seals(KEPT_ALL, 100000);
	int pipe_ends[2];
	assert_int_equal(pipe(pipe_ends), 0);
	const int several[] = { sealed, sealed, sealed, sealed };
	const struct {
		const char *name;
		struct frame_header header;
		const int *descriptors;
		size_t count;
	} cases[] = {
		{ "longer than it is", { .kind = 1, .is_memfd = true, .length = 100001 }, &sealed, 1 },
		{ "shorter than it is", { .kind = 1, .is_memfd = true, .length = 99999 }, &sealed, 1 },
		{ "of no length", { .kind = 1, .is_memfd = true }, &sealed, 1 },
		{ "no descriptor", { .kind = 1, .is_memfd = true, .length = 100000 }, NULL, 0 },
		{ "two descriptors", { .kind = 1, .is_memfd = true, .length = 100000 }, several, 2 },
		{ "four descriptors", { .kind = 1, .is_memfd = true, .length = 100000 }, several, 4 },
		{ "a pipe", { .kind = 1, .is_memfd = true, .length = 100000 }, pipe_ends, 1 },
		{ "a descriptor that is not said", { .kind = 1 }, &sealed, 1 },
		{ "inline, but not there", { .kind = 1, .length = 10 }, NULL, 0 },
		{ "no kind", { .kind = 0 }, NULL, 0 },
		{ "a refusal of nothing", { .kind = 1, .is_refusal = true }, NULL, 0 },
		{ "too large", { .kind = 1, .is_memfd = true, .length = CHANNEL_PAYLOAD_MAX + 1 }, &sealed, 1 },
	};
	const size_t before = open_descriptors();
	for (size_t i = 0; i < CASES(cases); i++) {
		send_header(scene, cases[i].header, cases[i].descriptors, cases[i].count);
		expect_number(cases[i].name, receive(scene, &frame), FRAME_BAD);
		expect_number(cases[i].name, (int64_t)open_descriptors(), (int64_t)before);
	}
	send_raw(scene, VIEW("short"), NULL, 0);
	assert_int_equal(receive(scene, &frame), FRAME_BAD);
	close(sealed);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
}

static void a_packet_too_long_is_bad(void *argument)
{
	struct scene *scene = argument;
	struct text packet = TEXT_LIMIT(FRAME_BUFFER_SIZE + 1);
	struct frame frame;
	uint8_t header[FRAME_HEADER_SIZE];
	frame_header_write(&(struct frame_header){ .kind = 1, .length = CHANNEL_INLINE_MAX }, header);
	text_add(&packet, view_bytes(header, sizeof(header)));
	while (text_add_byte(&packet, 'x'))
		;
	send_raw(scene, text_view(&packet), NULL, 0);
	assert_int_equal(receive(scene, &frame), FRAME_BAD);
	text_deinit(&packet);
}

static void too_large_is_not_sent(void *argument)
{
	struct scene *scene = argument;
	/* Never read: its length alone is refused. */
	const struct view endless = { "", CHANNEL_PAYLOAD_MAX };
	assert_int_equal(send_text(scene, VIEW("x"), endless), FRAME_BAD);
}

static void the_end_is_told(void *argument)
{
	struct scene *scene = argument;
	struct frame frame;
	shutdown(scene->theirs, SHUT_WR);
	assert_int_equal(receive(scene, &frame), FRAME_END);
	frame_reader_free(scene->reader);
	close(scene->ours);
	assert_int_equal(send_text(scene, VIEW("x"), VIEW_NONE), FRAME_END);
	scene->ours = open("/dev/null", O_RDONLY | O_CLOEXEC);
	scene->reader = frame_reader_new(scene->world, scene->ours);
}

/* They come in order, each whole, however many are taken at once; the descriptors of those that nobody takes are
 * closed. */
static void several_at_once(void *argument)
{
	struct scene *scene = argument;
	struct frame frame;
	const size_t before = open_descriptors();
	struct text large = TEXT_LIMIT((size_t)2 * CHANNEL_INLINE_MAX);
	const struct view bulk = pattern(&large, (size_t)2 * CHANNEL_INLINE_MAX);
	for (uint64_t i = 0; i < 11; i++)
		assert_int_equal(
			frame_send(scene->world, scene->theirs, header_of(i),
		               (struct frame_payload){ .fields = VIEW("f"), .bulk = i % 2 == 0 ? bulk : VIEW("b") },
		               NEVER_DUE),
			FRAME_OK);
	for (uint64_t i = 0; i < 9; i++) {
		assert_int_equal(receive(scene, &frame), FRAME_OK);
		expect_number("call", (int64_t)frame.header.call, (int64_t)i);
		expect_number("size", (int64_t)frame.payload.length, i % 2 == 0 ? (int64_t)bulk.length + 1 : 2);
		frame_release(&frame);
	}
	frame_reader_free(scene->reader);
	scene->reader = frame_reader_new(scene->world, scene->ours);
	expect_number("descriptors", (int64_t)open_descriptors(), (int64_t)before);
	text_deinit(&large);
}

/* Nobody reads: the sender waits, and leaves at its deadline; then the reader finds whole frames alone. */
static void a_full_socket_makes_the_sender_wait(void *argument)
{
	struct scene *scene = argument;
	struct text text = TEXT_LIMIT(CHANNEL_INLINE_MAX);
	const struct view payload = pattern(&text, CHANNEL_INLINE_MAX);
	struct frame frame;
	unsigned sent = 0;
	enum frame_result result;
	while (
		(result = frame_send(scene->world, scene->theirs, header_of(sent), (struct frame_payload){ .bulk = payload },
	                         world_now(scene->world) + 20 * MILLISECOND)) == FRAME_OK)
		sent++;
	assert_int_equal(result, FRAME_LATE);
	assert_true(sent > 0 && sent < 1000);
	for (unsigned i = 0; i < sent; i++) {
		assert_int_equal(receive(scene, &frame), FRAME_OK);
		assert_int_equal(frame.header.call, i);
		assert_true(view_equal(frame.payload, payload));
	}
	text_deinit(&text);
}

static void tell(void (*story)(void *argument))
{
	struct scene scene = { .world = world_real_new(NULL) };
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	scene.ours = ends[0];
	scene.theirs = ends[1];
	scene.reader = frame_reader_new(scene.world, scene.ours);
	task_start(scene.world, "story", story, &scene);
	world_real_run(scene.world);
	frame_reader_free(scene.reader);
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
STORY(any_length_arrives)
STORY(only_what_is_sealed_is_taken)
STORY(content_cannot_be_changed)
STORY(a_frame_that_lies_is_bad)
STORY(a_packet_too_long_is_bad)
STORY(too_large_is_not_sent)
STORY(the_end_is_told)
STORY(several_at_once)
STORY(a_full_socket_makes_the_sender_wait)

/* Every header that is taken is one that would be written so. */
static void headers(void **state)
{
	(void)state;
	const struct frame_header header = { .kind = 300, .is_answer = true, .call = UINT64_MAX - 1, .length = 5 };
	uint8_t bytes[FRAME_HEADER_SIZE];
	uint8_t again[FRAME_HEADER_SIZE];
	struct frame_header back;
	frame_header_write(&header, bytes);
	for (size_t length = 0; length < FRAME_HEADER_SIZE; length++)
		assert_false(frame_header_read(view_bytes(bytes, length), &back));
	for (size_t i = 0; i < FRAME_HEADER_SIZE; i++)
		for (unsigned flip = 0; flip < 256; flip++) {
			frame_header_write(&header, bytes);
			bytes[i] ^= (uint8_t)flip;
			if (!frame_header_read(view_bytes(bytes, sizeof(bytes)), &back))
				continue;
			frame_header_write(&back, again);
			assert_memory_equal(again, bytes, sizeof(bytes));
			assert_true(back.length <= CHANNEL_PAYLOAD_MAX && back.kind != 0);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers),
		cmocka_unit_test(test_any_length_arrives),
		cmocka_unit_test(test_only_what_is_sealed_is_taken),
		cmocka_unit_test(test_content_cannot_be_changed),
		cmocka_unit_test(test_a_frame_that_lies_is_bad),
		cmocka_unit_test(test_a_packet_too_long_is_bad),
		cmocka_unit_test(test_too_large_is_not_sent),
		cmocka_unit_test(test_the_end_is_told),
		cmocka_unit_test(test_several_at_once),
		cmocka_unit_test(test_a_full_socket_makes_the_sender_wait),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
