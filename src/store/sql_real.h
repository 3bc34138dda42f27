/* SQLite's own layer on the real disk, but that it says when there was no room for a file that it was to make.
 * Promises: all else is done by that layer.
 * Does not know: the files; simulated disks (store/sql_disk.h). */
#ifndef STORE_SQL_REAL_H
#define STORE_SQL_REAL_H

struct sql_real;

struct sql_real *sql_real_new(void);
/* All its databases are closed. NULL is allowed. */
void sql_real_free(struct sql_real *sql_real);
const char *sql_real_name(const struct sql_real *sql_real); /* for sqlite3_open_v2 */

#endif
