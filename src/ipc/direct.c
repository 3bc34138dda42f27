#include "ipc/direct.h"

#include "base/must.h"
#include "ipc/answering.h"
#include "ipc/channel.h"

/* From connect to disconnect, and until the calls made in between have ended. */
struct direct_link {
	const struct service *service;
	struct caller caller;
	unsigned running;
	bool ended;
};

struct direct_peer {
	struct peer peer;
	struct world *asking;
	struct world *answering;
	struct direct_link *link; /* NULL: not connected */
	struct task_group calls;  /* in the answering world */
	struct signal connected;
	uint64_t generation;
};

/* Shared by the asking and the answering task; the one that leaves last frees it. */
struct direct_call {
	struct direct_peer *peer;
	struct direct_link *link;
	const struct question *question;
	struct text request;
	struct text answer;
	struct arena arena;
	struct signal done;
	unsigned owners;
	uint64_t generation;
	bool answered;
	bool refused;
	bool ended; /* the answering task is gone */
};

static void direct_call_leave(struct direct_call *call)
{
	if (--call->owners != 0)
		return;
	text_deinit(&call->request);
	text_deinit(&call->answer);
	arena_deinit(&call->arena);
	free(call);
}

/* The room hears of its caller's end when nothing of this caller runs any more, as on a channel. */
static void direct_link_leave(struct direct_link *link)
{
	if (!link->ended || link->running > 0)
		return;
	if (link->service->caller_gone != NULL)
		link->service->caller_gone(link->service->room, &link->caller);
	free(link);
}

static void direct_call_run(void *argument)
{
	struct direct_call *call = argument;
	struct direct_link *link = call->link;
	struct view bulk = VIEW_NONE;
	call->refused = !service_answer(link->service, &link->caller, call->question->kind, text_view(&call->request),
	                                &call->arena, &call->answer, &bulk);
	if (!call->refused && !text_add(&call->answer, bulk))
		call->refused = true; /* too large */
	call->answered = !task_is_cancelled();
	call->ended = true;
	signal_wake_all(&call->done);
	direct_call_leave(call);
	link->running--;
	direct_link_leave(link);
}

static enum asked direct_wait_connected(struct direct_peer *direct, int64_t deadline)
{
	while (direct->link == NULL) {
		const enum wait_result waited = signal_wait(&direct->connected, deadline);
		if (waited != WAIT_DONE)
			return waited == WAIT_LATE ? ASKED_LATE : ASKED_CANCELLED;
	}
	return ASKED_OK;
}

static enum asked direct_wait_answer(struct direct_call *call, int64_t deadline)
{
	while (!call->ended) {
		const enum wait_result waited = signal_wait(&call->done, deadline);
		if (waited != WAIT_DONE)
			return waited == WAIT_LATE ? ASKED_LATE : ASKED_CANCELLED;
	}
	if (!call->answered || call->generation != call->peer->generation)
		return ASKED_LOST;
	return call->refused ? ASKED_FAILED : ASKED_OK;
}

static enum asked direct_ask(struct peer *peer, const struct question *question, const void *request, void *answer,
                             struct arena *arena, int64_t deadline)
{
	struct direct_peer *direct = peer->state;
	enum asked asked = direct_wait_connected(direct, deadline);
	if (asked != ASKED_OK)
		return asked;
	struct direct_call *call = must_alloc(1, sizeof(*call));
	*call = (struct direct_call){
		.peer = direct,
		.question = question,
		.request = TEXT_LIMIT(CHANNEL_PAYLOAD_MAX),
		.answer = TEXT_LIMIT(CHANNEL_PAYLOAD_MAX),
		.owners = 1,
		.generation = direct->generation,
	};
	signal_init(&call->done);
	struct view bulk = VIEW_NONE;
	if (!question_write(question->request, request, &call->request, &bulk) || !text_add(&call->request, bulk)) {
		direct_call_leave(call);
		return ASKED_FAILED;
	}
	call->owners = 2;
	call->link = direct->link;
	call->link->running++;
	task_group_start(&direct->calls, direct->answering, question->name, direct_call_run, call);
	asked = direct_wait_answer(call, deadline);
	if (asked == ASKED_OK) {
		must(answer_read(question, arena_copy(arena, text_view(&call->answer)), answer, arena));
	}
	direct_call_leave(call);
	return asked;
}

static uint64_t direct_generation(const struct peer *peer)
{
	const struct direct_peer *direct = peer->state;
	return direct->generation;
}

static void direct_free(struct peer *peer)
{
	free(peer->state);
}

static const struct peer_operations direct_operations = {
	.ask = direct_ask,
	.generation = direct_generation,
	.free = direct_free,
};

struct peer *direct_peer_new(struct world *asking, const char *name)
{
	struct direct_peer *direct = must_alloc(1, sizeof(*direct));
	direct->peer = (struct peer){ .operations = &direct_operations, .state = direct, .name = name };
	direct->asking = asking;
	signal_init(&direct->connected);
	task_group_init(&direct->calls);
	return &direct->peer;
}

void direct_peer_connect(struct peer *peer, struct world *answering, const struct service *service,
                         struct caller caller)
{
	struct direct_peer *direct = peer->state;
	must(direct->link == NULL);
	direct->answering = answering;
	direct->link = must_alloc(1, sizeof(*direct->link));
	*direct->link = (struct direct_link){ .service = service, .caller = caller };
	direct->generation++;
	signal_wake_all(&direct->connected);
}

void direct_peer_disconnect(struct peer *peer)
{
	struct direct_peer *direct = peer->state;
	struct direct_link *link = direct->link;
	if (link == NULL)
		return;
	direct->link = NULL;
	direct->generation++;
	link->ended = true;
	task_group_cancel(&direct->calls);
	direct_link_leave(link);
}
