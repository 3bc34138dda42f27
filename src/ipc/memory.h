/* A peer that remembers: what another peer has answered is given again while the answer is good, and nobody is woken.
 * Promises: only answers whose question says for how long they are good are remembered, and not longer; bounded by
 *   bytes; a restart of the room asked voids all; an answer that was on its way when all was forgotten is not kept.
 * Does not know: any question. */
#ifndef IPC_MEMORY_H
#define IPC_MEMORY_H

#include "ipc/question.h"

/* asked is lent; most: bytes of questions and answers kept. The longest remembered go first. */
struct peer *memory_peer_new(struct world *world, struct peer *asked, size_t most);
/* After a reload, or when an answer has proved wrong. Of another kind of peer: nothing. */
void memory_peer_forget(struct peer *peer);

#endif
