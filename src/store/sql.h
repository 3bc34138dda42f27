/* SQLite, as the store uses it: one connection, its statements prepared once, results in four words.
 * Promises: after the first failure everything answers FAILED; text and blobs are bound by view and read as views
 *   lent until the next step.
 * Does not know: any table. */
#ifndef STORE_SQL_H
#define STORE_SQL_H

#include "base/text.h"

#include <sqlite3.h>

enum sql_result {
	SQL_ROW,
	SQL_DONE,
	SQL_FULL,
	SQL_FAILED,
};

struct sql {
	sqlite3 *connection;
	const char *const *texts;
	size_t text_count;
	sqlite3_stmt **statements;
	bool failed;
	bool full; /* the failure was want of space: sql_roll_back makes it good again */
};

enum sql_mode { SQL_WRITER, SQL_READER };

/* texts: the statements, prepared at their first use. schema: run on every opening by the writer; NULL for a reader.
 */
bool sql_open(struct sql *sql, const char *path, const char *vfs, enum sql_mode mode, const char *schema);
void sql_statements(struct sql *sql, const char *const *texts, size_t count);
void sql_close(struct sql *sql);
const char *sql_problem(const struct sql *sql);
/* The statement, reset and with its parameters empty. NULL after a failure; all below take that. */
sqlite3_stmt *sql_use(struct sql *sql, size_t number);
enum sql_result sql_step(struct sql *sql, sqlite3_stmt *statement);
/* Steps once and resets; true when that went well (a row or done). */
bool sql_run(struct sql *sql, sqlite3_stmt *statement);
bool sql_execute(struct sql *sql, const char *text);
void sql_roll_back(struct sql *sql);

void sql_bind_integer(sqlite3_stmt *statement, int place, int64_t number);
void sql_bind_text(sqlite3_stmt *statement, int place, struct view text); /* lent until reset */
void sql_bind_blob(sqlite3_stmt *statement, int place, struct view bytes);
int64_t sql_integer(sqlite3_stmt *statement, int column);
struct view sql_view(sqlite3_stmt *statement, int column);

#endif
