#include "store/sql_disk.h"

#include "base/bytes.h"
#include "base/list.h"
#include "base/must.h"
#include "base/random.h"

#include <errno.h>
#include <sqlite3.h>

#define SHM_LOCKS    8
#define REGIONS_MOST 1024
#define PATH_MOST    4096
#define SECTOR_SIZE  4096

/* What all connections to one file share. */
struct node {
	struct link link;
	char *path;
	unsigned references;
	unsigned shared;
	bool reserved;
	bool exclusive;
	void *regions[REGIONS_MOST];
	unsigned shm_shared[SHM_LOCKS];
	bool shm_exclusive[SHM_LOCKS];
};

struct sql_disk {
	struct disk *disk;
	struct random random;
	struct list nodes;
	char name[64];
	int last_error; /* of opening a file, as errno has it */
	sqlite3_vfs vfs;
};

struct sql_file {
	sqlite3_file base; /* first: SQLite's view of it */
	struct sql_disk *owner;
	struct disk_file *file;
	struct node *node;
	int lock;
	bool is_new; /* a log whose name the directory may not know yet */
};

static struct sql_disk *disk_of(sqlite3_vfs *vfs)
{
	return vfs->pAppData;
}

static struct sql_file *file_of(sqlite3_file *file)
{
	return (struct sql_file *)(void *)file;
}

static int code_of(enum disk_result result, int failure)
{
	if (result == DISK_OK)
		return SQLITE_OK;
	return result == DISK_FULL ? SQLITE_FULL : failure;
}

static struct node *node_of(struct sql_disk *disk, const char *path)
{
	for (struct link *link = list_first(&disk->nodes); link != NULL; link = list_next(&disk->nodes, link)) {
		struct node *node = LIST_OWNER(link, struct node, link);
		if (strcmp(node->path, path) == 0)
			return node;
	}
	struct node *node = must_alloc(1, sizeof(*node));
	const size_t size = strlen(path) + 1;
	node->path = must_alloc(size, 1);
	bytes_copy(node->path, size, view_bytes(path, size));
	list_add_last(&disk->nodes, &node->link);
	return node;
}

static void node_release(struct sql_disk *disk, struct node *node)
{
	if (--node->references > 0)
		return;
	list_remove(&disk->nodes, &node->link);
	for (size_t i = 0; i < REGIONS_MOST; i++)
		free(node->regions[i]);
	free(node->path);
	free(node);
}

static int directory_sync(struct sql_disk *disk, const char *path)
{
	char directory[PATH_MOST];
	const size_t slash = view_find_last_byte(view_of(path), '/');
	if (slash == VIEW_NOT_FOUND)
		return SQLITE_OK;
	bytes_to_cstring(directory, sizeof(directory), view_first(view_of(path), slash));
	return code_of(disk->disk->operations->sync_directory(disk->disk, directory), SQLITE_IOERR_DIR_FSYNC);
}

/* ---- a file's methods */

static int file_lock(sqlite3_file *base, int level)
{
	struct sql_file *file = file_of(base);
	struct node *node = file->node;
	if (file->lock >= level)
		return SQLITE_OK;
	if (file->lock == SQLITE_LOCK_NONE) {
		if (node->exclusive)
			return SQLITE_BUSY;
		node->shared++;
		file->lock = SQLITE_LOCK_SHARED;
	}
	if (level >= SQLITE_LOCK_RESERVED && file->lock < SQLITE_LOCK_RESERVED) {
		if (node->reserved)
			return SQLITE_BUSY;
		node->reserved = true;
		file->lock = SQLITE_LOCK_RESERVED;
	}
	if (level == SQLITE_LOCK_EXCLUSIVE) {
		if (node->shared > 1)
			return SQLITE_BUSY;
		node->exclusive = true;
		file->lock = SQLITE_LOCK_EXCLUSIVE;
	}
	return SQLITE_OK;
}

static int file_unlock(sqlite3_file *base, int level)
{
	struct sql_file *file = file_of(base);
	struct node *node = file->node;
	if (file->lock == SQLITE_LOCK_EXCLUSIVE && level < SQLITE_LOCK_EXCLUSIVE)
		node->exclusive = false;
	if (file->lock >= SQLITE_LOCK_RESERVED && level < SQLITE_LOCK_RESERVED)
		node->reserved = false;
	if (file->lock >= SQLITE_LOCK_SHARED && level < SQLITE_LOCK_SHARED)
		node->shared--;
	if (level < file->lock)
		file->lock = level;
	return SQLITE_OK;
}

