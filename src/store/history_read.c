/* A file is opened for one question; there are few files and few questions. */
#include "store/history_private.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/must.h"
#include "store/rows.h"

#define SEARCH_LOOKED 200000u /* rows looked at for one page: then the page is short */

struct history_reader {
	struct history_settings settings;
};

struct history_reader *history_reader_new(const struct history_settings *settings)
{
	struct history_reader *reader = must_alloc(1, sizeof(*reader));
	reader->settings = *settings;
	return reader;
}

void history_reader_free(struct history_reader *reader)
{
	free(reader);
}

static bool reader_open(const struct history_reader *reader, uint64_t number, struct sql *sql)
{
	char path[HISTORY_PATH_MOST];
	history_file_path(path, reader->settings.directory, number, "");
	if (!sql_open(sql, path, reader->settings.vfs, SQL_READER, NULL))
		return false;
	sql_statements(sql, history_statements, HISTORY_STATEMENT_COUNT);
	return true;
}

/* A file that was dropped after its name was read holds nothing. */
static enum history_result reader_close(const struct history_reader *reader, uint64_t number, struct sql *sql)
{
	struct disk *disk = reader->settings.disk;
	const bool has_failed = sql->failed;
	const bool is_full = sql->full;
	char path[HISTORY_PATH_MOST];
	struct disk_file *file = NULL;
	sql_close(sql);
	if (is_full)
		return HISTORY_FULL;
	if (!has_failed)
		return HISTORY_DONE;
	history_file_path(path, reader->settings.directory, number, "");
	const enum disk_result opened = disk->operations->open(disk, path, 0, &file);
	if (opened == DISK_OK)
		disk->operations->close(disk, file);
	return opened == DISK_ABSENT ? HISTORY_DONE : HISTORY_FAILED;
}

static void ended_read(sqlite3_stmt *statement, struct arena *arena, struct store_ended *row)
{
	struct view id = sql_view(statement, 1);
	*row = (struct store_ended){
		.seq = (uint64_t)sql_integer(statement, 0),
		.index = (uint32_t)sql_integer(statement, 2),
		.fate = (uint8_t)sql_integer(statement, 3),
		.attempts = (uint32_t)sql_integer(statement, 4),
		.account = arena_copy(arena, sql_view(statement, 5)),
		.sender = arena_copy(arena, sql_view(statement, 6)),
		.address = arena_copy(arena, sql_view(statement, 7)),
		.domain = arena_copy(arena, sql_view(statement, 8)),
		.size = (uint64_t)sql_integer(statement, 9),
		.accepted_wall = sql_integer(statement, 10),
		.when_wall = sql_integer(statement, 11),
		.duration = sql_integer(statement, 12),
		.verdict = row_verdict(statement, 13, arena),
		.class = arena_copy(arena, sql_view(statement, 17)),
		.site = arena_copy(arena, sql_view(statement, 18)),
		.remote = arena_copy(arena, sql_view(statement, 19)),
		.egress = arena_copy(arena, sql_view(statement, 20)),
		.tls = arena_copy(arena, sql_view(statement, 21)),
		.dialogue = arena_copy(arena, sql_view(statement, 22)),
		.reason = arena_copy(arena, sql_view(statement, 23)),
	};
	row_id(id, &row->id);
}

/* Rows grow in a text, since nobody knows how many there will be, and end in the arena. */
static void rows_give(struct text *rows, struct arena *arena, struct store_ended **array, size_t *count)
{
	*count = rows->length / sizeof(struct store_ended);
	*array = (struct store_ended *)(void *)ARENA_ARRAY(arena, struct store_ended, *count);
	bytes_copy(*array, rows->length, text_view(rows));
	text_deinit(rows);
}

/* A file of the days after the message was made: it cannot have ended before; a day for clocks that were set back. */
static bool file_may_hold(const struct history_files *files, size_t i, const struct message_id *id)
{
	return i + 1 == files->count || (int64_t)files->numbers[i + 1] * MILLISECOND + DAY >= id_wall(id);
}

enum history_result history_of_message(struct history_reader *reader, const struct message_id *id,
                                       struct arena *arena, struct store_story *story)
{
	struct history_files files;
	if (!history_files_read(&reader->settings, &files))
		return HISTORY_FAILED;
	struct text rows = TEXT_LIMIT(STORE_RECIPIENTS_MOST * sizeof(struct store_ended));
	enum history_result result = HISTORY_DONE;
	for (size_t i = files.count; i-- > 0 && result == HISTORY_DONE && file_may_hold(&files, i, id);) {
		struct sql sql;
		if (reader_open(reader, files.numbers[i], &sql)) {
			sqlite3_stmt *statement = sql_use(&sql, OF_MESSAGE);
			sql_bind_blob(statement, 1, id_view(id));
			while (sql_step(&sql, statement) == SQL_ROW) {
				struct store_ended row;
				ended_read(statement, arena, &row);
				text_add(&rows, view_bytes(&row, sizeof(row)));
			}
			statement = sql_use(&sql, IS_KEPT);
			sql_bind_blob(statement, 1, id_view(id));
			story->has_content |= sql_step(&sql, statement) == SQL_ROW;
		}
		result = reader_close(reader, files.numbers[i], &sql);
	}
	free(files.numbers);
	rows_give(&rows, arena, &story->ended, &story->ended_count);
	return result;
}

