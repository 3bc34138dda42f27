#include "rooms/queue/queue_private.h"

#include "base/must.h"

/* ---- what the store calls things, and what people do */

struct store_filter filter_for_store(const struct queue_filter *filter)
{
	struct store_filter wanted = { .has_id = filter->has_id,
		                           .id = filter->id,
		                           .account = filter->account,
		                           .sender_domain = filter->sender_domain,
		                           .address = filter->recipient,
		                           .domain = filter->recipient_domain };
	/* A leased row and one of a held account are kept as what they were before. */
	wanted.has_state = false;
	return wanted;
}

static const struct row *row_here(const struct queue *queue, const struct store_row *row)
{
	const struct message *message = lanes_message_find(&queue->lanes, &row->id);
	return message == NULL ? NULL : message_row(message, row->index);
}

static const struct account *held_account(const struct queue *queue, struct view name)
{
	const struct account *account = lanes_account_find(&queue->lanes, name);
	return account != NULL && account->held ? account : NULL;
}

enum queue_state shown_state(const struct queue *queue, const struct store_row *row)
{
	const struct row *here = row_here(queue, row);
	if (here != NULL && here->lease != NULL)
		return QUEUE_LEASED;
	if (row->state == STORE_HELD || held_account(queue, row->account) != NULL)
		return QUEUE_HELD;
	return row->state == STORE_QUEUED ? QUEUE_QUEUED : QUEUE_DEFERRED;
}

static struct view row_site(const struct queue *queue, const struct store_row *row)
{
	return view_is_empty(row->site) ? site_of(queue, row->domain) : row->site;
}

bool row_matches(const struct queue *queue, const struct queue_filter *filter, const struct store_row *row)
{
	if (filter->has_state && shown_state(queue, row) != filter->state)
		return false;
	return view_is_empty(filter->site) || view_equal_nocase(filter->site, row_site(queue, row));
}

static struct view row_reason(const struct queue *queue, const struct store_row *row)
{
	const struct account *account = held_account(queue, row->account);
	if (row->state == STORE_HELD || account == NULL)
		return row->reason;
	return view_of(account->hold_reason);
}

static int64_t row_next(const struct queue *queue, const struct store_row *row, enum queue_state state)
{
	return state == QUEUE_HELD && row->due == NEVER_DUE ? 0 : store_wall_of(queue->store, row->due);
}

/* ---- list */

static struct queue_row list_row(const struct queue *queue, const struct store_row *row, struct arena *arena)
{
	const enum queue_state state = shown_state(queue, row);
	return (struct queue_row){
		.id = row->id,
		.index = row->index,
		.account = row->account,
		.sender = row->sender,
		.recipient = row->address,
		.site = arena_copy(arena, row_site(queue, row)),
		.state = state,
		.attempts = row->attempts,
		.accepted = row->accepted_wall,
		.next_attempt = row_next(queue, row, state),
		.expires = store_wall_of(queue->store, row->expires),
		.size = row->size,
		.last = row->last,
		.remote = row->remote,
		.reason = arena_copy(arena, row_reason(queue, row)),
	};
}

void answer_list(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena)
{
	(void)caller;
	struct queue *queue = room;
	const struct queue_list_request *wanted = request;
	struct queue_list_answer *list = answer;
	const size_t most = wanted->most == 0 || wanted->most > PAGE_MOST ? PAGE_MOST : wanted->most;
	const struct store_filter filter = filter_for_store(&wanted->filter);
	struct store_cursor cursor = { .set = wanted->has_after, .id = wanted->after, .index = wanted->after_index };
	list->rows = ARENA_ARRAY(arena, struct queue_row, most);
	/* Never empty while there is more: the asker goes on after the last row. */
	for (list->more = true; list->more && list->row_count == 0;) {
		struct store_rows page;
		if (store_list(queue->store, &filter, &cursor, most, arena, &page) != STORE_DONE)
			return;
		for (size_t i = 0; i < page.row_count; i++)
			if (row_matches(queue, &wanted->filter, &page.rows[i]))
				list->rows[list->row_count++] = list_row(queue, &page.rows[i], arena);
		list->more = page.more;
	}
}

