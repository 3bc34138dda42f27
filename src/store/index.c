#include "store/index_private.h"

#include "base/must.h"
#include "store/index_schema.h"

#define LANES_REMEMBERED 100000u
#define LANES_TIDIED     1000
#define SCRATCH_KEPT     ((size_t)1024 * 1024 * 1024)

static const char *const statements[STATEMENT_COUNT] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[STATE_GET] = "SELECT segment, offset, sequence, queue_time, next_seq FROM state",
	[STATE_SET] = "UPDATE state SET segment = ?1, offset = ?2, sequence = ?3, queue_time = ?4, next_seq = ?5",
	[SEGMENTS] = "SELECT number, messages, bytes FROM segment ORDER BY number",
	[SEGMENT_PUT] = "INSERT OR REPLACE INTO segment VALUES(?1, ?2, ?3)",
	[SEGMENT_REMOVE] = "DELETE FROM segment WHERE number = ?1",
	[LANE_GET] = "SELECT id FROM lane WHERE account = ?1 AND domain = ?2",
	[LANE_ADD] = "INSERT INTO lane(account, domain) VALUES(?1, ?2) RETURNING id",
	[LANE_TIDY] = ("DELETE FROM lane WHERE id > ?1 AND id <= ?2"
	               " AND NOT EXISTS (SELECT 1 FROM recipient WHERE recipient.lane = lane.id) RETURNING id"),
	[LANE_LAST] = "SELECT coalesce(max(id), 0) FROM lane",
	[MESSAGE_ADD] = "INSERT OR IGNORE INTO message VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
	[MESSAGE_LIVE] = "UPDATE message SET live = live + ?2 WHERE id = ?1 RETURNING live, segment, length",
	[MESSAGE_REMOVE] = "DELETE FROM message WHERE id = ?1",
	[MESSAGE_PLACE] = "SELECT segment, length, offset FROM message WHERE id = ?1",
	[MESSAGE_MOVE] = "UPDATE message SET segment = ?2, offset = ?3, length = ?4 WHERE id = ?1",
	[RECIPIENT_ADD] = "INSERT OR IGNORE INTO recipient VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
	[RECIPIENT_SET] = ("UPDATE recipient SET state = ?3, due = ?4, attempts = ?5,"
	                   " attempt = CASE WHEN ?6 = 0 THEN attempt ELSE ?6 END, warned = max(warned, ?7), reason = ?8"
	                   " WHERE message = ?1 AND idx = ?2"),
	[RECIPIENT_REMOVE] = "DELETE FROM recipient WHERE message = ?1 AND idx = ?2",
	[ATTEMPT_PUT] = ("INSERT OR REPLACE INTO attempt"
	                 " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"),
	[ATTEMPT_REMOVE] = "DELETE FROM attempt WHERE message = ?1 AND idx = ?2",
	[NOTICE_ADD] = "INSERT OR IGNORE INTO notice VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
	[NOTICE_REMOVE] = "DELETE FROM notice WHERE message = ?1 AND kind = ?2 AND idx = ?3",
	[HOLD_PUT] = "INSERT OR REPLACE INTO account_hold VALUES(?1, ?2)",
	[HOLD_REMOVE] = "DELETE FROM account_hold WHERE account = ?1",
};

/* ---- segments */

static struct index_segment *segment_of(struct index *index, uint64_t number)
{
	size_t place = index->segment_count;
	while (place > 0 && index->segments[place - 1].number > number)
		place--;
	if (place > 0 && index->segments[place - 1].number == number) {
		index->segment_changed[place - 1] = true;
		return &index->segments[place - 1];
	}
	if (index->segment_count == index->segment_capacity) {
		index->segment_capacity = index->segment_capacity == 0 ? 64 : index->segment_capacity * 2;
		index->segments = must_realloc(index->segments, index->segment_capacity, sizeof(index->segments[0]));
		index->segment_changed = must_realloc(index->segment_changed, index->segment_capacity, sizeof(bool));
	}
	for (size_t i = index->segment_count; i > place; i--) {
		index->segments[i] = index->segments[i - 1];
		index->segment_changed[i] = index->segment_changed[i - 1];
	}
	index->segment_count++;
	index->segments[place] = (struct index_segment){ .number = number };
	index->segment_changed[place] = true;
	return &index->segments[place];
}

