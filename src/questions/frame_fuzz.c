#include "base/must.h"
#include "ipc/channel.h"
#include "questions/all_for_tests.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void header_reads(struct view frame)
{
	struct frame_header header;
	uint8_t again[FRAME_HEADER_SIZE];
	if (!frame_header_read(frame, &header))
		return;
	frame_header_write(&header, again);
	must(view_equal(view_bytes(again, sizeof(again)), view_first(frame, FRAME_HEADER_SIZE)));
}

/* The first octet picks one of all requests and answers. What is good is written as it was read. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	const struct shapes shapes = shapes_all();
	const struct shape *shape = &shapes.list[data[0] % shapes.count];
	const struct view frame = view_bytes(data + 1, size - 1);
	struct arena arena = { 0 };
	void *value = arena_alloc(&arena, 1, shape->size);
	header_reads(frame);
	if (shape_read(shape, frame, value, &arena) == frame.length) {
		struct text again = { .limit = frame.length };
		must(shape_write(shape, value, &again));
		must(view_equal(text_view(&again), frame));
		text_deinit(&again);
	}
	arena_deinit(&arena);
	return 0;
}
