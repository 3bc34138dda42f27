#include "task/disk_sim.h"

#include "base/bytes.h"
#include "base/must.h"
#include "base/random.h"
#include "task/disk_sim_private.h"

/* How much a file or a directory has come through: from LEAN_NONE, nothing, to LEAN_ALL. */
enum { LEAN_NONE = 0, LEAN_ALL = 16, LEAN_CHANCES = 8 };

struct cut {
	struct disk_sim *sim;
	struct random random;
};

static uint64_t lean_choose(struct cut *cut)
{
	return random_below(&cut->random, LEAN_ALL + 1);
}

/* 0 to most: how many of so many changes have come through. */
static uint64_t pick(struct cut *cut, uint64_t lean, uint64_t most)
{
	const uint64_t chance = random_below(&cut->random, LEAN_CHANCES);
	if (chance + lean < LEAN_CHANCES)
		return 0;
	if (chance + LEAN_CHANCES < lean)
		return most;
	return random_below(&cut->random, most + 1);
}

/* ---- bytes */

struct sector {
	uint64_t start;
	char bytes[DISK_SIM_SECTOR];
};

static bool is_touched(const struct sector *sector, const struct disk_sim_write *write)
{
	const uint64_t from = write->is_truncate ? write->size : write->offset;
	const uint64_t to = write->is_truncate ? write->offset : write->offset + write->bytes.length;
	return from < sector->start + DISK_SIM_SECTOR && to > sector->start;
}

static void sector_write(struct sector *sector, const struct disk_sim_write *write)
{
	if (write->is_truncate) {
		const size_t kept = write->size > sector->start ? (size_t)(write->size - sector->start) : 0;
		memset(sector->bytes + kept, 0, DISK_SIM_SECTOR - kept);
		return;
	}
	const uint64_t start = write->offset > sector->start ? write->offset : sector->start;
	const size_t at = (size_t)(start - sector->start);
	const struct view bytes =
		view_slice(text_view(&write->bytes), (size_t)(start - write->offset), DISK_SIM_SECTOR - at);
	bytes_copy(sector->bytes + at, DISK_SIM_SECTOR - at, bytes);
}

/* Which of the states that a sector was given since the sync it may be in: state n is that of after n touches. */
struct states {
	uint64_t least;
	uint64_t most;
};

/* A truncate comes through whole or not at all; and where it did not, nothing does that was put in place of what it
 * took away. The first done writes of the file have determined its size. */
static struct states states_of(const struct sector *sector, const struct disk_sim_node *node, uint64_t done)
{
	struct states states = { 0 };
	uint64_t number = 0;
	uint64_t touched = 0;
	bool is_shut = false;
	for (struct link *link = list_first(&node->writes); link != NULL; link = list_next(&node->writes, link)) {
		const struct disk_sim_write *write = LIST_OWNER(link, struct disk_sim_write, link);
		const bool is_done = number++ < done;
		if (!is_touched(sector, write))
			continue;
		touched++;
		is_shut |= write->is_truncate && !is_done;
		if (write->is_truncate && is_done)
			states.least = touched;
		if (!is_shut)
			states.most = touched;
	}
	return states;
}

/* What some file of the disk holds durably somewhere; often nothing. */
static void sector_of_another(struct cut *cut, struct sector *sector)
{
	uint64_t number = random_below(&cut->random, cut->sim->nodes.count);
	struct link *link = list_first(&cut->sim->nodes);
	while (number-- > 0)
		link = list_next(&cut->sim->nodes, link);
	const struct view all = text_view(&LIST_OWNER(link, struct disk_sim_node, link)->durable);
	const uint64_t at = random_below(&cut->random, all.length / DISK_SIM_SECTOR + 1) * DISK_SIM_SECTOR;
	bytes_copy(sector->bytes, DISK_SIM_SECTOR, view_slice(all, (size_t)at, DISK_SIM_SECTOR));
}

struct file_cut {
	struct disk_sim_node *node;
	uint64_t lean;
	uint64_t done; /* writes that have determined the size */
};

