#include "base/bytes.h"
#include "base/must.h"
#include "net/tls_private.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

/* ---- a certificate and its key, from PEM */

static bool fail(struct text *problem, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());
	text_print(problem, "%s: %s", what, reason == NULL ? "not usable" : reason);
	ERR_clear_error();
	return false;
}

/* Without one, OpenSSL would ask at the terminal for the passphrase of an encrypted key. */
static int no_passphrase(char *into, int capacity, int writing, void *argument)
{
	(void)into;
	(void)capacity;
	(void)writing;
	(void)argument;
	return -1;
}

static bool use_certificate(SSL_CTX *context, BIO *pem)
{
	X509 *certificate = PEM_read_bio_X509(pem, NULL, no_passphrase, NULL);
	const bool good = certificate != NULL && SSL_CTX_use_certificate(context, certificate) == 1;
	X509_free(certificate);
	return good;
}

static bool use_issuers(SSL_CTX *context, BIO *pem)
{
	X509 *issuer;
	while ((issuer = PEM_read_bio_X509(pem, NULL, no_passphrase, NULL)) != NULL) {
		if (SSL_CTX_add0_chain_cert(context, issuer) == 1)
			continue;
		X509_free(issuer);
		return false;
	}
	/* The end of the text is told as an error too. */
	const unsigned long error = ERR_peek_last_error();
	if (ERR_GET_LIB(error) != ERR_LIB_PEM || ERR_GET_REASON(error) != PEM_R_NO_START_LINE)
		return false;
	ERR_clear_error();
	return true;
}

static bool use_key(SSL_CTX *context, BIO *pem)
{
	EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, no_passphrase, NULL);
	const bool good = key != NULL && SSL_CTX_use_PrivateKey(context, key) == 1;
	EVP_PKEY_free(key);
	return good;
}

static BIO *bio_of(struct view pem)
{
	const struct view lent = view_first(pem, 1 << 20);
	BIO *bio = BIO_new_mem_buf(lent.length > 0 ? lent.data : "", (int)lent.length);
	must(bio != NULL);
	return bio;
}

bool tls_use_identity(SSL_CTX *context, struct view certificate, struct view key, struct text *problem)
{
	BIO *certificate_pem = bio_of(certificate);
	BIO *key_pem = bio_of(key);
	ERR_clear_error();
	const bool good =
		(use_certificate(context, certificate_pem) || fail(problem, "the certificate")) &&
		(use_issuers(context, certificate_pem) || fail(problem, "a certificate after the first one")) &&
		(use_key(context, key_pem) || fail(problem, "the key of the certificate")) &&
		(SSL_CTX_check_private_key(context) == 1 || fail(problem, "the key does not belong to the certificate"));
	BIO_free(certificate_pem);
	BIO_free(key_pem);
	return good;
}

/* ---- self-signed */

/* The name becomes part of an extension's text, where a comma would begin another name. */
static bool is_plain_name(struct view hostname)
{
	for (size_t i = 0; i < hostname.length; i++)
		if (!byte_is_alnum(hostname.data[i]) && hostname.data[i] != '.' && hostname.data[i] != '-')
			return false;
	return hostname.length > 0 && hostname.length <= 253;
}

static bool add_extension(X509 *certificate, int kind, const char *value)
{
	X509V3_CTX about;
	X509V3_set_ctx(&about, certificate, certificate, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &about, kind, value);
	const bool good = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return good;
}

static bool add_extensions(X509 *certificate, struct view hostname)
{
	struct text name = TEXT_LIMIT(512);
	text_print(&name, "DNS:%.*s", VIEW_PRINT(hostname));
	const bool good = add_extension(certificate, NID_subject_alt_name, text_cstring(&name)) &&
	                  add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
	                  add_extension(certificate, NID_key_usage, "critical,digitalSignature") &&
	                  add_extension(certificate, NID_ext_key_usage, "serverAuth") &&
	                  add_extension(certificate, NID_subject_key_identifier, "hash");
	text_deinit(&name);
	return good;
}

static bool add_name(X509 *certificate, struct view hostname)
{
	/* A common name has at most 64 characters (RFC 5280 A.1); the alternative name is what counts. */
	const struct view common = view_first(hostname, 64);
	X509_NAME *name = X509_get_subject_name(certificate);
	return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_ASC, (const unsigned char *)common.data,
	                                  (int)common.length, -1, 0) == 1 &&
	       X509_set_issuer_name(certificate, name) == 1;
}

static bool fill_certificate(X509 *certificate, EVP_PKEY *key, struct view hostname)
{
	enum { TEN_YEARS = 10 * 365 * 24 * 3600 };
	uint64_t number = 0;
	return RAND_bytes((unsigned char *)&number, sizeof(number)) == 1 &&
	       X509_set_version(certificate, X509_VERSION_3) == 1 &&
	       ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), (number >> 1) | 1) == 1 &&
	       X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) != NULL &&
	       X509_gmtime_adj(X509_getm_notAfter(certificate), TEN_YEARS) != NULL &&
	       X509_set_pubkey(certificate, key) == 1 && add_name(certificate, hostname) &&
	       add_extensions(certificate, hostname) && X509_sign(certificate, key, EVP_sha256()) > 0;
}

static bool bio_to_text(BIO *bio, struct text *text)
{
	char *data = NULL;
	const long length = BIO_get_mem_data(bio, &data);
	return length > 0 && text_add(text, view_bytes(data, (size_t)length));
}

bool tls_make_self_signed(struct view hostname, struct text *certificate_pem, struct text *key_pem)
{
	if (!is_plain_name(hostname))
		return false;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	BIO *certificate_bio = BIO_new(BIO_s_mem());
	BIO *key_bio = BIO_new(BIO_s_secmem());
	must(key != NULL && certificate != NULL && certificate_bio != NULL && key_bio != NULL);
	const bool good = fill_certificate(certificate, key, hostname) &&
	                  PEM_write_bio_X509(certificate_bio, certificate) == 1 &&
	                  PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) == 1 &&
	                  bio_to_text(certificate_bio, certificate_pem) && bio_to_text(key_bio, key_pem);
	BIO_free(certificate_bio);
	BIO_free(key_bio);
	X509_free(certificate);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return good;
}
