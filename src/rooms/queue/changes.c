#include "rooms/queue/queue_private.h"

#include "base/must.h"

/* How long a notice waits for other recipients of its message to fail too. */
#define NOTICE_GATHERS (2 * SECOND)

/* ---- the log. One line a recipient. Customers' messages are told accepted by submission, which knows the client; a
 * notice of our own is told here. */

struct id_text {
	char bytes[ID_TEXT_LENGTH];
};

static struct view id_text(const struct message_id *id, struct id_text *into)
{
	struct text text = TEXT_LIMIT(ID_TEXT_LENGTH);
	text_add_id(&text, id);
	for (size_t i = 0; i < text.length; i++)
		into->bytes[i] = text.data[i];
	text_deinit(&text);
	return view_bytes(into->bytes, ID_TEXT_LENGTH);
}

static void log_accepted(struct queue *queue, const struct store_message *message)
{
	struct id_text id;
	const bool is_single = message->recipient_count == 1;
	const struct event event = {
		.event = VIEW("accepted"),
		.id = id_text(&message->id, &id),
		.account = message->account,
		.sender = message->sender,
		.recipient = is_single ? message->recipients[0].address : VIEW_NONE,
		.domain = is_single ? message->recipients[0].domain : VIEW_NONE,
		.reason = message->hold_reason,
		.duration = LOG_ABSENT,
	};
	log_event(queue->log, &event);
}

static struct view status_text(struct enhanced_status status, struct text *text)
{
	text_clear(text);
	if (status.class != 0)
		text_print(text, "%u.%u.%u", status.class, status.subject, status.detail);
	return text_view(text);
}

static struct view event_name(const struct store_change_row *row)
{
	if (row->state == STORE_ENDED)
		return view_of(fate_name(row->fate <= FATE_SUPPRESSED ? (enum fate)row->fate : FATE_BOUNCED));
	if (row->state == STORE_HELD)
		return VIEW("held");
	return row->tried ? VIEW("deferred") : VIEW("released");
}

static void log_row(struct queue *queue, const struct store_change *change, const struct store_change_row *row,
                    uint64_t seq)
{
	struct id_text id;
	struct text status = TEXT_LIMIT(32);
	const struct event event = {
		.event = event_name(row),
		.seq = seq,
		.id = id_text(&change->id, &id),
		.account = change->account,
		.sender = change->sender,
		.recipient = row->address,
		.domain = row->domain,
		.site = change->site,
		.remote = change->remote,
		.egress = change->egress,
		.tls = change->tls,
		.attempt = row->tried ? row->attempts : 0,
		.code = row->verdict.code,
		.status = status_text(row->verdict.status, &status),
		.reply = row->verdict.why,
		.class = row->class,
		.reason = row->reason,
		.duration = row->tried ? change->duration : LOG_ABSENT,
	};
	log_event(queue->log, &event);
	text_deinit(&status);
}

/* ---- accepted */

/* Held mail stays on the disk until somebody releases it. */
static void place_recipients(struct queue *queue, const struct store_message *message,
                             const struct store_stamp *stamp)
{
	struct store_row like = { .id = message->id,
		                      .accepted_wall = message->accepted_wall,
		                      .accepted = message->accepted,
		                      .expires = message->expires,
		                      .size = message->content.length,
		                      .place = stamp->place,
		                      .account = message->account,
		                      .sender = message->sender,
		                      .extra = message->extra };
	for (size_t i = 0; i < message->recipient_count; i++) {
		const struct store_recipient *recipient = &message->recipients[i];
		struct lane *lane = lanes_lane(&queue->lanes, message->account, recipient->domain);
		if (lane == NULL)
			continue; /* the next scan finds it */
		const struct message *known = lanes_message_find(&queue->lanes, &message->id);
		/* In its turn: what is on the disk came before it. */
		const bool has_backlog = lane->has_more && lane->more_due <= message->accepted;
		if (has_backlog || !lane_has_room(&queue->lanes, lane, known)) {
			lane_note_more(&queue->lanes, lane, message->accepted, stamp->sequence);
		} else {
			struct message *here = lanes_message(&queue->lanes, &like);
			struct row *row = row_new(&queue->lanes, here, lane, (uint32_t)i, recipient->address);
			row_wait(&queue->lanes, row, message->accepted);
		}
		lane_refresh(&queue->lanes, lane);
	}
}

