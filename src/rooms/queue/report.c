#include "rooms/queue/queue_private.h"

#include "base/must.h"

#define HELD_PAUSE     (15 * MINUTE) /* until a missing token is asked for again */
#define RETURNED_PAUSE SECOND
#define REPLY_MOST     ((size_t)2048)

/* ---- from a report's rows to the store's */

struct reporting {
	struct queue *queue;
	const struct report_request *request;
	struct arena *arena;
	const struct message *message;
	struct store_change_row *rows;
	size_t count;
};

static void row_end(struct store_change_row *to, enum fate fate, struct view sender)
{
	to->state = STORE_ENDED;
	to->fate = (uint8_t)fate;
	to->owes = owes_for(fate, sender);
}

/* What the operator wished while it was tried. False: nothing. */
static bool row_obey(const struct reporting *reporting, const struct row *row, struct store_change_row *to)
{
	if (row->wish == WISH_NONE)
		return false;
	to->reason = arena_copy(reporting->arena, view_of(row->wish_reason == NULL ? "" : row->wish_reason));
	to->due = NEVER_DUE;
	if (row->wish == WISH_CANCEL)
		row_end(to, FATE_CANCELLED, reporting->message->sender);
	else
		to->state = STORE_HELD;
	return true;
}

static void row_defer(const struct reporting *reporting, const struct row *row, struct store_change_row *to)
{
	struct queue *queue = reporting->queue;
	const struct message *message = reporting->message;
	const int64_t now = store_time(queue->store);
	if (row_obey(reporting, row, to))
		return;
	if (now >= message->expires) {
		row_end(to, FATE_EXPIRED, message->sender);
		to->verdict.outcome = OUTCOME_NEVER;
		to->verdict.status = (struct enhanced_status){ 5, 4, 7 };
		to->verdict.why = arena_print(reporting->arena, "not delivered in time: %.*s", VIEW_PRINT(to->verdict.why));
		return;
	}
	to->state = STORE_DEFERRED;
	const bool warns = retry_wants_warning(queue, message, row->warned);
	if (warns)
		to->owes = 1u << STORE_NOTICE_DELAY;
	to->due = retry_due(queue, message, to->attempts, row->warned || warns);
	if (reporting->request->not_before > to->due - now)
		to->due = now + reporting->request->not_before;
	if (to->due > message->expires)
		to->due = message->expires;
}

static void row_hold(const struct reporting *reporting, const struct row *row, struct store_change_row *to)
{
	const int64_t pause = reporting->request->not_before > 0 ? reporting->request->not_before : HELD_PAUSE;
	if (row_obey(reporting, row, to))
		return;
	to->state = STORE_HELD;
	to->due = store_time(reporting->queue->store) + pause;
	to->reason = to->verdict.why;
}

/* Not tried: it waits on as it was, a little later. Nothing of that is worth a record. */
static void row_return(struct reporting *reporting, struct row *row, struct store_change_row *to)
{
	struct queue *queue = reporting->queue;
	if (row_obey(reporting, row, to)) {
		reporting->count++;
		return;
	}
	const int64_t pause = reporting->request->not_before > 0 ? reporting->request->not_before : RETURNED_PAUSE;
	struct lane *lane = row->lane;
	row->changing = false;
	lease_remove(queue, row);
	row_pause(&queue->lanes, row, store_time(queue->store) + pause);
	lane_refresh(&queue->lanes, lane);
}

static void row_report(struct reporting *reporting, const struct report_row *from, struct row *row)
{
	struct store_change_row *to = &reporting->rows[reporting->count];
	const bool is_tried = from->fate != FATE_HELD && from->fate != FATE_RETURNED && from->fate != FATE_CANCELLED &&
	                      from->fate != FATE_SUPPRESSED && from->fate != FATE_EXPIRED;
	*to = (struct store_change_row){ .index = from->index,
		                             .tried = is_tried,
		                             .attempts = row->attempts + (is_tried ? 1 : 0),
		                             .address = arena_copy(reporting->arena, row->address),
		                             .domain = arena_copy(reporting->arena, row->lane->domain),
		                             .verdict = from->verdict,
		                             .class = from->class };
	to->verdict.why = view_first(to->verdict.why, REPLY_MOST);
	row->changing = true;
	if (from->fate == FATE_RETURNED) {
		row_return(reporting, row, to);
		return;
	}
	if (from->fate == FATE_DEFERRED)
		row_defer(reporting, row, to);
	else if (from->fate == FATE_HELD)
		row_hold(reporting, row, to);
	else
		row_end(to, from->fate, reporting->message->sender);
	reporting->count++;
}

/* ---- the report as a whole */

