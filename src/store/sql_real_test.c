#include "store/sql_real.h"

#include "base/testing.h"
#include "store/sql.h"
#include "store/test_directory.h"

#include <errno.h>
#include <fcntl.h>

static struct {
	const char *suffix; /* of the names of files that cannot be made */
	int error;
} fault;

static int open_or_fail(const char *path, int flags, int mode)
{
	if ((flags & O_CREAT) == 0 || fault.suffix == NULL || !view_ends(view_of(path), view_of(fault.suffix)))
		return open(path, flags, mode);
	errno = fault.error;
	return -1;
}

static void test_no_room_for_a_file(void **state)
{
	static const struct {
		const char *name;
		const char *suffix;
		int error;
		bool is_full;
	} cases[] = {
		{ "the database", ".db", ENOSPC, true },
		{ "its journal", ".db-journal", ENOSPC, true },
		{ "its log", ".db-wal", ENOSPC, true },
		{ "its log, beyond the quota", ".db-wal", EDQUOT, true },
		{ "its log, on a broken disk", ".db-wal", EIO, false },
		{ "the database, not allowed", ".db", EACCES, false },
	};
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	assert_int_equal(vfs->xSetSystemCall(vfs, "open", (sqlite3_syscall_ptr)open_or_fail), SQLITE_OK);
	for (size_t i = 0; i < CASES(cases); i++) {
		char path[128];
		struct sql sql;
		test_directory_begin(state);
		struct sql_real *real = sql_real_new();
		snprintf(path, sizeof(path), "%s/some.db", test_directory);
		fault.suffix = cases[i].suffix;
		fault.error = cases[i].error;
		if (sql_open(&sql, path, sql_real_name(real), SQL_WRITER, "CREATE TABLE a(b)"))
			fail_msg("%s: it was opened", cases[i].name);
		expect_number(cases[i].name, sql.full, cases[i].is_full);
		sql_close(&sql);
		fault.suffix = NULL;
		if (!sql_open(&sql, path, sql_real_name(real), SQL_WRITER, "CREATE TABLE IF NOT EXISTS a(b)"))
			fail_msg("%s: later it is not opened", cases[i].name);
		sql_close(&sql);
		sql_real_free(real);
		test_directory_end(state);
	}
	assert_int_equal(vfs->xSetSystemCall(vfs, "open", NULL), SQLITE_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_room_for_a_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
