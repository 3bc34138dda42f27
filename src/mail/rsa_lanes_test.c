/* Held against OpenSSL's signatures, which PKCS #1 v1.5 leaves no choice in. */
#include "mail/rsa_lanes.h"

#include "base/must.h"
#include "base/testing.h"
#include "mail/lanes.h"
#include "mail/private_key.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

enum { KEYS = 5 };

struct scene {
	EVP_PKEY *keys[KEYS];
	struct rsa_lane_key *lanes[KEYS];
};

static int begin(void **state)
{
	if (!lanes_are_here())
		return 0;
	struct scene *scene = must_alloc(1, sizeof(*scene));
	for (size_t i = 0; i < KEYS; i++) {
		scene->keys[i] = private_key_make(DKIM_RSA_SHA256);
		scene->lanes[i] = rsa_lane_key_new(scene->keys[i]);
		must(scene->lanes[i] != NULL);
	}
	*state = scene;
	return 0;
}

static int end(void **state)
{
	struct scene *scene = *state;
	for (size_t i = 0; scene != NULL && i < KEYS; i++) {
		EVP_PKEY_free(scene->keys[i]);
		rsa_lane_key_free(scene->lanes[i]);
	}
	free(scene);
	return 0;
}

static void digest_of(uint8_t digest[32], size_t round)
{
	if (round == 0 || round == 1)
		for (size_t i = 0; i < 32; i++)
			digest[i] = round == 0 ? 0 : 0xff;
	else
		assert_int_equal(RAND_bytes(digest, 32), 1);
}

/* One to four at once, each with a key of its own or several with one: the same bytes as OpenSSL's. */
static void the_same(void **state)
{
	struct scene *scene = *state;
	if (scene == NULL)
		skip();
	for (size_t round = 0; round < 60; round++) {
		const size_t count = 1 + round % RSA_LANE_JOBS_MOST;
		uint8_t digests[RSA_LANE_JOBS_MOST][32];
		uint8_t signatures[RSA_LANE_JOBS_MOST][RSA_LANE_BYTES];
		struct rsa_lane_job jobs[RSA_LANE_JOBS_MOST];
		for (size_t i = 0; i < count; i++) {
			digest_of(digests[i], (round + i) % 7);
			jobs[i] = (struct rsa_lane_job){
				.key = scene->lanes[(round / 8 * i + round) % KEYS],
				.digest = digests[i],
				.signature = signatures[i],
			};
		}
		rsa_lanes_sign(jobs, count);
		for (size_t i = 0; i < count; i++) {
			uint8_t expected[SIGNATURE_MOST];
			size_t length = 0;
			EVP_PKEY *key = scene->keys[(round / 8 * i + round) % KEYS];
			assert_true(private_key_sign(key, DKIM_RSA_SHA256, digests[i], expected, &length));
			assert_int_equal(length, RSA_LANE_BYTES);
			assert_true(jobs[i].good);
			assert_memory_equal(signatures[i], expected, RSA_LANE_BYTES);
		}
	}
}

/* The same key put together anew, with its parts changed by `change`. */
struct parts {
	BIGNUM *n, *e, *d, *p, *q, *dp, *dq, *q_inverse;
};

static EVP_PKEY *rebuilt(EVP_PKEY *of, void (*change)(struct parts *parts))
{
	static const char *const names[] = {
		OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,
		OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
		OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
		OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
	};
	struct parts parts = { 0 };
	BIGNUM **const all[] = {
		&parts.n, &parts.e, &parts.d, &parts.p, &parts.q, &parts.dp, &parts.dq, &parts.q_inverse
	};
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;
	for (size_t i = 0; i < CASES(names); i++)
		assert_true(EVP_PKEY_get_bn_param(of, names[i], all[i]));
	change(&parts);
	for (size_t i = 0; i < CASES(names); i++)
		assert_true(OSSL_PARAM_BLD_push_BN(builder, names[i], *all[i]));
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
	assert_true(EVP_PKEY_fromdata_init(context) && EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params));
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(builder);
	EVP_PKEY_CTX_free(context);
	for (size_t i = 0; i < CASES(names); i++)
		BN_free(*all[i]);
	return key;
}