void index_segment_count_in(struct index *index, uint64_t number, uint64_t bytes)
{
	struct index_segment *segment = segment_of(index, number);
	segment->messages++;
	segment->bytes += bytes;
}

void index_segment_count_out(struct index *index, uint64_t number, uint64_t bytes)
{
	struct index_segment *segment = segment_of(index, number);
	segment->messages -= segment->messages > 0 ? 1 : 0;
	segment->bytes -= segment->bytes > bytes ? bytes : segment->bytes;
}

static bool segments_load(struct index *index)
{
	index->segment_count = 0;
	sqlite3_stmt *statement = sql_use(&index->sql, SEGMENTS);
	enum sql_result result;
	while ((result = sql_step(&index->sql, statement)) == SQL_ROW) {
		struct index_segment *segment = segment_of(index, (uint64_t)sql_integer(statement, 0));
		segment->messages = (uint64_t)sql_integer(statement, 1);
		segment->bytes = (uint64_t)sql_integer(statement, 2);
	}
	for (size_t i = 0; i < index->segment_count; i++)
		index->segment_changed[i] = false;
	return result == SQL_DONE;
}

/* Within the batch's transaction. Empty ones are forgotten. */
static void segments_save(struct index *index)
{
	size_t kept = 0;
	for (size_t i = 0; i < index->segment_count; i++) {
		const struct index_segment segment = index->segments[i];
		if (index->segment_changed[i]) {
			sqlite3_stmt *put = sql_use(&index->sql, segment.messages > 0 ? SEGMENT_PUT : SEGMENT_REMOVE);
			sql_bind_integer(put, 1, (int64_t)segment.number);
			if (segment.messages > 0) {
				sql_bind_integer(put, 2, (int64_t)segment.messages);
				sql_bind_integer(put, 3, (int64_t)segment.bytes);
			}
			sql_run(&index->sql, put);
		}
		if (segment.messages == 0)
			continue;
		index->segment_changed[kept] = false;
		index->segments[kept++] = segment;
	}
	index->segment_count = kept;
}

size_t index_segments(const struct index *index, const struct index_segment **segments)
{
	*segments = index->segments;
	return index->segment_count;
}

/* ---- opening */

static bool state_read(struct index *index, struct index_state *state)
{
	sqlite3_stmt *statement = sql_use(&index->sql, STATE_GET);
	if (sql_step(&index->sql, statement) != SQL_ROW)
		return false;
	*state = (struct index_state){
		.position = { .segment = (uint64_t)sql_integer(statement, 0),
		              .offset = (uint64_t)sql_integer(statement, 1),
		              .sequence = (uint64_t)sql_integer(statement, 2) },
		.queue_time = sql_integer(statement, 3),
		.next_seq = (uint64_t)sql_integer(statement, 4),
	};
	sqlite3_reset(statement);
	return true;
}

static void lanes_forget(struct index *index)
{
	map_deinit(&index->lanes);
	index->lanes = (struct map)MAP_LIMIT(LANES_REMEMBERED, 0x9e3779b97f4a7c15u);
}

struct index *index_new(const struct index_settings *settings, struct index_state *state, struct text *problem)
{
	struct index *index = must_alloc(1, sizeof(*index));
	index->history = settings->history;
	index->disk = settings->disk;
	index->journal = settings->journal;
	index->lane_key = (struct text)TEXT_LIMIT(65536);
	index->arena.limit = SCRATCH_KEPT;
	lanes_forget(index);
	if (sql_open(&index->sql, settings->path, settings->vfs, SQL_WRITER, INDEX_SCHEMA)) {
		sql_statements(&index->sql, statements, STATEMENT_COUNT);
		if (state_read(index, state) && segments_load(index))
			return index;
	}
	text_print(problem, "%s: %s", settings->path, sql_problem(&index->sql));
	index_free(index);
	return NULL;
}

void index_free(struct index *index)
{
	if (index == NULL)
		return;
	sql_close(&index->sql);
	map_deinit(&index->lanes);
	text_deinit(&index->lane_key);
	arena_deinit(&index->arena);
	free(index->segments);
	free(index->segment_changed);
	free(index);
}

