/* Listening sockets: opened once, kept by the supervisor over every restart of a room.
 * Promises: sockets that systemd passed on (LISTEN_FDS) are taken where their address fits; a socket file left behind
 *   by a dead process is replaced, one that a living process answers on is not.
 * Does not know: who accepts. */
#ifndef ROOMS_SUPERVISOR_SOCKETS_H
#define ROOMS_SUPERVISOR_SOCKETS_H

#include "base/text.h"
#include "task/connection.h"

/* The descriptor, or -1 and *problem. */
int socket_listen(const struct endpoint *endpoint, struct text *problem);
int socket_listen_unix(const char *path, struct text *problem);

#endif
