#include "base/testing.h"

#include "base/must.h"
#include "net/tls_private.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static void makes_certificates(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		const char *hostname;
		size_t common; /* length of the common name; 0: refused */
	} rows[] = {
		{ "a host", "smtp.example.com", 16 },
		{ "one label", "localhost", 9 },
		{ "a long name", "a-name-that-goes-on.and-on.and-on.and-on.and-on.and-on.and-on.and-on.example.com", 64 },
		{ "two names in one", "a.example,DNS:b.example", 0 },
		{ "a blank", "a b", 0 },
		{ "none", "", 0 },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct text certificate_pem = TEXT_LIMIT(65536);
		struct text key_pem = TEXT_LIMIT(65536);
		const bool made = tls_make_self_signed(view_of(rows[i].hostname), &certificate_pem, &key_pem);
		expect_number(rows[i].name, made, rows[i].common > 0);
		if (made) {
			BIO *bio = BIO_new_mem_buf(certificate_pem.data, (int)certificate_pem.length);
			X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
			const EVP_PKEY *key = X509_get0_pubkey(certificate);
			char common[128] = "";
			X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, common, sizeof(common));
			expect_view(rows[i].name, view_of(common), view_first(view_of(rows[i].hostname), rows[i].common));
			expect_number(rows[i].name, X509_check_host(certificate, rows[i].hostname, 0, 0, NULL), 1);
			expect_number(rows[i].name, X509_check_host(certificate, "other.example", 0, 0, NULL), 0);
			expect_number(rows[i].name, EVP_PKEY_get_bits(key), 256);
			expect_number(rows[i].name, EVP_PKEY_is_a(key, "EC"), 1);
			expect_number(rows[i].name, X509_self_signed(certificate, 1), 1);
			expect_number(rows[i].name, X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0, true);
			X509_free(certificate);
			BIO_free(bio);
		}
		text_deinit(&certificate_pem);
		text_deinit(&key_pem);
	}
	assert_int_equal(ERR_peek_error(), 0);
}

static void encrypt_key(struct view pem, struct text *encrypted)
{
	BIO *in = BIO_new_mem_buf(pem.data, (int)pem.length);
	BIO *out = BIO_new(BIO_s_mem());
	EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
	char *data = NULL;
	must(PEM_write_bio_PKCS8PrivateKey(out, key, EVP_aes_256_cbc(), "secret", 6, NULL, NULL) == 1);
	const long length = BIO_get_mem_data(out, &data);
	text_add(encrypted, view_bytes(data, (size_t)length));
	EVP_PKEY_free(key);
	BIO_free(in);
	BIO_free(out);
}

static void reads_certificates(void **state)
{
	(void)state;
	struct text certificate = TEXT_LIMIT(65536), key = TEXT_LIMIT(65536);
	struct text other_certificate = TEXT_LIMIT(65536), other_key = TEXT_LIMIT(65536);
	struct text chain = TEXT_LIMIT(65536), broken = TEXT_LIMIT(65536), encrypted = TEXT_LIMIT(65536);
	must(tls_make_self_signed(VIEW("a.example"), &certificate, &key));
	must(tls_make_self_signed(VIEW("b.example"), &other_certificate, &other_key));
	text_print(&chain, "%s\n%s", text_cstring(&certificate), text_cstring(&other_certificate));
	text_print(&broken, "%s\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	           text_cstring(&certificate));
	encrypt_key(text_view(&key), &encrypted);
	const struct {
		const char *name;
		struct view certificate;
		struct view key;
		const char *problem; /* how it begins; NULL: good */
	} rows[] = {
		{ "good", text_view(&certificate), text_view(&key), NULL },
		{ "with a chain", text_view(&chain), text_view(&key), NULL },
		{ "no certificate", VIEW_NONE, text_view(&key), "the certificate: no start line" },
		{ "no PEM", VIEW("hello"), text_view(&key), "the certificate: no start line" },
		{ "a key for a certificate", text_view(&key), text_view(&key), "the certificate: no start line" },
		{ "a broken chain", text_view(&broken), text_view(&key), "a certificate after the first one: " },
		{ "no key", text_view(&certificate), VIEW_NONE, "the key of the certificate: " },
		{ "an encrypted key", text_view(&certificate), text_view(&encrypted), "the key of the certificate: " },
		{ "another's key", text_view(&certificate), text_view(&other_key),
		  "the key of the certificate: key values mismatch" },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		struct text problem = TEXT_LIMIT(1024);
		struct tls_context *context =
			tls_context_new_server(rows[i].certificate, rows[i].key, VIEW("name"), &problem);
		expect_number(rows[i].name, context != NULL, rows[i].problem == NULL);
		const struct view expected = rows[i].problem == NULL ? VIEW_NONE : view_of(rows[i].problem);
		expect_view(rows[i].name, view_first(text_view(&problem), expected.length), expected);
		tls_context_free(context);
		text_deinit(&problem);
	}
	assert_int_equal(ERR_peek_error(), 0);
	text_deinit(&certificate);
	text_deinit(&key);
	text_deinit(&other_certificate);
	text_deinit(&other_key);
	text_deinit(&chain);
	text_deinit(&broken);
	text_deinit(&encrypted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_certificates),
		cmocka_unit_test(reads_certificates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