/* ---- lanes */

int64_t index_lane_of(struct index *index, struct view account, struct view domain)
{
	text_clear(&index->lane_key);
	text_add(&index->lane_key, account);
	text_add_byte(&index->lane_key, '\0');
	text_add(&index->lane_key, domain);
	const struct view key = text_view(&index->lane_key);
	const uintptr_t known = (uintptr_t)map_get(&index->lanes, key);
	if (known != 0)
		return (int64_t)known;
	sqlite3_stmt *statement = sql_use(&index->sql, LANE_GET);
	sql_bind_text(statement, 1, account);
	sql_bind_text(statement, 2, domain);
	enum sql_result result = sql_step(&index->sql, statement);
	if (result == SQL_DONE) {
		statement = sql_use(&index->sql, LANE_ADD);
		sql_bind_text(statement, 1, account);
		sql_bind_text(statement, 2, domain);
		result = sql_step(&index->sql, statement);
	}
	if (result != SQL_ROW)
		return 0;
	const int64_t lane = sql_integer(statement, 0);
	sqlite3_reset(statement);
	if (index->lanes.count == LANES_REMEMBERED)
		lanes_forget(index);
	map_put(&index->lanes, key, (void *)(uintptr_t)lane, NULL);
	return lane;
}

enum index_result index_tidy(struct index *index)
{
	sqlite3_stmt *statement = sql_use(&index->sql, LANE_TIDY);
	sql_bind_integer(statement, 1, index->tidied);
	sql_bind_integer(statement, 2, index->tidied + LANES_TIDIED);
	bool has_removed = false;
	while (sql_step(&index->sql, statement) == SQL_ROW)
		has_removed = true;
	if (has_removed)
		lanes_forget(index);
	index->tidied += LANES_TIDIED;
	statement = sql_use(&index->sql, LANE_LAST);
	if (sql_step(&index->sql, statement) == SQL_ROW) {
		if (sql_integer(statement, 0) <= index->tidied)
			index->tidied = 0;
		sqlite3_reset(statement);
	}
	if (!index->sql.failed)
		return INDEX_DONE;
	const bool is_full = index->sql.full;
	sql_roll_back(&index->sql);
	return is_full ? INDEX_FULL : INDEX_FAILED;
}

static void state_save(struct index *index, const struct index_state *state)
{
	sqlite3_stmt *statement = sql_use(&index->sql, STATE_SET);
	sql_bind_integer(statement, 1, (int64_t)state->position.segment);
	sql_bind_integer(statement, 2, (int64_t)state->position.offset);
	sql_bind_integer(statement, 3, (int64_t)state->position.sequence);
	sql_bind_integer(statement, 4, state->queue_time);
	sql_bind_integer(statement, 5, (int64_t)state->next_seq);
	sql_run(&index->sql, statement);
}

static enum index_result rows_write(struct index *index, const struct step *steps, size_t count,
                                    const struct index_state *after)
{
	sql_run(&index->sql, sql_use(&index->sql, BEGIN));
	for (size_t i = 0; i < count; i++)
		index_step_apply(index, &steps[i]);
	segments_save(index);
	state_save(index, after);
	sql_run(&index->sql, sql_use(&index->sql, COMMIT));
	if (!index->sql.failed)
		return INDEX_DONE;
	if (!index->sql.full)
		return INDEX_FAILED;
	sql_roll_back(&index->sql);
	lanes_forget(index);
	return segments_load(index) ? INDEX_FULL : INDEX_FAILED;
}

enum index_result index_apply(struct index *index, const struct index_batch *batch)
{
	arena_clear(&index->arena);
	struct step *steps = ARENA_ARRAY(&index->arena, struct step, batch->entry_count);
	size_t count = 0;
	for (size_t i = 0; i < batch->entry_count; i++)
		if (index_step_read(index, &batch->entries[i], &steps[count]))
			count++;
	index_steps_fold(index, steps, count);
	enum index_result result = index_history_write(index, steps, count, batch->after.queue_time);
	if (result == INDEX_DONE)
		result = rows_write(index, steps, count, &batch->after);
	return result;
}
