#include "rooms/resolver/keep.h"

#include "base/cursor.h"
#include "base/must.h"
#include "store/sql.h"

#include <stdio.h>

enum {
	GROUP_MOST = 8 * 1024 * 1024,  /* bytes that wait to be written */
	READ_MOST = 128 * 1024 * 1024, /* bytes that are read at the start */
	VALUE_MOST = 1024 * 1024,      /* of one row */
	PUT = 1,
	REMOVE = 2,
};

static const int64_t gathering = SECOND;

static const char schema[] = "CREATE TABLE IF NOT EXISTS kept(kind INTEGER NOT NULL, key BLOB NOT NULL,"
							 "  value BLOB NOT NULL, wall INTEGER NOT NULL, PRIMARY KEY(kind, key)) WITHOUT ROWID;"
							 "CREATE INDEX IF NOT EXISTS kept_wall ON kept(kind, wall);";

#define STATEMENTS(S)                                                                                                \
	S(PUT, "INSERT OR REPLACE INTO kept VALUES(?1, ?2, ?3, ?4)")                                                     \
	S(REMOVE, "DELETE FROM kept WHERE kind = ?1 AND key = ?2")                                                       \
	S(READ, "SELECT key, value, wall FROM kept WHERE kind = ?1 AND wall >= ?2 ORDER BY wall DESC LIMIT ?3")          \
	S(REMOVE_OLD, "DELETE FROM kept WHERE kind = ?1 AND wall < ?2")

enum statement {
#define NAME(name, sql) STATEMENT_##name,
	STATEMENTS(NAME)
#undef NAME
};
static const char *const statement_texts[] = {
#define TEXT(name, sql) [STATEMENT_##name] = (sql),
	STATEMENTS(TEXT)
#undef TEXT
};

struct keep {
	struct world *world;
	struct log *log;
	struct worker *worker; /* one thread: it alone touches sql while it works */
	struct sql sql;
	char path[4096];
	struct text group; /* of rows, packed: what the next write takes */
	struct signal wanted, written;
	struct task_group tasks;
	bool writing;
	bool full_told;
	bool given_up; /* the file can no longer be written */
};

/* ---- the file, on the worker */

static bool file_open(struct keep *keep)
{
	if (!sql_open(&keep->sql, keep->path, NULL, SQL_WRITER, schema))
		return false;
	sql_statements(&keep->sql, statement_texts, sizeof(statement_texts) / sizeof(statement_texts[0]));
	return sql_use(&keep->sql, STATEMENT_READ) != NULL;
}

static void file_remove(const struct keep *keep)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct text path = TEXT_LIMIT(sizeof(keep->path) + 8);
		text_print(&path, "%s%s", keep->path, ends[i]);
		(void)remove(text_cstring(&path)); /* perhaps there is none */
		text_deinit(&path);
	}
}

static void run_open(void *argument)
{
	struct keep *keep = argument;
	if (file_open(keep))
		return;
	/* Nothing in it that could not be asked again. */
	sql_close(&keep->sql);
	file_remove(keep);
	file_open(keep);
}

static bool row_write(struct keep *keep, struct cursor *cursor)
{
	const uint8_t what = cursor_u8(cursor);
	const uint8_t kind = cursor_u8(cursor);
	const int64_t wall = (int64_t)cursor_u64(cursor);
	const struct view key = cursor_counted(cursor);
	const struct view value = cursor_counted(cursor);
	sqlite3_stmt *statement = sql_use(&keep->sql, what == PUT ? STATEMENT_PUT : STATEMENT_REMOVE);
	sql_bind_integer(statement, 1, kind);
	sql_bind_blob(statement, 2, key);
	if (what == PUT) {
		sql_bind_blob(statement, 3, value);
		sql_bind_integer(statement, 4, wall);
	}
	return sql_run(&keep->sql, statement);
}

struct writing {
	struct keep *keep;
	struct text group;
	bool good;
};

static void run_write(void *argument)
{
	struct writing *writing = argument;
	struct sql *sql = &writing->keep->sql;
	struct cursor cursor = cursor_of(text_view(&writing->group));
	writing->good = sql_execute(sql, "BEGIN IMMEDIATE");
	while (writing->good && cursor.rest.length > 0)
		writing->good = row_write(writing->keep, &cursor);
	must(!cursor.failed);
	writing->good = writing->good && sql_execute(sql, "COMMIT");
	if (!writing->good)
		sql_roll_back(sql);
}

struct reading {
	struct keep *keep;
	enum kept kind;
	int64_t since;
	size_t most;
	struct text rows;
};

static void run_read(void *argument)
{
	struct reading *reading = argument;
	struct sql *sql = &reading->keep->sql;
	sqlite3_stmt *statement = sql_use(sql, STATEMENT_READ);
	sql_bind_integer(statement, 1, reading->kind);
	sql_bind_integer(statement, 2, reading->since);
	sql_bind_integer(statement, 3, (int64_t)reading->most);
	int64_t oldest = INT64_MAX;
	size_t count = 0;
	while (sql_step(sql, statement) == SQL_ROW) {
		const struct view key = sql_view(statement, 0);
		const struct view value = sql_view(statement, 1);
		if (reading->rows.length + key.length + value.length + 16 > READ_MOST)
			break;
		oldest = sql_integer(statement, 2);
		text_add_u64_le(&reading->rows, (uint64_t)oldest);
		text_add_counted(&reading->rows, key);
		text_add_counted(&reading->rows, value);
		count++;
	}
	statement = sql_use(sql, STATEMENT_REMOVE_OLD);
	sql_bind_integer(statement, 1, reading->kind);
	sql_bind_integer(statement, 2, count < reading->most ? reading->since : oldest);
	sql_run(sql, statement);
}

