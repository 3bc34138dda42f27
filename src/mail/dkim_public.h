/* A public key of DNS as OpenSSL has it, for dkim_verify.c; and those that are kept.
 * Promises: a key that is damaged is NULL; at most DKIM_PUBLIC_MOST are kept.
 * Does not know: whose they are. */
#ifndef MAIL_DKIM_PUBLIC_H
#define MAIL_DKIM_PUBLIC_H

#include "mail/dkim_verify.h"

#include <openssl/evp.h>

enum { DKIM_PUBLIC_MOST = 4096 };

struct dkim_public {
	EVP_PKEY *key;
	EVP_PKEY_CTX *verifying; /* of RSA, once it was begun */
};

/* Let go of it with dkim_public_let_go and the same keys (NULL: none are kept). */
struct dkim_public *dkim_public_take(struct dkim_keys *keys, const struct dkim_key *key, struct arena *arena);
void dkim_public_let_go(const struct dkim_keys *keys, struct dkim_public *parsed);
/* Before `verifying` is used. */
bool dkim_public_begin_rsa(struct dkim_public *parsed);

#endif
