/* An arena: memory that is given back all at once.
 * Promises: what it lends lives until arena_clear or arena_deinit; aligned for any type; never NULL
 *   (out of memory aborts). Past its limit it aborts too: whoever feeds it a stranger's bytes bounds them first.
 * Does not know: single objects. Process > session > transaction; process > job > attempt. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/view.h"

struct arena_block;

struct arena {
	struct arena_block *blocks;
	size_t used;  /* bytes lent since the last clear, alignment included */
	size_t limit; /* most bytes it may lend; 0: ARENA_LIMIT_DEFAULT */
};

#define ARENA_LIMIT_DEFAULT ((size_t)256 * 1024 * 1024)

void arena_deinit(struct arena *arena);
void arena_clear(struct arena *arena);                             /* keeps one small block for re-use */
void *arena_alloc(struct arena *arena, size_t count, size_t size); /* zeros */
char *arena_room(struct arena *arena, size_t bytes);               /* for bytes that are written at once: no zeros */
struct view arena_copy(struct arena *arena, struct view bytes);    /* followed by a NUL that is not counted */
const char *arena_cstring(struct arena *arena, struct view bytes); /* a terminated copy */
__attribute__((format(printf, 2, 3))) struct view arena_print(struct arena *arena, const char *format, ...);

#define ARENA_NEW(arena, type)          ((type *)arena_alloc((arena), 1, sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_alloc((arena), (count), sizeof(type)))

#endif
