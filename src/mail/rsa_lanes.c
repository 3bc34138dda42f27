#include "mail/rsa_lanes.h"

#include "base/must.h"
#include "mail/lanes.h"
#include "mail/two_powers.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>

/* Little-endian, and with room for reading eight bytes from the last byte on. */
enum { PRIME_BYTES = MODULUS_BITS / 8, NUMBER_BYTES = LIMBS * LIMB_BITS / 8, READ_AHEAD = 8 };

struct prime {
	uint64_t modulus[LIMBS];
	uint64_t r_squared[LIMBS];
	uint64_t inverse; /* -1 / modulus mod 2^52 */
	uint8_t window[WINDOWS];
};

struct rsa_lane_key {
	struct prime p;
	struct prime q;
	uint64_t q_inverse[LIMBS]; /* 1 / q mod p, in Montgomery form */
};

/* ---- numbers and bytes */

static uint64_t bits_at(const uint8_t *bytes, size_t bit)
{
	uint64_t eight = 0;
	for (size_t i = 0; i < 8; i++)
		eight |= (uint64_t)bytes[bit / 8 + i] << (8 * i);
	return eight >> bit % 8;
}

/* LIMB_BITS is no multiple of 8, but of 4: the 8 bytes from a limb's first on hold all of it. */
static void limbs_of_bytes(uint64_t limbs[LIMBS], const uint8_t *bytes)
{
	for (size_t j = 0; j < LIMBS; j++)
		limbs[j] = bits_at(bytes, j * LIMB_BITS) & LIMB_MASK;
}

static bool limbs_of(uint64_t limbs[LIMBS], const BIGNUM *number)
{
	uint8_t bytes[NUMBER_BYTES + READ_AHEAD] = { 0 };
	const bool good = BN_bn2lebinpad(number, bytes, NUMBER_BYTES) == NUMBER_BYTES;
	limbs_of_bytes(limbs, bytes);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return good;
}

static void windows_of(uint8_t window[WINDOWS], const uint8_t *bytes)
{
	for (size_t i = 0; i < WINDOWS; i++)
		window[WINDOWS - 1 - i] = bits_at(bytes, i * WINDOW_BITS) & ((1U << WINDOW_BITS) - 1);
}

/* ---- keys */

/* By Newton: each step doubles the bits that are right, and an odd number is its own inverse mod 8. */
static uint64_t negative_inverse(uint64_t odd)
{
	uint64_t inverse = odd;
	for (int bits = 3; bits < LIMB_BITS; bits *= 2)
		inverse *= 2 - odd * inverse;
	return (0 - inverse) & LIMB_MASK;
}

static bool power_of_two(BIGNUM *result, int bits, const BIGNUM *modulus, BN_CTX *context)
{
	BN_zero(result);
	return BN_set_bit(result, bits) == 1 && BN_mod(result, result, modulus, context) == 1;
}

static bool prime_of(struct prime *prime, const BIGNUM *modulus, const BIGNUM *exponent, BN_CTX *context)
{
	uint8_t bytes[PRIME_BYTES + READ_AHEAD + 1] = { 0 };
	BN_CTX_start(context);
	BIGNUM *r_squared = BN_CTX_get(context);
	const bool good = r_squared != NULL && power_of_two(r_squared, 2 * LIMBS * LIMB_BITS, modulus, context) &&
	                  limbs_of(prime->modulus, modulus) && limbs_of(prime->r_squared, r_squared) &&
	                  BN_bn2lebinpad(exponent, bytes, PRIME_BYTES) == PRIME_BYTES;
	BN_CTX_end(context);
	prime->inverse = negative_inverse(prime->modulus[0]);
	windows_of(prime->window, bytes);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return good;
}

struct parts {
	BIGNUM *n, *e, *p, *q, *dp, *dq, *q_inverse;
};

static bool parts_get(struct parts *parts, const EVP_PKEY *key)
{
	return EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &parts->n) == 1 &&
	       EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &parts->e) == 1 &&
	       EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_FACTOR1, &parts->p) == 1 &&
	       EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_FACTOR2, &parts->q) == 1 &&
	       EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_EXPONENT1, &parts->dp) == 1 &&
	       EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_EXPONENT2, &parts->dq) == 1 &&
	       EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, &parts->q_inverse) == 1;
}

