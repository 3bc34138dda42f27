/* Units of time. An instant is int64_t microseconds on the world's monotonic clock (CLOCK_BOOTTIME); a wall time
 * is int64_t microseconds since 1970 UTC; a duration is int64_t microseconds. A deadline is an instant.
 * Does not know: what time it is (task/world.h does). */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#include "base/view.h"

#define MILLISECOND INT64_C(1000)
#define SECOND      (1000 * MILLISECOND)
#define MINUTE      (60 * SECOND)
#define HOUR        (60 * MINUTE)
#define DAY         (24 * HOUR)
#define NEVER_DUE   INT64_MAX /* a deadline that does not come */

struct arena;
struct text;
/* "2026-11-23T10:43:13.123456Z" (RFC 3339). */
void text_add_time_rfc3339(struct text *text, int64_t wall);
/* "Mon, 23 Nov 2026 10:43:13 +0000" (RFC 5322 3.3), always UTC. */
void text_add_time_rfc5322(struct text *text, int64_t wall);
/* "30s", "4h", "5d", "1h30m": whole seconds, rounded down, in the two largest units that are not nought. */
void text_add_duration(struct text *text, int64_t duration);

#endif
