#include "base/bytes.h"
#include "base/clock.h"
#include "base/must.h"
#include "store/store_private.h"

#define LIST_EXAMINED  20000u /* rows of one snapshot */
#define CHECK_MESSAGES 2000u  /* of one slice */
#define FAULTS_MOST    100u

/* ---- contents that may be wanted soon */

void cache_drop(struct store *store, const struct message_id *id)
{
	struct cached *cached = map_remove(&store->cache, id_view(id));
	if (cached == NULL)
		return;
	store->cache_bytes -= cached->content.length;
	list_remove(&store->cache_order, &cached->link);
	text_deinit(&cached->content);
	free(cached);
}

void cache_put(struct store *store, const struct message_id *id, struct text *content)
{
	if (content->length > CACHE_CONTENT_MOST)
		return;
	cache_drop(store, id);
	struct cached *cached = must_alloc(1, sizeof(*cached));
	*cached = (struct cached){ .id = *id, .content = *content };
	*content = (struct text){ .limit = content->limit };
	list_add_last(&store->cache_order, &cached->link);
	map_put(&store->cache, id_view(id), cached, NULL);
	store->cache_bytes += cached->content.length;
	while (store->cache_bytes > CACHE_BYTES_MOST)
		cache_drop(store, &LIST_OWNER(list_first(&store->cache_order), struct cached, link)->id);
}

void cache_deinit(struct store *store)
{
	while (!list_is_empty(&store->cache_order))
		cache_drop(store, &LIST_OWNER(list_first(&store->cache_order), struct cached, link)->id);
	map_deinit(&store->cache);
}

void store_forget(struct store *store, const struct message_id *id)
{
	cache_drop(store, id);
}

/* ---- asking the index, on one of the two threads that read it */

struct ask {
	struct store *store;
	struct index_reader *reader;
	void (*run)(struct ask *ask);
	struct arena *arena;
	void *in;
	void *out;
	size_t most;
	int64_t number;
	uint64_t applied;
	enum index_result result;
};

static void ask_run(void *argument)
{
	struct ask *ask = argument;
	ask->result = index_reader_begin(ask->reader, &ask->applied);
	if (ask->result == INDEX_DONE)
		ask->run(ask);
	index_reader_end(ask->reader);
}

static enum store_outcome outcome_of(struct store *store, enum index_result result)
{
	if (result == INDEX_DONE)
		return STORE_DONE;
	if (result == INDEX_ABSENT)
		return STORE_ABSENT;
	if (result == INDEX_FULL)
		return STORE_LATER;
	store_fail(store, VIEW("the index could not be read"));
	return STORE_LATER;
}

/* Where there is no room to read, it waits for some, as what is to be written does. */
static enum store_outcome ask_on(struct ask *ask, struct worker *worker)
{
	struct store *store = ask->store;
	do
		store->world->operations->work(store->world, worker, ask_run, ask);
	while (ask->result == INDEX_FULL && !store->failed && !store->closing &&
	       task_sleep(store->world, FULL_RETRY) == WAIT_DONE);
	return outcome_of(store, ask->result);
}

/* Short ones: they wait for nothing but the disk. */
static enum store_outcome ask_short(struct ask *ask)
{
	struct store *store = ask->store;
	if (store->failed)
		return STORE_LATER;
	ask->reader = store->reader;
	return ask_on(ask, store->reader_worker);
}

/* Those of people. */
static enum store_outcome ask_long(struct ask *ask)
{
	struct store *store = ask->store;
	const enum store_outcome settled = store_settle(store);
	if (settled != STORE_DONE)
		return settled;
	if (store->failed)
		return STORE_LATER;
	ask->reader = store->query;
	return ask_on(ask, store->query_worker);
}

/* ---- what the queue works with */

static void lanes_run(struct ask *ask)
{
	struct store_lanes *page = ask->out;
	ask->result = index_lanes(ask->reader, ask->number, page->cursor, ask->most, ask->arena, page);
}

