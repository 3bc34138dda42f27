/* The ring of a room's latest events, for whoever follows them.
 * Promises: bounded: EVENTS_KEPT lines; a reader that is too slow learns how many it missed.
 * Does not know: what the events are about. */
#ifndef ROOMS_EVENTS_H
#define ROOMS_EVENTS_H

#include "questions/common.h"

#define EVENTS_KEPT 4096u

struct events;

struct events *events_new(struct world *world);
void events_free(struct events *events);
void events_tap(void *events, struct view line); /* the log's tap */
/* Suspends up to request->patience for the first one. */
void events_answer(struct events *events, const struct events_request *request, struct events_answer *answer,
                   struct arena *arena);

#endif
