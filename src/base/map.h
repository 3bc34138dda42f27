/* A map: from bytes to a pointer, open addressing, limited.
 * Promises: keys are copied; map_put refuses beyond its limit; hashed under a random seed when given one.
 * Does not know: what its values are; the owner frees them. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/view.h"

struct map_entry;

struct map {
	struct map_entry *entries;
	size_t count;
	size_t capacity;
	size_t graves; /* of entries that were removed */
	size_t limit;  /* most keys */
	uint64_t seed;
};

#define MAP_LIMIT(keys, random_seed)                                                                                 \
	{                                                                                                                \
		.limit = (keys), .seed = (random_seed)                                                                       \
	}

void map_deinit(struct map *map); /* frees keys and table, not the values */
/* The value stored, or NULL. */
void *map_get(const struct map *map, struct view key);
/* Sets key to value (not NULL); returns what was there before, or NULL. *full (may be NULL) says that the limit
 * kept it out. */
void *map_put(struct map *map, struct view key, void *value, bool *full);
void *map_remove(struct map *map, struct view key); /* the value that was there, or NULL */
/* Walks all entries in no order: start with *position 0; false at the end. No put or remove meanwhile, but
 * map_remove of the entry just given is allowed. */
bool map_walk(const struct map *map, size_t *position, struct view *key, void **value);

#endif
