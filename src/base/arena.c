#include "base/arena.h"

#include "base/must.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct arena_block {
	struct arena_block *next;
	size_t size;
	size_t used;
	alignas(max_align_t) char bytes[];
};

enum { BLOCK_SIZE = 4096 - sizeof(struct arena_block) };

static void blocks_free(struct arena_block *block)
{
	while (block != NULL) {
		struct arena_block *next = block->next;
		free(block);
		block = next;
	}
}

void arena_deinit(struct arena *arena)
{
	blocks_free(arena->blocks);
	arena->blocks = NULL;
	arena->used = 0;
}

void arena_clear(struct arena *arena)
{
	arena->used = 0;
	if (arena->blocks == NULL)
		return;
	/* One that was made for something large would stay with a session for as long as that lives. */
	if (arena->blocks->size > BLOCK_SIZE) {
		arena_deinit(arena);
		return;
	}
	blocks_free(arena->blocks->next);
	arena->blocks->next = NULL;
	arena->blocks->used = 0;
}

static struct arena_block *block_with_room(struct arena *arena, size_t bytes)
{
	struct arena_block *first = arena->blocks;
	if (first != NULL && first->size - first->used >= bytes)
		return first;
	const size_t size = bytes > BLOCK_SIZE ? bytes : BLOCK_SIZE;
	struct arena_block *block = malloc(sizeof(*block) + size);
	must(block != NULL);
	*block = (struct arena_block){ .size = size };
	/* A block of its own for what is large goes second, so that the first one's rest stays in use. */
	if (first != NULL && bytes > BLOCK_SIZE / 2) {
		block->next = first->next;
		first->next = block;
		return block;
	}
	block->next = first;
	arena->blocks = block;
	return block;
}

char *arena_room(struct arena *arena, size_t bytes)
{
	const size_t limit = arena->limit == 0 ? ARENA_LIMIT_DEFAULT : arena->limit;
	must(bytes <= limit);
	/* Many small pieces cost what their alignment costs; the limit is about memory. */
	bytes = (bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	must(arena->used <= limit && bytes <= limit - arena->used);
	arena->used += bytes;
	struct arena_block *block = block_with_room(arena, bytes);
	char *memory = block->bytes + block->used;
	block->used += bytes;
	return memory;
}

void *arena_alloc(struct arena *arena, size_t count, size_t size)
{
	size_t bytes = 0;
	must(!__builtin_mul_overflow(count, size, &bytes));
	return memset(arena_room(arena, bytes), 0, bytes);
}

struct view arena_copy(struct arena *arena, struct view bytes)
{
	must(bytes.length < SIZE_MAX);
	char *copy = arena_room(arena, bytes.length + 1);
	if (bytes.length > 0)
		memcpy(copy, bytes.data, bytes.length);
	copy[bytes.length] = '\0';
	return (struct view){ copy, bytes.length };
}

const char *arena_cstring(struct arena *arena, struct view bytes)
{
	return arena_copy(arena, bytes).data;
}

struct view arena_print(struct arena *arena, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	va_list measured;
	va_copy(measured, arguments);
	const int length = vsnprintf(NULL, 0, format, measured);
	va_end(measured);
	must(length >= 0);
	char *text = arena_room(arena, (size_t)length + 1);
	vsnprintf(text, (size_t)length + 1, format, arguments);
	va_end(arguments);
	return (struct view){ text, (size_t)length };
}
