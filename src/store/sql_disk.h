/* SQLite on a struct disk, so that a simulated world's power cuts and failures reach the databases too.
 * Promises: files go through the disk's operations, syncs included; locks and shared memory are those of one process.
 * Does not know: the real disk, where SQLite's own layer is used; threads: a simulated world has one. */
#ifndef STORE_SQL_DISK_H
#define STORE_SQL_DISK_H

#include "task/disk.h"

struct sql_disk;

struct sql_disk *sql_disk_new(struct disk *disk, uint64_t seed);
/* All its databases are closed. NULL is allowed. */
void sql_disk_free(struct sql_disk *sql_disk);
const char *sql_disk_name(const struct sql_disk *sql_disk); /* for sqlite3_open_v2 */

#endif
