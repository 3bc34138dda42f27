/* The disk: files by descriptor, as the store needs them. Blocking: called on a worker, never on the loop.
 * Promises: DISK_OK means all of it was done (short reads and writes are finished or failed here). In a simulated
 *   world (task/disk_sim.h) what was not synced is lost by a power cut, and any call can be told to fail.
 * Does not know: what the files hold. */
#ifndef TASK_DISK_H
#define TASK_DISK_H

#include "base/text.h"

enum disk_result {
	DISK_OK,
	DISK_ABSENT, /* no such file */
	DISK_FULL,   /* ENOSPC, EDQUOT */
	DISK_FAILED, /* EIO and all else */
};

struct disk;
struct disk_file; /* opaque */

struct disk_operations {
	/* flags: DISK_CREATE, DISK_EXCLUSIVE. Read and write. */
	enum disk_result (*open)(struct disk *disk, const char *path, unsigned flags, struct disk_file **file);
	void (*close)(struct disk *disk, struct disk_file *file);
	enum disk_result (*read)(struct disk *disk, struct disk_file *file, uint64_t offset, char *into, size_t length,
	                         size_t *got); /* got < length only at the end of the file */
	enum disk_result (*write)(struct disk *disk, struct disk_file *file, uint64_t offset, const struct view *parts,
	                          size_t part_count);                        /* pwritev */
	enum disk_result (*sync)(struct disk *disk, struct disk_file *file); /* fdatasync */
	enum disk_result (*size)(struct disk *disk, struct disk_file *file, uint64_t *size);
	/* How many names it has: a crash between a rename and the directory's sync may leave it two. */
	enum disk_result (*names)(struct disk *disk, struct disk_file *file, uint64_t *count);
	enum disk_result (*truncate)(struct disk *disk, struct disk_file *file, uint64_t size);
	enum disk_result (*rename)(struct disk *disk, const char *from, const char *to);
	enum disk_result (*remove)(struct disk *disk, const char *path);
	enum disk_result (*sync_directory)(struct disk *disk, const char *path);
	enum disk_result (*make_directory)(struct disk *disk, const char *path); /* there already: OK */
	/* Names in a directory, one after the other, each ended by NUL, in no order. */
	enum disk_result (*list)(struct disk *disk, const char *path, struct text *names);
	/* Nothing, where there are no inodes for new files. */
	enum disk_result (*free_space)(struct disk *disk, const char *path, uint64_t *bytes);
};

#define DISK_CREATE    1u
#define DISK_EXCLUSIVE 2u

struct disk {
	const struct disk_operations *operations;
	void *state;
};

/* The real one. */
struct disk *disk_real(void);

#endif