enum store_outcome store_lanes(struct store *store, int64_t until, uint64_t cursor, size_t most, struct arena *arena,
                               struct store_lanes *page)
{
	*page = (struct store_lanes){ .cursor = cursor };
	struct ask ask = { .store = store, .run = lanes_run, .arena = arena, .out = page, .most = most, .number = until };
	return ask_short(&ask);
}

static void load_run(struct ask *ask)
{
	struct store_load *loads = ask->out;
	for (size_t i = 0; i < ask->most && ask->result == INDEX_DONE; i++)
		ask->result = index_load(ask->reader, &loads[i], ask->arena);
}

/* Without the rows that have changed since the snapshot. */
static size_t rows_unhide(const struct store *store, struct store_row *rows, size_t count, uint64_t applied)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		if (!overlay_hides(store, &rows[i].id, false, applied))
			rows[kept++] = rows[i];
	return kept;
}

enum store_outcome store_load(struct store *store, struct store_load *loads, size_t count, struct arena *arena,
                              uint64_t *applied)
{
	struct snapshot snapshot;
	snapshot_begin(store, &snapshot);
	struct ask ask = { .store = store, .run = load_run, .arena = arena, .out = loads, .most = count };
	const enum store_outcome outcome = ask_short(&ask);
	for (size_t i = 0; i < count && outcome == STORE_DONE; i++) {
		const size_t shown = rows_unhide(store, loads[i].rows, loads[i].row_count, ask.applied);
		loads[i].hidden = loads[i].row_count - shown;
		loads[i].row_count = shown;
	}
	snapshot_end(store, &snapshot);
	if (outcome == STORE_DONE)
		*applied = ask.applied;
	return outcome;
}

static void expired_run(struct ask *ask)
{
	ask->result = index_expired(ask->reader, ask->number, ask->most, ask->arena, ask->out);
}

enum store_outcome store_expired(struct store *store, int64_t by, size_t most, struct arena *arena,
                                 struct store_rows *page)
{
	struct snapshot snapshot;
	snapshot_begin(store, &snapshot);
	struct ask ask = { .store = store, .run = expired_run, .arena = arena, .out = page, .most = most, .number = by };
	const enum store_outcome outcome = ask_short(&ask);
	if (outcome == STORE_DONE)
		page->row_count = rows_unhide(store, page->rows, page->row_count, ask.applied);
	snapshot_end(store, &snapshot);
	return outcome;
}

static void live_run(struct ask *ask)
{
	ask->result = index_live(ask->reader, ask->in, ask->arena, ask->out);
}

enum store_outcome store_live(struct store *store, const struct message_id *id, struct arena *arena,
                              struct store_rows *rows)
{
	struct message_id wanted = *id;
	struct snapshot snapshot;
	const enum store_outcome settled = store_settle(store);
	if (settled != STORE_DONE)
		return settled;
	snapshot_begin(store, &snapshot);
	struct ask ask = { .store = store, .run = live_run, .arena = arena, .in = &wanted, .out = rows };
	const enum store_outcome outcome = ask_short(&ask);
	if (outcome == STORE_DONE) {
		const size_t shown = rows_unhide(store, rows->rows, rows->row_count, ask.applied);
		rows->hidden = rows->row_count - shown;
		rows->row_count = shown;
	}
	snapshot_end(store, &snapshot);
	return outcome;
}

static void debts_run(struct ask *ask)
{
	ask->result = index_debts(ask->reader, ask->in, ask->most, ask->arena, ask->out);
}

enum store_outcome store_debts(struct store *store, const struct store_debt_key *after, size_t most,
                               struct arena *arena, struct store_debts *page)
{
	struct store_debt_key copy = after == NULL ? (struct store_debt_key){ 0 } : *after;
	struct snapshot snapshot;
	snapshot_begin(store, &snapshot);
	struct ask ask = { .store = store,
		               .run = debts_run,
		               .arena = arena,
		               .in = after == NULL ? NULL : &copy,
		               .out = page,
		               .most = most };
	const enum store_outcome outcome = ask_short(&ask);
	size_t kept = 0;
	for (size_t i = 0; outcome == STORE_DONE && i < page->key_count; i++)
		if (!overlay_hides(store, &page->keys[i].about, true, ask.applied))
			page->keys[kept++] = page->keys[i];
	if (outcome == STORE_DONE)
		page->key_count = kept;
	snapshot_end(store, &snapshot);
	return outcome;
}