static void parts_free(struct parts *parts)
{
	BN_free(parts->n);
	BN_free(parts->e);
	BN_clear_free(parts->p);
	BN_clear_free(parts->q);
	BN_clear_free(parts->dp);
	BN_clear_free(parts->dq);
	BN_clear_free(parts->q_inverse);
}

static bool parts_fit(const struct parts *parts, BN_CTX *context)
{
	BN_CTX_start(context);
	BIGNUM *product = BN_CTX_get(context);
	const bool fit = product != NULL && BN_is_word(parts->e, 65537) && BN_num_bits(parts->p) == MODULUS_BITS &&
	                 BN_num_bits(parts->q) == MODULUS_BITS && BN_is_odd(parts->p) && BN_is_odd(parts->q) &&
	                 BN_mul(product, parts->p, parts->q, context) == 1 && BN_cmp(product, parts->n) == 0;
	BN_CTX_end(context);
	return fit;
}

static bool key_fill(struct rsa_lane_key *key, const struct parts *parts, BN_CTX *context)
{
	BN_CTX_start(context);
	BIGNUM *form = BN_CTX_get(context);
	const bool good = form != NULL && BN_lshift(form, parts->q_inverse, LIMBS * LIMB_BITS) == 1 &&
	                  BN_mod(form, form, parts->p, context) == 1 && limbs_of(key->q_inverse, form) &&
	                  prime_of(&key->p, parts->p, parts->dp, context) &&
	                  prime_of(&key->q, parts->q, parts->dq, context);
	BN_CTX_end(context);
	return good;
}

struct rsa_lane_key *rsa_lane_key_new(const EVP_PKEY *of)
{
	if (!lanes_are_here() || !EVP_PKEY_is_a(of, "RSA"))
		return NULL;
	struct parts parts = { 0 };
	struct rsa_lane_key *key = must_alloc(1, sizeof(*key));
	BN_CTX *context = BN_CTX_secure_new();
	must(context != NULL);
	const bool good = parts_get(&parts, of) && parts_fit(&parts, context) && key_fill(key, &parts, context);
	BN_CTX_free(context);
	parts_free(&parts);
	if (good)
		return key;
	rsa_lane_key_free(key);
	return NULL;
}

void rsa_lane_key_free(struct rsa_lane_key *key)
{
	if (key != NULL)
		OPENSSL_cleanse(key, sizeof(*key));
	free(key);
}

/* ---- signing */

/* Lane i is the i-th job's p, lane i + 4 its q. All of it is as secret as the keys. */
struct signing {
	const struct rsa_lane_key *keys[RSA_LANE_JOBS_MOST];
	struct lanes_modulus modulus;
	struct lanes_exponent exponent;
	struct lanes q_inverse; /* in the lanes of p */
	struct lanes message;   /* what is signed, mod p and mod q, in Montgomery form */
	struct lanes result;
	struct lanes other;
	struct lanes room[2];
	union {
		struct lanes_powers of_lanes;
		struct two_powers_room of_two;
	} powers;
	uint64_t signature[RSA_LANE_JOBS_MOST][2 * LIMBS];
};

static void lane_put(struct lanes *lanes, size_t lane, const uint64_t limbs[LIMBS])
{
	for (size_t j = 0; j < LIMBS; j++)
		lanes->limb[j][lane] = limbs[j];
}

static void lane_get(const struct lanes *lanes, size_t lane, uint64_t limbs[LIMBS])
{
	for (size_t j = 0; j < LIMBS; j++)
		limbs[j] = lanes->limb[j][lane];
}

static void lane_set(struct signing *signing, size_t lane, const struct prime *prime)
{
	lane_put(&signing->modulus.modulus, lane, prime->modulus);
	lane_put(&signing->modulus.r_squared, lane, prime->r_squared);
	signing->modulus.one.limb[0][lane] = 1;
	signing->modulus.inverse[lane] = prime->inverse;
	for (size_t i = 0; i < WINDOWS; i++)
		signing->exponent.window[i][lane] = prime->window[i];
}

