/* A cursor: reads fields off the front of a view, with an error that sticks.
 * Promises: after the first failure every read gives zero or an empty view, so ten fields need one check of
 *   `failed`; never reads past the end. Integers are little-endian, our own formats only.
 * Does not know: what the fields mean. */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include "base/view.h"

struct cursor {
	struct view rest;
	bool failed;
};

struct cursor cursor_of(struct view view);
uint8_t cursor_u8(struct cursor *cursor);
uint16_t cursor_u16(struct cursor *cursor);
uint32_t cursor_u32(struct cursor *cursor);
uint64_t cursor_u64(struct cursor *cursor);
struct view cursor_bytes(struct cursor *cursor, size_t length); /* lent from the source */
struct view cursor_counted(struct cursor *cursor);              /* u32 length, then bytes */
bool cursor_is_done(const struct cursor *cursor);               /* all read, nothing failed */

/* The writing side: the same formats at the end of a text (its overflow sticks likewise). */
struct text;
void text_add_u8_le(struct text *text, uint8_t number);
void text_add_u16_le(struct text *text, uint16_t number);
void text_add_u32_le(struct text *text, uint32_t number);
void text_add_u64_le(struct text *text, uint64_t number);
void text_add_counted(struct text *text, struct view bytes);

#endif