static void debt_run(struct ask *ask)
{
	ask->result = index_debt(ask->reader, ask->in, ask->arena, ask->out);
}

enum store_outcome store_debt(struct store *store, const struct store_debt_key *key, struct arena *arena,
                              struct store_debt *debt)
{
	struct store_debt_key copy = *key;
	const enum store_outcome settled = store_settle(store);
	if (settled != STORE_DONE)
		return settled;
	struct ask ask = { .store = store, .run = debt_run, .arena = arena, .in = &copy, .out = debt };
	return ask_short(&ask);
}

struct holds {
	struct store_account_hold_row *rows;
	size_t count;
};

static void holds_run(struct ask *ask)
{
	struct holds *holds = ask->out;
	ask->result = index_account_holds(ask->reader, ask->arena, &holds->rows, &holds->count);
}

enum store_outcome store_account_holds(struct store *store, struct arena *arena, struct store_account_hold_row **rows,
                                       size_t *count)
{
	struct holds holds = { 0 };
	struct ask ask = { .store = store, .run = holds_run, .arena = arena, .out = &holds };
	const enum store_outcome outcome = ask_short(&ask);
	if (outcome == STORE_DONE) {
		*rows = holds.rows;
		*count = holds.count;
	}
	return outcome;
}

/* ---- contents */

struct content {
	struct message_id id;
	struct journal_place place;
	bool has_place;
	struct text bytes; /* the record; or the content alone */
	bool is_plain;
	enum store_outcome outcome;
};

static enum store_outcome content_get(struct store *store, struct content *content)
{
	const enum journal_result result =
		journal_read(store->world->disk, store->journal_directory, &content->place, &content->id, &content->bytes);
	if (result == JOURNAL_DONE)
		return STORE_DONE;
	return result == JOURNAL_DAMAGED ? STORE_DAMAGED : STORE_LATER;
}

static void content_of_history(struct ask *ask, struct content *content)
{
	text_clear(&content->bytes);
	const enum history_result result =
		history_content(ask->store->history_reader, &content->id, &content->bytes, &content->is_plain);
	content->outcome = result == HISTORY_DONE ? STORE_DONE : STORE_LATER;
	ask->result = content->is_plain || result != HISTORY_DONE ? INDEX_DONE : INDEX_ABSENT;
}

/* The hint first: it is right unless the message has been moved since. */
static void content_run(struct ask *ask)
{
	struct content *content = ask->out;
	if (content->has_place)
		content->outcome = content_get(ask->store, content);
	if (content->has_place && content->outcome != STORE_DAMAGED)
		return;
	struct journal_place place;
	ask->result = index_place(ask->reader, &content->id, &place);
	if (ask->result == INDEX_ABSENT)
		content_of_history(ask, content);
	if (ask->result != INDEX_DONE || content->is_plain || content->outcome == STORE_LATER)
		return;
	if (content->has_place && place.segment == content->place.segment && place.offset == content->place.offset)
		return;
	content->place = place;
	content->outcome = content_get(ask->store, content);
}

