/* The asking end of a channel. */
#include "base/map.h"
#include "base/must.h"
#include "ipc/answering.h"
#include "ipc/frame.h"

#include <sys/socket.h>
#include <unistd.h>

/* One socket and the calls in flight over it; a new generation gets a new one. */
struct connected {
	struct channel_peer *channel;
	int socket;
	struct list calls;
	unsigned senders; /* tasks that are in frame_send: they use the socket */
	struct signal sent;
	bool ended;
};

struct channel_peer {
	struct peer peer;
	struct world *world;
	struct connected *now; /* NULL: waiting for a socket */
	struct task_group readers;
	struct signal connected;
	uint64_t generation;
	uint64_t next_call;
};

enum call_state { CALL_WAITING, CALL_ANSWERED, CALL_REFUSED, CALL_LOST };

/* Lives on the asking task's stack. */
struct pending_call {
	struct link link;
	uint64_t number;
	uint16_t kind;
	struct arena *arena;
	struct view answer;
	struct signal done;
	enum call_state state;
};

static struct pending_call *pending_find(const struct connected *connected, uint64_t number)
{
	/* Answers mostly come in the order of their questions, so the first few are the ones. */
	for (struct link *link = list_first(&connected->calls); link != NULL; link = list_next(&connected->calls, link)) {
		struct pending_call *call = LIST_OWNER(link, struct pending_call, link);
		if (call->number == number)
			return call;
	}
	return NULL;
}

static void pending_end(struct connected *connected, struct pending_call *call, enum call_state state)
{
	list_remove(&connected->calls, &call->link);
	call->state = state;
	signal_wake_all(&call->done);
}

/* False: a frame that cannot be an answer to a question of ours. */
static bool connected_take_answer(struct connected *connected, const struct frame *frame)
{
	if (!frame->header.is_answer)
		return false;
	struct pending_call *call = pending_find(connected, frame->header.call);
	if (call == NULL)
		return true; /* its asker left at its deadline */
	if (call->kind != frame->header.kind)
		return false;
	if (frame->header.is_refusal) {
		pending_end(connected, call, CALL_REFUSED);
		return true;
	}
	call->answer = arena_copy(call->arena, frame->payload);
	pending_end(connected, call, CALL_ANSWERED);
	return true;
}

/* Whoever waits to send must have left before the socket's number is free for another's. */
static void connected_wait_senders(struct connected *connected)
{
	shutdown(connected->socket, SHUT_RDWR);
	while (connected->senders > 0)
		if (signal_wait(&connected->sent, NEVER_DUE) == WAIT_CANCELLED)
			task_yield();
}

static void connected_read(void *argument)
{
	struct connected *connected = argument;
	struct channel_peer *channel = connected->channel;
	struct frame_reader *reader = frame_reader_new(channel->world, connected->socket);
	struct frame frame;
	while (!connected->ended && frame_receive(reader, &frame) == FRAME_OK) {
		const bool good = connected_take_answer(connected, &frame);
		frame_release(&frame);
		if (!good)
			break;
	}
	frame_reader_free(reader);
	connected->ended = true;
	if (channel->now == connected)
		channel->now = NULL;
	for (struct link *link; (link = list_first(&connected->calls)) != NULL;)
		pending_end(connected, LIST_OWNER(link, struct pending_call, link), CALL_LOST);
	connected_wait_senders(connected);
	close(connected->socket);
	free(connected);
}

static enum asked channel_wait_connected(struct channel_peer *channel, int64_t deadline)
{
	while (channel->now == NULL) {
		const enum wait_result waited = signal_wait(&channel->connected, deadline);
		if (waited != WAIT_DONE)
			return waited == WAIT_LATE ? ASKED_LATE : ASKED_CANCELLED;
	}
	return ASKED_OK;
}