static struct row *leased_row(const struct lease *lease, uint32_t index)
{
	for (struct link *link = list_first(&lease->rows); link != NULL; link = list_next(&lease->rows, link))
		if (LIST_OWNER(link, struct row, in_lease)->index == index)
			return LIST_OWNER(link, struct row, in_lease);
	return NULL;
}

static bool is_changing(const struct lease *lease, const struct report_request *request)
{
	for (size_t i = 0; i < request->row_count; i++) {
		const struct row *row = leased_row(lease, request->rows[i].index);
		if (row != NULL && row->changing)
			return true;
	}
	return false;
}

/* Was this very attempt recorded? Then its rows have ended, or show its mark. Suspends. */
static bool is_recorded(struct queue *queue, const struct report_request *request, struct arena *arena)
{
	struct store_rows live = { 0 };
	/* What is hidden may be a row of this report whose message has another change on its way. */
	if (store_live(queue->store, &request->id, arena, &live) != STORE_DONE || live.hidden > 0)
		return false;
	const uint64_t mark = store_attempt_mark(request->attempt);
	for (size_t i = 0; i < request->row_count; i++)
		for (size_t j = 0; j < live.row_count; j++)
			if (live.rows[j].index == request->rows[i].index && live.rows[j].attempt != mark)
				return false;
	return true;
}

/* The lease that is reported on; one that is not known (it was of a former life) is taken up again where nobody else
 * has its recipients. Suspends. */
static struct lease *lease_of_report(struct queue *queue, const struct caller *caller,
                                     const struct report_request *request, struct arena *arena)
{
	struct lease *lease = lease_find(queue, request->lease, caller);
	if (lease != NULL && id_equal(&lease->id, &request->id))
		return lease;
	uint32_t *indexes = ARENA_ARRAY(arena, uint32_t, request->row_count);
	for (size_t i = 0; i < request->row_count; i++)
		indexes[i] = request->rows[i].index;
	return lease_adopt(queue, caller, &request->id, indexes, request->row_count);
}

static void change_of(const struct reporting *reporting, struct store_change *change)
{
	const struct report_request *request = reporting->request;
	const struct message *message = reporting->message;
	*change = (struct store_change){ .id = message->id,
		                             .account = message->account,
		                             .sender = message->sender,
		                             .accepted_wall = message->accepted_wall,
		                             .size = message->size,
		                             .when_wall = world_wall(reporting->queue->world),
		                             .duration = request->duration,
		                             .site = request->site,
		                             .remote = request->remote,
		                             .egress = request->egress,
		                             .tls = request->tls,
		                             .dialogue = view_first(request->dialogue, STORE_DIALOGUE_MOST),
		                             .rows = reporting->rows,
		                             .row_count = reporting->count };
	for (size_t i = 0; i < sizeof(change->attempt); i++)
		change->attempt[i] = request->attempt[i];
	/* What was captured is there to be looked at. */
	for (size_t i = 0; i < change->row_count; i++)
		change->keep_content |= change->rows[i].state == STORE_ENDED && change->rows[i].fate == FATE_CAPTURED;
}

static void rows_unmark(struct queue *queue, const struct message_id *id, const struct store_change_row *rows,
                        size_t count)
{
	const struct message *message = lanes_message_find(&queue->lanes, id);
	for (size_t i = 0; message != NULL && i < count; i++) {
		struct row *row = message_row(message, rows[i].index);
		if (row != NULL)
			row->changing = false;
	}
	signal_wake_all(&queue->changed);
}

static void report_apply(struct queue *queue, struct lease *lease, const struct report_request *request,
                         struct report_answer *answer, struct arena *arena)
{
	struct reporting reporting = {
		.queue = queue,
		.request = request,
		.arena = arena,
		.message = LIST_OWNER(list_first(&lease->rows), struct row, in_lease)->message,
		.rows = ARENA_ARRAY(arena, struct store_change_row, request->row_count),
	};
	const uint64_t number = lease->number;
	const struct caller caller = lease->caller;
	if (request->row_count > 0 && request->rows[0].fate != FATE_RETURNED)
		share_answered(lease);
	for (size_t i = 0; i < request->row_count && lease != NULL; i++) {
		struct row *row = leased_row(lease, request->rows[i].index);
		if (row == NULL || row->changing)
			continue;
		site_note(queue, row->lane->domain, request->site);
		row_report(&reporting, &request->rows[i], row);
		lease = lease_find(queue, number, &caller); /* it ends with its last row */
	}
	answer->taken = true;
	if (reporting.count == 0)
		return;
	struct store_change change;
	change_of(&reporting, &change);
	const enum store_outcome outcome = store_change(queue->store, &change);
	answer->taken = outcome == STORE_DONE;
	answer->first_seq = change.first_seq;
	if (outcome == STORE_LATER || outcome == STORE_FULL)
		rows_unmark(queue, &request->id, reporting.rows, reporting.count);
}

