#include "store/sql_real.h"

#include "base/must.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>

struct sql_real {
	sqlite3_vfs vfs;
	sqlite3_vfs *below;
	char name[64];
};

/* 0, or why not. */
static int file_make(sqlite3_vfs *below, const char *path)
{
	int (*const make)(const char *, int, int) = (int (*)(const char *, int, int))below->xGetSystemCall(below, "open");
	int (*const end)(int) = (int (*)(int))below->xGetSystemCall(below, "close");
	const int file = make(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (file < 0)
		return errno;
	end(file);
	return 0;
}

/* The layer below tries again to open for reading what it could not make, and then says that it is not there. */
static int real_open(sqlite3_vfs *vfs, sqlite3_filename path, sqlite3_file *file, int flags, int *out_flags)
{
	const struct sql_real *real = vfs->pAppData;
	const int code = real->below->xOpen(real->below, path, file, flags, out_flags);
	if ((code & 0xff) != SQLITE_CANTOPEN || path == NULL || (flags & SQLITE_OPEN_CREATE) == 0)
		return code;
	const int error = file_make(real->below, path);
	if (error == 0)
		return real->below->xOpen(real->below, path, file, flags, out_flags);
	return error == ENOSPC || error == EDQUOT ? SQLITE_FULL : code;
}

struct sql_real *sql_real_new(void)
{
	struct sql_real *real = must_alloc(1, sizeof(*real));
	real->below = sqlite3_vfs_find(NULL);
	must(real->below != NULL && real->below->iVersion >= 3);
	must(snprintf(real->name, sizeof(real->name), "real-%p", (void *)real) > 0);
	real->vfs = *real->below;
	real->vfs.pNext = NULL;
	real->vfs.zName = real->name;
	real->vfs.pAppData = real;
	real->vfs.xOpen = real_open;
	must(sqlite3_vfs_register(&real->vfs, 0) == SQLITE_OK);
	return real;
}

void sql_real_free(struct sql_real *sql_real)
{
	if (sql_real == NULL)
		return;
	sqlite3_vfs_unregister(&sql_real->vfs);
	free(sql_real);
}

const char *sql_real_name(const struct sql_real *sql_real)
{
	return sql_real->name;
}
