/* A message from a customer: whether it may be taken, and what is put on top of it before it is sealed.
 * Promises: message_check is one pass over the body and a few over the header; message_prepare never rebuilds: what
 *   goes out is our new fields, then the customer's own bytes in order, less the fields that must not travel.
 * Does not know: who may send as whom, DKIM, clocks, or SMTP: dates and ids come in as text. */
#ifndef MAIL_MESSAGE_H
#define MAIL_MESSAGE_H

#include "base/verdict.h"
#include "mail/author.h"

#define MESSAGE_HOPS_MOST   100u  /* Received fields (RFC 5321 6.3) */
#define MESSAGE_LINE_MOST   998u  /* without CRLF (RFC 5322 2.1.1) */
#define MESSAGE_FIELDS_MOST 4096u /* header fields */
#define MESSAGE_HEADER_MOST ((size_t)1024 * 1024)
#define MESSAGE_OTHERS_MOST 6u /* domains beside those of MAIL FROM and From: */

struct message_rules {
	bool utf8; /* SMTPUTF8 was asked for: UTF-8 in the header is taken (RFC 6532) */
};

/* What was found; views into the message unless said otherwise. */
struct message_facts {
	struct view header; /* with the CRLF of its last field */
	struct view body;   /* after the empty line */
	struct author_list from;
	struct domain from_domain; /* of every mailbox in From: */
	/* Of whoever else the header says that it comes from, distinct: Sender:, Resent-From: and Resent-Sender:. */
	struct domain others[MESSAGE_OTHERS_MOST];
	size_t other_count;
	struct view message_id;      /* body of the first such field, trimmed; empty: none or empty */
	struct view idempotency_key; /* body of Idempotency-Key:, trimmed; empty: none */
	bool has_date;
	bool has_message_id;
	bool has_mime_version;
	bool has_dkim_signature;
	bool eight_bit_header;
	bool eight_bit_body; /* taken whether BODY=8BITMIME was said or not: what the next hop takes decides */
	uint32_t hops;       /* Received fields */
	uint32_t field_count;
	/* Names, as spelled, of the fields that message_prepare would cut out for their name (Bcc, Resent-Bcc,
	 * Return-Path): when one of them is signed by the customer, the message cannot be relayed. In the arena. */
	struct view *private_names;
	size_t private_name_count;
};

/* Lines end in CRLF; the dot-stuffing is undone. OK, or NEVER with code, status and a text for the reply:
 *   550 5.6.0  header malformed, no or two From:, several From: domains, two Sender:, long lines; From:, Sender:,
 *              Resent-From: or Resent-Sender: that cannot be read with certainty
 *   550 5.6.9  8-bit header where rules has no utf8
 *   550 5.6.11 NUL, bare CR or LF (RFC 5321 2.3.8)              554 5.4.6  more than MESSAGE_HOPS_MOST hops
 * facts is filled as far as the check went. */
struct verdict message_check(struct view message, const struct message_rules *rules, struct arena *arena,
                             struct message_facts *facts);

/* How the message came in, for Received: (RFC 5321 4.4, RFC 3848, RFC 6531 3.7.3, RFC 8314 4.3). */
struct received {
	struct view helo;     /* a stranger's: cleaned and cut */
	struct view address;  /* the client's IP address as text, "192.0.2.1" or "2001:db8::1" */
	struct view hostname; /* ours */
	struct view id;       /* of the message */
	struct view date;     /* RFC 5322 */
	struct view tls;      /* "TLSv1.3"; empty: in clear */
	struct view cipher;   /* "TLS_AES_256_GCM_SHA384"; with tls */
	bool extended;        /* EHLO, not HELO */
	bool authenticated;
	bool utf8; /* SMTPUTF8 was asked for */
};
/* The whole field with its CRLF, folded; the account is never named. In the arena. */
struct view message_received(const struct received *received, struct arena *arena);

struct message_additions {
	struct view received;    /* of message_received */
	struct view date;        /* RFC 5322; used when there is no Date: */
	struct view message_id;  /* with angle brackets; used when there is no Message-ID: */
	struct view authserv_id; /* ours: Authentication-Results: that claim it are cut out (RFC 8601 5) */
	bool presealed;          /* relay byte for byte below Received: add no other field, cut only private ones */
};

/* The message as it is to be stored and sent, in order; its concatenation is the message. */
struct message_parts {
	struct view *parts; /* in the arena */
	size_t count;
	uint64_t size; /* bytes in all */
};

/* facts are those of a message_check that was OK; arena may be another. */
void message_prepare(const struct message_facts *facts, const struct message_additions *additions,
                     struct arena *arena, struct message_parts *parts);

#endif
