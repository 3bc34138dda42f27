/* DKIM (RFC 6376, RFC 8463): seals with relaxed/relaxed canonicalization, and key records.
 * Promises: the body is hashed in pieces of any size, as it arrives; a seal is made without the private key: digest
 * out, signature in. Does not know: DNS, who may seal for which domain. Verifying comes beside this. */
#ifndef MAIL_DKIM_H
#define MAIL_DKIM_H

#include "base/arena.h"
#include "mail/digest.h"

enum dkim_algorithm { DKIM_RSA_SHA256, DKIM_ED25519_SHA256 };

/* ---- body hash (RFC 6376 3.4.4, 3.7) */

struct dkim_body {
	struct sha256 *sha256;
	uint64_t empty_lines; /* CRLFs that count only if something follows */
	bool blank;           /* white space that counts only if something follows on its line */
	bool in_line;         /* the line has content */
	bool has_cr;          /* the last byte was a CR */
	size_t held;
	char buffer[4096]; /* canonicalized, not yet hashed */
};

void dkim_body_init(struct dkim_body *body);
void dkim_body_deinit(struct dkim_body *body);
void dkim_body_begin(struct dkim_body *body); /* a new body; may be called again and again */
void dkim_body_add(struct dkim_body *body, struct view bytes);
void dkim_body_end(struct dkim_body *body, uint8_t hash[SHA256_SIZE]);

/* ---- a seal */

struct dkim_seal_request {
	struct view header;   /* all fields that will stand below the seal */
	struct view domain;   /* d= */
	struct view selector; /* s= */
	enum dkim_algorithm algorithm;
	const uint8_t *body_hash; /* SHA256_SIZE bytes */
	int64_t timestamp;        /* t=, seconds since 1970; negative: none */
};

/* The field as far as `b=` goes to *field; *digest is what is to be signed: RSA PKCS #1 v1.5 over it as a SHA-256
 * digest, Ed25519 over its 32 bytes. False: the header is malformed, or has too many fields to be signed. */
bool dkim_seal_begin(const struct dkim_seal_request *request, struct text *field, uint8_t digest[SHA256_SIZE]);
/* Ends the field: the signature in base64, folded, and CRLF. */
void dkim_seal_end(struct text *field, struct view signature);

/* One header field in relaxed form (RFC 6376 3.4.2), without CRLF. raw: the whole field. */
void dkim_relax_field(struct view raw, struct text *relaxed);

/* ---- key records (RFC 6376 3.6.1) */

enum dkim_key_fault {
	DKIM_KEY_GOOD,
	DKIM_KEY_VERSION,   /* v= is not DKIM1, or not first */
	DKIM_KEY_SYNTAX,    /* not tag=value; a tag twice */
	DKIM_KEY_REVOKED,   /* p= is empty */
	DKIM_KEY_NO_KEY,    /* no p= */
	DKIM_KEY_BASE64,    /* p= is not base64: stray quotes, blanks are allowed */
	DKIM_KEY_ALGORITHM, /* k= is neither rsa nor ed25519 */
};

struct dkim_key {
	enum dkim_algorithm algorithm;
	struct view key;    /* decoded p=, in the arena */
	bool testing;       /* t=y */
	bool strict;        /* t=s */
	bool allows_sha256; /* h= */
	bool allows_sha1;
	bool allows_email;       /* s= */
	struct view granularity; /* g= of RFC 4871 3.6.1; VIEW_NONE: it is not there. RFC 6376 has none */
};

enum dkim_key_fault dkim_key_parse(struct view record, struct arena *arena, struct dkim_key *key);
struct view dkim_key_fault_text(enum dkim_key_fault fault);
/* By RFC 4871 3.6.1: may the key sign as this local-part? */
bool dkim_key_is_for(const struct dkim_key *key, struct view local_part);
/* ours: RSA as SubjectPublicKeyInfo in DER (a bare RSAPublicKey in the record is the same key), Ed25519 as 32 bytes.
 */
bool dkim_key_equals(const struct dkim_key *key, enum dkim_algorithm algorithm, struct view ours);
/* "v=DKIM1; k=rsa; p=..." */
void dkim_key_write(enum dkim_algorithm algorithm, struct view key, struct text *record);
/* A TXT value as strings of at most 255 octets, each in quotes, blanks between. */
void txt_strings_write(struct view value, struct text *text);

#endif
