#include "store/index_private.h"

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

enum index_result index_history_write(struct index *index, const struct step *steps, size_t count, int64_t queue_time)
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
