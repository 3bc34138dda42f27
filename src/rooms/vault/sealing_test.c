/* Seals and domains' keys: who may have what signed, and where the keys are. */
#include "base/must.h"
#include "rooms/vault/test_play.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

static const char other_key_file[] = "0123456789abcdef0123456789abcdeF";

static bool verifies(const struct public_key *key, struct view signature)
{
	static const uint8_t digest[32] = { 1, 2, 3 };
	const uint8_t *der = (const uint8_t *)key->key.data;
	EVP_PKEY *public_key = key->algorithm == DKIM_RSA_SHA256
	                           ? d2i_PUBKEY(NULL, &der, (long)key->key.length)
	                           : EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, der, key->key.length);
	bool good = false;
	if (key->algorithm == DKIM_RSA_SHA256) {
		EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(public_key, NULL);
		EVP_PKEY_verify_init(context);
		EVP_PKEY_CTX_set_signature_md(context, EVP_sha256());
		good = EVP_PKEY_verify(context, (const uint8_t *)signature.data, signature.length, digest, 32) == 1;
		EVP_PKEY_CTX_free(context);
	} else {
		EVP_MD_CTX *context = EVP_MD_CTX_new();
		EVP_DigestVerifyInit(context, NULL, NULL, NULL, public_key);
		good = EVP_DigestVerify(context, (const uint8_t *)signature.data, signature.length, digest, 32) == 1;
		EVP_MD_CTX_free(context);
	}
	EVP_PKEY_free(public_key);
	return good;
}

static void play_seals(struct scene *scene)
{
	const struct view domain = VIEW("example.com");
	const uint64_t number = login(scene, add_account(scene));
	assert_int_equal(keys_of(scene, domain, false).result, DOMAIN_KEYS_NONE);
	const struct domain_keys_answer keys = keys_of(scene, domain, true);
	assert_int_equal(keys.result, DOMAIN_KEYS_OK);
	assert_int_equal(keys.key_count, 2);
	assert_int_equal(keys_of(scene, VIEW("second.example"), true).result, DOMAIN_KEYS_TOO_MANY);
	assert_int_equal(sign(scene, scene->first, number, domain).result, SIGN_NO_GRANT);
	grant(scene, domain, MINUTE);
	grant(scene, VIEW("keyless.example"), MINUTE);
	const struct sign_answer seals = sign(scene, scene->first, number, domain);
	assert_int_equal(seals.result, SIGN_OK);
	assert_int_equal(seals.signature_count, 2);
	assert_true(verifies(&keys.keys[0], seals.signatures[0]) && verifies(&keys.keys[1], seals.signatures[1]));
	assert_false(verifies(&keys.keys[0], view_first(seals.signatures[0], 255)));
	assert_int_equal(sign(scene, scene->first, 0, domain).result, SIGN_NO_LOGIN);
	assert_int_equal(sign(scene, scene->second, number, domain).result, SIGN_NO_LOGIN);
	assert_int_equal(sign(scene, scene->first, number, VIEW("sub.example.com")).result, SIGN_NO_GRANT);
	assert_int_equal(sign(scene, scene->first, number, VIEW("keyless.example")).result, SIGN_NO_KEY);
	/* Of seals too there is no more than the account may send: burst 10, 4 seals each, 2 a message. */
	enum sign_result result = SIGN_OK;
	for (unsigned i = 0; i < 40 && result == SIGN_OK; i++)
		result = sign(scene, scene->first, number, domain).result;
	assert_int_equal(result, SIGN_TOO_MANY);
	grant(scene, domain, 0);
	assert_int_equal(sign(scene, scene->first, number, domain).result, SIGN_NO_GRANT);
}

/* Sessions that ask at once, so that their signatures are made together: each gets its own. */
struct crowd {
	struct scene *scene;
	struct view domain;
	uint64_t login;
	size_t answered;
	struct signal done;
	const struct domain_keys_answer *keys;
};

enum { CROWD = 20 };

static void ask_in_crowd(void *argument)
{
	struct crowd *crowd = argument;
	const struct sign_answer seals = sign(crowd->scene, crowd->scene->first, crowd->login, crowd->domain);
	assert_int_equal(seals.result, SIGN_OK);
	for (size_t i = 0; i < 2; i++)
		assert_true(verifies(&crowd->keys->keys[i], seals.signatures[i]));
	crowd->answered++;
	signal_wake_all(&crowd->done);
}

