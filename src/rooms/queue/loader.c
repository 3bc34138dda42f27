#include "rooms/queue/queue_private.h"

#include "base/must.h"

#define LOAD_LANES    32u                /* in one question */
#define LOAD_AGAIN    (50 * MILLISECOND) /* when the index did not know yet what we know */
#define SCAN_EVERY    (5 * MINUTE)
#define SCAN_PAGE     1000u
#define EXPIRE_EVERY  (10 * SECOND)
#define EXPIRE_NEXT   (200 * MILLISECOND) /* once the index knows of the last page */
#define EXPIRE_PAGE   500u
#define DEBTS_MISSING (30 * SECOND)

/* ---- the waker: when something becomes due */

void queue_wake_task(void *room)
{
	struct queue *queue = room;
	while (!queue->stopping) {
		int64_t due = lanes_wake(&queue->lanes);
		const int64_t debt = debts_due(queue);
		const int64_t now = store_time(queue->store);
		if (debt <= now)
			signal_wake_all(&queue->work_ready);
		else if (debt < due)
			due = debt;
		const int64_t deadline = due == NEVER_DUE ? NEVER_DUE : world_now(queue->world) + (due - now);
		if (signal_wait(&queue->wake_changed, deadline) == WAIT_CANCELLED)
			return;
	}
}

/* ---- the loader: rows of lanes that have run low */

struct loading {
	struct lane *lanes[LOAD_LANES];
	struct store_load loads[LOAD_LANES];
	size_t count;
};

static void loading_take(struct queue *queue, struct loading *loading)
{
	loading->count = 0;
	while (!list_is_empty(&queue->lanes.wanted) && loading->count < LOAD_LANES) {
		struct lane *lane = LIST_OWNER(list_take_first(&queue->lanes.wanted), struct lane, load);
		lane->loading = true;
		loading->lanes[loading->count] = lane;
		/* Those that are here come up again. */
		loading->loads[loading->count++] = (struct store_load){ .account = lane->account->name,
			                                                    .domain = lane->domain,
			                                                    .most = LANE_ROWS_MOST + lane->row_count };
	}
}

/* Whether it was not here yet, and is now. */
static bool row_load(struct queue *queue, struct lane *lane, const struct store_row *from)
{
	const struct message *message = lanes_message_find(&queue->lanes, &from->id);
	if (message != NULL && message_row(message, from->index) != NULL)
		return false;
	const bool is_soon = from->due <= store_time(queue->store) + HORIZON;
	if (!is_soon || !lane_make_room(&queue->lanes, lane, message, from->due)) {
		lane_note_more(&queue->lanes, lane, from->due, 0);
		return false;
	}
	struct row *row = row_new(&queue->lanes, lanes_message(&queue->lanes, from), lane, from->index, from->address);
	row->attempts = from->attempts;
	row->attempt = from->attempt;
	row->warned = from->warned;
	row_wait(&queue->lanes, row, from->due);
	return true;
}

static void lane_loaded(struct queue *queue, struct lane *lane, const struct store_load *load, uint64_t applied)
{
	const int64_t now = store_time(queue->store);
	const bool is_behind = lane->barrier > applied || load->hidden > 0;
	bool has_loaded = false;
	lane->has_more = load->more;
	lane->more_due = load->more ? load->more_due : NEVER_DUE;
	for (size_t i = 0; i < load->row_count; i++)
		has_loaded |= row_load(queue, lane, &load->rows[i]);
	if (is_behind)
		lane_note_more(&queue->lanes, lane, now + LOAD_AGAIN, 0);
	/* Nothing new was there: asking at once would only be told the same. */
	if (!has_loaded && lane->more_due < now + LOAD_AGAIN)
		lane->more_due = now + LOAD_AGAIN;
	/* Far off: the scan brings it back in time. */
	if (lane->has_more && lane->more_due > now + HORIZON && !is_behind)
		lane->has_more = false;
}

void queue_load_task(void *room)
{
	struct queue *queue = room;
	struct arena arena = { .limit = (size_t)1024 * 1024 * 1024 };
	struct loading loading;
	while (!queue->stopping && !task_is_cancelled()) {
		if (list_is_empty(&queue->lanes.wanted)) {
			if (signal_wait(&queue->load_wanted, NEVER_DUE) == WAIT_CANCELLED)
				break;
			continue;
		}
		uint64_t applied = 0;
		loading_take(queue, &loading);
		arena_clear(&arena);
		const enum store_outcome outcome = store_load(queue->store, loading.loads, loading.count, &arena, &applied);
		for (size_t i = 0; i < loading.count; i++) {
			struct lane *lane = loading.lanes[i];
			lane->loading = false;
			if (outcome == STORE_DONE)
				lane_loaded(queue, lane, &loading.loads[i], applied);
			lane_refresh(&queue->lanes, lane);
		}
		signal_wake_all(&queue->wake_changed);
		if (outcome != STORE_DONE && task_sleep(queue->world, SECOND) == WAIT_CANCELLED)
			break;
	}
	arena_deinit(&arena);
}

