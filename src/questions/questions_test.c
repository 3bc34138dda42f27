/* Frames of every question, requests and answers: there and back, cut off, and with bytes changed. */
#include "base/arena.h"
#include "base/must.h"
#include "base/random.h"
#include "base/testing.h"
#include "questions/all_for_tests.h"

#include <stdlib.h>

enum { FRAME_MOST = 20000, GROWTH_MOST = 255, ROUNDS = 50 };

struct sample {
	const struct shape *shape;
	struct text frame;
	unsigned char *seen; /* of the struct's bytes: those that were ever not zero */
};

/* The same bytes come out that went in. Otherwise says so. */
static void expect_the_same(const struct shape *shape, void *value, struct view frame)
{
	struct text again = { .limit = frame.length + 1 };
	expect_number(shape->question->name, shape_write(shape, value, &again), true);
	expect_view(shape->question->name, text_view(&again), frame);
	text_deinit(&again);
}

/* True when the frame is good. What is good is written as it was read. */
static bool try_frame(const struct shape *shape, struct view frame, unsigned char *seen)
{
	struct arena arena = { 0 };
	unsigned char *value = arena_alloc(&arena, 1, shape->size);
	/* Of its own memory, so that a read past it is found. */
	char *exact = must_alloc(frame.length + 1, 1);
	char *end = exact + 1;
	for (size_t i = 0; i < frame.length; i++)
		end[i] = frame.data[i];
	const bool good = shape_read(shape, view_bytes(end, frame.length), value, &arena) == frame.length;
	if (good)
		expect_the_same(shape, value, frame);
	for (size_t i = 0; good && seen != NULL && i < shape->size; i++)
		seen[i] |= value[i];
	free(exact);
	arena_deinit(&arena);
	return good;
}

/* Puts zeros behind, which are a good end of any frame, and keeps what is taken of all that; of bulk a little. False:
 * not good. */
static bool frame_trim(struct sample *sample)
{
	static const char zeros[4096];
	struct arena arena = { 0 };
	void *value = arena_alloc(&arena, 1, sample->shape->size);
	struct text padded = TEXT_LIMIT(FRAME_MOST * 2);
	text_add(&padded, text_view(&sample->frame));
	text_add(&padded, view_bytes(zeros, sizeof(zeros)));
	const bool good = shape_read(sample->shape, text_view(&padded), value, &arena) != VIEW_NOT_FOUND;
	if (good) {
		text_clear(&sample->frame);
		struct wire wire = wire_writer(&sample->frame);
		sample->shape->describe(&wire, value);
		text_add(&sample->frame, view_first(wire.bulk, 3));
	}
	text_deinit(&padded);
	arena_deinit(&arena);
	return good;
}

/* Another good frame, made from this one by a byte set: a count raised, a text longer. Stays as it was where none
 * comes of it. */
static bool frame_set(struct sample *sample, size_t at, unsigned char byte)
{
	bool good = true;
	struct text before = TEXT_LIMIT(FRAME_MOST * 2);
	text_add(&before, text_view(&sample->frame));
	sample->frame.data[at] = (char)byte;
	if (!frame_trim(sample) || sample->frame.length > before.length + GROWTH_MOST ||
	    !try_frame(sample->shape, text_view(&sample->frame), sample->seen)) {
		text_clear(&sample->frame);
		text_add(&sample->frame, text_view(&before));
		good = false;
	}
	text_deinit(&before);
	return good;
}

static void array_fill(struct sample *sample, size_t at, unsigned depth);

/* To the end, which moves away, so that every field of every element gets something; arrays in passing also with as
 * many elements as they take, and those within them to the depth given. */
static void frame_fill(struct sample *sample, size_t from, unsigned depth)
{
	for (size_t i = from; i < sample->frame.length; i++) {
		if (depth > 0)
			array_fill(sample, i, depth - 1);
		frame_set(sample, i, 1);
	}
}

/* If an array is counted here: what a text grows by is its length, and an array's elements are larger. */
static void array_fill(struct sample *sample, size_t at, unsigned depth)
{
	static const unsigned char sizes[] = { 20, 16, 12, 8, 5, 4, 3, 2 };
	struct text before = TEXT_LIMIT(FRAME_MOST * 2);
	text_add(&before, text_view(&sample->frame));
	size_t i = 0;
	while (i < sizeof(sizes) && !frame_set(sample, at, sizes[i]))
		i++;
	if (i < sizeof(sizes) && sample->frame.length > before.length + sizes[i])
		frame_fill(sample, at + 1, depth);
	text_clear(&sample->frame);
	text_add(&sample->frame, text_view(&before));
	text_deinit(&before);
}

static void frame_vary(struct sample *sample, uint64_t seed)
{
	static const unsigned char values[] = { 0, 2, 3, 255 };
	struct random random;
	random_seed(&random, seed);
	for (unsigned round = 0; round < ROUNDS; round++)
		frame_set(sample, (size_t)random_below(&random, sample->frame.length),
		          values[random_below(&random, sizeof(values))]);
}