static enum asked pending_wait(struct connected *connected, struct pending_call *call, int64_t deadline)
{
	static const enum asked results[] = {
		[CALL_ANSWERED] = ASKED_OK,
		[CALL_REFUSED] = ASKED_FAILED,
		[CALL_LOST] = ASKED_LOST,
	};
	while (call->state == CALL_WAITING) {
		const enum wait_result waited = signal_wait(&call->done, deadline);
		if (waited == WAIT_DONE || call->state != CALL_WAITING)
			continue;
		list_remove(&connected->calls, &call->link);
		return waited == WAIT_LATE ? ASKED_LATE : ASKED_CANCELLED;
	}
	return results[call->state];
}

static enum asked channel_send(struct channel_peer *channel, struct pending_call *call, struct frame_payload payload,
                               int64_t deadline)
{
	static const enum asked unsent[] = {
		[FRAME_BAD] = ASKED_FAILED,
		[FRAME_CANCELLED] = ASKED_CANCELLED,
		[FRAME_LATE] = ASKED_LATE,
	};
	const struct frame_header header = { .kind = call->kind, .call = call->number };
	struct connected *connected = channel->now;
	/* Listed before it is sent: the reader may meet the end, or even the answer, while the send waits. */
	list_add_last(&connected->calls, &call->link);
	connected->senders++;
	const enum frame_result sent = frame_send(channel->world, connected->socket, header, payload, deadline);
	if (--connected->senders == 0)
		signal_wake_all(&connected->sent);
	if (call->state == CALL_WAITING && sent != FRAME_OK && sent != FRAME_END) {
		list_remove(&connected->calls, &call->link);
		return unsent[sent];
	}
	/* At the end of the socket the reader ends the call. */
	return pending_wait(connected, call, deadline);
}

static enum asked channel_ask(struct peer *peer, const struct question *question, const void *request, void *answer,
                              struct arena *arena, int64_t deadline)
{
	struct channel_peer *channel = peer->state;
	enum asked asked = channel_wait_connected(channel, deadline);
	if (asked != ASKED_OK)
		return asked;
	struct text fields = TEXT_LIMIT(CHANNEL_PAYLOAD_MAX);
	struct view bulk = VIEW_NONE;
	struct pending_call call = { .number = ++channel->next_call, .kind = question->kind, .arena = arena };
	signal_init(&call.done);
	asked = question_write(question->request, request, &fields, &bulk)
	            ? channel_send(channel, &call, (struct frame_payload){ text_view(&fields), bulk }, deadline)
	            : ASKED_FAILED;
	text_deinit(&fields);
	if (asked != ASKED_OK)
		return asked;
	return answer_read(question, call.answer, answer, arena) ? ASKED_OK : ASKED_FAILED;
}

static uint64_t channel_generation(const struct peer *peer)
{
	const struct channel_peer *channel = peer->state;
	return channel->generation;
}

static void channel_free(struct peer *peer)
{
	struct channel_peer *channel = peer->state;
	must(list_is_empty(&channel->readers.tasks));
	free(channel);
}

static const struct peer_operations channel_operations = {
	.ask = channel_ask,
	.generation = channel_generation,
	.free = channel_free,
};

struct peer *channel_peer_new(struct world *world, const char *name)
{
	struct channel_peer *channel = must_alloc(1, sizeof(*channel));
	channel->peer = (struct peer){ .operations = &channel_operations, .state = channel, .name = name };
	channel->world = world;
	signal_init(&channel->connected);
	task_group_init(&channel->readers);
	return &channel->peer;
}

void channel_peer_connect(struct peer *peer, int socket)
{
	struct channel_peer *channel = peer->state;
	if (channel->now != NULL) {
		channel->now->ended = true;
		shutdown(channel->now->socket, SHUT_RDWR); /* its reader wakes, and ends what is in flight */
	}
	struct connected *connected = must_alloc(1, sizeof(*connected));
	*connected = (struct connected){ .channel = channel, .socket = socket };
	list_init(&connected->calls);
	signal_init(&connected->sent);
	channel->now = connected;
	channel->generation++;
	task_group_start(&channel->readers, channel->world, "channel answers", connected_read, connected);
	signal_wake_all(&channel->connected);
}
