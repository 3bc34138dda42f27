/* The inside of the index's readers, shared by their files.
 * Promises: everything here belongs to the one thread of the reader.
 * Does not know: the writer. */
#ifndef STORE_INDEX_READER_PRIVATE_H
#define STORE_INDEX_READER_PRIVATE_H

#include "store/index.h"
#include "store/sql.h"

enum index_reader_statement {
	BEGIN,
	END,
	APPLIED,
	LANES,
	LOAD,
	EXPIRED,
	LIVE,
	PLACE,
	DEBTS,
	DEBT,
	MESSAGE,
	HOLDS,
	LIST,
	ATTEMPT,
	SUMMARY_LAST,
	SUMMARY,
	TOTAL_MESSAGES,
	TOTAL_BYTES,
	CHECK_NEXT,
	CHECK_COUNTS,
	CHECK_ORPHAN,
	CHECK_SEGMENT,
	STATEMENT_COUNT
};

struct index_reader {
	struct sql sql;
	const char *path;
	const char *vfs;
};

/* Columns of the statements that read rows. */
enum index_row_column {
	ROW_INDEX_COLUMN = 1,
	ROW_STATE_COLUMN = 2,
	ROW_ADDRESS_COLUMN = 7,
	ROW_ACCOUNT_COLUMN = 9,
	ROW_SENDER_COLUMN = 10,
	ROW_DOMAIN_COLUMN = 20,
};

enum index_result index_reader_result(const struct index_reader *reader);
enum store_state index_state_of(int64_t number);
void index_row_read(sqlite3_stmt *statement, struct arena *arena, struct store_row *row);
void index_attempts_read(struct index_reader *reader, struct arena *arena, struct store_rows *page);

/* Rows gather in a text until their number is known. */
struct gather {
	struct text rows;
	struct arena *arena;
};

struct gather index_gather_into(struct arena *arena);
void index_gather_add(struct gather *gather, const void *row, size_t size);
void *index_gather_end(struct gather *gather, size_t size, size_t *count);

#endif
