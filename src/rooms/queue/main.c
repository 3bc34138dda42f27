#include "rooms/queue/queue.h"
#include "rooms/room.h"

/* Nothing more can be promised: the supervisor starts the room anew, which reads what the disk really holds. */
static void end_room(void *frame)
{
	world_stop(((struct room_frame *)frame)->world);
}

static void *start(struct room_frame *frame, struct text *problem)
{
	struct queue *queue = queue_new(frame->world, frame->log, &frame->config, frame->directory, problem);
	if (queue == NULL)
		return NULL;
	queue->failed = end_room;
	queue->failed_context = frame;
	return queue;
}

static void reload(void *room)
{
	struct queue *queue = room;
	store_set_reserve(queue->store, (*queue->config)->queue.reserve);
}

static void stop(void *room)
{
	queue_stop(room);
}

static void deinit(void *room)
{
	queue_free(room);
}

const struct room_definition queue_room_definition = {
	.room = ROOM_QUEUE,
	.start = start,
	.answerers = queue_answerers,
	.answerer_count = QUEUE_ANSWERER_COUNT,
	.caller_gone = queue_caller_gone,
	.reload = reload,
	.stop = stop,
	.deinit = deinit,
	.counters = queue_counters_write,
};
