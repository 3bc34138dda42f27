/* What every room is asked by the api: its events and its counters. The room's frame (rooms/room.c) answers both.
 * Promises: events are kept in a ring of bounded size; a reader that is too slow is told how many it missed.
 * Does not know: what the events are about. */
#ifndef QUESTIONS_COMMON_H
#define QUESTIONS_COMMON_H

#include "base/verdict.h"
#include "questions/wiring.h"

/* Long poll: answers when there is something after `after`, or at the question's deadline minus a second. */
struct events_request {
	uint64_t after; /* number of the last event seen; 0: from the oldest kept */
	uint32_t most;
	int64_t patience; /* microseconds to wait for the first one */
};
struct events_answer {
	uint64_t last;      /* number of the last one given (or after) */
	uint64_t missed;    /* that were no longer kept */
	struct view *lines; /* JSON objects, one event each */
	size_t line_count;
};
extern const struct question room_events_question;
enum asked room_events(struct peer *peer, const struct events_request *request, struct events_answer *answer,
                       struct arena *arena, int64_t deadline);

struct counter {
	struct view name;   /* Prometheus name: sealpost_accepted_messages_total */
	struct view labels; /* as between the braces, without them: event="accepted" ; may be empty */
	int64_t value;
};
struct counters_request {
	uint8_t unused;
};
struct counters_answer {
	struct counter *counters;
	size_t counter_count;
};
extern const struct question room_counters_question;
enum asked room_counters(struct peer *peer, const struct counters_request *request, struct counters_answer *answer,
                         struct arena *arena, int64_t deadline);

/* Shared pieces of the questions. */
void wire_verdict(struct wire *wire, struct verdict *verdict);

/* Message ids travel as 16 bytes. */
struct message_id;
void wire_message_id(struct wire *wire, struct message_id *id);

/* One page of names or rows is at most this many. */
#define PAGE_MOST 1000u

#endif
