/* A question that repeats what it is asked, for the tests of channels and direct peers.
 * Promises: ECHO asks for patience, silence, or an answer that cannot be sent.
 * Does not know: sockets. Only tests include it. */
#ifndef IPC_ECHO_FOR_TESTS_H
#define IPC_ECHO_FOR_TESTS_H

#include "ipc/question.h"

enum echo_wish {
	ECHO_AT_ONCE,
	ECHO_AFTER_A_WHILE, /* 20 ms */
	ECHO_NEVER,         /* waits to be cancelled */
	ECHO_TOO_LARGE,     /* a view longer than its limit */
};

struct echo {
	enum echo_wish wish;
	uint64_t number;
	struct view text;
	bool flag;
	struct view bulk;
};

/* What the answering room has seen. */
struct echo_room {
	struct world *world;
	unsigned asked, running, most_running, cancelled, callers_gone;
	bool ran_when_caller_left;
	struct caller last_caller;
};

static void echo_wire(struct wire *wire, void *value)
{
	struct echo *echo = value;
	echo->wish = (enum echo_wish)wire_enum(wire, (unsigned)echo->wish, ECHO_TOO_LARGE);
	wire_u64(wire, &echo->number);
	wire_view(wire, &echo->text, 1000);
	wire_bool(wire, &echo->flag);
	wire_bulk(wire, &echo->bulk);
}

static const struct question echo_question = {
	.kind = 77,
	.name = "echo",
	.request_size = sizeof(struct echo),
	.answer_size = sizeof(struct echo),
	.request = echo_wire,
	.answer = echo_wire,
};

static const struct question unknown_question = {
	.kind = 78,
	.name = "unknown",
	.request_size = sizeof(struct echo),
	.answer_size = sizeof(struct echo),
	.request = echo_wire,
	.answer = echo_wire,
};

static void echo_number_wire(struct wire *wire, void *value)
{
	wire_u64(wire, value);
}

/* Says that it is an echo, and is too short for one. */
static const struct question malformed_question = {
	.kind = 77,
	.name = "malformed",
	.request_size = sizeof(uint64_t),
	.answer_size = sizeof(uint64_t),
	.request = echo_number_wire,
	.answer = echo_number_wire,
};

static void echo_answer(void *argument, const struct caller *caller, const void *request, void *answer,
                        struct arena *arena)
{
	struct echo_room *room = argument;
	const struct echo *asked = request;
	struct echo *answered = answer;
	room->asked++;
	room->running++;
	room->last_caller = *caller;
	if (room->running > room->most_running)
		room->most_running = room->running;
	*answered = *asked;
	if (asked->wish == ECHO_AFTER_A_WHILE)
		task_sleep(room->world, 20 * MILLISECOND);
	if (asked->wish == ECHO_NEVER)
		task_sleep_until(NEVER_DUE);
	if (asked->wish == ECHO_TOO_LARGE)
		answered->text = view_bytes(arena_alloc(arena, 1001, 1), 1001);
	if (task_is_cancelled())
		room->cancelled++;
	room->running--;
}

static void echo_caller_gone(void *argument, const struct caller *caller)
{
	struct echo_room *room = argument;
	(void)caller;
	room->callers_gone++;
	if (room->running > 0)
		room->ran_when_caller_left = true;
}

static bool echo_allows(unsigned asking_room, uint16_t kind)
{
	return asking_room != 9 && kind != 0;
}

static const struct answerer echo_answerers[] = { { &echo_question, echo_answer, NULL } };

static inline struct service echo_service(struct echo_room *room)
{
	return (struct service){
		.room = room,
		.answerers = echo_answerers,
		.answerer_count = 1,
		.allows = echo_allows,
		.caller_gone = echo_caller_gone,
	};
}

#endif
