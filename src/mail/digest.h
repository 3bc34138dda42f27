/* SHA-256, in a stream or at once, and HMAC with it.
 * Promises: the method is fetched once for each context, which may be used again and again (a fetch for each message
 *   costs more than the hash of a small one).
 * Does not know: what is hashed. */
#ifndef MAIL_DIGEST_H
#define MAIL_DIGEST_H

#include "base/text.h"

enum { SHA256_SIZE = 32 };

struct sha256; /* on the heap: it holds OpenSSL's context */

struct sha256 *sha256_new(void);
void sha256_free(struct sha256 *sha256);
void sha256_begin(struct sha256 *sha256);
void sha256_add(struct sha256 *sha256, struct view bytes);
void sha256_end(struct sha256 *sha256, uint8_t digest[SHA256_SIZE]);

void sha256_once(struct view bytes, uint8_t digest[SHA256_SIZE]);
void hmac_sha256(struct view key, struct view bytes, uint8_t digest[SHA256_SIZE]); /* RFC 2104 */

#endif
