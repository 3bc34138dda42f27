#include "store/index_private.h"

#include "store/rows.h"

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
	const int64_t lane = index_lane_of(index, message->account, message->recipients[i].domain);
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
		index_segment_count_in(index, net->place.segment, net->place.length);
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
	index_segment_count_out(index, segment, length);
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
	index_segment_count_out(index, (uint64_t)sql_integer(statement, 0), (uint64_t)sql_integer(statement, 1));
	sqlite3_reset(statement);
	index_segment_count_in(index, entry->place.segment, entry->place.length);
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

void index_step_apply(struct index *index, const struct step *step)
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
