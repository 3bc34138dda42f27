/* Delivery status notifications of others, read (RFC 3464, in RFC 6522's multipart/report).
 * Promises: linear; at most DSN_RECIPIENTS_MOST recipients; what lacks a field that it must have is told as it is.
 * Does not know: notices in prose, that only people can read; whether a notice is true. */
#ifndef MAIL_DSN_READ_H
#define MAIL_DSN_READ_H

#include "base/arena.h"
#include "base/verdict.h"

/* Values without their type ("rfc822;", "dns;", "smtp;") and on one line, in the arena; empty: not there. */
struct dsn_said {
	struct view recipient; /* Final-Recipient */
	struct view original;  /* Original-Recipient */
	struct view action;    /* failed, delayed, delivered, relayed, expanded; lower case */
	struct enhanced_status status;
	struct view remote;     /* Remote-MTA */
	struct view diagnostic; /* Diagnostic-Code */
	bool is_smtp;           /* the diagnostic is an SMTP reply */
};
struct dsn_report {
	struct view reporter; /* Reporting-MTA */
	struct view arrival;  /* Arrival-Date */
	struct view envelope; /* Original-Envelope-Id */
	struct dsn_said *recipients;
	size_t recipient_count;
	struct view message_id; /* of the message that it is about, where its header is returned */
};

/* Lines end in CRLF. False: *why is a clause about what it lacks; it lives for ever. */
bool dsn_read(struct view message, struct arena *arena, struct dsn_report *report, struct view *why);

#endif
