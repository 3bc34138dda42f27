/* Direct peers: a question goes straight to a service in the same process; for the simulated world.
 * Promises: request and answer pass through the same bytes as on a channel; the answerer runs as a task of its own
 *   world; direct_peer_disconnect ends calls in flight as ASKED_LOST, direct_peer_connect serves again.
 * Does not know: sockets. */
#ifndef IPC_DIRECT_H
#define IPC_DIRECT_H

#include "ipc/question.h"

/* asking: the world of whoever asks. It has no service at first. */
struct peer *direct_peer_new(struct world *asking, const char *name);
/* answering: the world of the room asked. service is lent until it was told that the caller is gone. */
void direct_peer_connect(struct peer *peer, struct world *answering, const struct service *service,
                         struct caller caller);
void direct_peer_disconnect(struct peer *peer);

#endif
