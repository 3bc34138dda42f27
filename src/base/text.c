#include "base/text.h"

#include "base/must.h"

#include <stdio.h>
#include <string.h>

void text_deinit(struct text *text)
{
	free(text->data);
	*text = (struct text){ .limit = text->limit };
}

void text_clear(struct text *text)
{
	text->length = 0;
	text->overflow = false;
	if (text->data != NULL)
		text->data[0] = '\0';
}

struct view text_view(const struct text *text)
{
	return (struct view){ text->data, text->length };
}

const char *text_cstring(const struct text *text)
{
	return text->data == NULL ? "" : text->data;
}

char *text_room(struct text *text, size_t length)
{
	/* The NUL at the end needs a place even where the limit is SIZE_MAX. */
	const size_t limit = text->limit < SIZE_MAX ? text->limit : SIZE_MAX - 1;
	if (length > limit || text->length > limit - length) {
		text->overflow = true;
		return NULL;
	}
	const size_t needed = text->length + length + 1;
	if (needed > text->capacity) {
		/* What grows at all soon outgrows the first steps. */
		size_t capacity = text->capacity < 32 ? 64 : text->capacity * (text->capacity < 1024 ? 4 : 2);
		if (capacity < needed)
			capacity = needed;
		if (capacity - 1 > text->limit)
			capacity = text->limit + 1;
		text->data = must_realloc(text->data, capacity, 1);
		text->capacity = capacity;
	}
	return text->data + text->length;
}

void text_extend(struct text *text, size_t length)
{
	must(length < text->capacity - text->length);
	text->length += length;
	text->data[text->length] = '\0';
}

bool text_add(struct text *text, struct view bytes)
{
	char *room = text_room(text, bytes.length);
	if (room == NULL)
		return false;
	if (bytes.length > 0)
		memcpy(room, bytes.data, bytes.length);
	text_extend(text, bytes.length);
	return true;
}

bool text_add_byte(struct text *text, char byte)
{
	return text_add(text, (struct view){ &byte, 1 });
}

bool text_add_u64(struct text *text, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);
	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	return text_add(text, (struct view){ digits + at, sizeof(digits) - at });
}

bool text_vprint(struct text *text, const char *format, va_list arguments)
{
	va_list again;
	va_copy(again, arguments);
	const size_t left = text->capacity - text->length;
	const int length = vsnprintf(left > 0 ? text->data + text->length : NULL, left, format, arguments);
	must(length >= 0);
	bool fits = (size_t)length < left;
	if (!fits) {
		if (left > 0)
			text->data[text->length] = '\0';
		char *room = text_room(text, (size_t)length);
		fits = room != NULL;
		if (fits)
			vsnprintf(room, (size_t)length + 1, format, again);
	}
	va_end(again);
	if (fits)
		text_extend(text, (size_t)length);
	return fits;
}

bool text_print(struct text *text, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	const bool added = text_vprint(text, format, arguments);
	va_end(arguments);
	return added;
}

void text_remove_first(struct text *text, size_t length)
{
	must(length <= text->length);
	if (length == 0)
		return;
	text->length -= length;
	memmove(text->data, text->data + length, text->length + 1);
}

void text_truncate(struct text *text, size_t length)
{
	must(length <= text->length);
	text->length = length;
	if (text->data != NULL)
		text->data[length] = '\0';
}

bool text_add_hex(struct text *text, struct view bytes)
{
	static const char digits[] = "0123456789abcdef";
	char *room = bytes.length > SIZE_MAX / 2 ? NULL : text_room(text, bytes.length * 2);
	if (room == NULL)
		return false;
	for (size_t i = 0; i < bytes.length; i++) {
		const unsigned char byte = (unsigned char)bytes.data[i];
		room[2 * i] = digits[byte >> 4];
		room[2 * i + 1] = digits[byte & 15];
	}
	text_extend(text, bytes.length * 2);
	return true;
}

bool text_add_base64(struct text *text, struct view bytes)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const size_t groups = bytes.length / 3 + (bytes.length % 3 != 0);
	char *room = groups > SIZE_MAX / 4 ? NULL : text_room(text, groups * 4);
	if (room == NULL)
		return false;
	for (size_t group = 0; group < groups; group++) {
		const struct view three = view_slice(bytes, group * 3, 3);
		uint32_t bits = 0;
		for (size_t i = 0; i < 3; i++)
			bits = bits << 8 | (i < three.length ? (unsigned char)three.data[i] : 0u);
		for (size_t i = 0; i < 4; i++)
			room[group * 4 + i] = i <= three.length ? digits[bits >> (18 - 6 * i) & 63] : '=';
	}
	text_extend(text, groups * 4);
	return true;
}

/* What each octet is: a digit's value, or one of these. */
enum { BASE64_PADDING = 64, BASE64_SKIPPED = 65 };

/* clang-format off */
static const uint8_t base64_digits[256] = {
	66, 66, 66, 66, 66, 66, 66, 66, 66, 65, 65, 66, 66, 65, 66, 66,
	66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
	65, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 62, 66, 66, 66, 63,
	52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 66, 66, 66, 64, 66, 66,
	66,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 66, 66, 66, 66, 66,
	66, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
	41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 66, 66, 66, 66, 66,
	66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
	66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
	66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
	66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
	66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
	66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
	66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
	66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66, 66,
};
/* clang-format on */

bool text_add_base64_decoded(struct text *text, struct view encoded)
{
	const size_t before = text->length;
	char piece[96];
	size_t ready = 0;
	uint32_t bits = 0;
	unsigned held = 0;
	unsigned digits = 0;
	unsigned padding = 0;
	for (size_t i = 0; i < encoded.length; i++) {
		const uint8_t value = base64_digits[(uint8_t)encoded.data[i]];
		if (value == BASE64_SKIPPED)
			continue;
		if (value == BASE64_PADDING) {
			padding++;
			continue;
		}
		if (value > BASE64_SKIPPED || padding > 0)
			goto bad;
		bits = bits << 6 | value;
		held += 6;
		digits++;
		if (held >= 8) {
			held -= 8;
			piece[ready++] = (char)(bits >> held & 0xff);
		}
		if (ready == sizeof(piece)) {
			if (!text_add(text, (struct view){ piece, ready }))
				goto bad;
			ready = 0;
		}
	}
	/* A single digit left over, or padding that does not fill the group, is a damaged copy. */
	if (digits % 4 == 1 || padding > 2 || (padding > 0 && (digits + padding) % 4 != 0))
		goto bad;
	if (!text_add(text, (struct view){ piece, ready }))
		goto bad;
	return true;
bad:
	text_truncate(text, before);
	return false;
}

bool text_add_printable(struct text *text, struct view bytes, size_t limit)
{
	const size_t before = text->length;
	const struct view shown = view_first(bytes, limit);
	bool good = true;
	for (size_t i = 0; good && i < shown.length; i++) {
		const char byte = shown.data[i];
		if (byte == '"' || byte == '\\')
			good = text_print(text, "\\%c", byte);
		else if (byte_is_print(byte))
			good = text_add_byte(text, byte);
		else
			good = text_print(text, "\\x%02x", (unsigned)(unsigned char)byte);
	}
	if (good && shown.length < bytes.length)
		good = text_add(text, VIEW("..."));
	if (!good)
		text_truncate(text, before);
	return good;
}
