#include "store/journal_private.h"

#include "base/bytes.h"
#include "base/must.h"

#define PARTS_MOST   1000u /* below IOV_MAX */
#define RECORD_PARTS 4u    /* header, head, content, padding */
#define FRESH_PART   256u  /* of a segment: with so little traffic none is prepared */
#define HORIZON_PART 8u    /* of a segment: so far ahead may be written, and so much is read in vain at a start */

struct journal *journal_new(const struct journal_settings *settings)
{
	struct journal *journal = must_alloc(1, sizeof(*journal));
	*journal = (struct journal){
		.disk = settings->disk,
		.directory = settings->directory,
		.segment_size = settings->segment_size == 0 ? JOURNAL_SEGMENT_SIZE : settings->segment_size,
		.spares_most = settings->spares,
		.parts = must_alloc(PARTS_MOST, sizeof(struct view)),
	};
	random_seed(&journal->random, settings->seed);
	return journal;
}

static void file_close(struct journal *journal)
{
	if (journal->file != NULL)
		journal->disk->operations->close(journal->disk, journal->file);
	journal->file = NULL;
}

void journal_free(struct journal *journal)
{
	if (journal == NULL)
		return;
	file_close(journal);
	free(journal->segments);
	free(journal->parts);
	free(journal->headers);
	free(journal);
}

enum journal_result journal_fail(struct journal *journal)
{
	journal->failed = true;
	return JOURNAL_FAILED;
}

/* ---- the segments there are */

static void segment_add(struct journal *journal, uint64_t number)
{
	if (journal->segment_count == journal->segment_capacity) {
		journal->segment_capacity = journal->segment_capacity == 0 ? 64 : journal->segment_capacity * 2;
		journal->segments = must_realloc(journal->segments, journal->segment_capacity, sizeof(journal->segments[0]));
	}
	size_t place = journal->segment_count++;
	for (; place > 0 && journal->segments[place - 1].number > number; place--)
		journal->segments[place] = journal->segments[place - 1];
	journal->segments[place] = (struct segment){ .number = number };
}

static void segment_remove(struct journal *journal, struct segment *segment)
{
	const size_t place = (size_t)(segment - journal->segments);
	for (size_t i = place + 1; i < journal->segment_count; i++)
		journal->segments[i - 1] = journal->segments[i];
	journal->segment_count--;
}

static struct segment *segment_find(struct journal *journal, uint64_t number)
{
	for (size_t i = 0; i < journal->segment_count; i++)
		if (journal->segments[i].number == number)
			return &journal->segments[i];
	return NULL;
}

static struct segment *segment_spare(struct journal *journal)
{
	for (size_t i = 0; i < journal->segment_count; i++)
		if (journal->segments[i].is_spare)
			return &journal->segments[i];
	return NULL;
}

static unsigned spare_count(const struct journal *journal)
{
	unsigned count = 0;
	for (size_t i = 0; i < journal->segment_count; i++)
		count += journal->segments[i].is_spare ? 1 : 0;
	return count;
}

void journal_segments(const struct journal *journal, struct text *numbers)
{
	for (size_t i = 0; i < journal->segment_count; i++)
		if (!journal->segments[i].is_spare)
			text_add(numbers, view_bytes(&journal->segments[i].number, sizeof(uint64_t)));
}

/* Of a file that is there and can be read, which else whoever needs it will find. What is cut short, by little
 * traffic or for want of space, would have to grow again; what has another name, after a crash, may be another
 * segment. */
static bool may_be_next(struct journal *journal, const char *path)
{
	const struct disk_operations *disk = journal->disk->operations;
	struct disk_file *file = NULL;
	uint64_t size = 0;
	uint64_t names = 0;
	if (disk->open(journal->disk, path, 0, &file) != DISK_OK)
		return false;
	const bool is_known =
		disk->size(journal->disk, file, &size) == DISK_OK && disk->names(journal->disk, file, &names) == DISK_OK;
	disk->close(journal->disk, file);
	return is_known && names == 1 && size >= journal->segment_size - journal->segment_size / 16;
}

