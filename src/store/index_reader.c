#include "store/index_reader_private.h"

#include "base/bytes.h"
#include "base/must.h"
#include "store/rows.h"

/* The columns of a row, in the order of index_row_read. */
#define ROW_COLUMNS                                                                                                  \
	"r.message, r.idx, r.state, r.due, r.attempts, r.attempt, r.warned, r.address, r.reason, m.account, m.sender,"   \
	" m.extra, m.size, m.accepted_wall, m.accepted, m.expires, m.segment, m.offset, m.length, m.live"
#define ROW_TABLES " FROM recipient r JOIN message m ON m.id = r.message JOIN lane l ON l.id = r.lane"

static const char *const statements[STATEMENT_COUNT] = {
	[BEGIN] = "BEGIN",
	[END] = "COMMIT",
	[APPLIED] = "SELECT sequence - 1 FROM state",
	[LANES] = ("SELECT id, account, domain, (SELECT min(due) FROM recipient WHERE lane = lane.id) FROM lane"
	           " WHERE id > ?1 ORDER BY id LIMIT ?2"),
	/* CROSS JOIN: the lane first, then its recipients by due. */
	[LOAD] = ("SELECT " ROW_COLUMNS ", l.domain FROM lane l CROSS JOIN recipient r ON r.lane = l.id"
	          " CROSS JOIN message m ON m.id = r.message WHERE l.account = ?1 AND l.domain = ?2"
	          " AND r.due < 9223372036854775807 ORDER BY r.due LIMIT ?3"),
	[EXPIRED] = ("SELECT " ROW_COLUMNS ", l.domain FROM message m CROSS JOIN recipient r ON r.message = m.id"
	             " CROSS JOIN lane l ON l.id = r.lane WHERE m.expires <= ?1 ORDER BY m.expires LIMIT ?2"),
	[LIVE] = "SELECT " ROW_COLUMNS ", l.domain" ROW_TABLES " WHERE r.message = ?1 ORDER BY r.idx",
	[PLACE] = "SELECT segment, offset, length FROM message WHERE id = ?1",
	[DEBTS] = ("SELECT DISTINCT message, kind FROM notice WHERE (message, kind) > (?1, ?2)"
	           " ORDER BY message, kind LIMIT ?3"),
	[DEBT] = ("SELECT idx, address, outcome, code, status, why, remote, when_wall, attempts FROM notice"
	          " WHERE message = ?1 AND kind = ?2 ORDER BY idx"),
	[MESSAGE] = ("SELECT account, sender, extra, size, accepted_wall, accepted, expires, segment, offset, length"
	             " FROM message WHERE id = ?1"),
	[HOLDS] = "SELECT account, reason FROM account_hold ORDER BY account",
	[LIST] = ("SELECT " ROW_COLUMNS ", l.domain" ROW_TABLES " WHERE (r.message, r.idx) > (?1, ?2)"
	          " ORDER BY r.message, r.idx"),
	[ATTEMPT] = ("SELECT when_wall, outcome, code, status, why, class, site, remote, egress, tls, dialogue"
	             " FROM attempt WHERE message = ?1 AND idx = ?2"),
	[SUMMARY_LAST] = "SELECT coalesce(max(id), 0) FROM lane",
	[SUMMARY] = ("SELECT l.account, l.domain, sum(r.state = 0), sum(r.state = 1), sum(r.state = 2), min(r.message)"
	             " FROM lane l CROSS JOIN recipient r ON r.lane = l.id WHERE l.id > ?1 AND l.id <= ?2 GROUP BY l.id"),
	[TOTAL_MESSAGES] = "SELECT coalesce(sum(messages), 0), coalesce(sum(bytes), 0) FROM segment",
	[TOTAL_BYTES] = "SELECT coalesce(sum(size), 0) FROM message",
	[CHECK_NEXT] = "SELECT id, segment, offset, length, live FROM message WHERE id >= ?1 ORDER BY id LIMIT 1",
	[CHECK_COUNTS] = ("SELECT (SELECT count(*) FROM recipient WHERE message = ?1)"
	                  " + (SELECT count(*) FROM notice WHERE message = ?1)"),
	[CHECK_ORPHAN] = ("SELECT (SELECT count(*) FROM (SELECT 1 FROM recipient WHERE message >= ?1 AND message < ?2"
	                  " LIMIT 1)) + (SELECT count(*) FROM (SELECT 1 FROM notice WHERE message >= ?1 AND message < ?2"
	                  " LIMIT 1))"),
	[CHECK_SEGMENT] = "SELECT 1 FROM segment WHERE number = ?1",
};