static int file_check_reserved(sqlite3_file *base, int *answer)
{
	*answer = file_of(base)->node->reserved ? 1 : 0;
	return SQLITE_OK;
}

static int file_close(sqlite3_file *base)
{
	struct sql_file *file = file_of(base);
	file_unlock(base, SQLITE_LOCK_NONE);
	file->owner->disk->operations->close(file->owner->disk, file->file);
	node_release(file->owner, file->node);
	return SQLITE_OK;
}

static int file_read(sqlite3_file *base, void *into, int length, sqlite3_int64 offset)
{
	struct sql_file *file = file_of(base);
	size_t got = 0;
	const enum disk_result result = file->owner->disk->operations->read(file->owner->disk, file->file,
	                                                                    (uint64_t)offset, into, (size_t)length, &got);
	if (result != DISK_OK)
		return SQLITE_IOERR_READ;
	if (got == (size_t)length)
		return SQLITE_OK;
	memset((char *)into + got, 0, (size_t)length - got);
	return SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *base, const void *bytes, int length, sqlite3_int64 offset)
{
	struct sql_file *file = file_of(base);
	const struct view part = view_bytes(bytes, (size_t)length);
	return code_of(file->owner->disk->operations->write(file->owner->disk, file->file, (uint64_t)offset, &part, 1),
	               SQLITE_IOERR_WRITE);
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
	struct sql_file *file = file_of(base);
	return code_of(file->owner->disk->operations->truncate(file->owner->disk, file->file, (uint64_t)size),
	               SQLITE_IOERR_TRUNCATE);
}

static int file_sync(sqlite3_file *base, int flags)
{
	(void)flags;
	struct sql_file *file = file_of(base);
	if (file->is_new && directory_sync(file->owner, file->node->path) != SQLITE_OK)
		return SQLITE_IOERR_DIR_FSYNC;
	file->is_new = false;
	/* Whatever the reason, also want of space: what was written is lost, and a second try would not say so. */
	const enum disk_result result = file->owner->disk->operations->sync(file->owner->disk, file->file);
	return result == DISK_OK ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size)
{
	struct sql_file *file = file_of(base);
	uint64_t bytes = 0;
	if (file->owner->disk->operations->size(file->owner->disk, file->file, &bytes) != DISK_OK)
		return SQLITE_IOERR_FSTAT;
	*size = (sqlite3_int64)bytes;
	return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int operation, void *argument)
{
	(void)base;
	(void)operation;
	(void)argument;
	return SQLITE_NOTFOUND;
}

static int file_sector_size(sqlite3_file *base)
{
	(void)base;
	return SECTOR_SIZE;
}

static int file_characteristics(sqlite3_file *base)
{
	(void)base;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **memory)
{
	struct node *node = file_of(base)->node;
	if (region < 0 || region >= REGIONS_MOST)
		return SQLITE_IOERR_SHMMAP;
	if (node->regions[region] == NULL && extend != 0)
		node->regions[region] = must_alloc((size_t)size, 1);
	*memory = node->regions[region];
	return SQLITE_OK;
}

static int shm_lock(sqlite3_file *base, int first, int count, int flags)
{
	struct node *node = file_of(base)->node;
	const bool is_shared = (flags & SQLITE_SHM_SHARED) != 0;
	const bool is_lock = (flags & SQLITE_SHM_LOCK) != 0;
	for (int i = first; is_lock && i < first + count; i++)
		if (node->shm_exclusive[i] || (!is_shared && node->shm_shared[i] > 0))
			return SQLITE_BUSY;
	for (int i = first; i < first + count; i++) {
		if (!is_shared)
			node->shm_exclusive[i] = is_lock;
		else if (is_lock)
			node->shm_shared[i]++;
		else
			node->shm_shared[i]--;
	}
	return SQLITE_OK;
}

static void shm_barrier(sqlite3_file *base)
{
	(void)base;
}

static int shm_unmap(sqlite3_file *base, int remove)
{
	(void)base;
	(void)remove;
	return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_check_reserved,
	.xFileControl = file_control,
	.xSectorSize = file_sector_size,
	.xDeviceCharacteristics = file_characteristics,
	.xShmMap = shm_map,
	.xShmLock = shm_lock,
	.xShmBarrier = shm_barrier,
	.xShmUnmap = shm_unmap,
};

