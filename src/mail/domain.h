/* A domain name as mail knows it: A-labels in lower case, without a trailing dot.
 * Promises: a struct domain that domain_parse made is letters, digits and hyphens only, at most 63 bytes a label and
 *   253 in all (RFC 1035 2.3.4), NUL-terminated; two spellings of one domain give the same bytes.
 * Does not know: whether the domain exists. Names with underscores (_dmarc.example.com) are DNS names, not mail's. */
#ifndef MAIL_DOMAIN_H
#define MAIL_DOMAIN_H

#include "base/view.h"

struct arena;
struct text;

#define DOMAIN_LENGTH_MOST 253u
#define DOMAIN_LABEL_MOST  63u

struct domain {
	uint8_t length; /* 0: no domain */
	char name[DOMAIN_LENGTH_MOST + 1];
};

enum domain_result {
	DOMAIN_OK,
	DOMAIN_EMPTY,
	DOMAIN_TOO_LONG,
	DOMAIN_LABEL_EMPTY, /* "a..b", ".a", "." */
	DOMAIN_LABEL_TOO_LONG,
	DOMAIN_BAD_BYTE,   /* not a letter, digit, hyphen or dot */
	DOMAIN_BAD_HYPHEN, /* first or last in its label */
	DOMAIN_NUMERIC,    /* last label is digits only: an IP address without its brackets (RFC 3696 2) */
	DOMAIN_BAD_IDN,    /* U-labels that IDNA 2008 (non-transitional, UTS 46) does not take, or not UTF-8 */
};

/* Text in any letter case, U-labels in UTF-8 or A-labels, one trailing dot allowed; a single label is a domain too.
 * On failure *domain is untouched. */
enum domain_result domain_parse(struct view text, struct domain *domain);
/* One clause for people: "a label is longer than 63 octets". */
struct view domain_result_text(enum domain_result result);

/* What a person typed. False: *problem says why it is none, and what was perhaps meant. */
bool domain_parse_typed(struct view given, struct domain *domain, struct text *problem);

/* Whether a text that parses is the name itself, and not something that IDNA maps to it (other letter case of
 * non-ASCII, full-width forms, ideographic dots, what is ignored): its labels are ASCII or U-labels (RFC
 * 5890 2.3.2.1). */
bool domain_spells(struct view text);

struct view domain_view(const struct domain *domain); /* lent */
bool domain_equal(const struct domain *a, const struct domain *b);
size_t domain_label_count(const struct domain *domain);
/* The same of any DNS name without its last dot; the parent of a single label is empty. */
size_t name_label_count(struct view name);
struct view name_parent(struct view name); /* lent */
/* The domain without its first label; false when it has only one. parent may be child. */
bool domain_parent(const struct domain *child, struct domain *parent);
/* Same as or below ancestor. */
bool domain_is_within(const struct domain *domain, const struct domain *ancestor);
/* For people: U-labels in UTF-8 where that leads back to the same A-labels, else the name as it is. In arena. */
struct view domain_unicode(const struct domain *domain, struct arena *arena);

#endif