/* EMSA-PKCS1-v1_5 (RFC 8017 9.2) of a SHA-256 digest, the last byte first. */
static void padded(uint8_t into[RSA_LANE_BYTES], const uint8_t digest[32])
{
	static const uint8_t sha256[] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
		                              0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };
	size_t at = 0;
	for (size_t i = 32; i > 0; i--)
		into[at++] = digest[i - 1];
	for (size_t i = sizeof(sha256); i > 0; i--)
		into[at++] = sha256[i - 1];
	into[at++] = 0;
	while (at < RSA_LANE_BYTES - 2)
		into[at++] = 0xff;
	into[at++] = 1;
	into[at++] = 0;
}

/* A number of 2048 bits into both lanes of a job: its lower part (below R) and the rest. */
static void halves_put(struct lanes halves[2], size_t job, const uint64_t low[LIMBS], const uint64_t high[LIMBS])
{
	for (size_t lane = job; lane < LANES; lane += RSA_LANE_JOBS_MOST) {
		lane_put(&halves[0], lane, low);
		lane_put(&halves[1], lane, high);
	}
}

/* low + R * high in Montgomery form: low * R + high * R * R. */
static void halves_enter(struct lanes *form, struct lanes halves[2], const struct lanes_modulus *modulus)
{
	for (int i = 0; i < 2; i++)
		lanes_multiply(&halves[i], &halves[i], &modulus->r_squared, modulus);
	lanes_multiply(&halves[1], &halves[1], &modulus->r_squared, modulus);
	lanes_add(form, &halves[0], &halves[1]);
}

static void signing_begin(struct signing *signing, const struct rsa_lane_job *jobs, size_t count)
{
	signing->modulus.one = (struct lanes){ 0 };
	signing->q_inverse = (struct lanes){ 0 };
	for (size_t i = 0; i < RSA_LANE_JOBS_MOST; i++) {
		const struct rsa_lane_job *job = &jobs[i < count ? i : 0];
		uint8_t message[RSA_LANE_BYTES + READ_AHEAD] = { 0 };
		uint64_t low[LIMBS];
		uint64_t high[LIMBS];
		signing->keys[i] = job->key;
		lane_set(signing, i, &job->key->p);
		lane_set(signing, i + RSA_LANE_JOBS_MOST, &job->key->q);
		lane_put(&signing->q_inverse, i, job->key->q_inverse);
		padded(message, job->digest);
		limbs_of_bytes(low, message);
		limbs_of_bytes(high, message + NUMBER_BYTES);
		halves_put(signing->room, i, low, high);
	}
	halves_enter(&signing->message, signing->room, &signing->modulus);
}

static void wide_put(struct wide *wide, const uint64_t limbs[LIMBS])
{
	for (size_t j = 0; j < LIMBS; j++)
		wide->limb[j] = limbs[j];
}

static void raise_alone(struct signing *signing)
{
	static const size_t lanes[2] = { 0, RSA_LANE_JOBS_MOST };
	const struct prime *const primes[2] = { &signing->keys[0]->p, &signing->keys[0]->q };
	struct two_powers_modulus moduli[2] = { 0 };
	struct wide number[2] = { 0 };
	for (size_t i = 0; i < 2; i++) {
		wide_put(&moduli[i].modulus, primes[i]->modulus);
		wide_put(&moduli[i].r_squared, primes[i]->r_squared);
		moduli[i].inverse = primes[i]->inverse;
		moduli[i].window = primes[i]->window;
		lane_get(&signing->message, lanes[i], number[i].limb);
	}
	two_powers(number, number, moduli, &signing->powers.of_two);
	signing->result = signing->message; /* of the lanes beside them */
	for (size_t i = 0; i < 2; i++)
		lane_put(&signing->result, lanes[i], number[i].limb);
	OPENSSL_cleanse(moduli, sizeof(moduli));
	OPENSSL_cleanse(number, sizeof(number));
}

/* sum += q * h. */
static void add_product(uint64_t sum[2 * LIMBS], const uint64_t q[LIMBS], const uint64_t h[LIMBS])
{
	for (size_t i = 0; i < LIMBS; i++) {
		uint64_t carried = 0;
		for (size_t j = 0; j < LIMBS; j++) {
			__extension__ const unsigned __int128 column = (unsigned __int128)q[i] * h[j] + sum[i + j] + carried;
			sum[i + j] = (uint64_t)column & LIMB_MASK;
			carried = (uint64_t)(column >> LIMB_BITS);
		}
		sum[i + LIMBS] = carried;
	}
}

