/* A list: links that live inside the things they join, in a ring with the list's own link.
 * Promises: adding and removing cost the same however long it is; allocates nothing.
 * Does not know: what it joins; LIST_OWNER finds that from the link. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct link {
	struct link *previous;
	struct link *next;
};

struct list {
	struct link ring;
	size_t count;
};

#define LIST_OWNER(link_pointer, type, member) ((type *)(void *)((char *)(link_pointer)-offsetof(type, member)))

void list_init(struct list *list);
bool list_is_empty(const struct list *list);
void list_add_last(struct list *list, struct link *link);
void list_add_first(struct list *list, struct link *link);
void list_remove(struct list *list, struct link *link); /* link is then in no list */
struct link *list_first(const struct list *list);       /* NULL when empty */
struct link *list_last(const struct list *list);
struct link *list_next(const struct list *list, const struct link *link); /* NULL at the end */
struct link *list_take_first(struct list *list);                          /* removed; NULL when empty */
bool link_is_listed(const struct link *link); /* false before the first add and after a remove */

#endif