static void sector_cut(struct cut *cut, const struct file_cut *file, struct sector *sector)
{
	const struct disk_sim_node *node = file->node;
	const struct view durable = text_view(&node->durable);
	bytes_copy(sector->bytes, DISK_SIM_SECTOR, view_slice(durable, (size_t)sector->start, DISK_SIM_SECTOR));
	const struct states states = states_of(sector, node, file->done);
	if (states.most == 0)
		return;
	uint64_t left = states.least + pick(cut, file->lean, states.most - states.least);
	if (left == 0 && sector->start >= durable.length && random_below(&cut->random, 2) == 0)
		sector_of_another(cut, sector);
	for (struct link *link = list_first(&node->writes); left > 0; link = list_next(&node->writes, link)) {
		const struct disk_sim_write *write = LIST_OWNER(link, struct disk_sim_write, link);
		if (!is_touched(sector, write))
			continue;
		sector_write(sector, write);
		left--;
	}
}

static uint64_t size_after(const struct disk_sim_node *node, uint64_t done)
{
	uint64_t size = node->durable.length;
	for (struct link *link = list_first(&node->writes); done > 0; link = list_next(&node->writes, link), done--)
		size = LIST_OWNER(link, struct disk_sim_write, link)->size;
	return size;
}

static void node_cut_some(struct cut *cut, struct disk_sim_node *node)
{
	struct file_cut file = { .node = node, .lean = lean_choose(cut) };
	file.done = pick(cut, file.lean, node->writes.count);
	const uint64_t size = size_after(node, file.done);
	struct text left = TEXT_LIMIT(DISK_SIM_FILE_MOST);
	disk_sim_bytes_resize(&left, size);
	for (uint64_t start = 0; start < size; start += DISK_SIM_SECTOR) {
		struct sector sector = { .start = start };
		sector_cut(cut, &file, &sector);
		disk_sim_bytes_put(&left, start,
		                   view_bytes(sector.bytes, (size_t)(size - start) < DISK_SIM_SECTOR ? (size_t)(size - start)
		                                                                                     : DISK_SIM_SECTOR));
	}
	text_deinit(&node->now);
	node->now = left;
}

/* The writes are as done: the durable bytes become those that are left. */
static void node_settle(struct disk_sim_node *node)
{
	while (!list_is_empty(&node->writes)) {
		struct disk_sim_write *write = LIST_OWNER(list_take_first(&node->writes), struct disk_sim_write, link);
		text_deinit(&write->bytes);
		free(write);
	}
	text_clear(&node->durable);
	text_add(&node->durable, text_view(&node->now));
}

static void nodes_cut(struct cut *cut, enum disk_sim_cut how)
{
	struct list *nodes = &cut->sim->nodes;
	for (struct link *link = list_first(nodes); link != NULL; link = list_next(nodes, link)) {
		struct disk_sim_node *node = LIST_OWNER(link, struct disk_sim_node, link);
		if (list_is_empty(&node->writes))
			continue;
		if (how == DISK_SIM_SOME)
			node_cut_some(cut, node);
		if (how == DISK_SIM_NOTHING) {
			text_clear(&node->now);
			text_add(&node->now, text_view(&node->durable));
		}
	}
	/* Not before, so that what is found in place of what was not written is not all of one moment. */
	for (struct link *link = list_first(nodes); link != NULL; link = list_next(nodes, link))
		if (!list_is_empty(&LIST_OWNER(link, struct disk_sim_node, link)->writes))
			node_settle(LIST_OWNER(link, struct disk_sim_node, link));
}

/* ---- names */

static bool change_survives(struct cut *cut, enum disk_sim_cut how, uint64_t lean)
{
	return how == DISK_SIM_EVERYTHING || (how == DISK_SIM_SOME && pick(cut, lean, 1) == 1);
}

/* What is below a directory that is not there is not there. */
static void orphans_remove(struct list *names)
{
	for (bool is_whole = false; !is_whole;) {
		is_whole = true;
		struct link *next;
		for (struct link *link = list_first(names); link != NULL; link = next) {
			next = list_next(names, link);
			struct disk_sim_name *name = LIST_OWNER(link, struct disk_sim_name, link);
			const struct view parent = disk_sim_parent(name->path);
			if (parent.length == 0 || disk_sim_name_find(names, parent) != NULL)
				continue;
			disk_sim_name_free(names, name);
			is_whole = false;
		}
	}
}

