/* DNS by libunbound: validating, in process.
 * Promises: answers are validated under the trust anchors; no query blocks the loop; all files are read by
 *   dns_unbound_new; at most DNS_QUERIES_MOST are under way at once, the next ones wait; one context keeps answers
 *   for their time, a second one, for `fresh`, for 1 s.
 * Does not know: what is asked for. */
#ifndef NET_DNS_H
#define NET_DNS_H

#include "base/text.h"
#include "task/world.h"

enum { DNS_QUERIES_MOST = 2000 };

struct dns_settings {
	const struct endpoint *resolvers; /* none: iterate from the root */
	size_t resolver_count;
	const struct view *trust_anchors; /* files; none: nothing is validated */
	size_t trust_anchor_count;
	/* Files zone-0, zone-1 ... in the directory (RFC 1035 5), answered from there and not validated. One may hold
	 * several zones: each begins with its $ORIGIN or SOA, by its full name. A zone without SOA gets one. */
	size_t zone_count;
	const char *directory; /* where the room may write: libunbound's configuration goes there */
	uint32_t max_ttl;      /* seconds */
};

/* NULL: *problem. *problem may also hold a remark on success (an anchor that cannot be read). Waits for files, not
 * for the network. */
struct dns *dns_unbound_new(struct world *world, const struct dns_settings *settings, struct text *problem);
/* No lookup may begin any more; those that wait still get their answers, then all is freed. For a reload: make a new
 * one, use it, free the old one. */
void dns_unbound_free(struct dns *dns);

/* Is name the zone's, or below it? Both with the last dot, or both without. */
bool dns_name_is_within(struct view name, struct view zone);

#endif
