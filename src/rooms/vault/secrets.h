/* The vault's cryptography: verifiers of passwords, private keys at rest and in use.
 * Promises: what is secret is wiped when it is freed; verification takes the same time wherever a password differs.
 * Does not know: accounts, domains, tasks. The slow ones (Argon2id, crypt, RSA key making) block: call them on a
 *   worker. */
#ifndef ROOMS_VAULT_SECRETS_H
#define ROOMS_VAULT_SECRETS_H

#include "base/arena.h"
#include "mail/private_key.h"
#include "questions/vault.h"

enum { VAULT_KEY_SIZE = 32, VERIFIER_SIZE = 32 };

/* Derived from the key file's 32 bytes: one key for verifiers (the pepper), one for private keys at rest. */
struct vault_keys {
	uint8_t pepper[32];
	uint8_t storage[32];
};
void vault_keys_derive(struct view key_file, struct vault_keys *keys); /* key_file: VAULT_KEY_SIZE bytes */
void vault_keys_wipe(struct vault_keys *keys);

/* A new password: 160 random bits as 32 characters that are never mixed up by people (Crockford base32). */
void password_generate(const uint8_t random[20], struct text *password);
/* HMAC-SHA-256 under the pepper: microseconds. */
void password_mac(const struct vault_keys *keys, struct view password, uint8_t verifier[VERIFIER_SIZE]);
/* Argon2id, as libsodium's text form; false: out of memory. Slow. */
bool password_hash(struct view password, struct text *verifier);
/* PASSWORD_CHOSEN: Argon2id text; PASSWORD_HASH: crypt(3) text. Slow. */
bool password_matches(enum password_source source, struct view verifier, struct view password);
/* Is it a crypt(3) hash that this system can check, of a method that is not a joke (DES, MD5)? *why when not. */
bool password_hash_is_usable(struct view crypt_text, struct view *why);

/* ---- private keys */

/* The private key as DER in a secretbox (XSalsa20-Poly1305) with a random nonce before it. */
struct view private_key_seal(const struct vault_keys *keys, EVP_PKEY *key, const uint8_t nonce[24],
                             struct arena *arena);
EVP_PKEY *private_key_open(const struct vault_keys *keys,
                           struct view sealed); /* NULL: damaged, or another key file */
#endif
