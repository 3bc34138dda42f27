#include "base/must.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The story goes out with one write and without the heap, which may be what broke. */
void must_fail(const char *file, int line, const char *function, const char *condition)
{
	char story[512];
	const int length = snprintf(story, sizeof(story), "%s:%d: %s: must hold: %s\n", file, line, function, condition);
	if (length > 0)
		(void)!write(STDERR_FILENO, story, (size_t)length < sizeof(story) ? (size_t)length : sizeof(story) - 1);
	abort();
}

void *must_alloc(size_t count, size_t size)
{
	void *memory = calloc(count, size);
	must(memory != NULL || count == 0 || size == 0);
	return memory;
}

void *must_realloc(void *old, size_t count, size_t size)
{
	void *memory = reallocarray(old, count, size);
	must(memory != NULL || count == 0 || size == 0);
	return memory;
}