enum journal_result journal_segments_read(struct journal *journal)
{
	struct text names = TEXT_LIMIT((size_t)64 * 1024 * 1024);
	const enum disk_result listed = journal->disk->operations->list(journal->disk, journal->directory, &names);
	struct view rest = text_view(&names);
	struct view name;
	while (listed == DISK_OK && rest.length > 0 && view_split(&rest, '\0', &name)) {
		uint64_t number = 0;
		if (segment_name_parse(name, &number))
			segment_add(journal, number);
	}
	char path[JOURNAL_PATH_MOST];
	prepared_path(path, journal->directory);
	journal->is_prepared = may_be_next(journal, path);
	text_deinit(&names);
	return listed == DISK_OK ? JOURNAL_DONE : JOURNAL_FAILED;
}

enum journal_result journal_retire(struct journal *journal, uint64_t number)
{
	struct segment *segment = segment_find(journal, number);
	if (journal->failed)
		return JOURNAL_FAILED;
	if (segment == NULL || segment->is_spare)
		return JOURNAL_DONE;
	must(number != journal->number || journal->file == NULL);
	char path[JOURNAL_PATH_MOST];
	segment_path(path, journal->directory, number);
	if (spare_count(journal) < journal->spares_most && may_be_next(journal, path)) {
		segment->is_spare = true;
		return JOURNAL_DONE;
	}
	if (journal->disk->operations->remove(journal->disk, path) != DISK_OK)
		return journal_fail(journal);
	segment_remove(journal, segment);
	return JOURNAL_DONE;
}

struct journal_position journal_end(const struct journal *journal)
{
	if (journal->file == NULL)
		return (struct journal_position){ .segment = journal->number + 1,
			                              .offset = JOURNAL_SEGMENT_HEADER,
			                              .sequence = journal->sequence };
	return (struct journal_position){ .segment = journal->number,
		                              .offset = journal->offset,
		                              .sequence = journal->sequence };
}

/* ---- appending */

static enum journal_result result_of(struct journal *journal, enum disk_result result)
{
	if (result == DISK_OK)
		return JOURNAL_DONE;
	return result == DISK_FULL ? JOURNAL_FULL : journal_fail(journal);
}

static bool has_next(struct journal *journal)
{
	return journal->is_prepared || segment_spare(journal) != NULL;
}

static enum disk_result next_take(struct journal *journal, const char *path)
{
	char old[JOURNAL_PATH_MOST];
	struct segment *spare = segment_spare(journal);
	if (spare != NULL)
		segment_path(old, journal->directory, spare->number);
	else
		prepared_path(old, journal->directory);
	const enum disk_result renamed = journal->disk->operations->rename(journal->disk, old, path);
	if (renamed != DISK_OK)
		return renamed;
	if (spare != NULL)
		segment_remove(journal, spare);
	else
		journal->is_prepared = false;
	return DISK_OK;
}

/* The new segment's file under its number, known to the directory: a spare, the prepared one, or fresh. */
static enum journal_result segment_make(struct journal *journal, uint64_t number)
{
	const struct disk_operations *disk = journal->disk->operations;
	char path[JOURNAL_PATH_MOST];
	segment_path(path, journal->directory, number);
	journal->is_fresh = !has_next(journal);
	/* A directory may have to grow for a new name. */
	const enum disk_result taken = journal->is_fresh ? DISK_OK : next_take(journal, path);
	if (taken != DISK_OK)
		return result_of(journal, taken);
	const unsigned flags = journal->is_fresh ? DISK_CREATE | DISK_EXCLUSIVE : 0;
	const enum journal_result opened = result_of(journal, disk->open(journal->disk, path, flags, &journal->file));
	if (opened != JOURNAL_DONE)
		return opened;
	segment_add(journal, number);
	return result_of(journal, disk->sync_directory(journal->disk, journal->directory));
}

