/* Who wrote it: the mailboxes of From: and Sender: (RFC 5322 3.4, 3.6.2; groups in From: by RFC 6854).
 * Promises: OK only when the field has one reading. Obsolete forms, comments within an address or with @ < > in them,
 *   encoded words where an address stands or that hide angle brackets or control characters, names that IDNA would
 *   have to map, two addresses without a comma: what sane parsers read differently is UNCERTAIN, and the reason says
 *   what. Linear.
 * Does not know: whether any of them exists, or who may send as them. */
#ifndef MAIL_AUTHOR_H
#define MAIL_AUTHOR_H

#include "mail/address.h"

#define AUTHORS_MOST 100u

struct author_list {
	struct mailbox *mailboxes; /* in the arena, in their order; without literals */
	size_t count;              /* 0: only empty groups ("Undisclosed:;") */
};

enum author_result { AUTHOR_OK, AUTHOR_UNCERTAIN };

/* body is the field's, with its folds. On UNCERTAIN *list is untouched and *why a clause in plain ASCII that lives
 * for ever. */
enum author_result author_parse(struct view body, struct arena *arena, struct author_list *list, struct view *why);

#endif
