#include "base/bytes.h"
#include "base/must.h"
#include "store/journal_format.h"
#include "store/store_private.h"

#define REPLAY_RECORDS_MOST ((size_t)20000)
#define REPLAY_BYTES_MOST   ((size_t)32 * 1024 * 1024)
#define DAMAGES_MOST        ((size_t)64 * 1024)
#define QUARANTINE_PIECE    ((size_t)1024 * 1024)

/* Records that were read and are not applied yet. Those after the last sequence that a later record calls durable are
 * in doubt: they are in the file as we see it, but perhaps nobody has synced them. */
struct replay {
	struct store *store;
	struct text *damages;
	struct index_entry *entries;
	uint64_t *sequences;
	size_t count;
	size_t capacity;
	struct text heads; /* one after the other; entries find theirs by the offset kept in head.data's place */
	size_t *head_offsets;
	uint64_t durable;
	uint64_t next_seq;
	bool failed;
};

static void replay_deinit(struct replay *replay)
{
	free(replay->entries);
	free(replay->sequences);
	free(replay->head_offsets);
	text_deinit(&replay->heads);
}

static void replay_room(struct replay *replay)
{
	if (replay->count < replay->capacity)
		return;
	replay->capacity = replay->capacity == 0 ? 1024 : replay->capacity * 2;
	replay->entries = must_realloc(replay->entries, replay->capacity, sizeof(replay->entries[0]));
	replay->sequences = must_realloc(replay->sequences, replay->capacity, sizeof(replay->sequences[0]));
	replay->head_offsets = must_realloc(replay->head_offsets, replay->capacity, sizeof(replay->head_offsets[0]));
}

/* The first count entries; what comes after moves up. */
static bool replay_apply(struct replay *replay, size_t count, struct journal_position position)
{
	struct store *store = replay->store;
	for (size_t i = 0; i < replay->count; i++)
		replay->entries[i].head.data = replay->heads.data + replay->head_offsets[i];
	const struct index_batch batch = {
		.entries = replay->entries,
		.entry_count = count,
		.after = { .position = position, .queue_time = store->time_base, .next_seq = replay->next_seq },
	};
	if (index_apply(store->index, &batch) != INDEX_DONE)
		return false;
	store->applied_sequence = position.sequence - 1;
	const size_t bytes = count < replay->count ? replay->head_offsets[count] : replay->heads.length;
	text_remove_first(&replay->heads, bytes);
	for (size_t i = count; i < replay->count; i++) {
		replay->entries[i - count] = replay->entries[i];
		replay->sequences[i - count] = replay->sequences[i];
		replay->head_offsets[i - count] = replay->head_offsets[i] - bytes;
	}
	replay->count -= count;
	return true;
}

static size_t replay_durable_count(const struct replay *replay)
{
	size_t count = 0;
	while (count < replay->count && replay->sequences[count] <= replay->durable)
		count++;
	return count;
}

static bool replay_apply_durable(struct replay *replay)
{
	const size_t count = replay_durable_count(replay);
	if (count == 0)
		return true;
	const struct journal_place *last = &replay->entries[count - 1].place;
	const struct journal_position position = { .segment = last->segment,
		                                       .offset = journal_aligned(last->offset + JOURNAL_RECORD_HEADER +
		                                                                 last->length),
		                                       .sequence = replay->sequences[count - 1] + 1 };
	return replay_apply(replay, count, position);
}

/* Numbers that were given to ended recipients are not given again. */
static void replay_seq(struct replay *replay, const struct journal_record *record)
{
	struct arena arena = { .limit = (size_t)256 * 1024 * 1024 };
	struct store_change change;
	if (record_read_change(record->head, &record->id, &arena, &change)) {
		uint64_t next = change.first_seq;
		for (size_t i = 0; i < change.row_count; i++)
			next += change.rows[i].state == STORE_ENDED ? 1 : 0;
		replay->next_seq = next > replay->next_seq ? next : replay->next_seq;
	}
	arena_deinit(&arena);
}

