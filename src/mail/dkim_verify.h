/* DKIM signatures verified (RFC 6376, 8301, 8463, 8616), as a receiver does it.
 * Promises: every signature of the first DKIM_SIGNATURES_MOST is told with its result and why; time is bounded by the
 *   message's length times their number; a look-up that fails is TEMPERROR, never FAIL.
 * Does not know: DNS; which signature matters to whom. */
#ifndef MAIL_DKIM_VERIFY_H
#define MAIL_DKIM_VERIFY_H

#include "mail/dkim.h"
#include "mail/lookup.h"

enum { DKIM_SIGNATURES_MOST = 16 };

/* The words of RFC 8601 2.7.1. */
enum dkim_result {
	DKIM_PASS,
	DKIM_FAIL,    /* it does not fit the message */
	DKIM_POLICY,  /* it may fit, but nobody should trust it any more: SHA-1, RSA of less than 1024 bits (RFC 8301) */
	DKIM_NEUTRAL, /* the signature cannot be read */
	DKIM_PERMERROR, /* it says something impossible, has expired, or there is no such key */
	DKIM_TEMPERROR, /* the key could not be asked for */
};
const char *dkim_result_name(enum dkim_result result);

struct dkim_verdict {
	enum dkim_result result;
	struct view reason; /* empty with PASS; lives as long as the arena */
	struct view domain; /* d=, s=, a= as written; empty: not there */
	struct view selector;
	struct view algorithm;
	struct view identity; /* i= without its quoted-printable; empty: not there */
	struct view names;    /* h= */
	bool covers_from;
	bool has_length; /* l=: what stands behind is anybody's */
	bool testing;    /* the key says t=y */
	unsigned bits;   /* of an RSA key */
};

struct dkim_verify_request {
	struct view message; /* lines end in CRLF */
	int64_t seconds;     /* now, since 1970 */
	/* Old mail: SHA-1 and short keys are judged like any other; g= of the key counts (RFC 4871 3.6.1), and v= may be
	 * missing or 0.5, as in the drafts before it. */
	bool legacy;
	/* Whoever has sealed it knows the SHA-256 of the whole body, relaxed (SHA256_SIZE bytes): then the body is not
	 * read for seals of that form. NULL: it is. */
	const uint8_t *body_hash;
	struct dkim_keys *keys; /* where parsed keys are kept; NULL: nowhere */
};

/* Public keys, parsed: that costs more than to use them. Bounded. */
struct dkim_keys;
struct dkim_keys *dkim_keys_new(uint64_t seed);
void dkim_keys_free(struct dkim_keys *keys); /* NULL is allowed */

/* verdicts: DKIM_SIGNATURES_MOST in the arena, in the order of the header. Returns how many. */
size_t dkim_verify(const struct txt_lookup *lookup, const struct dkim_verify_request *request, struct arena *arena,
                   struct dkim_verdict **verdicts);

/* How many the message has, judged or not. */
size_t dkim_signature_count(struct view message);

/* ---- the other way round, for a signature of any form

 * field: a whole DKIM-Signature with its CRLF; the values of b= and bh= do not matter. What a verifier would compare
 * bh= with goes to body, what b= is the signature of to header, the field as it stands included. False: *why is what
 a
 * verifier would find wrong with it, or the algorithm is one that nobody should sign with any more. */
bool dkim_hash(struct view message, struct view field, struct arena *arena, uint8_t body[SHA256_SIZE],
               uint8_t header[SHA256_SIZE], struct view *why);

/* ---- canonical forms (RFC 6376 3.4), for dkim_verify.c */

/* Takes bytes of the canonical form, in order. */
struct dkim_sink {
	void *context;
	void (*add)(void *context, struct view bytes);
};

/* The body, at most `most` bytes of the canonical form. Returns its whole length. */
uint64_t dkim_canonical_body(struct view body, bool relaxed, uint64_t most, const struct dkim_sink *sink);
/* One field with its CRLF. */
void dkim_canonical_field(struct view raw, bool relaxed, const struct dkim_sink *sink);

#endif
