/* A heap: the earliest of many moments first.
 * Promises: add, remove and take cost log n; nodes live inside their owners and know their place.
 * Does not know: what the moments are for. */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
	int64_t key;
	size_t place; /* 1-based; 0: in no heap */
};

struct heap {
	struct heap_node **nodes;
	size_t count;
	size_t capacity;
};

void heap_deinit(struct heap *heap);
void heap_add(struct heap *heap, struct heap_node *node, int64_t key); /* equal keys leave in any order */
void heap_remove(struct heap *heap, struct heap_node *node);           /* nothing happens when it is in none */
struct heap_node *heap_first(const struct heap *heap);                 /* NULL when empty */
bool heap_has(const struct heap_node *node);

#define HEAP_OWNER(node_pointer, type, member) ((type *)(void *)((char *)(node_pointer)-offsetof(type, member)))

#endif
