#include "rooms/queue/queue_private.h"

#include "base/bytes.h"
#include "base/must.h"

struct share {
	size_t count;
	size_t answers;
	bool refused;    /* somebody waits for a place */
	struct view key; /* follows the struct */
};

enum { KEY_BYTES = 600 };

/* The caller's number, then the site. */
static struct view share_key(const struct queue *queue, const struct caller *caller, struct view domain,
                             char key[KEY_BYTES])
{
	const size_t length = bytes_copy(key, KEY_BYTES, view_bytes(&caller->number, sizeof(caller->number)));
	const struct view site = view_first(site_of(queue, domain), KEY_BYTES - length);
	return view_bytes(key, length + bytes_copy(key + length, KEY_BYTES - length, site));
}

/* The fewer are left, the fewer are risked. */
static size_t first_of(size_t spare)
{
	const size_t few = 1 + spare / 32;
	return few < SHARE_FIRST ? few : SHARE_FIRST;
}

bool share_has_room(struct queue *queue, const struct caller *caller, struct view domain, size_t spare)
{
	char key[KEY_BYTES];
	struct share *share = map_get(&queue->shares, share_key(queue, caller, domain, key));
	const size_t first = first_of(spare);
	if (share == NULL || share->count < first || (share->count < first + share->answers && share->count < spare))
		return true;
	share->refused = true;
	return false;
}

static struct share *share_new(struct queue *queue, struct view key)
{
	struct share *share = must_alloc(sizeof(*share) + key.length, 1);
	char *copy = (char *)(share + 1);
	*share = (struct share){ .key = view_bytes(copy, bytes_copy(copy, key.length, key)) };
	map_put(&queue->shares, key, share, NULL);
	return share;
}

void share_enter(struct queue *queue, struct lease *lease, struct view domain)
{
	char bytes[KEY_BYTES];
	const struct view key = share_key(queue, &lease->caller, domain, bytes);
	struct share *share = map_get(&queue->shares, key);
	lease->share = share != NULL ? share : share_new(queue, key);
	lease->share->count++;
}

void share_answered(struct lease *lease)
{
	if (lease->share != NULL)
		lease->share->answers++;
}

void share_leave(struct queue *queue, struct lease *lease)
{
	struct share *share = lease->share;
	if (share == NULL)
		return;
	lease->share = NULL;
	if (share->refused)
		queue->lanes.work(queue->lanes.context);
	share->refused = false;
	if (--share->count > 0)
		return;
	map_remove(&queue->shares, share->key);
	free(share);
}

void shares_deinit(struct queue *queue)
{
	size_t position = 0;
	struct view key;
	void *share;
	while (map_walk(&queue->shares, &position, &key, &share))
		free(share);
	map_deinit(&queue->shares);
}
