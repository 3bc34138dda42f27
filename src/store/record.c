#include "store/record.h"

#include "base/bytes.h"
#include "base/cursor.h"

static void write_payment(const struct store_payment *payment, struct text *head)
{
	text_add(head, id_view(&payment->about));
	text_add_u8_le(head, (uint8_t)payment->notice);
	text_add_u32_le(head, (uint32_t)payment->index_count);
	for (size_t i = 0; i < payment->index_count; i++)
		text_add_u32_le(head, payment->indexes[i]);
}

static void read_id(struct cursor *cursor, struct message_id *id)
{
	const struct view bytes = cursor_bytes(cursor, sizeof(id->bytes));
	if (!cursor->failed)
		bytes_copy(id->bytes, sizeof(id->bytes), bytes);
}

static void read_payment(struct cursor *cursor, struct arena *arena, struct store_payment *payment)
{
	read_id(cursor, &payment->about);
	const uint8_t notice = cursor_u8(cursor);
	const uint32_t count = cursor_u32(cursor);
	if (notice >= STORE_NOTICE_COUNT || count > STORE_RECIPIENTS_MOST || count > cursor->rest.length / 4) {
		cursor->failed = true;
		return;
	}
	uint32_t *indexes = ARENA_ARRAY(arena, uint32_t, count);
	for (uint32_t i = 0; i < count; i++)
		indexes[i] = cursor_u32(cursor);
	payment->notice = (enum store_notice)notice;
	payment->indexes = indexes;
	payment->index_count = count;
}

/* head: u32 its own length after this field, so that the content is found without reading the recipients. */
void record_write_accept(const struct store_message *message, const struct store_payment *payment, struct text *head)
{
	const size_t start = head->length;
	text_add_u32_le(head, 0);
	text_add_u8_le(head, payment != NULL ? 1 : 0);
	if (payment != NULL)
		write_payment(payment, head);
	text_add_u64_le(head, (uint64_t)message->accepted_wall);
	text_add_u64_le(head, (uint64_t)message->accepted);
	text_add_u64_le(head, (uint64_t)message->expires);
	text_add_counted(head, message->account);
	text_add_counted(head, message->sender);
	text_add_counted(head, message->extra);
	text_add_counted(head, message->hold_reason);
	text_add_u32_le(head, (uint32_t)message->recipient_count);
	for (size_t i = 0; i < message->recipient_count; i++) {
		text_add_counted(head, message->recipients[i].address);
		text_add_counted(head, message->recipients[i].domain);
	}
	const uint32_t length = (uint32_t)(head->length - start - 4);
	for (unsigned i = 0; i < 4 && !head->overflow; i++)
		head->data[start + i] = (char)(uint8_t)(length >> (8 * i));
}

size_t record_content_offset(struct view bytes)
{
	struct cursor cursor = cursor_of(bytes);
	const uint32_t length = cursor_u32(&cursor);
	return cursor.failed || length > cursor.rest.length ? SIZE_MAX : 4 + (size_t)length;
}

static void read_recipients(struct cursor *cursor, struct arena *arena, struct store_message *message)
{
	const uint32_t count = cursor_u32(cursor);
	/* Each takes eight octets of counts at least. */
	if (count > STORE_RECIPIENTS_MOST || count > cursor->rest.length / 8) {
		cursor->failed = true;
		return;
	}
	struct store_recipient *recipients = ARENA_ARRAY(arena, struct store_recipient, count);
	for (uint32_t i = 0; i < count; i++) {
		recipients[i].address = cursor_counted(cursor);
		recipients[i].domain = cursor_counted(cursor);
	}
	message->recipients = recipients;
	message->recipient_count = count;
}

bool record_read_accept(struct view bytes, const struct message_id *id, struct arena *arena,
                        struct record_accept *accept)
{
	const size_t content = record_content_offset(bytes);
	if (content == SIZE_MAX)
		return false;
	struct cursor cursor = cursor_of(view_slice(bytes, 4, content - 4));
	*accept = (struct record_accept){ .message.id = *id };
	accept->has_payment = cursor_u8(&cursor) != 0;
	if (accept->has_payment)
		read_payment(&cursor, arena, &accept->payment);
	struct store_message *message = &accept->message;
	message->accepted_wall = (int64_t)cursor_u64(&cursor);
	message->accepted = (int64_t)cursor_u64(&cursor);
	message->expires = (int64_t)cursor_u64(&cursor);
	message->account = cursor_counted(&cursor);
	message->sender = cursor_counted(&cursor);
	message->extra = cursor_counted(&cursor);
	message->hold_reason = cursor_counted(&cursor);
	if (!cursor.failed)
		read_recipients(&cursor, arena, message);
	message->content = view_from(bytes, content);
	return cursor_is_done(&cursor);
}

static void write_verdict(const struct verdict *verdict, struct text *head)
{
	text_add_u8_le(head, (uint8_t)verdict->outcome);
	text_add_u16_le(head, verdict->code);
	text_add_u8_le(head, verdict->status.class);
	text_add_u16_le(head, verdict->status.subject);
	text_add_u16_le(head, verdict->status.detail);
	text_add_counted(head, verdict->why);
}