/* ---- summary */

static void count_leased(const struct queue *queue, const struct lane *lane, uint64_t recipients[QUEUE_STATE_COUNT])
{
	(void)queue;
	uint64_t leased = lane->row_count - lane->waiting.count;
	for (unsigned state = QUEUE_QUEUED; state <= QUEUE_DEFERRED && leased > 0; state++) {
		const uint64_t moved = leased < recipients[state] ? leased : recipients[state];
		recipients[state] -= moved;
		recipients[QUEUE_LEASED] += moved;
		leased -= moved;
	}
}

static struct summary_row summary_lane(const struct queue *queue, const struct store_lane_count *from)
{
	struct summary_row row = { .account = from->account, .domain = from->domain, .oldest = from->oldest_wall };
	row.recipients[QUEUE_QUEUED] = from->recipients[STORE_QUEUED];
	row.recipients[QUEUE_DEFERRED] = from->recipients[STORE_DEFERRED];
	row.recipients[QUEUE_HELD] = from->recipients[STORE_HELD];
	const struct lane *lane = lanes_lane_find(&queue->lanes, from->account, from->domain);
	if (lane != NULL)
		count_leased(queue, lane, row.recipients);
	if (held_account(queue, from->account) != NULL) {
		row.recipients[QUEUE_HELD] += row.recipients[QUEUE_QUEUED] + row.recipients[QUEUE_DEFERRED];
		row.recipients[QUEUE_QUEUED] = row.recipients[QUEUE_DEFERRED] = 0;
	}
	return row;
}

void answer_summary(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena)
{
	(void)caller;
	struct queue *queue = room;
	const struct queue_summary_request *wanted = request;
	struct queue_summary_answer *summary = answer;
	struct store_totals totals;
	const size_t most = wanted->most < PAGE_MOST ? wanted->most : PAGE_MOST;
	if (store_summary(queue->store, most, arena, &totals) != STORE_DONE)
		return;
	summary->messages = totals.messages;
	summary->bytes = totals.bytes;
	summary->oldest = totals.oldest_wall;
	const uint64_t leased = queue->lanes.leased_count;
	const uint64_t queued = totals.recipients[STORE_QUEUED];
	const uint64_t deferred = totals.recipients[STORE_DEFERRED];
	const uint64_t from_queued = leased < queued ? leased : queued;
	const uint64_t from_deferred = leased - from_queued < deferred ? leased - from_queued : deferred;
	summary->recipients[QUEUE_QUEUED] = queued - from_queued;
	summary->recipients[QUEUE_DEFERRED] = deferred - from_deferred;
	summary->recipients[QUEUE_HELD] = totals.recipients[STORE_HELD];
	summary->recipients[QUEUE_LEASED] = from_queued + from_deferred;
	summary->rows = ARENA_ARRAY(arena, struct summary_row, totals.lane_count);
	for (size_t i = 0; i < totals.lane_count; i++)
		summary->rows[summary->row_count++] = summary_lane(queue, &totals.lanes[i]);
}

/* ---- trace */

static struct trace_row trace_live(const struct queue *queue, const struct store_row *row, struct arena *arena)
{
	const enum queue_state state = shown_state(queue, row);
	return (struct trace_row){
		.index = row->index,
		.recipient = row->address,
		.state = state,
		.attempts = row->attempts,
		.when = row->attempts > 0 ? row->when_wall : row->accepted_wall,
		.next_attempt = row_next(queue, row, state),
		.verdict = row->last,
		.class = row->class,
		.site = arena_copy(arena, row_site(queue, row)),
		.remote = row->remote,
		.egress = row->egress,
		.tls = row->tls,
		.dialogue = row->dialogue,
		.reason = arena_copy(arena, row_reason(queue, row)),
	};
}

static enum fate fate_of(uint8_t number)
{
	return number <= FATE_SUPPRESSED ? (enum fate)number : FATE_BOUNCED;
}

