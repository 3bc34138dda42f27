#include "rooms/vault/secrets.h"

#include "base/testing.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>

static const struct view key_file = VIEW_INIT("0123456789abcdef0123456789abcdef");

static void generated_passwords(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint8_t random[20];
		struct view password;
	} cases[] = {
		{ "zeros", { 0 }, VIEW_INIT("00000000000000000000000000000000") },
		{ "first bits", { 0x08, 0x42, 0x10, 0x84, 0x21 }, VIEW_INIT("11111111000000000000000000000000") },
		{ "all letters",
		  { 0x00, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54, 0xb6, 0x35, 0xcf,
		    0x84, 0x65, 0x3a, 0x56, 0xd7, 0xc6, 0x75, 0xbe, 0x77, 0xdf },
		  VIEW_INIT("0123456789abcdefghjkmnpqrstvwxyz") },
	};
	for (size_t i = 0; i < CASES(cases); i++) {
		struct text password = TEXT_LIMIT(64);
		password_generate(cases[i].random, &password);
		expect_view(cases[i].name, text_view(&password), cases[i].password);
		text_deinit(&password);
	}
}

/* The two keys that are derived differ, and follow the key file. */
static void derived_keys(void **state)
{
	(void)state;
	struct vault_keys one;
	struct vault_keys same;
	struct vault_keys other;
	uint8_t first[VERIFIER_SIZE];
	uint8_t second[VERIFIER_SIZE];
	vault_keys_derive(key_file, &one);
	vault_keys_derive(key_file, &same);
	vault_keys_derive(VIEW("0123456789abcdef0123456789abcdeF"), &other);
	assert_memory_equal(&one, &same, sizeof(one));
	assert_memory_not_equal(one.pepper, one.storage, 32);
	assert_memory_not_equal(one.pepper, other.pepper, 32);
	password_mac(&one, VIEW("a"), first);
	password_mac(&other, VIEW("a"), second);
	assert_memory_not_equal(first, second, VERIFIER_SIZE);
	password_mac(&one, VIEW("a\0"), second);
	assert_memory_not_equal(first, second, VERIFIER_SIZE);
	vault_keys_wipe(&one);
	vault_keys_wipe(&same);
	assert_memory_equal(&one, &same, sizeof(one));
	assert_int_equal(one.pepper[0] | one.storage[31], 0);
}

static void chosen_passwords(void **state)
{
	(void)state;
	struct text verifier = TEXT_LIMIT(512);
	assert_true(password_hash(VIEW("correct horse battery"), &verifier));
	assert_true(view_starts(text_view(&verifier), VIEW("$argon2id$")));
	assert_true(password_matches(PASSWORD_CHOSEN, text_view(&verifier), VIEW("correct horse battery")));
	assert_false(password_matches(PASSWORD_CHOSEN, text_view(&verifier), VIEW("correct horse batterx")));
	assert_false(password_matches(PASSWORD_CHOSEN, text_view(&verifier), VIEW("")));
	assert_false(password_matches(PASSWORD_CHOSEN, VIEW("$argon2id$rubbish"), VIEW("a")));
	text_deinit(&verifier);
}

static void imported_hashes(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		struct view hash;
		bool usable;
	} cases[] = {
		{ "SHA-512",
		  VIEW_INIT("$6$abcdefgh$dTmIYmW/LpvGK/iiDSK9zlcKIRJ33.7YE9DETLAR1zX9/2./"
		            "Fv6/8dFZ1tCs/Kfp//7QeoJfyRWP7XdDzP87j1"),
		  true },
		{ "MD5", VIEW_INIT("$1$abcdefgh$G6VzEtTdsKhXXcJKCLMz3/"), false },
		{ "DES", VIEW_INIT("abJnggxhB/yWI"), false },
		{ "nothing", VIEW_INIT(""), false },
		{ "locked", VIEW_INIT("!"), false },
		{ "a star", VIEW_INIT("*0aaaaaaaaaa"), false },
		{ "plain text", VIEW_INIT("correct horse battery"), false },
		{ "unknown method", VIEW_INIT("$zz$abc$def"), false },
	};
	for (size_t i = 0; i < CASES(cases); i++) {
		struct view why = VIEW_NONE;
		expect_number(cases[i].name, password_hash_is_usable(cases[i].hash, &why), cases[i].usable);
		expect_number(cases[i].name, why.length == 0, cases[i].usable);
		expect_number(cases[i].name, password_matches(PASSWORD_HASH, cases[i].hash, VIEW("correct horse battery")),
		              cases[i].usable);
		expect_number(cases[i].name, password_matches(PASSWORD_HASH, cases[i].hash, VIEW("correct horse battery\0")),
		              false);
		expect_number(cases[i].name, password_matches(PASSWORD_HASH, cases[i].hash, VIEW("")), false);
	}
}