struct index_reader *index_reader_new(const struct index_settings *settings)
{
	struct index_reader *reader = must_alloc(1, sizeof(*reader));
	reader->path = settings->path;
	reader->vfs = settings->vfs;
	return reader;
}

void index_reader_free(struct index_reader *reader)
{
	if (reader == NULL)
		return;
	sql_close(&reader->sql);
	free(reader);
}

enum index_result index_reader_result(const struct index_reader *reader)
{
	return reader->sql.failed ? INDEX_FAILED : INDEX_DONE;
}

/* Half open it is good for nothing, and may be asked again. */
static enum index_result reader_close(struct index_reader *reader)
{
	const bool is_full = reader->sql.full;
	sql_close(&reader->sql);
	return is_full ? INDEX_FULL : INDEX_FAILED;
}

enum index_result index_reader_begin(struct index_reader *reader, uint64_t *applied)
{
	/* Opened by the thread that uses it, at its first question. */
	if (reader->sql.connection == NULL) {
		if (!sql_open(&reader->sql, reader->path, reader->vfs, SQL_READER, NULL))
			return reader_close(reader);
		sql_statements(&reader->sql, statements, STATEMENT_COUNT);
	}
	sql_run(&reader->sql, sql_use(&reader->sql, BEGIN));
	sqlite3_stmt *statement = sql_use(&reader->sql, APPLIED);
	if (sql_step(&reader->sql, statement) != SQL_ROW)
		return reader_close(reader);
	*applied = (uint64_t)sql_integer(statement, 0);
	sqlite3_reset(statement);
	return INDEX_DONE;
}

void index_reader_end(struct index_reader *reader)
{
	for (size_t i = 0; i < reader->sql.text_count; i++)
		sqlite3_reset(reader->sql.statements[i]);
	if (reader->sql.connection != NULL && sqlite3_get_autocommit(reader->sql.connection) == 0)
		sql_run(&reader->sql, sql_use(&reader->sql, END));
}

/* ---- rows */

static void place_read(sqlite3_stmt *statement, int column, struct store_place *place)
{
	*place = (struct store_place){ .segment = (uint64_t)sql_integer(statement, column),
		                           .offset = (uint64_t)sql_integer(statement, column + 1),
		                           .length = (uint32_t)sql_integer(statement, column + 2) };
}

enum store_state index_state_of(int64_t number)
{
	return number < 0 || number >= STORE_ENDED ? STORE_HELD : (enum store_state)number;
}

void index_row_read(sqlite3_stmt *statement, struct arena *arena, struct store_row *row)
{
	*row = (struct store_row){
		.index = (uint32_t)sql_integer(statement, 1),
		.state = index_state_of(sql_integer(statement, 2)),
		.due = sql_integer(statement, 3),
		.attempts = (uint32_t)sql_integer(statement, 4),
		.attempt = (uint64_t)sql_integer(statement, 5),
		.warned = sql_integer(statement, 6) != 0,
		.address = arena_copy(arena, sql_view(statement, 7)),
		.reason = arena_copy(arena, sql_view(statement, 8)),
		.account = arena_copy(arena, sql_view(statement, 9)),
		.sender = arena_copy(arena, sql_view(statement, 10)),
		.extra = arena_copy(arena, sql_view(statement, 11)),
		.size = (uint64_t)sql_integer(statement, 12),
		.accepted_wall = sql_integer(statement, 13),
		.accepted = sql_integer(statement, 14),
		.expires = sql_integer(statement, 15),
		.live = (uint32_t)sql_integer(statement, 19),
		.domain = arena_copy(arena, sql_view(statement, ROW_DOMAIN_COLUMN)),
	};
	place_read(statement, 16, &row->place);
	row_id(sql_view(statement, 0), &row->id);
}

