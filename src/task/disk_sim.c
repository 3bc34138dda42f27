#include "task/disk_sim.h"

#include "base/bytes.h"
#include "base/must.h"
#include "task/disk_sim_private.h"

static const uint64_t free_bytes = UINT64_C(1) << 40;

struct disk_file {
	struct disk_sim_node *node;
	char path[DISK_SIM_PATH_MOST]; /* as it was opened */
};

struct path {
	char text[DISK_SIM_PATH_MOST];
};

struct disk_sim *disk_sim_of(const struct disk *disk)
{
	return disk->state;
}

/* Without slashes at the ends, and without "." */
static struct path path_of(const char *given)
{
	struct path path = { 0 };
	size_t length = 0;
	struct view rest = view_of(given);
	struct view part;
	while (view_split(&rest, '/', &part)) {
		must(!view_equal(part, VIEW("..")));
		if (part.length == 0 || view_equal(part, VIEW(".")))
			continue;
		must(length + part.length + 2 <= sizeof(path.text));
		if (length > 0)
			path.text[length++] = '/';
		length += bytes_copy(path.text + length, sizeof(path.text) - length, part);
	}
	return path;
}

static struct disk_sim_node *node_at(const struct disk_sim *sim, struct view path)
{
	const struct disk_sim_name *name = disk_sim_name_find(&sim->now, path);
	return name == NULL ? NULL : name->node;
}

static bool is_directory(const struct disk_sim *sim, struct view path)
{
	const struct disk_sim_node *node = node_at(sim, path);
	return path.length == 0 || (node != NULL && node->is_directory);
}

static bool is_deaf(const char *below, const char *path)
{
	return below != NULL && view_starts(view_of(path), view_of(below));
}

static enum disk_result ask(const struct disk_sim *sim, enum disk_sim_call call, const char *path)
{
	return sim->before == NULL ? DISK_OK : sim->before(sim->context, call, path);
}

/* ---- bytes */

void disk_sim_bytes_resize(struct text *bytes, uint64_t size)
{
	must(size <= DISK_SIM_FILE_MOST);
	if (size <= bytes->length) {
		text_truncate(bytes, (size_t)size);
		return;
	}
	const size_t more = (size_t)size - bytes->length;
	memset(text_room(bytes, more), 0, more);
	text_extend(bytes, more);
}

void disk_sim_bytes_put(struct text *bytes, uint64_t offset, struct view view)
{
	if (view.length == 0)
		return;
	if (offset + view.length > bytes->length)
		disk_sim_bytes_resize(bytes, offset + view.length);
	bytes_copy(bytes->data + offset, bytes->length - (size_t)offset, view);
}

struct disk_sim_node *disk_sim_node_new(struct disk_sim *sim, bool is_directory)
{
	struct disk_sim_node *node = must_alloc(1, sizeof(*node));
	*node = (struct disk_sim_node){ .is_directory = is_directory,
		                            .now = TEXT_LIMIT(DISK_SIM_FILE_MOST),
		                            .durable = TEXT_LIMIT(DISK_SIM_FILE_MOST) };
	list_init(&node->writes);
	list_add_last(&sim->nodes, &node->link);
	return node;
}

static void write_add(struct disk_sim_node *node, struct disk_sim_write write)
{
	struct disk_sim_write *added = must_alloc(1, sizeof(*added));
	*added = write;
	added->size = node->now.length;
	list_add_last(&node->writes, &added->link);
}

/* What was done since the last sync is done to the durable bytes too: cheaper than copying all of them. */
void disk_sim_node_sync(struct disk_sim_node *node)
{
	for (struct link *link = list_take_first(&node->writes); link != NULL; link = list_take_first(&node->writes)) {
		struct disk_sim_write *write = LIST_OWNER(link, struct disk_sim_write, link);
		disk_sim_bytes_put(&node->durable, write->offset, text_view(&write->bytes));
		if (write->is_truncate)
			disk_sim_bytes_resize(&node->durable, write->size);
		text_deinit(&write->bytes);
		free(write);
	}
	must(node->durable.length == node->now.length);
}

/* ---- files */

/* Takes none of the paths. */
static void change_add(struct disk_sim *sim, const char *from, const char *to, struct disk_sim_node *node)
{
	struct disk_sim_change *change = must_alloc(1, sizeof(*change));
	change->from = from == NULL ? NULL : disk_sim_path_copy(view_of(from));
	change->to = to == NULL ? NULL : disk_sim_path_copy(view_of(to));
	change->node = node;
	disk_sim_change_apply(change, &sim->now);
	list_add_last(&sim->changes, &change->link);
}

