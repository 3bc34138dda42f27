/* A disk in memory whose power can be cut; for tests alone.
 * Promises: what was synced survives every cut, a file's bytes and size by sync, names by sync_directory; the same
 *   calls, cuts and seeds leave the same bytes. What a sector held durably is not harmed by a write beside it.
 * Does not know: what the files hold; threads: one at a time uses it. */
#ifndef TASK_DISK_SIM_H
#define TASK_DISK_SIM_H

#include "task/disk.h"

#define DISK_SIM_SECTOR 512u

/* Empty but for the directory "/", which is also what every relative path begins in. Renames stay in a directory. */
struct disk *disk_sim_new(void);
void disk_sim_free(struct disk *disk); /* no file of it may be open */
/* Another disk with the same names and bytes, and the same of them not synced. No file of it is open, nothing is
 * watched. Good at any moment, also in the midst of a call. */
struct disk *disk_sim_copy(const struct disk *disk);

/* What of that which is not synced outlives a power cut. */
enum disk_sim_cut {
	DISK_SIM_NOTHING,
	DISK_SIM_EVERYTHING,
	/* Each change of a directory or not; of each sector any of the states it was given since the sync; of each size
	 * the same. So writes are torn and change their order; where a file became longer and its bytes were not
	 * written, there is nothing (zeros), or what another file held. */
	DISK_SIM_SOME,
};
/* No file may be open. Afterwards all that is there is durable. The seed is of SOME alone. */
void disk_sim_cut(struct disk *disk, enum disk_sim_cut cut, uint64_t seed);

enum disk_sim_call {
	DISK_SIM_READ,
	DISK_SIM_CREATE, /* open, with DISK_CREATE */
	DISK_SIM_WRITE,
	DISK_SIM_SYNC,
	DISK_SIM_TRUNCATE,
	DISK_SIM_RENAME, /* path: the old one */
	DISK_SIM_REMOVE,
	DISK_SIM_SYNC_DIRECTORY,
	DISK_SIM_MAKE_DIRECTORY,
};
/* Asked before each of these calls: but for DISK_OK its answer is the call's, which then does nothing; of a write
 * that fails a half is done. path: as the file was opened. NULL: nobody is asked. */
void disk_sim_watch(struct disk *disk,
                    enum disk_result (*before)(void *context, enum disk_sim_call call, const char *path),
                    void *context);

/* From now on flushes of files and of directories whose paths begin with these do nothing, and say that all is well:
 * a test that finds nothing lost by a power cut must find it lost by these. "": all; NULL: none. Lent. */
struct disk_sim_deaf {
	const char *sync;
	const char *sync_directory;
};
void disk_sim_set_deaf(struct disk *disk, struct disk_sim_deaf deaf);

/* Octets that were read since the disk was made. */
uint64_t disk_sim_octets_read(const struct disk *disk);

/* Of all names and bytes as they are read: the same for disks that hold the same. */
uint64_t disk_sim_digest(const struct disk *disk);

#endif