/* With a horizon for what ends here, and more. */
static enum disk_result header_write(struct journal *journal, uint64_t end)
{
	struct segment_header header = journal->header;
	header.horizon = end + journal->segment_size / HORIZON_PART;
	uint8_t bytes[JOURNAL_SEGMENT_HEADER];
	segment_header_write(&header, bytes);
	const struct view part = view_bytes(bytes, sizeof(bytes));
	const enum disk_result result = journal->disk->operations->write(journal->disk, journal->file, 0, &part, 1);
	if (result == DISK_OK)
		journal->header = header;
	return result;
}

/* A group that ends beyond the horizon waits until that is further away. */
static enum journal_result horizon_reach(struct journal *journal, uint64_t end)
{
	if (end <= journal->horizon)
		return JOURNAL_DONE;
	const enum journal_result result = result_of(journal, header_write(journal, end));
	if (result != JOURNAL_DONE)
		return result;
	if (journal->disk->operations->sync(journal->disk, journal->file) != DISK_OK)
		return journal_fail(journal);
	journal->horizon = journal->header.horizon;
	return JOURNAL_DONE;
}

/* In time, with the flush of a group: what comes next is seldom longer than what is left. */
static enum disk_result horizon_raise(struct journal *journal, uint64_t end)
{
	const bool is_far = journal->horizon - end >= journal->segment_size / HORIZON_PART / 2;
	return is_far ? DISK_OK : header_write(journal, end);
}

static enum journal_result segment_turn(struct journal *journal, uint64_t size)
{
	file_close(journal);
	const uint64_t number = journal->number + 1;
	enum journal_result result = segment_make(journal, number);
	if (result != JOURNAL_DONE) {
		/* Without a file the next group tries again, under a number that is surely free. */
		if (journal->file != NULL)
			journal->number = number;
		file_close(journal);
		return result;
	}
	journal->number = number;
	journal->offset = JOURNAL_SEGMENT_HEADER;
	journal->header = (struct segment_header){ .number = number,
		                                       .generation = random_next(&journal->random) | 1,
		                                       .first_sequence = journal->sequence,
		                                       .durable = journal->durable };
	result = result_of(journal, header_write(journal, journal->offset + size));
	/* It is flushed with the first group, without which it counts for nothing. */
	journal->horizon = journal->header.horizon;
	if (result == JOURNAL_FULL)
		file_close(journal);
	return result;
}

static uint64_t group_size(const struct journal_record *records, size_t count)
{
	uint64_t size = 0;
	for (size_t i = 0; i < count; i++)
		size += journal_aligned(JOURNAL_RECORD_HEADER + records[i].head.length + records[i].content.length);
	return size;
}

/* Writes some records, in one call, at the end. */
static enum disk_result records_write(struct journal *journal, struct journal_record *records, size_t count,
                                      uint64_t *offset)
{
	static const char zeros[JOURNAL_ALIGNMENT];
	size_t parts = 0;
	uint64_t end = *offset;
	for (size_t i = 0; i < count; i++) {
		struct journal_record *record = &records[i];
		uint8_t *header = journal->headers + i * JOURNAL_RECORD_HEADER;
		const size_t length = record->head.length + record->content.length;
		record->durable = journal->durable;
		record->place =
			(struct journal_place){ .segment = journal->number, .offset = end, .length = (uint32_t)length };
		record_header_write(record, journal->header.generation, header);
		const uint64_t whole = journal_aligned(JOURNAL_RECORD_HEADER + length);
		const size_t padding = (size_t)(whole - JOURNAL_RECORD_HEADER - length);
		journal->parts[parts++] = view_bytes(header, JOURNAL_RECORD_HEADER);
		if (record->head.length > 0)
			journal->parts[parts++] = record->head;
		if (record->content.length > 0)
			journal->parts[parts++] = record->content;
		if (padding > 0)
			journal->parts[parts++] = view_bytes(zeros, padding);
		end += whole;
	}
	const enum disk_result result =
		journal->disk->operations->write(journal->disk, journal->file, *offset, journal->parts, parts);
	*offset = end;
	return result;
}