static void swap(BIGNUM **a, BIGNUM **b)
{
	BIGNUM *const kept = *a;
	*a = *b;
	*b = kept;
}

/* Some programs write the smaller prime first. */
static void primes_turned(struct parts *parts)
{
	BN_CTX *context = BN_CTX_new();
	swap(&parts->p, &parts->q);
	swap(&parts->dp, &parts->dq);
	assert_non_null(BN_mod_inverse(parts->q_inverse, parts->q, parts->p, context));
	BN_CTX_free(context);
}

static void wrong_exponent(struct parts *parts)
{
	assert_true(BN_add_word(parts->dp, 2));
}

static void wrong_coefficient(struct parts *parts)
{
	assert_true(BN_add_word(parts->q_inverse, 1));
}

static void nothing_changed(struct parts *parts)
{
	(void)parts;
}

/* What a fault would do to a signature is never given, and those beside it are. */
static void faults(void **state)
{
	struct scene *scene = *state;
	if (scene == NULL)
		skip();
	static const struct {
		const char *name;
		void (*change)(struct parts *parts);
		bool good;
	} rows[] = {
		{ "the control", nothing_changed, true },
		{ "the smaller prime first", primes_turned, true },
		{ "wrong mod p", wrong_exponent, false },
		{ "put together wrongly", wrong_coefficient, false },
	};
	for (size_t i = 0; i < CASES(rows); i++) {
		EVP_PKEY *key = rebuilt(scene->keys[0], rows[i].change);
		struct rsa_lane_key *lanes = rsa_lane_key_new(key);
		const uint8_t digest[32] = { 7 };
		uint8_t signatures[2][RSA_LANE_BYTES] = { { 0 } };
		uint8_t untouched[RSA_LANE_BYTES] = { 0 };
		uint8_t expected[SIGNATURE_MOST];
		size_t length = 0;
		assert_non_null(lanes);
		struct rsa_lane_job jobs[] = {
			{ .key = lanes, .digest = digest, .signature = signatures[0] },
			{ .key = scene->lanes[0], .digest = digest, .signature = signatures[1] },
		};
		rsa_lanes_sign(jobs, 2);
		assert_true(private_key_sign(scene->keys[0], DKIM_RSA_SHA256, digest, expected, &length));
		expect_number(rows[i].name, jobs[0].good, rows[i].good);
		assert_memory_equal(signatures[0], rows[i].good ? expected : untouched, RSA_LANE_BYTES);
		assert_true(jobs[1].good);
		assert_memory_equal(signatures[1], expected, RSA_LANE_BYTES);
		rsa_lane_key_free(lanes);
		EVP_PKEY_free(key);
	}
}

static void another_product(struct parts *parts)
{
	assert_true(BN_add_word(parts->n, 2));
}

static void a_longer_prime(struct parts *parts)
{
	BN_CTX *context = BN_CTX_new();
	assert_true(BN_rand(parts->p, MODULUS_BITS + 8, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD));
	assert_true(BN_mul(parts->n, parts->p, parts->q, context));
	BN_CTX_free(context);
}

static EVP_PKEY *with_exponent(unsigned exponent)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;
	BIGNUM *e = BN_new();
	assert_true(BN_set_word(e, exponent));
	assert_true(EVP_PKEY_keygen_init(context) && EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048) &&
	            EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, e) && EVP_PKEY_keygen(context, &key));
	BN_free(e);
	EVP_PKEY_CTX_free(context);
	return key;
}

static void other_keys(void **state)
{
	struct scene *scene = *state;
	if (scene == NULL)
		skip();
	EVP_PKEY *const keys[] = {
		rebuilt(scene->keys[0], another_product),
		rebuilt(scene->keys[0], a_longer_prime),
		EVP_RSA_gen(1024),
		EVP_RSA_gen(3072),
		with_exponent(3),
		private_key_make(DKIM_ED25519_SHA256),
	};
	for (size_t i = 0; i < CASES(keys); i++) {
		assert_non_null(keys[i]);
		assert_null(rsa_lane_key_new(keys[i]));
		EVP_PKEY_free(keys[i]);
	}
	rsa_lane_key_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same),
		cmocka_unit_test(faults),
		cmocka_unit_test(other_keys),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
