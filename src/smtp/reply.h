/* Replies (RFC 5321 4.2): a server writes them, a client reads them.
 * Promises: each line written fits 512 octets and carries the same code and enhanced status; what is read is bounded:
 *   REPLY_LINES_MOST lines, REPLY_TEXT_MOST bytes of text kept, and a reply that is not one is told from one that is.
 * Does not know: commands. */
#ifndef SMTP_REPLY_H
#define SMTP_REPLY_H

#include "base/text.h"
#include "base/verdict.h"

enum { REPLY_LINE_MOST = 512, REPLY_LINES_MOST = 100, REPLY_TEXT_MOST = 2048 };

/* text: lines separated by LF; each is cut to fit, and what is not printable ASCII becomes a question mark.
 * status.class 0: no enhanced status (greeting, EHLO, 3xx: RFC 2034 4). */
void smtp_reply_write(struct text *out, uint16_t code, struct enhanced_status status, struct view text);

struct smtp_reply {
	uint16_t code;
	struct enhanced_status status; /* class 0: the reply had none */
	struct text text;              /* lines joined by LF, without codes */
	unsigned line_count;
};

enum reply_result {
	REPLY_MORE, /* another line belongs to it */
	REPLY_DONE,
	REPLY_BROKEN, /* not a reply, codes that differ, too many lines */
};

void smtp_reply_init(struct smtp_reply *reply);
void smtp_reply_deinit(struct smtp_reply *reply);
void smtp_reply_clear(struct smtp_reply *reply);
/* One line without its CRLF. */
enum reply_result smtp_reply_add(struct smtp_reply *reply, struct view line);
void text_add_status(struct text *text, struct enhanced_status status); /* "5.7.1" */

#endif
