#include "base/id.h"

#include <string.h>

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

struct message_id id_make(int64_t wall, const uint8_t random[10])
{
	struct message_id id;
	const uint64_t milliseconds = (uint64_t)(wall / 1000);
	for (unsigned i = 0; i < 6; i++)
		id.bytes[i] = (uint8_t)(milliseconds >> (40 - 8 * i));
	memcpy(id.bytes + 6, random, 10);
	return id;
}

int64_t id_wall(const struct message_id *id)
{
	uint64_t milliseconds = 0;
	for (unsigned i = 0; i < 6; i++)
		milliseconds = milliseconds << 8 | id->bytes[i];
	return (int64_t)milliseconds * 1000;
}

int id_compare(const struct message_id *a, const struct message_id *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool id_equal(const struct message_id *a, const struct message_id *b)
{
	return id_compare(a, b) == 0;
}

/* 26 characters hold 130 bits: the first one carries three. */
void text_add_id(struct text *text, const struct message_id *id)
{
	uint32_t bits = 0;
	unsigned held = 2;
	for (size_t i = 0; i < sizeof(id->bytes); i++) {
		bits = (bits << 8 | id->bytes[i]) & 0x1fff;
		for (held += 8; held >= 5; held -= 5)
			text_add_byte(text, alphabet[bits >> (held - 5) & 31]);
	}
}

static int digit_value(char byte)
{
	const char *found = byte == '\0' ? NULL : strchr(alphabet, byte_lower(byte));
	return found == NULL ? -1 : (int)(found - alphabet);
}

bool id_parse(struct view text, struct message_id *id)
{
	if (text.length != ID_TEXT_LENGTH || digit_value(text.data[0]) < 0 || digit_value(text.data[0]) > 7)
		return false;
	struct message_id read = { { 0 } };
	uint32_t bits = 0;
	unsigned held = 0;
	size_t at = 0;
	for (size_t i = 0; i < ID_TEXT_LENGTH; i++) {
		const int value = digit_value(text.data[i]);
		if (value < 0)
			return false;
		bits = bits << 5 | (uint32_t)value;
		held += i == 0 ? 3 : 5;
		if (held >= 8) {
			held -= 8;
			read.bytes[at++] = (uint8_t)(bits >> held);
		}
	}
	*id = read;
	return true;
}

struct view id_view(const struct message_id *id)
{
	return view_bytes(id->bytes, sizeof(id->bytes));
}