void answer_report(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena)
{
	struct queue *queue = room;
	const struct report_request *report = request;
	struct report_answer *taken = answer;
	struct lease *notice = lease_find(queue, report->lease, caller);
	if (notice != NULL && notice->kind == JOB_NOTICE) {
		/* It could not be composed, or not now: it is owed still. */
		const int64_t pause = report->not_before > 0 ? report->not_before : MINUTE;
		lease_end_notice(queue, notice, store_time(queue->store) + pause);
		taken->taken = true;
		return;
	}
	while (!store_has_failed(queue->store)) {
		struct lease *lease = lease_of_report(queue, caller, report, arena);
		if (lease == NULL) {
			taken->taken = is_recorded(queue, report, arena);
			return;
		}
		if (!is_changing(lease, report)) {
			report_apply(queue, lease, report, taken, arena);
			return;
		}
		/* The same report, asked again while the first one is on its way to the disk. */
		if (signal_wait(&queue->changed, NEVER_DUE) != WAIT_DONE)
			return;
	}
}

void answer_hello(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena)
{
	struct queue *queue = room;
	const struct hello_request *hello = request;
	struct hello_answer *leases = answer;
	leases->leases = ARENA_ARRAY(arena, uint64_t, hello->job_count);
	leases->lease_count = hello->job_count;
	for (size_t i = 0; i < hello->job_count; i++) {
		const struct running_job *job = &hello->jobs[i];
		/* Whoever asks twice names leases of this life. */
		struct lease *lease = lease_find(queue, job->lease, caller);
		if (lease == NULL)
			lease = lease_adopt(queue, caller, &job->id, job->indexes, job->index_count);
		leases->leases[i] = lease == NULL ? 0 : lease->number;
	}
}

/* ---- the notice that pays */

static bool notice_indexes(struct queue *queue, const struct caller *caller, const struct notice_done_request *done,
                           struct arena *arena, struct store_payment *payment)
{
	const struct lease *lease = lease_find(queue, done->lease, caller);
	if (lease != NULL && lease->kind == JOB_NOTICE && id_equal(&lease->id, &done->about)) {
		uint32_t *indexes = ARENA_ARRAY(arena, uint32_t, lease->index_count);
		for (size_t i = 0; i < lease->index_count; i++)
			indexes[i] = lease->indexes[i];
		payment->indexes = indexes;
		payment->index_count = lease->index_count;
		return true;
	}
	/* Of a former life: what is owed now. */
	struct store_debt debt;
	const struct store_debt_key key = { done->about, payment->notice };
	if (store_debt(queue->store, &key, arena, &debt) != STORE_DONE)
		return false;
	payment->indexes = debt.indexes;
	payment->index_count = debt.count;
	return true;
}

static enum submit_result notice_done(struct queue *queue, const struct caller *caller,
                                      const struct notice_done_request *done, struct arena *arena)
{
	struct store_payment payment = {
		.about = done->about,
		.notice = done->notice == NOTICE_DELAY ? STORE_NOTICE_DELAY : STORE_NOTICE_FAILURE,
	};
	if (done->message.repeat) {
		const enum store_outcome found = store_find(queue->store, &done->message.id);
		if (found != STORE_ABSENT)
			return submit_result_of(found);
	}
	/* Nothing is owed: it was paid by another notice. */
	if (!notice_indexes(queue, caller, done, arena, &payment))
		return store_has_failed(queue->store) ? SUBMIT_LATER : SUBMIT_STORED;
	/* A notice that nobody can get (its author's address was lost) only ends the debt. */
	if (done->message.recipient_count == 0)
		return submit_result_of(store_notice_drop(queue->store, &payment));
	struct text extra = TEXT_LIMIT(STORE_EXTRA_MOST);
	struct store_message message;
	envelope_pack(&done->message.envelope, &extra);
	submission_message(queue, &done->message, &extra, arena, &message);
	const enum store_outcome outcome = store_accept(queue->store, &message, &payment);
	text_deinit(&extra);
	return submit_result_of(outcome);
}

void answer_notice_done(void *room, const struct caller *caller, const void *request, void *answer,
                        struct arena *arena)
{
	struct queue *queue = room;
	const struct notice_done_request *done = request;
	struct submit_answer *submitted = answer;
	submitted->result = notice_done(queue, caller, done, arena);
	submitted->why = submit_why(submitted->result);
	if (submitted->result != SUBMIT_STORED)
		return;
	struct lease *lease = lease_find(queue, done->lease, caller);
	if (lease != NULL && lease->kind == JOB_NOTICE)
		lease_end_notice(queue, lease, store_time(queue->store));
}
