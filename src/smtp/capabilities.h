/* What a server says it can, in its reply to EHLO (RFC 5321 4.1.1.1).
 * Promises: keywords in any letter case, unknown ones ignored.
 * Does not know: sessions. */
#ifndef SMTP_CAPABILITIES_H
#define SMTP_CAPABILITIES_H

#include "base/view.h"

struct smtp_capabilities {
	bool starttls, pipelining, eight_bit_mime, enhanced_status, size, smtputf8, chunking, dsn;
	uint64_t size_limit; /* 0: none told */
};

/* text: the reply's lines, separated by LF; the first one is the greeting. */
void smtp_capabilities_parse(struct view text, struct smtp_capabilities *capabilities);

#endif
