/* What outlives a restart: rows of bytes by kind and key, in resolver.db.
 * Promises: putting never waits: rows are written in groups, off the loop; what cannot be written is forgotten, with
 * a word in the log; a file that is damaged is begun anew, since all of it can be asked again; memory is bounded.
 * Does not know: what the rows mean. */
#ifndef ROOMS_RESOLVER_KEEP_H
#define ROOMS_RESOLVER_KEEP_H

#include "base/log.h"
#include "task/world.h"

struct keep;

enum kept { KEPT_ANSWER, KEPT_SENDER };

/* Suspends while the file is read. directory: the room's own. NULL: it cannot be had, and the log says why. */
struct keep *keep_open(struct world *world, struct log *log, const char *directory);
/* Suspends until all is written, at most until the deadline. */
void keep_flush(struct keep *keep, int64_t deadline);
void keep_close(struct keep *keep); /* all its tasks have ended; NULL is allowed */

/* All below take NULL for the keep: then nothing is kept. */

/* wall: when the row was true. */
void keep_put(struct keep *keep, enum kept kind, struct view key, struct view value, int64_t wall);
void keep_remove(struct keep *keep, enum kept kind, struct view key);

struct kept_row {
	struct view key;
	struct view value;
	int64_t wall;
};
/* What was read at the start, at most `most` rows, the newest first; each is lent for the call. Older ones than
 * `since` are removed. Suspends. */
void keep_read(struct keep *keep, enum kept kind, int64_t since, size_t most,
               void (*take)(void *context, const struct kept_row *row), void *context);

#endif
