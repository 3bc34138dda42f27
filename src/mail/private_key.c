#include "mail/private_key.h"

#include "base/must.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

EVP_PKEY *private_key_make(enum dkim_algorithm algorithm)
{
	ERR_clear_error();
	return algorithm == DKIM_RSA_SHA256 ? EVP_RSA_gen(2048) : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

static bool key_is_allowed(EVP_PKEY *key, enum dkim_algorithm *algorithm, struct view *why)
{
	if (EVP_PKEY_is_a(key, "ED25519")) {
		*algorithm = DKIM_ED25519_SHA256;
		return true;
	}
	if (!EVP_PKEY_is_a(key, "RSA")) {
		*why = VIEW("the key is neither RSA nor Ed25519");
		return false;
	}
	const int bits = EVP_PKEY_get_bits(key);
	if (bits < 1024 || bits > 4096) {
		*why = VIEW("an RSA key must have 1024 to 4096 bits");
		return false;
	}
	*algorithm = DKIM_RSA_SHA256;
	return true;
}

static int no_passphrase(char *into, int size, int writing, void *context)
{
	(void)into;
	(void)size;
	(void)writing;
	(void)context;
	return -1;
}

EVP_PKEY *private_key_of_pem(struct view pem, enum dkim_algorithm *algorithm, struct view *why)
{
	ERR_clear_error();
	BIO *source = BIO_new_mem_buf(pem.data, (int)pem.length);
	must(source != NULL);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(source, NULL, no_passphrase, NULL);
	BIO_free(source);
	if (key == NULL) {
		*why = VIEW("not a private key in PEM form without a passphrase");
		return NULL;
	}
	if (key_is_allowed(key, algorithm, why))
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

struct view private_key_public(EVP_PKEY *key, enum dkim_algorithm algorithm, struct arena *arena)
{
	if (algorithm == DKIM_ED25519_SHA256) {
		uint8_t raw[32];
		size_t length = sizeof(raw);
		must(EVP_PKEY_get_raw_public_key(key, raw, &length) == 1 && length == sizeof(raw));
		return arena_copy(arena, view_bytes(raw, length));
	}
	unsigned char *encoded = NULL;
	const int length = i2d_PUBKEY(key, &encoded);
	must(length > 0);
	const struct view copy = arena_copy(arena, view_bytes(encoded, (size_t)length));
	OPENSSL_free(encoded);
	return copy;
}

static bool sign_rsa(EVP_PKEY *key, const uint8_t digest[32], uint8_t *signature, size_t *length)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	const bool good = context != NULL && EVP_PKEY_sign_init(context) == 1 &&
	                  EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
	                  EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1 &&
	                  EVP_PKEY_sign(context, signature, length, digest, 32) == 1;
	EVP_PKEY_CTX_free(context);
	return good;
}

static bool sign_ed25519(EVP_PKEY *key, const uint8_t digest[32], uint8_t *signature, size_t *length)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	const bool good = context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
	                  EVP_DigestSign(context, signature, length, digest, 32) == 1;
	EVP_MD_CTX_free(context);
	return good;
}

bool private_key_sign(EVP_PKEY *key, enum dkim_algorithm algorithm, const uint8_t digest[32],
                      uint8_t signature[SIGNATURE_MOST], size_t *length)
{
	ERR_clear_error();
	*length = SIGNATURE_MOST;
	return (algorithm == DKIM_RSA_SHA256 ? sign_rsa : sign_ed25519)(key, digest, signature, length);
}
