/* Delivery status notifications: multipart/report (RFC 6522) with message/delivery-status (RFC 3464).
 * Promises: 7-bit, CRLF, no line over 998 octets, whatever strangers said; the same input gives the same bytes; at
 *   most DSN_RECIPIENTS_MOST recipients are spelled out and DSN_HEADER_MOST octets of the original's header returned.
 * Does not know: clocks and randomness: dates, boundary and ids come in. It is not sealed here. */
#ifndef MAIL_DSN_H
#define MAIL_DSN_H

#include "base/verdict.h"

struct text;

#define DSN_RECIPIENTS_MOST 500u
#define DSN_HEADER_MOST     ((size_t)16 * 1024)
#define DSN_SIZE_MOST       ((size_t)4 * 1024 * 1024) /* a text with this limit holds every notice */

enum dsn_kind { DSN_FAILURE, DSN_DELAY, DSN_SUCCESS };
enum dsn_action { DSN_FAILED, DSN_DELAYED, DSN_DELIVERED, DSN_RELAYED, DSN_EXPANDED }; /* RFC 3464 2.3.3 */

struct dsn_recipient {
	struct view address;  /* without angle brackets, as in the envelope; UTF-8 allowed (RFC 6533) */
	struct view original; /* ORCPT as it was given, decoded: "rfc822;bob@example.net"; empty: none */
	enum dsn_action action;
	struct verdict verdict;   /* code 0: nobody answered, then why is ours */
	struct view remote;       /* "mx1.example.net [192.0.2.1]:25"; empty: none was reached */
	int64_t last_attempt;     /* wall time; 0: never tried */
	int64_t will_retry_until; /* wall time; DELAYED only */
};

struct dsn {
	enum dsn_kind kind;
	struct view hostname;       /* Reporting-MTA */
	struct view service_domain; /* the notice is from MAILER-DAEMON there */
	struct view to;             /* the reverse-path of the message, without angle brackets; not empty */
	struct view queue_id;       /* of the message the notice is about */
	struct view envelope_id;    /* ENVID, decoded; empty: none */
	int64_t arrival;            /* wall time */
	int64_t date;               /* wall time: now */
	struct view message_id;     /* of the notice, with angle brackets */
	struct view boundary;       /* 1 to 70 letters and digits, random */
	struct view header;         /* the original's, its beginning will do */
	const struct dsn_recipient *recipients;
	size_t recipient_count;
};

/* The whole notice, header and body, added to text; its overflow says that it did not fit. */
void dsn_compose(const struct dsn *dsn, struct text *text);

#endif
