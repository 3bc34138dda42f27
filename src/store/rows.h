/* Pieces of rows that the index and the history share.
 * Promises: what is bound reads back the same; texts are copied into the arena.
 * Does not know: any table. */
#ifndef STORE_ROWS_H
#define STORE_ROWS_H

#include "base/arena.h"
#include "base/id.h"
#include "base/verdict.h"
#include "store/sql.h"

/* Four columns: outcome, code, status, why. */
void row_bind_verdict(sqlite3_stmt *statement, int place, const struct verdict *verdict);
struct verdict row_verdict(sqlite3_stmt *statement, int column, struct arena *arena);
/* Sixteen octets; others leave it zero. */
void row_id(struct view bytes, struct message_id *id);

#endif
