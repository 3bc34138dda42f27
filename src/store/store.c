#include "store/store.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/must.h"
#include "store/lock.h"
#include "store/sql_disk.h"
#include "store/sql_real.h"
#include "store/store_private.h"

#define OVERLAY_MOST ((size_t)4 * 1024 * 1024)

uint64_t store_attempt_mark(const uint8_t attempt[16])
{
	/* Never 0, which says that there was none; 63 bits, as SQLite's integers have a sign. */
	return (view_hash(view_bytes(attempt, 16), 0) & INT64_MAX) | 1;
}

int64_t store_time(const struct store *store)
{
	return store->time_base + (world_now(store->world) - store->time_origin);
}

int64_t store_wall_of(const struct store *store, int64_t moment)
{
	return moment == NEVER_DUE ? 0 : world_wall(store->world) + (moment - store_time(store));
}

void store_set_reserve(struct store *store, uint64_t reserve)
{
	store->settings.reserve = reserve;
	signal_wake_all(&store->progress);
}

bool store_has_failed(const struct store *store)
{
	return store->failed;
}

struct store_figures store_figures(const struct store *store)
{
	struct store_figures figures = store->figures;
	figures.unapplied = store->durable.count + store->queued.count;
	figures.free_space = store->free_space;
	figures.full = !store_has_room(store, 0);
	return figures;
}

static char *path_below(const char *directory, const char *name)
{
	const size_t size = strlen(directory) + strlen(name) + 2;
	char *path = must_alloc(size, 1);
	must(snprintf(path, size, "%s/%s", directory, name) == (int)size - 1);
	return path;
}

struct opening {
	struct store *store;
	struct text *problem;
	struct text damages;
	uint64_t seed;
	bool is_open;
};

static bool directories_make(struct store *store, struct text *problem)
{
	struct disk *disk = store->world->disk;
	if (disk->operations->make_directory(disk, store->journal_directory) == DISK_OK &&
	    disk->operations->make_directory(disk, store->history_directory) == DISK_OK &&
	    disk->operations->sync_directory(disk, store->directory) == DISK_OK)
		return true;
	text_print(problem, "%s: cannot make directories there", store->directory);
	return false;
}

static void open_run(void *argument)
{
	struct opening *opening = argument;
	struct store *store = opening->store;
	if (!directories_make(store, opening->problem))
		return;
	if (store->world->disk == disk_real()) {
		char *path = path_below(store->directory, "lock");
		store->lock = lock_take(path, opening->problem);
		free(path);
		if (store->lock < 0)
			return;
	}
	store_prepare_forget(store);
	const struct history_settings history = { .disk = store->world->disk,
		                                      .vfs = store->vfs,
		                                      .directory = store->history_directory,
		                                      .rows = store->settings.history_rows,
		                                      .retention = store->settings.retention };
	const struct index_settings index = { .disk = store->world->disk, .vfs = store->vfs, .path = store->index_path };
	const struct journal_settings journal = { .disk = store->world->disk,
		                                      .directory = store->journal_directory,
		                                      .segment_size = store->settings.segment_size,
		                                      .seed = opening->seed,
		                                      .spares = SPARES };
	store->history = history_new(&history, opening->problem);
	store->history_reader = history_reader_new(&history);
	store->reader = index_reader_new(&index);
	store->query = index_reader_new(&index);
	store->journal = journal_new(&journal);
	opening->is_open = store->history != NULL && store_replay(store, opening->problem, &opening->damages);
}

