/* Seals the message on standard input with a key of its own, for dkim_crosscheck.py.
 *
 *     dkim_crosscheck rsa|ed25519 PIECE
 *
 * The body goes through the hash in pieces of PIECE bytes. Writes the key record on one line, then the message. */
#include "base/must.h"
#include "mail/dkim.h"
#include "mail/header.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

static EVP_PKEY *make_key(enum dkim_algorithm algorithm, struct text *record)
{
	unsigned char *info = NULL;
	unsigned char raw[32];
	size_t length = sizeof(raw);
	if (algorithm == DKIM_ED25519_SHA256) {
		EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		must(key != NULL && EVP_PKEY_get_raw_public_key(key, raw, &length) == 1);
		dkim_key_write(algorithm, view_bytes(raw, length), record);
		return key;
	}
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
	const int size = i2d_PUBKEY(key, &info);
	must(key != NULL && size > 0);
	dkim_key_write(algorithm, view_bytes(info, (size_t)size), record);
	OPENSSL_free(info);
	return key;
}

static size_t sign(enum dkim_algorithm algorithm, EVP_PKEY *key, const uint8_t *digest, unsigned char signature[256])
{
	size_t length = 256;
	if (algorithm == DKIM_ED25519_SHA256) {
		EVP_MD_CTX *context = EVP_MD_CTX_new();
		must(EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1);
		must(EVP_DigestSign(context, signature, &length, digest, SHA256_SIZE) == 1);
		EVP_MD_CTX_free(context);
		return length;
	}
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	must(EVP_PKEY_sign_init(context) == 1 && EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1);
	must(EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1);
	must(EVP_PKEY_sign(context, signature, &length, digest, SHA256_SIZE) == 1);
	EVP_PKEY_CTX_free(context);
	return length;
}

static void hash_body(struct view rest, size_t piece, uint8_t hash[SHA256_SIZE])
{
	struct dkim_body body;
	dkim_body_init(&body);
	for (; rest.length > 0; rest = view_from(rest, piece))
		dkim_body_add(&body, view_first(rest, piece));
	dkim_body_end(&body, hash);
	dkim_body_deinit(&body);
}

static void read_all(struct text *message)
{
	char buffer[4096];
	size_t length;
	while ((length = fread(buffer, 1, sizeof(buffer), stdin)) > 0)
		must(text_add(message, view_bytes(buffer, length)));
}

int main(int count, char **arguments)
{
	struct text message = TEXT_LIMIT((size_t)1 << 24);
	struct text record = TEXT_LIMIT(4096);
	struct text field = TEXT_LIMIT(65536);
	struct view header;
	struct view body;
	uint8_t body_hash[SHA256_SIZE];
	uint8_t digest[SHA256_SIZE];
	unsigned char signature[256];
	uint64_t piece = 0;
	if (count != 3 || !view_to_u64(view_of(arguments[2]), &piece) || piece == 0)
		return 2;
	const enum dkim_algorithm algorithm =
		view_equal(view_of(arguments[1]), VIEW("rsa")) ? DKIM_RSA_SHA256 : DKIM_ED25519_SHA256;
	read_all(&message);
	header_split(text_view(&message), &header, &body);
	hash_body(body, piece, body_hash);
	const struct dkim_seal_request request = {
		.header = header,
		.domain = VIEW("example.com"),
		.selector = VIEW("elastx"),
		.algorithm = algorithm,
		.body_hash = body_hash,
		.timestamp = 1790000000,
	};
	if (!dkim_seal_begin(&request, &field, digest))
		return 1;
	EVP_PKEY *key = make_key(algorithm, &record);
	dkim_seal_end(&field, view_bytes(signature, sign(algorithm, key, digest, signature)));
	printf("%s\n", text_cstring(&record));
	fwrite(field.data, 1, field.length, stdout);
	fwrite(message.data, 1, message.length, stdout);
	EVP_PKEY_free(key);
	text_deinit(&message);
	text_deinit(&record);
	text_deinit(&field);
	return 0;
}
