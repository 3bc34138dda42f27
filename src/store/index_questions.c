/* What people ask: lists, sums, and whether all is well. */
#include "store/index_reader_private.h"

#include "store/rows.h"

#define SUMMARY_LANES 500 /* in one snapshot */

static bool sender_is_of(struct view sender, struct view domain)
{
	const size_t at = view_find_last_byte(sender, '@');
	return at != VIEW_NOT_FOUND && view_equal_nocase(view_from(sender, at + 1), domain);
}

static bool filter_matches(const struct store_filter *filter, sqlite3_stmt *statement)
{
	const struct {
		struct view wanted;
		int column;
	} fields[] = { { filter->account, ROW_ACCOUNT_COLUMN },
		           { filter->address, ROW_ADDRESS_COLUMN },
		           { filter->domain, ROW_DOMAIN_COLUMN } };
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (!view_is_empty(fields[i].wanted) &&
		    !view_equal_nocase(fields[i].wanted, sql_view(statement, fields[i].column)))
			return false;
	if (!view_is_empty(filter->sender_domain) &&
	    !sender_is_of(sql_view(statement, ROW_SENDER_COLUMN), filter->sender_domain))
		return false;
	return !filter->has_state || index_state_of(sql_integer(statement, ROW_STATE_COLUMN)) == filter->state;
}

enum index_result index_list(struct index_reader *reader, const struct store_filter *filter,
                             struct store_cursor *cursor, size_t most, size_t examine, struct arena *arena,
                             struct store_rows *page)
{
	struct gather gather = index_gather_into(arena);
	size_t count = 0;
	size_t looked = 0;
	page->more = false;
	sqlite3_stmt *statement = sql_use(&reader->sql, LIST);
	const struct message_id from = cursor->id; /* lent to the statement, while the cursor moves on */
	if (cursor->set) {
		sql_bind_blob(statement, 1, id_view(&from));
		sql_bind_integer(statement, 2, cursor->index);
	} else {
		sql_bind_blob(statement, 1, filter->has_id ? id_view(&filter->id) : VIEW(""));
		sql_bind_integer(statement, 2, -1);
	}
	while (sql_step(&reader->sql, statement) == SQL_ROW) {
		const struct view id = sql_view(statement, 0);
		if (filter->has_id && !view_equal(id, id_view(&filter->id)))
			break;
		if (count == most || looked == examine) {
			page->more = true;
			break;
		}
		looked++;
		row_id(id, &cursor->id);
		cursor->index = (uint32_t)sql_integer(statement, ROW_INDEX_COLUMN);
		cursor->set = true;
		if (!filter_matches(filter, statement))
			continue;
		struct store_row row;
		index_row_read(statement, arena, &row);
		index_gather_add(&gather, &row, sizeof(row));
		count++;
	}
	page->rows = index_gather_end(&gather, sizeof(struct store_row), &page->row_count);
	index_attempts_read(reader, arena, page);
	return index_reader_result(reader);
}

/* Keeps the largest lanes in order; those that fall out at the end are forgotten. */
static void lane_rank(struct store_totals *totals, size_t most, const struct store_lane_count *lane)
{
	uint64_t size = 0;
	for (size_t i = 0; i < STORE_ENDED; i++)
		size += lane->recipients[i];
	size_t place = totals->lane_count;
	for (; place > 0; place--) {
		uint64_t before = 0;
		for (size_t i = 0; i < STORE_ENDED; i++)
			before += totals->lanes[place - 1].recipients[i];
		if (before >= size)
			break;
		if (place < most)
			totals->lanes[place] = totals->lanes[place - 1];
	}
	if (place == most)
		return;
	totals->lanes[place] = *lane;
	totals->lane_count += totals->lane_count < most ? 1 : 0;
}

static void summary_row(sqlite3_stmt *statement, size_t most, struct arena *arena, struct store_totals *totals)
{
	struct store_lane_count lane = { 0 };
	struct message_id oldest;
	row_id(sql_view(statement, 5), &oldest);
	lane.oldest_wall = id_wall(&oldest);
	for (int i = 0; i < STORE_ENDED; i++) {
		lane.recipients[i] = (uint64_t)sql_integer(statement, 2 + i);
		totals->recipients[i] += lane.recipients[i];
	}
	if (totals->oldest_wall == 0 || lane.oldest_wall < totals->oldest_wall)
		totals->oldest_wall = lane.oldest_wall;
	if (most == 0)
		return;
	lane.account = arena_copy(arena, sql_view(statement, 0));
	lane.domain = arena_copy(arena, sql_view(statement, 1));
	lane_rank(totals, most, &lane);
}

