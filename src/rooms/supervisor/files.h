/* Files that the supervisor makes or reads for the rooms: directories, the vault's key, the certificate, zone files.
 * Promises: what holds a secret is made with mode 0600 and synced before it is used; nothing that exists is replaced,
 *   but the copies of the zone files.
 * Does not know: processes. */
#ifndef ROOMS_SUPERVISOR_FILES_H
#define ROOMS_SUPERVISOR_FILES_H

#include "base/text.h"
#include "config/config.h"

#include <sys/types.h>

enum { FILE_MOST = 4 * 1024 * 1024 };

/* The whole file at the end of *into; false: *problem says which file and why. */
bool file_read(const char *path, struct text *into, struct text *problem);
/* Written aside, synced, renamed. */
bool file_write(const char *path, struct view content, mode_t mode, struct text *problem);
bool file_holds(const char *path, struct view content); /* this, and nothing else */
bool file_exists(const char *path);
/* With all its parents; the last one belongs to uid and gid (UINT32_MAX: as made) with the given mode. */
bool directory_make(const char *path, mode_t mode, uint32_t uid, uint32_t gid, struct text *problem);
/* Can a user who owns nothing of it walk down to path? */
bool directory_is_reachable(const char *path);

#endif
