#include "store/history_private.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/must.h"
#include "store/journal_format.h"
#include "store/rows.h"

#define HISTORY_ROWS UINT64_C(250000)
#define FILES_MOST   100000u
#define NAME_PREFIX  VIEW("ended-")
#define NAME_SUFFIX  VIEW(".db")
#define NAME_DIGITS  16u
#define LOOKS        24u /* for what is too old, in the time of retention; at least one a day */

/* The number orders the rows of all files; the pair keeps a recipient from ending twice. */
static const char schema[] =
	"CREATE TABLE IF NOT EXISTS ended(seq INTEGER PRIMARY KEY, message BLOB NOT NULL, idx INTEGER NOT NULL,"
	" fate INTEGER NOT NULL, attempts INTEGER NOT NULL, account TEXT NOT NULL COLLATE NOCASE,"
	" sender TEXT NOT NULL COLLATE NOCASE,"
	" address TEXT NOT NULL COLLATE NOCASE, domain TEXT NOT NULL COLLATE NOCASE, size INTEGER NOT NULL, "
	"accepted_wall INTEGER NOT NULL,"
	" when_wall INTEGER NOT NULL, duration INTEGER NOT NULL, outcome INTEGER NOT NULL, code INTEGER NOT NULL,"
	" status INTEGER NOT NULL, why TEXT NOT NULL, class TEXT NOT NULL, site TEXT NOT NULL, remote TEXT NOT NULL,"
	" egress TEXT NOT NULL, tls TEXT NOT NULL, dialogue TEXT NOT NULL, reason TEXT NOT NULL) STRICT;"
	"CREATE UNIQUE INDEX IF NOT EXISTS once ON ended(message, idx);"
	"CREATE TABLE IF NOT EXISTS kept(message BLOB PRIMARY KEY, content BLOB NOT NULL) STRICT, WITHOUT ROWID;";

static const char sealing[] = "CREATE INDEX IF NOT EXISTS by_account ON ended(account, seq);"
							  "CREATE INDEX IF NOT EXISTS by_address ON ended(address, seq);"
							  "CREATE INDEX IF NOT EXISTS by_domain ON ended(domain, seq);"
							  "PRAGMA wal_checkpoint(TRUNCATE);";

#define ENDED_COLUMNS                                                                                                \
	"seq, message, idx, fate, attempts, account, sender, address, domain, size, accepted_wall, when_wall, duration," \
	" outcome, code, status, why, class, site, remote, egress, tls, dialogue, reason"

#define SEARCH_WHERE(more)                                                                                           \
	"SELECT " ENDED_COLUMNS " FROM ended WHERE " more "seq < ?1 AND when_wall >= ?2 AND when_wall < ?3"              \
	" ORDER BY seq DESC"

const char *const history_statements[HISTORY_STATEMENT_COUNT] = {
	[ADD] = ("INSERT OR IGNORE INTO ended(" ENDED_COLUMNS ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,"
	         "?15,?16,?17,?18,?19,?20,?21,?22,?23,?24)"),
	[BEGUN] = "PRAGMA user_version", /* minutes of queue time, rounded up; 0: not known */
	[EXTENT] = "SELECT count(*) FROM ended",
	[OF_MESSAGE] = "SELECT " ENDED_COLUMNS " FROM ended WHERE message = ?1 ORDER BY idx",
	[KEEP] = "INSERT OR IGNORE INTO kept(message, content) VALUES(?1, ?2)",
	[IS_KEPT] = "SELECT 1 FROM kept WHERE message = ?1",
	[KEPT] = "SELECT content FROM kept WHERE message = ?1",
	[SEARCH_ALL] = SEARCH_WHERE(""),
	[SEARCH_ACCOUNT] = SEARCH_WHERE("account = ?4 AND "),
	[SEARCH_ADDRESS] = SEARCH_WHERE("address = ?4 AND "),
	[SEARCH_DOMAIN] = SEARCH_WHERE("domain = ?4 AND "),
};

/* ---- files */

void history_file_path(char path[HISTORY_PATH_MOST], const char *directory, uint64_t number, const char *suffix)
{
	const int length = snprintf(path, HISTORY_PATH_MOST, "%s/%.*s%016llx%.*s%s", directory, VIEW_PRINT(NAME_PREFIX),
	                            (unsigned long long)number, VIEW_PRINT(NAME_SUFFIX), suffix);
	must(length > 0 && (size_t)length < HISTORY_PATH_MOST);
}

static int compare_numbers(const void *a, const void *b)
{
	const uint64_t left = *(const uint64_t *)a;
	const uint64_t right = *(const uint64_t *)b;
	return left < right ? -1 : left > right;
}

static bool name_parse(struct view name, uint64_t *number)
{
	if (name.length != NAME_PREFIX.length + NAME_DIGITS + NAME_SUFFIX.length || !view_starts(name, NAME_PREFIX) ||
	    !view_ends(name, NAME_SUFFIX))
		return false;
	return segment_name_parse(view_slice(name, NAME_PREFIX.length, NAME_DIGITS), number);
}

