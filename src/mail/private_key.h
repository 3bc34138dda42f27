/* Private keys that seal: made, read, used.
 * Promises: only what DKIM takes: RSA of 1024 to 4096 bits, Ed25519.
 * Does not know: who may use which, where they are kept. */
#ifndef MAIL_PRIVATE_KEY_H
#define MAIL_PRIVATE_KEY_H

#include "mail/dkim.h"

#include <openssl/evp.h>

/* Makes one; RSA of 2048 bits takes about a tenth of a second. NULL: failed. */
EVP_PKEY *private_key_make(enum dkim_algorithm algorithm);
/* PEM (PKCS#8 or traditional) without a passphrase. NULL: *why. RSA of 1024 to 4096 bits, or Ed25519. */
EVP_PKEY *private_key_of_pem(struct view pem, enum dkim_algorithm *algorithm, struct view *why);
struct view private_key_public(EVP_PKEY *key, enum dkim_algorithm algorithm, struct arena *arena);

/* RSA: PKCS #1 v1.5 over a SHA-256 digest (RFC 8017 8.2); Ed25519 over the digest's bytes (RFC 8463 3). False:
 * failed. May run on any thread, several at once on one key. */
enum { SIGNATURE_MOST = 512 };
bool private_key_sign(EVP_PKEY *key, enum dkim_algorithm algorithm, const uint8_t digest[32],
                      uint8_t signature[SIGNATURE_MOST], size_t *length);

#endif