void store_free(struct store *store)
{
	if (store == NULL)
		return;
	must(list_is_empty(&store->tasks.tasks) && list_is_empty(&store->keepers.tasks));
	worker_free(store->journal_worker);
	worker_free(store->index_worker);
	worker_free(store->reader_worker);
	worker_free(store->query_worker);
	index_reader_free(store->reader);
	index_reader_free(store->query);
	history_reader_free(store->history_reader);
	index_free(store->index);
	history_free(store->history);
	journal_free(store->journal);
	lock_release(store->lock);
	store_free_list(&store->queued);
	store_free_list(&store->durable);
	store_free_list(&store->settled);
	cache_deinit(store);
	size_t position = 0;
	struct view key;
	void *overlay;
	while (map_walk(&store->overlay, &position, &key, &overlay))
		free(overlay);
	map_deinit(&store->overlay);
	text_deinit(&store->retire_kept);
	text_deinit(&store->living);
	arena_deinit(&store->scratch);
	sql_disk_free(store->sql_disk);
	sql_real_free(store->sql_real);
	free(store->directory);
	free(store->journal_directory);
	free(store->history_directory);
	free(store->index_path);
	free(store);
}

static struct store *store_new(struct world *world, const struct store_settings *settings)
{
	struct store *store = must_alloc(1, sizeof(*store));
	must(strlen(settings->directory) < PATH_LENGTH_MOST);
	*store = (struct store){
		.world = world,
		.settings = *settings,
		.directory = path_below(settings->directory, "."),
		.journal_directory = path_below(settings->directory, "journal"),
		.history_directory = path_below(settings->directory, "history"),
		.index_path = path_below(settings->directory, "queue.db"),
		.lock = -1,
		.journal_worker = worker_new(world, "journal", 1),
		.index_worker = worker_new(world, "index", 1),
		.reader_worker = worker_new(world, "reader", 1),
		.query_worker = worker_new(world, "query", 1),
		.overlay = MAP_LIMIT(OVERLAY_MOST, world_random_u64(world)),
		.cache = MAP_LIMIT(OVERLAY_MOST, world_random_u64(world)),
		.retire_kept = TEXT_LIMIT((size_t)64 * 1024 * 1024),
		.living = TEXT_LIMIT((size_t)64 * 1024 * 1024),
		.free_space = UINT64_MAX,
	};
	list_init(&store->queued);
	list_init(&store->durable);
	list_init(&store->settled);
	list_init(&store->snapshots);
	list_init(&store->cache_order);
	signal_init(&store->append_wanted);
	signal_init(&store->apply_wanted);
	signal_init(&store->progress);
	signal_init(&store->prepare);
	task_group_init(&store->tasks);
	task_group_init(&store->keepers);
	if (world->disk == disk_real()) {
		store->sql_real = sql_real_new();
		store->vfs = sql_real_name(store->sql_real);
	} else {
		store->sql_disk = sql_disk_new(world->disk, world_random_u64(world));
		store->vfs = sql_disk_name(store->sql_disk);
	}
	return store;
}

struct store *store_open(struct world *world, const struct store_settings *settings, struct text *problem)
{
	struct store *store = store_new(world, settings);
	struct opening opening = {
		.store = store, .problem = problem, .damages = TEXT_LIMIT(65536), .seed = world_random_u64(world)
	};
	world->operations->work(world, store->journal_worker, open_run, &opening);
	if (opening.is_open && opening.damages.length > 0 && settings->hooks.problem != NULL)
		settings->hooks.problem(settings->hooks.context, text_view(&opening.damages));
	text_deinit(&opening.damages);
	if (!opening.is_open) {
		store_free(store);
		return NULL;
	}
	store->time_origin = store->time_saved = world_now(world);
	task_group_start(&store->tasks, world, "store write", store_write_task, store);
	task_group_start(&store->tasks, world, "store apply", store_apply_task, store);
	task_group_start(&store->keepers, world, "store space", store_space_task, store);
	task_group_start(&store->keepers, world, "store compact", store_compact_task, store);
	task_group_start(&store->keepers, world, "store prepare", store_prepare_task, store);
	return store;
}

void store_close(struct store *store)
{
	store->closing = true;
	task_group_cancel(&store->keepers);
	if (!store->failed && !list_is_empty(&store->tasks.tasks))
		store_settle(store);
	signal_wake_all(&store->append_wanted);
	signal_wake_all(&store->apply_wanted);
	task_group_wait(&store->tasks, NEVER_DUE);
	task_group_wait(&store->keepers, NEVER_DUE);
}
