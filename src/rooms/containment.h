/* Containment: what a room gives away before it reads anything.
 * Promises: no new privileges, no capabilities, limits on descriptors and core files; another user where one was
 *   given. A step that fails is told, and the caller decides.
 * Does not know: rooms. What each needs from the system is listed beside the wiring, in docs/architecture.md. */
#ifndef ROOMS_CONTAINMENT_H
#define ROOMS_CONTAINMENT_H

#include "base/text.h"

struct containment {
	uint32_t user;        /* UINT32_MAX: stay */
	uint32_t group;       /* UINT32_MAX: stay */
	uint64_t descriptors; /* RLIMIT_NOFILE, at most what the hard limit allows */
	bool secret;          /* holds keys: not dumpable, not traceable by others of the same user */
};

bool containment_enter(const struct containment *containment, struct text *problem);

#endif
