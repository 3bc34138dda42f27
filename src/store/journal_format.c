#include "store/journal_format.h"

#include "base/bytes.h"
#include "base/cursor.h"
#include "base/must.h"

#define RECORD_MAGIC   UINT32_C(0x43525053) /* "SPRC" */
#define SEGMENT_MAGIC  UINT32_C(0x47535053) /* "SPSG" */
#define FORMAT_VERSION UINT32_C(1)
#define SCAN_PIECE     ((size_t)1024 * 1024)

static void put_u16(uint8_t *into, uint16_t number)
{
	into[0] = (uint8_t)number;
	into[1] = (uint8_t)(number >> 8);
}

static void put_u32(uint8_t *into, uint32_t number)
{
	for (unsigned i = 0; i < 4; i++)
		into[i] = (uint8_t)(number >> (8 * i));
}

static void put_u64(uint8_t *into, uint64_t number)
{
	for (unsigned i = 0; i < 8; i++)
		into[i] = (uint8_t)(number >> (8 * i));
}

uint64_t journal_aligned(uint64_t length)
{
	return (length + JOURNAL_ALIGNMENT - 1) / JOURNAL_ALIGNMENT * JOURNAL_ALIGNMENT;
}

void segment_header_write(const struct segment_header *header, uint8_t bytes[JOURNAL_SEGMENT_HEADER])
{
	for (size_t i = 0; i < JOURNAL_SEGMENT_HEADER; i++)
		bytes[i] = 0;
	put_u32(bytes, SEGMENT_MAGIC);
	put_u32(bytes + 4, FORMAT_VERSION);
	put_u64(bytes + 8, header->number);
	put_u64(bytes + 16, header->generation);
	put_u64(bytes + 24, header->first_sequence);
	put_u64(bytes + 32, header->durable);
	put_u64(bytes + 40, header->horizon);
	put_u32(bytes + 60, bytes_crc32c(0, view_bytes(bytes, 60)));
}

bool segment_header_parse(struct view bytes, struct segment_header *header)
{
	if (bytes.length < JOURNAL_SEGMENT_HEADER)
		return false;
	struct cursor cursor = cursor_of(view_first(bytes, JOURNAL_SEGMENT_HEADER));
	const uint32_t magic = cursor_u32(&cursor);
	const uint32_t version = cursor_u32(&cursor);
	const struct segment_header found = {
		.number = cursor_u64(&cursor),
		.generation = cursor_u64(&cursor),
		.first_sequence = cursor_u64(&cursor),
		.durable = cursor_u64(&cursor),
		.horizon = cursor_u64(&cursor),
	};
	cursor_bytes(&cursor, 12);
	const uint32_t crc = cursor_u32(&cursor);
	if (magic != SEGMENT_MAGIC || version != FORMAT_VERSION || crc != bytes_crc32c(0, view_first(bytes, 60)))
		return false;
	*header = found;
	return true;
}

void record_header_write(const struct journal_record *record, uint64_t generation,
                         uint8_t bytes[JOURNAL_RECORD_HEADER])
{
	const size_t length = record->head.length + record->content.length;
	must(length <= JOURNAL_RECORD_MOST);
	put_u32(bytes, RECORD_MAGIC);
	put_u16(bytes + 4, record->type);
	put_u16(bytes + 6, 0);
	put_u64(bytes + 8, generation);
	put_u64(bytes + 16, record->sequence);
	put_u64(bytes + 24, record->durable);
	bytes_copy(bytes + 32, 16, id_view(&record->id));
	put_u32(bytes + 48, (uint32_t)length);
	uint32_t crc = bytes_crc32c(0, view_bytes(bytes, 52));
	crc = bytes_crc32c(crc, record->head);
	crc = bytes_crc32c(crc, record->content);
	put_u32(bytes + 52, crc);
}

uint64_t record_header_generation(struct view bytes)
{
	struct cursor cursor = cursor_of(view_first(bytes, JOURNAL_RECORD_HEADER));
	const bool is_record = cursor_u32(&cursor) == RECORD_MAGIC;
	cursor_u32(&cursor);
	const uint64_t generation = cursor_u64(&cursor);
	return is_record ? generation : 0;
}

