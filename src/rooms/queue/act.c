#include "rooms/queue/queue_private.h"

#include "base/bytes.h"
#include "base/must.h"

#define ACT_PAGE    ((size_t)500)
#define PASSES_MOST 5u /* over mail that keeps changing */

struct acting {
	struct queue *queue;
	const struct queue_act_request *request;
	struct arena *arena;
	struct store_change_row *rows; /* of one message */
	size_t count;
	uint64_t changed;
	bool is_met;        /* something fits the filter */
	bool is_token_back; /* RELEASE of what waits for a token alone */
};

/* What the action makes of a recipient that is not being tried. False: nothing. */
static bool action_changes(const struct acting *acting, const struct store_row *from, struct store_change_row *to)
{
	const int64_t now = store_time(acting->queue->store);
	*to = (struct store_change_row){ .index = from->index,
		                             .state = from->state,
		                             .attempts = from->attempts,
		                             .due = now,
		                             .address = from->address,
		                             .domain = from->domain,
		                             .verdict = from->last,
		                             .class = from->class,
		                             .reason = acting->request->reason };
	switch (acting->request->action) {
	case ACTION_RETRY:
		/* Held by the operator stays held; held until a token is back is looked at again. */
		return from->due != NEVER_DUE;
	case ACTION_HOLD:
		to->state = STORE_HELD;
		to->due = NEVER_DUE;
		return from->state != STORE_HELD || from->due != NEVER_DUE;
	case ACTION_RELEASE:
		to->state = from->attempts > 0 ? STORE_DEFERRED : STORE_QUEUED;
		to->reason = VIEW_NONE;
		/* Only what waits for a token is looked at again by itself. */
		return from->state == STORE_HELD && (from->due != NEVER_DUE || !acting->is_token_back);
	case ACTION_CANCEL:
		to->state = STORE_ENDED;
		to->fate = FATE_CANCELLED;
		to->owes = owes_for(FATE_CANCELLED, from->sender);
		return true;
	default:
		return false;
	}
}

/* It is being tried: what is wanted happens when it comes back undelivered. */
static void row_wish(struct acting *acting, struct row *row)
{
	const enum queue_action action = acting->request->action;
	if (action == ACTION_RETRY || acting->is_token_back)
		return;
	free(row->wish_reason);
	row->wish_reason = NULL;
	row->wish = action == ACTION_HOLD ? WISH_HOLD : action == ACTION_CANCEL ? WISH_CANCEL : WISH_NONE;
	if (row->wish != WISH_NONE) {
		const struct view reason = acting->request->reason;
		row->wish_reason = must_alloc(reason.length + 1, 1);
		bytes_to_cstring(row->wish_reason, reason.length + 1, reason);
		acting->changed++;
	}
}

static void row_act(struct acting *acting, const struct store_row *from)
{
	struct queue *queue = acting->queue;
	if (!row_matches(queue, &acting->request->filter, from))
		return;
	acting->is_met = true;
	const struct message *message = lanes_message_find(&queue->lanes, &from->id);
	struct row *row = message == NULL ? NULL : message_row(message, from->index);
	if (row != NULL && (row->lease != NULL || row->changing)) {
		if (row->lease != NULL)
			row_wish(acting, row);
		return;
	}
	if (!action_changes(acting, from, &acting->rows[acting->count]))
		return;
	acting->count++;
	if (row == NULL)
		return;
	row->changing = true;
	heap_remove(&row->lane->waiting, &row->due);
	lane_refresh(&queue->lanes, row->lane);
}

/* Suspends until it is durable. */
static enum store_outcome message_act(struct acting *acting, const struct store_row *rows, size_t count)
{
	acting->count = 0;
	for (size_t i = 0; i < count; i++)
		row_act(acting, &rows[i]);
	if (acting->count == 0)
		return STORE_DONE;
	acting->changed += acting->count;
	struct store_change change = { .id = rows[0].id,
		                           .account = rows[0].account,
		                           .sender = rows[0].sender,
		                           .accepted_wall = rows[0].accepted_wall,
		                           .size = rows[0].size,
		                           .when_wall = world_wall(acting->queue->world),
		                           .site = rows[0].site,
		                           .remote = rows[0].remote,
		                           .dialogue = rows[0].dialogue,
		                           .rows = acting->rows,
		                           .row_count = acting->count };
	return store_change_begin(acting->queue->store, &change);
}

static enum store_outcome page_act(struct acting *acting, const struct store_rows *page)
{
	acting->rows = ARENA_ARRAY(acting->arena, struct store_change_row, page->row_count);
	enum store_outcome outcome = STORE_DONE;
	for (size_t i = 0; i < page->row_count && outcome == STORE_DONE;) {
		size_t end = i;
		while (end < page->row_count && id_equal(&page->rows[end].id, &page->rows[i].id))
			end++;
		outcome = message_act(acting, &page->rows[i], end - i);
		i = end;
	}
	return outcome;
}