bool history_files_read(const struct history_settings *settings, struct history_files *files)
{
	*files = (struct history_files){ 0 };
	struct text names = TEXT_LIMIT((size_t)16 * 1024 * 1024);
	const bool listed = settings->disk->operations->list(settings->disk, settings->directory, &names) == DISK_OK;
	struct view rest = text_view(&names);
	struct view name;
	size_t capacity = 0;
	while (listed && rest.length > 0 && files->count < FILES_MOST && view_split(&rest, '\0', &name)) {
		uint64_t number = 0;
		if (!name_parse(name, &number))
			continue;
		if (files->count == capacity) {
			capacity = capacity == 0 ? 64 : capacity * 2;
			files->numbers = must_realloc(files->numbers, capacity, sizeof(uint64_t));
		}
		files->numbers[files->count++] = number;
	}
	text_deinit(&names);
	if (files->count > 0)
		qsort(files->numbers, files->count, sizeof(uint64_t), compare_numbers);
	return listed;
}

/* ---- the writer */

struct history {
	struct history_settings settings;
	struct sql sql; /* of the newest file; connection NULL: none yet */
	uint64_t number;
	uint64_t rows;
	uint64_t added; /* in the open transaction */
	int64_t begun_wall;
	int64_t queue_time; /* of the open transaction */
	int64_t looked;     /* for what is too old, so many pauses after the beginning of queue time */
	bool has_file;
};

static bool file_use(struct history *history, uint64_t number)
{
	char path[HISTORY_PATH_MOST];
	history_file_path(path, history->settings.directory, number, "");
	if (!sql_open(&history->sql, path, history->settings.vfs, SQL_WRITER, schema))
		return false;
	sql_statements(&history->sql, history_statements, HISTORY_STATEMENT_COUNT);
	sqlite3_stmt *extent = sql_use(&history->sql, EXTENT);
	if (sql_step(&history->sql, extent) != SQL_ROW)
		return false;
	history->rows = (uint64_t)sql_integer(extent, 0);
	sqlite3_reset(extent);
	history->number = number;
	history->begun_wall = (int64_t)number * MILLISECOND;
	history->has_file = true;
	return true;
}

struct history *history_new(const struct history_settings *settings, struct text *problem)
{
	struct history *history = must_alloc(1, sizeof(*history));
	history->settings = *settings;
	if (history->settings.rows == 0)
		history->settings.rows = HISTORY_ROWS;
	struct history_files files;
	bool is_open = history_files_read(settings, &files);
	if (is_open && files.count > 0)
		is_open = file_use(history, files.numbers[files.count - 1]);
	free(files.numbers);
	if (is_open)
		return history;
	text_print(problem, "history in %s: %s", settings->directory, sql_problem(&history->sql));
	history_free(history);
	return NULL;
}

void history_free(struct history *history)
{
	if (history == NULL)
		return;
	sql_close(&history->sql);
	free(history);
}

static enum history_result history_result(const struct history *history)
{
	if (!history->sql.failed)
		return HISTORY_DONE;
	return history->sql.full ? HISTORY_FULL : HISTORY_FAILED;
}

/* With the first rows, so that no file has rows and does not say how old they are: the file before it would pass for
 * older than it is. */
static void transaction_begin(struct history *history)
{
	char begun[64];
	snprintf(begun, sizeof(begun), "PRAGMA user_version=%d", (int)(history->queue_time / MINUTE + 1));
	sql_execute(&history->sql, "BEGIN IMMEDIATE");
	if (history->rows == 0)
		sql_execute(&history->sql, begun);
}

enum history_result history_begin(struct history *history, int64_t queue_time)
{
	history->queue_time = queue_time;
	/* The first file is made by its first row, so that it bears the time of that row. */
	if (history->has_file)
		transaction_begin(history);
	return history_result(history);
}

static enum history_result file_drop(const struct history *history, uint64_t number)
{
	static const char *const suffixes[] = { "-wal", "-shm", "" };
	struct disk *disk = history->settings.disk;
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		char path[HISTORY_PATH_MOST];
		history_file_path(path, history->settings.directory, number, suffixes[i]);
		const enum disk_result removed = disk->operations->remove(disk, path);
		if (removed != DISK_OK && removed != DISK_ABSENT)
			return HISTORY_FAILED;
	}
	return HISTORY_DONE;
}

/* SQLite makes the file, but does not make its name last. */
static bool file_begin(struct history *history, uint64_t number)
{
	struct disk *disk = history->settings.disk;
	if (!file_use(history, number) || disk->operations->sync_directory(disk, history->settings.directory) != DISK_OK)
		return false;
	transaction_begin(history);
	return !history->sql.failed;
}

/* Where there was no room for it, it is made anew with the next row. */
static enum history_result file_make(struct history *history, int64_t wall)
{
	const uint64_t now = (uint64_t)(wall / MILLISECOND);
	const uint64_t number = now > history->number ? now : history->number + 1;
	if (file_begin(history, number))
		return HISTORY_DONE;
	const bool is_full = history->sql.full;
	sql_close(&history->sql);
	history->has_file = false;
	return is_full && file_drop(history, number) == HISTORY_DONE ? HISTORY_FULL : HISTORY_FAILED;
}