/* Garner: s = q * ((p's part - q's part) / q mod p) + q's part (RFC 8017 5.1.2). */
static void combine(struct signing *signing)
{
	uint64_t limbs[LIMBS];
	struct lanes *const difference = &signing->room[0];
	signing->other = (struct lanes){ 0 };
	lanes_leave(&signing->result, &signing->result, &signing->modulus);
	for (size_t i = 0; i < RSA_LANE_JOBS_MOST; i++) {
		lane_get(&signing->result, i + RSA_LANE_JOBS_MOST, limbs);
		lane_put(&signing->other, i, limbs);
	}
	lanes_subtract(difference, &signing->result, &signing->other, &signing->modulus);
	lanes_multiply(difference, difference, &signing->q_inverse, &signing->modulus);
	lanes_multiply(difference, difference, &signing->modulus.r_squared, &signing->modulus);
	lanes_leave(difference, difference, &signing->modulus);
	for (size_t i = 0; i < RSA_LANE_JOBS_MOST; i++) {
		lane_get(&signing->result, i + RSA_LANE_JOBS_MOST, signing->signature[i]);
		lane_get(difference, i, limbs);
		add_product(signing->signature[i], signing->keys[i]->q.modulus, limbs);
	}
	OPENSSL_cleanse(limbs, sizeof(limbs));
}

/* s^65537 is what was signed, mod p and mod q. */
static void check(struct signing *signing, bool good[RSA_LANE_JOBS_MOST])
{
	struct lanes *const raised = &signing->other;
	for (size_t i = 0; i < RSA_LANE_JOBS_MOST; i++)
		halves_put(signing->room, i, signing->signature[i], signing->signature[i] + LIMBS);
	halves_enter(&signing->result, signing->room, &signing->modulus);
	*raised = signing->result;
	for (int i = 0; i < 16; i++)
		lanes_square(raised, raised, &signing->modulus);
	lanes_multiply(raised, raised, &signing->result, &signing->modulus);
	lanes_leave(raised, raised, &signing->modulus);
	lanes_leave(&signing->message, &signing->message, &signing->modulus);
	for (size_t lane = 0; lane < LANES; lane++) {
		uint64_t difference = 0;
		for (size_t j = 0; j < LIMBS; j++)
			difference |= raised->limb[j][lane] ^ signing->message.limb[j][lane];
		good[lane % RSA_LANE_JOBS_MOST] =
			difference == 0 && (lane < RSA_LANE_JOBS_MOST || good[lane % RSA_LANE_JOBS_MOST]);
	}
}

/* The limbs of 52 bits, two of them 13 bytes, the last byte first. */
static void give(uint8_t signature[RSA_LANE_BYTES], const uint64_t limbs[2 * LIMBS])
{
	for (size_t i = 0; i < RSA_LANE_BYTES; i++) {
		const size_t bit = 8 * i;
		uint64_t byte = limbs[bit / LIMB_BITS] >> bit % LIMB_BITS;
		if (bit % LIMB_BITS > LIMB_BITS - 8)
			byte |= limbs[bit / LIMB_BITS + 1] << (LIMB_BITS - bit % LIMB_BITS);
		signature[RSA_LANE_BYTES - 1 - i] = (uint8_t)byte;
	}
}

void rsa_lanes_sign(struct rsa_lane_job *jobs, size_t count)
{
	must(count > 0 && count <= RSA_LANE_JOBS_MOST);
	struct signing *signing = aligned_alloc(alignof(struct signing), sizeof(*signing));
	bool good[RSA_LANE_JOBS_MOST] = { false };
	must(signing != NULL);
	signing_begin(signing, jobs, count);
	if (count == 1)
		raise_alone(signing);
	else
		lanes_power(&signing->result, &signing->message, &signing->exponent, &signing->modulus,
		            &signing->powers.of_lanes);
	combine(signing);
	check(signing, good);
	for (size_t i = 0; i < count; i++) {
		jobs[i].good = good[i];
		if (good[i])
			give(jobs[i].signature, signing->signature[i]);
	}
	OPENSSL_cleanse(signing, sizeof(*signing));
	free(signing);
}
