/* SPF (RFC 7208): a record's terms, and admission: does the domain's record include this service?
 * Promises: at most SPF_LOOKUPS_MOST look-ups; a failed look-up is told from a record that is not there; a
 *   replacement keeps what the domain's owner wrote, byte for byte, but for what has to change.
 * Does not know: DNS; whether an address matches: the full evaluation (RFC 7208 4) comes beside this. */
#ifndef MAIL_SPF_H
#define MAIL_SPF_H

#include "base/text.h"
#include "mail/lookup.h"

/* ---- a record's terms (RFC 7208 4.6, 5, 6, 12) */

enum spf_kind {
	SPF_ALL,
	SPF_INCLUDE,
	SPF_A,
	SPF_MX,
	SPF_PTR,
	SPF_IP4,
	SPF_IP6,
	SPF_EXISTS,
	SPF_REDIRECT, /* modifiers from here on */
	SPF_EXP,
	SPF_UNKNOWN, /* a modifier that nobody defined: ignored */
};

struct spf_term {
	enum spf_kind kind;
	char qualifier;         /* + - ~ ? ; + when none was written, and for modifiers */
	struct view text;       /* the whole term */
	struct view domain;     /* domain-spec, macros as written; empty: none */
	uint8_t address[16];    /* IP4, IP6: network order */
	uint8_t prefix_length;  /* A, MX: for IPv4; IP4, IP6: of the network */
	uint8_t prefix_length6; /* A, MX: for IPv6 */
};

enum spf_step {
	SPF_TERM,
	SPF_END,
	SPF_MALFORMED, /* term->text is what is wrong; the walk may go on, the record is a permanent error */
};

struct spf_walk {
	struct view rest;
	bool has_redirect, has_exp; /* each may come once (RFC 7208 6) */
};

bool spf_is_record(struct view text);            /* v=spf1, then a blank or the end (4.5) */
struct spf_walk spf_walk_of(struct view record); /* a text that spf_is_record */
enum spf_step spf_next(struct spf_walk *walk, struct spf_term *term);

/* ---- admission */

enum { SPF_LOOKUPS_MOST = 12, SPF_RECORDS_MOST = 8 };

enum spf_admission {
	SPF_ADMITTED,
	SPF_NO_RECORD,
	SPF_MISWRITTEN, /* no record, but a text that was meant to be one */
	SPF_NOT_INCLUDED,
	SPF_SEVERAL, /* two records or more: a permanent error (RFC 7208 4.5) */
	SPF_BROKEN,  /* a term that no reader understands (RFC 7208 4.6) */
	SPF_LATER,   /* a look-up failed, and without it nothing is certain */
};

struct spf_finding {
	enum spf_admission admission;
	struct view record;                    /* as seen; SEVERAL: the first one; MISWRITTEN: the text */
	struct view records[SPF_RECORDS_MOST]; /* that one and the others */
	size_t record_count;
	struct view detail;      /* BROKEN: which term, printable; LATER: why */
	struct view mistake;     /* BROKEN, NOT_INCLUDED, MISWRITTEN: how it came to be so, a clause; empty: not known */
	struct view replacement; /* the whole record that would pass, to publish or to replace the seen one(s) with */
	struct view warning;     /* +all ...; empty: none */
};

/* Admitted is a domain whose record, or one that it includes, holds include:INCLUDE with + or no qualifier before any
 * all. */
void spf_admit(const struct txt_lookup *lookup, struct view domain, struct view include, struct arena *arena,
               struct spf_finding *finding);
/* The same replacement, without what includes one of these names. */
struct view spf_replacement(const struct spf_finding *finding, struct view include, const struct view *dead,
                            size_t dead_count, struct arena *arena);
/* Of a domain without a record in TXT: the one that it has in type SPF (99), which receivers do not ask for (RFC 7208
 * 3.1). Empty: none. For explanations: no mail depends on it. */
struct view spf_of_old_type(const struct dns_lookup *lookup, struct view domain, struct arena *arena);
/* The text without what does not belong into a record: quotes, commas, strings that were joined without a blank. It
 * begins with v=spf1. Empty: it was not meant to be a record. *clause: what was wrong; empty: nothing. */
struct view spf_clean(struct view text, struct arena *arena, struct view *clause);

#endif
