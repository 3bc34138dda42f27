#include "store/index.h"

#include "base/map.h"
#include "base/must.h"
#include "store/index_schema.h"
#include "store/record.h"
#include "store/rows.h"

#define LANES_REMEMBERED 100000u
#define LANES_TIDIED     1000
#define SCRATCH_KEPT     ((size_t)1024 * 1024 * 1024)

enum statement {
	BEGIN,
	COMMIT,
	STATE_GET,
	STATE_SET,
	SEGMENTS,
	SEGMENT_PUT,
	SEGMENT_REMOVE,
	LANE_GET,
	LANE_ADD,
	LANE_TIDY,
	LANE_LAST,
	MESSAGE_ADD,
	MESSAGE_LIVE,
	MESSAGE_REMOVE,
	MESSAGE_PLACE,
	MESSAGE_MOVE,
	RECIPIENT_ADD,
	RECIPIENT_SET,
	RECIPIENT_REMOVE,
	ATTEMPT_PUT,
	ATTEMPT_REMOVE,
	NOTICE_ADD,
	NOTICE_REMOVE,
	HOLD_PUT,
	HOLD_REMOVE,
	STATEMENT_COUNT
};

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

struct index {
	struct sql sql;
	struct history *history;
	struct disk *disk;
	const char *journal;
	struct map lanes; /* "account NUL domain" to its number, as a pointer that is never followed */
	struct text lane_key;
	int64_t tidied;                 /* up to this lane */
	struct index_segment *segments; /* ascending; those with 0 messages go at the next commit */
	bool *segment_changed;
	size_t segment_count;
	size_t segment_capacity;
	struct arena arena; /* of one batch */
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

static void segment_count_in(struct index *index, uint64_t number, uint64_t bytes)
{
	struct index_segment *segment = segment_of(index, number);
	segment->messages++;
	segment->bytes += bytes;
}

static void segment_count_out(struct index *index, uint64_t number, uint64_t bytes)
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

static int64_t lane_of(struct index *index, struct view account, struct view domain)
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

/* ---- a batch. What happens to a message within the batch that accepts it is folded into what is inserted. */

struct owed {
	const struct store_change *change; /* NULL: nothing */
	const struct store_change_row *row;
};

struct net_row {
	enum store_state state;
	int64_t due;
	uint32_t attempts;
	uint64_t attempt;
	bool warned;
	struct view reason;
	struct owed tried; /* the last attempt */
	struct owed owed[STORE_NOTICE_COUNT];
};

struct net {
	const struct store_message *message;
	struct journal_place place;
	uint64_t size;
	struct net_row *rows;
};

struct step {
	const struct index_entry *entry;
	struct record_accept *accept;
	struct store_change *change;
	struct store_payment *payment;
	struct net *net; /* of the message accepted; or of the one changed, when it was accepted in this batch */
};

static bool step_read(struct index *index, const struct index_entry *entry, struct step *step)
{
	struct arena *arena = &index->arena;
	*step = (struct step){ .entry = entry };
	switch (entry->type) {
	case RECORD_ACCEPT:
		step->accept = ARENA_NEW(arena, struct record_accept);
		if (!record_read_accept(entry->head, &entry->id, arena, step->accept))
			return false;
		if (step->accept->has_payment)
			step->payment = &step->accept->payment;
		return true;
	case RECORD_CHANGE:
		step->change = ARENA_NEW(arena, struct store_change);
		return record_read_change(entry->head, &entry->id, arena, step->change);
	case RECORD_NOTICE_DROP:
		step->payment = ARENA_NEW(arena, struct store_payment);
		return record_read_payment(entry->head, arena, step->payment);
	default:
		return true;
	}
}

static struct net *net_new(struct index *index, const struct step *step)
{
	const struct store_message *message = &step->accept->message;
	struct net *net = ARENA_NEW(&index->arena, struct net);
	*net = (struct net){ .message = message,
		                 .place = step->entry->place,
		                 .size = step->entry->place.length - record_content_offset(step->entry->head),
		                 .rows = ARENA_ARRAY(&index->arena, struct net_row, message->recipient_count) };
	const bool is_held = !view_is_empty(message->hold_reason);
	for (size_t i = 0; i < message->recipient_count; i++) {
		net->rows[i].state = is_held ? STORE_HELD : STORE_QUEUED;
		net->rows[i].due = is_held ? INT64_MAX : message->accepted;
		net->rows[i].reason = message->hold_reason;
	}
	return net;
}

static void net_fold(struct net *net, const struct store_change *change)
{
	for (size_t i = 0; i < change->row_count; i++) {
		const struct store_change_row *row = &change->rows[i];
		if (row->index >= net->message->recipient_count)
			continue;
		struct net_row *to = &net->rows[row->index];
		const struct owed here = { change, row };
		to->state = row->state;
		to->due = row->due;
		to->attempts = row->attempts;
		to->reason = row->reason;
		if (row->tried) {
			to->attempt = store_attempt_mark(change->attempt);
			to->tried = here;
		}
		for (unsigned kind = 0; kind < STORE_NOTICE_COUNT; kind++)
			if ((row->owes >> kind & 1) != 0)
				to->owed[kind] = here;
		to->warned |= (row->owes >> STORE_NOTICE_DELAY & 1) != 0;
	}
}

static void net_pay(struct net *net, const struct store_payment *payment)
{
	for (size_t i = 0; i < payment->index_count; i++)
		if (payment->indexes[i] < net->message->recipient_count)
			net->rows[payment->indexes[i]].owed[payment->notice] = (struct owed){ 0 };
}

static void steps_fold(struct index *index, struct step *steps, size_t count)
{
	struct map nets = MAP_LIMIT(SIZE_MAX, 1);
	for (size_t i = 0; i < count; i++) {
		struct step *step = &steps[i];
		if (step->payment != NULL) {
			struct net *about = map_get(&nets, id_view(&step->payment->about));
			if (about != NULL)
				net_pay(about, step->payment);
		}
		struct net *net = map_get(&nets, id_view(&step->entry->id));
		if (step->accept != NULL && net == NULL) {
			step->net = net_new(index, step);
			map_put(&nets, id_view(&step->entry->id), step->net, NULL);
		}
		if (net == NULL)
			continue;
		if (step->change != NULL) {
			step->net = net;
			net_fold(net, step->change);
		} else if (step->entry->type == RECORD_MOVED) {
			step->net = net;
			net->place = step->entry->place;
		}
	}
	map_deinit(&nets);
}

/* ---- rows in and out */

static void attempt_put(struct index *index, const struct message_id *id, struct owed tried)
{
	const struct store_change *change = tried.change;
	sqlite3_stmt *put = sql_use(&index->sql, ATTEMPT_PUT);
	sql_bind_blob(put, 1, id_view(id));
	sql_bind_integer(put, 2, tried.row->index);
	sql_bind_integer(put, 3, change->when_wall);
	row_bind_verdict(put, 4, &tried.row->verdict);
	sql_bind_text(put, 8, tried.row->class);
	sql_bind_text(put, 9, change->site);
	sql_bind_text(put, 10, change->remote);
	sql_bind_text(put, 11, change->egress);
	sql_bind_text(put, 12, change->tls);
	sql_bind_text(put, 13, change->dialogue);
	sql_run(&index->sql, put);
}

/* Whether it is new. */
static bool notice_add(struct index *index, const struct message_id *id, unsigned kind, struct owed owed)
{
	sqlite3_stmt *add = sql_use(&index->sql, NOTICE_ADD);
	sql_bind_blob(add, 1, id_view(id));
	sql_bind_integer(add, 2, kind);
	sql_bind_integer(add, 3, owed.row->index);
	sql_bind_text(add, 4, owed.row->address);
	row_bind_verdict(add, 5, &owed.row->verdict);
	sql_bind_text(add, 9, owed.change->remote);
	sql_bind_integer(add, 10, owed.row->tried ? owed.change->when_wall : 0);
	sql_bind_integer(add, 11, owed.row->attempts);
	return sql_run(&index->sql, add) && sqlite3_changes(index->sql.connection) > 0;
}

static void recipient_add(struct index *index, const struct net *net, uint32_t i)
{
	const struct store_message *message = net->message;
	const struct net_row *row = &net->rows[i];
	const int64_t lane = lane_of(index, message->account, message->recipients[i].domain);
	sqlite3_stmt *add = sql_use(&index->sql, RECIPIENT_ADD);
	sql_bind_blob(add, 1, id_view(&message->id));
	sql_bind_integer(add, 2, i);
	sql_bind_integer(add, 3, lane);
	sql_bind_text(add, 4, message->recipients[i].address);
	sql_bind_integer(add, 5, row->state);
	sql_bind_integer(add, 6, row->due);
	sql_bind_integer(add, 7, row->attempts);
	sql_bind_integer(add, 8, (int64_t)row->attempt);
	sql_bind_integer(add, 9, row->warned ? 1 : 0);
	sql_bind_text(add, 10, row->reason);
	sql_run(&index->sql, add);
	if (row->tried.change != NULL)
		attempt_put(index, &message->id, row->tried);
}

static void message_add(struct index *index, const struct net *net, uint64_t live)
{
	const struct store_message *message = net->message;
	sqlite3_stmt *add = sql_use(&index->sql, MESSAGE_ADD);
	sql_bind_blob(add, 1, id_view(&message->id));
	sql_bind_text(add, 2, message->account);
	sql_bind_text(add, 3, message->sender);
	sql_bind_blob(add, 4, message->extra);
	const int64_t numbers[] = { (int64_t)net->size,          message->accepted_wall,
		                        message->accepted,           message->expires,
		                        (int64_t)net->place.segment, (int64_t)net->place.offset,
		                        net->place.length,           (int64_t)live };
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sql_bind_integer(add, 5 + (int)i, numbers[i]);
	if (sql_run(&index->sql, add) && sqlite3_changes(index->sql.connection) > 0)
		segment_count_in(index, net->place.segment, net->place.length);
}

static void net_insert(struct index *index, const struct net *net)
{
	const struct store_message *message = net->message;
	uint64_t live = 0;
	for (uint32_t i = 0; i < message->recipient_count; i++) {
		const struct net_row *row = &net->rows[i];
		if (row->state != STORE_ENDED) {
			recipient_add(index, net, i);
			live++;
		}
		for (unsigned kind = 0; kind < STORE_NOTICE_COUNT; kind++)
			if (row->owed[kind].change != NULL && notice_add(index, &message->id, kind, row->owed[kind]))
				live++;
	}
	if (live > 0)
		message_add(index, net, live);
}

static void message_live(struct index *index, const struct message_id *id, int64_t difference)
{
	if (difference == 0)
		return;
	sqlite3_stmt *statement = sql_use(&index->sql, MESSAGE_LIVE);
	sql_bind_blob(statement, 1, id_view(id));
	sql_bind_integer(statement, 2, difference);
	if (sql_step(&index->sql, statement) != SQL_ROW)
		return;
	const int64_t live = sql_integer(statement, 0);
	const uint64_t segment = (uint64_t)sql_integer(statement, 1);
	const uint64_t length = (uint64_t)sql_integer(statement, 2);
	sqlite3_reset(statement);
	if (live > 0)
		return;
	statement = sql_use(&index->sql, MESSAGE_REMOVE);
	sql_bind_blob(statement, 1, id_view(id));
	sql_run(&index->sql, statement);
	segment_count_out(index, segment, length);
}

static bool run_on_recipient(struct index *index, size_t number, const struct message_id *id, uint32_t recipient)
{
	sqlite3_stmt *statement = sql_use(&index->sql, number);
	sql_bind_blob(statement, 1, id_view(id));
	sql_bind_integer(statement, 2, recipient);
	return sql_run(&index->sql, statement) && sqlite3_changes(index->sql.connection) > 0;
}

/* Returns by how much the message's live count changes. */
static int64_t change_row_apply(struct index *index, const struct store_change *change,
                                const struct store_change_row *row)
{
	const struct message_id *id = &change->id;
	const struct owed here = { change, row };
	int64_t difference = 0;
	if (row->state == STORE_ENDED) {
		difference -= run_on_recipient(index, RECIPIENT_REMOVE, id, row->index) ? 1 : 0;
		/* A first attempt has no former one. */
		if (row->attempts > (row->tried ? 1u : 0u))
			run_on_recipient(index, ATTEMPT_REMOVE, id, row->index);
	} else {
		sqlite3_stmt *set = sql_use(&index->sql, RECIPIENT_SET);
		sql_bind_blob(set, 1, id_view(id));
		sql_bind_integer(set, 2, row->index);
		sql_bind_integer(set, 3, row->state);
		sql_bind_integer(set, 4, row->due);
		sql_bind_integer(set, 5, row->attempts);
		sql_bind_integer(set, 6, row->tried ? (int64_t)store_attempt_mark(change->attempt) : 0);
		sql_bind_integer(set, 7, row->owes >> STORE_NOTICE_DELAY & 1);
		sql_bind_text(set, 8, row->reason);
		const bool is_there = sql_run(&index->sql, set) && sqlite3_changes(index->sql.connection) > 0;
		if (is_there && row->tried)
			attempt_put(index, id, here);
	}
	for (unsigned kind = 0; kind < STORE_NOTICE_COUNT; kind++)
		if ((row->owes >> kind & 1) != 0 && notice_add(index, id, kind, here))
			difference++;
	return difference;
}

static void change_apply(struct index *index, const struct store_change *change)
{
	int64_t difference = 0;
	for (size_t i = 0; i < change->row_count; i++)
		difference += change_row_apply(index, change, &change->rows[i]);
	message_live(index, &change->id, difference);
}

static void payment_apply(struct index *index, const struct store_payment *payment)
{
	int64_t difference = 0;
	for (size_t i = 0; i < payment->index_count; i++) {
		sqlite3_stmt *statement = sql_use(&index->sql, NOTICE_REMOVE);
		sql_bind_blob(statement, 1, id_view(&payment->about));
		sql_bind_integer(statement, 2, payment->notice);
		sql_bind_integer(statement, 3, payment->indexes[i]);
		if (sql_run(&index->sql, statement))
			difference -= sqlite3_changes(index->sql.connection);
	}
	message_live(index, &payment->about, difference);
}

static void move_apply(struct index *index, const struct index_entry *entry)
{
	sqlite3_stmt *statement = sql_use(&index->sql, MESSAGE_PLACE);
	sql_bind_blob(statement, 1, id_view(&entry->id));
	if (sql_step(&index->sql, statement) != SQL_ROW)
		return;
	segment_count_out(index, (uint64_t)sql_integer(statement, 0), (uint64_t)sql_integer(statement, 1));
	sqlite3_reset(statement);
	segment_count_in(index, entry->place.segment, entry->place.length);
	statement = sql_use(&index->sql, MESSAGE_MOVE);
	sql_bind_blob(statement, 1, id_view(&entry->id));
	sql_bind_integer(statement, 2, (int64_t)entry->place.segment);
	sql_bind_integer(statement, 3, (int64_t)entry->place.offset);
	sql_bind_integer(statement, 4, entry->place.length);
	sql_run(&index->sql, statement);
}

static void account_hold_apply(struct index *index, const struct index_entry *entry)
{
	struct view account;
	struct view reason;
	if (!record_read_account_hold(entry->head, &account, &reason))
		return;
	sqlite3_stmt *statement = sql_use(&index->sql, view_is_empty(reason) ? HOLD_REMOVE : HOLD_PUT);
	sql_bind_text(statement, 1, account);
	if (!view_is_empty(reason))
		sql_bind_text(statement, 2, reason);
	sql_run(&index->sql, statement);
}

static void step_apply(struct index *index, const struct step *step)
{
	if (step->accept != NULL && step->net != NULL)
		net_insert(index, step->net);
	if (step->change != NULL && step->net == NULL)
		change_apply(index, step->change);
	if (step->payment != NULL)
		payment_apply(index, step->payment);
	if (step->entry->type == RECORD_MOVED && step->net == NULL)
		move_apply(index, step->entry);
	if (step->entry->type == RECORD_ACCOUNT_HOLD)
		account_hold_apply(index, step->entry);
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
		step_apply(index, &steps[i]);
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

static enum history_result change_to_history(struct history *history, const struct store_change *change)
{
	uint64_t seq = change->first_seq;
	enum history_result result = HISTORY_DONE;
	for (size_t i = 0; i < change->row_count && result == HISTORY_DONE; i++) {
		const struct store_change_row *row = &change->rows[i];
		if (row->state != STORE_ENDED)
			continue;
		const struct store_ended ended = {
			.seq = seq++,
			.id = change->id,
			.index = row->index,
			.fate = row->fate,
			.attempts = row->attempts,
			.account = change->account,
			.sender = change->sender,
			.address = row->address,
			.domain = row->domain,
			.size = change->size,
			.accepted_wall = change->accepted_wall,
			.when_wall = change->when_wall,
			.duration = change->duration,
			.verdict = row->verdict,
			.class = row->class,
			.site = change->site,
			.remote = change->remote,
			.egress = change->egress,
			.tls = change->tls,
			.dialogue = change->dialogue,
			.reason = row->reason,
		};
		result = history_add(history, &ended);
	}
	return result;
}

/* Where the content lies; false: the message is not known any more, and then the history has been told before. */
static bool content_place(struct index *index, const struct step *step, struct journal_place *place)
{
	if (step->net != NULL) {
		*place = step->net->place;
		return true;
	}
	sqlite3_stmt *statement = sql_use(&index->sql, MESSAGE_PLACE);
	sql_bind_blob(statement, 1, id_view(&step->change->id));
	if (sql_step(&index->sql, statement) != SQL_ROW)
		return false;
	*place = (struct journal_place){ .segment = (uint64_t)sql_integer(statement, 0),
		                             .offset = (uint64_t)sql_integer(statement, 2),
		                             .length = (uint32_t)sql_integer(statement, 1) };
	sqlite3_reset(statement);
	return true;
}

/* A record that is damaged is not kept: the check of the queue reports it. */
static enum history_result content_to_history(struct index *index, const struct step *step)
{
	const struct store_change *change = step->change;
	struct journal_place place;
	if (!content_place(index, step, &place))
		return index->sql.failed ? HISTORY_FAILED : HISTORY_DONE;
	struct text bytes = TEXT_LIMIT(JOURNAL_RECORD_MOST);
	enum history_result result = HISTORY_DONE;
	const enum journal_result read = journal_read(index->disk, index->journal, &place, &change->id, &bytes);
	const size_t offset = read == JOURNAL_DONE ? record_content_offset(text_view(&bytes)) : SIZE_MAX;
	if (offset != SIZE_MAX)
		result = history_keep(index->history, &change->id, view_from(text_view(&bytes), offset), change->when_wall);
	text_deinit(&bytes);
	return read == JOURNAL_FAILED ? HISTORY_FAILED : result;
}

static enum history_result step_to_history(struct index *index, const struct step *step)
{
	const enum history_result result = change_to_history(index->history, step->change);
	return result == HISTORY_DONE && step->change->keep_content ? content_to_history(index, step) : result;
}

static enum index_result history_write(struct index *index, const struct step *steps, size_t count,
                                       int64_t queue_time)
{
	bool has_ended = false;
	for (size_t i = 0; i < count && !has_ended; i++)
		for (size_t j = 0; steps[i].change != NULL && j < steps[i].change->row_count; j++)
			has_ended |= steps[i].change->rows[j].state == STORE_ENDED;
	if (!has_ended)
		return INDEX_DONE;
	enum history_result result = history_begin(index->history, queue_time);
	for (size_t i = 0; i < count && result == HISTORY_DONE; i++)
		if (steps[i].change != NULL)
			result = step_to_history(index, &steps[i]);
	if (result == HISTORY_DONE)
		result = history_commit(index->history);
	if (result == HISTORY_DONE)
		return INDEX_DONE;
	history_roll_back(index->history);
	return result == HISTORY_FULL ? INDEX_FULL : INDEX_FAILED;
}

enum index_result index_apply(struct index *index, const struct index_batch *batch)
{
	arena_clear(&index->arena);
	struct step *steps = ARENA_ARRAY(&index->arena, struct step, batch->entry_count);
	size_t count = 0;
	for (size_t i = 0; i < batch->entry_count; i++)
		if (step_read(index, &batch->entries[i], &steps[count]))
			count++;
	steps_fold(index, steps, count);
	enum index_result result = history_write(index, steps, count, batch->after.queue_time);
	if (result == INDEX_DONE)
		result = rows_write(index, steps, count, &batch->after);
	return result;
}