static enum disk_result group_write(struct journal *journal, struct journal_record *records, size_t count)
{
	const size_t slice_most = PARTS_MOST / RECORD_PARTS;
	if (journal->headers == NULL)
		journal->headers = must_alloc(slice_most, JOURNAL_RECORD_HEADER);
	uint64_t offset = journal->offset;
	for (size_t done = 0; done < count;) {
		const size_t slice = count - done < slice_most ? count - done : slice_most;
		const enum disk_result result = records_write(journal, records + done, slice, &offset);
		if (result != DISK_OK)
			return result;
		done += slice;
	}
	return DISK_OK;
}

/* A group never crosses segments, so that it needs one sync and, when the disk is full, can be taken back. */
static bool must_turn(struct journal *journal, uint64_t size)
{
	if (journal->file == NULL)
		return true;
	if (journal->offset == JOURNAL_SEGMENT_HEADER)
		return false;
	return journal->offset + size > journal->segment_size || (journal->is_fresh && has_next(journal));
}

bool journal_wants_prepared(const struct journal *journal)
{
	const uint64_t filled = journal->is_fresh ? journal->segment_size / FRESH_PART : journal->segment_size / 2;
	return !journal->is_prepared && spare_count(journal) == 0 && journal->file != NULL && journal->offset > filled;
}

void journal_use_prepared(struct journal *journal)
{
	journal->is_prepared = true;
}

enum journal_result journal_append(struct journal *journal, struct journal_record *records, size_t count)
{
	must(journal->replayed);
	if (journal->failed)
		return JOURNAL_FAILED;
	if (count == 0)
		return JOURNAL_DONE;
	const uint64_t size = group_size(records, count);
	if (must_turn(journal, size)) {
		const enum journal_result turned = segment_turn(journal, size);
		if (turned != JOURNAL_DONE)
			return turned;
	}
	const uint64_t end = journal->offset + size;
	const enum journal_result reached = horizon_reach(journal, end);
	if (reached != JOURNAL_DONE)
		return reached;
	const struct disk_operations *disk = journal->disk->operations;
	must(records[0].sequence == journal->sequence);
	enum disk_result written = group_write(journal, records, count);
	if (written == DISK_OK)
		written = horizon_raise(journal, end);
	if (written == DISK_FULL) {
		if (disk->truncate(journal->disk, journal->file, journal->offset) != DISK_OK)
			return journal_fail(journal);
		journal->is_fresh = true;
		return JOURNAL_FULL;
	}
	if (written != DISK_OK || disk->sync(journal->disk, journal->file) != DISK_OK)
		return journal_fail(journal);
	journal->horizon = journal->header.horizon;
	journal->offset = end;
	journal->sequence += count;
	journal->durable = journal->sequence - 1;
	return JOURNAL_DONE;
}

/* ---- single records */

enum journal_result journal_read(struct disk *disk, const char *directory, const struct journal_place *place,
                                 const struct message_id *id, struct text *bytes)
{
	char path[JOURNAL_PATH_MOST];
	segment_path(path, directory, place->segment);
	struct disk_file *file = NULL;
	const enum disk_result opened = disk->operations->open(disk, path, 0, &file);
	if (opened != DISK_OK)
		return opened == DISK_ABSENT ? JOURNAL_DAMAGED : JOURNAL_FAILED;
	const size_t whole = JOURNAL_RECORD_HEADER + place->length;
	text_clear(bytes);
	char *room = text_room(bytes, whole);
	size_t got = 0;
	const bool has_read =
		room != NULL && disk->operations->read(disk, file, place->offset, room, whole, &got) == DISK_OK;
	disk->operations->close(disk, file);
	if (!has_read)
		return JOURNAL_FAILED;
	struct journal_record record;
	bool more = false;
	if (got != whole || journal_record_parse(view_bytes(room, got), 0, &record, &more) != whole ||
	    !id_equal(&record.id, id))
		return JOURNAL_DAMAGED;
	text_extend(bytes, got);
	text_remove_first(bytes, JOURNAL_RECORD_HEADER);
	return JOURNAL_DONE;
}