static enum disk_result sim_open(struct disk *disk, const char *given, unsigned flags, struct disk_file **file)
{
	struct disk_sim *sim = disk_sim_of(disk);
	const struct path path = path_of(given);
	const bool is_creating = (flags & DISK_CREATE) != 0;
	const enum disk_result asked = is_creating ? ask(sim, DISK_SIM_CREATE, path.text) : DISK_OK;
	if (asked != DISK_OK)
		return asked;
	struct disk_sim_node *node = node_at(sim, view_of(path.text));
	if (is_directory(sim, view_of(path.text)) || (node != NULL && (flags & DISK_EXCLUSIVE) != 0))
		return DISK_FAILED;
	if (!is_directory(sim, disk_sim_parent(path.text)) || (node == NULL && !is_creating))
		return DISK_ABSENT;
	if (node == NULL) {
		node = disk_sim_node_new(sim, false);
		change_add(sim, NULL, path.text, node);
	}
	*file = must_alloc(1, sizeof(**file));
	**file = (struct disk_file){ .node = node };
	bytes_copy((*file)->path, sizeof((*file)->path), view_bytes(path.text, sizeof(path.text)));
	node->open++;
	sim->open++;
	return DISK_OK;
}

static void sim_close(struct disk *disk, struct disk_file *file)
{
	struct disk_sim *sim = disk_sim_of(disk);
	sim->open--;
	if (--file->node->open == 0)
		disk_sim_sweep(sim);
	free(file);
}

static enum disk_result sim_read(struct disk *disk, struct disk_file *file, uint64_t offset, char *into,
                                 size_t length, size_t *got)
{
	const enum disk_result asked = ask(disk_sim_of(disk), DISK_SIM_READ, file->path);
	if (asked != DISK_OK)
		return asked;
	const struct view all = text_view(&file->node->now);
	const size_t from = offset < all.length ? (size_t)offset : all.length;
	*got = bytes_copy(into, length, view_slice(all, from, length));
	disk_sim_of(disk)->octets_read += *got;
	return DISK_OK;
}

static void part_write(struct disk_sim_node *node, uint64_t offset, struct view part)
{
	struct text bytes = TEXT_LIMIT(DISK_SIM_FILE_MOST);
	text_add(&bytes, part);
	disk_sim_bytes_put(&node->now, offset, part);
	write_add(node, (struct disk_sim_write){ .offset = offset, .bytes = bytes });
}

static enum disk_result sim_write(struct disk *disk, struct disk_file *file, uint64_t offset,
                                  const struct view *parts, size_t part_count)
{
	const enum disk_result asked = ask(disk_sim_of(disk), DISK_SIM_WRITE, file->path);
	if (asked != DISK_OK) {
		if (part_count > 0)
			part_write(file->node, offset, view_first(parts[0], parts[0].length / 2));
		return asked;
	}
	struct text bytes = TEXT_LIMIT(DISK_SIM_FILE_MOST);
	for (size_t i = 0; i < part_count; i++)
		text_add(&bytes, parts[i]);
	must(!bytes.overflow);
	part_write(file->node, offset, text_view(&bytes));
	text_deinit(&bytes);
	return DISK_OK;
}

static enum disk_result sim_sync(struct disk *disk, struct disk_file *file)
{
	const struct disk_sim *sim = disk_sim_of(disk);
	const enum disk_result asked = ask(sim, DISK_SIM_SYNC, file->path);
	if (asked == DISK_OK && !is_deaf(sim->deaf.sync, file->path))
		disk_sim_node_sync(file->node);
	return asked;
}

static enum disk_result sim_size(struct disk *disk, struct disk_file *file, uint64_t *size)
{
	(void)disk;
	*size = file->node->now.length;
	return DISK_OK;
}

static enum disk_result sim_names(struct disk *disk, struct disk_file *file, uint64_t *count)
{
	const struct list *names = &disk_sim_of(disk)->now;
	*count = 0;
	for (struct link *link = list_first(names); link != NULL; link = list_next(names, link))
		*count += LIST_OWNER(link, struct disk_sim_name, link)->node == file->node ? 1 : 0;
	return DISK_OK;
}

static enum disk_result sim_truncate(struct disk *disk, struct disk_file *file, uint64_t size)
{
	const enum disk_result asked = ask(disk_sim_of(disk), DISK_SIM_TRUNCATE, file->path);
	struct text *now = &file->node->now;
	if (asked != DISK_OK || size == now->length)
		return asked;
	const uint64_t before = now->length;
	disk_sim_bytes_resize(now, size);
	write_add(file->node, (struct disk_sim_write){ .is_truncate = true, .offset = before });
	return DISK_OK;
}

/* ---- names */

static enum disk_result sim_rename(struct disk *disk, const char *from, const char *to)
{
	struct disk_sim *sim = disk_sim_of(disk);
	const struct path old = path_of(from);
	const struct path new = path_of(to);
	const enum disk_result asked = ask(sim, DISK_SIM_RENAME, old.text);
	if (asked != DISK_OK)
		return asked;
	struct disk_sim_node *node = node_at(sim, view_of(old.text));
	if (node == NULL)
		return DISK_ABSENT;
	if (node->is_directory || is_directory(sim, view_of(new.text)) ||
	    !view_equal(disk_sim_parent(old.text), disk_sim_parent(new.text)))
		return DISK_FAILED;
	change_add(sim, old.text, new.text, node);
	return DISK_OK;
}

