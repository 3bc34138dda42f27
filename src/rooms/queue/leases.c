#include "rooms/queue/queue_private.h"

#include "base/must.h"

static struct view lease_key(const uint64_t *number)
{
	return view_bytes(number, sizeof(*number));
}

struct lease *lease_new(struct queue *queue, const struct caller *caller, const struct message_id *id)
{
	struct lease *lease = must_alloc(1, sizeof(*lease));
	lease->number = queue->next_lease++;
	lease->caller = *caller;
	lease->kind = JOB_MESSAGE;
	lease->id = *id;
	list_init(&lease->rows);
	map_put(&queue->leases, lease_key(&lease->number), lease, NULL);
	return lease;
}

struct lease *lease_find(const struct queue *queue, uint64_t number, const struct caller *caller)
{
	struct lease *lease = map_get(&queue->leases, lease_key(&number));
	return lease != NULL && lease->caller.number == caller->number ? lease : NULL;
}

static void lease_free(struct queue *queue, struct lease *lease)
{
	share_leave(queue, lease);
	map_remove(&queue->leases, lease_key(&lease->number));
	free(lease->indexes);
	free(lease);
}

void lease_add(struct queue *queue, struct lease *lease, struct row *row)
{
	must(row->lease == NULL);
	heap_remove(&row->lane->waiting, &row->due);
	row->lease = lease;
	if (lease->share == NULL)
		share_enter(queue, lease, row->lane->domain);
	list_add_last(&lease->rows, &row->in_lease);
	queue->lanes.leased_count++;
}

void lease_remove(struct queue *queue, struct row *row)
{
	struct lease *lease = row->lease;
	if (lease == NULL)
		return;
	row->lease = NULL;
	list_remove(&lease->rows, &row->in_lease);
	queue->lanes.leased_count--;
	if (list_is_empty(&lease->rows))
		lease_free(queue, lease);
}

void lease_return(struct queue *queue, struct lease *lease)
{
	const int64_t now = store_time(queue->store);
	for (size_t left = lease->rows.count; left > 0; left--) {
		struct row *row = LIST_OWNER(list_first(&lease->rows), struct row, in_lease);
		lease_remove(queue, row);
		/* A change that is on its way says where the row goes. */
		if (row->changing)
			continue;
		row_wait(&queue->lanes, row, now);
		lane_refresh(&queue->lanes, row->lane);
	}
}

void lease_hold(struct queue *queue, struct lease *lease, struct view reason)
{
	struct arena arena = { 0 };
	struct store_change_row *rows = ARENA_ARRAY(&arena, struct store_change_row, lease->rows.count);
	size_t count = 0;
	const struct message *message = NULL;
	for (struct link *link = list_first(&lease->rows); link != NULL; link = list_next(&lease->rows, link)) {
		struct row *row = LIST_OWNER(link, struct row, in_lease);
		message = row->message;
		if (row->changing)
			continue;
		row->changing = true;
		rows[count++] = (struct store_change_row){ .index = row->index,
			                                       .state = STORE_HELD,
			                                       .attempts = row->attempts,
			                                       .due = NEVER_DUE,
			                                       .address = row->address,
			                                       .domain = row->lane->domain,
			                                       .reason = reason };
	}
	must(message != NULL);
	struct store_change change = { .id = message->id,
		                           .account = message->account,
		                           .sender = message->sender,
		                           .accepted_wall = message->accepted_wall,
		                           .size = message->size,
		                           .when_wall = world_wall(queue->world),
		                           .rows = rows,
		                           .row_count = count };
	if (count > 0)
		store_change_begin(queue->store, &change);
	arena_deinit(&arena);
}

void lease_end_notice(struct queue *queue, struct lease *lease, int64_t due)
{
	const struct store_debt_key key = { lease->id, lease->notice };
	debt_return(queue, &key, due);
	lease_free(queue, lease);
}

void queue_caller_gone(void *room, const struct caller *caller)
{
	struct queue *queue = room;
	suspects_blame(queue, caller);
	/* Ending a lease changes the map, so it is walked anew after each. */
	for (bool found = true; found;) {
		size_t position = 0;
		struct view key;
		void *value;
		found = false;
		while (!found && map_walk(&queue->leases, &position, &key, &value)) {
			struct lease *lease = value;
			if (lease->caller.number != caller->number)
				continue;
			found = true;
			const int64_t due = suspect_return(queue, lease);
			if (lease->kind == JOB_NOTICE)
				lease_end_notice(queue, lease, due);
			else
				lease_return(queue, lease);
		}
	}
}

void leases_deinit(struct queue *queue)
{
	size_t position = 0;
	struct view key;
	void *value;
	while (map_walk(&queue->leases, &position, &key, &value)) {
		struct lease *lease = value;
		while (!list_is_empty(&lease->rows))
			LIST_OWNER(list_take_first(&lease->rows), struct row, in_lease)->lease = NULL;
		free(lease->indexes);
		free(lease);
	}
	map_deinit(&queue->leases);
	shares_deinit(queue);
}

static bool is_wanted(uint32_t index, const uint32_t *indexes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (indexes[i] == index)
			return true;
	return false;
}

/* The row of this recipient in memory, made where it is not there yet. NULL: no room for its lane. */
static struct row *row_bring(struct queue *queue, const struct store_row *from)
{
	struct message *message = lanes_message_find(&queue->lanes, &from->id);
	struct row *row = message == NULL ? NULL : message_row(message, from->index);
	if (row != NULL)
		return row;
	struct lane *lane = lanes_lane(&queue->lanes, from->account, from->domain);
	if (lane == NULL)
		return NULL;
	row = row_new(&queue->lanes, lanes_message(&queue->lanes, from), lane, from->index, from->address);
	row->attempts = from->attempts;
	row->attempt = from->attempt;
	row->warned = from->warned;
	return row;
}

/* Asked again, because an answer was lost, the row may have been adopted for the caller already. Returns the lease it
 * is in now, or the one that came in when the row was given out anew meanwhile. */
static struct lease *lease_join(struct queue *queue, struct lease *lease, const struct caller *caller,
                                struct row *row)
{
	if (row->lease != NULL && (row->lease->caller.number != caller->number || !row->lease->adopted))
		return lease;
	if (row->lease != NULL && (lease == NULL || lease == row->lease))
		return row->lease;
	if (lease == NULL)
		lease = lease_new(queue, caller, &row->message->id);
	lease->adopted = true;
	lease_remove(queue, row);
	lease_add(queue, lease, row);
	lane_refresh(&queue->lanes, row->lane);
	return lease;
}

struct lease *lease_adopt(struct queue *queue, const struct caller *caller, const struct message_id *id,
                          const uint32_t *indexes, size_t count)
{
	struct arena arena = { 0 };
	struct store_rows rows = { 0 };
	struct lease *lease = NULL;
	const bool is_known = store_live(queue->store, id, &arena, &rows) == STORE_DONE;
	for (size_t i = 0; is_known && i < rows.row_count; i++) {
		if (!is_wanted(rows.rows[i].index, indexes, count))
			continue;
		struct row *row = row_bring(queue, &rows.rows[i]);
		if (row != NULL && !row->changing)
			lease = lease_join(queue, lease, caller, row);
	}
	arena_deinit(&arena);
	return lease;
}
