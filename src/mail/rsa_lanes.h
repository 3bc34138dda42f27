/* RSA-2048 signatures by AVX-512's 52-bit multipliers: up to four in about the time of two, one in half that time.
 * Promises: no branch and no address depends on a key or a digest; what is given was checked with the public
 * exponent, so no fault of the machine lets a wrong signature out that would tell the key (Boneh, DeMillo, Lipton
 * 1997). Does not know: DKIM; how one signature alone is made best (mail/private_key.h). */
#ifndef MAIL_RSA_LANES_H
#define MAIL_RSA_LANES_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A private key in limbs, with what its moduli need. */
struct rsa_lane_key;

/* NULL: this machine has no such lanes, or the key is none of two primes of 1024 bits with 65537. */
struct rsa_lane_key *rsa_lane_key_new(const EVP_PKEY *key);
void rsa_lane_key_free(struct rsa_lane_key *key); /* overwrites it; may be NULL */

enum { RSA_LANE_JOBS_MOST = 4, RSA_LANE_BYTES = 256 };
struct rsa_lane_job {
	const struct rsa_lane_key *key;
	const uint8_t *digest; /* 32 bytes, of SHA-256 */
	uint8_t *signature;    /* 256 bytes, written when good: PKCS #1 v1.5 (RFC 8017 8.2) */
	bool good;             /* false: the check failed */
};
/* 1 to RSA_LANE_JOBS_MOST; two to four take the same time. Any thread. */
void rsa_lanes_sign(struct rsa_lane_job *jobs, size_t count);

#endif
