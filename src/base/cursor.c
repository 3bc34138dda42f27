#include "base/cursor.h"

#include "base/text.h"

struct cursor cursor_of(struct view view)
{
	return (struct cursor){ .rest = view };
}

struct view cursor_bytes(struct cursor *cursor, size_t length)
{
	if (cursor->failed || length > cursor->rest.length) {
		cursor->failed = true;
		return VIEW_NONE;
	}
	const struct view taken = view_first(cursor->rest, length);
	cursor->rest = view_from(cursor->rest, length);
	return taken;
}

static uint64_t read_little(struct cursor *cursor, size_t length)
{
	const struct view bytes = cursor_bytes(cursor, length);
	uint64_t number = 0;
	for (size_t i = bytes.length; i > 0; i--)
		number = number << 8 | (unsigned char)bytes.data[i - 1];
	return number;
}

uint8_t cursor_u8(struct cursor *cursor)
{
	return (uint8_t)read_little(cursor, 1);
}

uint16_t cursor_u16(struct cursor *cursor)
{
	return (uint16_t)read_little(cursor, 2);
}

uint32_t cursor_u32(struct cursor *cursor)
{
	return (uint32_t)read_little(cursor, 4);
}

uint64_t cursor_u64(struct cursor *cursor)
{
	return read_little(cursor, 8);
}

struct view cursor_counted(struct cursor *cursor)
{
	return cursor_bytes(cursor, cursor_u32(cursor));
}

bool cursor_is_done(const struct cursor *cursor)
{
	return !cursor->failed && cursor->rest.length == 0;
}

static void write_little(struct text *text, uint64_t number, size_t length)
{
	char *room = text_room(text, length);
	if (room == NULL)
		return;
	for (size_t i = 0; i < length; i++)
		room[i] = (char)(number >> (8 * i) & 0xff);
	text_extend(text, length);
}

void text_add_u8_le(struct text *text, uint8_t number)
{
	write_little(text, number, 1);
}

void text_add_u16_le(struct text *text, uint16_t number)
{
	write_little(text, number, 2);
}

void text_add_u32_le(struct text *text, uint32_t number)
{
	write_little(text, number, 4);
}

void text_add_u64_le(struct text *text, uint64_t number)
{
	write_little(text, number, 8);
}

void text_add_counted(struct text *text, struct view bytes)
{
	if (bytes.length > UINT32_MAX) {
		text->overflow = true;
		return;
	}
	text_add_u32_le(text, (uint32_t)bytes.length);
	text_add(text, bytes);
}
