#include "mail/digest.h"

#include "base/testing.h"

static void expect_hex(const char *name, const uint8_t digest[SHA256_SIZE], struct view expected)
{
	struct text hex = TEXT_LIMIT(128);
	text_add_hex(&hex, view_bytes(digest, SHA256_SIZE));
	expect_view(name, text_view(&hex), expected);
	text_deinit(&hex);
}

/* FIPS 180-4's examples, and nothing. */
static const struct sha256_case {
	const char *name;
	struct view bytes;
	struct view hex;
} sha256_cases[] = {
	{ "nothing", VIEW_INIT(""), VIEW_INIT("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855") },
	{ "no bytes at all", { 0 }, VIEW_INIT("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855") },
	{ "abc", VIEW_INIT("abc"), VIEW_INIT("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") },
	{ "two blocks", VIEW_INIT("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
	  VIEW_INIT("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1") },
};

static void hashes(void **state)
{
	(void)state;
	struct sha256 *sha256 = sha256_new();
	uint8_t digest[SHA256_SIZE];
	for (size_t i = 0; i < CASES(sha256_cases); i++) {
		const struct sha256_case *row = &sha256_cases[i];
		sha256_once(row->bytes, digest);
		expect_hex(row->name, digest, row->hex);
		/* A context serves again and again, and takes single bytes. */
		sha256_begin(sha256);
		for (size_t j = 0; j < row->bytes.length; j++)
			sha256_add(sha256, view_slice(row->bytes, j, 1));
		sha256_end(sha256, digest);
		expect_hex(row->name, digest, row->hex);
	}
	sha256_free(sha256);
	sha256_free(NULL);
}

/* RFC 4231 4. */
static const struct hmac_case {
	const char *name;
	struct view key;
	struct view bytes;
	struct view hex;
} hmac_cases[] = {
	{ "case 1", VIEW_INIT("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"),
	  VIEW_INIT("Hi There"), VIEW_INIT("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7") },
	{ "case 2", VIEW_INIT("Jefe"), VIEW_INIT("what do ya want for nothing?"),
	  VIEW_INIT("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843") },
	{ "no key", { 0 }, VIEW_INIT(""), VIEW_INIT("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad") },
};

static void hmacs(void **state)
{
	(void)state;
	uint8_t digest[SHA256_SIZE];
	for (size_t i = 0; i < CASES(hmac_cases); i++) {
		hmac_sha256(hmac_cases[i].key, hmac_cases[i].bytes, digest);
		expect_hex(hmac_cases[i].name, digest, hmac_cases[i].hex);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(hashes), cmocka_unit_test(hmacs) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
