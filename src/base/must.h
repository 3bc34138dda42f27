/* The door for our own bugs: a condition that holds, or the room ends.
 * Promises: kept in release builds; prints one line with file, line, function and condition, then aborts.
 * Does not know: what the world does wrong (that is a struct verdict) and bad input (that is an answer). */
#ifndef BASE_MUST_H
#define BASE_MUST_H

#include <stddef.h>

_Noreturn void must_fail(const char *file, int line, const char *function, const char *condition);

#define must(condition) ((condition) ? (void)0 : must_fail(__FILE__, __LINE__, __func__, #condition))

/* Memory that cannot fail: strangers are bounded everywhere, so running out is an abort with a short story.
 * The caller owns what is returned and gives it back with free(). Zero-filled. */
void *must_alloc(size_t count, size_t size);
void *must_realloc(void *old, size_t count, size_t size);

#endif
