/* SPF (RFC 7208), as far as admission needs it: does the domain's record include this service?
 * Promises: at most SPF_LOOKUPS_MOST look-ups; a failed look-up is told from a record that is not there.
 * Does not know: addresses: the full evaluation comes beside this. */
#ifndef MAIL_SPF_H
#define MAIL_SPF_H

#include "base/text.h"
#include "mail/lookup.h"

enum { SPF_LOOKUPS_MOST = 12 };

enum spf_admission {
	SPF_ADMITTED,
	SPF_NO_RECORD,
	SPF_NOT_INCLUDED,
	SPF_SEVERAL, /* two records: a permanent error (RFC 7208 4.5) */
	SPF_BROKEN,  /* a term that no reader understands (RFC 7208 4.6) */
	SPF_LATER,   /* a look-up failed, and without it nothing is certain */
};

struct spf_finding {
	enum spf_admission admission;
	struct view record;      /* as seen; SEVERAL: the first one */
	struct view second;      /* SEVERAL */
	struct view detail;      /* BROKEN: which term; LATER: why */
	struct view replacement; /* the whole record that would pass, to publish or to replace the seen one with */
	struct view warning;     /* +all ...; empty: none */
};

void spf_admit(const struct txt_lookup *lookup, struct view domain, struct view include, struct arena *arena,
               struct spf_finding *finding);

#endif