struct gather index_gather_into(struct arena *arena)
{
	return (struct gather){ .rows = TEXT_LIMIT((size_t)256 * 1024 * 1024), .arena = arena };
}

void index_gather_add(struct gather *gather, const void *row, size_t size)
{
	text_add(&gather->rows, view_bytes(row, size));
}

void *index_gather_end(struct gather *gather, size_t size, size_t *count)
{
	*count = gather->rows.length / size;
	void *array = arena_alloc(gather->arena, *count, size);
	bytes_copy(array, *count * size, text_view(&gather->rows));
	text_deinit(&gather->rows);
	return array;
}

static void gather_rows(struct index_reader *reader, sqlite3_stmt *statement, size_t most, struct arena *arena,
                        struct store_rows *page)
{
	struct gather gather = index_gather_into(arena);
	size_t count = 0;
	page->more = false;
	while (sql_step(&reader->sql, statement) == SQL_ROW) {
		if (count == most) {
			page->more = true;
			sqlite3_reset(statement);
			break;
		}
		struct store_row row;
		index_row_read(statement, arena, &row);
		index_gather_add(&gather, &row, sizeof(row));
		count++;
	}
	page->rows = index_gather_end(&gather, sizeof(struct store_row), &page->row_count);
}

/* ---- what the queue works with */

enum index_result index_lanes(struct index_reader *reader, int64_t until, uint64_t cursor, size_t most,
                              struct arena *arena, struct store_lanes *page)
{
	struct gather gather = index_gather_into(arena);
	size_t looked = 0;
	*page = (struct store_lanes){ .cursor = cursor };
	sqlite3_stmt *statement = sql_use(&reader->sql, LANES);
	sql_bind_integer(statement, 1, (int64_t)cursor);
	sql_bind_integer(statement, 2, (int64_t)most);
	while (sql_step(&reader->sql, statement) == SQL_ROW) {
		looked++;
		page->cursor = (uint64_t)sql_integer(statement, 0);
		if (sqlite3_column_type(statement, 3) == SQLITE_NULL || sql_integer(statement, 3) > until)
			continue;
		const struct store_lane lane = { .account = arena_copy(arena, sql_view(statement, 1)),
			                             .domain = arena_copy(arena, sql_view(statement, 2)),
			                             .due = sql_integer(statement, 3) };
		index_gather_add(&gather, &lane, sizeof(lane));
	}
	page->more = looked == most;
	page->lanes = index_gather_end(&gather, sizeof(struct store_lane), &page->lane_count);
	return index_reader_result(reader);
}

enum index_result index_load(struct index_reader *reader, struct store_load *load, struct arena *arena)
{
	sqlite3_stmt *statement = sql_use(&reader->sql, LOAD);
	sql_bind_text(statement, 1, load->account);
	sql_bind_text(statement, 2, load->domain);
	sql_bind_integer(statement, 3, (int64_t)load->most + 1);
	struct gather gather = index_gather_into(arena);
	size_t count = 0;
	load->more = false;
	load->more_due = INT64_MAX;
	while (sql_step(&reader->sql, statement) == SQL_ROW) {
		if (count++ == load->most) {
			load->more = true;
			load->more_due = sql_integer(statement, 3);
			continue;
		}
		struct store_row row;
		index_row_read(statement, arena, &row);
		index_gather_add(&gather, &row, sizeof(row));
	}
	load->rows = index_gather_end(&gather, sizeof(struct store_row), &load->row_count);
	return index_reader_result(reader);
}

