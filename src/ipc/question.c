#include "ipc/question.h"

enum asked peer_ask(struct peer *peer, const struct question *question, const void *request, void *answer,
                    struct arena *arena, int64_t deadline)
{
	return peer->operations->ask(peer, question, request, answer, arena, deadline);
}

uint64_t peer_generation(const struct peer *peer)
{
	return peer->operations->generation(peer);
}

void peer_free(struct peer *peer)
{
	if (peer != NULL)
		peer->operations->free(peer);
}
