/* The challenge token: by publishing PREFIX=HEX a domain names the account that may send as it.
 * Promises: only a record that is the token and nothing else counts; the usual mistakes are told apart.
 * Does not know: DNS. */
#ifndef MAIL_TOKEN_H
#define MAIL_TOKEN_H

#include "base/arena.h"
#include "mail/digest.h"

/* "elastx-mrs=f7ee..." : lower-case hex SHA-256 of the name, as it is given. */
void token_write(struct view prefix, struct view name, struct text *token);
/* Is this TXT text that token (as token_write wrote it)? Blanks around it and the hex's letter case do not matter. */
bool token_matches(struct view text, struct view token);
/* Does it look like a token of this service at all? */
bool token_is_ours(struct view text, struct view prefix);

struct token_owner {
	struct view account;  /* lower case */
	struct view as_typed; /* as at account add; may be empty */
	struct view domain;
};

/* What was meant to be the owner's token, and what it is instead: one clause, "it is the SHA-256 of ..."; in the
 * arena or for ever. Empty when the text was not meant to be a token of this service. Costs some thirty hashes. */
extern const struct view token_of_another; /* what is said of another account's token */
struct view token_mistake(struct view text, struct view prefix, const struct token_owner *owner, struct arena *arena);

#endif
