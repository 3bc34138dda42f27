/* Signatures, as the vault's threads make them: one alone, or several together.
 * Promises: whatever way, the same bytes; one that came out wrong in the lanes (mail/rsa_lanes.h) is made by OpenSSL.
 * Does not know: who may sign. */
#ifndef ROOMS_VAULT_SIGNING_H
#define ROOMS_VAULT_SIGNING_H

#include "mail/private_key.h"
#include "rooms/vault/keyring.h"

struct signing {
	const struct held_key *key; /* pinned */
	const uint8_t *digest;      /* 32 bytes */
	uint8_t signature[SIGNATURE_MOST];
	size_t length;
	bool good;
	bool was_wrong; /* at first */
};

/* For a worker: of one struct signing, of several; at most RSA_LANE_JOBS_MOST. */
void signing_run(void *signing);
void signing_run_together(void *const *signings, size_t count);

#endif