static void attempt_read(struct index_reader *reader, struct arena *arena, struct store_row *row)
{
	sqlite3_stmt *statement = sql_use(&reader->sql, ATTEMPT);
	sql_bind_blob(statement, 1, id_view(&row->id));
	sql_bind_integer(statement, 2, row->index);
	if (sql_step(&reader->sql, statement) != SQL_ROW)
		return;
	row->when_wall = sql_integer(statement, 0);
	row->last = row_verdict(statement, 1, arena);
	row->class = arena_copy(arena, sql_view(statement, 5));
	row->site = arena_copy(arena, sql_view(statement, 6));
	row->remote = arena_copy(arena, sql_view(statement, 7));
	row->egress = arena_copy(arena, sql_view(statement, 8));
	row->tls = arena_copy(arena, sql_view(statement, 9));
	row->dialogue = arena_copy(arena, sql_view(statement, 10));
	sqlite3_reset(statement);
}

void index_attempts_read(struct index_reader *reader, struct arena *arena, struct store_rows *page)
{
	for (size_t i = 0; i < page->row_count; i++)
		if (page->rows[i].attempts > 0)
			attempt_read(reader, arena, &page->rows[i]);
}

enum index_result index_expired(struct index_reader *reader, int64_t by, size_t most, struct arena *arena,
                                struct store_rows *page)
{
	sqlite3_stmt *statement = sql_use(&reader->sql, EXPIRED);
	sql_bind_integer(statement, 1, by);
	sql_bind_integer(statement, 2, (int64_t)most + 1);
	gather_rows(reader, statement, most, arena, page);
	index_attempts_read(reader, arena, page);
	return index_reader_result(reader);
}

enum index_result index_live(struct index_reader *reader, const struct message_id *id, struct arena *arena,
                             struct store_rows *rows)
{
	sqlite3_stmt *statement = sql_use(&reader->sql, LIVE);
	sql_bind_blob(statement, 1, id_view(id));
	gather_rows(reader, statement, STORE_RECIPIENTS_MOST, arena, rows);
	index_attempts_read(reader, arena, rows);
	return index_reader_result(reader);
}

enum index_result index_place(struct index_reader *reader, const struct message_id *id, struct journal_place *place)
{
	sqlite3_stmt *statement = sql_use(&reader->sql, PLACE);
	sql_bind_blob(statement, 1, id_view(id));
	const enum sql_result result = sql_step(&reader->sql, statement);
	if (result != SQL_ROW)
		return result == SQL_DONE ? INDEX_ABSENT : INDEX_FAILED;
	*place = (struct journal_place){ .segment = (uint64_t)sql_integer(statement, 0),
		                             .offset = (uint64_t)sql_integer(statement, 1),
		                             .length = (uint32_t)sql_integer(statement, 2) };
	sqlite3_reset(statement);
	return INDEX_DONE;
}

enum index_result index_debts(struct index_reader *reader, const struct store_debt_key *after, size_t most,
                              struct arena *arena, struct store_debts *page)
{
	struct gather gather = index_gather_into(arena);
	sqlite3_stmt *statement = sql_use(&reader->sql, DEBTS);
	sql_bind_blob(statement, 1, after == NULL ? VIEW("") : id_view(&after->about));
	sql_bind_integer(statement, 2, after == NULL ? 0 : (int64_t)after->notice);
	sql_bind_integer(statement, 3, (int64_t)most);
	while (sql_step(&reader->sql, statement) == SQL_ROW) {
		struct store_debt_key key = { .notice = sql_integer(statement, 1) == STORE_NOTICE_DELAY
			                                        ? STORE_NOTICE_DELAY
			                                        : STORE_NOTICE_FAILURE };
		row_id(sql_view(statement, 0), &key.about);
		index_gather_add(&gather, &key, sizeof(key));
	}
	page->keys = index_gather_end(&gather, sizeof(struct store_debt_key), &page->key_count);
	page->more = page->key_count == most;
	return index_reader_result(reader);
}

