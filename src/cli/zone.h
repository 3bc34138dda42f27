/* Records in a zone file's form (RFC 1035 5.1).
 * Promises: a TXT value is split into strings of at most 255 octets and quoted.
 * Does not know: TTLs; the zone's own is taken. */
#ifndef CLI_ZONE_H
#define CLI_ZONE_H

#include "base/text.h"

/* NAME. IN TXT "..." "...", a line. */
void zone_add_record(struct text *zone, struct view name, struct view type, struct view value);

#endif