enum history_result history_content(struct history_reader *reader, const struct message_id *id, struct text *content,
                                    bool *found)
{
	struct history_files files;
	*found = false;
	if (!history_files_read(&reader->settings, &files))
		return HISTORY_FAILED;
	enum history_result result = HISTORY_DONE;
	for (size_t i = files.count; i-- > 0 && result == HISTORY_DONE && !*found && file_may_hold(&files, i, id);) {
		struct sql sql;
		if (reader_open(reader, files.numbers[i], &sql)) {
			sqlite3_stmt *statement = sql_use(&sql, KEPT);
			sql_bind_blob(statement, 1, id_view(id));
			*found = sql_step(&sql, statement) == SQL_ROW;
			if (*found)
				text_add(content, sql_view(statement, 0));
		}
		result = reader_close(reader, files.numbers[i], &sql);
	}
	free(files.numbers);
	return result;
}

struct search_run {
	const struct store_search *search;
	struct arena *arena;
	struct text rows;
	size_t count;
	size_t looked;
	uint64_t before_seq;
	bool more;
};

static bool search_matches(const struct store_search *search, sqlite3_stmt *statement)
{
	const struct {
		struct view wanted;
		int column;
	} fields[] = { { search->account, 5 }, { search->sender, 6 }, { search->address, 7 }, { search->domain, 8 } };
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (!view_is_empty(fields[i].wanted) &&
		    !view_equal_nocase(fields[i].wanted, sql_view(statement, fields[i].column)))
			return false;
	return true;
}

/* By the narrowest index there is. */
static sqlite3_stmt *search_statement(struct sql *sql, const struct store_search *search)
{
	const struct {
		struct view wanted;
		enum history_statement statement;
	} ways[] = { { search->address, SEARCH_ADDRESS },
		         { search->account, SEARCH_ACCOUNT },
		         { search->domain, SEARCH_DOMAIN },
		         { VIEW("*"), SEARCH_ALL } };
	size_t i = 0;
	while (view_is_empty(ways[i].wanted))
		i++;
	sqlite3_stmt *statement = sql_use(sql, ways[i].statement);
	if (ways[i].statement != SEARCH_ALL)
		sql_bind_text(statement, 4, ways[i].wanted);
	return statement;
}

static void search_file(struct search_run *run, struct sql *sql)
{
	const struct store_search *search = run->search;
	sqlite3_stmt *statement = search_statement(sql, search);
	sql_bind_integer(statement, 1, (int64_t)run->before_seq);
	sql_bind_integer(statement, 2, search->since);
	sql_bind_integer(statement, 3, search->until == 0 ? INT64_MAX : search->until);
	while (sql_step(sql, statement) == SQL_ROW) {
		if (run->count == search->most || run->looked == SEARCH_LOOKED) {
			run->more = true;
			return;
		}
		run->looked++;
		run->before_seq = (uint64_t)sql_integer(statement, 0);
		if (!search_matches(search, statement))
			continue;
		struct store_ended row;
		ended_read(statement, run->arena, &row);
		text_add(&run->rows, view_bytes(&row, sizeof(row)));
		run->count++;
	}
}

enum history_result history_search(struct history_reader *reader, const struct store_search *search,
                                   struct arena *arena, struct store_found *found)
{
	struct history_files files;
	if (!history_files_read(&reader->settings, &files))
		return HISTORY_FAILED;
	struct search_run run = { .search = search,
		                      .arena = arena,
		                      .rows = TEXT_LIMIT(STORE_RECIPIENTS_MOST * sizeof(struct store_ended)),
		                      .before_seq = search->before_seq == 0 ? INT64_MAX : search->before_seq };
	enum history_result result = HISTORY_DONE;
	for (size_t i = files.count; i-- > 0 && result == HISTORY_DONE && !run.more;) {
		/* What ended before `since` is in this file or an older one. */
		if (i + 1 < files.count && (int64_t)files.numbers[i + 1] * MILLISECOND + DAY < search->since)
			break;
		struct sql sql;
		if (reader_open(reader, files.numbers[i], &sql))
			search_file(&run, &sql);
		result = reader_close(reader, files.numbers[i], &sql);
	}
	free(files.numbers);
	found->more = run.more;
	found->before_seq = run.before_seq;
	rows_give(&run.rows, arena, &found->rows, &found->row_count);
	return result;
}
