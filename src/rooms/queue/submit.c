#include "rooms/queue/queue_private.h"

enum submit_result submit_result_of(enum store_outcome outcome)
{
	switch (outcome) {
	case STORE_DONE:
		return SUBMIT_STORED;
	case STORE_FULL:
		return SUBMIT_FULL;
	case STORE_UNKNOWN:
		return SUBMIT_UNKNOWN;
	case STORE_LATER:
	case STORE_ABSENT:
	case STORE_DAMAGED:
	default:
		return SUBMIT_LATER;
	}
}

struct view submit_why(enum submit_result result)
{
	switch (result) {
	case SUBMIT_FULL:
		return VIEW("Not enough space, try again later");
	case SUBMIT_LATER:
	case SUBMIT_UNKNOWN:
		return VIEW("The queue cannot take mail now, try again later");
	case SUBMIT_STORED:
	default:
		return VIEW_NONE;
	}
}

void submission_message(struct queue *queue, const struct submit_request *request, const struct text *extra,
                        struct arena *arena, struct store_message *message)
{
	struct store_recipient *recipients = ARENA_ARRAY(arena, struct store_recipient, request->recipient_count);
	for (size_t i = 0; i < request->recipient_count; i++)
		recipients[i] = (struct store_recipient){ request->recipients[i].address, request->recipients[i].domain };
	const int64_t now = store_time(queue->store);
	*message = (struct store_message){ .id = request->id,
		                               .accepted_wall = request->accepted,
		                               .accepted = now,
		                               .expires = now + (*queue->config)->queue.retry.expire,
		                               .account = request->envelope.account,
		                               .sender = request->envelope.sender,
		                               .extra = text_view(extra),
		                               .hold_reason = request->envelope.hold_reason,
		                               .recipients = recipients,
		                               .recipient_count = request->recipient_count,
		                               .content = request->content };
}

static enum submit_result submit(struct queue *queue, const struct submit_request *request, struct arena *arena)
{
	if (queue->stopping || request->recipient_count == 0)
		return SUBMIT_LATER;
	/* The first time nobody can have submitted it before: the look-up is saved. */
	if (request->repeat) {
		const enum store_outcome found = store_find(queue->store, &request->id);
		if (found != STORE_ABSENT)
			return submit_result_of(found);
	}
	struct text extra = TEXT_LIMIT(STORE_EXTRA_MOST);
	struct store_message message;
	envelope_pack(&request->envelope, &extra);
	submission_message(queue, request, &extra, arena, &message);
	const enum submit_result result =
		extra.overflow ? SUBMIT_LATER : submit_result_of(store_accept(queue->store, &message, NULL));
	text_deinit(&extra);
	return result;
}

void answer_submit(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena)
{
	(void)caller;
	struct queue *queue = room;
	struct submit_answer *submitted = answer;
	submitted->result = submit(queue, request, arena);
	submitted->why = submit_why(submitted->result);
	queue->counters.refused_full += submitted->result == SUBMIT_FULL ? 1 : 0;
}

void answer_room(void *room, const struct caller *caller, const void *request, void *answer, struct arena *arena)
{
	(void)caller;
	(void)arena;
	struct queue *queue = room;
	const struct room_request *wanted = request;
	struct submit_answer *submitted = answer;
	submitted->result = SUBMIT_STORED;
	if (queue->stopping || store_has_failed(queue->store))
		submitted->result = SUBMIT_LATER;
	else if (!store_has_room(queue->store, wanted->size))
		submitted->result = SUBMIT_FULL;
	submitted->why = submit_why(submitted->result);
	queue->counters.refused_full += submitted->result == SUBMIT_FULL ? 1 : 0;
}
