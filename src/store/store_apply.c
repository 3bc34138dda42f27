#include "base/bytes.h"
#include "base/clock.h"
#include "base/must.h"
#include "store/journal_format.h"
#include "store/store_private.h"

/* ---- the overlay: what the index does not know yet */

struct view overlay_key(const struct message_id *id, bool is_debt, char key[17])
{
	bytes_copy(key, 17, id_view(id));
	key[16] = is_debt ? 'd' : 'm';
	return view_bytes(key, 17);
}

static struct overlay *overlay_of(struct store *store, const struct message_id *id, bool is_debt)
{
	char bytes[17];
	const struct view key = overlay_key(id, is_debt, bytes);
	struct overlay *overlay = map_get(&store->overlay, key);
	if (overlay != NULL)
		return overlay;
	overlay = must_alloc(1, sizeof(*overlay));
	map_put(&store->overlay, key, overlay, NULL);
	return overlay;
}

void overlay_begin(struct store *store, const struct pending *pending)
{
	overlay_of(store, &pending->id, false)->in_flight++;
	if (pending->has_about)
		overlay_of(store, &pending->about, true)->in_flight++;
}

static void overlay_remove(struct store *store, const struct message_id *id, bool is_debt, uint64_t sequence)
{
	char bytes[17];
	const struct view key = overlay_key(id, is_debt, bytes);
	const struct overlay *overlay = map_get(&store->overlay, key);
	if (overlay != NULL && overlay->in_flight == 0 && overlay->sequence <= sequence)
		free(map_remove(&store->overlay, key));
}

static void overlay_end_one(struct store *store, const struct message_id *id, bool is_debt, uint64_t sequence)
{
	struct overlay *overlay = overlay_of(store, id, is_debt);
	overlay->in_flight--;
	if (sequence > overlay->sequence)
		overlay->sequence = sequence;
	if (overlay->in_flight == 0 && overlay->sequence == 0)
		overlay_remove(store, id, is_debt, 0);
}

/* A sequence of 0: it did not happen. */
void overlay_end(struct store *store, const struct pending *pending)
{
	overlay_end_one(store, &pending->id, false, pending->sequence);
	if (pending->has_about)
		overlay_end_one(store, &pending->about, true, pending->sequence);
}

bool overlay_hides(const struct store *store, const struct message_id *id, bool is_debt, uint64_t applied)
{
	char bytes[17];
	const struct overlay *overlay = map_get(&store->overlay, overlay_key(id, is_debt, bytes));
	return overlay != NULL && (overlay->in_flight > 0 || overlay->sequence > applied);
}

/* Forgets what every question under way sees in the index by itself. */
static void overlay_purge(struct store *store)
{
	uint64_t floor = store->applied_sequence;
	struct link *oldest = list_first(&store->snapshots);
	if (oldest != NULL && LIST_OWNER(oldest, struct snapshot, link)->floor < floor)
		floor = LIST_OWNER(oldest, struct snapshot, link)->floor;
	for (struct link *link = list_first(&store->settled); link != NULL; link = list_first(&store->settled)) {
		struct pending *pending = LIST_OWNER(link, struct pending, link);
		if (pending->sequence > floor)
			return;
		list_remove(&store->settled, link);
		overlay_remove(store, &pending->id, false, pending->sequence);
		if (pending->has_about)
			overlay_remove(store, &pending->about, true, pending->sequence);
		pending_release(pending);
	}
}

void snapshot_begin(struct store *store, struct snapshot *snapshot)
{
	*snapshot = (struct snapshot){ .floor = store->applied_sequence };
	list_add_last(&store->snapshots, &snapshot->link);
}

void snapshot_end(struct store *store, struct snapshot *snapshot)
{
	list_remove(&store->snapshots, &snapshot->link);
	overlay_purge(store);
}

/* ---- the one who brings the index up to the journal */

struct apply {
	struct store *store;
	struct index_entry *entries;
	size_t count;
	struct index_state after;
	int64_t wall;
	enum index_result result;
};

static void apply_run(void *argument)
{
	struct apply *apply = argument;
	struct store *store = apply->store;
	const struct index_batch batch = { .entries = apply->entries,
		                               .entry_count = apply->count,
		                               .after = apply->after };
	apply->result = index_apply(store->index, &batch);
	if (apply->result != INDEX_DONE)
		return;
	/* The batch will not come again, so the history may turn its page. */
	const enum history_result turned = history_turn(store->history, apply->wall, apply->after.queue_time);
	if (turned == HISTORY_FAILED)
		apply->result = INDEX_FAILED;
}

static void tidy_run(void *argument)
{
	struct apply *apply = argument;
	apply->result = index_tidy(apply->store->index);
}

/* The records stay in their list until they are applied: new ones come after them. */
static void apply_take(struct apply *apply)
{
	struct store *store = apply->store;
	const size_t most = store->durable.count < BATCH_RECORDS_MOST ? store->durable.count : BATCH_RECORDS_MOST;
	apply->entries = must_realloc(apply->entries, most + 1, sizeof(apply->entries[0]));
	apply->count = 0;
	apply->after = (struct index_state){ .position = store->applied_end,
		                                 .queue_time = store_time(store),
		                                 .next_seq = store->next_seq };
	for (struct link *link = list_first(&store->durable); link != NULL && apply->count < most;
	     link = list_next(&store->durable, link)) {
		const struct pending *pending = LIST_OWNER(link, struct pending, link);
		apply->entries[apply->count++] = (struct index_entry){
			.type = pending->type, .id = pending->id, .head = text_view(&pending->head), .place = pending->place
		};
		apply->after.position = (struct journal_position){
			.segment = pending->place.segment,
			.offset = journal_aligned(pending->place.offset + JOURNAL_RECORD_HEADER + pending->place.length),
			.sequence = pending->sequence + 1,
		};
	}
	apply->wall = world_wall(store->world);
}

