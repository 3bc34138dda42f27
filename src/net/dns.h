/* DNS by libunbound: validating, in process.
 * Promises: answers are validated under the trust anchors; no query blocks the loop; at most DNS_QUERIES_MOST are
 * under way at once, the next ones wait; one context keeps answers for their time, a second one, for `fresh`, for 10
 * s. Does not know: what is asked for. */
#ifndef NET_DNS_H
#define NET_DNS_H

#include "base/text.h"
#include "task/world.h"

enum { DNS_QUERIES_MOST = 2000 };

struct dns_settings {
	const struct endpoint *resolvers; /* none: iterate from the root */
	size_t resolver_count;
	const struct view *trust_anchors; /* files */
	size_t trust_anchor_count;
	size_t zone_count;     /* files zone-0, zone-1 ... in the directory, answered from there and not validated */
	const char *directory; /* where the room may write: libunbound's configuration goes there */
	uint32_t max_ttl;      /* seconds */
};

/* NULL: *problem. *problem may also hold a remark on success (an anchor that cannot be read). */
struct dns *dns_unbound_new(struct world *world, const struct dns_settings *settings, struct text *problem);
/* No lookup may be waiting any more. */
void dns_unbound_free(struct dns *dns);

#endif
