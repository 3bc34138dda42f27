/* Envelope addresses: the paths of MAIL FROM and RCPT TO (RFC 5321 4.1.2, RFC 6531 3.3).
 * Promises: what parses has one reading: the local-part without its quoting, the domain as struct domain; what does
 *   not parse says why in one clause. Never looks past the text given.
 * Does not know: command lines (where a path ends is smtp/'s), nor whether the address exists. */
#ifndef MAIL_ADDRESS_H
#define MAIL_ADDRESS_H

#include "mail/domain.h"

struct text;

/* RFC 5321 4.5.3.1 names 64 and 256 octets as what must be taken at least; ours are larger. */
#define ADDRESS_LOCAL_PART_MOST 1024u
#define ADDRESS_PATH_MOST       2048u

struct mailbox {
	struct view local_part; /* without quotes and backslashes; in the arena */
	struct domain domain;   /* length 0 when there is an address literal instead */
	bool has_literal;       /* [192.0.2.1] or [IPv6:2001:db8::1]: taken as syntax, for the caller to refuse */
	struct view literal;    /* between the brackets; in the arena */
	bool utf8;              /* not ASCII as it was given: SMTPUTF8 is needed (RFC 6531 3.4) */
};

/* text is the path with its angle brackets and nothing around it. `<>` gives *is_null and leaves *mailbox alone.
 * A source route is read and ignored (RFC 5321 appendix C). On failure false and *why, a clause in plain ASCII that
 * lives for ever. */
bool address_parse_reverse_path(struct view text, struct arena *arena, struct mailbox *mailbox, bool *is_null,
                                struct view *why);
bool address_parse_forward_path(struct view text, struct arena *arena, struct mailbox *mailbox, struct view *why);
/* The same without angle brackets and source route: local-part@domain. */
bool address_parse_mailbox(struct view text, struct arena *arena, struct mailbox *mailbox, struct view *why);
/* `<Postmaster>` in any case, without a domain (RFC 5321 4.5.1); the parsers above refuse that. */
bool address_is_bare_postmaster(struct view path);

/* The one canonical spelling, without angle brackets: quoted only where it must be, domain as A-labels. */
void address_write(struct text *text, const struct mailbox *mailbox);
/* The same in the arena. */
struct view address_view(const struct mailbox *mailbox, struct arena *arena);
/* Local-parts byte for byte (RFC 5321 2.4), domains as domains. */
bool address_equal(const struct mailbox *a, const struct mailbox *b);

#endif