static struct verdict read_verdict(struct cursor *cursor)
{
	const uint8_t outcome = cursor_u8(cursor);
	struct verdict verdict = { .outcome = outcome > OUTCOME_NEVER ? OUTCOME_LATER : (enum outcome)outcome };
	verdict.code = cursor_u16(cursor);
	verdict.status.class = cursor_u8(cursor);
	verdict.status.subject = cursor_u16(cursor);
	verdict.status.detail = cursor_u16(cursor);
	verdict.why = cursor_counted(cursor);
	return verdict;
}

static void write_change_row(const struct store_change_row *row, struct text *head)
{
	text_add_u32_le(head, row->index);
	text_add_u8_le(head, (uint8_t)row->state);
	text_add_u8_le(head, row->fate);
	text_add_u8_le(head, row->tried ? 1 : 0);
	text_add_u8_le(head, row->owes);
	text_add_u32_le(head, row->attempts);
	text_add_u64_le(head, (uint64_t)row->due);
	text_add_counted(head, row->address);
	text_add_counted(head, row->domain);
	write_verdict(&row->verdict, head);
	text_add_counted(head, row->class);
	text_add_counted(head, row->reason);
}

static void read_change_row(struct cursor *cursor, struct store_change_row *row)
{
	row->index = cursor_u32(cursor);
	const uint8_t state = cursor_u8(cursor);
	if (state > STORE_ENDED)
		cursor->failed = true;
	row->state = (enum store_state)(cursor->failed ? 0 : state);
	row->fate = cursor_u8(cursor);
	row->tried = cursor_u8(cursor) != 0;
	row->owes = cursor_u8(cursor);
	row->attempts = cursor_u32(cursor);
	row->due = (int64_t)cursor_u64(cursor);
	row->address = cursor_counted(cursor);
	row->domain = cursor_counted(cursor);
	row->verdict = read_verdict(cursor);
	row->class = cursor_counted(cursor);
	row->reason = cursor_counted(cursor);
}

void record_write_change(const struct store_change *change, struct text *head)
{
	text_add_u64_le(head, change->first_seq);
	text_add(head, view_bytes(change->attempt, sizeof(change->attempt)));
	text_add_u64_le(head, (uint64_t)change->accepted_wall);
	text_add_u64_le(head, change->size);
	text_add_u64_le(head, (uint64_t)change->when_wall);
	text_add_u64_le(head, (uint64_t)change->duration);
	text_add_counted(head, change->account);
	text_add_counted(head, change->sender);
	text_add_counted(head, change->site);
	text_add_counted(head, change->remote);
	text_add_counted(head, change->egress);
	text_add_counted(head, change->tls);
	text_add_counted(head, view_first(change->dialogue, STORE_DIALOGUE_MOST));
	text_add_u8_le(head, change->keep_content ? 1 : 0);
	text_add_u32_le(head, (uint32_t)change->row_count);
	for (size_t i = 0; i < change->row_count; i++)
		write_change_row(&change->rows[i], head);
}

/* What a row takes at the least. */
#define CHANGE_ROW_LEAST 48u

bool record_read_change(struct view bytes, const struct message_id *id, struct arena *arena,
                        struct store_change *change)
{
	struct cursor cursor = cursor_of(bytes);
	*change = (struct store_change){ .id = *id, .first_seq = cursor_u64(&cursor) };
	const struct view attempt = cursor_bytes(&cursor, sizeof(change->attempt));
	if (!cursor.failed)
		bytes_copy(change->attempt, sizeof(change->attempt), attempt);
	change->accepted_wall = (int64_t)cursor_u64(&cursor);
	change->size = cursor_u64(&cursor);
	change->when_wall = (int64_t)cursor_u64(&cursor);
	change->duration = (int64_t)cursor_u64(&cursor);
	change->account = cursor_counted(&cursor);
	change->sender = cursor_counted(&cursor);
	change->site = cursor_counted(&cursor);
	change->remote = cursor_counted(&cursor);
	change->egress = cursor_counted(&cursor);
	change->tls = cursor_counted(&cursor);
	change->dialogue = cursor_counted(&cursor);
	change->keep_content = cursor_u8(&cursor) != 0;
	const uint32_t count = cursor_u32(&cursor);
	if (cursor.failed || count > STORE_RECIPIENTS_MOST || count > cursor.rest.length / CHANGE_ROW_LEAST)
		return false;
	struct store_change_row *rows = ARENA_ARRAY(arena, struct store_change_row, count);
	for (uint32_t i = 0; i < count; i++)
		read_change_row(&cursor, &rows[i]);
	change->rows = rows;
	change->row_count = count;
	return cursor_is_done(&cursor);
}

void record_write_account_hold(struct view account, struct view reason, struct text *head)
{
	text_add_counted(head, account);
	text_add_counted(head, reason);
}

bool record_read_account_hold(struct view bytes, struct view *account, struct view *reason)
{
	struct cursor cursor = cursor_of(bytes);
	*account = cursor_counted(&cursor);
	*reason = cursor_counted(&cursor);
	return cursor_is_done(&cursor);
}

void record_write_payment(const struct store_payment *payment, struct text *head)
{
	write_payment(payment, head);
}

bool record_read_payment(struct view bytes, struct arena *arena, struct store_payment *payment)
{
	struct cursor cursor = cursor_of(bytes);
	*payment = (struct store_payment){ 0 };
	read_payment(&cursor, arena, payment);
	return cursor_is_done(&cursor);
}