/* ---- the scan: lanes that will have something due before the next one */

static bool scan_page(struct queue *queue, struct arena *arena, uint64_t *cursor, bool *more)
{
	struct store_lanes page;
	arena_clear(arena);
	const int64_t until = store_time(queue->store) + HORIZON;
	if (store_lanes(queue->store, until, *cursor, SCAN_PAGE, arena, &page) != STORE_DONE)
		return false;
	for (size_t i = 0; i < page.lane_count; i++) {
		struct lane *lane = lanes_lane(&queue->lanes, page.lanes[i].account, page.lanes[i].domain);
		if (lane == NULL)
			break;
		lane_note_more(&queue->lanes, lane, page.lanes[i].due, 0);
		if (!lane->loading)
			lane_refresh(&queue->lanes, lane);
	}
	signal_wake_all(&queue->wake_changed);
	*cursor = page.cursor;
	*more = page.more;
	return true;
}

void queue_scan_task(void *room)
{
	struct queue *queue = room;
	struct arena arena = { 0 };
	while (!queue->stopping) {
		uint64_t cursor = 0;
		bool more = true;
		while (more && scan_page(queue, &arena, &cursor, &more))
			;
		if (queue->debts_left && queue->debts.count == 0)
			debts_load(queue);
		if (task_sleep(queue->world, queue->debts_left ? DEBTS_MISSING : SCAN_EVERY) == WAIT_CANCELLED)
			break;
	}
	arena_deinit(&arena);
}

/* ---- expiry, in every state but that of being tried this moment */

/* Whether the recipient can be ended now; marks it when it is here. */
static bool row_expires(struct queue *queue, const struct store_row *from)
{
	const struct message *message = lanes_message_find(&queue->lanes, &from->id);
	struct row *row = message == NULL ? NULL : message_row(message, from->index);
	if (row == NULL)
		return true;
	if (row->lease != NULL || row->changing)
		return false;
	struct lane *lane = row->lane;
	heap_remove(&lane->waiting, &row->due);
	row->changing = true;
	lane_refresh(&queue->lanes, lane);
	return true;
}

static struct verdict expired_verdict(const struct store_row *row, struct arena *arena)
{
	const char *last = row->attempts > 0 ? ": " : "";
	return (struct verdict){ .outcome = OUTCOME_NEVER,
		                     .code = row->last.code,
		                     .status = { 5, 4, 7 },
		                     .why =
		                         arena_print(arena, "not delivered in time%s%.*s", last, VIEW_PRINT(row->last.why)) };
}

static void message_expire(struct queue *queue, const struct store_row *rows, size_t count, struct arena *arena)
{
	struct store_change_row *changes = ARENA_ARRAY(arena, struct store_change_row, count);
	size_t ended = 0;
	for (size_t i = 0; i < count; i++) {
		if (!row_expires(queue, &rows[i]))
			continue;
		changes[ended++] = (struct store_change_row){ .index = rows[i].index,
			                                          .state = STORE_ENDED,
			                                          .fate = FATE_EXPIRED,
			                                          .owes = owes_for(FATE_EXPIRED, rows[i].sender),
			                                          .attempts = rows[i].attempts,
			                                          .address = rows[i].address,
			                                          .domain = rows[i].domain,
			                                          .verdict = expired_verdict(&rows[i], arena),
			                                          .class = rows[i].class,
			                                          .reason = rows[i].reason };
	}
	if (ended == 0)
		return;
	struct store_change change = { .id = rows[0].id,
		                           .account = rows[0].account,
		                           .sender = rows[0].sender,
		                           .accepted_wall = rows[0].accepted_wall,
		                           .size = rows[0].size,
		                           .when_wall = world_wall(queue->world),
		                           .site = rows[0].site,
		                           .remote = rows[0].remote,
		                           .dialogue = rows[0].dialogue,
		                           .rows = changes,
		                           .row_count = ended };
	store_change_begin(queue->store, &change);
}

/* How long to wait for the next look. */
static int64_t expire_page(struct queue *queue, struct arena *arena)
{
	struct store_rows page = { 0 };
	arena_clear(arena);
	if (store_expired(queue->store, store_time(queue->store), EXPIRE_PAGE, arena, &page) != STORE_DONE)
		return EXPIRE_EVERY;
	for (size_t i = 0; i < page.row_count;) {
		size_t end = i;
		while (end < page.row_count && id_equal(&page.rows[end].id, &page.rows[i].id))
			end++;
		message_expire(queue, &page.rows[i], end - i, arena);
		i = end;
	}
	return page.more ? EXPIRE_NEXT : EXPIRE_EVERY;
}

void queue_expire_task(void *room)
{
	struct queue *queue = room;
	struct arena arena = { 0 };
	while (!queue->stopping) {
		const int64_t pause = expire_page(queue, &arena);
		if (task_sleep(queue->world, pause) == WAIT_CANCELLED)
			break;
	}
	arena_deinit(&arena);
}