static struct view pem_of(EVP_PKEY *key, const EVP_CIPHER *cipher, struct arena *arena)
{
	char *data = NULL;
	BIO *bio = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, cipher, cipher == NULL ? NULL : "pass",
	                                               cipher == NULL ? 0 : 4, NULL, NULL),
	                 1);
	const long length = BIO_get_mem_data(bio, &data);
	const struct view pem = arena_copy(arena, view_bytes(data, (size_t)length));
	BIO_free(bio);
	return pem;
}

/* Keys that may be brought along, and those that may not. */
static void imported_keys(void **state)
{
	(void)state;
	const struct {
		const char *name;
		EVP_PKEY *key;
		const EVP_CIPHER *cipher;
		bool good;
		enum dkim_algorithm algorithm;
	} cases[] = {
		{ "Ed25519", EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NULL, true, DKIM_ED25519_SHA256 },
		{ "RSA-1024", EVP_RSA_gen(1024), NULL, true, DKIM_RSA_SHA256 },
		{ "RSA-768", EVP_RSA_gen(768), NULL, false, DKIM_RSA_SHA256 },
		{ "P-256", EVP_EC_gen("P-256"), NULL, false, DKIM_RSA_SHA256 },
		{ "under a passphrase", EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), EVP_aes_128_cbc(), false, DKIM_RSA_SHA256 },
	};
	struct arena arena = { 0 };
	for (size_t i = 0; i < CASES(cases); i++) {
		struct view why = VIEW_NONE;
		enum dkim_algorithm algorithm = DKIM_RSA_SHA256;
		EVP_PKEY *key = private_key_of_pem(pem_of(cases[i].key, cases[i].cipher, &arena), &algorithm, &why);
		expect_number(cases[i].name, key != NULL, cases[i].good);
		expect_number(cases[i].name, why.length == 0, cases[i].good);
		expect_number(cases[i].name, algorithm, cases[i].algorithm);
		EVP_PKEY_free(key);
		EVP_PKEY_free(cases[i].key);
	}
	struct view why = VIEW_NONE;
	enum dkim_algorithm algorithm = DKIM_RSA_SHA256;
	assert_null(private_key_of_pem(VIEW("-----BEGIN PRIVATE KEY-----\nAAAA\n"), &algorithm, &why));
	assert_null(private_key_of_pem(VIEW(""), &algorithm, &why));
	arena_deinit(&arena);
}

/* What is at rest opens under its own key alone, and not when a bit of it is another. */
static void keys_at_rest(void **state)
{
	(void)state;
	static const uint8_t nonce[24] = { 9 };
	struct vault_keys keys;
	struct vault_keys others;
	struct arena arena = { 0 };
	vault_keys_derive(key_file, &keys);
	vault_keys_derive(VIEW("0123456789abcdef0123456789abcdeF"), &others);
	EVP_PKEY *key = private_key_make(DKIM_ED25519_SHA256);
	const struct view sealed = private_key_seal(&keys, key, nonce, &arena);
	EVP_PKEY *opened = private_key_open(&keys, sealed);
	assert_true(opened != NULL && EVP_PKEY_eq(opened, key) == 1);
	EVP_PKEY_free(opened);
	assert_null(private_key_open(&others, sealed));
	for (size_t i = 0; i < sealed.length; i++) {
		struct text changed = TEXT_LIMIT(4096);
		text_add(&changed, sealed);
		changed.data[i] ^= 1;
		assert_null(private_key_open(&keys, text_view(&changed)));
		assert_null(private_key_open(&keys, view_first(sealed, i)));
		text_deinit(&changed);
	}
	EVP_PKEY_free(key);
	arena_deinit(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(generated_passwords), cmocka_unit_test(derived_keys),  cmocka_unit_test(chosen_passwords),
		cmocka_unit_test(imported_hashes),     cmocka_unit_test(imported_keys), cmocka_unit_test(keys_at_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
