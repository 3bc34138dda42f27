/* The lock that keeps a second daemon, or an offline command, out of a state directory.
 * Promises: held until lock_release or the end of the process, however it ends (flock).
 * Does not know: what is in the directory. */
#ifndef STORE_LOCK_H
#define STORE_LOCK_H

#include "base/text.h"

/* Creates PATH where there is none. Returns a descriptor, or -1: *problem says why. */
int lock_take(const char *path, struct text *problem);
void lock_release(int descriptor);

#endif