/* ---- the layer's methods */

static int vfs_open(sqlite3_vfs *vfs, sqlite3_filename path, sqlite3_file *base, int flags, int *out_flags)
{
	struct sql_disk *disk = disk_of(vfs);
	struct sql_file *file = file_of(base);
	file->base.pMethods = NULL;
	if (path == NULL)
		return SQLITE_CANTOPEN; /* temporary files stay in memory */
	const unsigned disk_flags = (flags & SQLITE_OPEN_CREATE) != 0 ? DISK_CREATE : 0;
	struct disk_file *opened = NULL;
	const enum disk_result result = disk->disk->operations->open(disk->disk, path, disk_flags, &opened);
	disk->last_error = result == DISK_FULL ? ENOSPC : result == DISK_OK ? 0 : EIO;
	if (result != DISK_OK)
		return code_of(result, SQLITE_CANTOPEN);
	const int logs = SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL;
	*file = (struct sql_file){ .base.pMethods = &methods,
		                       .owner = disk,
		                       .file = opened,
		                       .node = node_of(disk, path),
		                       .is_new = (flags & SQLITE_OPEN_CREATE) != 0 && (flags & logs) != 0 };
	file->node->references++;
	if (out_flags != NULL)
		*out_flags = flags;
	return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_directory)
{
	struct sql_disk *disk = disk_of(vfs);
	const enum disk_result result = disk->disk->operations->remove(disk->disk, path);
	if (result == DISK_ABSENT)
		return SQLITE_IOERR_DELETE_NOENT;
	if (result != DISK_OK)
		return SQLITE_IOERR_DELETE;
	return sync_directory == 0 ? SQLITE_OK : directory_sync(disk, path);
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *answer)
{
	(void)flags;
	struct sql_disk *disk = disk_of(vfs);
	struct disk_file *file = NULL;
	const enum disk_result result = disk->disk->operations->open(disk->disk, path, 0, &file);
	*answer = result == DISK_OK ? 1 : 0;
	if (result == DISK_OK)
		disk->disk->operations->close(disk->disk, file);
	return result == DISK_OK || result == DISK_ABSENT ? SQLITE_OK : SQLITE_IOERR_ACCESS;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int size, char *into)
{
	(void)vfs;
	return bytes_to_cstring(into, (size_t)size, view_of(path)) ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int vfs_randomness(sqlite3_vfs *vfs, int size, char *into)
{
	for (int i = 0; i < size; i++)
		into[i] = (char)random_next(&disk_of(vfs)->random);
	return size;
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
	(void)vfs;
	return microseconds;
}

static int vfs_current_time(sqlite3_vfs *vfs, double *time)
{
	(void)vfs;
	*time = 2440587.5; /* no statement asks for it */
	return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *vfs, int size, char *into)
{
	const struct sql_disk *disk = vfs->pAppData;
	(void)size;
	(void)into;
	return disk->last_error;
}

struct sql_disk *sql_disk_new(struct disk *disk, uint64_t seed)
{
	struct sql_disk *sql_disk = must_alloc(1, sizeof(*sql_disk));
	sql_disk->disk = disk;
	random_seed(&sql_disk->random, seed);
	list_init(&sql_disk->nodes);
	must(snprintf(sql_disk->name, sizeof(sql_disk->name), "disk-%p", (void *)sql_disk) > 0);
	sql_disk->vfs = (sqlite3_vfs){
		.iVersion = 1,
		.szOsFile = sizeof(struct sql_file),
		.mxPathname = PATH_MOST,
		.zName = sql_disk->name,
		.pAppData = sql_disk,
		.xOpen = vfs_open,
		.xDelete = vfs_delete,
		.xAccess = vfs_access,
		.xFullPathname = vfs_full_path,
		.xRandomness = vfs_randomness,
		.xSleep = vfs_sleep,
		.xCurrentTime = vfs_current_time,
		.xGetLastError = vfs_last_error,
	};
	must(sqlite3_vfs_register(&sql_disk->vfs, 0) == SQLITE_OK);
	return sql_disk;
}

void sql_disk_free(struct sql_disk *sql_disk)
{
	if (sql_disk == NULL)
		return;
	must(list_is_empty(&sql_disk->nodes));
	sqlite3_vfs_unregister(&sql_disk->vfs);
	free(sql_disk);
}

const char *sql_disk_name(const struct sql_disk *sql_disk)
{
	return sql_disk->name;
}
