#include "task/disk_sim_private.h"

#include "base/bytes.h"
#include "base/must.h"

char *disk_sim_path_copy(struct view path)
{
	char *copy = must_alloc(path.length + 1, 1);
	bytes_copy(copy, path.length, path);
	return copy;
}

struct view disk_sim_parent(const char *path)
{
	const size_t slash = view_find_last_byte(view_of(path), '/');
	return slash == VIEW_NOT_FOUND ? VIEW("") : view_first(view_of(path), slash);
}

struct disk_sim_name *disk_sim_name_find(const struct list *names, struct view path)
{
	for (struct link *link = list_first(names); link != NULL; link = list_next(names, link)) {
		struct disk_sim_name *name = LIST_OWNER(link, struct disk_sim_name, link);
		if (view_equal(view_of(name->path), path))
			return name;
	}
	return NULL;
}

void disk_sim_name_set(struct list *names, const char *path, struct disk_sim_node *node)
{
	struct disk_sim_name *name = disk_sim_name_find(names, view_of(path));
	if (name == NULL) {
		name = must_alloc(1, sizeof(*name));
		name->path = disk_sim_path_copy(view_of(path));
		list_add_last(names, &name->link);
	}
	name->node = node;
}

void disk_sim_name_free(struct list *names, struct disk_sim_name *name)
{
	list_remove(names, &name->link);
	free(name->path);
	free(name);
}

/* A removal counts where the name is still of what was removed; a rename wherever the thing was found: what was done
 * to it before may not have come through. */
void disk_sim_change_apply(const struct disk_sim_change *change, struct list *names)
{
	struct link *next;
	for (struct link *link = list_first(names); change->from != NULL && link != NULL; link = next) {
		next = list_next(names, link);
		struct disk_sim_name *name = LIST_OWNER(link, struct disk_sim_name, link);
		const bool is_meant = change->to != NULL || view_equal(view_of(name->path), view_of(change->from));
		if (name->node == change->node && is_meant)
			disk_sim_name_free(names, name);
	}
	if (change->to != NULL)
		disk_sim_name_set(names, change->to, change->node);
}

void disk_sim_change_free(struct list *changes, struct disk_sim_change *change)
{
	list_remove(changes, &change->link);
	free(change->from);
	free(change->to);
	free(change);
}

static void mark_names(const struct list *names)
{
	for (struct link *link = list_first(names); link != NULL; link = list_next(names, link))
		LIST_OWNER(link, struct disk_sim_name, link)->node->is_used = true;
}

static void node_free(struct disk_sim *sim, struct disk_sim_node *node)
{
	list_remove(&sim->nodes, &node->link);
	disk_sim_node_sync(node);
	text_deinit(&node->now);
	text_deinit(&node->durable);
	free(node);
}

void disk_sim_sweep(struct disk_sim *sim)
{
	mark_names(&sim->now);
	mark_names(&sim->durable);
	for (struct link *link = list_first(&sim->changes); link != NULL; link = list_next(&sim->changes, link))
		LIST_OWNER(link, struct disk_sim_change, link)->node->is_used = true;
	struct link *next;
	for (struct link *link = list_first(&sim->nodes); link != NULL; link = next) {
		next = list_next(&sim->nodes, link);
		struct disk_sim_node *node = LIST_OWNER(link, struct disk_sim_node, link);
		if (!node->is_used && node->open == 0)
			node_free(sim, node);
		else
			node->is_used = false;
	}
}
