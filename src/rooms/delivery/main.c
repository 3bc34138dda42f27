#include "base/must.h"
#include "ipc/memory.h"
#include "net/tls.h"
#include "rooms/delivery/delivery.h"

struct delivery_state {
	struct delivery delivery;
	struct room_frame *frame;
	struct tls_context *tls;
	struct peer *resolver; /* what it said is remembered for a while */
};

enum { MEMORY_MOST = 4 * 1024 * 1024 };

static void *start(struct room_frame *frame, struct text *problem)
{
	(void)problem;
	struct delivery_state *state = must_alloc(1, sizeof(*state));
	state->resolver = memory_peer_new(frame->world, frame->peers[ROOM_RESOLVER][0], MEMORY_MOST);
	const struct delivery_peers peers = {
		.queue = frame->peers[ROOM_QUEUE][0],
		.resolver = state->resolver,
		.vault = frame->peers[ROOM_VAULT][0],
	};
	state->frame = frame;
	state->tls = tls_context_new_client();
	delivery_init(&state->delivery, frame->world, frame->log, &frame->config, &peers, state->tls);
	task_start(frame->world, "take", delivery_run, &state->delivery);
	return state;
}

static void stop(void *room)
{
	struct delivery_state *state = room;
	delivery_stop(&state->delivery, world_now(state->frame->world) + 4 * SECOND);
}

static void deinit(void *room)
{
	struct delivery_state *state = room;
	delivery_deinit(&state->delivery);
	tls_context_free(state->tls);
	peer_free(state->resolver);
	free(state);
}

static void reload(void *room)
{
	const struct delivery_state *state = room;
	memory_peer_forget(state->resolver);
}

static size_t counters(void *room, struct counter *into, size_t most, struct arena *arena)
{
	(void)most;
	(void)arena;
	const struct delivery *delivery = &((struct delivery_state *)room)->delivery;
	size_t count = 0;
	into[count++] = (struct counter){ VIEW("sealpost_recipients_total"), VIEW("fate=\"delivered\""),
		                              delivery->counters.delivered };
	into[count++] =
		(struct counter){ VIEW("sealpost_recipients_total"), VIEW("fate=\"deferred\""), delivery->counters.deferred };
	into[count++] =
		(struct counter){ VIEW("sealpost_recipients_total"), VIEW("fate=\"bounced\""), delivery->counters.bounced };
	into[count++] =
		(struct counter){ VIEW("sealpost_recipients_total"), VIEW("fate=\"captured\""), delivery->counters.captured };
	into[count++] =
		(struct counter){ VIEW("sealpost_delivery_connections_total"), VIEW_NONE, delivery->counters.connections };
	into[count++] = (struct counter){ VIEW("sealpost_delivery_jobs"), VIEW_NONE, (int64_t)delivery->running.count };
	into[count++] = (struct counter){ VIEW("sealpost_delivery_sites"), VIEW_NONE, (int64_t)delivery->sites.count };
	return count;
}

const struct room_definition delivery_room = {
	.room = ROOM_DELIVERY,
	.start = start,
	.stop = stop,
	.reload = reload,
	.deinit = deinit,
	.counters = counters,
	.tls = tls_start,
};
