/* A YAML document as a tree with the place of everything in it.
 * Promises: bounded depth and count; duplicate keys, anchors, aliases, tags and a second document are refused, with
 *   line and column.
 * Does not know: the schema. */
#ifndef CONFIG_TREE_H
#define CONFIG_TREE_H

#include "base/arena.h"

enum node_kind { NODE_SCALAR, NODE_SEQUENCE, NODE_MAPPING };

struct node {
	enum node_kind kind;
	struct view text; /* SCALAR */
	bool quoted;
	struct view key;     /* in a mapping: its key */
	size_t line, column; /* of the key in a mapping, else of the value; 1-based */
	struct node *children;
	struct node *next;
	size_t child_count;
};

/* NULL: *message, *line and *column say why. The tree lives in the arena. An empty document is an empty mapping. */
struct node *tree_parse(struct view yaml, struct arena *arena, struct view *message, size_t *line, size_t *column);
struct node *tree_find(const struct node *mapping, struct view key);

#endif
