#include "mail/digest.h"

#include "base/must.h"

#include <openssl/evp.h>

struct sha256 {
	EVP_MD *method;
	EVP_MD_CTX *context;
};

struct sha256 *sha256_new(void)
{
	struct sha256 *sha256 = must_alloc(1, sizeof(*sha256));
	sha256->method = EVP_MD_fetch(NULL, "SHA256", NULL);
	sha256->context = EVP_MD_CTX_new();
	must(sha256->method != NULL && sha256->context != NULL);
	return sha256;
}

void sha256_free(struct sha256 *sha256)
{
	if (sha256 == NULL)
		return;
	EVP_MD_CTX_free(sha256->context);
	EVP_MD_free(sha256->method);
	free(sha256);
}

void sha256_begin(struct sha256 *sha256)
{
	must(EVP_DigestInit_ex2(sha256->context, sha256->method, NULL) == 1);
}

void sha256_add(struct sha256 *sha256, struct view bytes)
{
	must(EVP_DigestUpdate(sha256->context, bytes.data, bytes.length) == 1);
}

void sha256_end(struct sha256 *sha256, uint8_t digest[SHA256_SIZE])
{
	must(EVP_DigestFinal_ex(sha256->context, digest, NULL) == 1);
}

void sha256_once(struct view bytes, uint8_t digest[SHA256_SIZE])
{
	size_t length = SHA256_SIZE;
	must(EVP_Q_digest(NULL, "SHA256", NULL, bytes.data, bytes.length, digest, &length) == 1);
}

void hmac_sha256(struct view key, struct view bytes, uint8_t digest[SHA256_SIZE])
{
	size_t length = 0;
	/* OpenSSL takes a key of NULL for "the one before". */
	const void *key_bytes = key.length > 0 ? key.data : "";
	must(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key_bytes, key.length, (const unsigned char *)bytes.data,
	               bytes.length, digest, SHA256_SIZE, &length) != NULL);
	must(length == SHA256_SIZE);
}