/* One row of a debt, before its number is known. */
struct debt_row {
	uint32_t index;
	uint32_t attempts;
	struct view address;
	struct verdict verdict;
	struct view remote;
	int64_t when_wall;
};

static void debt_fill(struct store_debt *debt, const struct debt_row *rows, struct arena *arena)
{
	debt->indexes = ARENA_ARRAY(arena, uint32_t, debt->count);
	debt->addresses = ARENA_ARRAY(arena, struct view, debt->count);
	debt->verdicts = ARENA_ARRAY(arena, struct verdict, debt->count);
	debt->remotes = ARENA_ARRAY(arena, struct view, debt->count);
	debt->when_wall = ARENA_ARRAY(arena, int64_t, debt->count);
	debt->attempts = ARENA_ARRAY(arena, uint32_t, debt->count);
	for (size_t i = 0; i < debt->count; i++) {
		debt->indexes[i] = rows[i].index;
		debt->addresses[i] = rows[i].address;
		debt->verdicts[i] = rows[i].verdict;
		debt->remotes[i] = rows[i].remote;
		debt->when_wall[i] = rows[i].when_wall;
		debt->attempts[i] = rows[i].attempts;
	}
}

enum index_result index_debt(struct index_reader *reader, const struct store_debt_key *key, struct arena *arena,
                             struct store_debt *debt)
{
	sqlite3_stmt *statement = sql_use(&reader->sql, MESSAGE);
	sql_bind_blob(statement, 1, id_view(&key->about));
	const enum sql_result result = sql_step(&reader->sql, statement);
	if (result != SQL_ROW)
		return result == SQL_DONE ? INDEX_ABSENT : INDEX_FAILED;
	*debt = (struct store_debt){
		.about = key->about,
		.notice = key->notice,
		.account = arena_copy(arena, sql_view(statement, 0)),
		.sender = arena_copy(arena, sql_view(statement, 1)),
		.extra = arena_copy(arena, sql_view(statement, 2)),
		.size = (uint64_t)sql_integer(statement, 3),
		.accepted_wall = sql_integer(statement, 4),
		.accepted = sql_integer(statement, 5),
		.expires = sql_integer(statement, 6),
	};
	place_read(statement, 7, &debt->place);
	sqlite3_reset(statement);
	statement = sql_use(&reader->sql, DEBT);
	sql_bind_blob(statement, 1, id_view(&key->about));
	sql_bind_integer(statement, 2, key->notice);
	struct gather gather = index_gather_into(arena);
	while (sql_step(&reader->sql, statement) == SQL_ROW) {
		const struct debt_row row = { .index = (uint32_t)sql_integer(statement, 0),
			                          .address = arena_copy(arena, sql_view(statement, 1)),
			                          .verdict = row_verdict(statement, 2, arena),
			                          .remote = arena_copy(arena, sql_view(statement, 6)),
			                          .when_wall = sql_integer(statement, 7),
			                          .attempts = (uint32_t)sql_integer(statement, 8) };
		index_gather_add(&gather, &row, sizeof(row));
	}
	debt_fill(debt, index_gather_end(&gather, sizeof(struct debt_row), &debt->count), arena);
	if (reader->sql.failed)
		return INDEX_FAILED;
	return debt->count == 0 ? INDEX_ABSENT : INDEX_DONE;
}

enum index_result index_account_holds(struct index_reader *reader, struct arena *arena,
                                      struct store_account_hold_row **rows, size_t *count)
{
	struct gather gather = index_gather_into(arena);
	sqlite3_stmt *statement = sql_use(&reader->sql, HOLDS);
	while (sql_step(&reader->sql, statement) == SQL_ROW) {
		const struct store_account_hold_row row = { .account = arena_copy(arena, sql_view(statement, 0)),
			                                        .reason = arena_copy(arena, sql_view(statement, 1)) };
		index_gather_add(&gather, &row, sizeof(row));
	}
	*rows = index_gather_end(&gather, sizeof(struct store_account_hold_row), count);
	return index_reader_result(reader);
}
