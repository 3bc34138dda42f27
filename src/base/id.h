/* A message's id: 16 bytes that sort by the time they were made, 26 characters for people.
 * Promises: never two alike (80 random bits within a millisecond); text form is lower-case Crockford base32, sorts
 *   like the bytes, and holds no character that needs quoting anywhere.
 * Does not know: what has the id. */
#ifndef BASE_ID_H
#define BASE_ID_H

#include "base/text.h"

struct message_id {
	uint8_t bytes[16]; /* 48 bits of milliseconds since 1970, then 80 random bits */
};

#define ID_TEXT_LENGTH 26u

struct message_id id_make(int64_t wall, const uint8_t random[10]); /* wall: microseconds since 1970 */
int64_t id_wall(const struct message_id *id);                      /* to the millisecond */
int id_compare(const struct message_id *a, const struct message_id *b);
bool id_equal(const struct message_id *a, const struct message_id *b);
void text_add_id(struct text *text, const struct message_id *id);
bool id_parse(struct view text, struct message_id *id); /* either letter case */
struct view id_view(const struct message_id *id);       /* the 16 bytes; lent */

#endif
