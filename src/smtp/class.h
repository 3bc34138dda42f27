/* What a server's reply means for the recipient (RFC 5321 4.2.1, RFC 3463).
 * Promises: only a server that was asked about this mail and said 5xx ends it; all else is tried again.
 * Does not know: sessions, sites, when it is tried again. */
#ifndef SMTP_CLASS_H
#define SMTP_CLASS_H

#include "base/arena.h"
#include "smtp/reply.h"

/* What was said before the reply: nothing yet (greeting, EHLO), MAIL, RCPT, DATA, the final dot. */
enum stage { STAGE_CONNECT, STAGE_MAIL, STAGE_RCPT, STAGE_DATA, STAGE_END };

/* OK: delivered; NEVER: bounced; LATER: with the code as it was said, also where that is 5xx. The text is a copy. */
struct verdict reply_classify(enum stage stage, const struct smtp_reply *reply, struct arena *arena);
/* A word for the kind of bounce: "bad-mailbox" ..., "other". */
struct view bounce_class(struct enhanced_status status);
/* Does it speak of the site rather than of the message? */
bool reply_rests_site(const struct smtp_reply *reply);

#endif
