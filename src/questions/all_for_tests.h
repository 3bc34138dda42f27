/* Every question of the program, request and answer, as shapes: for the test and the fuzz target of their frames.
 * Promises: found through the wiring, so that a question that rooms may ask is not forgotten.
 * Does not know: what fields mean. Only tests include it. */
#ifndef QUESTIONS_ALL_FOR_TESTS_H
#define QUESTIONS_ALL_FOR_TESTS_H

#include "questions/wiring.h"

enum { SHAPES_MOST = 256 };

struct shape {
	const struct question *question;
	bool is_answer;
	size_t size;
	void (*describe)(struct wire *wire, void *value);
};

struct shapes {
	struct shape list[SHAPES_MOST];
	size_t count;
};

static inline bool shapes_have(const struct shapes *shapes, const struct question *question)
{
	for (size_t i = 0; i < shapes->count; i++)
		if (shapes->list[i].question == question)
			return true;
	return false;
}

static inline void shapes_add(struct shapes *shapes, const struct question *question)
{
	if (shapes->count + 2 > SHAPES_MOST || shapes_have(shapes, question))
		return;
	shapes->list[shapes->count++] = (struct shape){ question, false, question->request_size, question->request };
	shapes->list[shapes->count++] = (struct shape){ question, true, question->answer_size, question->answer };
}

static inline struct shapes shapes_all(void)
{
	struct shapes shapes = { .count = 0 };
	for (size_t i = 0; i < wiring_count; i++)
		for (const struct question *const *question = wiring[i].questions; *question != NULL; question++)
			shapes_add(&shapes, *question);
	return shapes;
}

/* Decodes the frame into *value, of shape->size bytes and zero. Returns how much of it was taken: all of it when it
 * is good, VIEW_NOT_FOUND when a field is not. */
static inline size_t shape_read(const struct shape *shape, struct view frame, void *value, struct arena *arena)
{
	struct wire wire = wire_reader(frame, arena);
	shape->describe(&wire, value);
	if (wire.failed || wire.in.failed)
		return VIEW_NOT_FOUND;
	return frame.length - wire.in.rest.length;
}

static inline bool shape_write(const struct shape *shape, void *value, struct text *frame)
{
	struct wire wire = wire_writer(frame);
	shape->describe(&wire, value);
	return wire_is_done(&wire) && text_add(frame, wire.bulk);
}

#endif