static bool replay_record(void *context, const struct journal_record *record)
{
	struct replay *replay = context;
	if (record->durable > replay->durable)
		replay->durable = record->durable;
	const bool is_large = replay->count >= REPLAY_RECORDS_MOST || replay->heads.length >= REPLAY_BYTES_MOST;
	if (is_large && !replay_apply_durable(replay)) {
		replay->failed = true;
		return false;
	}
	const bool has_content = record->type == RECORD_ACCEPT || record->type == RECORD_MOVED;
	const size_t length = has_content ? record_content_offset(record->head) : record->head.length;
	if (length == SIZE_MAX)
		return true;
	if (record->type == RECORD_CHANGE)
		replay_seq(replay, record);
	replay_room(replay);
	replay->head_offsets[replay->count] = replay->heads.length;
	replay->sequences[replay->count] = record->sequence;
	replay->entries[replay->count++] = (struct index_entry){
		.type = record->type, .id = record->id, .head = { NULL, length }, .place = record->place
	};
	text_add(&replay->heads, view_first(record->head, length));
	must(!replay->heads.overflow);
	return true;
}

/* The damaged octets are kept for whoever wants to look, beside the journal. */
static void quarantine(struct store *store, const struct journal_damage *damage)
{
	struct disk *disk = store->world->disk;
	char path[JOURNAL_PATH_MOST];
	if (snprintf(path, sizeof(path), "%s/quarantine", store->directory) >= (int)sizeof(path) ||
	    disk->operations->make_directory(disk, path) != DISK_OK)
		return;
	if (snprintf(path, sizeof(path), "%s/quarantine/%016llx-%016llx", store->directory,
	             (unsigned long long)damage->segment, (unsigned long long)damage->offset) >= (int)sizeof(path))
		return;
	struct segment_scan scan;
	struct disk_file *file = NULL;
	if (segment_scan_open(&scan, disk, store->journal_directory, damage->segment) != JOURNAL_DONE)
		return;
	if (disk->operations->open(disk, path, DISK_CREATE, &file) == DISK_OK) {
		for (uint64_t done = 0; done < damage->length;) {
			struct view bytes;
			if (segment_scan_at(&scan, damage->offset + done, QUARANTINE_PIECE, &bytes) != JOURNAL_DONE ||
			    bytes.length == 0)
				break;
			bytes = view_first(bytes, (size_t)(damage->length - done));
			if (disk->operations->write(disk, file, done, &bytes, 1) != DISK_OK)
				break;
			done += bytes.length;
		}
		disk->operations->close(disk, file);
	}
	segment_scan_close(&scan);
}

static void replay_damage(void *context, const struct journal_damage *damage)
{
	struct replay *replay = context;
	text_print(replay->damages, "%sjournal segment %llu damaged at %llu, %llu octets: records %llu to %llu are lost",
	           replay->damages->length > 0 ? "\n" : "", (unsigned long long)damage->segment,
	           (unsigned long long)damage->offset, (unsigned long long)damage->length,
	           (unsigned long long)damage->first_sequence, (unsigned long long)damage->last_sequence);
	quarantine(replay->store, damage);
}

static bool entry_has_content(const struct index_entry *entry)
{
	return entry->type == RECORD_ACCEPT || entry->type == RECORD_MOVED;
}

/* By an earlier start that came no further than this. */
static bool is_repeated(const struct replay *replay, size_t number)
{
	const struct index_entry *entry = &replay->entries[number];
	const char *heads = replay->heads.data;
	for (size_t i = number + 1; i < replay->count; i++) {
		const struct index_entry *later = &replay->entries[i];
		if (!id_equal(&entry->id, &later->id))
			continue;
		if (entry_has_content(entry) && entry_has_content(later))
			return true;
		const struct view head = { heads + replay->head_offsets[number], entry->head.length };
		const struct view later_head = { heads + replay->head_offsets[i], later->head.length };
		if (entry->type == later->type && view_equal(head, later_head))
			return true;
	}
	return false;
}

