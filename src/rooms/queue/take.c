#include "rooms/queue/queue_private.h"

#include "base/must.h"

#define HELLO_PATIENCE    (300 * MILLISECOND) /* after the start, for deliveries that still try something */
#define ANSWER_BYTES_MOST ((size_t)16 * 1024 * 1024)
#define HEADER_MOST       ((size_t)16 * 1024)

struct taking {
	struct queue *queue;
	const struct caller *caller;
	const struct take_request *request;
	struct take_answer *answer;
	struct arena *arena;
	size_t bytes;
};

static size_t room_left(const struct taking *taking)
{
	const size_t used = taking->answer->job_count;
	return taking->request->room > used ? taking->request->room - used : 0;
}

static bool is_full(void *context, const struct lane *lane)
{
	const struct taking *taking = context;
	return !share_has_room(taking->queue, taking->caller, lane->domain, room_left(taking));
}

static void job_recipients(struct taking *taking, const struct lease *lease, struct job *job)
{
	job->recipients = ARENA_ARRAY(taking->arena, struct job_recipient, lease->rows.count);
	for (struct link *link = list_first(&lease->rows); link != NULL; link = list_next(&lease->rows, link)) {
		const struct row *row = LIST_OWNER(link, struct row, in_lease);
		job->recipients[job->recipient_count++] = (struct job_recipient){
			.index = row->index, .address = arena_copy(taking->arena, row->address), .attempts = row->attempts
		};
	}
}

/* Suspends. False: the job is no more (held, or the caller is gone). */
static bool job_fill(struct taking *taking, uint64_t number, struct job *job)
{
	struct queue *queue = taking->queue;
	struct lease *lease = lease_find(queue, number, taking->caller);
	const struct row *row = LIST_OWNER(list_first(&lease->rows), struct row, in_lease);
	const struct message *message = row->message;
	*job = (struct job){ .kind = JOB_MESSAGE,
		                 .lease = number,
		                 .id = message->id,
		                 .accepted = message->accepted_wall,
		                 .expires = store_wall_of(queue->store, message->expires),
		                 .domain = arena_copy(taking->arena, row->lane->domain) };
	const bool is_readable =
		envelope_unpack(message->account, message->sender, message->extra, taking->arena, &job->envelope);
	job_recipients(taking, lease, job);
	const struct store_place place = message->place;
	const struct message_id id = message->id;
	const enum store_outcome outcome = store_read(queue->store, &id, &place, SIZE_MAX, taking->arena, &job->content);
	lease = lease_find(queue, number, taking->caller);
	if (lease == NULL)
		return false;
	if (outcome == STORE_DONE && is_readable) {
		taking->bytes += job->content.length;
		return true;
	}
	if (outcome == STORE_LATER)
		lease_return(queue, lease);
	else
		/* What cannot be read is not tried: it is held, with the reason, and told. */
		lease_hold(queue, lease, VIEW("the stored message is damaged"));
	return false;
}

/* What has expired is left to the expiry, which ends it in the next moments. */
static bool rows_have_expired(struct queue *queue, struct row *const *rows, size_t count)
{
	const int64_t now = store_time(queue->store);
	if (rows[0]->message->expires > now)
		return false;
	struct lane *lane = rows[0]->lane;
	for (size_t i = 0; i < count; i++)
		row_pause(&queue->lanes, rows[i], now + MINUTE);
	lane_refresh(&queue->lanes, lane);
	return true;
}

/* Suspends. False: nothing is due. */
static bool take_message(struct taking *taking)
{
	struct queue *queue = taking->queue;
	struct row *rows[JOB_ROWS_MOST];
	const size_t count = lanes_pick(&queue->lanes, is_full, taking, rows);
	if (count == 0)
		return false;
	if (rows_have_expired(queue, rows, count) || suspect_must_wait(queue, taking->caller, rows, count))
		return true;
	struct lease *lease = lease_new(queue, taking->caller, &rows[0]->message->id);
	for (size_t i = 0; i < count; i++)
		lease_add(queue, lease, rows[i]);
	if (job_fill(taking, lease->number, &taking->answer->jobs[taking->answer->job_count]))
		taking->answer->job_count++;
	return true;
}

/* ---- notices */

