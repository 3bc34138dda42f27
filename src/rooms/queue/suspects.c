#include "rooms/queue/queue_private.h"

#include "base/must.h"

#define SUSPECTS_MOST ((size_t)100000)
#define DEATHS_ALONE  2u /* from so many on, no other suspect is tried beside it */
#define DEATHS_MOST   3u
#define SUSPECT_WAITS SECOND
#define NOTICE_WAITS  HOUR

/* A message that was being tried when a delivery process died. */
struct suspect {
	unsigned deaths;
	uint64_t last_caller; /* each death counts once, however many leases of the message there were */
};

static struct view suspect_key(const struct message_id *id)
{
	return view_bytes(id->bytes, sizeof(id->bytes));
}

void suspects_init(struct queue *queue)
{
	queue->suspects = (struct map)MAP_LIMIT(SUSPECTS_MOST, world_random_u64(queue->world));
}

void suspects_deinit(struct queue *queue)
{
	size_t position = 0;
	struct view key;
	void *suspect;
	while (map_walk(&queue->suspects, &position, &key, &suspect))
		free(suspect);
	map_deinit(&queue->suspects);
}

static bool is_suspected(const struct queue *queue, const struct message_id *id, unsigned deaths)
{
	const struct suspect *suspect = map_get(&queue->suspects, suspect_key(id));
	return suspect != NULL && suspect->deaths >= deaths;
}

void suspect_clear(struct queue *queue, const struct message_id *id)
{
	if (queue->suspects.count > 0)
		free(map_remove(&queue->suspects, suspect_key(id)));
}

static void suspect_count(struct queue *queue, const struct lease *lease)
{
	struct suspect *suspect = map_get(&queue->suspects, suspect_key(&lease->id));
	if (suspect == NULL) {
		bool full = false;
		suspect = must_alloc(1, sizeof(*suspect));
		map_put(&queue->suspects, suspect_key(&lease->id), suspect, &full);
		if (full) {
			free(suspect);
			return;
		}
	}
	if (suspect->deaths > 0 && suspect->last_caller == lease->caller.number)
		return;
	suspect->deaths++;
	suspect->last_caller = lease->caller.number;
}

/* Another lease of the caller's on a suspect. */
static bool has_suspect(const struct queue *queue, const struct caller *caller, const struct message_id *except)
{
	size_t position = 0;
	struct view key;
	void *value;
	while (map_walk(&queue->leases, &position, &key, &value)) {
		const struct lease *lease = value;
		if (lease->caller.number == caller->number && is_suspected(queue, &lease->id, DEATHS_ALONE) &&
		    (except == NULL || !id_equal(&lease->id, except)))
			return true;
	}
	return false;
}

bool suspect_must_wait(struct queue *queue, const struct caller *caller, struct row *const *rows, size_t count)
{
	const struct message_id *id = &rows[0]->message->id;
	if (!is_suspected(queue, id, DEATHS_ALONE) || !has_suspect(queue, caller, id))
		return false;
	struct lane *lane = rows[0]->lane;
	for (size_t i = 0; i < count; i++)
		row_pause(&queue->lanes, rows[i], store_time(queue->store) + SUSPECT_WAITS);
	lane_refresh(&queue->lanes, lane);
	return true;
}

void suspects_blame(struct queue *queue, const struct caller *caller)
{
	/* Where one is known to have been there at each death, the others beside it are not blamed. */
	const unsigned least = has_suspect(queue, caller, NULL) ? DEATHS_ALONE : 0;
	size_t position = 0;
	struct view key;
	void *value;
	while (map_walk(&queue->leases, &position, &key, &value)) {
		const struct lease *lease = value;
		if (lease->caller.number == caller->number && (least == 0 || is_suspected(queue, &lease->id, least)))
			suspect_count(queue, lease);
	}
}

int64_t suspect_return(struct queue *queue, struct lease *lease)
{
	const int64_t now = store_time(queue->store);
	if (!is_suspected(queue, &lease->id, DEATHS_MOST))
		return now;
	if (lease->kind == JOB_NOTICE)
		return now + NOTICE_WAITS;
	lease_hold(queue, lease, VIEW("quarantined: delivery died three times while it was tried"));
	return now;
}
