#include "store/journal_private.h"

#include "base/must.h"

struct replay {
	const struct journal_reader *reader;
	uint64_t expected;
	uint64_t below;            /* the first sequence that is not this segment's */
	uint64_t durable;          /* as far as anybody says; what comes after was perhaps never synced */
	struct journal_damage bad; /* the last place where no record was; length 0: none */
};

static void gap_report(struct replay *replay, const struct journal_record *record)
{
	const bool was_synced = record->durable >= replay->expected;
	if (was_synced && replay->reader->damage != NULL) {
		struct journal_damage damage = replay->bad;
		if (damage.length == 0)
			damage = (struct journal_damage){ .segment = record->place.segment, .offset = record->place.offset };
		damage.first_sequence = replay->expected;
		damage.last_sequence = record->sequence - 1 < record->durable ? record->sequence - 1 : record->durable;
		replay->reader->damage(replay->reader->context, &damage);
	}
}

static enum journal_result header_read(const struct journal *journal, uint64_t number,
                                       uint8_t bytes[JOURNAL_SEGMENT_HEADER], size_t *got)
{
	struct disk *disk = journal->disk;
	char path[JOURNAL_PATH_MOST];
	segment_path(path, journal->directory, number);
	struct disk_file *file = NULL;
	if (disk->operations->open(disk, path, 0, &file) != DISK_OK)
		return JOURNAL_FAILED;
	const enum disk_result read = disk->operations->read(disk, file, 0, (char *)bytes, JOURNAL_SEGMENT_HEADER, got);
	disk->operations->close(disk, file);
	return read == DISK_OK ? JOURNAL_DONE : JOURNAL_FAILED;
}

/* Generation 0: nothing in it counts. A file that was taken from a spare and not written yet has another number's
 * header; one whose own header is damaged is believed by its first record (what files held before has lower
 * sequences). */
static struct segment_header header_of(struct view bytes, uint64_t number)
{
	struct segment_header header;
	if (!segment_header_parse(bytes, &header))
		return (struct segment_header){ .generation =
			                                record_header_generation(view_from(bytes, JOURNAL_SEGMENT_HEADER)) };
	return header.number == number ? header : (struct segment_header){ 0 };
}

/* The first sequence after this segment's. What a full disk left of a group that was refused, and taken back, may be
 * there again after a power cut, with numbers that were then given to others. */
static enum journal_result sequence_after(const struct journal *journal, uint64_t number, uint64_t *sequence)
{
	*sequence = UINT64_MAX;
	for (size_t i = 0; i < journal->segment_count && *sequence == UINT64_MAX; i++) {
		const uint64_t later = journal->segments[i].number;
		if (later <= number)
			continue;
		uint8_t bytes[JOURNAL_SEGMENT_HEADER];
		struct segment_header header;
		size_t got = 0;
		if (header_read(journal, later, bytes, &got) != JOURNAL_DONE)
			return JOURNAL_FAILED;
		if (segment_header_parse(view_bytes(bytes, got), &header) && header.number == later)
			*sequence = header.first_sequence;
	}
	return JOURNAL_DONE;
}

static enum journal_result scan_begin(struct segment_scan *scan, uint64_t number)
{
	struct view bytes;
	const enum journal_result result =
		segment_scan_at(scan, 0, JOURNAL_SEGMENT_HEADER + JOURNAL_RECORD_HEADER, &bytes);
	if (result != JOURNAL_DONE)
		return result;
	const struct segment_header header = header_of(bytes, number);
	scan->generation = header.generation;
	scan->horizon = header.horizon == 0 ? UINT64_MAX : header.horizon;
	return JOURNAL_DONE;
}

/* False in *go_on: the reader has had enough. */
static enum journal_result records_replay(struct segment_scan *scan, struct replay *replay, uint64_t number,
                                          uint64_t offset, bool *go_on)
{
	while (*go_on && replay->expected < scan->below) {
		const uint64_t from = offset;
		struct journal_record record;
		bool found = false;
		const enum journal_result result = segment_scan_next(scan, replay->expected, &offset, &record, &found);
		if (result != JOURNAL_DONE)
			return result;
		const uint64_t end = found ? offset : segment_scan_end(scan);
		if (end > from)
			replay->bad = (struct journal_damage){ .segment = number, .offset = from, .length = end - from };
		if (!found)
			break;
		record.place.segment = number;
		record.place.offset = offset;
		if (replay->expected != 0 && record.sequence != replay->expected)
			gap_report(replay, &record);
		replay->bad.length = 0;
		replay->expected = record.sequence + 1;
		if (record.durable > replay->durable)
			replay->durable = record.durable;
		*go_on = replay->reader->record(replay->reader->context, &record);
		offset += journal_aligned(JOURNAL_RECORD_HEADER + record.head.length);
	}
	return JOURNAL_DONE;
}

static enum journal_result segment_replay(const struct journal *journal, struct replay *replay, uint64_t number,
                                          uint64_t offset, bool *go_on)
{
	struct segment_scan scan;
	if (segment_scan_open(&scan, journal->disk, journal->directory, number) != JOURNAL_DONE)
		return JOURNAL_FAILED;
	scan.below = replay->below;
	enum journal_result result = scan_begin(&scan, number);
	if (result == JOURNAL_DONE && scan.generation == 0)
		replay->bad = (struct journal_damage){ .segment = number, .length = scan.size };
	if (result == JOURNAL_DONE && scan.generation != 0)
		result = records_replay(&scan, replay, number, offset, go_on);
	segment_scan_close(&scan);
	return result;
}

enum journal_result journal_replay(struct journal *journal, struct journal_position from,
                                   const struct journal_reader *reader)
{
	must(!journal->replayed);
	journal->replayed = true;
	if (journal_segments_read(journal) != JOURNAL_DONE)
		return journal_fail(journal);
	struct replay replay = { .reader = reader, .expected = from.sequence == 0 ? 1 : from.sequence };
	replay.durable = replay.expected - 1;
	bool go_on = true;
	journal->number = from.segment;
	for (size_t i = 0; i < journal->segment_count && go_on; i++) {
		const uint64_t number = journal->segments[i].number;
		if (number < from.segment)
			continue;
		uint64_t offset = number == from.segment ? from.offset : 0;
		if (offset < JOURNAL_SEGMENT_HEADER)
			offset = JOURNAL_SEGMENT_HEADER;
		if (sequence_after(journal, number, &replay.below) != JOURNAL_DONE ||
		    segment_replay(journal, &replay, number, offset, &go_on) != JOURNAL_DONE)
			return journal_fail(journal);
		journal->number = number;
	}
	journal->sequence = replay.expected;
	journal->durable = replay.durable;
	return JOURNAL_DONE;
}

enum journal_result journal_walk(struct journal *journal, uint64_t number, const struct journal_reader *reader)
{
	struct replay replay = { .reader = reader, .below = UINT64_MAX };
	bool go_on = true;
	return segment_replay(journal, &replay, number, JOURNAL_SEGMENT_HEADER, &go_on);
}