static void notice_recipients(struct taking *taking, const struct store_debt *debt, struct job *job)
{
	job->recipients = ARENA_ARRAY(taking->arena, struct job_recipient, debt->count);
	job->recipient_count = debt->count;
	for (size_t i = 0; i < debt->count; i++)
		job->recipients[i] = (struct job_recipient){ .index = debt->indexes[i],
			                                         .address = debt->addresses[i],
			                                         .attempts = debt->attempts[i],
			                                         .verdict = debt->verdicts[i],
			                                         .remote = debt->remotes[i],
			                                         .last_attempt = debt->when_wall[i] };
}

/* The header of the original ends with its first empty line. */
static struct view header_of(struct view content)
{
	const size_t end = view_find(content, VIEW("\r\n\r\n"));
	return end == VIEW_NOT_FOUND ? content : view_first(content, end + 2);
}

static enum store_outcome notice_fill(struct taking *taking, const struct store_debt_key *key,
                                      struct store_debt *debt, struct job *job)
{
	struct queue *queue = taking->queue;
	const enum store_outcome outcome = store_debt(queue->store, key, taking->arena, debt);
	if (outcome != STORE_DONE)
		return outcome;
	*job = (struct job){ .kind = JOB_NOTICE,
		                 .id = key->about,
		                 .accepted = debt->accepted_wall,
		                 .expires = store_wall_of(queue->store, debt->expires),
		                 .notice = key->notice == STORE_NOTICE_DELAY ? NOTICE_DELAY : NOTICE_FAILURE };
	envelope_unpack(debt->account, debt->sender, debt->extra, taking->arena, &job->envelope);
	notice_recipients(taking, debt, job);
	struct view content;
	/* Without the original's header it is still a notice. */
	if (store_read(queue->store, &key->about, &debt->place, HEADER_MOST, taking->arena, &content) == STORE_DONE)
		job->content = header_of(content);
	return STORE_DONE;
}

/* Suspends. False: none is owed now. */
static bool take_notice(struct taking *taking)
{
	struct queue *queue = taking->queue;
	struct debt *next = debt_next(queue);
	if (next == NULL)
		return false;
	const struct store_debt_key key = next->key;
	struct store_debt debt;
	struct job *job = &taking->answer->jobs[taking->answer->job_count];
	const enum store_outcome outcome = notice_fill(taking, &key, &debt, job);
	if (outcome == STORE_LATER) {
		debt_return(queue, &key, store_time(queue->store));
		return false;
	}
	if (outcome != STORE_DONE) {
		/* Paid already: there is nothing to be told. */
		debt_paid(queue, &(struct store_payment){ .about = key.about, .notice = key.notice });
		return true;
	}
	struct lease *lease = lease_new(queue, taking->caller, &key.about);
	lease->kind = JOB_NOTICE;
	lease->notice = key.notice;
	lease->indexes = must_alloc(debt.count, sizeof(uint32_t));
	lease->index_count = debt.count;
	for (size_t i = 0; i < debt.count; i++)
		lease->indexes[i] = debt.indexes[i];
	job->lease = lease->number;
	taking->answer->job_count++;
	return true;
}

static void take_all(struct taking *taking, size_t most)
{
	struct queue *queue = taking->queue;
	while (taking->answer->job_count < most && taking->bytes < ANSWER_BYTES_MOST && !queue->stopping &&
	       !task_is_cancelled())
		if (!take_notice(taking) && !take_message(taking))
			return;
}

void answer_take(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena)
{
	struct queue *queue = room;
	struct taking taking = { .queue = queue, .caller = caller, .request = request, .answer = answer, .arena = arena };
	const size_t most = taking.request->most < PAGE_MOST ? taking.request->most : PAGE_MOST;
	const int64_t deadline = world_now(queue->world) + taking.request->patience;
	const int64_t hellos = queue->opened + HELLO_PATIENCE;
	if (world_now(queue->world) < hellos && task_sleep_until(hellos) == WAIT_CANCELLED)
		return;
	taking.answer->jobs = ARENA_ARRAY(arena, struct job, most);
	while (!queue->stopping && !store_has_failed(queue->store)) {
		take_all(&taking, most);
		if (taking.answer->job_count > 0 || most == 0 || signal_wait(&queue->work_ready, deadline) != WAIT_DONE)
			break;
	}
}
