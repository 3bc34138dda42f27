#include "base/bytes.h"
#include "base/clock.h"
#include "base/must.h"
#include "store/store_private.h"

#define MOVES_MOST 256u /* at a time: then they are waited for */

/* Segments below a quarter live are emptied by writing what lives in them again; then they are retired like others.
 */
struct compact {
	struct store *store;
	uint64_t segment;
	uint64_t from; /* records before this offset were looked at */
	struct pending *moves[MOVES_MOST];
	size_t count;
	bool more;
	enum index_result result;
};

static bool is_live(struct compact *compact, const struct journal_record *record)
{
	struct journal_place place;
	const enum index_result result = index_place(compact->store->reader, &record->id, &place);
	if (result == INDEX_FAILED)
		compact->result = INDEX_FAILED;
	return result == INDEX_DONE && place.segment == record->place.segment && place.offset == record->place.offset;
}

static bool compact_record(void *context, const struct journal_record *record)
{
	struct compact *compact = context;
	const bool has_content = record->type == RECORD_ACCEPT || record->type == RECORD_MOVED;
	if (record->place.offset < compact->from || !has_content)
		return true;
	if (compact->count == MOVES_MOST) {
		compact->more = true;
		return false;
	}
	compact->from = record->place.offset + 1;
	if (is_live(compact, record)) {
		struct pending *move = pending_new(RECORD_MOVED, &record->id);
		/* The head is what the index keeps in hand, the content what the journal gets besides. */
		const size_t head = record_content_offset(record->head);
		must(head != SIZE_MAX);
		text_add(&move->head, view_first(record->head, head));
		text_add(&move->content, view_from(record->head, head));
		compact->moves[compact->count++] = move;
	}
	return compact->result == INDEX_DONE;
}

static void compact_run(void *argument)
{
	struct compact *compact = argument;
	const struct journal_reader reader = { .context = compact, .record = compact_record };
	uint64_t applied;
	compact->result = index_reader_begin(compact->store->reader, &applied);
	if (compact->result == INDEX_DONE &&
	    journal_walk(compact->store->journal, compact->segment, &reader) != JOURNAL_DONE)
		compact->result = INDEX_FAILED;
	index_reader_end(compact->store->reader);
}

/* The emptiest that may be emptied; 0: none. */
static uint64_t compact_choose(struct store *store)
{
	const uint64_t size = store->settings.segment_size == 0 ? JOURNAL_SEGMENT_SIZE : store->settings.segment_size;
	uint64_t best = 0;
	uint64_t least = size / 4;
	const struct index_segment *segments = (const struct index_segment *)(const void *)store->living.data;
	for (size_t i = 0; i < store->living.length / sizeof(*segments); i++) {
		if (segments[i].number >= store->applied_segment || segments[i].bytes >= least)
			continue;
		best = segments[i].number;
		least = segments[i].bytes;
	}
	return best;
}

static bool moves_write(struct compact *compact)
{
	struct store *store = compact->store;
	bool is_good = true;
	for (size_t i = 0; i < compact->count; i++)
		store_queue(store, compact->moves[i]);
	for (size_t i = 0; i < compact->count; i++)
		is_good &= store_await(store, compact->moves[i]) == STORE_DONE;
	return is_good;
}

static bool compact_segment(struct store *store, uint64_t segment)
{
	struct compact compact = { .store = store, .segment = segment };
	do {
		compact.count = 0;
		compact.more = false;
		store->world->operations->work(store->world, store->reader_worker, compact_run, &compact);
		if (store->failed || compact.result != INDEX_DONE) {
			for (size_t i = 0; i < compact.count; i++)
				pending_release(compact.moves[i]);
			return false;
		}
		if (!moves_write(&compact))
			return false;
	} while (compact.more);
	return true;
}

/* Where more wait, a tenth of the time is spent on it at most; not at once again, as the index follows the journal a
 * little later. */
static int64_t rest_after(int64_t worked, int64_t pause)
{
	const int64_t least = pause / 10;
	const int64_t rest = 9 * worked;
	return rest < least ? least : rest > pause ? pause : rest;
}

void store_compact_task(void *argument)
{
	struct store *store = argument;
	const int64_t pause = store->settings.compact == 0 ? COMPACT_EVERY : store->settings.compact;
	int64_t rest = pause;
	while (!store->closing && !store->failed && task_sleep(store->world, rest) == WAIT_DONE) {
		const uint64_t segment = compact_choose(store);
		const int64_t began = world_now(store->world);
		rest = pause;
		if (segment == 0 || !store_has_room(store, 0) || !compact_segment(store, segment))
			continue;
		store->figures.compactions++;
		rest = rest_after(world_now(store->world) - began, pause);
	}
}
