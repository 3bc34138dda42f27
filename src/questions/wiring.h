/* The wiring: which room may ask which, and what. One table, in wiring.c; what is not in it cannot happen, because
 * the sockets do not exist and the receiver refuses the kind.
 * Promises: calls form no cycle, each socket pair has one asker, the queue and the vault ask nobody.
 * Does not know: how questions travel, nor what their fields mean. */
#ifndef QUESTIONS_WIRING_H
#define QUESTIONS_WIRING_H

#include "ipc/question.h"

enum room {
	ROOM_SUPERVISOR,
	ROOM_VAULT,
	ROOM_RESOLVER,
	ROOM_QUEUE,
	ROOM_SUBMISSION,
	ROOM_DELIVERY,
	ROOM_API,
};
#define ROOM_COUNT (ROOM_API + 1)

const char *room_name(enum room room);

/* Room answering * 100 + number: unique, and the table is readable. */
#define QUESTION_KIND(room, number) ((uint16_t)((room)*100 + (number)))

struct wire_row {
	enum room asker;
	enum room answerer;
	const struct question *const *questions; /* ended by NULL */
};

extern const struct wire_row wiring[];
extern const size_t wiring_count;

bool wiring_has(enum room asker, enum room answerer);
bool wiring_allows(unsigned asker, uint16_t kind);

#endif
