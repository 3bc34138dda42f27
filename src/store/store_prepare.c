#include "base/must.h"
#include "store/journal_format.h"
#include "store/store_private.h"

#define PIECE       ((uint64_t)1024 * 1024)
#define ZEROS       ((size_t)4096)
#define ROOM_PARTS  4u /* of the free space, a segment is one at most */
#define PIECE_PAUSE MILLISECOND
#define FULL_PAUSE  (10 * SECOND)

/* The next segment is filled with zeros ahead of its time, piece by piece, each synced, so that no group waits for
 * more than a piece. It gets its name when it is whole and closed: no hand is left on a file that the journal has. */
struct prepare {
	struct store *store;
	struct disk_file *file;
	uint64_t size;
	uint64_t done;
	char *zeros;
	enum disk_result result;
};

static bool is_whole(const struct prepare *prepare)
{
	return prepare->result == DISK_OK && prepare->done == prepare->size;
}

static void prepare_begin(void *argument)
{
	struct prepare *prepare = argument;
	struct disk *disk = prepare->store->world->disk;
	char path[JOURNAL_PATH_MOST];
	preparing_path(path, prepare->store->journal_directory);
	prepare->result = disk->operations->open(disk, path, DISK_CREATE, &prepare->file);
}

static void prepare_piece(void *argument)
{
	struct prepare *prepare = argument;
	struct disk *disk = prepare->store->world->disk;
	const uint64_t left = prepare->size - prepare->done;
	const uint64_t end = prepare->done + (left < PIECE ? left : PIECE);
	/* Page by page: large writes make large folios in the page cache, which a record's write would dirty as a whole.
	 */
	while (prepare->result == DISK_OK && prepare->done < end) {
		const uint64_t rest = end - prepare->done;
		const struct view page = view_bytes(prepare->zeros, rest < ZEROS ? (size_t)rest : ZEROS);
		prepare->result = disk->operations->write(disk, prepare->file, prepare->done, &page, 1);
		prepare->done += page.length;
	}
	if (prepare->result == DISK_OK)
		prepare->result = disk->operations->sync(disk, prepare->file);
}

static void prepare_end(void *argument)
{
	struct prepare *prepare = argument;
	struct disk *disk = prepare->store->world->disk;
	char path[JOURNAL_PATH_MOST];
	char name[JOURNAL_PATH_MOST];
	preparing_path(path, prepare->store->journal_directory);
	prepared_path(name, prepare->store->journal_directory);
	if (prepare->file != NULL)
		disk->operations->close(disk, prepare->file);
	if (is_whole(prepare))
		prepare->result = disk->operations->rename(disk, path, name);
	if (prepare->result == DISK_FULL && disk->operations->remove(disk, path) == DISK_FAILED)
		prepare->result = DISK_FAILED;
}

static void prepare_step(struct prepare *prepare, void (*step)(void *))
{
	struct store *store = prepare->store;
	store->world->operations->work(store->world, store->query_worker, step, prepare);
}

/* Mail goes first: where others have filled the disk meanwhile, what was taken of it is given back. */
static bool goes_on(struct prepare *prepare)
{
	if (prepare->result == DISK_OK && !store_has_room(prepare->store, 0))
		prepare->result = DISK_FULL;
	return prepare->result == DISK_OK && prepare->done < prepare->size;
}

/* False: cut short. */
static bool prepare_all(struct prepare *prepare)
{
	struct store *store = prepare->store;
	prepare_step(prepare, prepare_begin);
	while (goes_on(prepare)) {
		prepare_step(prepare, prepare_piece);
		if (store->failed || store->closing || task_sleep(store->world, PIECE_PAUSE) == WAIT_CANCELLED)
			break;
	}
	prepare_step(prepare, prepare_end);
	return is_whole(prepare);
}

void store_prepare_forget(struct store *store)
{
	struct disk *disk = store->world->disk;
	char path[JOURNAL_PATH_MOST];
	preparing_path(path, store->journal_directory);
	disk->operations->remove(disk, path);
}

static bool is_wanted(const struct store *store, uint64_t size)
{
	return !store->is_prepared && store_has_room(store, size) && store->free_space / ROOM_PARTS > size;
}

void store_prepare_task(void *argument)
{
	struct store *store = argument;
	const uint64_t size = store->settings.segment_size == 0 ? JOURNAL_SEGMENT_SIZE : store->settings.segment_size;
	while (!store->closing && !store->failed && signal_wait(&store->prepare, NEVER_DUE) == WAIT_DONE) {
		if (!is_wanted(store, size))
			continue;
		struct prepare prepare = { .store = store, .size = size, .zeros = must_alloc(1, ZEROS) };
		store->is_prepared = prepare_all(&prepare);
		free(prepare.zeros);
		if (prepare.result == DISK_FAILED || prepare.result == DISK_ABSENT)
			store_fail(store, VIEW("a segment of the journal could not be prepared"));
		if (prepare.result == DISK_FULL && task_sleep(store->world, FULL_PAUSE) == WAIT_CANCELLED)
			return;
	}
}