enum store_outcome store_read(struct store *store, const struct message_id *id, const struct store_place *hint,
                              size_t most, struct arena *arena, struct view *content)
{
	const struct cached *cached = map_get(&store->cache, id_view(id));
	if (cached != NULL) {
		*content = arena_copy(arena, view_first(text_view(&cached->content), most));
		return STORE_DONE;
	}
	struct content wanted = { .id = *id,
		                      .has_place = hint != NULL && hint->segment != 0,
		                      .bytes = TEXT_LIMIT(JOURNAL_RECORD_MOST + JOURNAL_RECORD_HEADER) };
	if (wanted.has_place)
		wanted.place = (struct journal_place){ hint->segment, hint->offset, hint->length };
	struct ask ask = { .store = store, .run = content_run, .arena = arena, .out = &wanted };
	enum store_outcome outcome = ask_short(&ask);
	if (outcome == STORE_DONE)
		outcome = wanted.outcome;
	size_t offset = 0;
	if (outcome == STORE_DONE && !wanted.is_plain)
		offset = record_content_offset(text_view(&wanted.bytes));
	if (offset == SIZE_MAX)
		outcome = STORE_DAMAGED;
	if (outcome == STORE_DONE)
		*content = arena_copy(arena, view_first(view_from(text_view(&wanted.bytes), offset), most));
	text_deinit(&wanted.bytes);
	return outcome;
}

/* ---- is it known? */

static void find_run(struct ask *ask)
{
	const struct message_id *id = ask->in;
	struct journal_place place;
	ask->result = index_place(ask->reader, id, &place);
	if (ask->result != INDEX_ABSENT)
		return;
	struct store_story story = { 0 };
	const enum history_result result = history_of_message(ask->store->history_reader, id, ask->arena, &story);
	if (result != HISTORY_DONE)
		ask->result = result == HISTORY_FULL ? INDEX_FULL : INDEX_FAILED;
	else if (story.ended_count > 0)
		ask->result = INDEX_DONE;
}

enum store_outcome store_find(struct store *store, const struct message_id *id)
{
	struct message_id wanted = *id;
	char bytes[17];
	for (;;) {
		const struct overlay *overlay = map_get(&store->overlay, overlay_key(&wanted, false, bytes));
		if (store->failed)
			return STORE_LATER;
		if (overlay == NULL)
			break;
		if (overlay->sequence > 0)
			return STORE_DONE;
		if (overlay->in_flight == 0)
			break;
		if (signal_wait(&store->progress, NEVER_DUE) == WAIT_CANCELLED)
			return STORE_LATER;
	}
	struct arena arena = { 0 };
	struct ask ask = { .store = store, .run = find_run, .arena = &arena, .in = &wanted };
	const enum store_outcome outcome = ask_short(&ask);
	arena_deinit(&arena);
	return outcome;
}

/* ---- what people ask */

struct list_ask {
	const struct store_filter *filter;
	struct store_cursor *cursor;
};

static void list_run(struct ask *ask)
{
	const struct list_ask *list = ask->in;
	ask->result = index_list(ask->reader, list->filter, list->cursor, ask->most, LIST_EXAMINED, ask->arena, ask->out);
}

enum store_outcome store_list(struct store *store, const struct store_filter *filter, struct store_cursor *cursor,
                              size_t most, struct arena *arena, struct store_rows *page)
{
	struct list_ask list = { filter, cursor };
	struct ask ask = { .store = store, .run = list_run, .arena = arena, .in = &list, .out = page, .most = most };
	struct snapshot snapshot;
	snapshot_begin(store, &snapshot);
	const enum store_outcome outcome = ask_long(&ask);
	page->hidden = 0;
	if (outcome == STORE_DONE && filter->unchanged) {
		const size_t shown = rows_unhide(store, page->rows, page->row_count, ask.applied);
		page->hidden = page->row_count - shown;
		page->row_count = shown;
	}
	snapshot_end(store, &snapshot);
	return outcome;
}

static void trace_run(struct ask *ask)
{
	const struct message_id *id = ask->in;
	struct store_story *story = ask->out;
	struct store_rows rows;
	ask->result = index_live(ask->reader, id, ask->arena, &rows);
	if (ask->result != INDEX_DONE)
		return;
	story->live = rows.rows;
	story->live_count = rows.row_count;
	struct journal_place place;
	const enum index_result placed = index_place(ask->reader, id, &place);
	story->has_content = placed == INDEX_DONE;
	if (story->has_content)
		story->place = (struct store_place){ place.segment, place.offset, place.length };
	if (placed == INDEX_FAILED)
		ask->result = INDEX_FAILED;
	/* Where both exist, history wins; a recipient is in both only between two commits, and those are settled. */
	else if (history_of_message(ask->store->history_reader, id, ask->arena, story) != HISTORY_DONE)
		story->ended_count = 0;
}

