#include "task/world.h"

#include "task/listener.h"

int64_t world_now(struct world *world)
{
	return world->operations->now(world);
}

int64_t world_wall(struct world *world)
{
	return world->operations->wall(world);
}

void world_random(struct world *world, void *into, size_t length)
{
	world->operations->random(world, into, length);
}

uint64_t world_random_u64(struct world *world)
{
	uint64_t number = 0;
	world_random(world, &number, sizeof(number));
	return number;
}

struct view listener_name(const struct listener *listener)
{
	return view_of(listener->name);
}

void listener_free(struct listener *listener)
{
	if (listener != NULL)
		listener->free(listener);
}