struct rewriting {
	struct text *bytes;
	struct journal_record *records;
	size_t count;
};

static bool rewriting_add(struct rewriting *rewriting, const struct store *store, const struct index_entry *entry)
{
	struct text *bytes = &rewriting->bytes[rewriting->count];
	*bytes = (struct text)TEXT_LIMIT(JOURNAL_RECORD_MOST + JOURNAL_RECORD_HEADER);
	rewriting->records[rewriting->count] =
		(struct journal_record){ .type = entry_has_content(entry) ? RECORD_MOVED : entry->type,
		                         .id = entry->id,
		                         .sequence = journal_end(store->journal).sequence + rewriting->count };
	rewriting->count++;
	const bool is_read =
		journal_read(store->world->disk, store->journal_directory, &entry->place, &entry->id, bytes) == JOURNAL_DONE;
	rewriting->records[rewriting->count - 1].head = text_view(bytes);
	return is_read;
}

/* What is in doubt is written again, to the fresh segment, before anybody is told of it, and before history or index
 * rest on it. In one group, since a later one would say that all before it is durable. Called with only such entries
 * left. */
static bool doubt_rewrite(struct replay *replay)
{
	struct store *store = replay->store;
	struct rewriting rewriting = { .bytes = must_alloc(replay->count, sizeof(struct text)),
		                           .records = must_alloc(replay->count, sizeof(struct journal_record)) };
	bool is_good = true;
	for (size_t i = 0; i < replay->count && is_good; i++)
		if (!is_repeated(replay, i))
			is_good = rewriting_add(&rewriting, store, &replay->entries[i]);
	is_good = is_good && journal_append(store->journal, rewriting.records, rewriting.count) == JOURNAL_DONE;
	for (size_t i = 0; i < rewriting.count && is_good; i++)
		is_good = replay_record(replay, &rewriting.records[i]);
	for (size_t i = 0; i < rewriting.count; i++)
		text_deinit(&rewriting.bytes[i]);
	free(rewriting.bytes);
	free(rewriting.records);
	return is_good;
}

static bool replay_end(struct replay *replay)
{
	struct store *store = replay->store;
	if (!replay_apply_durable(replay))
		return false;
	if (replay->count == 0)
		return true;
	return doubt_rewrite(replay) && replay_apply(replay, replay->count, journal_end(store->journal));
}

bool store_replay(struct store *store, struct text *problem, struct text *damages)
{
	struct index_settings settings = { .disk = store->world->disk,
		                               .vfs = store->vfs,
		                               .path = store->index_path,
		                               .journal = store->journal_directory,
		                               .history = store->history };
	struct index_state state;
	store->index = index_new(&settings, &state, problem);
	if (store->index == NULL)
		return false;
	/* SQLite makes the file, but does not make its name last. */
	if (store->world->disk->operations->sync_directory(store->world->disk, store->directory) != DISK_OK) {
		text_print(problem, "%s: cannot be synced", store->directory);
		return false;
	}
	store->time_base = state.queue_time;
	store->applied_sequence = state.position.sequence - 1;
	struct replay replay = { .store = store,
		                     .damages = damages,
		                     .heads = TEXT_LIMIT((size_t)1024 * 1024 * 1024),
		                     .durable = state.position.sequence - 1,
		                     .next_seq = state.next_seq };
	const struct journal_reader reader = { .context = &replay, .record = replay_record, .damage = replay_damage };
	const enum journal_result read = journal_replay(store->journal, state.position, &reader);
	const bool is_good = read == JOURNAL_DONE && !replay.failed && replay_end(&replay);
	if (!is_good)
		text_print(problem, "the journal in %s could not be replayed", store->journal_directory);
	store->next_seq = replay.next_seq;
	store->durable_sequence = journal_end(store->journal).sequence - 1;
	store->applied_end = journal_end(store->journal);
	/* What was torn away at the end has numbers that nobody will apply. */
	store->applied_sequence = store->durable_sequence;
	replay_deinit(&replay);
	return is_good;
}
