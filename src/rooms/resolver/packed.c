#include "rooms/resolver/packed.h"

#include "base/cursor.h"

enum { TIMES_SIZE = 8 + 4, RECORD_LEAST = 2 + 2 + 4 };

void packed_write(const struct dns_answer *answer, int64_t duration, struct text *into)
{
	text_add_u64_le(into, (uint64_t)duration);
	text_add_u32_le(into, answer->ttl);
	text_add_u8_le(into, (uint8_t)answer->status);
	text_add_u8_le(into, answer->secure);
	text_add_u8_le(into, answer->through_alias);
	text_add_counted(into, answer->canonical);
	text_add_u32_le(into, (uint32_t)answer->record_count);
	for (size_t i = 0; i < answer->record_count; i++) {
		text_add_u16_le(into, answer->records[i].preference);
		text_add_u16_le(into, answer->records[i].string_count);
		text_add_counted(into, answer->records[i].data);
	}
}

bool packed_read(struct view from, struct arena *arena, struct dns_answer *answer, int64_t *duration)
{
	struct cursor cursor = cursor_of(from);
	struct dns_answer read = { 0 };
	const uint64_t time = cursor_u64(&cursor);
	read.ttl = cursor_u32(&cursor);
	read.status = cursor_u8(&cursor);
	read.secure = cursor_u8(&cursor) != 0;
	read.through_alias = cursor_u8(&cursor) != 0;
	read.canonical = cursor_counted(&cursor);
	const uint32_t count = cursor_u32(&cursor);
	if (cursor.failed || read.status > DNS_NXDOMAIN || count > cursor.rest.length / RECORD_LEAST || time > INT64_MAX)
		return false;
	read.records = ARENA_ARRAY(arena, struct dns_record, (size_t)count + 1);
	for (; read.record_count < count; read.record_count++) {
		struct dns_record *record = &read.records[read.record_count];
		record->preference = cursor_u16(&cursor);
		record->string_count = cursor_u16(&cursor);
		record->data = cursor_counted(&cursor);
	}
	if (!cursor_is_done(&cursor))
		return false;
	*answer = read;
	*duration = (int64_t)time;
	return true;
}

/* FNV-1a. */
uint64_t packed_mark(struct view written)
{
	uint64_t mark = UINT64_C(14695981039346656037);
	const struct view said = view_from(written, TIMES_SIZE);
	for (size_t i = 0; i < said.length; i++)
		mark = (mark ^ (uint8_t)said.data[i]) * UINT64_C(1099511628211);
	return mark;
}