enum history_result history_add(struct history *history, const struct store_ended *row)
{
	const enum history_result made = history->has_file ? HISTORY_DONE : file_make(history, row->when_wall);
	if (made != HISTORY_DONE)
		return made;
	sqlite3_stmt *add = sql_use(&history->sql, ADD);
	sql_bind_integer(add, 1, (int64_t)row->seq);
	sql_bind_blob(add, 2, id_view(&row->id));
	sql_bind_integer(add, 3, row->index);
	sql_bind_integer(add, 4, row->fate);
	sql_bind_integer(add, 5, row->attempts);
	sql_bind_text(add, 6, row->account);
	sql_bind_text(add, 7, row->sender);
	sql_bind_text(add, 8, row->address);
	sql_bind_text(add, 9, row->domain);
	sql_bind_integer(add, 10, (int64_t)row->size);
	sql_bind_integer(add, 11, row->accepted_wall);
	sql_bind_integer(add, 12, row->when_wall);
	sql_bind_integer(add, 13, row->duration);
	row_bind_verdict(add, 14, &row->verdict);
	const struct view texts[] = { row->class, row->site,     row->remote, row->egress,
		                          row->tls,   row->dialogue, row->reason };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		sql_bind_text(add, 18 + (int)i, texts[i]);
	if (sql_run(&history->sql, add))
		history->added += (uint64_t)sqlite3_changes(history->sql.connection);
	return history_result(history);
}

enum history_result history_keep(struct history *history, const struct message_id *id, struct view content,
                                 int64_t wall)
{
	const enum history_result made = history->has_file ? HISTORY_DONE : file_make(history, wall);
	if (made != HISTORY_DONE)
		return made;
	sqlite3_stmt *keep = sql_use(&history->sql, KEEP);
	sql_bind_blob(keep, 1, id_view(id));
	sql_bind_blob(keep, 2, content);
	sql_run(&history->sql, keep);
	return history_result(history);
}

enum history_result history_commit(struct history *history)
{
	if (!history->has_file)
		return HISTORY_DONE;
	sql_execute(&history->sql, "COMMIT");
	const enum history_result result = history_result(history);
	if (result == HISTORY_DONE)
		history->rows += history->added;
	history->added = 0;
	return result;
}

void history_roll_back(struct history *history)
{
	history->added = 0;
	if (history->has_file)
		sql_roll_back(&history->sql);
}

static enum history_result file_seal(struct history *history)
{
	sql_execute(&history->sql, sealing);
	const enum history_result result = history_result(history);
	if (result != HISTORY_DONE) {
		sql_roll_back(&history->sql);
		return result;
	}
	sql_close(&history->sql);
	history->has_file = false;
	return HISTORY_DONE;
}

/* The queue time at which a file was begun; 0: it does not say. */
static int64_t file_begun(const struct history *history, uint64_t number)
{
	char path[HISTORY_PATH_MOST];
	struct sql sql;
	int64_t begun = 0;
	history_file_path(path, history->settings.directory, number, "");
	if (sql_open(&sql, path, history->settings.vfs, SQL_READER, NULL)) {
		sql_statements(&sql, history_statements, HISTORY_STATEMENT_COUNT);
		sqlite3_stmt *statement = sql_use(&sql, BEGUN);
		if (sql_step(&sql, statement) == SQL_ROW)
			begun = sql_integer(statement, 0) * MINUTE;
	}
	sql_close(&sql);
	return begun;
}

/* Where the next one begins that says so; INT64_MAX: nobody does. */
static int64_t file_end(const struct history *history, const struct history_files *files, size_t i)
{
	int64_t end = 0;
	while (end == 0 && ++i < files->count)
		end = file_begun(history, files->numbers[i]);
	return end == 0 ? INT64_MAX : end;
}

/* By queue time, so that a clock that jumps ahead does not take the history with it. */
static enum history_result files_drop(struct history *history, int64_t queue_time)
{
	struct history_files files;
	enum history_result result = history_files_read(&history->settings, &files) ? HISTORY_DONE : HISTORY_FAILED;
	for (size_t i = 0; i + 1 < files.count && result == HISTORY_DONE; i++) {
		const int64_t end = file_end(history, &files, i);
		if (end > queue_time - history->settings.retention)
			break;
		result = file_drop(history, files.numbers[i]);
	}
	free(files.numbers);
	return result;
}

enum history_result history_turn(struct history *history, int64_t wall, int64_t queue_time)
{
	/* A clock that was set back makes no file older. */
	const bool is_old = history->has_file && wall / DAY > history->begun_wall / DAY;
	if (history->has_file && history->rows > 0 && (is_old || history->rows >= history->settings.rows)) {
		const enum history_result sealed = file_seal(history);
		if (sealed != HISTORY_DONE)
			return sealed;
	}
	const int64_t pause = history->settings.retention / LOOKS;
	const int64_t looked = queue_time / (pause < DAY ? pause + 1 : DAY);
	if (looked == history->looked)
		return HISTORY_DONE;
	history->looked = looked;
	return files_drop(history, queue_time);
}
