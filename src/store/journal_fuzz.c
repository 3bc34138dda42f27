#include "base/bytes.h"
#include "base/must.h"
#include "store/journal_format.h"
#include "store/record.h"

/* A disk that holds one segment: the input. */
struct disk_file {
	struct view bytes;
};

static enum disk_result one_open(struct disk *disk, const char *path, unsigned flags, struct disk_file **file)
{
	(void)path;
	(void)flags;
	*file = disk->state;
	return DISK_OK;
}

static void one_close(struct disk *disk, struct disk_file *file)
{
	(void)disk;
	(void)file;
}

static enum disk_result one_read(struct disk *disk, struct disk_file *file, uint64_t offset, char *into,
                                 size_t length, size_t *got)
{
	(void)disk;
	*got = bytes_copy(into, length, view_slice(file->bytes, (size_t)offset, length));
	return DISK_OK;
}

static enum disk_result one_names(struct disk *disk, struct disk_file *file, uint64_t *count)
{
	(void)disk;
	(void)file;
	*count = 1;
	return DISK_OK;
}

static enum disk_result one_size(struct disk *disk, struct disk_file *file, uint64_t *size)
{
	(void)disk;
	*size = file->bytes.length;
	return DISK_OK;
}

static enum disk_result one_list(struct disk *disk, const char *path, struct text *names)
{
	(void)disk;
	(void)path;
	text_add(names, VIEW("0000000000000001"));
	text_add_byte(names, '\0');
	return DISK_OK;
}

static void payload_read(uint16_t type, struct view bytes, const struct message_id *id)
{
	struct arena arena = { 0 };
	struct record_accept accept;
	struct store_change change;
	struct store_payment payment;
	struct view account;
	struct view reason;
	if (type % 4 == 0 && record_read_accept(bytes, id, &arena, &accept))
		must(accept.message.content.length <= bytes.length);
	if (type % 4 == 1 && record_read_change(bytes, id, &arena, &change))
		must(change.row_count <= bytes.length);
	if (type % 4 == 2)
		record_read_account_hold(bytes, &account, &reason);
	if (type % 4 == 3)
		record_read_payment(bytes, &arena, &payment);
	arena_deinit(&arena);
}

static bool replayed(void *context, const struct journal_record *record)
{
	uint64_t *last = context;
	must(record->sequence > *last);
	*last = record->sequence;
	payload_read(record->type, record->head, &record->id);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first octet says what the rest is: a payload of some type, a body to be framed rightly, or a raw segment. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	const struct view rest = view_bytes(data + 1, size - 1);
	const struct message_id id = { { 1 } };
	if (data[0] < 4) {
		payload_read(data[0], rest, &id);
		return 0;
	}
	struct text segment = TEXT_LIMIT(JOURNAL_RECORD_MOST);
	if (data[0] < 128) {
		uint8_t bytes[JOURNAL_SEGMENT_HEADER];
		segment_header_write(&(struct segment_header){ .number = 1, .generation = 7, .first_sequence = 1 }, bytes);
		text_add(&segment, view_bytes(bytes, sizeof(bytes)));
		record_header_write(&(struct journal_record){ .type = data[0], .id = id, .sequence = 1, .head = rest }, 7,
		                    bytes);
		text_add(&segment, view_bytes(bytes, JOURNAL_RECORD_HEADER));
	}
	text_add(&segment, rest);
	static const struct disk_operations operations = {
		.open = one_open, .close = one_close, .read = one_read, .size = one_size, .names = one_names, .list = one_list
	};
	struct disk_file file = { text_view(&segment) };
	struct disk disk = { &operations, &file };
	const struct journal_settings settings = { .disk = &disk, .directory = "d" };
	struct journal *journal = journal_new(&settings);
	uint64_t last = 0;
	const struct journal_reader reader = { .context = &last, .record = replayed };
	must(journal_replay(journal, (struct journal_position){ .sequence = 1 }, &reader) == JOURNAL_DONE);
	journal_free(journal);
	text_deinit(&segment);
	return 0;
}