/* A frame that is cut off is refused, or reads as what it then is: that is so for what ends in bulk alone. */
static void cut_everywhere(const struct sample *sample)
{
	for (size_t length = 0; length < sample->frame.length; length++)
		try_frame(sample->shape, view_first(text_view(&sample->frame), length), NULL);
}

static void flip_everywhere(struct sample *sample)
{
	static const unsigned char flips[] = { 0x01, 0x80, 0xff };
	for (size_t i = 0; i < sample->frame.length; i++)
		for (size_t j = 0; j < sizeof(flips); j++) {
			sample->frame.data[i] ^= (char)flips[j];
			try_frame(sample->shape, text_view(&sample->frame), NULL);
			sample->frame.data[i] ^= (char)flips[j];
		}
}

/* A field that the description forgot would be zero in every sample. By words of eight bytes: padding fills none. */
static void expect_all_seen(const struct sample *sample)
{
	for (size_t word = 0; word + 8 <= sample->shape->size; word += 8) {
		unsigned any = 0;
		for (size_t i = word; i < word + 8; i++)
			any |= sample->seen[i];
		if (any == 0)
			fail_msg("%s, %s: nothing ever at byte %zu of %zu", sample->shape->question->name,
			         sample->shape->is_answer ? "answer" : "request", word, sample->shape->size);
	}
}

static void frames(void **state)
{
	(void)state;
	const struct shapes shapes = shapes_all();
	for (size_t i = 0; i < shapes.count; i++) {
		struct sample sample = { .shape = &shapes.list[i], .frame = TEXT_LIMIT(FRAME_MOST * 2) };
		sample.seen = must_alloc(sample.shape->size, 1);
		assert_true(frame_trim(&sample));
		assert_true(try_frame(sample.shape, text_view(&sample.frame), sample.seen));
		frame_fill(&sample, 0, 3);
		frame_vary(&sample, i);
		cut_everywhere(&sample);
		flip_everywhere(&sample);
		expect_all_seen(&sample);
		text_deinit(&sample.frame);
		free(sample.seen);
	}
}

static void kinds_are_unique(void **state)
{
	(void)state;
	const struct shapes shapes = shapes_all();
	assert_true(shapes.count >= 60 && shapes.count < SHAPES_MOST);
	for (size_t i = 0; i < shapes.count; i += 2)
		for (size_t j = i + 2; j < shapes.count; j += 2)
			expect_number(shapes.list[i].question->name,
			              shapes.list[i].question->kind == shapes.list[j].question->kind, false);
}

/* quality: calls form no cycle, the queue and the vault ask nobody, each may ask what its row says alone. */
static void the_wiring_has_no_cycle(void **state)
{
	(void)state;
	bool reaches[ROOM_COUNT][ROOM_COUNT] = { { false } };
	for (size_t i = 0; i < wiring_count; i++)
		reaches[wiring[i].asker][wiring[i].answerer] = true;
	for (size_t via = 0; via < ROOM_COUNT; via++)
		for (size_t from = 0; from < ROOM_COUNT; from++)
			for (size_t to = 0; to < ROOM_COUNT; to++)
				reaches[from][to] = reaches[from][to] || (reaches[from][via] && reaches[via][to]);
	for (size_t room = 0; room < ROOM_COUNT; room++) {
		expect_number(room_name((enum room)room), reaches[room][room], false);
		expect_number("the queue asks nobody", reaches[ROOM_QUEUE][room], false);
		expect_number("the vault asks nobody", reaches[ROOM_VAULT][room], false);
		expect_number("nobody asks the supervisor", reaches[room][ROOM_SUPERVISOR], false);
	}
}

static void what_is_not_in_the_table_is_not_allowed(void **state)
{
	(void)state;
	const struct shapes shapes = shapes_all();
	for (unsigned asker = 0; asker <= ROOM_COUNT; asker++)
		for (size_t i = 0; i < shapes.count; i += 2) {
			const struct question *question = shapes.list[i].question;
			bool in_table = false;
			for (size_t row = 0; row < wiring_count; row++)
				for (const struct question *const *each = wiring[row].questions; *each != NULL; each++)
					in_table = in_table || ((unsigned)wiring[row].asker == asker && *each == question);
			expect_number(question->name, wiring_allows(asker, question->kind), in_table);
		}
	assert_false(wiring_allows(ROOM_API, 0));
	assert_false(wiring_has(ROOM_SUBMISSION, ROOM_DELIVERY));
	assert_true(wiring_has(ROOM_SUBMISSION, ROOM_VAULT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames),
		cmocka_unit_test(kinds_are_unique),
		cmocka_unit_test(the_wiring_has_no_cycle),
		cmocka_unit_test(what_is_not_in_the_table_is_not_allowed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
