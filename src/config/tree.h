/* A YAML document as a tree with the place of everything in it.
 * Promises: bounded depth and count; anchors, aliases, tags and a second document are refused, with line and column;
 *   a key that stands there twice is marked, and the first one counts.
 * Does not know: the schema. */
#ifndef CONFIG_TREE_H
#define CONFIG_TREE_H

#include "base/arena.h"

enum node_kind { NODE_SCALAR, NODE_SEQUENCE, NODE_MAPPING };

struct node {
	enum node_kind kind;
	struct view text;    /* SCALAR */
	struct view key;     /* in a mapping: its key */
	size_t first_line;   /* of a key that stood there before: where; 0 otherwise */
	size_t line, column; /* of the key in a mapping, else of the value; 1-based */
	struct node *children;
	struct node *next;
	size_t child_count;
};

/* NULL: *message, *line and *column say why. The tree lives in the arena. An empty document is an empty mapping. */
struct node *tree_parse(struct view yaml, struct arena *arena, struct view *message, size_t *line, size_t *column);
struct node *tree_find(const struct node *mapping, struct view key);
/* The node at a path such as "queue.retry.first", or the nearest above it that there is; *found (may be NULL) says
 * which. */
const struct node *tree_nearest(const struct node *root, struct view path, bool *found);

#endif
