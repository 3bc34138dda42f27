#include "rooms/vault/secrets.h"

#include "base/bytes.h"
#include "base/must.h"

#include <crypt.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/x509.h>
#include <sodium.h>

/* ---- keys of the vault itself */

static void derive(uint8_t into[32], struct view key_file, unsigned long long number)
{
	static const char context[crypto_kdf_CONTEXTBYTES] = { 's', 'e', 'a', 'l', 'p', 'o', 's', 't' };
	must(crypto_kdf_derive_from_key(into, 32, number, context, (const unsigned char *)key_file.data) == 0);
}

void vault_keys_derive(struct view key_file, struct vault_keys *keys)
{
	must(key_file.length == VAULT_KEY_SIZE && sodium_init() >= 0);
	derive(keys->pepper, key_file, 1);
	derive(keys->storage, key_file, 2);
}

void vault_keys_wipe(struct vault_keys *keys)
{
	sodium_memzero(keys, sizeof(*keys));
}

/* ---- passwords */

void password_generate(const uint8_t random[20], struct text *password)
{
	static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
	uint32_t bits = 0;
	unsigned held = 0;
	for (size_t i = 0; i < 20; i++) {
		bits = (bits << 8 | random[i]) & 0x1fff;
		for (held += 8; held >= 5; held -= 5)
			text_add_byte(password, alphabet[bits >> (held - 5) & 31]);
	}
}

void password_mac(const struct vault_keys *keys, struct view password, uint8_t verifier[VERIFIER_SIZE])
{
	crypto_auth_hmacsha256_state state;
	crypto_auth_hmacsha256_init(&state, keys->pepper, sizeof(keys->pepper));
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)password.data, password.length);
	crypto_auth_hmacsha256_final(&state, verifier);
	sodium_memzero(&state, sizeof(state));
}

bool password_hash(struct view password, struct text *verifier)
{
	char hashed[crypto_pwhash_STRBYTES];
	if (crypto_pwhash_str(hashed, password.data, password.length, crypto_pwhash_OPSLIMIT_INTERACTIVE,
	                      crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0)
		return false;
	return text_add(verifier, view_of(hashed));
}

static bool crypt_matches(struct view verifier, struct view password)
{
	struct crypt_data *data = must_alloc(1, sizeof(*data));
	char setting[CRYPT_OUTPUT_SIZE];
	char phrase[CRYPT_MAX_PASSPHRASE_SIZE];
	bool matches = false;
	/* crypt(3) takes terminated text: a password with a NUL inside never matches. */
	if (view_find_byte(password, '\0') == VIEW_NOT_FOUND && bytes_to_cstring(setting, sizeof(setting), verifier) &&
	    bytes_to_cstring(phrase, sizeof(phrase), password)) {
		const char *made = crypt_r(phrase, setting, data);
		matches = made != NULL && made[0] != '*' && view_equal_constant_time(view_of(made), verifier);
	}
	sodium_memzero(phrase, sizeof(phrase));
	sodium_memzero(data, sizeof(*data));
	free(data);
	return matches;
}

bool password_matches(enum password_source source, struct view verifier, struct view password)
{
	if (source == PASSWORD_HASH)
		return crypt_matches(verifier, password);
	char hashed[crypto_pwhash_STRBYTES] = { 0 };
	must(source == PASSWORD_CHOSEN);
	return bytes_to_cstring(hashed, sizeof(hashed), verifier) &&
	       crypto_pwhash_str_verify(hashed, password.data, password.length) == 0;
}

bool password_hash_is_usable(struct view crypt_text, struct view *why)
{
	char setting[CRYPT_OUTPUT_SIZE];
	if (crypt_text.length < 3 || !bytes_to_cstring(setting, sizeof(setting), crypt_text)) {
		*why = VIEW("not a crypt(3) hash: expected something like $2b$12$..., $6$salt$..., $y$j9T$...");
		return false;
	}
	const int known = crypt_checksalt(setting);
	if (known == CRYPT_SALT_OK || known == CRYPT_SALT_TOO_CHEAP)
		return true;
	*why = known == CRYPT_SALT_METHOD_LEGACY
	           ? VIEW("this hash method is too weak to keep (DES or MD5): set a new password instead")
	           : VIEW("not a crypt(3) hash that this system can check");
	return false;
}

/* ---- private keys */

struct view private_key_seal(const struct vault_keys *keys, EVP_PKEY *key, const uint8_t nonce[24],
                             struct arena *arena)
{
	unsigned char *encoded = NULL;
	const int length = i2d_PrivateKey(key, &encoded);
	must(length > 0);
	const size_t sealed_length = 24 + crypto_secretbox_MACBYTES + (size_t)length;
	unsigned char *sealed = arena_alloc(arena, sealed_length, 1);
	bytes_copy(sealed, sealed_length, view_bytes(nonce, 24));
	crypto_secretbox_easy(sealed + 24, encoded, (unsigned long long)length, nonce, keys->storage);
	OPENSSL_clear_free(encoded, (size_t)length);
	return view_bytes(sealed, sealed_length);
}

EVP_PKEY *private_key_open(const struct vault_keys *keys, struct view sealed)
{
	const size_t overhead = 24 + crypto_secretbox_MACBYTES;
	if (sealed.length <= overhead)
		return NULL;
	const unsigned char *bytes = (const unsigned char *)sealed.data;
	const size_t length = sealed.length - overhead;
	unsigned char *encoded = must_alloc(length, 1);
	EVP_PKEY *key = NULL;
	if (crypto_secretbox_open_easy(encoded, bytes + 24, sealed.length - 24, bytes, keys->storage) == 0) {
		const unsigned char *at = encoded;
		key = d2i_AutoPrivateKey(NULL, &at, (long)length);
	}
	sodium_memzero(encoded, length);
	free(encoded);
	return key;
}
