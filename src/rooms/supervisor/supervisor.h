/* The supervisor: reads the configuration, opens and keeps the listening sockets, starts the rooms each as its own
 * user, wires them, starts anew what dies, and does nothing else.
 * Promises: a room that dies is started again with back-off, and its peers get fresh sockets; SIGHUP applies a new
 *   configuration or leaves the old one in force; SIGTERM ends everything in order within 10 s.
 * Does not know: mail. It reads nothing from strangers. */
#ifndef ROOMS_SUPERVISOR_SUPERVISOR_H
#define ROOMS_SUPERVISOR_SUPERVISOR_H

#include "rooms/room.h"

struct supervisor_options {
	const char *config_path;
	const char *program; /* path of this program, to start the rooms from */
};

/* Runs until it is told to end. Returns the exit code. */
int supervisor_run(const struct supervisor_options *options);

/* The file, checked; problems go to standard error. NULL: there were errors. *yaml gets the text. */
struct config *supervisor_read_config(const char *path, struct text *yaml, struct text *complaints);

#endif
