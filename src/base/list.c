#include "base/list.h"

#include "base/must.h"

void list_init(struct list *list)
{
	list->ring.previous = &list->ring;
	list->ring.next = &list->ring;
	list->count = 0;
}

bool list_is_empty(const struct list *list)
{
	return list->count == 0;
}

static void insert_between(struct list *list, struct link *link, struct link *previous, struct link *next)
{
	must(!link_is_listed(link));
	link->previous = previous;
	link->next = next;
	previous->next = link;
	next->previous = link;
	list->count++;
}

void list_add_last(struct list *list, struct link *link)
{
	insert_between(list, link, list->ring.previous, &list->ring);
}

void list_add_first(struct list *list, struct link *link)
{
	insert_between(list, link, &list->ring, list->ring.next);
}

void list_remove(struct list *list, struct link *link)
{
	must(link_is_listed(link) && list->count > 0);
	link->previous->next = link->next;
	link->next->previous = link->previous;
	*link = (struct link){ 0 };
	list->count--;
}

struct link *list_first(const struct list *list)
{
	return list->count == 0 ? NULL : list->ring.next;
}

struct link *list_last(const struct list *list)
{
	return list->count == 0 ? NULL : list->ring.previous;
}

struct link *list_next(const struct list *list, const struct link *link)
{
	return link->next == &list->ring ? NULL : link->next;
}

struct link *list_take_first(struct list *list)
{
	struct link *first = list_first(list);
	if (first != NULL)
		list_remove(list, first);
	return first;
}

bool link_is_listed(const struct link *link)
{
	return link->next != NULL;
}
