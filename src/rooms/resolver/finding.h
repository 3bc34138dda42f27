/* The inside of the findings, for their files.
 * Promises: a look-up that failed is never a record that is not there.
 * Does not know: what is judged. */
#ifndef ROOMS_RESOLVER_FINDING_H
#define ROOMS_RESOLVER_FINDING_H

#include "mail/lookup.h"
#include "rooms/resolver/resolver.h"

/* context of struct txt_lookup and struct dns_lookup. */
struct lookup_context {
	struct resolver *resolver;
	enum freshness freshness;
	struct errand *errand;
};
void lookup_txt(void *context, struct view name, struct arena *arena, struct txt_answer *answer);
void lookup_any(void *context, struct view name, enum lookup_type type, struct arena *arena,
                struct lookup_answer *answer);

void finding_see(struct finding *finding, struct view text);
void finding_cannot_tell(struct finding *finding, struct view where, struct view why, struct arena *arena);
/* Is one of the customer's seals of the From: domain, as DMARC has it (RFC 9989 5.2)? Suspends. */
bool seal_is_aligned(struct resolver *resolver, const struct verdict_request *request, struct errand *errand,
                     struct arena *arena);

#endif
