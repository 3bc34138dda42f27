#include "ipc/memory.h"

#include "base/bytes.h"
#include "base/list.h"
#include "base/map.h"
#include "base/must.h"
#include "ipc/answering.h"

enum { QUESTION_MOST = 16 * 1024, ANSWERS_MOST = 1000000 };

struct remembered {
	struct link by_age;
	int64_t until;
	struct view key;
	struct view answer;
	char bytes[]; /* of both */
};

struct memory {
	struct peer peer;
	struct world *world;
	struct peer *asked;
	struct map answers;  /* kind and request -> struct remembered */
	struct list by_age;  /* the oldest first */
	size_t bytes;        /* of all that is remembered */
	size_t most;         /* of bytes */
	uint64_t generation; /* of the peer that answered */
	uint64_t epoch;      /* grows when all is forgotten */
};

static void drop(struct memory *memory, struct remembered *one)
{
	map_remove(&memory->answers, one->key);
	list_remove(&memory->by_age, &one->by_age);
	memory->bytes -= sizeof(*one) + one->key.length + one->answer.length;
	free(one);
}

static void forget(struct memory *memory)
{
	while (!list_is_empty(&memory->by_age))
		drop(memory, LIST_OWNER(list_first(&memory->by_age), struct remembered, by_age));
	memory->epoch++;
}

/* False: nothing to remember it by. */
static bool write_key(const struct question *question, const void *request, struct text *key)
{
	struct view bulk = VIEW_NONE;
	text_add_u16_le(key, question->kind);
	return question_write(question->request, request, key, &bulk) && bulk.length == 0;
}

static bool recall(struct memory *memory, const struct question *question, struct view key, void *answer,
                   struct arena *arena)
{
	struct remembered *one = map_get(&memory->answers, key);
	if (one == NULL)
		return false;
	if (one->until <= world_now(memory->world)) {
		drop(memory, one);
		return false;
	}
	must(answer_read(question, arena_copy(arena, one->answer), answer, arena));
	return true;
}

static void keep(struct memory *memory, struct view key, struct view answer, int64_t until)
{
	const size_t size = sizeof(struct remembered) + key.length + answer.length;
	struct remembered *former = map_get(&memory->answers, key);
	if (former != NULL)
		drop(memory, former);
	if (size > memory->most)
		return;
	while (memory->bytes + size > memory->most || memory->answers.count >= ANSWERS_MOST)
		drop(memory, LIST_OWNER(list_first(&memory->by_age), struct remembered, by_age));
	struct remembered *one = must_alloc(1, size);
	one->until = until;
	bytes_copy(one->bytes, key.length, key);
	bytes_copy(one->bytes + key.length, answer.length, answer);
	one->key = view_bytes(one->bytes, key.length);
	one->answer = view_bytes(one->bytes + key.length, answer.length);
	list_add_last(&memory->by_age, &one->by_age);
	memory->bytes += size;
	map_put(&memory->answers, one->key, one, NULL);
}

static void remember(struct memory *memory, const struct question *question, struct view key, const void *answer)
{
	struct text bytes = TEXT_LIMIT(QUESTION_MOST);
	struct view bulk = VIEW_NONE;
	const int64_t time = question->good_for(answer);
	if (time > 0 && question_write(question->answer, answer, &bytes, &bulk) && bulk.length == 0)
		keep(memory, key, text_view(&bytes), world_now(memory->world) + time);
	text_deinit(&bytes);
}

static enum asked memory_ask(struct peer *peer, const struct question *question, const void *request, void *answer,
                             struct arena *arena, int64_t deadline)
{
	struct memory *memory = peer->state;
	struct text key = TEXT_LIMIT(QUESTION_MOST);
	enum asked asked = ASKED_OK;
	if (question->good_for == NULL || !write_key(question, request, &key)) {
		text_deinit(&key);
		return peer_ask(memory->asked, question, request, answer, arena, deadline);
	}
	if (peer_generation(memory->asked) != memory->generation)
		forget(memory);
	memory->generation = peer_generation(memory->asked);
	if (!recall(memory, question, text_view(&key), answer, arena)) {
		const uint64_t epoch = memory->epoch;
		asked = peer_ask(memory->asked, question, request, answer, arena, deadline);
		if (asked == ASKED_OK && epoch == memory->epoch && peer_generation(memory->asked) == memory->generation)
			remember(memory, question, text_view(&key), answer);
	}
	text_deinit(&key);
	return asked;
}

static uint64_t memory_generation(const struct peer *peer)
{
	const struct memory *memory = peer->state;
	return peer_generation(memory->asked);
}

static void memory_free(struct peer *peer)
{
	struct memory *memory = peer->state;
	forget(memory);
	map_deinit(&memory->answers);
	free(memory);
}

static const struct peer_operations operations = {
	.ask = memory_ask,
	.generation = memory_generation,
	.free = memory_free,
};

struct peer *memory_peer_new(struct world *world, struct peer *asked, size_t most)
{
	struct memory *memory = must_alloc(1, sizeof(*memory));
	*memory = (struct memory){
		.peer = { .operations = &operations, .state = memory, .name = asked->name },
		.world = world,
		.asked = asked,
		.answers = MAP_LIMIT(ANSWERS_MOST, world_random_u64(world)),
		.most = most,
		.generation = peer_generation(asked),
	};
	list_init(&memory->by_age);
	return &memory->peer;
}

void memory_peer_forget(struct peer *peer)
{
	if (peer->operations == &operations)
		forget(peer->state);
}
