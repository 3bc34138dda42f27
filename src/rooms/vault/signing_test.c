#include "rooms/vault/signing.h"

#include "base/must.h"
#include "base/testing.h"

#include <openssl/core_names.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

enum { KEYS = 4 };

struct scene {
	struct held_key keys[KEYS];
};

static EVP_PKEY *make(size_t i)
{
	if (i == 2)
		return EVP_RSA_gen(1024);
	return private_key_make(i == 3 ? DKIM_ED25519_SHA256 : DKIM_RSA_SHA256);
}

/* Two keys for lanes, one that is too short for them, one of another kind. */
static int begin(void **state)
{
	struct scene *scene = must_alloc(1, sizeof(*scene));
	for (size_t i = 0; i < KEYS; i++) {
		scene->keys[i].private_key = make(i);
		scene->keys[i].algorithm = i == 3 ? DKIM_ED25519_SHA256 : DKIM_RSA_SHA256;
		scene->keys[i].lanes = rsa_lane_key_new(scene->keys[i].private_key);
	}
	*state = scene;
	return 0;
}

static int end(void **state)
{
	struct scene *scene = *state;
	for (size_t i = 0; i < KEYS; i++) {
		EVP_PKEY_free(scene->keys[i].private_key);
		rsa_lane_key_free(scene->keys[i].lanes);
	}
	free(scene);
	return 0;
}

static struct view by_openssl(const struct signing *signing, uint8_t room[SIGNATURE_MOST])
{
	size_t length = 0;
	assert_true(private_key_sign(signing->key->private_key, signing->key->algorithm, signing->digest, room, &length));
	return view_bytes(room, length);
}

/* Alone or in company, and in whatever company: the same signature. */
static void company_changes_nothing(void **state)
{
	struct scene *scene = *state;
	static const struct {
		const char *name;
		size_t keys[RSA_LANE_JOBS_MOST];
		size_t count;
	} rows[] = {
		{ "one", { 0 }, 1 },
		{ "two of one key", { 0, 0 }, 2 },
		{ "four", { 0, 1, 1, 0 }, 4 },
		{ "one that can, between those that cannot", { 3, 0, 2 }, 3 },
		{ "two that can, and two that cannot", { 2, 0, 3, 1 }, 4 },
		{ "none that can", { 2, 3, 3, 2 }, 4 },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		uint8_t digests[RSA_LANE_JOBS_MOST][32];
		struct signing together[RSA_LANE_JOBS_MOST] = { 0 };
		uint8_t room[SIGNATURE_MOST];
		void *arguments[RSA_LANE_JOBS_MOST];
		for (size_t j = 0; j < rows[i].count; j++) {
			assert_int_equal(RAND_bytes(digests[j], 32), 1);
			together[j].key = &scene->keys[rows[i].keys[j]];
			together[j].digest = digests[j];
			arguments[j] = &together[j];
		}
		signing_run_together(arguments, rows[i].count);
		for (size_t j = 0; j < rows[i].count; j++) {
			struct signing alone = { .key = together[j].key, .digest = digests[j] };
			signing_run(&alone);
			assert_true(alone.good && together[j].good && !together[j].was_wrong && !alone.was_wrong);
			expect_view(rows[i].name, view_bytes(together[j].signature, together[j].length),
			            by_openssl(&alone, room));
			expect_view(rows[i].name, view_bytes(alone.signature, alone.length), by_openssl(&alone, room));
		}
	}
}

/* A key whose lanes are not of it, as a flipped bit would leave them: seen, made again, and right. */
static void what_came_out_wrong_is_made_again(void **state)
{
	struct scene *scene = *state;
	if (scene->keys[0].lanes == NULL)
		skip();
	static const uint8_t digest[32] = { 1 };
	struct held_key *key = &scene->keys[0];
	struct signing pair[] = { { .key = key, .digest = digest }, { .key = &scene->keys[1], .digest = digest } };
	void *arguments[] = { &pair[0], &pair[1] };
	uint8_t *limbs = (uint8_t *)key->lanes; /* opaque, but the modulus is first */
	limbs[1] ^= 4;
	struct signing alone = { .key = key, .digest = digest };
	uint8_t room[SIGNATURE_MOST];
	signing_run_together(arguments, 2);
	signing_run(&alone);
	limbs[1] ^= 4;
	assert_true(pair[0].good && pair[0].was_wrong && pair[1].good && !pair[1].was_wrong);
	assert_true(alone.good && alone.was_wrong);
	expect_view("in company", view_bytes(pair[0].signature, pair[0].length), by_openssl(&alone, room));
	expect_view("alone", view_bytes(alone.signature, alone.length), by_openssl(&alone, room));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(company_changes_nothing),
		cmocka_unit_test(what_came_out_wrong_is_made_again),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
