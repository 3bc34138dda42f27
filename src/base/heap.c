#include "base/heap.h"

#include "base/must.h"

#include <stdlib.h>

void heap_deinit(struct heap *heap)
{
	free(heap->nodes);
	*heap = (struct heap){ 0 };
}

static void put_at(struct heap *heap, struct heap_node *node, size_t place)
{
	heap->nodes[place - 1] = node;
	node->place = place;
}

static void sift_up(struct heap *heap, struct heap_node *node)
{
	size_t place = node->place;
	while (place > 1 && heap->nodes[place / 2 - 1]->key > node->key) {
		put_at(heap, heap->nodes[place / 2 - 1], place);
		place /= 2;
	}
	put_at(heap, node, place);
}

static void sift_down(struct heap *heap, struct heap_node *node)
{
	size_t place = node->place;
	for (;;) {
		size_t child = place * 2;
		if (child > heap->count)
			break;
		if (child < heap->count && heap->nodes[child]->key < heap->nodes[child - 1]->key)
			child++;
		if (heap->nodes[child - 1]->key >= node->key)
			break;
		put_at(heap, heap->nodes[child - 1], place);
		place = child;
	}
	put_at(heap, node, place);
}

void heap_add(struct heap *heap, struct heap_node *node, int64_t key)
{
	must(node->place == 0);
	if (heap->count == heap->capacity) {
		heap->capacity = heap->capacity == 0 ? 64 : heap->capacity * 2;
		heap->nodes = must_realloc(heap->nodes, heap->capacity, sizeof(struct heap_node *));
	}
	node->key = key;
	put_at(heap, node, ++heap->count);
	sift_up(heap, node);
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
	if (node->place == 0)
		return;
	must(node->place <= heap->count && heap->nodes[node->place - 1] == node);
	struct heap_node *last = heap->nodes[--heap->count];
	const size_t place = node->place;
	node->place = 0;
	if (last == node)
		return;
	put_at(heap, last, place);
	sift_up(heap, last);
	sift_down(heap, last);
}

struct heap_node *heap_first(const struct heap *heap)
{
	return heap->count == 0 ? NULL : heap->nodes[0];
}

bool heap_has(const struct heap_node *node)
{
	return node->place != 0;
}