static struct trace_row trace_ended(const struct store_ended *row)
{
	return (struct trace_row){
		.index = row->index,
		.recipient = row->address,
		.ended = true,
		.fate = fate_of(row->fate),
		.attempts = row->attempts,
		.when = row->when_wall,
		.verdict = row->verdict,
		.class = row->class,
		.site = row->site,
		.remote = row->remote,
		.egress = row->egress,
		.tls = row->tls,
		.dialogue = row->dialogue,
		.reason = row->reason,
		.seq = row->seq,
	};
}

static int compare_trace(const void *a, const void *b)
{
	const struct trace_row *left = a;
	const struct trace_row *right = b;
	return left->index < right->index ? -1 : left->index > right->index;
}

void answer_trace(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena)
{
	(void)caller;
	struct queue *queue = room;
	const struct trace_request *wanted = request;
	struct trace_answer *trace = answer;
	struct store_story story;
	if (store_trace(queue->store, &wanted->id, arena, &story) != STORE_DONE)
		return;
	trace->found = true;
	trace->rows = ARENA_ARRAY(arena, struct trace_row, story.live_count + story.ended_count);
	for (size_t i = 0; i < story.live_count; i++) {
		const struct store_row *row = &story.live[i];
		trace->account = row->account;
		trace->sender = row->sender;
		trace->accepted = row->accepted_wall;
		trace->size = row->size;
		trace->rows[trace->row_count++] = trace_live(queue, row, arena);
	}
	for (size_t i = 0; i < story.ended_count; i++) {
		const struct store_ended *row = &story.ended[i];
		trace->account = row->account;
		trace->sender = row->sender;
		trace->accepted = row->accepted_wall;
		trace->size = row->size;
		trace->rows[trace->row_count++] = trace_ended(row);
	}
	if (trace->row_count > 0)
		qsort(trace->rows, trace->row_count, sizeof(trace->rows[0]), compare_trace);
	trace->has_content =
		wanted->content && story.has_content &&
		store_read(queue->store, &wanted->id, &story.place, SIZE_MAX, arena, &trace->content) == STORE_DONE;
}

/* ---- search */

void answer_search(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena)
{
	(void)caller;
	struct queue *queue = room;
	const struct search_request *wanted = request;
	struct search_answer *found = answer;
	struct store_search search = { .account = wanted->account,
		                           .sender = wanted->sender,
		                           .address = wanted->recipient,
		                           .domain = wanted->domain,
		                           .since = wanted->since,
		                           .until = wanted->until,
		                           .before_seq = wanted->before_seq,
		                           .most = wanted->most == 0 || wanted->most > PAGE_MOST ? PAGE_MOST : wanted->most };
	struct store_found page = { .more = true };
	while (page.more && page.row_count == 0) {
		if (store_search(queue->store, &search, arena, &page) != STORE_DONE)
			return;
		search.before_seq = page.before_seq;
	}
	found->more = page.more;
	found->rows = ARENA_ARRAY(arena, struct search_row, page.row_count);
	for (size_t i = 0; i < page.row_count; i++) {
		const struct store_ended *row = &page.rows[i];
		found->rows[found->row_count++] = (struct search_row){ .id = row->id,
			                                                   .index = row->index,
			                                                   .seq = row->seq,
			                                                   .account = row->account,
			                                                   .sender = row->sender,
			                                                   .recipient = row->address,
			                                                   .site = row->site,
			                                                   .fate = fate_of(row->fate),
			                                                   .when = row->when_wall,
			                                                   .verdict = row->verdict,
			                                                   .class = row->class,
			                                                   .reason = row->reason };
	}
}

/* ---- check */

void answer_check(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena)
{
	(void)caller;
	struct queue *queue = room;
	const struct queue_check_request *wanted = request;
	struct queue_check_answer *checked = answer;
	struct store_check slice = { .cursor = wanted->cursor.next, .checked = wanted->cursor.checked };
	if (store_check(queue->store, arena, &slice) != STORE_DONE)
		return;
	*checked = (struct queue_check_answer){ .is_read = true,
		                                    .cursor = { .next = slice.cursor, .checked = slice.checked },
		                                    .done = slice.done,
		                                    .total = slice.total,
		                                    .faults = slice.faults,
		                                    .fault_count = slice.fault_count };
}
