/* An answer of DNS as bytes, for the time between two lives of the room.
 * Promises: what was written is read back the same; bytes that are not a whole answer are refused.
 * Does not know: where they lie. */
#ifndef ROOMS_RESOLVER_PACKED_H
#define ROOMS_RESOLVER_PACKED_H

#include "base/text.h"
#include "task/dns.h"

/* duration: for how long it was good when it came, microseconds. */
void packed_write(const struct dns_answer *answer, int64_t duration, struct text *into);
/* The answer's records are the arena's, their bytes are lent from `from`. */
bool packed_read(struct view from, struct arena *arena, struct dns_answer *answer, int64_t *duration);
/* Of what was said, without for how long: two answers that differ have other marks, but for one chance in 2^64. */
uint64_t packed_mark(struct view written);

#endif
