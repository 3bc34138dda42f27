/* The part of answering that channels and direct peers share: bytes in, answerer, bytes out.
 * Promises: a malformed or unknown question is refused, never half answered.
 * Does not know: how the bytes came. */
#ifndef IPC_ANSWERING_H
#define IPC_ANSWERING_H

#include "ipc/question.h"

/* Encodes the request into *out; *bulk is what follows it, not copied. False: too large. */
bool question_write(void (*describe)(struct wire *, void *), const void *value, struct text *out, struct view *bulk);

/* *answer is the asker's own memory, with anything in it. False: malformed. */
bool answer_read(const struct question *question, struct view bytes, void *answer, struct arena *arena);

/* Suspends. Decodes, answers, encodes. False: refused. What *bulk points to lives in the arena or the request. */
bool service_answer(const struct service *service, const struct caller *caller, uint16_t kind, struct view request,
                    struct arena *arena, struct text *out, struct view *bulk);

#endif