enum store_outcome store_trace(struct store *store, const struct message_id *id, struct arena *arena,
                               struct store_story *story)
{
	struct message_id wanted = *id;
	*story = (struct store_story){ 0 };
	struct ask ask = { .store = store, .run = trace_run, .arena = arena, .in = &wanted, .out = story };
	const enum store_outcome outcome = ask_long(&ask);
	if (outcome != STORE_DONE)
		return outcome;
	return story->live_count + story->ended_count == 0 && !story->has_content ? STORE_ABSENT : STORE_DONE;
}

static void search_run(struct ask *ask)
{
	/* A history file that cannot be read is no reason to stop the mail. */
	if (history_search(ask->store->history_reader, ask->in, ask->arena, ask->out) != HISTORY_DONE)
		ask->result = INDEX_ABSENT;
}

enum store_outcome store_search(struct store *store, const struct store_search *search, struct arena *arena,
                                struct store_found *found)
{
	struct store_search copy = *search;
	struct ask ask = { .store = store, .run = search_run, .arena = arena, .in = &copy, .out = found };
	const enum store_outcome outcome = ask_long(&ask);
	return outcome == STORE_ABSENT ? STORE_LATER : outcome;
}

static void summary_run(struct ask *ask)
{
	ask->result = index_summary(ask->reader, ask->most, ask->arena, ask->out);
}

enum store_outcome store_summary(struct store *store, size_t most, struct arena *arena, struct store_totals *totals)
{
	struct ask ask = { .store = store, .run = summary_run, .arena = arena, .out = totals, .most = most };
	return ask_long(&ask);
}

static void fault_add(struct store_check *check, struct arena *arena, const struct message_id *id, struct view what)
{
	if (check->fault_count >= FAULTS_MOST)
		return;
	struct text text = TEXT_LIMIT(1024);
	text_add_id(&text, id);
	text_add(&text, VIEW(": "));
	text_add(&text, view_first(what, 512));
	check->faults[check->fault_count++] = arena_copy(arena, text_view(&text));
	text_deinit(&text);
}

static bool id_increment(struct message_id *id)
{
	for (size_t i = sizeof(id->bytes); i-- > 0;)
		if (++id->bytes[i] != 0)
			return true;
	return false;
}

static void check_run(struct ask *ask)
{
	struct store_check *check = ask->out;
	struct content content = { .bytes = TEXT_LIMIT(JOURNAL_RECORD_MOST + JOURNAL_RECORD_HEADER) };
	struct text fault = TEXT_LIMIT(1024);
	ask->result = index_count(ask->reader, &check->total);
	for (size_t i = 0; i < CHECK_MESSAGES && ask->result == INDEX_DONE; i++) {
		text_clear(&fault);
		ask->result = index_check(ask->reader, &check->cursor, &content.place, &fault);
		content.id = check->cursor;
		if (ask->result == INDEX_DONE) {
			check->checked++;
			if (content_get(ask->store, &content) != STORE_DONE)
				text_add(&fault, VIEW(" its record in the journal is damaged"));
		}
		if (fault.length > 0)
			fault_add(check, ask->arena, &content.id, view_trim(text_view(&fault)));
		if (ask->result == INDEX_DONE && !id_increment(&check->cursor))
			ask->result = INDEX_ABSENT;
	}
	check->done = ask->result == INDEX_ABSENT;
	if (check->done)
		ask->result = INDEX_DONE;
	text_deinit(&content.bytes);
	text_deinit(&fault);
}

enum store_outcome store_check(struct store *store, struct arena *arena, struct store_check *check)
{
	check->faults = ARENA_ARRAY(arena, struct view, FAULTS_MOST);
	check->fault_count = 0;
	struct ask ask = { .store = store, .run = check_run, .arena = arena, .out = check };
	return ask_long(&ask);
}
