/* What a receiver concludes by DMARC (RFC 9989): the organizational domain by tree walk, the policy that applies,
 * alignment.
 * Promises: at most 8 look-ups for each domain that is named, and one more; none for one that cannot be aligned. DNS
 * that fails where the answer would decide makes it TEMPERROR, never "no policy".
 * Does not know: DNS; how SPF and DKIM came to their results. */
#ifndef MAIL_DMARC_CHECK_H
#define MAIL_DMARC_CHECK_H

#include "mail/dmarc.h"

enum dmarc_conclusion {
	DMARC_PASS,
	DMARC_FAIL,
	DMARC_NO_POLICY, /* "none" of RFC 8601 */
	DMARC_TEMPERROR,
};
const char *dmarc_conclusion_name(enum dmarc_conclusion conclusion);
const char *dmarc_policy_name(enum dmarc_policy policy);

/* All domains ASCII, lower case. */
struct dmarc_identifiers {
	struct view author;      /* of From: */
	struct view spf;         /* MAIL FROM's, or HELO's with <>, when SPF passed; empty: it did not */
	const struct view *dkim; /* d= of the signatures that passed */
	size_t dkim_count;
};

struct dmarc_evaluation {
	enum dmarc_conclusion conclusion;
	struct view organizational; /* of the author */
	struct view record_name;    /* "_dmarc.example.com"; empty: no record */
	struct view record;
	struct dmarc_record tags;  /* of the record */
	const char *policy_tag;    /* "p", "sp" or "np": what holds for the author; NULL: no policy */
	enum dmarc_policy policy;  /* published for the author */
	enum dmarc_policy applied; /* one step weaker with t=y */
	bool spf_aligned, dkim_aligned;
	struct view detail; /* TEMPERROR: why. NO_POLICY: why the record is none. Else a warning, or empty */
};

void dmarc_evaluate(const struct txt_lookup *lookup, const struct dmarc_identifiers *identifiers, struct arena *arena,
                    struct dmarc_evaluation *evaluation);

#endif
