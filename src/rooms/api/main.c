#include "rooms/api/api.h"

static void *start(struct room_frame *frame, struct text *problem)
{
	return api_start(frame, problem);
}

static void deinit(void *room)
{
	api_free(room);
}

const struct room_definition api_room = {
	.room = ROOM_API,
	.start = start,
	.deinit = deinit,
};
