/* What libunbound does not tell of zone files: their names, and the TXT records that are more at one name than a DNS
 * message can carry (64 KiB).
 * Promises: nothing is kept of names whose records fit; where a line cannot be read, nothing is told of its name.
 * Does not know: any other type. */
#ifndef NET_DNS_LARGE_H
#define NET_DNS_LARGE_H

#include "base/text.h"
#include "task/dns.h"

struct dns_large;

struct dns_large *dns_large_new(uint64_t seed);
void dns_large_free(struct dns_large *large); /* NULL is allowed */
/* name: with the last dot. content: RFC 1035 5, records of one line. */
void dns_large_add_zone(struct dns_large *large, struct view name, struct view content);
/* All zones were added: forgets what fits. */
void dns_large_end(struct dns_large *large);
/* False: that name's records fit, or there are none. */
bool dns_large_answer(const struct dns_large *large, struct view name, struct arena *arena,
                      struct dns_answer *answer);

/* Is the name (without the last dot) in one of the zones? */
bool dns_large_has_zone_of(const struct dns_large *large, struct view name);

#endif