size_t journal_record_parse(struct view bytes, uint64_t generation, struct journal_record *record, bool *more)
{
	*more = false;
	struct cursor cursor = cursor_of(bytes);
	if (cursor_u32(&cursor) != RECORD_MAGIC && !cursor.failed)
		return 0;
	if (bytes.length < JOURNAL_RECORD_HEADER) {
		*more = true;
		return 0;
	}
	struct journal_record found = { .type = cursor_u16(&cursor) };
	cursor_u16(&cursor);
	const uint64_t written = cursor_u64(&cursor);
	found.sequence = cursor_u64(&cursor);
	found.durable = cursor_u64(&cursor);
	bytes_copy(found.id.bytes, sizeof(found.id.bytes), cursor_bytes(&cursor, 16));
	const uint32_t length = cursor_u32(&cursor);
	const uint32_t crc = cursor_u32(&cursor);
	if ((generation != 0 && written != generation) || length > JOURNAL_RECORD_MOST)
		return 0;
	found.head = cursor_bytes(&cursor, length);
	if (cursor.failed) {
		*more = true;
		return 0;
	}
	const uint32_t header_crc = bytes_crc32c(0, view_first(bytes, JOURNAL_RECORD_HEADER - 4));
	if (bytes_crc32c(header_crc, found.head) != crc)
		return 0;
	found.place.length = length;
	*record = found;
	return JOURNAL_RECORD_HEADER + length;
}

size_t journal_record_search(struct view bytes, size_t offset)
{
	static const uint8_t magic[4] = { RECORD_MAGIC & 0xff, RECORD_MAGIC >> 8 & 0xff, RECORD_MAGIC >> 16 & 0xff,
		                              RECORD_MAGIC >> 24 };
	for (; offset + sizeof(magic) <= bytes.length; offset += JOURNAL_ALIGNMENT)
		if (memcmp(bytes.data + offset, magic, sizeof(magic)) == 0)
			return offset;
	return bytes.length;
}

static void path_of(char path[JOURNAL_PATH_MOST], const char *directory, const char *name)
{
	const int length = snprintf(path, JOURNAL_PATH_MOST, "%s/%s", directory, name);
	must(length > 0 && (size_t)length < JOURNAL_PATH_MOST);
}

void segment_path(char path[JOURNAL_PATH_MOST], const char *directory, uint64_t number)
{
	char name[17];
	snprintf(name, sizeof(name), "%016llx", (unsigned long long)number);
	path_of(path, directory, name);
}

void prepared_path(char path[JOURNAL_PATH_MOST], const char *directory)
{
	path_of(path, directory, "prepared");
}

void preparing_path(char path[JOURNAL_PATH_MOST], const char *directory)
{
	path_of(path, directory, "preparing");
}

bool segment_name_parse(struct view name, uint64_t *number)
{
	if (name.length != 16)
		return false;
	uint64_t value = 0;
	for (size_t i = 0; i < name.length; i++) {
		const char byte = name.data[i];
		if (!byte_is_digit(byte) && (byte < 'a' || byte > 'f'))
			return false;
		value = value << 4 | (uint64_t)(byte_is_digit(byte) ? byte - '0' : byte - 'a' + 10);
	}
	*number = value;
	return true;
}

enum journal_result segment_scan_open(struct segment_scan *scan, struct disk *disk, const char *directory,
                                      uint64_t number)
{
	char path[JOURNAL_PATH_MOST];
	segment_path(path, directory, number);
	struct disk_file *file = NULL;
	if (disk->operations->open(disk, path, 0, &file) != DISK_OK)
		return JOURNAL_FAILED;
	uint64_t size = 0;
	if (disk->operations->size(disk, file, &size) != DISK_OK) {
		disk->operations->close(disk, file);
		return JOURNAL_FAILED;
	}
	*scan = (struct segment_scan){ .disk = disk,
		                           .file = file,
		                           .size = size,
		                           .buffer = TEXT_LIMIT(JOURNAL_RECORD_MOST + 2 * SCAN_PIECE),
		                           .horizon = UINT64_MAX,
		                           .below = UINT64_MAX };
	return JOURNAL_DONE;
}

