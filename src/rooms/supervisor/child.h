/* A child: one process of a room.
 * Promises: its control socket is its only tie; the process gets nothing but that, standard error and /dev/null.
 * Does not know: wiring. */
#ifndef ROOMS_SUPERVISOR_CHILD_H
#define ROOMS_SUPERVISOR_CHILD_H

#include "rooms/room.h"

#include <sys/types.h>

struct supervisor;

struct child {
	struct supervisor *supervisor;
	enum room room;
	unsigned instance;
	pid_t pid;   /* 0: not running */
	int control; /* -1: not running */
	bool ready;
	bool stopping;
	bool gone;         /* reaped; waits to be started again */
	unsigned failures; /* in a row, each soon after its start */
	int64_t started;   /* instant */
};

/* Forks and executes program as `--room NAME --instance N`; child->pid and child->control are set. */
bool child_start(struct child *child, const char *program, struct text *problem);
/* How long to wait before it is started again: not at all at first, then twice as long each time, to 30 s, less up to
 * a fifth. failures: in a row, before this one. */
int64_t child_restart_delay(unsigned failures, uint64_t random);

#endif