static int64_t single_integer(struct index_reader *reader, size_t number)
{
	sqlite3_stmt *statement = sql_use(&reader->sql, number);
	if (sql_step(&reader->sql, statement) != SQL_ROW)
		return 0;
	const int64_t value = sql_integer(statement, 0);
	sqlite3_reset(statement);
	return value;
}

/* Each slice of lanes is a snapshot of its own, so that the log can be checkpointed in between. */
enum index_result index_summary(struct index_reader *reader, size_t most, struct arena *arena,
                                struct store_totals *totals)
{
	*totals = (struct store_totals){ .lanes = ARENA_ARRAY(arena, struct store_lane_count, most) };
	const int64_t last = single_integer(reader, SUMMARY_LAST);
	totals->messages = (uint64_t)single_integer(reader, TOTAL_MESSAGES);
	totals->bytes = (uint64_t)single_integer(reader, TOTAL_BYTES);
	for (int64_t lane = 0; lane < last && !reader->sql.failed; lane += SUMMARY_LANES) {
		sqlite3_stmt *statement = sql_use(&reader->sql, SUMMARY);
		sql_bind_integer(statement, 1, lane);
		sql_bind_integer(statement, 2, lane + SUMMARY_LANES);
		while (sql_step(&reader->sql, statement) == SQL_ROW)
			summary_row(statement, most, arena, totals);
		index_reader_end(reader);
		uint64_t applied;
		if (index_reader_begin(reader, &applied) != INDEX_DONE)
			return INDEX_FAILED;
	}
	return index_reader_result(reader);
}

enum index_result index_count(struct index_reader *reader, uint64_t *messages)
{
	*messages = (uint64_t)single_integer(reader, TOTAL_MESSAGES);
	return index_reader_result(reader);
}

static int64_t count_between(struct index_reader *reader, const struct message_id *from, struct view to)
{
	sqlite3_stmt *statement = sql_use(&reader->sql, CHECK_ORPHAN);
	sql_bind_blob(statement, 1, id_view(from));
	sql_bind_blob(statement, 2, to);
	if (sql_step(&reader->sql, statement) != SQL_ROW)
		return 0;
	const int64_t count = sql_integer(statement, 0);
	sqlite3_reset(statement);
	return count;
}

static void check_counts(struct index_reader *reader, const struct message_id *id, int64_t live,
                         const struct journal_place *place, struct text *fault)
{
	sqlite3_stmt *statement = sql_use(&reader->sql, CHECK_COUNTS);
	sql_bind_blob(statement, 1, id_view(id));
	if (sql_step(&reader->sql, statement) == SQL_ROW && sql_integer(statement, 0) != live)
		text_print(fault, "counts %lld recipients and notices, has %lld", (long long)live,
		           (long long)sql_integer(statement, 0));
	sqlite3_reset(statement);
	statement = sql_use(&reader->sql, CHECK_SEGMENT);
	sql_bind_integer(statement, 1, (int64_t)place->segment);
	if (sql_step(&reader->sql, statement) == SQL_DONE)
		text_print(fault, "%slies in segment %llu, which counts no message", fault->length > 0 ? "; " : "",
		           (unsigned long long)place->segment);
	else
		sqlite3_reset(statement);
}

enum index_result index_check(struct index_reader *reader, struct message_id *id, struct journal_place *place,
                              struct text *fault)
{
	static const char last[17] = { -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1 };
	sqlite3_stmt *statement = sql_use(&reader->sql, CHECK_NEXT);
	sql_bind_blob(statement, 1, id_view(id));
	const enum sql_result result = sql_step(&reader->sql, statement);
	if (result == SQL_DONE) {
		if (count_between(reader, id, view_bytes(last, sizeof(last))) > 0)
			text_print(fault, "rows of a message that is not there, at the end");
		return reader->sql.failed ? INDEX_FAILED : INDEX_ABSENT;
	}
	if (result != SQL_ROW)
		return INDEX_FAILED;
	struct message_id found;
	row_id(sql_view(statement, 0), &found);
	*place = (struct journal_place){ .segment = (uint64_t)sql_integer(statement, 1),
		                             .offset = (uint64_t)sql_integer(statement, 2),
		                             .length = (uint32_t)sql_integer(statement, 3) };
	const int64_t live = sql_integer(statement, 4);
	sqlite3_reset(statement);
	if (count_between(reader, id, id_view(&found)) > 0)
		text_print(fault, "rows of a message that is not there, before this one; ");
	check_counts(reader, &found, live, place, fault);
	*id = found;
	return index_reader_result(reader);
}