/* Which segments still hold something; the others before the position may go. */
static void retire_prepare(struct store *store, const struct journal_position *position)
{
	const struct index_segment *segments;
	const size_t count = index_segments(store->index, &segments);
	text_clear(&store->retire_kept);
	text_clear(&store->living);
	text_add(&store->living, view_bytes(segments, count * sizeof(*segments)));
	store->applied_segment = position->segment;
	store->figures.messages = store->figures.bytes = 0;
	for (size_t i = 0; i < count; i++) {
		text_add(&store->retire_kept, view_bytes(&segments[i].number, sizeof(segments[i].number)));
		store->figures.messages += segments[i].messages;
		store->figures.bytes += segments[i].bytes;
	}
	store->figures.segments = count;
	if (position->segment == store->retire_seen.segment && count == store->retire_seen.count)
		return;
	store->retire_seen.segment = position->segment;
	store->retire_seen.count = count;
	store->retire_below = position->segment;
	signal_wake_all(&store->append_wanted);
}

static void apply_done(struct apply *apply)
{
	struct store *store = apply->store;
	for (size_t i = 0; i < apply->count; i++)
		list_add_last(&store->settled, list_take_first(&store->durable));
	store->applied_sequence = apply->after.position.sequence - 1;
	store->applied_end = apply->after.position;
	store->time_saved = world_now(store->world);
	retire_prepare(store, &apply->after.position);
	overlay_purge(store);
	signal_wake_all(&store->progress);
}

/* Suspends until there is something to do. False: the end. */
static bool apply_wait(struct store *store)
{
	const int64_t settle = store->settings.settle == 0 ? SETTLE_DEFAULT : store->settings.settle;
	while (list_is_empty(&store->durable)) {
		if (store->closing || store->failed)
			return false;
		const int64_t save = store->time_saved + TIME_SAVED_EVERY;
		const enum wait_result result = signal_wait(&store->apply_wanted, save);
		if (result == WAIT_CANCELLED)
			return false;
		if (result == WAIT_LATE)
			return true;
	}
	const int64_t due = world_now(store->world) + settle;
	while (!store->settle_wanted && !store->closing && !store->failed &&
	       store->durable.count < BATCH_RECORDS_MOST / 2) {
		const enum wait_result result = signal_wait(&store->apply_wanted, due);
		if (result == WAIT_CANCELLED)
			return false;
		if (result == WAIT_LATE)
			break;
	}
	return !store->failed;
}

void store_apply_task(void *argument)
{
	struct store *store = argument;
	struct apply apply = { .store = store };
	unsigned tidy = 0;
	while (apply_wait(store)) {
		store->settle_wanted = false;
		apply_take(&apply);
		const bool is_idle = apply.count == 0;
		store->world->operations->work(store->world, store->index_worker, apply_run, &apply);
		if (apply.result == INDEX_DONE)
			apply_done(&apply);
		if (apply.result == INDEX_DONE && (is_idle || ++tidy % 64 == 0))
			store->world->operations->work(store->world, store->index_worker, tidy_run, &apply);
		if (apply.result == INDEX_FULL) {
			store->is_full = true;
			if (task_sleep(store->world, FULL_RETRY) == WAIT_CANCELLED)
				break;
		} else if (apply.result != INDEX_DONE) {
			store_fail(store, VIEW("the index could not be written"));
			break;
		}
	}
	free(apply.entries);
}

enum store_outcome store_settle(struct store *store)
{
	const uint64_t wanted = store->durable_sequence;
	while (store->applied_sequence < wanted) {
		if (store->failed)
			return STORE_LATER;
		store->settle_wanted = true;
		signal_wake_all(&store->apply_wanted);
		if (signal_wait(&store->progress, NEVER_DUE) == WAIT_CANCELLED)
			return STORE_LATER;
	}
	return STORE_DONE;
}

/* ---- free space */

struct space {
	struct store *store;
	uint64_t bytes;
	bool known;
};

static void space_run(void *argument)
{
	struct space *space = argument;
	struct disk *disk = space->store->world->disk;
	space->known = disk->operations->free_space(disk, space->store->directory, &space->bytes) == DISK_OK;
}

void store_space_task(void *argument)
{
	struct store *store = argument;
	struct space space = { .store = store };
	do {
		store->world->operations->work(store->world, store->reader_worker, space_run, &space);
		if (space.known) {
			const bool was_full = !store_has_room(store, 0);
			store->free_space = space.bytes;
			/* The disk said that it was full: with something to spare it is worth another try. */
			if (space.bytes > store->settings.reserve)
				store->is_full = false;
			if (was_full)
				signal_wake_all(&store->progress);
		}
	} while (!store->closing && !store->failed && task_sleep(store->world, SPACE_LOOKED_EVERY) == WAIT_DONE);
}
