/* The challenge token: by publishing PREFIX=HEX a domain names the account that may send as it.
 * Promises: only a record that is the token and nothing else counts.
 * Does not know: DNS. */
#ifndef MAIL_TOKEN_H
#define MAIL_TOKEN_H

#include "mail/digest.h"

/* "elastx-mrs=f7ee..." : lower-case hex SHA-256 of the name, as it is given. */
void token_write(struct view prefix, struct view name, struct text *token);
/* Is this TXT text the token of name? Blanks around it and the hex's letter case do not matter. */
bool token_matches(struct view text, struct view prefix, struct view name);
/* Does it look like a token of this service at all? */
bool token_is_ours(struct view text, struct view prefix);

#endif