static void play_crowd(struct scene *scene)
{
	struct crowd crowd = { .scene = scene, .domain = VIEW("example.com"), .login = login(scene, add_account(scene)) };
	const struct domain_keys_answer keys = keys_of(scene, crowd.domain, true);
	crowd.keys = &keys;
	signal_init(&crowd.done);
	grant(scene, crowd.domain, MINUTE);
	for (size_t i = 0; i < CROWD; i++)
		task_start(scene->world, "asking", ask_in_crowd, &crowd);
	while (crowd.answered < CROWD)
		assert_int_equal(signal_wait(&crowd.done, soon(scene)), WAIT_DONE);
}

/* However long a name is, a grant is for that one alone. */
static void play_long_names(struct scene *scene)
{
	struct text names[2] = { TEXT_LIMIT(1024), TEXT_LIMIT(1024) };
	const uint64_t number = login(scene, add_account(scene));
	while (text_add_byte(&names[0], 'a') && text_add_byte(&names[1], 'b'))
		;
	grant(scene, text_view(&names[0]), MINUTE);
	assert_int_equal(sign(scene, scene->first, number, text_view(&names[0])).result, SIGN_NO_KEY);
	assert_int_equal(sign(scene, scene->first, number, text_view(&names[1])).result, SIGN_NO_GRANT);
	text_deinit(&names[0]);
	text_deinit(&names[1]);
}

/* The Ed25519 key's 32 secret bytes. */
static const char imported_pem[] = "-----BEGIN PRIVATE KEY-----\n"
								   "MC4CAQAwBQYDK2VwBCIEILz6WUWjxa/MagYzR0DJVMKQlJjKxqswUby83Py8iVdl\n"
								   "-----END PRIVATE KEY-----\n";
static const uint8_t imported_secret[] = {
	0xbc, 0xfa, 0x59, 0x45, 0xa3, 0xc5, 0xaf, 0xcc, 0x6a, 0x06, 0x33, 0x47, 0x40, 0xc9, 0x54, 0xc2,
	0x90, 0x94, 0x98, 0xca, 0xc6, 0xab, 0x30, 0x51, 0xbc, 0xbc, 0xdc, 0xfc, 0xbc, 0x89, 0x57, 0x65,
};

static bool disk_holds(struct view bytes)
{
	static const char *const files[] = { "vault.db", "vault.db-wal" };
	bool found = false;
	for (size_t i = 0; i < CASES(files); i++) {
		struct text content = TEXT_LIMIT(64 << 20);
		struct text path = TEXT_LIMIT(256);
		text_print(&path, "%s/%s", test_directory, files[i]);
		FILE *file = fopen(text_cstring(&path), "rb");
		for (int byte; file != NULL && (byte = getc(file)) != EOF;)
			text_add_byte(&content, (char)byte);
		if (file != NULL)
			fclose(file);
		found = found || view_find(text_view(&content), bytes) != VIEW_NOT_FOUND;
		text_deinit(&content);
		text_deinit(&path);
	}
	return found;
}

static void play_keys_at_rest(struct scene *scene)
{
	struct domain_change_answer answer = { 0 };
	const struct domain_change_request request = {
		.change = DOMAIN_ADD, .domain = VIEW("example.com"), .key = view_of(imported_pem), .selector = VIEW("old")
	};
	assert_int_equal(vault_domain_change(scene->api, &request, &answer, &scene->arena, soon(scene)), ASKED_OK);
	assert_int_equal(answer.result, CHANGE_DONE);
	const struct view password = add_account(scene);
	restart(scene);
	const struct domain_keys_answer keys = keys_of(scene, VIEW("example.com"), false);
	assert_int_equal(keys.key_count, 1);
	expect_view("selector", keys.keys[0].selector, VIEW("old"));
	assert_true(view_equal(keys.keys[0].key, answer.keys[0].key));
	assert_true(disk_holds(VIEW("example.com")));
	assert_false(disk_holds(view_bytes(imported_secret, 16)));
	assert_false(disk_holds(view_bytes(imported_secret + 16, 16)));
	assert_false(disk_holds(password));
}

static void play_other_key_file(struct scene *scene)
{
	struct text problem = TEXT_LIMIT(1024);
	assert_null(open_vault(scene, other_key_file, &problem));
	assert_true(view_find(text_view(&problem), VIEW("vault.key_file")) != VIEW_NOT_FOUND);
	text_clear(&problem);
	assert_null(open_vault(scene, "short", &problem));
	text_deinit(&problem);
}

PLAY(seals)
PLAY(long_names)
PLAY(crowd)
PLAY(keys_at_rest)
PLAY(other_key_file)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(seals), TEST(long_names), TEST(crowd), TEST(keys_at_rest), TEST(other_key_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
