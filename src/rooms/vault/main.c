#include "rooms/vault/vault.h"

static void *start(struct room_frame *frame, struct text *problem)
{
	struct vault *vault = vault_new(frame->world, frame->log, &frame->config, frame->secrets[SECRET_VAULT_KEY],
	                                frame->directory, problem);
	if (vault != NULL)
		task_start(frame->world, "usage", vault_save_usage, vault);
	return vault;
}

static void deinit(void *room)
{
	vault_free(room);
}

static size_t counters(void *room, struct counter *into, size_t most, struct arena *arena)
{
	(void)most;
	(void)arena;
	const struct vault *vault = room;
	size_t count = 0;
	into[count++] = (struct counter){ VIEW("sealpost_logins_total"), VIEW("result=\"ok\""), vault->counters.logins };
	into[count++] =
		(struct counter){ VIEW("sealpost_logins_total"), VIEW("result=\"wrong\""), vault->counters.wrong_logins };
	into[count++] = (struct counter){ VIEW("sealpost_seals_total"), VIEW("result=\"ok\""), vault->counters.seals };
	into[count++] =
		(struct counter){ VIEW("sealpost_seals_total"), VIEW("result=\"refused\""), vault->counters.refused_seals };
	into[count++] = (struct counter){ VIEW("sealpost_sessions"), VIEW_NONE, (int64_t)vault->login_list.count };
	return count;
}

const struct room_definition vault_room = {
	.room = ROOM_VAULT,
	.start = start,
	.answerers = vault_answerers,
	.answerer_count = VAULT_ANSWERER_COUNT,
	.caller_gone = vault_caller_gone,
	.deinit = deinit,
	.counters = counters,
};
