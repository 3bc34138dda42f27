/* The answering end of a channel. */
#include "base/must.h"
#include "ipc/answering.h"
#include "ipc/frame.h"

#include <sys/socket.h>
#include <unistd.h>

struct served {
	struct world *world;
	const struct service *service;
	struct caller caller;
	int socket;
	struct task_group calls;
	size_t call_count;
	struct signal call_ended;
};

struct served_call {
	struct served *served;
	struct frame frame;
	struct arena arena; /* holds the request's copy (unless it is mapped), and all that the answer needs */
};

/* An answer that cannot be sent becomes a refusal, so that nobody waits for it. */
static void served_answer(struct served *served, struct frame_header header, struct frame_payload payload)
{
	if (frame_send(served->world, served->socket, header, payload, NEVER_DUE) != FRAME_BAD)
		return;
	header.is_refusal = true;
	frame_send(served->world, served->socket, header, (struct frame_payload){ 0 }, NEVER_DUE);
}

static void served_call_run(void *argument)
{
	struct served_call *call = argument;
	struct served *served = call->served;
	struct text fields = TEXT_LIMIT(CHANNEL_PAYLOAD_MAX);
	struct view bulk = VIEW_NONE;
	struct frame_header header = { .kind = call->frame.header.kind,
		                           .is_answer = true,
		                           .call = call->frame.header.call };
	if (!service_answer(served->service, &served->caller, header.kind, call->frame.payload, &call->arena, &fields,
	                    &bulk)) {
		header.is_refusal = true;
		text_clear(&fields);
		bulk = VIEW_NONE;
	}
	/* A caller that is gone needs no answer. */
	if (!task_is_cancelled())
		served_answer(served, header, (struct frame_payload){ text_view(&fields), bulk });
	text_deinit(&fields);
	frame_release(&call->frame);
	arena_deinit(&call->arena);
	free(call);
	served->call_count--;
	signal_wake_all(&served->call_ended);
}

static void served_start_call(struct served *served, struct frame frame)
{
	struct served_call *call = must_alloc(1, sizeof(*call));
	*call = (struct served_call){ .served = served, .frame = frame };
	if (frame.mapping == NULL)
		call->frame.payload = arena_copy(&call->arena, frame.payload);
	served->call_count++;
	task_group_start(&served->calls, served->world, "answer", served_call_run, call);
}

static bool served_has_room(struct served *served)
{
	while (served->call_count >= CHANNEL_CALLS_MAX)
		if (signal_wait(&served->call_ended, NEVER_DUE) != WAIT_DONE)
			return false;
	return true;
}

static void served_run(void *argument)
{
	struct served *served = argument;
	struct frame_reader *reader = frame_reader_new(served->world, served->socket);
	struct frame frame;
	while (served_has_room(served) && frame_receive(reader, &frame) == FRAME_OK) {
		if (frame.header.is_answer) {
			frame_release(&frame);
			break;
		}
		served_start_call(served, frame);
	}
	frame_reader_free(reader);
	/* First the tasks, then the room hears of it: nothing of this caller runs any more. */
	task_group_cancel(&served->calls);
	while (served->call_count > 0 && task_group_wait(&served->calls, NEVER_DUE) == WAIT_CANCELLED)
		task_yield();
	if (served->service->caller_gone != NULL)
		served->service->caller_gone(served->service->room, &served->caller);
	close(served->socket);
	free(served);
}

void channel_serve(struct world *world, struct task_group *group, const struct service *service, struct caller caller,
                   int socket)
{
	struct served *served = must_alloc(1, sizeof(*served));
	*served = (struct served){ .world = world, .service = service, .caller = caller, .socket = socket };
	task_group_init(&served->calls);
	signal_init(&served->call_ended);
	task_group_start(group, world, "channel questions", served_run, served);
}
