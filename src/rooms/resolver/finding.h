/* The inside of the findings, for their files.
 * Promises: a look-up that failed is never a record that is not there.
 * Does not know: what is judged. */
#ifndef ROOMS_RESOLVER_FINDING_H
#define ROOMS_RESOLVER_FINDING_H

#include "mail/dmarc_check.h"
#include "mail/lookup.h"
#include "rooms/resolver/resolver.h"

/* context of struct txt_lookup and struct dns_lookup. */
struct lookup_context {
	struct resolver *resolver;
	enum freshness freshness;
	struct errand *errand;
	struct server_talk *server; /* NULL: the resolver alone answers */
	struct view domain;         /* the one that is judged; empty: none */
};
void lookup_txt(void *context, struct view name, struct arena *arena, struct txt_answer *answer);
void lookup_any(void *context, struct view name, enum lookup_type type, struct arena *arena,
                struct lookup_answer *answer);

void finding_see(struct finding *finding, struct view text);
void finding_cannot_tell(struct finding *finding, struct view where, struct view why, struct arena *arena);
/* Is one of the customer's seals of the From: domain, as DMARC has it (RFC 9989 5.2)? Suspends. */
enum alignment { ALIGNED, NOT_ALIGNED, ALIGNMENT_UNTOLD };
enum alignment seal_alignment(struct resolver *resolver, const struct verdict_request *request, struct errand *errand,
                              struct arena *arena);
/* What a receiver concludes by DMARC of a message without a seal of the From: domain; spf: the domain for which SPF
 * passes, or empty. Suspends. */
void unsealed_evaluate(struct resolver *resolver, struct view from, struct view spf, struct errand *errand,
                       struct arena *arena, struct dmarc_evaluation *evaluation);

#endif