static enum disk_result sim_remove(struct disk *disk, const char *given)
{
	struct disk_sim *sim = disk_sim_of(disk);
	const struct path path = path_of(given);
	const enum disk_result asked = ask(sim, DISK_SIM_REMOVE, path.text);
	if (asked != DISK_OK)
		return asked;
	struct disk_sim_node *node = node_at(sim, view_of(path.text));
	if (node == NULL)
		return DISK_ABSENT;
	if (node->is_directory)
		return DISK_FAILED;
	change_add(sim, path.text, NULL, node);
	return DISK_OK;
}

static enum disk_result sim_sync_directory(struct disk *disk, const char *given)
{
	struct disk_sim *sim = disk_sim_of(disk);
	const struct path path = path_of(given);
	const enum disk_result asked = ask(sim, DISK_SIM_SYNC_DIRECTORY, path.text);
	if (asked != DISK_OK)
		return asked;
	if (!is_directory(sim, view_of(path.text)))
		return DISK_ABSENT;
	if (is_deaf(sim->deaf.sync_directory, path.text))
		return DISK_OK;
	struct link *next;
	for (struct link *link = list_first(&sim->changes); link != NULL; link = next) {
		next = list_next(&sim->changes, link);
		struct disk_sim_change *change = LIST_OWNER(link, struct disk_sim_change, link);
		if (!view_equal(disk_sim_parent(change->to == NULL ? change->from : change->to), view_of(path.text)))
			continue;
		disk_sim_change_apply(change, &sim->durable);
		disk_sim_change_free(&sim->changes, change);
	}
	disk_sim_sweep(sim);
	return DISK_OK;
}

static enum disk_result sim_make_directory(struct disk *disk, const char *given)
{
	struct disk_sim *sim = disk_sim_of(disk);
	const struct path path = path_of(given);
	const enum disk_result asked = ask(sim, DISK_SIM_MAKE_DIRECTORY, path.text);
	if (asked != DISK_OK)
		return asked;
	if (!is_directory(sim, disk_sim_parent(path.text)))
		return DISK_ABSENT;
	if (path.text[0] != '\0' && node_at(sim, view_of(path.text)) == NULL)
		change_add(sim, NULL, path.text, disk_sim_node_new(sim, true));
	return DISK_OK;
}

static enum disk_result sim_list(struct disk *disk, const char *given, struct text *names)
{
	const struct disk_sim *sim = disk_sim_of(disk);
	const struct path path = path_of(given);
	const struct view directory = view_of(path.text);
	if (!is_directory(sim, directory))
		return DISK_ABSENT;
	for (struct link *link = list_first(&sim->now); link != NULL; link = list_next(&sim->now, link)) {
		const char *name = LIST_OWNER(link, struct disk_sim_name, link)->path;
		if (!view_equal(disk_sim_parent(name), directory))
			continue;
		const size_t skipped = directory.length == 0 ? 0 : directory.length + 1;
		text_add(names, view_bytes(name + skipped, strlen(name) - skipped + 1));
	}
	return names->overflow ? DISK_FAILED : DISK_OK;
}

static enum disk_result sim_free_space(struct disk *disk, const char *path, uint64_t *bytes)
{
	(void)disk;
	(void)path;
	*bytes = free_bytes;
	return DISK_OK;
}

/* ---- life */

struct disk *disk_sim_new(void)
{
	static const struct disk_operations operations = {
		.open = sim_open,
		.close = sim_close,
		.read = sim_read,
		.write = sim_write,
		.sync = sim_sync,
		.size = sim_size,
		.names = sim_names,
		.truncate = sim_truncate,
		.rename = sim_rename,
		.remove = sim_remove,
		.sync_directory = sim_sync_directory,
		.make_directory = sim_make_directory,
		.list = sim_list,
		.free_space = sim_free_space,
	};
	struct disk_sim *sim = must_alloc(1, sizeof(*sim));
	sim->disk = (struct disk){ .operations = &operations, .state = sim };
	list_init(&sim->nodes);
	list_init(&sim->now);
	list_init(&sim->durable);
	list_init(&sim->changes);
	return &sim->disk;
}

static void names_clear(struct list *names)
{
	while (!list_is_empty(names))
		disk_sim_name_free(names, LIST_OWNER(list_first(names), struct disk_sim_name, link));
}

void disk_sim_free(struct disk *disk)
{
	struct disk_sim *sim = disk_sim_of(disk);
	must(sim->open == 0);
	names_clear(&sim->now);
	names_clear(&sim->durable);
	while (!list_is_empty(&sim->changes))
		disk_sim_change_free(&sim->changes, LIST_OWNER(list_first(&sim->changes), struct disk_sim_change, link));
	disk_sim_sweep(sim);
	free(sim);
}

void disk_sim_watch(struct disk *disk,
                    enum disk_result (*before)(void *context, enum disk_sim_call call, const char *path),
                    void *context)
{
	disk_sim_of(disk)->before = before;
	disk_sim_of(disk)->context = context;
}

void disk_sim_set_deaf(struct disk *disk, struct disk_sim_deaf deaf)
{
	disk_sim_of(disk)->deaf = deaf;
}

uint64_t disk_sim_octets_read(const struct disk *disk)
{
	return disk_sim_of(disk)->octets_read;
}