static void names_cut(struct cut *cut, enum disk_sim_cut how)
{
	struct disk_sim *sim = cut->sim;
	const uint64_t lean = lean_choose(cut);
	while (!list_is_empty(&sim->changes)) {
		struct disk_sim_change *change = LIST_OWNER(list_first(&sim->changes), struct disk_sim_change, link);
		if (change_survives(cut, how, lean))
			disk_sim_change_apply(change, &sim->durable);
		disk_sim_change_free(&sim->changes, change);
	}
	orphans_remove(&sim->durable);
	while (!list_is_empty(&sim->now))
		disk_sim_name_free(&sim->now, LIST_OWNER(list_first(&sim->now), struct disk_sim_name, link));
	for (struct link *link = list_first(&sim->durable); link != NULL; link = list_next(&sim->durable, link)) {
		const struct disk_sim_name *name = LIST_OWNER(link, struct disk_sim_name, link);
		disk_sim_name_set(&sim->now, name->path, name->node);
	}
}

void disk_sim_cut(struct disk *disk, enum disk_sim_cut how, uint64_t seed)
{
	struct cut cut = { .sim = disk_sim_of(disk) };
	must(cut.sim->open == 0);
	random_seed(&cut.random, seed);
	names_cut(&cut, how);
	nodes_cut(&cut, how);
	disk_sim_sweep(cut.sim);
}

/* ---- copies */

static void text_copy(struct text *into, const struct text *from)
{
	text_add(into, text_view(from));
}

static void node_copy(struct disk_sim *into, struct disk_sim_node *node)
{
	struct disk_sim_node *twin = disk_sim_node_new(into, node->is_directory);
	node->twin = twin;
	text_copy(&twin->now, &node->now);
	text_copy(&twin->durable, &node->durable);
	for (struct link *link = list_first(&node->writes); link != NULL; link = list_next(&node->writes, link)) {
		const struct disk_sim_write *write = LIST_OWNER(link, struct disk_sim_write, link);
		struct disk_sim_write *copy = must_alloc(1, sizeof(*copy));
		*copy = (struct disk_sim_write){ .is_truncate = write->is_truncate,
			                             .offset = write->offset,
			                             .size = write->size,
			                             .bytes = TEXT_LIMIT(DISK_SIM_FILE_MOST) };
		text_copy(&copy->bytes, &write->bytes);
		list_add_last(&twin->writes, &copy->link);
	}
}

static void names_copy(struct list *into, const struct list *names)
{
	for (struct link *link = list_first(names); link != NULL; link = list_next(names, link)) {
		const struct disk_sim_name *name = LIST_OWNER(link, struct disk_sim_name, link);
		disk_sim_name_set(into, name->path, name->node->twin);
	}
}

static char *path_copy(const char *path)
{
	return path == NULL ? NULL : disk_sim_path_copy(view_of(path));
}

struct disk *disk_sim_copy(const struct disk *disk)
{
	const struct disk_sim *sim = disk_sim_of(disk);
	struct disk *copy = disk_sim_new();
	struct disk_sim *into = disk_sim_of(copy);
	into->deaf = sim->deaf;
	for (struct link *link = list_first(&sim->nodes); link != NULL; link = list_next(&sim->nodes, link))
		node_copy(into, LIST_OWNER(link, struct disk_sim_node, link));
	names_copy(&into->now, &sim->now);
	names_copy(&into->durable, &sim->durable);
	for (struct link *link = list_first(&sim->changes); link != NULL; link = list_next(&sim->changes, link)) {
		const struct disk_sim_change *change = LIST_OWNER(link, struct disk_sim_change, link);
		struct disk_sim_change *added = must_alloc(1, sizeof(*added));
		*added = (struct disk_sim_change){ .from = path_copy(change->from),
			                               .to = path_copy(change->to),
			                               .node = change->node->twin };
		list_add_last(&into->changes, &added->link);
	}
	disk_sim_sweep(into); /* what was removed, but is open there */
	return copy;
}

uint64_t disk_sim_digest(const struct disk *disk)
{
	const struct disk_sim *sim = disk_sim_of(disk);
	uint64_t digest = 0;
	for (struct link *link = list_first(&sim->now); link != NULL; link = list_next(&sim->now, link)) {
		const struct disk_sim_name *name = LIST_OWNER(link, struct disk_sim_name, link);
		/* A sum, since the order of the names is none of the disk's. */
		digest += view_hash(text_view(&name->node->now), view_hash(view_of(name->path), 1));
	}
	return digest;
}