void segment_scan_close(struct segment_scan *scan)
{
	scan->disk->operations->close(scan->disk, scan->file);
	text_deinit(&scan->buffer);
}

enum journal_result segment_scan_at(struct segment_scan *scan, uint64_t offset, size_t length, struct view *bytes)
{
	const uint64_t end = offset < scan->size ? scan->size : offset;
	const size_t wanted = (size_t)(end - offset) < length ? (size_t)(end - offset) : length;
	if (offset < scan->buffer_offset || offset + wanted > scan->buffer_offset + scan->buffer.length) {
		const size_t left = (size_t)(end - offset);
		const size_t piece = wanted < SCAN_PIECE ? SCAN_PIECE : wanted;
		const size_t fetch = left < piece ? left : piece;
		text_clear(&scan->buffer);
		scan->buffer_offset = offset;
		char *room = text_room(&scan->buffer, fetch);
		size_t got = 0;
		if (room == NULL ||
		    scan->disk->operations->read(scan->disk, scan->file, offset, room, fetch, &got) != DISK_OK)
			return JOURNAL_FAILED;
		text_extend(&scan->buffer, got);
	}
	*bytes = view_from(text_view(&scan->buffer), (size_t)(offset - scan->buffer_offset));
	return JOURNAL_DONE;
}

uint64_t segment_scan_end(const struct segment_scan *scan)
{
	return scan->horizon < scan->size ? scan->horizon : scan->size;
}

/* What stands at offset: *length is 0 when that is no record. */
static enum journal_result record_at(struct segment_scan *scan, uint64_t offset, struct journal_record *record,
                                     size_t *length)
{
	size_t wanted = JOURNAL_RECORD_HEADER;
	for (;;) {
		struct view bytes;
		const enum journal_result result = segment_scan_at(scan, offset, wanted, &bytes);
		if (result != JOURNAL_DONE)
			return result;
		bool more = false;
		*length = journal_record_parse(bytes, scan->generation, record, &more);
		if (*length != 0 || !more || bytes.length < JOURNAL_RECORD_HEADER)
			return JOURNAL_DONE;
		struct cursor cursor = cursor_of(view_from(bytes, 48));
		const size_t whole = JOURNAL_RECORD_HEADER + cursor_u32(&cursor);
		if (whole > scan->size - offset)
			return JOURNAL_DONE;
		if (whole <= wanted)
			return JOURNAL_FAILED; /* the file became shorter under us */
		wanted = whole;
	}
}

/* Where the next record may be, after offset. */
static enum journal_result candidate_find(struct segment_scan *scan, uint64_t *offset)
{
	struct view bytes;
	const enum journal_result result = segment_scan_at(scan, *offset, SCAN_PIECE / 2, &bytes);
	if (result != JOURNAL_DONE)
		return result;
	if (bytes.length < JOURNAL_RECORD_HEADER)
		return JOURNAL_FAILED; /* the file became shorter under us */
	const size_t next = journal_record_search(bytes, JOURNAL_ALIGNMENT);
	/* The last octets of the piece may be the beginning of a magic. */
	*offset += next < bytes.length ? next : (bytes.length - 1) / JOURNAL_ALIGNMENT * JOURNAL_ALIGNMENT;
	return JOURNAL_DONE;
}

/* What stands where a record is expected counts wherever that is. */
enum journal_result segment_scan_next(struct segment_scan *scan, uint64_t from, uint64_t *offset,
                                      struct journal_record *record, bool *found)
{
	*found = false;
	const uint64_t end = segment_scan_end(scan);
	uint64_t at = *offset;
	while (at + JOURNAL_RECORD_HEADER <= (at == *offset ? scan->size : end)) {
		struct journal_record candidate;
		size_t length = 0;
		enum journal_result result = record_at(scan, at, &candidate, &length);
		if (result != JOURNAL_DONE)
			return result;
		if (length != 0 && candidate.sequence >= from && candidate.sequence < scan->below) {
			*record = candidate;
			*offset = at;
			*found = true;
			return JOURNAL_DONE;
		}
		result = candidate_find(scan, &at);
		if (result != JOURNAL_DONE)
			return result;
	}
	return JOURNAL_DONE;
}