/* Page after page; each waits until the index knows of the last one, which is also when it is durable. *hidden:
 * recipients that were just changing. */
static enum store_outcome act_on_pages(struct acting *acting, size_t *hidden)
{
	struct store_filter filter = filter_for_store(&acting->request->filter);
	struct store_cursor cursor = { 0 };
	struct store_rows page = { .more = true };
	struct arena arena = { 0 };
	enum store_outcome outcome = STORE_DONE;
	filter.unchanged = true;
	acting->arena = &arena;
	while (page.more && outcome == STORE_DONE) {
		arena_clear(&arena);
		outcome = store_list(acting->queue->store, &filter, &cursor, ACT_PAGE, &arena, &page);
		if (outcome != STORE_DONE)
			break;
		*hidden += page.hidden;
		outcome = page_act(acting, &page);
	}
	acting->arena = NULL;
	arena_deinit(&arena);
	return outcome == STORE_DONE ? store_flush(acting->queue->store) : outcome;
}

static enum store_outcome act_on_rows(struct acting *acting)
{
	size_t hidden = 1;
	enum store_outcome outcome = STORE_DONE;
	for (unsigned pass = 0; pass < PASSES_MOST && hidden > 0 && outcome == STORE_DONE; pass++) {
		hidden = 0;
		outcome = act_on_pages(acting, &hidden);
	}
	return outcome;
}

/* An account as a whole: its rows stay what they are, its lanes stand still. */
static enum store_outcome act_on_account(struct acting *acting)
{
	const struct queue_act_request *request = acting->request;
	const bool is_hold = request->action == ACTION_HOLD;
	const struct view reason = view_is_empty(request->reason) ? VIEW("held by the operator") : request->reason;
	return store_account_hold(acting->queue->store, request->filter.account, is_hold ? reason : VIEW_NONE);
}

static bool filter_is_empty(const struct queue_filter *filter)
{
	return !filter->has_id && !filter->has_state && view_is_empty(filter->account) &&
	       view_is_empty(filter->sender_domain) && view_is_empty(filter->recipient) &&
	       view_is_empty(filter->recipient_domain) && view_is_empty(filter->site);
}

/* Why nothing was changed. */
static struct view why_nothing(const struct acting *acting)
{
	if (!acting->is_met)
		return VIEW("no mail in the queue is meant by that");
	switch (acting->request->action) {
	case ACTION_RETRY:
		return VIEW("what is meant by that is being tried, or held: release it to have it tried");
	case ACTION_HOLD:
		return VIEW("what is meant by that is held already");
	case ACTION_RELEASE:
		return VIEW("nothing of what is meant by that is held");
	case ACTION_CANCEL:
	default:
		return VIEW("what is meant by that is just changing");
	}
}

void answer_act(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena)
{
	(void)caller;
	(void)arena;
	struct acting acting = { .queue = room, .request = request };
	struct queue_act_answer *acted = answer;
	const struct queue_act_request *wanted = request;
	const bool is_hold = wanted->action == ACTION_HOLD || wanted->action == ACTION_RELEASE;
	if (wanted->whole_account && (!is_hold || view_is_empty(wanted->filter.account))) {
		*acted = (struct queue_act_answer){ .result = CHANGE_INVALID,
			                                .why = VIEW("a whole account can be held or released, by its name") };
		return;
	}
	if (!wanted->whole_account && filter_is_empty(&wanted->filter) != wanted->all) {
		*acted = (struct queue_act_answer){ .result = CHANGE_INVALID,
			                                .why = VIEW("say which mail is meant: by id, account, sender domain, "
			                                            "recipient, recipient domain, site or state; or all") };
		return;
	}
	const enum store_outcome outcome = wanted->whole_account ? act_on_account(&acting) : act_on_rows(&acting);
	acted->changed = acting.changed;
	acted->result = outcome == STORE_DONE ? CHANGE_DONE : CHANGE_FAILED;
	if (outcome == STORE_DONE && acting.changed == 0 && !wanted->whole_account)
		acted->result = CHANGE_ABSENT;
	if (acted->result == CHANGE_FAILED)
		acted->why = VIEW("the queue could not write it down");
	if (acted->result == CHANGE_ABSENT)
		acted->why = why_nothing(&acting);
}

void answer_token_back(void *room, const struct caller *caller, const void *request, void *answer,
                       struct arena *arena)
{
	(void)caller;
	(void)arena;
	const struct token_back_request *back = request;
	const struct queue_act_request release = {
		.action = ACTION_RELEASE,
		.filter = { .account = back->account, .has_state = true, .state = QUEUE_HELD },
	};
	struct acting acting = { .queue = room, .request = &release, .is_token_back = true };
	struct queue_act_answer *acted = answer;
	const enum store_outcome outcome = view_is_empty(back->account) ? STORE_DONE : act_on_rows(&acting);
	acted->changed = acting.changed;
	acted->result = outcome == STORE_DONE ? CHANGE_DONE : CHANGE_FAILED;
}
