/* DMARC (RFC 9989): is there a valid policy for the domain?
 * Promises: the record is found by the tree walk, at most 8 look-ups; records written for RFC 7489 stay valid; a
 * failed look-up is told from a missing record. Does not know: alignment of a message, reports. */
#ifndef MAIL_DMARC_H
#define MAIL_DMARC_H

#include "base/text.h"
#include "mail/lookup.h"

enum dmarc_policy { DMARC_NONE, DMARC_QUARANTINE, DMARC_REJECT };

struct dmarc_record {
	enum dmarc_policy policy;           /* p; none when it is missing */
	enum dmarc_policy subdomain_policy; /* sp; p when it is missing */
	enum dmarc_policy absent_policy;    /* np; sp when it is missing */
	bool strict_dkim;                   /* adkim=s */
	bool strict_spf;                    /* aspf=s */
	bool testing;                       /* t=y */
	char public_suffix;                 /* psd: y, n or u */
	bool has_policy;                    /* readers of RFC 7489 want p */
	bool applies;                       /* it has a p, or a rua: else readers do nothing with it (RFC 9989 4.10.1) */
	struct view warning;                /* what is wrong and is ignored; lives for ever; empty: nothing */
};

/* Wrong tags are ignored but for p, sp and np, which make the record void unless it has a rua (RFC 9989 4.8, 4.10.1);
 * a tag that stands twice makes it void. With a rua, no p or a wrong one is p=none, whatever sp and np say.
 * False: *why says what is wrong (lives for ever). */
bool dmarc_parse(struct view text, struct dmarc_record *record, struct view *why);

/* A valid record with what of the text is: a policy that cannot be read becomes none, so that nothing is asked of
 * receivers that its owner has not asked. In the arena. */
struct view dmarc_mend(struct view text, struct arena *arena);
/* Of a text that is no record: was it meant to be one? And what keeps it from being one, a clause that lives for
 * ever. */
bool dmarc_is_meant(struct view text);
bool dmarc_has_typography(struct view text); /* quotes, backslashes */
struct view dmarc_mistake(struct view text);

enum dmarc_result {
	DMARC_VALID,
	DMARC_MISSING,
	DMARC_BROKEN,
	DMARC_SEVERAL, /* two records at one name count as none, and there is none above */
	DMARC_LATER,
};

enum { DMARC_TEXTS_MOST = 8 };

struct dmarc_finding {
	enum dmarc_result result;
	struct dmarc_record record;          /* VALID */
	struct view name;                    /* where it was found, "_dmarc.example.com" */
	struct view text;                    /* as seen */
	struct view texts[DMARC_TEXTS_MOST]; /* that one and, SEVERAL, the others */
	size_t text_count;
	struct view keep;   /* SEVERAL: the one of them to keep: valid, and the strictest; empty: none is */
	struct view detail; /* BROKEN: why; LATER: why; VALID: a warning, or empty */
	bool is_void;       /* BROKEN: its tags can be read, but not its policy: it ends the walk as others do */
};

/* The nearest valid record, from the domain itself upwards: where there is one, a policy applies. domain: ASCII,
 * lower case. */
void dmarc_find(const struct txt_lookup *lookup, struct view domain, struct arena *arena,
                struct dmarc_finding *finding);
/* What stands at _dmarc.NAME, without a walk. */
void dmarc_look_at(const struct txt_lookup *lookup, struct view name, struct arena *arena,
                   struct dmarc_finding *finding);

#endif
