#include "questions/wiring.h"

#include "base/must.h"
#include "questions/common.h"
#include "questions/queue.h"
#include "questions/resolver.h"
#include "questions/vault.h"

const char *room_name(enum room room)
{
	static const char *const names[ROOM_COUNT] = {
		[ROOM_SUPERVISOR] = "supervisor",
		[ROOM_VAULT] = "vault",
		[ROOM_RESOLVER] = "resolver",
		[ROOM_QUEUE] = "queue",
		[ROOM_SUBMISSION] = "submission",
		[ROOM_DELIVERY] = "delivery",
		[ROOM_API] = "api",
	};
	must((size_t)room < ROOM_COUNT);
	return names[room];
}

/* Asked of every room by the api, besides what its row says. */
static const struct question *const common_questions[] = { &room_events_question, &room_counters_question, NULL };

const struct wire_row wiring[] = {
	{ ROOM_SUBMISSION, ROOM_VAULT, vault_submission_questions },
	{ ROOM_SUBMISSION, ROOM_RESOLVER, resolver_submission_questions },
	{ ROOM_SUBMISSION, ROOM_QUEUE, queue_submission_questions },
	{ ROOM_RESOLVER, ROOM_VAULT, vault_resolver_questions },
	{ ROOM_RESOLVER, ROOM_QUEUE, queue_resolver_questions },
	{ ROOM_DELIVERY, ROOM_QUEUE, queue_delivery_questions },
	{ ROOM_DELIVERY, ROOM_RESOLVER, resolver_delivery_questions },
	{ ROOM_DELIVERY, ROOM_VAULT, vault_delivery_questions },
	{ ROOM_API, ROOM_VAULT, vault_api_questions },
	{ ROOM_API, ROOM_RESOLVER, resolver_api_questions },
	{ ROOM_API, ROOM_QUEUE, queue_api_questions },
	{ ROOM_API, ROOM_SUBMISSION, common_questions },
	{ ROOM_API, ROOM_DELIVERY, common_questions },
};
const size_t wiring_count = sizeof(wiring) / sizeof(wiring[0]);

bool wiring_has(enum room asker, enum room answerer)
{
	for (size_t i = 0; i < wiring_count; i++)
		if (wiring[i].asker == asker && wiring[i].answerer == answerer)
			return true;
	return false;
}

static bool list_has(const struct question *const *questions, uint16_t kind)
{
	for (; *questions != NULL; questions++)
		if ((*questions)->kind == kind)
			return true;
	return false;
}

bool wiring_allows(unsigned asker, uint16_t kind)
{
	if (asker == ROOM_API && list_has(common_questions, kind))
		return true;
	for (size_t i = 0; i < wiring_count; i++)
		if (wiring[i].asker == (enum room)asker && list_has(wiring[i].questions, kind))
			return true;
	return false;
}
