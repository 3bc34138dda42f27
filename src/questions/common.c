#include "questions/common.h"

#include "base/id.h"
#include "questions/describe.h"

void wire_verdict(struct wire *wire, struct verdict *verdict)
{
	WIRE_ENUM(wire, verdict->outcome, enum outcome, OUTCOME_NEVER);
	wire_u16(wire, &verdict->code);
	wire_u8(wire, &verdict->status.class);
	wire_u16(wire, &verdict->status.subject);
	wire_u16(wire, &verdict->status.detail);
	wire_view(wire, &verdict->why, PARAGRAPH_MOST);
}

static void wire_counter(struct wire *wire, void *element)
{
	struct counter *counter = element;
	wire_view(wire, &counter->name, NAME_MOST);
	wire_view(wire, &counter->labels, NAME_MOST);
	wire_i64(wire, &counter->value);
}

void wire_message_id(struct wire *wire, struct message_id *id)
{
	wire_fixed(wire, id->bytes, sizeof(id->bytes));
}

static void events_request_wire(struct wire *wire, void *value)
{
	struct events_request *request = value;
	wire_u64(wire, &request->after);
	wire_u32(wire, &request->most);
	wire_i64(wire, &request->patience);
}

static void events_answer_wire(struct wire *wire, void *value)
{
	struct events_answer *answer = value;
	wire_u64(wire, &answer->last);
	wire_u64(wire, &answer->missed);
	answer->lines =
		wire_array(wire, answer->lines, &answer->line_count, PAGE_MOST, sizeof(struct view), wire_view_element);
}

const struct question room_events_question = {
	.kind = QUESTION_KIND(ROOM_COUNT, 1),
	.name = "events",
	.request_size = sizeof(struct events_request),
	.answer_size = sizeof(struct events_answer),
	.request = events_request_wire,
	.answer = events_answer_wire,
};

enum asked room_events(struct peer *peer, const struct events_request *request, struct events_answer *answer,
                       struct arena *arena, int64_t deadline)
{
	return peer_ask(peer, &room_events_question, request, answer, arena, deadline);
}

static void counters_request_wire(struct wire *wire, void *value)
{
	struct counters_request *request = value;
	wire_u8(wire, &request->unused);
}

static void counters_answer_wire(struct wire *wire, void *value)
{
	struct counters_answer *answer = value;
	answer->counters =
		wire_array(wire, answer->counters, &answer->counter_count, PAGE_MOST, sizeof(struct counter), wire_counter);
}

const struct question room_counters_question = {
	.kind = QUESTION_KIND(ROOM_COUNT, 2),
	.name = "counters",
	.request_size = sizeof(struct counters_request),
	.answer_size = sizeof(struct counters_answer),
	.request = counters_request_wire,
	.answer = counters_answer_wire,
};

enum asked room_counters(struct peer *peer, const struct counters_request *request, struct counters_answer *answer,
                         struct arena *arena, int64_t deadline)
{
	return peer_ask(peer, &room_counters_question, request, answer, arena, deadline);
}