void queue_accepted(void *room, const struct store_message *message, const struct store_payment *payment,
                    const struct store_stamp *stamp)
{
	struct queue *queue = room;
	queue->counters.accepted_messages++;
	queue->counters.accepted_recipients += (int64_t)message->recipient_count;
	queue->counters.notices += payment != NULL ? 1 : 0;
	if (payment != NULL) {
		log_accepted(queue, message);
		debt_paid(queue, payment);
	}
	if (view_is_empty(message->hold_reason))
		place_recipients(queue, message, stamp);
}

/* ---- changed */

/* A recipient that waits again: here, where it is due soon and there is room; else the store alone has it. */
static void row_waits(struct queue *queue, const struct store_change *change,
                      const struct store_change_row *change_row, struct row *row, const struct store_stamp *stamp)
{
	const int64_t horizon = store_time(queue->store) + HORIZON;
	struct lane *lane = row != NULL ? row->lane : lanes_lane(&queue->lanes, change->account, change_row->domain);
	if (lane == NULL)
		return;
	if (row != NULL && change_row->state != STORE_HELD && change_row->due <= horizon &&
	    lane_has_room(&queue->lanes, lane, NULL)) {
		row->attempts = change_row->attempts;
		if (change_row->tried)
			row->attempt = store_attempt_mark(change->attempt);
		row->warned |= (change_row->owes >> STORE_NOTICE_DELAY & 1) != 0;
		row_wait(&queue->lanes, row, change_row->due);
		lane_refresh(&queue->lanes, lane);
		return;
	}
	if (row != NULL)
		row_free(&queue->lanes, row);
	if (change_row->due <= horizon)
		lane_note_more(&queue->lanes, lane, change_row->due, stamp->sequence);
	lane_refresh(&queue->lanes, lane);
}

static void debts_note(struct queue *queue, const struct store_change *change, const struct store_change_row *row)
{
	const struct message *message = lanes_message_find(&queue->lanes, &change->id);
	const bool is_alone = message == NULL || message->rows.count <= 1;
	for (unsigned kind = 0; kind < STORE_NOTICE_COUNT; kind++)
		if ((row->owes >> kind & 1) != 0)
			debt_add(queue, &change->id, (enum store_notice)kind,
			         store_time(queue->store) + (is_alone ? 0 : NOTICE_GATHERS));
}

static void row_changed(struct queue *queue, const struct store_change *change,
                        const struct store_change_row *change_row, const struct store_stamp *stamp)
{
	const struct message *message = lanes_message_find(&queue->lanes, &change->id);
	struct row *row = message == NULL ? NULL : message_row(message, change_row->index);
	if (row != NULL) {
		lease_remove(queue, row);
		heap_remove(&row->lane->waiting, &row->due);
		row->changing = false;
		row->wish = WISH_NONE;
	}
	if (change_row->state != STORE_ENDED) {
		row_waits(queue, change, change_row, row, stamp);
		return;
	}
	queue->counters.fates[change_row->fate <= FATE_SUPPRESSED ? change_row->fate : FATE_BOUNCED]++;
	if (row == NULL)
		return;
	struct lane *lane = row->lane;
	row_free(&queue->lanes, row);
	lane_refresh(&queue->lanes, lane);
}

void queue_changed(void *room, const struct store_change *change, const struct store_stamp *stamp)
{
	struct queue *queue = room;
	uint64_t seq = change->first_seq;
	suspect_clear(queue, &change->id);
	for (size_t i = 0; i < change->row_count; i++) {
		const struct store_change_row *row = &change->rows[i];
		log_row(queue, change, row, row->state == STORE_ENDED ? seq : 0);
		seq += row->state == STORE_ENDED ? 1 : 0;
		debts_note(queue, change, row);
		row_changed(queue, change, row, stamp);
	}
	if (lanes_message_find(&queue->lanes, &change->id) == NULL)
		store_forget(queue->store, &change->id);
	signal_wake_all(&queue->changed);
}

void queue_account_held(void *room, struct view account, struct view reason)
{
	struct queue *queue = room;
	account_hold(&queue->lanes, account, reason);
}