/* ---- on the loop */

static void on_worker(struct keep *keep, void (*run)(void *argument), void *argument)
{
	keep->world->operations->work(keep->world, keep->worker, run, argument);
}

static void tell(struct keep *keep, struct view what)
{
	const struct log_field fields[] = { LOG_TEXT_FIELD("path", view_of(keep->path)),
		                                LOG_TEXT_FIELD("reason", view_of(sql_problem(&keep->sql))) };
	log_line(keep->log, LOG_WARNING, what, fields, 2);
}

static void write_group(struct keep *keep)
{
	struct writing writing = { .keep = keep, .group = keep->group };
	keep->group = (struct text)TEXT_LIMIT(GROUP_MOST);
	keep->full_told = false;
	keep->writing = true;
	on_worker(keep, run_write, &writing);
	keep->writing = false;
	if (!writing.good)
		tell(keep, VIEW("verdicts could not be kept for the next start"));
	keep->given_up = keep->sql.failed;
	text_deinit(&writing.group);
	signal_wake_all(&keep->written);
}

static void write_groups(void *argument)
{
	struct keep *keep = argument;
	for (;;) {
		while (keep->group.length == 0)
			if (signal_wait(&keep->wanted, NEVER_DUE) != WAIT_DONE)
				return;
		const enum wait_result gathered = task_sleep(keep->world, gathering);
		if (keep->group.length > 0 && !keep->writing)
			write_group(keep);
		if (gathered == WAIT_CANCELLED)
			return;
	}
}

struct keep *keep_open(struct world *world, struct log *log, const char *directory)
{
	struct keep *keep = must_alloc(1, sizeof(*keep));
	*keep = (struct keep){ .world = world, .log = log, .group = TEXT_LIMIT(GROUP_MOST) };
	must(snprintf(keep->path, sizeof(keep->path), "%s/resolver.db", directory) < (int)sizeof(keep->path));
	signal_init(&keep->wanted);
	signal_init(&keep->written);
	task_group_init(&keep->tasks);
	keep->worker = worker_new(world, "keep", 1);
	on_worker(keep, run_open, keep);
	if (keep->sql.failed) {
		tell(keep, VIEW("verdicts are not kept: the file cannot be used"));
		keep_close(keep);
		return NULL;
	}
	task_group_start(&keep->tasks, world, "keep", write_groups, keep);
	return keep;
}

void keep_flush(struct keep *keep, int64_t deadline)
{
	if (keep == NULL)
		return;
	while (keep->writing)
		if (signal_wait(&keep->written, deadline) != WAIT_DONE)
			return;
	if (keep->group.length > 0)
		write_group(keep);
}

void keep_close(struct keep *keep)
{
	if (keep == NULL)
		return;
	worker_free(keep->worker);
	sql_close(&keep->sql);
	text_deinit(&keep->group);
	free(keep);
}

static void add(struct keep *keep, uint8_t what, enum kept kind, const struct kept_row *row)
{
	const bool was_empty = keep->group.length == 0;
	if (keep->given_up)
		return;
	if (keep->group.length + row->key.length + row->value.length + 32 > GROUP_MOST) {
		if (!keep->full_told)
			log_line(keep->log, LOG_WARNING, VIEW("too many verdicts at once: some are not kept"), NULL, 0);
		keep->full_told = true;
		return;
	}
	text_add_u8_le(&keep->group, what);
	text_add_u8_le(&keep->group, (uint8_t)kind);
	text_add_u64_le(&keep->group, (uint64_t)row->wall);
	text_add_counted(&keep->group, row->key);
	text_add_counted(&keep->group, row->value);
	must(!keep->group.overflow);
	if (was_empty)
		signal_wake_all(&keep->wanted);
}

void keep_put(struct keep *keep, enum kept kind, struct view key, struct view value, int64_t wall)
{
	if (keep != NULL && value.length <= VALUE_MOST)
		add(keep, PUT, kind, &(struct kept_row){ key, value, wall });
}

void keep_remove(struct keep *keep, enum kept kind, struct view key)
{
	if (keep != NULL)
		add(keep, REMOVE, kind, &(struct kept_row){ .key = key });
}

void keep_read(struct keep *keep, enum kept kind, int64_t since, size_t most,
               void (*take)(void *context, const struct kept_row *row), void *context)
{
	if (keep == NULL)
		return;
	struct reading reading = {
		.keep = keep,
		.kind = kind,
		.since = since,
		.most = most,
		.rows = TEXT_LIMIT(READ_MOST),
	};
	on_worker(keep, run_read, &reading);
	struct cursor cursor = cursor_of(text_view(&reading.rows));
	while (cursor.rest.length > 0) {
		struct kept_row row = { .wall = (int64_t)cursor_u64(&cursor) };
		row.key = cursor_counted(&cursor);
		row.value = cursor_counted(&cursor);
		must(!cursor.failed);
		take(context, &row);
	}
	text_deinit(&reading.rows);
}
