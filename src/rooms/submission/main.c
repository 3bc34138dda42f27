#include "base/must.h"
#include "ipc/memory.h"
#include "net/tls.h"
#include "rooms/submission/submission.h"

struct submission_state {
	struct submission submission;
	struct room_frame *frame;
	struct tls_context *contexts[ROOM_LISTENERS_MOST];
	struct peer *resolver; /* what it said is remembered for a while */
};

enum { MEMORY_MOST = 4 * 1024 * 1024 };

static bool make_contexts(struct submission_state *state, struct text *problem)
{
	const struct room_frame *frame = state->frame;
	for (size_t i = 0; i < frame->listener_count; i++) {
		/* A ticket of one listener is refused by another: each context has keys and a name of its own. */
		state->contexts[i] =
			tls_context_new_server(frame->secrets[SECRET_TLS_CERTIFICATE], frame->secrets[SECRET_TLS_KEY],
		                           listener_name(frame->listeners[i].listener), problem);
		if (state->contexts[i] == NULL)
			return false;
	}
	return true;
}

static void deinit(void *room)
{
	struct submission_state *state = room;
	for (size_t i = 0; i < ROOM_LISTENERS_MOST; i++)
		tls_context_free(state->contexts[i]);
	submission_deinit(&state->submission);
	peer_free(state->resolver);
	free(state);
}

static void *start(struct room_frame *frame, struct text *problem)
{
	struct submission_state *state = must_alloc(1, sizeof(*state));
	state->resolver = memory_peer_new(frame->world, frame->peers[ROOM_RESOLVER][0], MEMORY_MOST);
	const struct submission_peers peers = {
		.vault = frame->peers[ROOM_VAULT][0],
		.resolver = state->resolver,
		.queue = frame->peers[ROOM_QUEUE][0],
	};
	state->frame = frame;
	submission_init(&state->submission, frame->world, frame->log, &frame->config, &peers);
	if (!make_contexts(state, problem)) {
		deinit(state);
		return NULL;
	}
	for (size_t i = 0; i < frame->listener_count; i++)
		submission_listen(&state->submission, frame->listeners[i].listener, state->contexts[i]);
	return state;
}

static void stop(void *room)
{
	struct submission_state *state = room;
	submission_stop(&state->submission, world_now(state->frame->world) + 5 * SECOND);
}

static void reload(void *room)
{
	const struct submission_state *state = room;
	memory_peer_forget(state->resolver);
}

static size_t counters(void *room, struct counter *into, size_t most, struct arena *arena)
{
	(void)most;
	(void)arena;
	const struct submission_state *state = room;
	const struct submission *submission = &state->submission;
	size_t count = 0;
	into[count++] = (struct counter){ VIEW("sealpost_submission_sessions"), VIEW_NONE,
		                              (int64_t)submission->sessions.tasks.count };
	into[count++] =
		(struct counter){ VIEW("sealpost_submission_sessions_total"), VIEW_NONE, submission->counters.sessions };
	into[count++] = (struct counter){ VIEW("sealpost_messages_total"), VIEW("result=\"accepted\""),
		                              submission->counters.accepted };
	into[count++] =
		(struct counter){ VIEW("sealpost_messages_total"), VIEW("result=\"refused\""), submission->counters.refused };
	into[count++] = (struct counter){ VIEW("sealpost_messages_total"), VIEW("result=\"told_later\""),
		                              submission->counters.deferred };
	into[count++] =
		(struct counter){ VIEW("sealpost_messages_in_motion_bytes"), VIEW_NONE, (int64_t)submission->memory };
	return count;
}

const struct room_definition submission_room = {
	.room = ROOM_SUBMISSION,
	.start = start,
	.stop = stop,
	.reload = reload,
	.deinit = deinit,
	.counters = counters,
	.tls = tls_start,
};
