#include "store/sql.h"

#include "base/must.h"

#include <errno.h>

/* SQLite says so of writes alone. What it maps may not grow either, and a file may not be made; nothing of the
 * database has come to harm then, as it may have when a flush finds no space. */
static bool is_for_want_of_space(const struct sql *sql, int code)
{
	if ((code & 0xff) == SQLITE_FULL)
		return true;
	const int extended = sql->connection == NULL ? code : sqlite3_extended_errcode(sql->connection);
	const bool is_harmless = (extended & 0xff) == SQLITE_CANTOPEN || extended == SQLITE_IOERR_SHMSIZE ||
	                         extended == SQLITE_IOERR_SHMOPEN || extended == SQLITE_IOERR_SHMMAP;
	const int error = sql->connection == NULL ? 0 : sqlite3_system_errno(sql->connection);
	return is_harmless && (error == ENOSPC || error == EDQUOT);
}

bool sql_open(struct sql *sql, const char *path, const char *vfs, enum sql_mode mode, const char *schema)
{
	*sql = (struct sql){ 0 };
	const int flags = (mode == SQL_WRITER ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY) |
	                  SQLITE_OPEN_NOMUTEX;
	const int opened = sqlite3_open_v2(path, &sql->connection, flags, vfs);
	if (opened != SQLITE_OK) {
		sql->failed = true;
		sql->full = is_for_want_of_space(sql, opened);
		return false;
	}
	sqlite3_extended_result_codes(sql->connection, 1);
	sqlite3_busy_timeout(sql->connection, 10000);
	if (mode == SQL_READER)
		return sql_execute(sql, "PRAGMA query_only=1; PRAGMA cache_size=-8192; PRAGMA temp_store=MEMORY;"
		                        "PRAGMA trusted_schema=0;");
	/* The end of a process need not be a clean one: what is left is checkpointed at the start. */
	sqlite3_db_config(sql->connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	/* FULL: with NORMAL a power cut takes committed rows with it. The page size matters for a new file only. What a
	 * former life left in the log goes into the file, synced, before anything is built on it. */
	return sql_execute(sql, "PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
	                        "PRAGMA secure_delete=OFF; PRAGMA wal_autocheckpoint=2000; PRAGMA cache_size=-16384;"
	                        "PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=0; PRAGMA mmap_size=0;"
	                        "PRAGMA wal_checkpoint(TRUNCATE);") &&
	       sql_execute(sql, schema);
}

void sql_statements(struct sql *sql, const char *const *texts, size_t count)
{
	sql->texts = texts;
	sql->text_count = count;
	sql->statements = must_alloc(count, sizeof(sqlite3_stmt *));
}

void sql_close(struct sql *sql)
{
	for (size_t i = 0; i < sql->text_count && sql->statements != NULL; i++)
		sqlite3_finalize(sql->statements[i]);
	free(sql->statements);
	sqlite3_close(sql->connection);
	*sql = (struct sql){ 0 };
}

const char *sql_problem(const struct sql *sql)
{
	return sql->connection == NULL ? "out of memory" : sqlite3_errmsg(sql->connection);
}

static enum sql_result result_of(struct sql *sql, int code)
{
	if (code == SQLITE_ROW)
		return SQL_ROW;
	if (code == SQLITE_DONE || code == SQLITE_OK)
		return SQL_DONE;
	sql->failed = true;
	sql->full = is_for_want_of_space(sql, code);
	return sql->full ? SQL_FULL : SQL_FAILED;
}

sqlite3_stmt *sql_use(struct sql *sql, size_t number)
{
	must(number < sql->text_count);
	if (sql->failed)
		return NULL;
	if (sql->statements[number] == NULL) {
		const int code = sqlite3_prepare_v3(sql->connection, sql->texts[number], -1, SQLITE_PREPARE_PERSISTENT,
		                                    &sql->statements[number], NULL);
		must(code != SQLITE_ERROR); /* a statement that does not parse is our bug */
		if (result_of(sql, code) != SQL_DONE)
			return NULL;
	}
	sqlite3_stmt *statement = sql->statements[number];
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return statement;
}

enum sql_result sql_step(struct sql *sql, sqlite3_stmt *statement)
{
	if (statement == NULL || sql->failed)
		return sql->full ? SQL_FULL : SQL_FAILED;
	const enum sql_result result = result_of(sql, sqlite3_step(statement));
	if (result != SQL_ROW)
		sqlite3_reset(statement);
	return result;
}

bool sql_run(struct sql *sql, sqlite3_stmt *statement)
{
	const enum sql_result result = sql_step(sql, statement);
	if (result == SQL_ROW)
		sqlite3_reset(statement);
	return result == SQL_ROW || result == SQL_DONE;
}

bool sql_execute(struct sql *sql, const char *text)
{
	return !sql->failed && result_of(sql, sqlite3_exec(sql->connection, text, NULL, NULL, NULL)) == SQL_DONE;
}

void sql_roll_back(struct sql *sql)
{
	for (size_t i = 0; i < sql->text_count; i++)
		sqlite3_reset(sql->statements[i]);
	if (sql->full)
		sql->failed = sql->full = false;
	if (sqlite3_get_autocommit(sql->connection) == 0)
		sql_execute(sql, "ROLLBACK");
}

void sql_bind_integer(sqlite3_stmt *statement, int place, int64_t number)
{
	if (statement != NULL)
		must(sqlite3_bind_int64(statement, place, number) == SQLITE_OK);
}

void sql_bind_text(sqlite3_stmt *statement, int place, struct view text)
{
	if (statement != NULL)
		must(sqlite3_bind_text(statement, place, text.length == 0 ? "" : text.data, (int)text.length,
		                       SQLITE_STATIC) == SQLITE_OK);
}

void sql_bind_blob(sqlite3_stmt *statement, int place, struct view bytes)
{
	if (statement != NULL)
		must(sqlite3_bind_blob(statement, place, bytes.length == 0 ? "" : bytes.data, (int)bytes.length,
		                       SQLITE_STATIC) == SQLITE_OK);
}

int64_t sql_integer(sqlite3_stmt *statement, int column)
{
	return sqlite3_column_int64(statement, column);
}

struct view sql_view(sqlite3_stmt *statement, int column)
{
	const void *bytes = sqlite3_column_blob(statement, column);
	return view_bytes(bytes, (size_t)sqlite3_column_bytes(statement, column));
}
