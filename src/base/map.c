#include "base/map.h"

#include "base/must.h"

#include <string.h>

/* Open addressing with linear probing; a removed entry leaves a grave, so that what was put behind it is still found.
 */
struct map_entry {
	char *key; /* NULL: never used, or a grave */
	size_t length;
	void *value;
	bool grave;
};

void map_deinit(struct map *map)
{
	for (size_t i = 0; i < map->capacity; i++)
		free(map->entries[i].key);
	free(map->entries);
	*map = (struct map)MAP_LIMIT(map->limit, map->seed);
}

static bool entry_has_key(const struct map_entry *entry, struct view key)
{
	return entry->key != NULL && view_equal((struct view){ entry->key, entry->length }, key);
}

/* The entry of the key, or NULL; *free_entry is where it could be put. */
static struct map_entry *find(const struct map *map, struct view key, struct map_entry **free_entry)
{
	struct map_entry *vacant = NULL;
	size_t at = map->capacity == 0 ? 0 : view_hash(key, map->seed) & (map->capacity - 1);
	for (size_t probes = 0; probes < map->capacity; probes++, at = (at + 1) & (map->capacity - 1)) {
		struct map_entry *entry = &map->entries[at];
		if (entry_has_key(entry, key))
			return entry;
		if (entry->key == NULL && vacant == NULL)
			vacant = entry;
		if (entry->key == NULL && !entry->grave)
			break;
	}
	if (free_entry != NULL)
		*free_entry = vacant;
	return NULL;
}

static void rebuild(struct map *map, size_t capacity)
{
	struct map_entry *old = map->entries;
	const size_t old_capacity = map->capacity;
	map->entries = must_alloc(capacity, sizeof(*map->entries));
	map->capacity = capacity;
	for (size_t i = 0; i < old_capacity; i++) {
		if (old[i].key == NULL)
			continue;
		struct map_entry *vacant = NULL;
		must(find(map, (struct view){ old[i].key, old[i].length }, &vacant) == NULL && vacant != NULL);
		*vacant = old[i];
	}
	free(old);
	map->graves = 0;
}

void *map_get(const struct map *map, struct view key)
{
	const struct map_entry *entry = find(map, key, NULL);
	return entry == NULL ? NULL : entry->value;
}

void *map_put(struct map *map, struct view key, void *value, bool *full)
{
	must(value != NULL);
	struct map_entry *vacant = NULL;
	struct map_entry *entry = find(map, key, &vacant);
	if (full != NULL)
		*full = false;
	if (entry != NULL) {
		void *before = entry->value;
		entry->value = value;
		return before;
	}
	if (map->count >= map->limit) {
		if (full != NULL)
			*full = true;
		return NULL;
	}
	if (vacant == NULL || (map->count + map->graves + 1) * 4 > map->capacity * 3) {
		/* Mostly graves: the same size again is enough. */
		const bool grows = (map->count + 1) * 2 > map->capacity;
		rebuild(map, map->capacity == 0 ? 16 : map->capacity * (grows ? 2 : 1));
		find(map, key, &vacant);
	}
	must(vacant != NULL);
	map->graves -= vacant->grave ? 1 : 0;
	char *copy = must_alloc(key.length + 1, 1);
	if (key.length > 0)
		memcpy(copy, key.data, key.length);
	*vacant = (struct map_entry){ .key = copy, .length = key.length, .value = value };
	map->count++;
	return NULL;
}

void *map_remove(struct map *map, struct view key)
{
	struct map_entry *entry = find(map, key, NULL);
	if (entry == NULL)
		return NULL;
	void *value = entry->value;
	free(entry->key);
	*entry = (struct map_entry){ .grave = true };
	map->count--;
	map->graves++;
	return value;
}

bool map_walk(const struct map *map, size_t *position, struct view *key, void **value)
{
	for (; *position < map->capacity; (*position)++) {
		const struct map_entry *entry = &map->entries[*position];
		if (entry->key == NULL)
			continue;
		*key = (struct view){ entry->key, entry->length };
		*value = entry->value;
		(*position)++;
		return true;
	}
	return false;
}
